/*
 * The database under intent, journal and history: one SQLite file, in WAL mode.
 *
 * What fsync waits for. A killed process loses nothing that was committed, because the pages are
 * already the kernel's: so the journal entry before a change is written without fsync. A power cut
 * takes the kernel's network state with it, so a journal entry that it also takes is not missed.
 * Only the commit of a change that somebody asked for is flushed to the disk, before the answer.
 */
#pragma once

#include "resource.h"

struct store;

/* Opens the database in `directory`, which is made (not its parents) when it is not there. */
int store_open(struct store **ret, const char *directory, struct error *error);
/* The same in memory alone, for as long as the directory cannot be written; store_move_to_disk()
 * then puts a database on the disk in its place. What was there in memory is not taken along: the
 * caller knows intent. */
int store_open_in_memory(struct store **ret, const char *directory, struct error *error);
bool store_is_in_memory(const struct store *store);
int store_move_to_disk(struct store **store, struct error *error);
void store_close(struct store *store);
/* Sets the database aside, since it is damaged, and opens a new one; `*store` is NULL on failure.
 */
int store_renew(struct store **store, struct error *error);
DEFINE_CLEANUP(struct store *, store_cleanup, store_close)

/* Small values of rooms, by kind and key: leases, the last boot. `ret` is NULL-able; -ENOENT when
 * there is none. Values are JSON objects of at most 64 kB. */
int store_get(struct store *store, const char *kind, const char *key, json_t **ret);
int store_put(struct store *store, const char *kind, const char *key, const json_t *value);
int store_delete(struct store *store, const char *kind, const char *key);
