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

void packet_set_clear(struct packet_set *set)
{
	free(set->keys);
	free(set->ids);
	*set = (struct packet_set){0};
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

static int set_grow(struct packet_set *set, size_t more)
{
	size_t room = MAX(set->room + set->room / 4, (size_t)SET_ROOM_FIRST);
	uint8_t *keys = NULL;
	uint64_t *ids = NULL;

	room = MAX(room, set->count + more);
	keys = reallocarray(set->keys, room, stride(set));
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

/* The number of the first element whose key is not below this one. */
static size_t lower_bound(const struct packet_set *set, const uint8_t *key, size_t size)
{
	size_t low = 0, high = set->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;

		if (memcmp(key_of(set, middle), key, size) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static bool has_key(const struct packet_set *set, size_t number, const uint8_t *key)
{
	return number < set->count && memcmp(key_of(set, number), key, stride(set)) == 0;
}

static void note_width(struct packet_set *set, const uint8_t *key)
{
	unsigned width = field_of(set->fields[set->field_count - 1])->width;

	if (set->intervals)
		set->widest = MAX(set->widest, load(key + set->key_size, width) - load(key, width));
}

int packet_set_add(struct packet_set *set, const struct filter_element *element)
{
	uint8_t key[2 * MATCH_FIELDS_MAX * PACKET_VALUE_MAX];
	size_t number;

	if (!set->intervals && is_range(set, element))
		return -EINVAL;
	if (set->count == set->room && set_grow(set, 1) < 0)
		return -ENOMEM;

	key_write(set, element, key);
	number = lower_bound(set, key, stride(set));
	if (has_key(set, number, key)) {
		set->ids[number] = element->id;
		return 1;
	}
	memmove(key_of(set, number + 1), key_of(set, number), (set->count - number) * stride(set));
	memmove(&set->ids[number + 1], &set->ids[number],
		(set->count - number) * sizeof(set->ids[0]));
	memcpy(key_of(set, number), key, stride(set));
	set->ids[number] = element->id;
	set->count++;
	note_width(set, key);
	return 0;
}

int packet_set_remove(struct packet_set *set, const struct filter_element *element)
{
	uint8_t key[2 * MATCH_FIELDS_MAX * PACKET_VALUE_MAX];
	size_t number, behind;

	if (!set->intervals && is_range(set, element))
		return -ENOENT;
	key_write(set, element, key);
	number = lower_bound(set, key, stride(set));
	if (!has_key(set, number, key))
		return -ENOENT;
	behind = --set->count - number;
	memmove(key_of(set, number), key_of(set, number + 1), behind * stride(set));
	memmove(&set->ids[number], &set->ids[number + 1], behind * sizeof(set->ids[0]));
	return 0;
}

/* ---- many at once ---- */

static int by_key(const void *a, const void *b, void *userdata)
{
	return memcmp(a, b, stride(userdata));
}

/* Keys with their ids behind, sorted; of one key only the last of these stays. */
static void take_sorted(struct packet_set *set, const uint8_t *rows, size_t count)
{
	size_t size = stride(set), row = size + sizeof(set->ids[0]);

	for (size_t i = 0; i < count; i++) {
		const uint8_t *key = rows + i * row;

		if (set->count > 0 && has_key(set, set->count - 1, key))
			set->count--;
		memcpy(key_of(set, set->count), key, size);
		memcpy(&set->ids[set->count++], key + size, sizeof(set->ids[0]));
		note_width(set, key);
	}
}

static int set_fill(struct packet_set *set, const struct filter_set *from)
{
	size_t size = stride(set), row = size + sizeof(set->ids[0]);
	_cleanup_(cleanup_free) uint8_t *rows = NULL;

	if (from->element_count == 0)
		return 0;
	rows = reallocarray(NULL, from->element_count, row);
	if (!rows || set_grow(set, from->element_count) < 0)
		return -ENOMEM;
	for (size_t i = 0; i < from->element_count; i++) {
		const struct filter_element *element = &from->elements[i];

		if (!set->intervals && is_range(set, element))
			return -EINVAL;
		key_write(set, element, rows + i * row);
		memcpy(rows + i * row + size, &element->id, sizeof(element->id));
	}
	qsort_r(rows, from->element_count, row, by_key, set);
	take_sorted(set, rows, from->element_count);
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
	if (from->unknown && from->field_count == 0)
		return 0; /* nothing is known of it but its name: no look-up fits it */
	if (from->field_count == 0 || from->field_count > MATCH_FIELDS_MAX)
		return -EINVAL;
	for (unsigned i = 0; i < from->field_count; i++)
		if (from->fields[i] >= _FIELD_MAX)
			return -EINVAL;
	memcpy(set->fields, from->fields, from->field_count);
	/* The last field comes first. */
	for (unsigned n = 0; n < from->field_count; n++) {
		unsigned i = (n + from->field_count - 1) % from->field_count;

		set->offsets[i] = set->key_size;
		set->key_size += field_of(from->fields[i])->width;
	}
	r = set_fill(set, from);
	if (r < 0)
		packet_set_clear(set);
	return r;
}

/* Searching */

bool packet_set_takes(const struct packet_set *set, const uint8_t *fields, size_t count)
{
	if (count != set->field_count)
		return false;
	for (size_t i = 0; i < count; i++)
		if (fields[i] >= _FIELD_MAX ||
		    field_of(fields[i])->width != field_of(set->fields[i])->width)
			return false;
	return true;
}

/* Which elements are worth a look, by the field that they are sorted by. */
static void search_bound(struct set_search *search, const struct packet_set *set, uint128 low,
			 uint128 high)
{
	unsigned width = field_of(set->fields[set->field_count - 1])->width;
	uint8_t key[PACKET_VALUE_MAX];

	low = low > set->widest ? low - set->widest : 0;
	for (unsigned i = width; i-- > 0; low >>= 8)
		key[i] = (uint8_t)low;
	search->next = lower_bound(set, key, width);
	if (high >= (uint128)-1 >> (128 - 8 * width))
		return;
	high++;
	for (unsigned i = width; i-- > 0; high >>= 8)
		key[i] = (uint8_t)high;
	search->end = lower_bound(set, key, width);
}

void set_search_start(struct set_search *search, const struct packet_set *set,
		      const uint8_t *fields, const struct packet_box *box)
{
	struct packet_box having = *box, next;
	uint128 low, high;

	*search = (struct set_search){.set = set};
	for (unsigned i = 0; i < set->field_count; i++) {
		if (!packet_box_having(&having, fields[i], &next))
			return;
		having = next;
	}
	search->end = set->count;
	for (unsigned i = 0; i < set->field_count; i++) {
		unsigned width = field_of(set->fields[i])->width;
		uint128 greatest = (uint128)-1 >> (128 - 8 * width);

		if (!packet_box_span(&having, fields[i], &low, &high) ||
		    (low == 0 && high >= greatest))
			continue;
		search->spans[search->count].offset = set->offsets[i];
		search->spans[search->count].width = (uint8_t)width;
		search->spans[search->count].low = low;
		search->spans[search->count++].high = high;
		if (i + 1 == set->field_count)
			search_bound(search, set, low, high);
	}
}

static bool search_meets(const struct set_search *search, const uint8_t *key)
{
	const struct packet_set *set = search->set;

	for (unsigned i = 0; i < search->count; i++) {
		unsigned offset = search->spans[i].offset, width = search->spans[i].width;
		uint128 low = load(key + offset, width), high = low;

		if (set->intervals)
			high = load(key + set->key_size + offset, width);
		if (high < search->spans[i].low || low > search->spans[i].high)
			return false;
	}
	return true;
}

size_t set_search_next(struct set_search *search)
{
	while (search->next < search->end) {
		size_t number = search->next++;

		if (search_meets(search, key_of(search->set, number)))
			return number;
	}
	return SIZE_MAX;
}

void filter_element_take(const struct filter_element *element, const uint8_t *fields, size_t count,
			 const struct packet_box *box, struct packet_region *into)
{
	_cleanup_region_ struct packet_region taken = {0};

	packet_region_add(&taken, box);
	for (size_t i = 0; i < count; i++) {
		_cleanup_region_ struct packet_region whole = taken;

		taken = (struct packet_region){.failed = whole.failed};
		for (size_t j = 0; j < whole.count; j++)
			packet_box_restrict(&whole.boxes[j], fields[i], &element->low[i],
					    &element->high[i], &taken);
	}
	for (size_t i = 0; i < taken.count; i++)
		packet_region_add(into, &taken.boxes[i]);
	into->failed |= taken.failed;
}

void packet_set_take(const struct packet_set *set, const uint8_t *fields, size_t number,
		     const struct packet_box *box, struct packet_region *into)
{
	struct filter_element element;

	packet_set_element(set, number, &element);
	filter_element_take(&element, fields, set->field_count, box, into);
}

static bool is_in(const struct packet_set *set, size_t number, const struct packet_value *values)
{
	const uint8_t *low = key_of(set, number);
	const uint8_t *high = set->intervals ? low + set->key_size : low;

	for (unsigned i = 0; i < set->field_count; i++) {
		unsigned offset = set->offsets[i], width = field_of(set->fields[i])->width;

		if (memcmp(values[i].bytes, low + offset, width) < 0 ||
		    memcmp(values[i].bytes, high + offset, width) > 0)
			return false;
	}
	return true;
}

size_t packet_set_find(const struct packet_set *set, const uint8_t *fields,
		       const struct packet *packet)
{
	struct packet_value values[MATCH_FIELDS_MAX];

	for (unsigned i = 0; i < set->field_count; i++)
		if (!packet_field_value(packet, fields[i], &values[i]))
			return SIZE_MAX;
	for (size_t number = 0; number < set->count; number++)
		if (is_in(set, number, values))
			return number;
	return SIZE_MAX;
}
