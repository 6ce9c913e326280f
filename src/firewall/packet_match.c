#include <string.h>

#include "packet_space.h"

/* Where a field is in a box, and what a packet must be to have it. */

enum dimension_kind { IN_WIDE, IN_NARROW, IN_CHOICE, IN_CUBE };

struct field_place {
	enum dimension_kind kind;
	uint8_t index;
	uint8_t shift;	    /* bits to the left of where the dimension begins: ICMP's type */
	uint8_t family;	    /* only packets of this family have it; 0: both */
	bool in_transport;  /* only packets with a readable transport header */
	bool of_connection; /* only packets that belong to a connection */
};

static const struct field_place places[_FIELD_MAX] = {
	[FIELD_FAMILY] = {IN_CHOICE, CHOICE_FAMILY},
	[FIELD_IN_LINK] = {IN_WIDE, WIDE_IN_LINK},
	[FIELD_OUT_LINK] = {IN_WIDE, WIDE_OUT_LINK},
	[FIELD_SOURCE4] = {IN_WIDE, WIDE_SOURCE, .family = NFPROTO_IPV4},
	[FIELD_DESTINATION4] = {IN_WIDE, WIDE_DESTINATION, .family = NFPROTO_IPV4},
	[FIELD_SOURCE6] = {IN_WIDE, WIDE_SOURCE, .family = NFPROTO_IPV6},
	[FIELD_DESTINATION6] = {IN_WIDE, WIDE_DESTINATION, .family = NFPROTO_IPV6},
	[FIELD_PROTOCOL] = {IN_NARROW, NARROW_PROTOCOL},
	[FIELD_SOURCE_PORT] = {IN_NARROW, NARROW_SOURCE_PORT, .in_transport = true},
	[FIELD_DESTINATION_PORT] = {IN_NARROW, NARROW_DESTINATION_PORT, .in_transport = true},
	[FIELD_ORIGINAL_PORT] = {IN_NARROW, NARROW_ORIGINAL_PORT, .of_connection = true},
	[FIELD_ICMP_TYPE] = {IN_NARROW, NARROW_SOURCE_PORT, .shift = 8, .in_transport = true},
	[FIELD_HOP_LIMIT] = {IN_NARROW, NARROW_HOP_LIMIT, .family = NFPROTO_IPV6},
	[FIELD_STATE] = {IN_CHOICE, CHOICE_STATE},
	[FIELD_STATUS] = {IN_CUBE, CUBE_STATUS, .of_connection = true},
	[FIELD_USER] = {IN_NARROW, NARROW_USER},
	[FIELD_MARK] = {IN_CUBE, CUBE_MARK},
	[FIELD_PACKET_TYPE] = {IN_CHOICE, CHOICE_PACKET_TYPE},
	[FIELD_SOURCE_TYPE] = {IN_CHOICE, CHOICE_SOURCE_TYPE},
	[FIELD_DESTINATION_TYPE] = {IN_CHOICE, CHOICE_DESTINATION_TYPE},
	[FIELD_REVERSE_PATH] = {IN_CHOICE, CHOICE_REVERSE_PATH},
};

static uint128 value_number(enum packet_field field, const struct packet_value *value)
{
	uint128 number = 0;

	for (unsigned i = 0; i < field_of(field)->width; i++)
		number = number << 8 | value->bytes[i];
	return number;
}

static uint128 greatest(enum packet_field field)
{
	return (uint128)-1 >> (128 - 8 * field_of(field)->width);
}

bool packet_box_having(const struct packet_box *box, enum packet_field field,
		       struct packet_box *ret)
{
	const struct field_place *place = &places[field];

	*ret = *box;
	if (place->family)
		ret->choice[CHOICE_FAMILY] &= 1u << place->family;
	if (place->in_transport)
		ret->choice[CHOICE_TRANSPORT] &= 2;
	if (place->of_connection)
		ret->choice[CHOICE_STATE] &= ~(uint32_t)(STATE_INVALID | STATE_UNTRACKED);
	if (place->in_transport || field == FIELD_PROTOCOL)
		ret->narrow[NARROW_PROTOCOL].high =
			MIN(ret->narrow[NARROW_PROTOCOL].high, PACKET_PROTOCOL_NONE - 1u);
	if (field == FIELD_USER)
		ret->narrow[NARROW_USER].high =
			MIN(ret->narrow[NARROW_USER].high, PACKET_USER_NONE - 1);

	return ret->choice[CHOICE_FAMILY] && ret->choice[CHOICE_TRANSPORT] &&
	       ret->choice[CHOICE_STATE] &&
	       ret->narrow[NARROW_PROTOCOL].low <= ret->narrow[NARROW_PROTOCOL].high &&
	       ret->narrow[NARROW_USER].low <= ret->narrow[NARROW_USER].high;
}

bool packet_box_span(const struct packet_box *box, enum packet_field field, uint128 *ret_low,
		     uint128 *ret_high)
{
	const struct field_place *place = &places[field];

	if (place->kind == IN_WIDE) {
		*ret_low = box->wide[place->index].low;
		*ret_high = box->wide[place->index].high;
		return true;
	}
	if (place->kind == IN_NARROW) {
		*ret_low = box->narrow[place->index].low >> place->shift;
		*ret_high = box->narrow[place->index].high >> place->shift;
		return true;
	}
	return false;
}

/* Adds the part of the box with low <= dimension <= high. */
static void take_span(struct packet_box *box, const struct field_place *place, uint128 low,
		      uint128 high, struct packet_region *into)
{
	low <<= place->shift;
	high = (high << place->shift) | ((1u << place->shift) - 1);
	if (place->kind == IN_WIDE) {
		struct wide_span *span = &box->wide[place->index];

		*span = (struct wide_span){MAX(span->low, low), MIN(span->high, high)};
		if (span->low <= span->high)
			packet_region_add(into, box);
	} else {
		struct narrow_span *span = &box->narrow[place->index];

		span->low = MAX(span->low, (uint32_t)low);
		span->high = MIN(span->high, (uint32_t)high);
		if (span->low <= span->high)
			packet_region_add(into, box);
	}
}

/* The value that a bit of a choice stands for. */
static uint32_t choice_value(unsigned index, unsigned bit)
{
	return index == CHOICE_STATE ? 1u << bit : bit;
}

static void take_cube(const struct packet_box *box, unsigned index, struct bit_cube cube,
		      struct packet_region *into)
{
	struct packet_box piece = *box;
	struct bit_cube *of = &piece.cube[index];

	if ((of->value ^ cube.value) & of->mask & cube.mask)
		return;
	of->mask |= cube.mask;
	of->value |= cube.value;
	packet_region_add(into, &piece);
}

/* A range of numbers is some prefixes. */
static void take_cube_range(const struct packet_box *box, unsigned index, uint64_t low,
			    uint64_t high, struct packet_region *into)
{
	while (low <= high) {
		uint64_t size = low ? low & -low : (uint64_t)1 << 32;

		while (size - 1 > high - low)
			size >>= 1;
		take_cube(box, index, (struct bit_cube){(uint32_t) ~(size - 1), (uint32_t)low},
			  into);
		low += size;
	}
}

void packet_box_restrict(const struct packet_box *box, enum packet_field field,
			 const struct packet_value *low_value,
			 const struct packet_value *high_value, struct packet_region *into)
{
	const struct field_place *place = &places[field];
	uint128 low = value_number(field, low_value), high = value_number(field, high_value);
	struct packet_box having;
	uint32_t chosen = 0;

	if (low > high || !packet_box_having(box, field, &having))
		return;

	switch (place->kind) {
	case IN_WIDE:
	case IN_NARROW:
		take_span(&having, place, low, high, into);
		break;
	case IN_CHOICE:
		for (unsigned bit = 0; bit < 32; bit++) {
			uint32_t value = choice_value(place->index, bit);

			if (low <= value && value <= high)
				chosen |= 1u << bit;
		}
		having.choice[place->index] &= chosen;
		if (having.choice[place->index])
			packet_region_add(into, &having);
		break;
	case IN_CUBE:
		take_cube_range(&having, place->index, (uint32_t)low, (uint32_t)high, into);
		break;
	}
}

/* (field & mask) == value, or != 0 */
static bool bits_match(uint128 number, uint128 mask, uint128 value, bool any)
{
	return any ? (number & mask) != 0 : (number & mask) == value;
}

static void match_choice(struct packet_box *box, unsigned index, uint128 mask, uint128 value,
			 bool any, struct packet_region *into)
{
	uint32_t chosen = 0;

	for (unsigned bit = 0; bit < 32; bit++)
		if (bits_match(choice_value(index, bit), mask, value, any))
			chosen |= 1u << bit;
	box->choice[index] &= chosen;
	if (box->choice[index])
		packet_region_add(into, box);
}

static void match_cube(const struct packet_box *box, unsigned index, uint32_t mask, uint32_t value,
		       bool any, struct packet_region *into)
{
	struct bit_cube cube = {mask, value};

	if (!any) {
		if (!(value & ~mask))
			take_cube(box, index, cube, into);
		return;
	}
	/* The lowest bit that is set tells the pieces apart. */
	for (cube = (struct bit_cube){0}; mask; mask &= mask - 1) {
		cube.mask |= mask & -mask;
		cube.value = mask & -mask;
		take_cube(box, index, cube, into);
	}
}

/* Bits of a number that has an order: only leading ones are a range. */
static int match_prefix(struct packet_box *box, enum packet_field field, uint128 mask,
			uint128 value, struct packet_region *into)
{
	uint128 open = greatest(field) & ~mask;

	if (open & (open + 1))
		return -EOPNOTSUPP;
	if (!(value & ~mask))
		take_span(box, &places[field], value, value | open, into);
	return 0;
}

static int match_bits(const struct packet_box *box, const struct match *match,
		      struct packet_region *into)
{
	enum packet_field field = match->fields[0];
	const struct field_place *place = &places[field];
	uint128 mask = value_number(field, &match->bits.mask);
	uint128 value = value_number(field, &match->bits.value);
	bool any = match->kind == MATCH_ANY_BIT;
	struct packet_box having;

	if (!packet_box_having(box, field, &having))
		return 0;
	switch (place->kind) {
	case IN_CHOICE:
		match_choice(&having, place->index, mask, value, any, into);
		return 0;
	case IN_CUBE:
		match_cube(&having, place->index, (uint32_t)mask, (uint32_t)value, any, into);
		return 0;
	default:
		return any ? -EOPNOTSUPP : match_prefix(&having, field, mask, value, into);
	}
}

static int match_plain(const struct packet_box *box, const struct match *match,
		       struct packet_region *into)
{
	switch (match->kind) {
	case MATCH_RANGE:
		packet_box_restrict(box, match->fields[0], &match->range.low, &match->range.high,
				    into);
		return 0;
	case MATCH_BITS:
	case MATCH_ANY_BIT:
		return match_bits(box, match, into);
	default:
		return -EOPNOTSUPP;
	}
}

int packet_box_match(const struct packet_box *box, const struct match *match,
		     struct packet_region *into)
{
	_cleanup_region_ struct packet_region plain = {0}, rest = {0};
	struct packet_box having;
	int r;

	if (!match->negated)
		return match_plain(box, match, into);

	r = match_plain(box, match, &plain);
	if (r < 0)
		return r;
	if (packet_box_having(box, match->fields[0], &having))
		packet_region_add(&rest, &having);
	for (size_t i = 0; i < plain.count; i++)
		packet_region_subtract(&rest, &plain.boxes[i]);
	for (size_t i = 0; i < rest.count; i++)
		packet_region_add(into, &rest.boxes[i]);
	into->failed |= plain.failed || rest.failed;
	return 0;
}

int packet_region_match(struct packet_region *region, const struct match *match)
{
	_cleanup_region_ struct packet_region whole = *region;
	int r = 0;

	*region = (struct packet_region){.failed = whole.failed};
	for (size_t i = 0; i < whole.count && r == 0; i++)
		r = packet_box_match(&whole.boxes[i], match, region);
	if (r < 0)
		return r;
	return region->failed ? -ENOMEM : 0;
}
