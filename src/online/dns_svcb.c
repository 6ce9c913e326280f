#include "dns_svcb.h"

#include <stdio.h>

json_t *dns_hex_to_json(const uint8_t *bytes, size_t length)
{
	static const char digits[] = "0123456789abcdef";
	_cleanup_(cleanup_free) char *text = malloc(length * 2 + 1);

	if (!text)
		return NULL;
	for (size_t i = 0; i < length; i++) {
		text[2 * i] = digits[bytes[i] >> 4];
		text[2 * i + 1] = digits[bytes[i] & 0x0f];
	}
	return json_stringn(text, length * 2);
}

/* Each reader takes the whole value of one parameter. */
typedef json_t *(*parameter_reader_t)(struct cursor *value);

static json_t *parameter_text(struct cursor *value)
{
	size_t length = cursor_left(value);
	const uint8_t *bytes = cursor_bytes(value, length);

	return bytes ? json_text_from_bytes(bytes, length) : NULL;
}

static json_t *parameter_hex(struct cursor *value)
{
	size_t length = cursor_left(value);
	const uint8_t *bytes = cursor_bytes(value, length);

	return bytes ? dns_hex_to_json(bytes, length) : NULL;
}

static json_t *parameter_port(struct cursor *value)
{
	return json_integer(cursor_u16(value));
}

static json_t *parameter_nothing(struct cursor *value)
{
	return json_true();
}

/* Reads items until the value ends, each by `item`. */
static json_t *parameter_list(struct cursor *value, json_t *(*item)(struct cursor *value))
{
	json_t *list = json_array();

	while (cursor_left(value) > 0) {
		json_t *member = item(value);

		if (json_array_append_new(list, member) < 0) {
			json_decref(list);
			return NULL;
		}
	}
	return list;
}

static json_t *item_protocol(struct cursor *value)
{
	uint8_t length = cursor_u8(value);
	const uint8_t *bytes = cursor_bytes(value, length);

	return bytes ? json_text_from_bytes(bytes, length) : NULL;
}

static json_t *item_address(struct cursor *value, int family)
{
	const uint8_t *bytes = cursor_bytes(value, ip_family_bytes(family));
	struct ip_address address;

	if (!bytes)
		return NULL;
	address = ip_address_from_bytes(family, bytes);
	return json_address(&address);
}

static json_t *item_v4(struct cursor *value)
{
	return item_address(value, AF_INET);
}

static json_t *item_v6(struct cursor *value)
{
	return item_address(value, AF_INET6);
}

static json_t *item_key(struct cursor *value);

static json_t *parameter_keys(struct cursor *value)
{
	return parameter_list(value, item_key);
}

static json_t *parameter_protocols(struct cursor *value)
{
	return parameter_list(value, item_protocol);
}

static json_t *parameter_v4(struct cursor *value)
{
	return parameter_list(value, item_v4);
}

static json_t *parameter_v6(struct cursor *value)
{
	return parameter_list(value, item_v6);
}

static const struct {
	const char *name;
	parameter_reader_t read;
} parameters[] = {
	{"mandatory", parameter_keys},
	{"alpn", parameter_protocols},
	{"no-default-alpn", parameter_nothing},
	{"port", parameter_port},
	{"ipv4hint", parameter_v4},
	{"ech", parameter_hex},
	{"ipv6hint", parameter_v6},
	{"dohpath", parameter_text},
	{"ohttp", parameter_nothing},
};

static const char *key_text(uint16_t key, char buffer[16])
{
	if (key < ARRAY_SIZE(parameters))
		return parameters[key].name;
	snprintf(buffer, 16, "key%u", key);
	return buffer;
}

static json_t *item_key(struct cursor *value)
{
	uint16_t key = cursor_u16(value);
	char buffer[16];

	return cursor_ok(value) ? json_string(key_text(key, buffer)) : NULL;
}

/* A value that is not as its key demands is shown in hex: the record is still worth seeing. */
static json_t *parameter_read(uint16_t key, const uint8_t *bytes, size_t length)
{
	struct cursor value = CURSOR(bytes, length);
	json_t *json;

	if (key >= ARRAY_SIZE(parameters))
		return dns_hex_to_json(bytes, length);
	json = parameters[key].read(&value);
	if (json && cursor_ok(&value) && cursor_left(&value) == 0)
		return json;
	json_decref(json);
	return dns_hex_to_json(bytes, length);
}

json_t *dns_svcb_read(struct cursor *cursor, bool want)
{
	json_t *object = want ? json_object() : NULL;

	while (cursor_left(cursor) > 0) {
		uint16_t key = cursor_u16(cursor), length = cursor_u16(cursor);
		const uint8_t *bytes = cursor_bytes(cursor, length);
		char buffer[16];

		if (!want || !bytes)
			continue;
		if (json_put(object, key_text(key, buffer), parameter_read(key, bytes, length)) <
		    0) {
			json_decref(object);
			return NULL;
		}
	}
	return object;
}
