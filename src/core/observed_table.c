#include "observed_table.h"

#define CHUNK_SLOTS	64u
#define NO_SLOT		0x3fffffffu /* of the low 30 bits */
#define SLOT_LIVE	0x80000000u
#define SLOT_MARKED	0x40000000u
#define BUCKETS_MIN	16u
#define BUCKET_LOAD_MAX 2u /* objects a bucket, before the index doubles */

/* What is before each object: an iteration goes on from the object alone. */
struct slot {
	uint32_t state; /* flags, and the next slot of the chain */
	uint32_t number;
};

/* A multiple of what either of both has to be aligned to. */
static size_t slot_size(const struct table *table)
{
	return sizeof(struct slot) + object_size(table->kind);
}

static struct slot *slot_at(const struct table *table, uint32_t number)
{
	return (struct slot *)(void *)(table->chunks[number / CHUNK_SLOTS] +
				       number % CHUNK_SLOTS * slot_size(table));
}

static uint32_t *slot_state(const struct table *table, uint32_t slot)
{
	return &slot_at(table, slot)->state;
}

static void *slot_object(const struct table *table, uint32_t slot)
{
	return slot_at(table, slot) + 1;
}

static uint32_t slot_of(const void *object)
{
	return ((const struct slot *)object - 1)->number;
}

static uint32_t slot_next(const struct table *table, uint32_t slot)
{
	return *slot_state(table, slot) & NO_SLOT;
}

static void slot_set_next(const struct table *table, uint32_t slot, uint32_t next)
{
	uint32_t *state = slot_state(table, slot);

	*state = (*state & ~NO_SLOT) | next;
}

static uint32_t *bucket(const struct table *table, uint32_t hash)
{
	return &table->buckets[hash & (table->bucket_count - 1)];
}

void table_init(struct table *table, enum object_kind kind)
{
	*table = (struct table){.kind = kind, .vacant = NO_SLOT};
}

void table_clear(struct table *table)
{
	for (uint32_t i = 0; i < table->chunk_count; i++)
		free(table->chunks[i]);
	free(table->chunks);
	free(table->buckets);
	table_init(table, table->kind);
}

/* ---- look-ups ---- */

static void *chain_object(const struct table *table, uint32_t slot)
{
	return slot == NO_SLOT ? NULL : slot_object(table, slot);
}

void *table_candidate(const struct table *table, uint32_t hash, const void *cursor)
{
	if (!table->buckets)
		return NULL;
	if (!cursor)
		return chain_object(table, *bucket(table, hash));
	return chain_object(table, slot_next(table, slot_of(cursor)));
}

void *table_find(const struct table *table, const void *object)
{
	uint32_t slot;

	if (!table->buckets)
		return NULL;
	slot = *bucket(table, object_hash(table->kind, object));
	while (slot != NO_SLOT && !object_same(table->kind, slot_object(table, slot), object))
		slot = slot_next(table, slot);
	return chain_object(table, slot);
}

/* ---- changes ---- */

static void chain_insert(struct table *table, uint32_t slot)
{
	uint32_t *head = bucket(table, object_hash(table->kind, slot_object(table, slot)));

	slot_set_next(table, slot, *head);
	*head = slot;
}

static int index_resize(struct table *table, uint32_t bucket_count)
{
	uint32_t *buckets = malloc(bucket_count * sizeof(*buckets));

	if (!buckets)
		return -ENOMEM;
	for (uint32_t i = 0; i < bucket_count; i++)
		buckets[i] = NO_SLOT;
	free(table->buckets);
	table->buckets = buckets;
	table->bucket_count = bucket_count;
	for (uint32_t slot = 0; slot < table->used; slot++)
		if (*slot_state(table, slot) & SLOT_LIVE)
			chain_insert(table, slot);
	return 0;
}

static int chunk_add(struct table *table)
{
	uint8_t **chunks =
		reallocarray(table->chunks, table->chunk_count + 1, sizeof(*table->chunks));

	if (!chunks)
		return -ENOMEM;
	table->chunks = chunks;
	chunks[table->chunk_count] = malloc(CHUNK_SLOTS * slot_size(table));
	if (!chunks[table->chunk_count])
		return -ENOMEM;
	table->chunk_count++;
	return 0;
}

static int slot_take(struct table *table, uint32_t *ret)
{
	if (table->vacant != NO_SLOT) {
		*ret = table->vacant;
		table->vacant = slot_next(table, table->vacant);
		return 0;
	}
	if (table->used == table->chunk_count * CHUNK_SLOTS) {
		int r = chunk_add(table);

		if (r < 0)
			return r;
	}
	*ret = table->used++;
	return 0;
}

void *table_add(struct table *table, const void *object)
{
	uint32_t slot;

	if (!table->buckets && index_resize(table, BUCKETS_MIN) < 0)
		return NULL;
	/* An index that cannot grow makes look-ups slower, not wrong. */
	if (table->count >= table->bucket_count * BUCKET_LOAD_MAX)
		(void)index_resize(table, table->bucket_count * 2);
	if (slot_take(table, &slot) < 0)
		return NULL;
	*slot_at(table, slot) = (struct slot){.state = SLOT_LIVE, .number = slot};
	memcpy(slot_object(table, slot), object, object_size(table->kind));
	chain_insert(table, slot);
	table->count++;
	return slot_object(table, slot);
}

static void chain_remove(struct table *table, uint32_t slot, uint32_t hash)
{
	uint32_t *head = bucket(table, hash), at = *head;

	if (at == slot) {
		*head = slot_next(table, slot);
		return;
	}
	while (slot_next(table, at) != slot)
		at = slot_next(table, at);
	slot_set_next(table, at, slot_next(table, slot));
}

void table_remove(struct table *table, const void *object)
{
	uint32_t slot = slot_of(object);

	chain_remove(table, slot, object_hash(table->kind, object));
	*slot_state(table, slot) = table->vacant;
	table->vacant = slot;
	table->count--;
	/* The last one gone gives the memory of a large table back. */
	if (table->count == 0)
		table_clear(table);
}

/* ---- iteration ---- */

static void *next_where(const struct table *table, const void *cursor, uint32_t mask,
			uint32_t wanted)
{
	for (uint32_t slot = cursor ? slot_of(cursor) + 1 : 0; slot < table->used; slot++)
		if ((*slot_state(table, slot) & mask) == wanted)
			return slot_object(table, slot);
	return NULL;
}

void *table_next(const struct table *table, const void *cursor)
{
	return next_where(table, cursor, SLOT_LIVE, SLOT_LIVE);
}

void *table_next_unmarked(const struct table *table, const void *cursor)
{
	return next_where(table, cursor, SLOT_LIVE | SLOT_MARKED, SLOT_LIVE);
}

void table_clear_marks(struct table *table)
{
	for (uint32_t slot = 0; slot < table->used; slot++)
		*slot_state(table, slot) &= ~SLOT_MARKED;
}

void table_mark(struct table *table, const void *object)
{
	*slot_state(table, slot_of(object)) |= SLOT_MARKED;
}
