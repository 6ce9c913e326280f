#include <netinet/in.h>
#include <string.h>

#include "packet_space.h"

/* Names of links */

#define NAME_LENGTH_MAX (PACKET_VALUE_MAX - 1)

static bool is_plain(uint8_t c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z');
}

/* What the kernel lets a name have (dev_valid_name). */
static bool is_possible(uint8_t c)
{
	return c > ' ' && c != '/' && c != ':' && c != 0xa0;
}

/* The smallest character of a kind that is at least `from`; 0 if there is none. */
static uint8_t next_character(unsigned from, bool (*of_kind)(uint8_t))
{
	for (; from <= UINT8_MAX; from++)
		if (from && of_kind((uint8_t)from))
			return (uint8_t)from;
	return 0;
}

static void name_of_number(uint128 number, char *name)
{
	for (unsigned i = PACKET_VALUE_MAX; i-- > 0; number >>= 8)
		name[i] = (char)(number & 0xff);
}

static uint128 number_of_name(const char *name)
{
	uint8_t bytes[PACKET_VALUE_MAX] = {0};
	uint128 number = 0;

	memcpy(bytes, name, strnlen(name, sizeof(bytes)));
	for (unsigned i = 0; i < sizeof(bytes); i++)
		number = number << 8 | bytes[i];
	return number;
}

/* Makes of `name` the smallest name behind all that begin with its first `length` characters. */
static bool name_step(char *name, unsigned length, bool (*of_kind)(uint8_t))
{
	while (length-- > 0) {
		uint8_t next = next_character((uint8_t)name[length] + 1u, of_kind);

		if (next) {
			name[length] = (char)next;
			memset(name + length + 1, 0, PACKET_VALUE_MAX - length - 1);
			return true;
		}
	}
	return false;
}

/* The smallest name of such characters that is not below the number; false if there is none. */
static bool name_from(uint128 low, bool (*of_kind)(uint8_t), char *name)
{
	static const char zeros[PACKET_VALUE_MAX];
	unsigned length = 0;

	name_of_number(low, name);
	while (length < NAME_LENGTH_MAX && name[length] && of_kind((uint8_t)name[length]))
		length++;
	if (memcmp(name + length, zeros, PACKET_VALUE_MAX - length) == 0 && length > 0)
		return true;
	if (length < NAME_LENGTH_MAX) {
		uint8_t next = next_character(MAX((uint8_t)name[length], 1u), of_kind);

		if (next) {
			name[length] = (char)next;
			memset(name + length + 1, 0, PACKET_VALUE_MAX - length - 1);
			return true;
		}
	}
	return name_step(name, length, of_kind);
}

static bool name_within(const struct wide_span *span, bool (*of_kind)(uint8_t), char *name)
{
	uint128 low = span->low;

	while (name_from(low, of_kind, name)) {
		if (number_of_name(name) > span->high)
			return false;
		if (strcmp(name, ".") != 0 && strcmp(name, "..") != 0)
			return true;
		low = number_of_name(name) + 1;
	}
	return false;
}

static bool choose_name(const struct wide_span *span, char *name)
{
	static const char usual[PACKET_VALUE_MAX] = "eth0";
	uint128 number = number_of_name(usual);

	if (span->low == 0) { /* no link at all */
		memset(name, 0, PACKET_VALUE_MAX);
		return true;
	}
	if (span->low <= number && number <= span->high) {
		memcpy(name, usual, sizeof(usual));
		return true;
	}
	return name_within(span, is_plain, name) || name_within(span, is_possible, name);
}

/* The rest */

static uint32_t choose(const struct narrow_span *span, const uint32_t *likely, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (span->low <= likely[i] && likely[i] <= span->high)
			return likely[i];
	return span->low;
}
#define CHOOSE(span, ...)                                                                          \
	choose(&(span), (const uint32_t[]){__VA_ARGS__},                                           \
	       sizeof((const uint32_t[]){__VA_ARGS__}) / sizeof(uint32_t))

static void choose_address(const struct wide_span *span, bool v6, uint128 likely, uint8_t *bytes)
{
	uint128 number = span->low;

	if (span->low <= likely && likely <= span->high)
		number = likely;
	else if (span->high - span->low > 1) /* the first of a network is no host's */
		number = span->low + 1;
	for (unsigned i = v6 ? 16 : 4; i-- > 0; number >>= 8)
		bytes[i] = (uint8_t)number;
}

static uint8_t choose_bit(uint32_t choice, uint8_t likely)
{
	return choice & 1u << likely ? likely : (uint8_t)__builtin_ctz(choice);
}

static uint32_t choose_state(uint32_t choice)
{
	return choice & STATE_NEW ? STATE_NEW : choice & -choice;
}

static void choose_addresses(const struct packet_box *box, bool v6, struct packet *packet)
{
	/* RFC 5737, RFC 3849 */
	uint128 documentation6 = (uint128)0x20010db8 << 96, documentation4 = 0xc6336400;
	uint128 base = v6 ? documentation6 : documentation4;

	choose_address(&box->wide[WIDE_SOURCE], v6, base + 7, packet->source);
	choose_address(&box->wide[WIDE_DESTINATION], v6, base + 1, packet->destination);
}

bool packet_box_witness(const struct packet_box *box, struct packet *ret)
{
	bool v6 = box->choice[CHOICE_FAMILY] & 1u << NFPROTO_IPV6;
	bool icmp;

	*ret = (struct packet){.family = v6 ? NFPROTO_IPV6 : NFPROTO_IPV4};
	if (!choose_name(&box->wide[WIDE_IN_LINK], ret->in_link) ||
	    !choose_name(&box->wide[WIDE_OUT_LINK], ret->out_link))
		return false;

	choose_addresses(box, v6, ret);
	ret->protocol = (uint16_t)CHOOSE(box->narrow[NARROW_PROTOCOL], IPPROTO_TCP, IPPROTO_UDP,
					 v6 ? IPPROTO_ICMPV6 : IPPROTO_ICMP);
	ret->transport = box->choice[CHOICE_TRANSPORT] & 2;
	icmp = ret->protocol == IPPROTO_ICMP || ret->protocol == IPPROTO_ICMPV6;
	ret->source_port = (uint16_t)CHOOSE(box->narrow[NARROW_SOURCE_PORT],
					    icmp ? box->narrow[NARROW_SOURCE_PORT].low : 40000);
	ret->destination_port = (uint16_t)CHOOSE(box->narrow[NARROW_DESTINATION_PORT], 443);
	ret->original_port =
		(uint16_t)CHOOSE(box->narrow[NARROW_ORIGINAL_PORT], ret->destination_port);
	ret->hop_limit = (uint8_t)CHOOSE(box->narrow[NARROW_HOP_LIMIT], 64);
	ret->user = CHOOSE(box->narrow[NARROW_USER], PACKET_USER_NONE, 1000);
	ret->state = choose_state(box->choice[CHOICE_STATE]);
	ret->status = box->cube[CUBE_STATUS].value;
	ret->mark = box->cube[CUBE_MARK].value;
	ret->packet_type = choose_bit(box->choice[CHOICE_PACKET_TYPE], 0);
	ret->source_type = choose_bit(box->choice[CHOICE_SOURCE_TYPE], 1); /* RTN_UNICAST */
	ret->destination_type = choose_bit(box->choice[CHOICE_DESTINATION_TYPE], 2); /* RTN_LOCAL */
	ret->reverse_path = box->choice[CHOICE_REVERSE_PATH] & 2;
	return true;
}

bool packet_box_contains(const struct packet_box *box, const struct packet *packet)
{
	const struct wide_span *wide = box->wide;
	uint128 source = 0, destination = 0;
	unsigned width = packet->family == NFPROTO_IPV6 ? 16 : 4;
	const struct {
		uint32_t number;
		enum narrow_dimension index;
	} narrow[] = {
		{packet->protocol, NARROW_PROTOCOL},
		{packet->source_port, NARROW_SOURCE_PORT},
		{packet->destination_port, NARROW_DESTINATION_PORT},
		{packet->original_port, NARROW_ORIGINAL_PORT},
		{packet->hop_limit, NARROW_HOP_LIMIT},
		{packet->user, NARROW_USER},
	};
	uint128 in_link = number_of_name(packet->in_link);
	uint128 out_link = number_of_name(packet->out_link);

	for (unsigned i = 0; i < width; i++) {
		source = source << 8 | packet->source[i];
		destination = destination << 8 | packet->destination[i];
	}
	for (unsigned i = 0; i < ARRAY_SIZE(narrow); i++)
		if (narrow[i].number < box->narrow[narrow[i].index].low ||
		    narrow[i].number > box->narrow[narrow[i].index].high)
			return false;

	return wide[WIDE_IN_LINK].low <= in_link && in_link <= wide[WIDE_IN_LINK].high &&
	       wide[WIDE_OUT_LINK].low <= out_link && out_link <= wide[WIDE_OUT_LINK].high &&
	       wide[WIDE_SOURCE].low <= source && source <= wide[WIDE_SOURCE].high &&
	       wide[WIDE_DESTINATION].low <= destination &&
	       destination <= wide[WIDE_DESTINATION].high &&
	       (box->choice[CHOICE_FAMILY] & 1u << packet->family) &&
	       (box->choice[CHOICE_TRANSPORT] & 1u << packet->transport) &&
	       (box->choice[CHOICE_STATE] & packet->state) &&
	       (box->choice[CHOICE_PACKET_TYPE] & 1u << packet->packet_type) &&
	       (box->choice[CHOICE_SOURCE_TYPE] & 1u << packet->source_type) &&
	       (box->choice[CHOICE_DESTINATION_TYPE] & 1u << packet->destination_type) &&
	       (box->choice[CHOICE_REVERSE_PATH] & 1u << packet->reverse_path) &&
	       (packet->status & box->cube[CUBE_STATUS].mask) == box->cube[CUBE_STATUS].value &&
	       (packet->mark & box->cube[CUBE_MARK].mask) == box->cube[CUBE_MARK].value;
}
