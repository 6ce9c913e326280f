/*
 * Sets of packets, exactly: boxes with a span of values in each dimension, and lists of boxes.
 *
 * A packet is a point. Its dimensions are what rules can ask of it (enum packet_field), with three
 * liberties that make them independent of each other: addresses of both families are numbers of 128
 * bits in one dimension, and a box has one family only; the type of an ICMP message is the high
 * byte of where other protocols have the source port, as the kernel reads it; and what a packet may
 * lack (a transport header, a readable protocol, a local sender) has a value that says so.
 */
#pragma once

#include "packet.h"

__extension__ typedef unsigned __int128 uint128;

enum wide_dimension {
	WIDE_IN_LINK, /* a name, read as a number; 0 for none */
	WIDE_OUT_LINK,
	WIDE_SOURCE, /* an IPv4 address is the number that its 32 bits are */
	WIDE_DESTINATION,
	_WIDE_MAX
};

enum narrow_dimension {
	NARROW_PROTOCOL,    /* PACKET_PROTOCOL_NONE if it cannot be read */
	NARROW_SOURCE_PORT, /* the first two bytes of the transport header */
	NARROW_DESTINATION_PORT,
	NARROW_ORIGINAL_PORT,
	NARROW_HOP_LIMIT,
	NARROW_USER, /* PACKET_USER_NONE if nobody here sent it */
	_NARROW_MAX
};

/* Dimensions of few values: a bit for each value. */
enum choice_dimension {
	CHOICE_FAMILY,
	CHOICE_TRANSPORT, /* bit 1: the transport header is there to be read */
	CHOICE_STATE,	  /* the bits of enum packet_state themselves */
	CHOICE_PACKET_TYPE,
	CHOICE_SOURCE_TYPE,
	CHOICE_DESTINATION_TYPE,
	CHOICE_REVERSE_PATH,
	_CHOICE_MAX
};

/* Dimensions that are asked bit by bit. */
enum cube_dimension { CUBE_STATUS, CUBE_MARK, _CUBE_MAX };

struct wide_span {
	uint128 low, high; /* included */
};

struct narrow_span {
	uint32_t low, high;
};

struct bit_cube {
	uint32_t mask, value; /* all v with (v & mask) == value; value has no bit outside of mask */
};

/* Never empty in a dimension. */
struct packet_box {
	struct wide_span wide[_WIDE_MAX];
	struct narrow_span narrow[_NARROW_MAX];
	uint32_t choice[_CHOICE_MAX];
	struct bit_cube cube[_CUBE_MAX];
};

/* A list of boxes. After memory was exhausted, adding does nothing: who made one asks once, at the
 * end, for `failed`. Zeroed, it is the empty region. */
struct packet_region {
	struct packet_box *boxes;
	size_t count, room;
	bool failed;
};

void packet_region_clear(struct packet_region *region);
#define _cleanup_region_ _cleanup_(packet_region_clear)

void packet_region_add(struct packet_region *region, const struct packet_box *box);

/* All packets that can be at a hook; HOOK_NONE: all that there are. Disjoint boxes. */
void packet_region_of_hook(enum packet_hook hook, struct packet_region *region);

/* False if they have no packet in common. `ret` may be one of them. */
bool packet_box_intersect(const struct packet_box *a, const struct packet_box *b,
			  struct packet_box *ret);
/* Is all of `a` in `b`? */
bool packet_box_within(const struct packet_box *a, const struct packet_box *b);
bool packet_box_meets(const struct packet_box *a, const struct packet_box *b);

/* Adds what of `a` is not in `b`, as disjoint boxes. */
void packet_box_subtract(const struct packet_box *a, const struct packet_box *b,
			 struct packet_region *into);

/* Takes the box out of the region. */
void packet_region_subtract(struct packet_region *region, const struct packet_box *box);

bool packet_box_contains(const struct packet_box *box, const struct packet *packet);

/* A packet of the box with plausible values where the box leaves a choice. False if there is none:
 * the names between two names may all be impossible ones. */
bool packet_box_witness(const struct packet_box *box, struct packet *ret);

/* The box's part in which the field is there to be asked for: false if there is none. */
bool packet_box_having(const struct packet_box *box, enum packet_field field,
		       struct packet_box *ret);

/* The least and the greatest value of a field in the box, where the field is a number there: false
 * if it is a choice or bits. */
bool packet_box_span(const struct packet_box *box, enum packet_field field, uint128 *ret_low,
		     uint128 *ret_high);

/* Adds the part of the box in which low <= field <= high, the field being there. */
void packet_box_restrict(const struct packet_box *box, enum packet_field field,
			 const struct packet_value *low, const struct packet_value *high,
			 struct packet_region *into);

/* Adds the part of the box that a match without a set takes. Returns 0 or -EOPNOTSUPP. */
int packet_box_match(const struct packet_box *box, const struct match *match,
		     struct packet_region *into);

/* Keeps of the region what the match, without a set, takes. Returns 0, -EOPNOTSUPP or -ENOMEM. */
int packet_region_match(struct packet_region *region, const struct match *match);

/* The box in words, such as "IPv4 TCP from 10.0.0.0/24 to port 22 by eth0". */
void packet_box_describe(const struct packet_box *box, struct text_buffer *text);
