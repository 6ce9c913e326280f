#include "packet_set.h"

#include <errno.h>
#include <string.h>

#define SET_ROOM_FIRST 16

static unsigned stride(const struct packet_set *set)
{
	return set->intervals ? set->key_size * 2u : set->key_size;
}

static uint8_t *key_of(const struct packet_set *set, size_t number)
{
	return set->keys + number * stride(set);
}

void packet_set_clear(struct packet_set *set)
{
	free(set->keys);
	free(set->ids);
	free(set->slots);
	*set = (struct packet_set){0};
}

/* The index: open addressing, at most two thirds full */

static size_t key_hash(const struct packet_set *set, const uint8_t *key)
{
	uint64_t hash = 0xcbf29ce484222325;

	for (unsigned i = 0; i < stride(set); i++)
		hash = (hash ^ key[i]) * 0x100000001b3;
	return (size_t)(hash ^ hash >> 29) & (set->slot_count - 1);
}

/* The slot of the key, or the free one where it belongs. */
static size_t slot_of(const struct packet_set *set, const uint8_t *key)
{
	size_t slot = key_hash(set, key);

	while (set->slots[slot] && memcmp(key_of(set, set->slots[slot] - 1), key, stride(set)) != 0)
		slot = (slot + 1) & (set->slot_count - 1);
	return slot;
}

static int index_grow(struct packet_set *set)
{
	size_t count = MAX(set->slot_count * 2, (size_t)SET_ROOM_FIRST);
	uint32_t *slots = calloc(count, sizeof(slots[0]));

	if (!slots)
		return -ENOMEM;
	free(set->slots);
	set->slots = slots;
	set->slot_count = count;
	for (size_t i = 0; i < set->count; i++)
		slots[slot_of(set, key_of(set, i))] = (uint32_t)i + 1;
	return 0;
}

/* Frees a slot, and moves up those behind that a search would not find over the gap. */
static void index_free(struct packet_set *set, size_t slot)
{
	size_t mask = set->slot_count - 1;

	set->slots[slot] = 0;
	for (size_t i = (slot + 1) & mask; set->slots[i]; i = (i + 1) & mask) {
		size_t home = key_hash(set, key_of(set, set->slots[i] - 1));

		if (((i - home) & mask) < ((i - slot) & mask))
			continue;
		set->slots[slot] = set->slots[i];
		set->slots[i] = 0;
		slot = i;
	}
}

/* Elements */

static void key_write(const struct packet_set *set, const struct filter_element *element,
		      uint8_t *key)
{
	for (unsigned i = 0; i < set->field_count; i++) {
		unsigned width = field_of(set->fields[i])->width;

		memcpy(key + set->offsets[i], element->low[i].bytes, width);
		if (set->intervals)
			memcpy(key + set->key_size + set->offsets[i], element->high[i].bytes,
			       width);
	}
}

void packet_set_element(const struct packet_set *set, size_t number, struct filter_element *ret)
{
	const uint8_t *low = key_of(set, number);
	const uint8_t *high = set->intervals ? low + set->key_size : low;

	*ret = (struct filter_element){.id = set->ids[number]};
	for (unsigned i = 0; i < set->field_count; i++) {
		unsigned width = field_of(set->fields[i])->width;

		memcpy(ret->low[i].bytes, low + set->offsets[i], width);
		memcpy(ret->high[i].bytes, high + set->offsets[i], width);
	}
}

static bool is_range(const struct packet_set *set, const struct filter_element *element)
{
	for (unsigned i = 0; i < set->field_count; i++)
		if (memcmp(element->low[i].bytes, element->high[i].bytes,
			   field_of(set->fields[i])->width) != 0)
			return true;
	return false;
}

static int set_grow(struct packet_set *set)
{
	size_t room = MAX(set->room + set->room / 4, (size_t)SET_ROOM_FIRST);
	uint8_t *keys = reallocarray(set->keys, room, stride(set));
	uint64_t *ids = NULL;

	if (!keys)
		return -ENOMEM;
	set->keys = keys;
	ids = reallocarray(set->ids, room, sizeof(ids[0]));
	if (!ids)
		return -ENOMEM;
	set->ids = ids;
	set->room = room;
	return 0;
}

int packet_set_add(struct packet_set *set, const struct filter_element *element)
{
	uint8_t key[2 * MATCH_FIELDS_MAX * PACKET_VALUE_MAX];
	size_t slot;

	if (!set->intervals && is_range(set, element))
		return -EINVAL;
	if (set->count == set->room && set_grow(set) < 0)
		return -ENOMEM;
	if (set->count * 3 >= set->slot_count * 2 && index_grow(set) < 0)
		return -ENOMEM;

	key_write(set, element, key);
	slot = slot_of(set, key);
	if (set->slots[slot]) {
		set->ids[set->slots[slot] - 1] = element->id;
		return 1;
	}
	memcpy(key_of(set, set->count), key, stride(set));
	set->ids[set->count] = element->id;
	set->slots[slot] = (uint32_t)++set->count;
	return 0;
}

int packet_set_remove(struct packet_set *set, const struct filter_element *element)
{
	uint8_t key[2 * MATCH_FIELDS_MAX * PACKET_VALUE_MAX];
	size_t slot, number, last;

	if (set->count == 0 || (!set->intervals && is_range(set, element)))
		return -ENOENT;
	key_write(set, element, key);
	slot = slot_of(set, key);
	if (!set->slots[slot])
		return -ENOENT;

	number = set->slots[slot] - 1;
	index_free(set, slot);
	last = set->count - 1;
	if (number != last) {
		set->slots[slot_of(set, key_of(set, last))] = (uint32_t)number + 1;
		memcpy(key_of(set, number), key_of(set, last), stride(set));
		set->ids[number] = set->ids[last];
	}
	set->count--;
	return 0;
}

int packet_set_init(struct packet_set *set, const struct filter_set *from)
{
	int r;

	*set = (struct packet_set){
		.field_count = from->field_count,
		.intervals = from->intervals,
		.partial = from->unknown,
	};
	memcpy(set->name, from->name, sizeof(set->name));
	if (from->field_count == 0 || from->field_count > MATCH_FIELDS_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < from->field_count; i++) {
		if (from->fields[i] >= _FIELD_MAX)
			return -EINVAL;
		set->fields[i] = from->fields[i];
		set->offsets[i] = set->key_size;
		set->key_size += field_of(from->fields[i])->width;
	}
	for (size_t i = 0; i < from->element_count; i++) {
		r = packet_set_add(set, &from->elements[i]);
		if (r < 0) {
			packet_set_clear(set);
			return r;
		}
	}
	return 0;
}

/* Searching */

static inline uint128 load(const uint8_t *bytes, unsigned width)
{
	uint128 number = 0;

	switch (width) {
	case 1:
		return bytes[0];
	case 2:
		return (uint32_t)bytes[0] << 8 | bytes[1];
	default:
		for (unsigned i = 0; i < width; i += 4)
			number = number << 32 | (uint32_t)bytes[i] << 24 |
				 (uint32_t)bytes[i + 1] << 16 | (uint32_t)bytes[i + 2] << 8 |
				 bytes[i + 3];
		return number;
	}
}

void set_search_start(struct set_search *search, const struct packet_set *set,
		      const struct packet_box *box)
{
	struct packet_box having = *box, next;
	uint128 low, high;

	*search = (struct set_search){.set = set};
	for (unsigned i = 0; i < set->field_count; i++) {
		if (!packet_box_having(&having, set->fields[i], &next)) {
			search->nothing = true;
			return;
		}
		having = next;
	}
	for (unsigned i = 0; i < set->field_count; i++) {
		unsigned width = field_of(set->fields[i])->width;
		uint128 greatest = (uint128)-1 >> (128 - 8 * width);

		if (!packet_box_span(&having, set->fields[i], &low, &high) ||
		    (low == 0 && high >= greatest))
			continue;
		search->spans[search->count].field = (uint8_t)i;
		search->spans[search->count].low = low;
		search->spans[search->count++].high = high;
	}
}

static bool search_meets(const struct set_search *search, const uint8_t *key)
{
	const struct packet_set *set = search->set;

	for (unsigned i = 0; i < search->count; i++) {
		unsigned field = search->spans[i].field;
		unsigned width = field_of(set->fields[field])->width;
		uint128 low = load(key + set->offsets[field], width), high = low;

		if (set->intervals)
			high = load(key + set->key_size + set->offsets[field], width);
		if (high < search->spans[i].low || low > search->spans[i].high)
			return false;
	}
	return true;
}

size_t set_search_next(struct set_search *search)
{
	if (search->nothing)
		return SIZE_MAX;
	while (search->next < search->set->count) {
		size_t number = search->next++;

		if (search_meets(search, key_of(search->set, number)))
			return number;
	}
	return SIZE_MAX;
}

void filter_element_take(const struct packet_set *set, const struct filter_element *element,
			 const struct packet_box *box, struct packet_region *into)
{
	_cleanup_region_ struct packet_region taken = {0};

	packet_region_add(&taken, box);
	for (unsigned i = 0; i < set->field_count; i++) {
		_cleanup_region_ struct packet_region whole = taken;

		taken = (struct packet_region){.failed = whole.failed};
		for (size_t j = 0; j < whole.count; j++)
			packet_box_restrict(&whole.boxes[j], set->fields[i], &element->low[i],
					    &element->high[i], &taken);
	}
	for (size_t i = 0; i < taken.count; i++)
		packet_region_add(into, &taken.boxes[i]);
	into->failed |= taken.failed;
}

void packet_set_take(const struct packet_set *set, size_t number, const struct packet_box *box,
		     struct packet_region *into)
{
	struct filter_element element;

	packet_set_element(set, number, &element);
	filter_element_take(set, &element, box, into);
}

size_t packet_set_find(const struct packet_set *set, const struct packet *packet)
{
	struct packet_value values[MATCH_FIELDS_MAX];

	for (unsigned i = 0; i < set->field_count; i++)
		if (!packet_field_value(packet, set->fields[i], &values[i]))
			return SIZE_MAX;

	for (size_t number = 0; number < set->count; number++) {
		const uint8_t *low = key_of(set, number);
		const uint8_t *high = set->intervals ? low + set->key_size : low;
		unsigned i = 0;

		for (; i < set->field_count; i++) {
			unsigned offset = set->offsets[i], width = field_of(set->fields[i])->width;

			if (memcmp(values[i].bytes, low + offset, width) < 0 ||
			    memcmp(values[i].bytes, high + offset, width) > 0)
				break;
		}
		if (i == set->field_count)
			return number;
	}
	return SIZE_MAX;
}
