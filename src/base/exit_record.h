/* How a supervised process ended: a file that its supervisor leaves for whoever looks later. */
#ifndef HOLM_BASE_EXIT_RECORD_H
#define HOLM_BASE_EXIT_RECORD_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"

#define EXIT_TAIL_MAX   8192 /* bytes kept of each stream */
#define EXIT_CAUSE_SIZE 32

struct exit_record {
	int code;          /* exit code; meaningless when signal is not 0 */
	int signal;        /* that ended it, or 0 */
	bool is_timeout;   /* its supervisor killed it at its time limit */
	uint64_t ended_ms; /* unix time */
	/* A word (a-z and -) that the program itself gave as the reason of its end, or "". */
	char cause[EXIT_CAUSE_SIZE];
	char *errors; /* end of standard error, never NULL once read */
	char *output; /* end of standard output, the same */
};

/* Atomically; bytes of the tails beyond EXIT_TAIL_MAX are cut off at the front. */
int exit_record_write(const char *path, const struct exit_record *record, struct err *err);

/* -ENOENT if there is none, -EBADMSG if it is damaged. */
int exit_record_read(const char *path, struct exit_record *ret, struct err *err);
void exit_record_fini(struct exit_record *record);

#endif
