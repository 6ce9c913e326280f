/* The statements of the database, one place for all; prepared when first used. */
#pragma once

#include <sqlite3.h>

#include "store.h"

enum statement {
	STATEMENT_STATE_GET,
	STATEMENT_STATE_PUT,
	STATEMENT_STATE_DELETE,
	STATEMENT_ENTRY_INSERT,
	STATEMENT_ENTRY_END,
	STATEMENT_ENTRY_MARK,
	STATEMENT_ENTRY_GET,
	STATEMENT_ENTRY_PAGE,
	STATEMENT_ENTRY_FIRST_UNDONE,
	STATEMENT_ENTRY_APPLYING,
	STATEMENT_ENTRY_PENDING,
	STATEMENT_ENTRY_PRUNE,
	STATEMENT_ENTRY_SETTLE,
	STATEMENT_INTENT_PUT,
	STATEMENT_INTENT_DELETE,
	STATEMENT_INTENT_ALL,
	STATEMENT_INTENT_CLEAR,
	STATEMENT_INTENT_FORGET_DERIVED,
	STATEMENT_BEGIN,
	STATEMENT_COMMIT,
	STATEMENT_ROLLBACK,
	_STATEMENT_MAX
};

struct store {
	char *directory;
	bool in_memory;
	sqlite3 *database;
	sqlite3_stmt *statements[_STATEMENT_MAX];
};

/* The statement, reset and without bindings; NULL when it cannot be prepared. */
sqlite3_stmt *store_statement(struct store *store, enum statement which);
/* Runs a statement that returns no rows: 0 or -EIO. */
int store_run(struct store *store, sqlite3_stmt *statement);
/* Whether a commit waits for the disk. SQLite obeys this pragma while it is compiled, so it cannot
 * be a prepared statement. 0 or -EIO. */
int store_set_durable(struct store *store, bool durable);
/* Fills `error` with what SQLite says; returns its negative errno. */
int store_failed(struct store *store, const char *what, struct error *error);

void store_bind_text(sqlite3_stmt *statement, int index, const char *text);
/* `text` is borrowed until the statement has run. */
void store_bind_buffer(sqlite3_stmt *statement, int index, const struct text_buffer *text);
/* Binds the JSON in its compact form; NULL becomes SQL's. 0 or -ENOMEM. */
int store_bind_json(sqlite3_stmt *statement, int index, const json_t *json);
/* The column parsed as JSON, a new reference; NULL when it is NULL or does not parse. */
json_t *store_column_json(sqlite3_stmt *statement, int index);
