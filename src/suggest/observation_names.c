/* What hosts tell of their names: NetBIOS and multicast DNS. */
#include "observation_parts.h"

#define NETBIOS_OPCODE_MASK  0x7800
#define NETBIOS_REGISTRATION 0x2800
#define NETBIOS_REFRESH	     0x4000
#define NETBIOS_TYPE_NB	     32
#define NETBIOS_DATAGRAM_MIN 0x10 /* of message types */
#define NETBIOS_DATAGRAM_MAX 0x12

#define MDNS_RESPONSE	 0x8000
#define MDNS_TYPE_A	 1
#define MDNS_CLASS_IN	 1
#define MDNS_CLASS	 0x7fff /* without the bit that says to flush a cache */
#define MDNS_RECORDS_MAX 128
#define LABEL_POINTER	 0xc0

/* RFC 1035 4.1.4: pointers end a name, so that it is passed over without being followed. */
static void skip_name(struct cursor *cursor)
{
	uint8_t length;

	do {
		length = cursor_u8(cursor);
		if (length >= LABEL_POINTER) {
			cursor_skip(cursor, 1);
			return;
		}
		cursor_skip(cursor, length);
	} while (length && cursor_ok(cursor));
}

struct record_head {
	uint16_t type, class;
	struct cursor data;
};

static struct record_head read_record(struct cursor *cursor)
{
	struct record_head head;

	skip_name(cursor);
	head.type = cursor_u16(cursor);
	head.class = cursor_u16(cursor);
	cursor_skip(cursor, 4); /* time to live */
	head.data = cursor_sub(cursor, cursor_u16(cursor));
	return head;
}

static void skip_questions(struct cursor *cursor, unsigned count)
{
	for (unsigned i = 0; i < count && cursor_ok(cursor); i++) {
		skip_name(cursor);
		cursor_skip(cursor, 4);
	}
}

int observation_parse_netbios_name(struct cursor *cursor, struct observation *ret)
{
	uint16_t flags, questions;
	struct record_head head;

	cursor_skip(cursor, 2);
	flags = cursor_u16(cursor) & NETBIOS_OPCODE_MASK;
	questions = cursor_u16(cursor);
	cursor_skip(cursor, 6);
	if (flags != NETBIOS_REGISTRATION && flags != NETBIOS_REFRESH)
		return cursor_ok(cursor) ? 1 : -EBADMSG;
	skip_questions(cursor, questions);
	head = read_record(cursor);
	if (!cursor_ok(cursor))
		return -EBADMSG;
	if (head.type != NETBIOS_TYPE_NB || cursor_left(&head.data) != 6)
		return 1;
	cursor_skip(&head.data, 2);
	ret->named = observation_read_address(&head.data);
	return 0;
}

int observation_parse_netbios_datagram(struct cursor *cursor, struct observation *ret)
{
	uint8_t type = cursor_u8(cursor);

	cursor_skip(cursor, 3);
	ret->named = observation_read_address(cursor);
	if (!cursor_ok(cursor))
		return -EBADMSG;
	if (type >= NETBIOS_DATAGRAM_MIN && type <= NETBIOS_DATAGRAM_MAX)
		return 0;
	ret->named.s_addr = 0;
	return 1;
}

int observation_parse_mdns(struct cursor *cursor, struct observation *ret)
{
	uint16_t flags, questions;
	unsigned records = 0;

	cursor_skip(cursor, 2);
	flags = cursor_u16(cursor);
	questions = cursor_u16(cursor);
	for (unsigned i = 0; i < 3; i++)
		records += cursor_u16(cursor);
	if (!(flags & MDNS_RESPONSE))
		return cursor_ok(cursor) ? 1 : -EBADMSG;
	skip_questions(cursor, questions);
	records = MIN(records, (unsigned)MDNS_RECORDS_MAX);
	for (unsigned i = 0; i < records && cursor_ok(cursor); i++) {
		struct record_head head = read_record(cursor);

		if (head.type != MDNS_TYPE_A || (head.class & MDNS_CLASS) != MDNS_CLASS_IN ||
		    cursor_left(&head.data) != 4)
			continue;
		ret->named = observation_read_address(&head.data);
		return 0;
	}
	return cursor_ok(cursor) ? 1 : -EBADMSG;
}
