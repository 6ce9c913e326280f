/*
 * A hash table of the objects of one kind, for up to a million: each costs its own size, 8 bytes,
 * and 2 to 4 bytes of the index. Objects lie in chunks and never move, so that pointers to them
 * hold until they are removed.
 *
 * An object can be marked; a dump clears all marks, marks what it names, and sweeps the rest.
 */
#pragma once

#include "netlink/netlink.h"

struct table {
	enum object_kind kind;
	uint8_t **chunks;
	uint32_t *buckets; /* slot of the first object, NO_SLOT for none */
	uint32_t bucket_count, chunk_count;
	uint32_t used;	 /* slots that were in use at some time; those beyond are untouched */
	uint32_t count;	 /* objects */
	uint32_t vacant; /* first of the chain of slots that are free again */
};

void table_init(struct table *table, enum object_kind kind);
void table_clear(struct table *table);

/* The object that object_same() says is the same, or NULL. */
void *table_find(const struct table *table, const void *object);

/* Objects of one hash, for look-ups by less than the whole: the first, or that after `cursor`. They
 * need not match; the caller compares. */
void *table_candidate(const struct table *table, uint32_t hash, const void *cursor);

/* Copies `object`, which is not in the table, into it. NULL when out of memory. */
void *table_add(struct table *table, const void *object);

/* `object` is a pointer that the table returned. */
void table_remove(struct table *table, const void *object);

/* All objects, in no stated order: from NULL to NULL. The object at the cursor may be removed once
 * the next one is known. */
void *table_next(const struct table *table, const void *cursor);

void table_clear_marks(struct table *table);
void table_mark(struct table *table, const void *object);
/* The next object without a mark, as table_next(). */
void *table_next_unmarked(const struct table *table, const void *cursor);
