/*
 * The elements of one set, kept small: what a proof looks through.
 *
 * An element is its key's bytes (twice those of a set of ranges), the id of its rule of intent and
 * a place in an index: 22 bytes for a protocol and a port, 54 for a range of IPv6 addresses with
 * them. Adding, removing and finding one takes the same time however many there are; looking for
 * those that a box meets looks at all of them, at first at the field in which the box is narrow.
 */
#pragma once

#include "packet_space.h"

struct packet_set {
	char name[RULESET_NAME_MAX];
	uint8_t field_count, fields[MATCH_FIELDS_MAX];
	uint8_t offsets[MATCH_FIELDS_MAX]; /* of the fields in a key */
	uint8_t key_size;
	bool intervals; /* a key's lowest value is followed by its highest */
	bool partial;	/* there may be more elements than these */
	uint8_t *keys;
	uint64_t *ids;
	size_t count, room;
	uint32_t *slots; /* the index: number of an element plus 1, or 0 */
	size_t slot_count;
};

/* Takes the set's name, fields and elements. Returns 0, -ENOMEM, or -EINVAL for fields that are
 * none. */
int packet_set_init(struct packet_set *set, const struct filter_set *from);
void packet_set_clear(struct packet_set *set);

/* Returns 0, 1 if it has that key already (the id is then the new one), -ENOMEM, or -EINVAL for a
 * range in a set that has none. */
int packet_set_add(struct packet_set *set, const struct filter_element *element);

/* Returns 0, or -ENOENT. The last element takes the place of the removed one. */
int packet_set_remove(struct packet_set *set, const struct filter_element *element);

/* Makes the element with this number from its bytes. */
void packet_set_element(const struct packet_set *set, size_t number, struct filter_element *ret);

/* Looking for the elements that may have a packet in common with a box. */
struct set_search {
	const struct packet_set *set;
	size_t next;
	bool nothing; /* the box has not all fields of the key */
	uint8_t count;
	struct {
		uint8_t field;
		uint128 low, high;
	} spans[MATCH_FIELDS_MAX];
};

void set_search_start(struct set_search *search, const struct packet_set *set,
		      const struct packet_box *box);
/* The number of the next one, or SIZE_MAX. */
size_t set_search_next(struct set_search *search);

/* Adds the packets of the box that an element takes. */
void packet_set_take(const struct packet_set *set, size_t number, const struct packet_box *box,
		     struct packet_region *into);
void filter_element_take(const struct packet_set *set, const struct filter_element *element,
			 const struct packet_box *box, struct packet_region *into);

/* The number of the first element that the packet is in; SIZE_MAX for none. */
size_t packet_set_find(const struct packet_set *set, const struct packet *packet);
