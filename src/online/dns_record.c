#include "dns_record.h"

#include <stdio.h>
#include <strings.h>

#include "dns_name.h"
#include "dns_svcb.h"

enum data_format {
	DATA_END,
	DATA_U8,
	DATA_U16,
	DATA_U32,
	DATA_TYPE, /* 16 bits, a record type */
	DATA_A,
	DATA_AAAA,
	DATA_NAME,
	DATA_STRING,  /* one length byte in front */
	DATA_STRINGS, /* strings up to the end */
	DATA_TEXT,    /* bytes up to the end, for people */
	DATA_HEX,     /* bytes up to the end */
	DATA_TYPES,   /* bitmaps of types up to the end, RFC 4034 4.1.2 */
	DATA_SVCB,    /* parameters up to the end, RFC 9460 2.2 */
	_DATA_FORMAT_MAX
};

struct data_field {
	enum data_format format;
	const char *key;
};

#define DATA_FIELDS_MAX 9

static const struct data_type {
	uint16_t type;
	const char *name;
	struct data_field fields[DATA_FIELDS_MAX + 1];
} data_types[] = {
	{DNS_TYPE_A, "A", {{DATA_A, "address"}}},
	{DNS_TYPE_NS, "NS", {{DATA_NAME, "host"}}},
	{DNS_TYPE_CNAME, "CNAME", {{DATA_NAME, "target"}}},
	{DNS_TYPE_SOA,
	 "SOA",
	 {{DATA_NAME, "primary"},
	  {DATA_NAME, "mailbox"},
	  {DATA_U32, "serial"},
	  {DATA_U32, "refresh"},
	  {DATA_U32, "retry"},
	  {DATA_U32, "expire"},
	  {DATA_U32, "minimum"}}},
	{DNS_TYPE_PTR, "PTR", {{DATA_NAME, "host"}}},
	{DNS_TYPE_MX, "MX", {{DATA_U16, "preference"}, {DATA_NAME, "exchange"}}},
	{DNS_TYPE_TXT, "TXT", {{DATA_STRINGS, "strings"}}},
	{DNS_TYPE_AAAA, "AAAA", {{DATA_AAAA, "address"}}},
	{DNS_TYPE_SRV,
	 "SRV",
	 {{DATA_U16, "priority"}, {DATA_U16, "weight"}, {DATA_U16, "port"}, {DATA_NAME, "target"}}},
	{DNS_TYPE_NAPTR,
	 "NAPTR",
	 {{DATA_U16, "order"},
	  {DATA_U16, "preference"},
	  {DATA_STRING, "flags"},
	  {DATA_STRING, "services"},
	  {DATA_STRING, "regexp"},
	  {DATA_NAME, "replacement"}}},
	{DNS_TYPE_DNAME, "DNAME", {{DATA_NAME, "target"}}},
	{DNS_TYPE_DS,
	 "DS",
	 {{DATA_U16, "key_tag"},
	  {DATA_U8, "algorithm"},
	  {DATA_U8, "digest_type"},
	  {DATA_HEX, "digest"}}},
	{DNS_TYPE_SSHFP,
	 "SSHFP",
	 {{DATA_U8, "algorithm"}, {DATA_U8, "digest_type"}, {DATA_HEX, "digest"}}},
	{DNS_TYPE_RRSIG,
	 "RRSIG",
	 {{DATA_TYPE, "covers"},
	  {DATA_U8, "algorithm"},
	  {DATA_U8, "labels"},
	  {DATA_U32, "original_ttl"},
	  {DATA_U32, "expires"},
	  {DATA_U32, "inception"},
	  {DATA_U16, "key_tag"},
	  {DATA_NAME, "signer"},
	  {DATA_HEX, "signature"}}},
	{DNS_TYPE_NSEC, "NSEC", {{DATA_NAME, "next"}, {DATA_TYPES, "types"}}},
	{DNS_TYPE_DNSKEY,
	 "DNSKEY",
	 {{DATA_U16, "flags"}, {DATA_U8, "protocol"}, {DATA_U8, "algorithm"}, {DATA_HEX, "key"}}},
	{DNS_TYPE_TLSA,
	 "TLSA",
	 {{DATA_U8, "usage"}, {DATA_U8, "selector"}, {DATA_U8, "matching"}, {DATA_HEX, "data"}}},
	{DNS_TYPE_SVCB,
	 "SVCB",
	 {{DATA_U16, "priority"}, {DATA_NAME, "target"}, {DATA_SVCB, "parameters"}}},
	{DNS_TYPE_HTTPS,
	 "HTTPS",
	 {{DATA_U16, "priority"}, {DATA_NAME, "target"}, {DATA_SVCB, "parameters"}}},
	{DNS_TYPE_CAA, "CAA", {{DATA_U8, "flags"}, {DATA_STRING, "tag"}, {DATA_TEXT, "value"}}},
	{DNS_TYPE_ANY, "ANY", {{DATA_HEX, "hex"}}},
};

static const struct data_field data_unknown[] = {{DATA_HEX, "hex"}, {DATA_END, NULL}};

static const struct data_type *data_type_find(uint16_t type)
{
	for (size_t i = 0; i < ARRAY_SIZE(data_types); i++)
		if (data_types[i].type == type)
			return &data_types[i];
	return NULL;
}

static const struct data_field *data_fields(uint16_t type)
{
	const struct data_type *found = data_type_find(type);

	return found ? found->fields : data_unknown;
}

/* A cursor that ends with the record's data, but sees the message before it: names may point there.
 */
static struct cursor data_cursor(const struct dns_message *message, const struct dns_record *record)
{
	struct cursor cursor = CURSOR(message->bytes, (size_t)record->data + record->length);

	cursor_skip(&cursor, record->data);
	return cursor;
}

/*
 * Each reader takes one field off the cursor. With `want` it returns its JSON (NULL when memory is
 * exhausted), else NULL: the same code checks and prints. What is malformed fails the cursor.
 */
typedef json_t *(*data_reader_t)(struct cursor *cursor, bool want);

static json_t *read_u8(struct cursor *cursor, bool want)
{
	uint8_t value = cursor_u8(cursor);

	return want ? json_integer(value) : NULL;
}

static json_t *read_u16(struct cursor *cursor, bool want)
{
	uint16_t value = cursor_u16(cursor);

	return want ? json_integer(value) : NULL;
}

static json_t *read_u32(struct cursor *cursor, bool want)
{
	uint32_t value = cursor_u32(cursor);

	return want ? json_integer(value) : NULL;
}

static json_t *read_type(struct cursor *cursor, bool want)
{
	uint16_t type = cursor_u16(cursor);
	char buffer[16];

	return want ? json_string(dns_type_text(type, buffer)) : NULL;
}

static json_t *read_address(struct cursor *cursor, int family, bool want)
{
	const uint8_t *bytes = cursor_bytes(cursor, ip_family_bytes(family));
	struct ip_address address;

	if (!want || !bytes)
		return NULL;
	address = ip_address_from_bytes(family, bytes);
	return json_address(&address);
}

static json_t *read_a(struct cursor *cursor, bool want)
{
	return read_address(cursor, AF_INET, want);
}

static json_t *read_aaaa(struct cursor *cursor, bool want)
{
	return read_address(cursor, AF_INET6, want);
}

static json_t *read_name(struct cursor *cursor, bool want)
{
	char name[DNS_NAME_TEXT_MAX];

	if (dns_name_read(cursor, want ? name : NULL) < 0 || !want)
		return NULL;
	return json_string(name);
}

static json_t *read_string(struct cursor *cursor, bool want)
{
	uint8_t length = cursor_u8(cursor);
	const uint8_t *bytes = cursor_bytes(cursor, length);

	return want && bytes ? json_text_from_bytes(bytes, length) : NULL;
}

static json_t *read_strings(struct cursor *cursor, bool want)
{
	json_t *strings = want ? json_array() : NULL;

	do {
		json_t *string = read_string(cursor, want);

		if (want && json_array_append_new(strings, string) < 0) {
			json_decref(strings);
			return NULL;
		}
	} while (cursor_left(cursor) > 0);
	return strings;
}

static json_t *read_text(struct cursor *cursor, bool want)
{
	size_t length = cursor_left(cursor);
	const uint8_t *bytes = cursor_bytes(cursor, length);

	return want && bytes ? json_text_from_bytes(bytes, length) : NULL;
}

static json_t *read_hex(struct cursor *cursor, bool want)
{
	size_t length = cursor_left(cursor);
	const uint8_t *bytes = cursor_bytes(cursor, length);

	return want && bytes ? dns_hex_to_json(bytes, length) : NULL;
}

/* The types of one window of a bitmap. */
static int types_append(json_t *types, uint8_t window, const uint8_t *bitmap, size_t length)
{
	for (size_t bit = 0; bit < length * 8; bit++) {
		char buffer[16];
		uint16_t type = (uint16_t)(window << 8 | bit);

		if (!(bitmap[bit / 8] & 0x80 >> bit % 8))
			continue;
		if (json_array_append_new(types, json_string(dns_type_text(type, buffer))) < 0)
			return -ENOMEM;
	}
	return 0;
}

static json_t *read_types(struct cursor *cursor, bool want)
{
	json_t *types = want ? json_array() : NULL;

	while (cursor_left(cursor) > 0) {
		uint8_t window = cursor_u8(cursor), length = cursor_u8(cursor);
		const uint8_t *bitmap = cursor_bytes(cursor, length);

		if (length == 0 || length > 32)
			cursor->failed = true;
		if (want && bitmap && types_append(types, window, bitmap, length) < 0) {
			json_decref(types);
			return NULL;
		}
	}
	return types;
}

static const data_reader_t data_readers[_DATA_FORMAT_MAX] = {
	[DATA_U8] = read_u8,	     [DATA_U16] = read_u16,	  [DATA_U32] = read_u32,
	[DATA_TYPE] = read_type,     [DATA_A] = read_a,		  [DATA_AAAA] = read_aaaa,
	[DATA_NAME] = read_name,     [DATA_STRING] = read_string, [DATA_STRINGS] = read_strings,
	[DATA_TEXT] = read_text,     [DATA_HEX] = read_hex,	  [DATA_TYPES] = read_types,
	[DATA_SVCB] = dns_svcb_read,
};

int dns_record_check(const struct dns_message *message, const struct dns_record *record)
{
	struct cursor cursor = data_cursor(message, record);

	/* RFC 2136 and others send records without data: only an answer of a known type has fields.
	 */
	if (record->length == 0 && record->class != 1)
		return 0;
	for (const struct data_field *f = data_fields(record->type); f->format != DATA_END; f++)
		(void)data_readers[f->format](&cursor, false);
	return cursor_ok(&cursor) && cursor_left(&cursor) == 0 ? 0 : -EBADMSG;
}

json_t *dns_record_to_json(const struct dns_message *message, const struct dns_record *record)
{
	struct cursor cursor = data_cursor(message, record);
	_cleanup_json_ json_t *object = json_object();

	if (record->length == 0 && record->class != 1)
		return TAKE_PTR(object);
	for (const struct data_field *f = data_fields(record->type); f->format != DATA_END; f++)
		if (json_put(object, f->key, data_readers[f->format](&cursor, true)) < 0)
			return NULL;
	return TAKE_PTR(object);
}

bool dns_record_address(const struct dns_message *message, const struct dns_record *record,
			struct ip_address *ret)
{
	int family = record->type == DNS_TYPE_A	     ? AF_INET
		     : record->type == DNS_TYPE_AAAA ? AF_INET6
						     : AF_UNSPEC;

	if (family == AF_UNSPEC || record->length != ip_family_bytes(family))
		return false;
	*ret = ip_address_from_bytes(family, message->bytes + record->data);
	return true;
}

const char *dns_type_text(uint16_t type, char *buffer)
{
	const struct data_type *found = data_type_find(type);

	if (found)
		return found->name;
	snprintf(buffer, 16, "TYPE%u", type);
	return buffer;
}

int dns_type_parse(const char *text, uint16_t *ret)
{
	unsigned long number;
	char *end;

	for (size_t i = 0; i < ARRAY_SIZE(data_types); i++) {
		if (strcasecmp(data_types[i].name, text) == 0) {
			*ret = data_types[i].type;
			return 0;
		}
	}
	if (strncasecmp(text, "TYPE", 4) != 0 || text[4] < '0' || text[4] > '9')
		return -EINVAL;
	number = strtoul(text + 4, &end, 10);
	if (*end || number > UINT16_MAX || number == 0 || number == DNS_TYPE_OPT)
		return -EINVAL;
	*ret = (uint16_t)number;
	return 0;
}
