#include "observation_parts.h"

#define OPTIONS_AT	236
#define COOKIE		0x63825363
#define REPLY		2
#define PREFIX_SHORTEST 8
#define PREFIX_LONGEST	30

enum option { /* RFC 2132 */
	      OPTION_PAD = 0,
	      OPTION_MASK = 1,
	      OPTION_ROUTER = 3,
	      OPTION_DNS = 6,
	      OPTION_REQUESTED = 50,
	      OPTION_SERVER = 54,
	      OPTION_END = 255,
};

static void take(uint8_t code, struct in_addr value, struct observation *ret)
{
	int length;

	switch (code) {
	case OPTION_MASK:
		length = ip_netmask_to_length(value.s_addr);
		ret->prefix =
			length >= PREFIX_SHORTEST && length <= PREFIX_LONGEST ? (uint8_t)length : 0;
		break;
	case OPTION_ROUTER:
		ret->gateway = value;
		break;
	case OPTION_DNS:
		ret->dns = value;
		break;
	case OPTION_REQUESTED:
		ret->named = value;
		break;
	case OPTION_SERVER:
		ret->server = value;
		break;
	}
}

static void parse_options(struct cursor *cursor, struct observation *ret)
{
	while (cursor_left(cursor)) {
		uint8_t code = cursor_u8(cursor);
		struct cursor value;

		if (code == OPTION_PAD)
			continue;
		if (code == OPTION_END)
			break;
		value = cursor_sub(cursor, cursor_u8(cursor));
		if (cursor_left(&value) >= 4)
			take(code, observation_read_address(&value), ret);
	}
}

int observation_parse_dhcp(struct cursor *cursor, struct observation *ret)
{
	bool reply = cursor_u8(cursor) == REPLY;
	struct in_addr current, given;

	cursor_skip(cursor, 11);
	current = observation_read_address(cursor);
	given = observation_read_address(cursor);
	cursor_skip(cursor, OPTIONS_AT - 20);
	if (cursor_u32(cursor) != COOKIE || !cursor_ok(cursor))
		return 1;
	ret->kind = reply ? OBSERVATION_DHCP_SERVER : OBSERVATION_DHCP_CLIENT;
	ret->named = reply ? given : current;
	parse_options(cursor, ret);
	/* A first question names nothing. */
	return reply || ret->named.s_addr || ret->server.s_addr ? 0 : 1;
}
