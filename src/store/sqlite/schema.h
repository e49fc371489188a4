/* The layout of the file, with a version in it. */
#ifndef HOLM_STORE_SQLITE_SCHEMA_H
#define HOLM_STORE_SQLITE_SCHEMA_H

#include <sqlite3.h>

#include "base/err.h"

/* Sets "what: why" from the connection's last result, as an errno. */
int sqlite_error(sqlite3 *db, struct err *err, const char *what);
int sqlite_run(sqlite3 *db, const char *sql, struct err *err);

/* Creates the tables, or brings those of an earlier release up to date. -ENOTSUP for a later
 * release's, -EBADMSG for another program's or damaged ones. */
int schema_open(sqlite3 *db, struct err *err);

#endif
