#include "json.h"

#include <errno.h>
#include <string.h>

const char *json_member_text(const json_t *object, const char *key)
{
	return json_string_value(json_object_get(object, key));
}

int64_t json_member_integer(const json_t *object, const char *key, int64_t otherwise)
{
	const json_t *member = json_object_get(object, key);

	return json_is_integer(member) ? json_integer_value(member) : otherwise;
}

bool json_member_true(const json_t *object, const char *key)
{
	return json_is_true(json_object_get(object, key));
}

int json_put(json_t *object, const char *key, json_t *value)
{
	return json_object_set_new(object, key, value) < 0 ? -ENOMEM : 0;
}

/* Length of the well-formed UTF-8 sequence at `bytes` (RFC 3629), or 0. jansson checks the code
 * point itself; here only the shape decides how far a replacement reaches. */
static size_t utf8_sequence(const unsigned char *bytes, size_t length)
{
	size_t wanted = bytes[0] < 0x80	      ? 1
			: bytes[0] >> 5 == 6  ? 2
			: bytes[0] >> 4 == 14 ? 3
			: bytes[0] >> 3 == 30 ? 4
					      : 0;

	if (wanted == 0 || wanted > length || bytes[0] < 0x20 || bytes[0] == 0x7f)
		return 0;
	for (size_t i = 1; i < wanted; i++)
		if ((bytes[i] & 0xc0) != 0x80)
			return 0;
	return wanted;
}

json_t *json_text_from_bytes(const void *bytes, size_t length)
{
	static const char replacement[] = "\xef\xbf\xbd";
	const unsigned char *in = bytes;
	char *out = malloc(length * 3 + 1);
	size_t used = 0;
	json_t *text;

	if (!out)
		return NULL;
	for (size_t i = 0; i < length;) {
		size_t n = utf8_sequence(in + i, length - i);
		json_t *probe = n > 1 ? json_stringn((const char *)in + i, n) : NULL;

		if (n == 1 || probe) {
			memcpy(out + used, in + i, n);
			used += n;
			i += n;
		} else {
			memcpy(out + used, replacement, 3);
			used += 3;
			i++;
		}
		json_decref(probe);
	}
	text = json_stringn(out, used);
	free(out);
	return text;
}

int json_put_address(json_t *object, const char *key, const struct ip_address *address)
{
	return ip_address_is_set(address) ? json_put(object, key, json_address(address)) : 0;
}

json_t *json_address(const struct ip_address *address)
{
	char text[IP_ADDRESS_TEXT_MAX];

	return json_string(ip_address_print(address, text));
}

json_t *json_prefix(const struct ip_prefix *prefix)
{
	char text[IP_PREFIX_TEXT_MAX];

	return json_string(ip_prefix_print(prefix, text));
}

json_t *json_mac(const struct hardware_address *mac)
{
	char text[HARDWARE_ADDRESS_TEXT_MAX];

	return json_string(hardware_address_print(mac, text));
}

json_t *json_realtime(usec_t realtime)
{
	char text[32];

	return json_string(clock_print_realtime(realtime, text, sizeof(text)));
}
