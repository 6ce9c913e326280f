#include <string.h>
#include <sys/stat.h>

#include "store-internal.h"

#define SCHEMA_VERSION 1

static const char schema[] =
	"CREATE TABLE state (kind TEXT, key TEXT, value TEXT NOT NULL, PRIMARY KEY (kind, key))"
	" WITHOUT ROWID;"
	"CREATE TABLE intent (id TEXT PRIMARY KEY, parent TEXT NOT NULL, resource TEXT NOT NULL)"
	" WITHOUT ROWID;"
	"CREATE TABLE entry (number INTEGER PRIMARY KEY AUTOINCREMENT, time INTEGER NOT NULL,"
	" state TEXT NOT NULL, deadline INTEGER NOT NULL DEFAULT 0, tool TEXT NOT NULL,"
	" owner TEXT NOT NULL, reason TEXT NOT NULL, goal TEXT NOT NULL, changes TEXT, steps TEXT,"
	" words TEXT NOT NULL DEFAULT '');"
	"CREATE INDEX entry_open ON entry (state) WHERE state IN ('applying', 'pending');"
	"PRAGMA user_version = 1;";

#define ENTRY_COLUMNS                                                                              \
	"number, time, state, deadline, tool, owner, reason, goal, words, changes, steps"

static const char *const statement_text[_STATEMENT_MAX] = {
	[STATEMENT_STATE_GET] = "SELECT value FROM state WHERE kind = ?1 AND key = ?2",
	[STATEMENT_STATE_PUT] = "INSERT OR REPLACE INTO state VALUES (?1, ?2, ?3)",
	[STATEMENT_STATE_DELETE] = "DELETE FROM state WHERE kind = ?1 AND key = ?2",
	[STATEMENT_ENTRY_INSERT] =
		"INSERT INTO entry (time, state, tool, owner, reason, goal, changes, steps)"
		" VALUES (?1, 'applying', ?2, ?3, ?4, ?5, ?6, ?7)",
	[STATEMENT_ENTRY_END] = "UPDATE entry SET state = ?2, deadline = ?3 WHERE number = ?1",
	[STATEMENT_ENTRY_MARK] =
		"UPDATE entry SET state = ?2, deadline = 0, words = ?3 WHERE number = ?1",
	[STATEMENT_ENTRY_GET] = "SELECT " ENTRY_COLUMNS " FROM entry WHERE number = ?1",
	[STATEMENT_ENTRY_PAGE] = "SELECT " ENTRY_COLUMNS " FROM entry WHERE number < ?1"
				 " AND state != 'applying' ORDER BY number DESC LIMIT ?2",
	[STATEMENT_ENTRY_FIRST_UNDONE] = "SELECT number FROM entry WHERE number >= ?1"
					 " AND number < ?2 AND state = 'undone' ORDER BY number"
					 " LIMIT 1",
	[STATEMENT_ENTRY_APPLYING] =
		"SELECT " ENTRY_COLUMNS " FROM entry WHERE state = 'applying' ORDER BY number DESC",
	[STATEMENT_ENTRY_PENDING] =
		"SELECT " ENTRY_COLUMNS " FROM entry WHERE state = 'pending' ORDER BY number",
	[STATEMENT_ENTRY_PRUNE] =
		"DELETE FROM entry WHERE number <= (SELECT max(number) FROM entry) - ?1"
		" AND state NOT IN ('applying', 'pending')",
	[STATEMENT_ENTRY_SETTLE] =
		"UPDATE entry SET state = 'rolled_back', words = 'its end could not be written'"
		" WHERE state = 'applying'",
	[STATEMENT_INTENT_PUT] = "INSERT OR REPLACE INTO intent VALUES (?1, ?2, ?3)",
	[STATEMENT_INTENT_DELETE] = "DELETE FROM intent WHERE id = ?1",
	[STATEMENT_INTENT_ALL] = "SELECT resource FROM intent",
	[STATEMENT_INTENT_CLEAR] = "DELETE FROM intent",
	[STATEMENT_INTENT_FORGET_DERIVED] = "DELETE FROM intent WHERE parent != ''",
	[STATEMENT_BEGIN] = "BEGIN IMMEDIATE",
	[STATEMENT_COMMIT] = "COMMIT",
	[STATEMENT_ROLLBACK] = "ROLLBACK",
};

int store_failed(struct store *store, const char *what, struct error *error)
{
	int code = sqlite3_extended_errcode(store->database);
	bool damaged = (code & 0xff) == SQLITE_CORRUPT || (code & 0xff) == SQLITE_NOTADB;
	int r = error_set(error, damaged ? ERROR_STORE_CORRUPT : ERROR_STORE_FAILED, NULL, "%s: %s",
			  what, sqlite3_errmsg(store->database));

	error_hint(error, "check the state directory: free space, permissions, the disk's health");
	return r;
}

sqlite3_stmt *store_statement(struct store *store, enum statement which)
{
	sqlite3_stmt **statement = &store->statements[which];

	if (*statement) {
		sqlite3_reset(*statement);
		sqlite3_clear_bindings(*statement);
	} else if (sqlite3_prepare_v3(store->database, statement_text[which], -1,
				      SQLITE_PREPARE_PERSISTENT, statement, NULL) != SQLITE_OK) {
		return NULL;
	}
	return *statement;
}

int store_run(struct store *store, sqlite3_stmt *statement)
{
	int code;

	if (!statement)
		return -EIO;
	code = sqlite3_step(statement);
	while (code == SQLITE_ROW)
		code = sqlite3_step(statement);
	sqlite3_reset(statement);
	return code == SQLITE_DONE ? 0 : -EIO;
}

int store_set_durable(struct store *store, bool durable)
{
	const char *pragma = durable ? "PRAGMA synchronous = FULL" : "PRAGMA synchronous = NORMAL";

	return sqlite3_exec(store->database, pragma, NULL, NULL, NULL) == SQLITE_OK ? 0 : -EIO;
}

void store_bind_text(sqlite3_stmt *statement, int index, const char *text)
{
	sqlite3_bind_text(statement, index, text, -1, SQLITE_STATIC);
}

void store_bind_buffer(sqlite3_stmt *statement, int index, const struct text_buffer *text)
{
	sqlite3_bind_text64(statement, index, text->data, text->length, SQLITE_STATIC, SQLITE_UTF8);
}

int store_bind_json(sqlite3_stmt *statement, int index, const json_t *json)
{
	struct text_buffer text = {0};

	if (!json)
		return 0;
	text_buffer_json(&text, json);
	if (!text_buffer_ok(&text)) {
		text_buffer_clear(&text);
		return -ENOMEM;
	}
	sqlite3_bind_text64(statement, index, text.data, text.length, free, SQLITE_UTF8);
	return 0;
}

json_t *store_column_json(sqlite3_stmt *statement, int index)
{
	const char *text = (const char *)sqlite3_column_text(statement, index);

	return text ? json_loads(text, 0, NULL) : NULL;
}

static int schema_create(struct store *store, struct error *error)
{
	sqlite3_stmt *statement = NULL;
	int version = -1;

	if (sqlite3_prepare_v2(store->database, "PRAGMA user_version", -1, &statement, NULL) ==
		    SQLITE_OK &&
	    sqlite3_step(statement) == SQLITE_ROW)
		version = sqlite3_column_int(statement, 0);
	sqlite3_finalize(statement);

	if (version == SCHEMA_VERSION)
		return 0;
	if (version > SCHEMA_VERSION)
		return error_set(error, ERROR_STORE_FAILED, NULL,
				 "the state database is of a newer version (%d, this is %d)",
				 version, SCHEMA_VERSION);
	if (version < 0 ||
	    sqlite3_exec(store->database, "BEGIN IMMEDIATE", NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(store->database, schema, NULL, NULL, NULL) != SQLITE_OK ||
	    sqlite3_exec(store->database, "COMMIT", NULL, NULL, NULL) != SQLITE_OK)
		return store_failed(store, "cannot create the state database", error);
	return 0;
}

/* One process alone uses the database: exclusive locking spares the shared index file, if it is
 * asked for before anything is read; on a full disk there would be no room for it. */
static const char settings[] = "PRAGMA locking_mode = EXCLUSIVE; PRAGMA synchronous = OFF;"
			       "PRAGMA cache_size = -128;"
			       "PRAGMA journal_size_limit = 1048576; PRAGMA temp_store = MEMORY;"
			       "PRAGMA journal_mode = WAL;";

/*
 * Opens the file, or makes it. A new database is made without waiting for the disk, since the
 * network waits for it and it holds nothing yet: what a power cut leaves of it is set aside by
 * store_open().
 */
static int open_file(struct store *store, const char *path, struct error *error)
{
	int r;

	if (sqlite3_open_v2(path, &store->database,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX |
				    SQLITE_OPEN_NOFOLLOW,
			    NULL) != SQLITE_OK)
		return store_failed(store, "cannot open the state database", error);
	if (chmod(path, 0600) < 0)
		return error_set(error, ERROR_STORE_FAILED, NULL, "cannot protect %s: %s", path,
				 strerror(errno));
	if (sqlite3_exec(store->database, settings, NULL, NULL, NULL) != SQLITE_OK)
		return store_failed(store, "cannot set up the state database", error);
	r = schema_create(store, error);
	if (r >= 0 && store_set_durable(store, false) < 0)
		r = store_failed(store, "cannot set up the state database", error);
	return r;
}

/* Moves a damaged database out of the way, with its log: a host without its history is on the
 * network, one whose daemon does not start is not. */
static int set_aside(const char *path, struct error *error)
{
	static const char *const parts[] = {"", "-wal", "-shm"};
	char from[4096 + 8], to[4096 + 24];

	for (unsigned i = 0; i < ARRAY_SIZE(parts); i++) {
		snprintf(from, sizeof(from), "%s%s", path, parts[i]);
		snprintf(to, sizeof(to), "%s.damaged%s", path, parts[i]);
		if (rename(from, to) < 0 && errno != ENOENT)
			return error_set(error, ERROR_STORE_FAILED, NULL, "cannot set %s aside: %s",
					 from, strerror(errno));
	}
	log_warning("the state database was damaged and is set aside as %s.damaged", path);
	return 0;
}

static struct store *store_new(const char *directory)
{
	struct store *store = calloc(1, sizeof(*store));

	if (store)
		store->directory = strdup(directory);
	if (store && !store->directory)
		store_close(TAKE_PTR(store));
	return store;
}

/* Makes the directory (not its parents) and keeps others out of it. */
static int directory_make(const char *path, struct error *error)
{
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return error_set(error, ERROR_STORE_FAILED, NULL,
				 "cannot make the state directory %s: %s", path, strerror(errno));
	return 0;
}

int store_open(struct store **ret, const char *directory, struct error *error)
{
	_cleanup_(store_cleanup) struct store *store = store_new(directory);
	struct error found;
	char path[4096];
	int r;

	if (!store)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot open the database");
	r = directory_make(directory, error);
	if (r < 0)
		return r;
	if (snprintf(path, sizeof(path), "%s/aiosnet.db", directory) >= (int)sizeof(path))
		return error_set(error, ERROR_STORE_FAILED, NULL, "the state path is too long");

	r = open_file(store, path, &found);
	if (r < 0 && found.code == ERROR_STORE_CORRUPT) {
		sqlite3_close(TAKE_PTR(store->database));
		r = set_aside(path, error);
		if (r < 0)
			return r;
		r = open_file(store, path, &found);
	}
	if (r < 0) {
		if (error)
			*error = found;
		return r;
	}
	*ret = TAKE_PTR(store);
	return 0;
}

int store_open_in_memory(struct store **ret, const char *directory, struct error *error)
{
	_cleanup_(store_cleanup) struct store *store = store_new(directory);
	int r;

	if (!store)
		return error_set(error, ERROR_OUT_OF_MEMORY, NULL, "cannot open the database");
	store->in_memory = true;
	if (sqlite3_open_v2(":memory:", &store->database,
			    SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE | SQLITE_OPEN_NOMUTEX,
			    NULL) != SQLITE_OK)
		return store_failed(store, "cannot make a database in memory", error);
	r = schema_create(store, error);
	if (r >= 0)
		*ret = TAKE_PTR(store);
	return r;
}

bool store_is_in_memory(const struct store *store)
{
	return store->in_memory;
}

int store_move_to_disk(struct store **store, struct error *error)
{
	struct store *on_disk;
	int r = store_open(&on_disk, (*store)->directory, error);

	if (r < 0)
		return r;
	store_close(*store);
	*store = on_disk;
	return 0;
}

void store_close(struct store *store)
{
	for (unsigned i = 0; i < _STATEMENT_MAX; i++)
		sqlite3_finalize(store->statements[i]);
	sqlite3_close(store->database);
	free(store->directory);
	free(store);
}

int store_renew(struct store **store, struct error *error)
{
	_cleanup_(cleanup_free) char *directory = TAKE_PTR((*store)->directory);
	char path[4096];
	int r;

	store_close(TAKE_PTR(*store));
	snprintf(path, sizeof(path), "%s/aiosnet.db", directory);
	r = set_aside(path, error);
	return r < 0 ? r : store_open(store, directory, error);
}

int store_get(struct store *store, const char *kind, const char *key, json_t **ret)
{
	sqlite3_stmt *statement = store_statement(store, STATEMENT_STATE_GET);
	json_t *value;
	int code;

	if (!statement)
		return -EIO;
	store_bind_text(statement, 1, kind);
	store_bind_text(statement, 2, key);
	code = sqlite3_step(statement);
	value = code == SQLITE_ROW ? store_column_json(statement, 0) : NULL;
	sqlite3_reset(statement);

	if (code != SQLITE_ROW)
		return code == SQLITE_DONE ? -ENOENT : -EIO;
	if (!value)
		return -EUCLEAN;
	if (ret)
		*ret = value;
	else
		json_decref(value);
	return 0;
}

int store_put(struct store *store, const char *kind, const char *key, const json_t *value)
{
	sqlite3_stmt *statement = store_statement(store, STATEMENT_STATE_PUT);

	if (!statement)
		return -EIO;
	store_bind_text(statement, 1, kind);
	store_bind_text(statement, 2, key);
	if (store_bind_json(statement, 3, value) < 0)
		return -ENOMEM;
	return store_run(store, statement);
}

int store_delete(struct store *store, const char *kind, const char *key)
{
	sqlite3_stmt *statement = store_statement(store, STATEMENT_STATE_DELETE);

	if (!statement)
		return -EIO;
	store_bind_text(statement, 1, kind);
	store_bind_text(statement, 2, key);
	return store_run(store, statement);
}
