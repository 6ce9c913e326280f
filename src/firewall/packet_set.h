/*
 * The elements of one set, kept small: what a proof looks through.
 *
 * An element is its key's bytes (twice those of a set of ranges) and the id of its rule of intent:
 * 11 bytes for a protocol and a port, 46 for a range of IPv6 addresses with them. They are sorted
 * by the last field of the key, which is the port where there is one: by it, a box that has few
 * ports finds its elements among many, and the other fields are looked at one by one.
 */
#pragma once

#include "packet_space.h"

struct packet_set {
	char name[RULESET_NAME_MAX];
	uint8_t field_count, fields[MATCH_FIELDS_MAX];
	uint8_t offsets[MATCH_FIELDS_MAX]; /* of the fields in a key; the last one comes first */
	uint8_t key_size;
	bool intervals; /* a key's lowest value is followed by its highest */
	bool partial;	/* there may be more elements than these */
	uint8_t *keys;	/* sorted bytewise */
	uint64_t *ids;
	size_t count, room;
	uint128 widest; /* the greatest length of a range in the last field, less one */
};

/* Takes the set's name, fields and elements. One whose elements were not read has to be `unknown`.
 * Returns 0, -ENOMEM, or -EINVAL for fields that are none. */
int packet_set_init(struct packet_set *set, const struct filter_set *from);
void packet_set_clear(struct packet_set *set);

/* Returns 0, 1 if it has that key already (the id is then the new one), -ENOMEM, or -EINVAL for a
 * range in a set that has none. */
int packet_set_add(struct packet_set *set, const struct filter_element *element);

/* Returns 0, or -ENOENT. */
int packet_set_remove(struct packet_set *set, const struct filter_element *element);

/* Makes the element with this number from its bytes. */
void packet_set_element(const struct packet_set *set, size_t number, struct filter_element *ret);

/* A rule may look into a set by other fields of the same width than those that the set was made
 * for: so what follows is told the fields. */

/* Whether a look-up by these fields is possible. */
bool packet_set_takes(const struct packet_set *set, const uint8_t *fields, size_t count);

/* Looking for the elements that may have a packet in common with a box. */
struct set_search {
	const struct packet_set *set;
	size_t next, end;
	uint8_t count;
	struct {
		uint8_t offset, width; /* in a key */
		uint128 low, high;
	} spans[MATCH_FIELDS_MAX];
};

void set_search_start(struct set_search *search, const struct packet_set *set,
		      const uint8_t *fields, const struct packet_box *box);
/* The number of the next one, or SIZE_MAX. */
size_t set_search_next(struct set_search *search);

/* Adds the packets of the box that an element takes. */
void packet_set_take(const struct packet_set *set, const uint8_t *fields, size_t number,
		     const struct packet_box *box, struct packet_region *into);
void filter_element_take(const struct filter_element *element, const uint8_t *fields, size_t count,
			 const struct packet_box *box, struct packet_region *into);

/* The number of the first element that the packet is in; SIZE_MAX for none. */
size_t packet_set_find(const struct packet_set *set, const uint8_t *fields,
		       const struct packet *packet);
