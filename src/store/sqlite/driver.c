/* Documents in one SQLite file: write-ahead log, synced at every commit, open in one process. */
#include <fcntl.h>

#include <sqlite3.h>

#include "base/base.h"
#include "store/sqlite/schema.h"
#include "store/store.h"

#define BUSY_MS 1000 /* for a predecessor that is on its way out */

struct sqlite {
	sqlite3 *db;
	sqlite3_stmt *put;
	sqlite3_stmt *delete;
};

/* Exclusive locking keeps a second server out, and the log's index in our own memory. */
static const char *const settings[] = {
	"PRAGMA locking_mode = EXCLUSIVE",     "PRAGMA journal_mode = WAL",
	"PRAGMA synchronous = FULL",           "PRAGMA cache_size = -512",
	"PRAGMA journal_size_limit = 4194304",
};

static void sqlite_close_all(void *state)
{
	struct sqlite *s = state;

	sqlite3_finalize(s->put);
	sqlite3_finalize(s->delete);
	sqlite3_close(s->db);
	free(s);
}
DEFINE_AUTO(sqlite_close_all, struct sqlite *)

/* Only its owner may read the file; the log gets the same mode. */
static int make_file(const char *path, struct err *err)
{
	auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);

	return fd < 0 ? err_errno(err, "open") : 0;
}

static int prepare(struct sqlite *s, sqlite3_stmt **ret, const char *sql, struct err *err)
{
	if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, ret, NULL) == SQLITE_OK)
		return 0;
	return sqlite_error(s->db, err, sql);
}

static int set_up(struct sqlite *s, struct err *err)
{
	int r = 0;

	sqlite3_busy_timeout(s->db, BUSY_MS);
	for (size_t i = 0; r == 0 && i < ARRAY_LEN(settings); i++)
		r = sqlite_run(s->db, settings[i], err);
	if (r == 0)
		r = schema_open(s->db, err);
	if (r == 0)
		r = prepare(s, &s->put,
			    "INSERT INTO documents (kind, id, body) VALUES (?1, ?2, ?3)"
			    " ON CONFLICT (kind, id) DO UPDATE SET body = excluded.body",
			    err);
	if (r == 0)
		r = prepare(s, &s->delete, "DELETE FROM documents WHERE kind = ?1 AND id = ?2",
			    err);
	return r;
}

static int sqlite_open(const char *where, void **ret, struct err *err)
{
	auto_(sqlite_close_all) struct sqlite *s = NEW(struct sqlite);
	int r = make_file(where, err);

	if (r == 0 && sqlite3_open_v2(where, &s->db, SQLITE_OPEN_READWRITE, NULL) != SQLITE_OK)
		r = sqlite_error(s->db, err, "open");
	if (r == 0)
		r = set_up(s, err);
	if (r < 0)
		return err_wrap(err, "open store %s", where);
	*ret = TAKE(s);
	return 0;
}

static int load_row(sqlite3_stmt *row, store_load_fn fn, void *arg, struct err *err)
{
	return fn(arg, (const char *)sqlite3_column_text(row, 0),
		  (const char *)sqlite3_column_text(row, 1),
		  (const char *)sqlite3_column_text(row, 2), err);
}

static int sqlite_load(void *state, store_load_fn fn, void *arg, struct err *err)
{
	struct sqlite *s = state;
	sqlite3_stmt *rows = NULL;
	int code = prepare(s, &rows, "SELECT kind, id, body FROM documents ORDER BY kind, id", err);
	int r = SQLITE_ROW;

	while (code == 0 && (r = sqlite3_step(rows)) == SQLITE_ROW)
		code = load_row(rows, fn, arg, err);
	if (code == 0 && r != SQLITE_DONE)
		code = sqlite_error(s->db, err, "load store");
	sqlite3_finalize(rows);
	return code;
}

static int apply(struct sqlite *s, const struct store_change *change, struct err *err)
{
	sqlite3_stmt *stmt = change->body ? s->put : s->delete;
	int r = sqlite3_bind_text(stmt, 1, change->kind, -1, SQLITE_STATIC);

	if (r == SQLITE_OK)
		r = sqlite3_bind_text(stmt, 2, change->id, -1, SQLITE_STATIC);
	if (r == SQLITE_OK && change->body)
		r = sqlite3_bind_text(stmt, 3, change->body, -1, SQLITE_STATIC);
	if (r == SQLITE_OK)
		r = sqlite3_step(stmt);
	if (r != SQLITE_DONE)
		sqlite_error(s->db, err, "write");
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return r == SQLITE_DONE ? 0 : err->code;
}

static int sqlite_commit(void *state, const struct store_batch *const *batches, size_t n,
			 struct err *err)
{
	struct sqlite *s = state;
	int r = sqlite_run(s->db, "BEGIN IMMEDIATE", err);

	for (size_t i = 0; r == 0 && i < n; i++)
		for (size_t j = 0; r == 0 && j < batches[i]->n; j++)
			r = apply(s, &batches[i]->changes[j], err);
	if (r == 0)
		r = sqlite_run(s->db, "COMMIT", err);
	if (r == 0)
		return 0;
	/* Some errors have rolled back by themselves. */
	if (!sqlite3_get_autocommit(s->db))
		sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
	return err_wrap(err, "commit to store");
}

const struct store_driver store_sqlite = {
	.name = "sqlite",
	.open = sqlite_open,
	.close = sqlite_close_all,
	.load = sqlite_load,
	.commit = sqlite_commit,
};
