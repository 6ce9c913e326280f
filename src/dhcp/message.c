#include "message.h"

#define OPERATION_REQUEST 1
#define HARDWARE_ETHERNET 1
#define MAGIC_COOKIE	  0x63825363u
#define CHADDR_SIZE	  16
#define SNAME_SIZE	  64
#define FILE_SIZE	  128

#define FLAG_BROADCAST 0x8000

#define OVERLOAD_FILE  1
#define OVERLOAD_SNAME 2

/* The next option of an area: 1 with `code` and `value`, 0 at its end, -EBADMSG when it is cut off.
 */
static int area_next(struct cursor *area, uint8_t *code, struct cursor *value)
{
	while (cursor_left(area) > 0) {
		*code = cursor_u8(area);
		if (*code == DHCP_OPTION_PAD)
			continue;
		if (*code == DHCP_OPTION_END)
			return 0;
		*value = cursor_sub(area, cursor_u8(area));
		return cursor_ok(area) ? 1 : -EBADMSG;
	}
	return 0;
}

static int area_check(struct cursor area)
{
	struct cursor value;
	uint8_t code;
	int r;

	do
		r = area_next(&area, &code, &value);
	while (r > 0);
	return r;
}

/* The type (RFC 2132 section 9.6) and the overload (9.3) stand in the options field itself. */
static int main_area_read(struct cursor area, uint8_t *type, uint8_t *overload)
{
	struct cursor value;
	uint8_t code;
	int r;

	*type = *overload = 0;
	while ((r = area_next(&area, &code, &value)) > 0) {
		if (code == DHCP_OPTION_TYPE)
			*type = value.size == 1 ? cursor_u8(&value) : 0;
		else if (code == DHCP_OPTION_OVERLOAD)
			*overload = value.size == 1 ? cursor_u8(&value) : 0;
	}
	return r;
}

int dhcp_message_parse(const void *payload, size_t size, struct dhcp_message *ret)
{
	struct cursor cursor = CURSOR(payload, size), chaddr, sname, file;
	struct dhcp_message message = {0};
	uint8_t hardware_type, hardware_length, overload;

	message.operation = cursor_u8(&cursor);
	hardware_type = cursor_u8(&cursor);
	hardware_length = cursor_u8(&cursor);
	cursor_skip(&cursor, 1);
	message.transaction = cursor_u32(&cursor);
	message.seconds = cursor_u16(&cursor);
	message.flags = cursor_u16(&cursor);
	cursor_copy(&cursor, &message.client, 4);
	cursor_copy(&cursor, &message.yours, 4);
	cursor_copy(&cursor, &message.next_server, 4);
	cursor_copy(&cursor, &message.relay, 4);
	chaddr = cursor_sub(&cursor, CHADDR_SIZE);
	sname = cursor_sub(&cursor, SNAME_SIZE);
	file = cursor_sub(&cursor, FILE_SIZE);
	if (cursor_u32(&cursor) != MAGIC_COOKIE || !cursor_ok(&cursor) ||
	    hardware_type != HARDWARE_ETHERNET || hardware_length != 6)
		return -EBADMSG;
	message.hardware.length = hardware_length;
	cursor_copy(&chaddr, message.hardware.bytes, hardware_length);

	message.areas[message.areas_count++] = cursor_sub(&cursor, cursor_left(&cursor));
	if (main_area_read(message.areas[0], &message.type, &overload) < 0 || !message.type)
		return -EBADMSG;
	if (overload & OVERLOAD_FILE)
		message.areas[message.areas_count++] = file;
	if (overload & OVERLOAD_SNAME)
		message.areas[message.areas_count++] = sname;
	for (unsigned i = 1; i < message.areas_count; i++)
		if (area_check(message.areas[i]) < 0)
			return -EBADMSG;
	*ret = message;
	return 0;
}

int dhcp_message_option(const struct dhcp_message *message, uint8_t option, uint8_t *buffer)
{
	struct writer writer = WRITER(buffer, DHCP_OPTION_MAX);
	bool found = false;

	for (unsigned i = 0; i < message->areas_count; i++) {
		struct cursor area = message->areas[i], value;
		uint8_t code;

		while (area_next(&area, &code, &value) > 0) {
			if (code != option)
				continue;
			found = true;
			writer_put(&writer, value.data, value.size);
		}
	}
	if (!writer_ok(&writer))
		return -EBADMSG;
	return found ? (int)writer.offset : -ENOENT;
}

int dhcp_message_u32(const struct dhcp_message *message, uint8_t option, uint32_t *ret)
{
	uint8_t buffer[DHCP_OPTION_MAX];
	int length = dhcp_message_option(message, option, buffer);
	struct cursor cursor = CURSOR(buffer, length > 0 ? (size_t)length : 0);

	if (length < 0)
		return length;
	/* RFC 3396 makes one value of repeated options. */
	if (length == 0 || length % 4)
		return -EBADMSG;
	*ret = cursor_u32(&cursor);
	return 0;
}

int dhcp_message_address(const struct dhcp_message *message, uint8_t option, struct in_addr *ret)
{
	uint32_t value;
	int r = dhcp_message_u32(message, option, &value);

	if (r >= 0)
		ret->s_addr = htonl(value);
	return r;
}

void dhcp_message_begin(struct writer *writer, uint32_t transaction, uint16_t seconds,
			bool broadcast, struct in_addr client,
			const struct hardware_address *hardware)
{
	writer_u8(writer, OPERATION_REQUEST);
	writer_u8(writer, HARDWARE_ETHERNET);
	writer_u8(writer, 6);
	writer_u8(writer, 0);
	writer_u32(writer, transaction);
	writer_u16(writer, seconds);
	writer_u16(writer, broadcast ? FLAG_BROADCAST : 0);
	writer_put(writer, &client, 4);
	writer_fill(writer, 0, 12);
	writer_put(writer, hardware->bytes, 6);
	writer_fill(writer, 0, CHADDR_SIZE - 6 + SNAME_SIZE + FILE_SIZE);
	writer_u32(writer, MAGIC_COOKIE);
}

void dhcp_message_put(struct writer *writer, uint8_t option, const void *value, size_t length)
{
	const uint8_t *bytes = value;
	size_t at = 0;

	do {
		size_t piece = MIN(length - at, 255u);

		writer_u8(writer, option);
		writer_u8(writer, (uint8_t)piece);
		if (piece)
			writer_put(writer, bytes + at, piece);
		at += piece;
	} while (at < length);
}

void dhcp_message_end(struct writer *writer)
{
	writer_u8(writer, DHCP_OPTION_END);
	if (writer->offset < DHCP_PAYLOAD_MIN)
		writer_fill(writer, 0, DHCP_PAYLOAD_MIN - writer->offset);
}
