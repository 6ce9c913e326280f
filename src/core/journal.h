/*
 * The journal: transactions and intent in the database.
 *
 * A transaction is written as `applying` with all of its steps before the first one is done, and as
 * `committed` together with the intent that it made, in one SQLite transaction. What is `applying`
 * when the database is opened was cut off by a crash.
 */
#pragma once

#include "store.h"
#include "transaction.h"

struct journal_entry {
	uint64_t number;
	usec_t time; /* realtime */
	const char *tool;
	const struct provenance *provenance;
	const struct text_buffer *changes, *steps; /* JSON arrays; borrowed */
};

/* Writes the entry as `applying` and returns its number. */
int journal_begin(struct store *store, const struct journal_entry *entry, uint64_t *ret,
		  struct error *error);

/* Opens the SQLite transaction that ends an entry; intent is written between these two. */
int journal_commit_begin(struct store *store, bool durable, struct error *error);
int journal_put_resource(struct store *store, const struct resource *resource, struct error *error);
int journal_delete_resource(struct store *store, const char *id, struct error *error);
int journal_commit_end(struct store *store, uint64_t number, enum transaction_state state,
		       usec_t deadline, struct error *error);
void journal_commit_abort(struct store *store);

/* Writes all of intent anew, from `first` on, and ends what is still `applying`: when the database
 * had fallen behind, and no transaction is under way. */
int journal_catch_up(struct store *store, const struct resource *first, struct error *error);

/* Marks the end of an entry that did not come to be, or that a later one undid. */
int journal_mark(struct store *store, uint64_t number, enum transaction_state state,
		 const char *words, struct error *error);

/* All rows: each is passed as JSON (borrowed) until the function returns other than 0. */
typedef int (*journal_row_t)(json_t *row, void *userdata);
int journal_each_resource(struct store *store, journal_row_t row, void *userdata,
			  struct error *error);
/* Entries with state `applying` (newest first), or `pending` (oldest first). */
int journal_each_in_state(struct store *store, const char *state, journal_row_t row, void *userdata,
			  struct error *error);
/* One entry whole, -ENOENT when there is none. */
int journal_get(struct store *store, uint64_t number, json_t **ret, struct error *error);
/* The lowest number of an undone entry, from `least` up to but without `below`; 0 for none. */
uint64_t journal_first_undone(struct store *store, uint64_t least, uint64_t below);
int journal_page(struct store *store, uint64_t before, unsigned limit, bool changes, json_t **ret,
		 struct error *error);
/* Removes all derived resources (of another boot), and the oldest entries beyond `keep`. */
int journal_forget_derived(struct store *store, struct error *error);
int journal_prune(struct store *store, unsigned keep, struct error *error);
