/* Names and addresses by which this machine's API is called, for its certificate. */
#ifndef HOLM_DAEMON_NAMES_H
#define HOLM_DAEMON_NAMES_H

#include "base/base.h"

/* Those of loopback, `hostname`, the listening address (of the wildcard: all that the machine has now, but
 * for Holm's own and link-local ones), and `more`; each once, in an order that stays. */
void names_collect(const char *hostname, const char *address, const struct strv *more,
		   struct strv *ret);

#endif
