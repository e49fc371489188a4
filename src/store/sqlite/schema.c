/* Schema versions. A step is never changed once released: a later one is added behind it. */
#include <sqlite3.h>

#include "base/base.h"
#include "store/sqlite/schema.h"

#define APPLICATION_ID 0x486f6c6d /* "Holm", so that another program's file is told from ours */

/* steps[i] leads from version i to i + 1. */
static const char *const steps[] = {
	"CREATE TABLE documents (kind TEXT NOT NULL, id TEXT NOT NULL, body TEXT NOT NULL,"
	" PRIMARY KEY (kind, id)) STRICT, WITHOUT ROWID",
};
#define VERSION ((int)ARRAY_LEN(steps))

static int code_of(sqlite3 *db)
{
	int system_errno = sqlite3_system_errno(db);

	switch (sqlite3_errcode(db) & 0xff) {
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_NOTADB:
	case SQLITE_CORRUPT:
		return -EBADMSG;
	case SQLITE_READONLY:
	case SQLITE_PERM:
		return -EACCES;
	default:
		return system_errno > 0 ? -system_errno : -EIO;
	}
}

int sqlite_error(sqlite3 *db, struct err *err, const char *what)
{
	int code = code_of(db);

	if (code == -EBUSY)
		return err_set(err, code, "%s: another process has it open", what);
	return err_set(err, code, "%s: %s", what, sqlite3_errmsg(db));
}

int sqlite_run(sqlite3 *db, const char *sql, struct err *err)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return 0;
	return sqlite_error(db, err, sql);
}

/* First column of the first row. */
static int read_int(sqlite3 *db, const char *sql, int *ret, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int r = sqlite3_prepare_v2(db, sql, -1, &stmt, NULL);

	if (r == SQLITE_OK)
		r = sqlite3_step(stmt);
	if (r == SQLITE_ROW)
		*ret = sqlite3_column_int(stmt, 0);
	else
		sqlite_error(db, err, sql);
	sqlite3_finalize(stmt);
	return r == SQLITE_ROW ? 0 : err->code;
}

static int upgrade(sqlite3 *db, int from, struct err *err)
{
	char version[64];
	int r = sqlite_run(db, "BEGIN IMMEDIATE", err);

	if (r < 0)
		return r;
	for (int i = from; r == 0 && i < VERSION; i++)
		r = sqlite_run(db, steps[i], err);
	snprintf(version, sizeof(version), "PRAGMA user_version = %d", VERSION);
	if (r == 0)
		r = sqlite_run(db, version, err);
	snprintf(version, sizeof(version), "PRAGMA application_id = %d", APPLICATION_ID);
	if (r == 0)
		r = sqlite_run(db, version, err);
	if (r == 0)
		r = sqlite_run(db, "COMMIT", err);
	if (r < 0)
		sqlite3_exec(db, "ROLLBACK", NULL, NULL, NULL);
	return r;
}

static int check_identity(sqlite3 *db, int application, int version, struct err *err)
{
	int n_tables = 0;
	int r = read_int(db, "SELECT count(*) FROM sqlite_schema", &n_tables, err);

	if (r < 0)
		return r;
	if (application != APPLICATION_ID && (application || version || n_tables))
		return err_set(err, -EBADMSG, "it is the database of another program");
	if (version > VERSION)
		return err_set(err, -ENOTSUP,
			       "its schema has version %d, this release knows up to %d: start a "
			       "later release",
			       version, VERSION);
	return 0;
}

/* quick_check says "ok", or names the damage. */
static int check_damage(sqlite3 *db, struct err *err)
{
	sqlite3_stmt *stmt = NULL;
	int r = sqlite3_prepare_v2(db, "PRAGMA quick_check(1)", -1, &stmt, NULL);
	int code = 0;

	if (r == SQLITE_OK)
		r = sqlite3_step(stmt);
	if (r != SQLITE_ROW)
		code = sqlite_error(db, err, "check");
	else if (!str_eq((const char *)sqlite3_column_text(stmt, 0), "ok"))
		code = err_set(err, -EBADMSG, "it is damaged: %s", sqlite3_column_text(stmt, 0));
	sqlite3_finalize(stmt);
	return code;
}

int schema_open(sqlite3 *db, struct err *err)
{
	int application = 0;
	int version = 0;
	int r = read_int(db, "PRAGMA application_id", &application, err);

	if (r == 0)
		r = read_int(db, "PRAGMA user_version", &version, err);
	if (r == 0)
		r = check_identity(db, application, version, err);
	if (r == 0)
		r = check_damage(db, err);
	if (r == 0 && version < VERSION)
		r = upgrade(db, version, err);
	return r;
}
