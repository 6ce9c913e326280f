#include "ping_packet.h"

#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>

static uint8_t request_type(int family)
{
	return family == AF_INET ? ICMP_ECHO : ICMP6_ECHO_REQUEST;
}

static uint8_t reply_type(int family)
{
	return family == AF_INET ? ICMP_ECHOREPLY : ICMP6_ECHO_REPLY;
}

/* RFC 1071, in network byte order. */
static uint16_t internet_checksum(const uint8_t *bytes, size_t size)
{
	uint64_t sum = 0;

	for (size_t i = 0; i + 1 < size; i += 2)
		sum += (uint64_t)bytes[i] << 8 | bytes[i + 1];
	if (size % 2)
		sum += (uint64_t)bytes[size - 1] << 8;
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return (uint16_t)~sum;
}

int ping_packet_build(const struct ping_identity *identity, uint16_t sequence, size_t size,
		      void *buffer, size_t buffer_size)
{
	struct writer writer = WRITER(buffer, buffer_size);
	size_t token = MIN(size, (size_t)PING_TOKEN_SIZE);

	writer_u8(&writer, request_type(identity->family));
	writer_u8(&writer, 0);
	writer_u16(&writer, 0);
	writer_u16(&writer, identity->identifier);
	writer_u16(&writer, sequence);
	writer_put(&writer, identity->token, token);
	for (size_t i = token; i < size; i++)
		writer_u8(&writer, (uint8_t)i);
	if (!writer_ok(&writer))
		return -EMSGSIZE;

	/* The checksum of ICMPv6 covers a pseudo header that only the kernel knows. */
	if (identity->family == AF_INET) {
		struct writer patch = WRITER((uint8_t *)buffer + 2, 2);

		writer_u16(&patch, internet_checksum(buffer, writer.offset));
	}
	return (int)writer.offset;
}

/* Steps over the IPv4 header: 0 or -EBADMSG. */
static int parse_ip_header(struct cursor *cursor, struct ping_reply *reply)
{
	uint8_t version = cursor_u8(cursor);
	size_t length = (version & 0x0fu) * 4u;
	uint8_t source[4];

	cursor_skip(cursor, 7);
	reply->ttl = cursor_u8(cursor);
	cursor_skip(cursor, 3);
	cursor_copy(cursor, source, sizeof(source));
	cursor_skip(cursor, 4);
	if (version >> 4 != 4 || length < 20)
		return -EBADMSG;
	cursor_skip(cursor, length - 20);
	reply->from = ip_address_from_bytes(AF_INET, source);
	return cursor_ok(cursor) ? 0 : -EBADMSG;
}

int ping_packet_parse(const struct ping_identity *identity, const void *bytes, size_t size,
		      struct ping_reply *ret)
{
	struct cursor cursor = CURSOR(bytes, size);
	struct ping_reply reply = {0};
	uint8_t type, code, token[PING_TOKEN_SIZE];
	size_t start, length;

	if (identity->family == AF_INET && parse_ip_header(&cursor, &reply) < 0)
		return -EBADMSG;
	start = cursor.offset;

	type = cursor_u8(&cursor);
	code = cursor_u8(&cursor);
	cursor_skip(&cursor, 2);
	if (cursor_u16(&cursor) != identity->identifier || type != reply_type(identity->family))
		return cursor_ok(&cursor) ? 1 : -EBADMSG;
	reply.sequence = cursor_u16(&cursor);
	if (!cursor_ok(&cursor) || code != 0)
		return -EBADMSG;
	if (identity->family == AF_INET &&
	    internet_checksum((const uint8_t *)bytes + start, size - start) != 0)
		return -EBADMSG;

	reply.size = cursor_left(&cursor);
	length = MIN(reply.size, sizeof(token));
	cursor_copy(&cursor, token, length);
	if (memcmp(token, identity->token, length) != 0)
		return 1;
	*ret = reply;
	return 0;
}

int ping_packet_parse_quoted(const struct ping_identity *identity, const void *bytes, size_t size,
			     uint16_t *ret_sequence)
{
	struct cursor cursor = CURSOR(bytes, size);
	uint8_t type = cursor_u8(&cursor);
	uint16_t identifier, sequence;

	cursor_skip(&cursor, 3);
	identifier = cursor_u16(&cursor);
	sequence = cursor_u16(&cursor);
	if (!cursor_ok(&cursor) || type != request_type(identity->family) ||
	    identifier != identity->identifier)
		return 1;
	*ret_sequence = sequence;
	return 0;
}
