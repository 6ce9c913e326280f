#include "packet_space.h"

#include <string.h>

#define REGION_ROOM_FIRST 8

/* Header fields first and addresses last: what is left of a box that many elements are taken from
 * stays whole where they are alike. */

void packet_region_clear(struct packet_region *region)
{
	free(region->boxes);
	*region = (struct packet_region){0};
}

void packet_region_add(struct packet_region *region, const struct packet_box *box)
{
	if (region->failed)
		return;
	if (region->count == region->room) {
		size_t room = MAX(region->room * 2, (size_t)REGION_ROOM_FIRST);
		struct packet_box *boxes =
			reallocarray(region->boxes, room, sizeof(region->boxes[0]));

		if (!boxes) {
			region->failed = true;
			return;
		}
		region->boxes = boxes;
		region->room = room;
	}
	region->boxes[region->count++] = *box;
}

static bool cubes_meet(const struct bit_cube *a, const struct bit_cube *b)
{
	return ((a->value ^ b->value) & a->mask & b->mask) == 0;
}

bool packet_box_meets(const struct packet_box *a, const struct packet_box *b)
{
	for (unsigned i = 0; i < _CHOICE_MAX; i++)
		if (!(a->choice[i] & b->choice[i]))
			return false;
	for (unsigned i = 0; i < _NARROW_MAX; i++)
		if (a->narrow[i].low > b->narrow[i].high || b->narrow[i].low > a->narrow[i].high)
			return false;
	for (unsigned i = 0; i < _WIDE_MAX; i++)
		if (a->wide[i].low > b->wide[i].high || b->wide[i].low > a->wide[i].high)
			return false;
	for (unsigned i = 0; i < _CUBE_MAX; i++)
		if (!cubes_meet(&a->cube[i], &b->cube[i]))
			return false;
	return true;
}

bool packet_box_intersect(const struct packet_box *a, const struct packet_box *b,
			  struct packet_box *ret)
{
	if (!packet_box_meets(a, b))
		return false;
	for (unsigned i = 0; i < _CHOICE_MAX; i++)
		ret->choice[i] = a->choice[i] & b->choice[i];
	for (unsigned i = 0; i < _NARROW_MAX; i++) {
		ret->narrow[i].low = MAX(a->narrow[i].low, b->narrow[i].low);
		ret->narrow[i].high = MIN(a->narrow[i].high, b->narrow[i].high);
	}
	for (unsigned i = 0; i < _WIDE_MAX; i++) {
		ret->wide[i].low = MAX(a->wide[i].low, b->wide[i].low);
		ret->wide[i].high = MIN(a->wide[i].high, b->wide[i].high);
	}
	for (unsigned i = 0; i < _CUBE_MAX; i++) {
		ret->cube[i].value = a->cube[i].value | b->cube[i].value;
		ret->cube[i].mask = a->cube[i].mask | b->cube[i].mask;
	}
	return true;
}

bool packet_box_within(const struct packet_box *a, const struct packet_box *b)
{
	for (unsigned i = 0; i < _CHOICE_MAX; i++)
		if (a->choice[i] & ~b->choice[i])
			return false;
	for (unsigned i = 0; i < _NARROW_MAX; i++)
		if (a->narrow[i].low < b->narrow[i].low || a->narrow[i].high > b->narrow[i].high)
			return false;
	for (unsigned i = 0; i < _WIDE_MAX; i++)
		if (a->wide[i].low < b->wide[i].low || a->wide[i].high > b->wide[i].high)
			return false;
	for (unsigned i = 0; i < _CUBE_MAX; i++)
		if ((b->cube[i].mask & ~a->cube[i].mask) || !cubes_meet(&a->cube[i], &b->cube[i]))
			return false;
	return true;
}

/* Each of the following adds the parts of `rest` that lie outside of `b` in one dimension, and
 * leaves in `rest` the part inside. */

static void cut_choice(struct packet_box *rest, const struct packet_box *b, unsigned i,
		       struct packet_region *into)
{
	uint32_t outside = rest->choice[i] & ~b->choice[i];

	if (outside) {
		struct packet_box piece = *rest;

		piece.choice[i] = outside;
		packet_region_add(into, &piece);
		rest->choice[i] &= b->choice[i];
	}
}

#define CUT_SPAN(member, i)                                                                        \
	do {                                                                                       \
		if (rest->member[i].low < b->member[i].low) {                                      \
			struct packet_box piece = *rest;                                           \
                                                                                                   \
			piece.member[i].high = b->member[i].low - 1;                               \
			packet_region_add(into, &piece);                                           \
			rest->member[i].low = b->member[i].low;                                    \
		}                                                                                  \
		if (rest->member[i].high > b->member[i].high) {                                    \
			struct packet_box piece = *rest;                                           \
                                                                                                   \
			piece.member[i].low = b->member[i].high + 1;                               \
			packet_region_add(into, &piece);                                           \
			rest->member[i].high = b->member[i].high;                                  \
		}                                                                                  \
	} while (0)

static void cut_narrow(struct packet_box *rest, const struct packet_box *b, unsigned i,
		       struct packet_region *into)
{
	CUT_SPAN(narrow, i);
}

static void cut_wide(struct packet_box *rest, const struct packet_box *b, unsigned i,
		     struct packet_region *into)
{
	CUT_SPAN(wide, i);
}

static void cut_cube(struct packet_box *rest, const struct packet_box *b, unsigned i,
		     struct packet_region *into)
{
	uint32_t open = b->cube[i].mask & ~rest->cube[i].mask;

	while (open) {
		uint32_t bit = open & -open;
		struct packet_box piece = *rest;

		piece.cube[i].mask |= bit;
		piece.cube[i].value |= bit & ~b->cube[i].value;
		packet_region_add(into, &piece);
		rest->cube[i].mask |= bit;
		rest->cube[i].value |= bit & b->cube[i].value;
		open &= ~bit;
	}
}

void packet_box_subtract(const struct packet_box *a, const struct packet_box *b,
			 struct packet_region *into)
{
	struct packet_box rest = *a;

	if (!packet_box_meets(a, b)) {
		packet_region_add(into, a);
		return;
	}
	for (unsigned i = 0; i < _CHOICE_MAX; i++)
		cut_choice(&rest, b, i, into);
	for (unsigned i = 0; i < _NARROW_MAX; i++)
		cut_narrow(&rest, b, i, into);
	for (unsigned i = 0; i < _CUBE_MAX; i++)
		cut_cube(&rest, b, i, into);
	for (unsigned i = 0; i < _WIDE_MAX; i++)
		cut_wide(&rest, b, i, into);
}

void packet_region_subtract(struct packet_region *region, const struct packet_box *box)
{
	_cleanup_region_ struct packet_region whole = {0};
	bool any = false;

	for (size_t i = 0; i < region->count && !any; i++)
		any = packet_box_meets(&region->boxes[i], box);
	if (!any)
		return;

	whole = *region;
	*region = (struct packet_region){.failed = whole.failed};
	for (size_t i = 0; i < whole.count; i++)
		packet_box_subtract(&whole.boxes[i], box, region);
}

/* What there is */

static const struct packet_box everything = {
	.wide = {[WIDE_IN_LINK] = {0, (uint128)-1},
		 [WIDE_OUT_LINK] = {0, (uint128)-1},
		 [WIDE_SOURCE] = {0, (uint128)-1},
		 [WIDE_DESTINATION] = {0, (uint128)-1}},
	.narrow = {[NARROW_PROTOCOL] = {0, UINT8_MAX},
		   [NARROW_SOURCE_PORT] = {0, UINT16_MAX},
		   [NARROW_DESTINATION_PORT] = {0, UINT16_MAX},
		   [NARROW_ORIGINAL_PORT] = {0, UINT16_MAX},
		   [NARROW_HOP_LIMIT] = {0, UINT8_MAX},
		   [NARROW_USER] = {0, PACKET_USER_NONE}},
	.choice = {[CHOICE_FAMILY] = 1u << NFPROTO_IPV6,
		   [CHOICE_TRANSPORT] = 3,
		   [CHOICE_STATE] = STATE_INVALID | STATE_ESTABLISHED | STATE_RELATED | STATE_NEW |
				    STATE_UNTRACKED,
		   [CHOICE_PACKET_TYPE] = 0xf,	 /* PACKET_HOST to PACKET_OTHERHOST */
		   [CHOICE_SOURCE_TYPE] = 0xfff, /* RTN_UNSPEC to RTN_XRESOLVE */
		   [CHOICE_DESTINATION_TYPE] = 0xfff,
		   [CHOICE_REVERSE_PATH] = 3},
};

static struct packet_box box_of_hook(enum packet_hook hook)
{
	static const struct wide_span none = {0, 0}, some = {1, (uint128)-1};
	struct packet_box box = everything;

	if (hook == HOOK_INPUT || hook == HOOK_FORWARD)
		box.wide[WIDE_IN_LINK] = some;
	if (hook == HOOK_FORWARD || hook == HOOK_OUTPUT)
		box.wide[WIDE_OUT_LINK] = some;
	if (hook == HOOK_INPUT)
		box.wide[WIDE_OUT_LINK] = none;
	if (hook == HOOK_OUTPUT)
		box.wide[WIDE_IN_LINK] = none;
	if (hook == HOOK_FORWARD)
		box.narrow[NARROW_USER].low = PACKET_USER_NONE;
	return box;
}

void packet_region_of_hook(enum packet_hook hook, struct packet_region *region)
{
	struct packet_box box = box_of_hook(hook);

	packet_region_add(region, &box);

	box.narrow[NARROW_PROTOCOL] =
		(struct narrow_span){PACKET_PROTOCOL_NONE, PACKET_PROTOCOL_NONE};
	box.choice[CHOICE_TRANSPORT] = 1;
	packet_region_add(region, &box);

	box = box_of_hook(hook);
	box.choice[CHOICE_FAMILY] = 1u << NFPROTO_IPV4;
	box.wide[WIDE_SOURCE].high = UINT32_MAX;
	box.wide[WIDE_DESTINATION].high = UINT32_MAX;
	packet_region_add(region, &box);
}
