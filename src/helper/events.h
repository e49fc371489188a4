/* What QEMU says of itself: a connection to its monitor that is there from its first moment to its end, so
 * that no event is missed. Of these the reason of its shutdown is kept. Nothing is asked on it. */
#ifndef HOLM_HELPER_EVENTS_H
#define HOLM_HELPER_EVENTS_H

#include "base/base.h"
#include "base/exit_record.h"

#define EVENTS_LINE_MAX 1024 /* a longer one is none of interest */

struct events {
	int fd; /* -1: none */
	char line[EVENTS_LINE_MAX];
	size_t len;
	char cause[EXIT_CAUSE_SIZE]; /* "guest-shutdown", "guest-reset", "host-qmp-quit", …; or "" */
};

/* `ret_other` is QEMU's end, the caller's. */
int events_open(struct events *events, int *ret_other, struct err *err);
/* All that there is; does not wait. False once nothing more can come. */
bool events_read(struct events *events);

#endif
