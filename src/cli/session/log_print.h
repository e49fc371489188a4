/* Log records (format of the container runtime interface, "TIME stream tag text") to lines on this
 * process's output and errors, as the program wrote them. */
#ifndef HOLM_CLI_SESSION_LOG_PRINT_H
#define HOLM_CLI_SESSION_LOG_PRINT_H

#include "base/base.h"

#define LOG_PRINT_LINE_MAX ((size_t)64 << 10)

struct log_print {
	FILE *out;
	FILE *err;
	bool has_names; /* each record begins with an instance's name and a blank; "-": not shown */
	bool shows_time;
	bool is_colored;
	struct buf line; /* of a record, not whole yet */
	FILE *open;      /* where the last line has no end yet, or NULL */
	char *open_name; /* the instance that it is of; meaningful then */
};
void log_print_init(struct log_print *print);
void log_print_fini(struct log_print *print);
/* In any pieces. -EPIPE and so on if it cannot be written. */
int log_print_feed(struct log_print *print, const char *data, size_t len);

/* What a path of the API tells of logs with names, until its end, to the command's output: an exit
 * code. */
struct cli_call;
struct remote;
int log_print_listen(const struct cli_call *call, const struct remote *remote, const char *path,
		     bool shows_time);

#endif
