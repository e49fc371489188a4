/* Parts of a log in the format of the container runtime interface ("TIME stream tag text\n"), found
 * without reading what lies before them. */
#ifndef HOLM_WORKER_LOGS_RANGE_H
#define HOLM_WORKER_LOGS_RANGE_H

#include "base/base.h"

#define LOG_STAMP_SIZE 36 /* "2026-11-23T13:18:02.123456789Z", whose order is that of time */

void log_stamp(uint64_t unix_ms, char out[LOG_STAMP_SIZE]);

/* Where the first record of this time or a later one begins, by bisection; the end if there is
 * none. A file of one log grows in time, unless the clock was set back. */
int64_t log_find_since(int fd, const char *stamp);
/* Where the last n records begin; *ret_found tells how many there are, n at most. */
int64_t log_find_tail(int fd, uint32_t n, uint32_t *ret_found);

/* What is kept of records. */
struct log_filter {
	char until[LOG_STAMP_SIZE]; /* none later; "": any */
	char stream;                /* 'o' of stdout, 'e' of stderr, 0: both */
};
/* Adds the records among `data`, whole ones, that pass. False once one is too late. */
bool log_filter_add(const struct log_filter *filter, const char *data, size_t len, struct buf *out);

#endif
