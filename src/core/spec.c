#include "spec.h"

#include <string.h>

bool spec_link_name_valid(const char *name)
{
	_cleanup_json_ json_t *utf8 = json_string(name);
	size_t length = strlen(name);

	if (!utf8 || length == 0 || length >= IFNAMSIZ || strcmp(name, ".") == 0 ||
	    strcmp(name, "..") == 0)
		return false;
	for (const char *c = name; *c; c++)
		if (*c == '/' || *c == ':' || (unsigned char)*c <= ' ' || *c == 0x7f)
			return false;
	return true;
}

int spec_member_text(const json_t *object, const char *key, const char **ret, struct error *error)
{
	const json_t *member = json_object_get(object, key);

	if (!member)
		return error_set(error, ERROR_PARAMETER_MISSING, key, "'%s' is missing", key);
	if (!json_is_string(member))
		return error_set(error, ERROR_PARAMETER_TYPE, key, "'%s' must be text", key);
	*ret = json_string_value(member);
	return 0;
}

int spec_member_link(const json_t *object, const char *key, char ret[IFNAMSIZ], struct error *error)
{
	const char *name;
	int r = spec_member_text(object, key, &name, error);

	if (r < 0)
		return r;
	if (!spec_link_name_valid(name)) {
		r = error_set(error, ERROR_NAME_INVALID, key, "'%.32s' is no interface name", name);
		error_hint(error, "1 to %d visible characters without '/' and ':'", IFNAMSIZ - 1);
		return r;
	}
	text_copy(ret, IFNAMSIZ, name);
	return 0;
}

int spec_member_u32(const json_t *object, const char *key, uint32_t *ret, struct error *error)
{
	const json_t *member = json_object_get(object, key);
	json_int_t value = json_integer_value(member);

	*ret = 0;
	if (!member || json_is_null(member))
		return 0;
	if (!json_is_integer(member))
		return error_set(error, ERROR_PARAMETER_TYPE, key, "'%s' must be a number", key);
	if (value < 0 || value > UINT32_MAX)
		return error_set(error, ERROR_PARAMETER_RANGE, key, "'%s' must be between 0 and %u",
				 key, UINT32_MAX);
	*ret = (uint32_t)value;
	return 0;
}

int spec_member_address(const json_t *object, const char *key, struct ip_address *ret,
			struct error *error)
{
	const char *text;
	int r;

	*ret = (struct ip_address){0};
	if (!json_object_get(object, key))
		return 0;
	r = spec_member_text(object, key, &text, error);
	return r < 0 ? r : ip_address_parse(text, ret, key, error);
}

int spec_member_bool(const json_t *object, const char *key, bool *ret, struct error *error)
{
	const json_t *member = json_object_get(object, key);

	if (!member)
		return 0;
	if (!json_is_boolean(member))
		return error_set(error, ERROR_PARAMETER_TYPE, key, "'%s' must be true or false",
				 key);
	*ret = json_is_true(member);
	return 1;
}
