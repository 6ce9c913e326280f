/* What switches and routers tell of themselves: LLDP and CDP. */
#include "observation_parts.h"

#define LLDP_END	  0
#define LLDP_CAPABILITIES 7
#define LLDP_MANAGEMENT	  8
#define LLDP_ROUTER	  0x10 /* enabled capability, IEEE 802.1AB 8.5.8 */
#define LLDP_IPV4	  1    /* IANA's number of the address family */

#define CDP_ADDRESSES	 0x02
#define CDP_CAPABILITIES 0x04
#define CDP_MANAGEMENT	 0x16
#define CDP_ROUTER	 0x01
#define CDP_NLPID	 1    /* kind of protocol number, */
#define CDP_IPV4	 0xcc /* and the number */

/* The management address is a string of its own length, with the family first. */
static void take_lldp_management(struct cursor *value, struct observation *ret)
{
	uint8_t length = cursor_u8(value), family = cursor_u8(value);

	if (length == 5 && family == LLDP_IPV4 && cursor_left(value) >= 4 && !ret->named.s_addr)
		ret->named = observation_read_address(value);
}

int observation_parse_lldp(struct cursor *cursor, struct observation *ret)
{
	ret->kind = OBSERVATION_LLDP;
	while (cursor_left(cursor)) {
		uint16_t head = cursor_u16(cursor);
		struct cursor value = cursor_sub(cursor, head & 0x1ff);

		if (head >> 9 == LLDP_END)
			break;
		if (head >> 9 == LLDP_MANAGEMENT)
			take_lldp_management(&value, ret);
		if (head >> 9 != LLDP_CAPABILITIES)
			continue;
		cursor_skip(&value, 2);
		ret->router = cursor_u16(&value) & LLDP_ROUTER;
	}
	return cursor_ok(cursor) ? 0 : -EBADMSG;
}

/* The first IPv4 address of a list of addresses of any protocol. */
static void take_cdp_addresses(struct cursor *value, struct observation *ret)
{
	uint32_t count = cursor_u32(value);

	for (uint32_t i = 0; i < count && cursor_left(value); i++) {
		uint8_t kind = cursor_u8(value), length = cursor_u8(value);
		struct cursor protocol = cursor_sub(value, length);
		struct cursor address = cursor_sub(value, cursor_u16(value));

		if (kind == CDP_NLPID && cursor_u8(&protocol) == CDP_IPV4 &&
		    cursor_left(&address) == 4 && !ret->named.s_addr)
			ret->named = observation_read_address(&address);
	}
}

int observation_parse_cdp(struct cursor *cursor, struct observation *ret)
{
	ret->kind = OBSERVATION_CDP;
	cursor_skip(cursor, 4); /* version, time to live, checksum */
	while (cursor_left(cursor)) {
		uint16_t type = cursor_u16(cursor), length = cursor_u16(cursor);
		struct cursor value = cursor_sub(cursor, length < 4 ? SIZE_MAX : length - 4u);

		if (type == CDP_ADDRESSES || type == CDP_MANAGEMENT)
			take_cdp_addresses(&value, ret);
		else if (type == CDP_CAPABILITIES)
			ret->router = cursor_u32(&value) & CDP_ROUTER;
	}
	return cursor_ok(cursor) ? 0 : -EBADMSG;
}
