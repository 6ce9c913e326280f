#include "traceroute_packet.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

#define EXTENSION_VERSION  2
#define EXTENSION_MPLS	   1 /* class; the type within it is 1, too */
#define EXTENSION_ROOM_MIN 128

/* A header of IPv4 with its options: 0, 1 for a later fragment, or -EBADMSG. */
static int parse_ipv4(struct cursor *cursor, uint8_t *ret_protocol, struct ip_address *ret_source,
		      struct ip_address *ret_target)
{
	uint8_t version = cursor_u8(cursor);
	size_t length = (version & 0x0fu) * 4u;
	uint8_t source[4], target[4];
	uint16_t fragment;

	cursor_skip(cursor, 5);
	fragment = cursor_u16(cursor);
	cursor_skip(cursor, 1);
	*ret_protocol = cursor_u8(cursor);
	cursor_skip(cursor, 2);
	cursor_copy(cursor, source, sizeof(source));
	cursor_copy(cursor, target, sizeof(target));
	if (version >> 4 != 4 || length < 20)
		return -EBADMSG;
	cursor_skip(cursor, length - 20);
	if (!cursor_ok(cursor))
		return -EBADMSG;
	*ret_source = ip_address_from_bytes(AF_INET, source);
	*ret_target = ip_address_from_bytes(AF_INET, target);
	return fragment & 0x1fff ? 1 : 0;
}

/* We send no extension headers, so none is looked for. */
static int parse_ipv6(struct cursor *cursor, uint8_t *ret_protocol, struct ip_address *ret_target)
{
	uint8_t version = cursor_u8(cursor);
	uint8_t target[16];

	cursor_skip(cursor, 5);
	*ret_protocol = cursor_u8(cursor);
	cursor_skip(cursor, 1 + 16);
	cursor_copy(cursor, target, sizeof(target));
	if (!cursor_ok(cursor) || version >> 4 != 6)
		return -EBADMSG;
	*ret_target = ip_address_from_bytes(AF_INET6, target);
	return 0;
}

static bool is_error(int family, uint8_t type)
{
	if (family == AF_INET6)
		return type < 128;
	return type == ICMP_DEST_UNREACH || type == ICMP_TIME_EXCEEDED ||
	       type == ICMP_PARAMETERPROB;
}

static bool has_mtu(int family, uint8_t type, uint8_t code)
{
	return family == AF_INET ? type == ICMP_DEST_UNREACH && code == ICMP_FRAG_NEEDED
				 : type == ICMP6_PACKET_TOO_BIG;
}

static void parse_labels(struct cursor object, struct trace_error *error)
{
	while (cursor_left(&object) >= 4 && error->labels_count < TRACE_LABELS_MAX) {
		uint32_t entry = cursor_u32(&object);

		error->labels[error->labels_count++] = (struct trace_label){
			.label = entry >> 12,
			.traffic_class = entry >> 9 & 7,
			.bottom = entry >> 8 & 1,
			.ttl = (uint8_t)entry,
		};
	}
}

/* RFC 4884 7: what is damaged here is left out, the error stands without it. */
static void parse_extensions(struct cursor cursor, struct trace_error *error)
{
	uint8_t version = cursor_u8(&cursor) >> 4;

	cursor_skip(&cursor, 3);
	while (version == EXTENSION_VERSION && cursor_left(&cursor) >= 4) {
		uint16_t length = cursor_u16(&cursor);
		uint8_t class = cursor_u8(&cursor), type = cursor_u8(&cursor);
		struct cursor object;

		if (length < 4 || length % 4 != 0)
			return;
		object = cursor_sub(&cursor, length - 4u);
		if (cursor_ok(&cursor) && class == EXTENSION_MPLS && type == 1)
			parse_labels(object, error);
	}
}

int trace_error_parse(int family, const void *bytes, size_t size, struct trace_error *ret)
{
	struct cursor cursor = CURSOR(bytes, size), quoted;
	struct trace_error error = {0};
	struct ip_address ignored;
	uint8_t protocol, words4, words6;
	size_t quoted_size;
	uint32_t rest;
	int r;

	if (family == AF_INET && parse_ipv4(&cursor, &protocol, &error.from, &ignored) != 0)
		return -EBADMSG;
	error.type = cursor_u8(&cursor);
	error.code = cursor_u8(&cursor);
	cursor_skip(&cursor, 2);
	rest = cursor_u32(&cursor);
	if (!cursor_ok(&cursor))
		return -EBADMSG;
	if (!is_error(family, error.type))
		return 1;
	if (has_mtu(family, error.type, error.code))
		error.mtu = family == AF_INET ? rest & 0xffff : rest;

	/* The length of what is quoted, where extensions follow it (RFC 4884 4). */
	words6 = (uint8_t)(rest >> 24);
	words4 = (uint8_t)(rest >> 16);
	quoted_size = family == AF_INET ? words4 * 4u : words6 * 8u;
	if (error.mtu || quoted_size < EXTENSION_ROOM_MIN || quoted_size > cursor_left(&cursor))
		quoted_size = cursor_left(&cursor);
	quoted = cursor_sub(&cursor, quoted_size);
	if (cursor_left(&cursor) > 0)
		parse_extensions(cursor, &error);

	r = family == AF_INET ? parse_ipv4(&quoted, &error.protocol, &ignored, &error.target)
			      : parse_ipv6(&quoted, &error.protocol, &error.target);
	if (r != 0)
		return r;
	error.payload_size = cursor_left(&quoted);
	error.payload = cursor_bytes(&quoted, error.payload_size);
	if (error.payload_size < 8)
		return -EBADMSG;
	*ret = error;
	return 0;
}
