#include "journal.h"

#include <string.h>

#include "store-internal.h"

int journal_begin(struct store *store, const struct journal_entry *entry, uint64_t *ret,
		  struct error *error)
{
	sqlite3_stmt *statement = store_statement(store, STATEMENT_ENTRY_INSERT);

	if (!statement)
		return store_failed(store, "cannot write the journal", error);
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)entry->time);
	store_bind_text(statement, 2, entry->tool);
	store_bind_text(statement, 3, entry->provenance->owner);
	store_bind_text(statement, 4, entry->provenance->reason);
	store_bind_text(statement, 5, entry->provenance->goal);
	store_bind_buffer(statement, 6, entry->changes);
	store_bind_buffer(statement, 7, entry->steps);
	if (store_run(store, statement) < 0)
		return store_failed(store, "cannot write the journal", error);
	*ret = (uint64_t)sqlite3_last_insert_rowid(store->database);
	return 0;
}

int journal_commit_begin(struct store *store, bool durable, struct error *error)
{
	if (durable && store_set_durable(store, true) < 0)
		return store_failed(store, "cannot commit", error);
	if (store_run(store, store_statement(store, STATEMENT_BEGIN)) < 0)
		return store_failed(store, "cannot commit", error);
	return 0;
}

int journal_put_resource(struct store *store, const struct resource *resource, struct error *error)
{
	_cleanup_json_ json_t *json = resource_to_json(resource);
	sqlite3_stmt *statement = store_statement(store, STATEMENT_INTENT_PUT);

	if (!json)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot store intent");
	if (!statement)
		return store_failed(store, "cannot store intent", error);
	store_bind_text(statement, 1, resource->id);
	store_bind_text(statement, 2, resource->parent);
	if (store_bind_json(statement, 3, json) < 0)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot store intent");
	if (store_run(store, statement) < 0)
		return store_failed(store, "cannot store intent", error);
	return 0;
}

int journal_delete_resource(struct store *store, const char *id, struct error *error)
{
	sqlite3_stmt *statement = store_statement(store, STATEMENT_INTENT_DELETE);

	if (!statement)
		return store_failed(store, "cannot store intent", error);
	store_bind_text(statement, 1, id);
	if (store_run(store, statement) < 0)
		return store_failed(store, "cannot store intent", error);
	return 0;
}

int journal_commit_end(struct store *store, uint64_t number, enum transaction_state state,
		       usec_t deadline, struct error *error)
{
	sqlite3_stmt *statement = store_statement(store, STATEMENT_ENTRY_END);

	if (!statement)
		return store_failed(store, "cannot commit", error);
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)number);
	store_bind_text(statement, 2, transaction_state_text(state));
	sqlite3_bind_int64(statement, 3, (sqlite3_int64)deadline);
	if (store_run(store, statement) < 0 ||
	    store_run(store, store_statement(store, STATEMENT_COMMIT)) < 0)
		return store_failed(store, "cannot commit", error);
	/* It is committed: that later commits wait for the disk too is only slower. */
	if (store_set_durable(store, false) < 0)
		log_error("cannot leave the durable mode: %s", sqlite3_errmsg(store->database));
	return 0;
}

void journal_commit_abort(struct store *store)
{
	/* SQLite rolls back by itself on most failures; then there is nothing left to roll back. */
	if (!sqlite3_get_autocommit(store->database) &&
	    store_run(store, store_statement(store, STATEMENT_ROLLBACK)) < 0)
		log_error("cannot roll the database back: %s", sqlite3_errmsg(store->database));
	if (store_set_durable(store, false) < 0)
		log_error("cannot leave the durable mode: %s", sqlite3_errmsg(store->database));
}

int journal_catch_up(struct store *store, const struct resource *first, struct error *error)
{
	int r = journal_commit_begin(store, false, error);

	if (r >= 0 && (store_run(store, store_statement(store, STATEMENT_INTENT_CLEAR)) < 0 ||
		       store_run(store, store_statement(store, STATEMENT_ENTRY_SETTLE)) < 0))
		r = store_failed(store, "cannot store intent", error);
	for (const struct resource *resource = first; r >= 0 && resource;
	     resource = resource->hh.next)
		r = journal_put_resource(store, resource, error);
	if (r >= 0 && store_run(store, store_statement(store, STATEMENT_COMMIT)) < 0)
		r = store_failed(store, "cannot store intent", error);
	if (r < 0)
		journal_commit_abort(store);
	return r;
}

int journal_mark(struct store *store, uint64_t number, enum transaction_state state,
		 const char *words, struct error *error)
{
	sqlite3_stmt *statement = store_statement(store, STATEMENT_ENTRY_MARK);

	if (!statement)
		return store_failed(store, "cannot write the journal", error);
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)number);
	store_bind_text(statement, 2, transaction_state_text(state));
	store_bind_text(statement, 3, words);
	if (store_run(store, statement) < 0)
		return store_failed(store, "cannot write the journal", error);
	return 0;
}

/* A row of ENTRY_COLUMNS; the two JSON columns only when asked for. */
static json_t *entry_from_row(sqlite3_stmt *row, bool whole)
{
	static const char *const text_columns[] = {[2] = "state",  [4] = "tool", [5] = "owner",
						   [6] = "reason", [7] = "goal", [8] = "words"};
	json_t *entry = json_object();
	int r = json_put(entry, "number", json_integer(sqlite3_column_int64(row, 0))) |
		json_put(entry, "time", json_integer(sqlite3_column_int64(row, 1)));

	if (sqlite3_column_int64(row, 3))
		r |= json_put(entry, "deadline", json_integer(sqlite3_column_int64(row, 3)));
	for (int i = 0; i < (int)ARRAY_SIZE(text_columns); i++)
		if (text_columns[i])
			r |= json_put(entry, text_columns[i],
				      json_string((const char *)sqlite3_column_text(row, i)));
	if (whole) {
		r |= json_put(entry, "changes", store_column_json(row, 9) ?: json_array());
		r |= json_put(entry, "steps", store_column_json(row, 10) ?: json_array());
	}
	if (r < 0) {
		json_decref(entry);
		return NULL;
	}
	return entry;
}

/* Steps through the rows of `statement`; `make` builds the JSON of one. */
static int each_row(struct store *store, sqlite3_stmt *statement,
		    json_t *(*make)(sqlite3_stmt *row), journal_row_t row, void *userdata,
		    struct error *error)
{
	int code, r = 0;

	if (!statement)
		return store_failed(store, "cannot read the database", error);
	while (r == 0 && (code = sqlite3_step(statement)) == SQLITE_ROW) {
		_cleanup_json_ json_t *json = make(statement);

		r = json ? row(json, userdata)
			 : error_set(error, ERROR_STORE_CORRUPT, NULL, "a row does not parse");
	}
	if (r == 0 && code != SQLITE_DONE)
		r = store_failed(store, "cannot read the database", error);
	sqlite3_reset(statement);
	return r;
}

/* What does not parse is no resource either, and whoever reads it says so. */
static json_t *resource_row(sqlite3_stmt *row)
{
	return store_column_json(row, 0) ?: json_object();
}

static json_t *entry_row(sqlite3_stmt *row)
{
	return entry_from_row(row, true);
}

static json_t *entry_row_short(sqlite3_stmt *row)
{
	return entry_from_row(row, false);
}

static int collect_row(json_t *row, void *userdata)
{
	return json_array_append(userdata, row) < 0 ? -ENOMEM : 0;
}

int journal_each_resource(struct store *store, journal_row_t row, void *userdata,
			  struct error *error)
{
	return each_row(store, store_statement(store, STATEMENT_INTENT_ALL), resource_row, row,
			userdata, error);
}

int journal_each_in_state(struct store *store, const char *state, journal_row_t row, void *userdata,
			  struct error *error)
{
	bool applying = strcmp(state, "applying") == 0;
	json_t *(*make)(sqlite3_stmt *) = applying ? entry_row : entry_row_short;
	_cleanup_json_ json_t *entries = json_array();
	json_t *entry;
	size_t i;
	int r;

	if (!entries)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot read the journal");

	/* Collected first: the caller writes to the table that is being read. */
	r = each_row(store,
		     store_statement(store,
				     applying ? STATEMENT_ENTRY_APPLYING : STATEMENT_ENTRY_PENDING),
		     make, collect_row, entries, error);
	json_array_foreach(entries, i, entry) {
		if (r != 0)
			break;
		r = row(entry, userdata);
	}
	return r;
}

int journal_get(struct store *store, uint64_t number, json_t **ret, struct error *error)
{
	sqlite3_stmt *statement = store_statement(store, STATEMENT_ENTRY_GET);
	_cleanup_json_ json_t *entries = json_array();
	int r;

	if (statement)
		sqlite3_bind_int64(statement, 1, (sqlite3_int64)number);
	r = each_row(store, statement, entry_row, collect_row, entries, error);
	if (r < 0)
		return r;
	if (json_array_size(entries) == 0)
		return error_set(error, ERROR_TX_UNKNOWN, "transaction",
				 "there is no transaction %llu", (unsigned long long)number);
	*ret = json_incref(json_array_get(entries, 0));
	return 0;
}

uint64_t journal_first_undone(struct store *store, uint64_t least, uint64_t below)
{
	sqlite3_stmt *statement = store_statement(store, STATEMENT_ENTRY_FIRST_UNDONE);
	uint64_t number = 0;

	if (!statement)
		return 0;
	sqlite3_bind_int64(statement, 1, (sqlite3_int64)least);
	sqlite3_bind_int64(statement, 2, (sqlite3_int64)below);
	if (sqlite3_step(statement) == SQLITE_ROW)
		number = (uint64_t)sqlite3_column_int64(statement, 0);
	sqlite3_reset(statement);
	return number;
}

int journal_page(struct store *store, uint64_t before, unsigned limit, bool changes, json_t **ret,
		 struct error *error)
{
	sqlite3_stmt *statement = store_statement(store, STATEMENT_ENTRY_PAGE);
	_cleanup_json_ json_t *entries = json_array();
	int r;

	if (statement) {
		sqlite3_bind_int64(statement, 1,
				   before && before < INT64_MAX ? (sqlite3_int64)before
								: INT64_MAX);
		sqlite3_bind_int64(statement, 2, limit);
	}
	r = each_row(store, statement, changes ? entry_row : entry_row_short, collect_row, entries,
		     error);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(entries);
	return 0;
}

int journal_forget_derived(struct store *store, struct error *error)
{
	if (store_run(store, store_statement(store, STATEMENT_INTENT_FORGET_DERIVED)) < 0)
		return store_failed(store, "cannot forget what another boot had derived", error);
	return 0;
}

int journal_prune(struct store *store, unsigned keep, struct error *error)
{
	sqlite3_stmt *statement = store_statement(store, STATEMENT_ENTRY_PRUNE);

	if (statement)
		sqlite3_bind_int64(statement, 1, keep);
	if (store_run(store, statement) < 0)
		return store_failed(store, "cannot prune the journal", error);
	return 0;
}
