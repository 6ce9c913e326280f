/* Headers of an answer, without their secrets. Pure. */
#include <string.h>

#include "http_probe.h"

#define VALUE_MAX 512

static const char *const secret_headers[] = {
	"set-cookie", "set-cookie2",	     "cookie",	     "authorization", "proxy-authorization",
	"x-api-key",  "authentication-info", "x-auth-token", "x-csrf-token",
};

static bool is_secret(const char *name, size_t length)
{
	for (size_t i = 0; i < ARRAY_SIZE(secret_headers); i++)
		if (strlen(secret_headers[i]) == length &&
		    strncasecmp(secret_headers[i], name, length) == 0)
			return true;
	return false;
}

json_t *http_header_to_json(const char *line, size_t length)
{
	_cleanup_json_ json_t *object = json_object();
	const char *colon = memchr(line, ':', length);
	size_t name_length = colon ? (size_t)(colon - line) : 0;
	const char *value = colon ? colon + 1 : NULL;
	json_t *text;
	int r;

	if (name_length == 0 || name_length > 128)
		return NULL;
	while (length > 0 && (line[length - 1] == '\r' || line[length - 1] == '\n'))
		length--;
	while (value < line + length && (*value == ' ' || *value == '\t'))
		value++;
	text = is_secret(line, name_length)
		       ? json_string("(hidden)")
		       : json_text_from_bytes(value, value < line + length
							     ? MIN((size_t)(line + length - value),
								   (size_t)VALUE_MAX)
							     : 0);
	r = json_put(object, "name", json_text_from_bytes(line, name_length));
	r |= json_put(object, "value", text);
	return r < 0 ? NULL : TAKE_PTR(object);
}
