/* One question to a TCP port, answered on the loop without blocking: does it take a connection, and,
 * if a request is given, with which HTTP status does it answer (RFC 9112, section 4)? */
#ifndef HOLM_WIRE_NET_PROBE_NET_PROBE_H
#define HOLM_WIRE_NET_PROBE_NET_PROBE_H

#include "base/base.h"

struct loop;

struct net_probe_target {
	uint32_t ip; /* host byte order */
	uint16_t port;
	const char *request; /* text of an HTTP request, copied; NULL: the connection is all */
	uint64_t timeout_ms; /* for all of it */
};

struct net_probe_answer {
	unsigned status; /* HTTP status; 0: no request was made, or err */
	struct err err;  /* code 0: an answer came. "connect: Connection refused" */
	bool is_own;     /* err is about this machine (no descriptor left), not about the target */
};

struct net_probe;
typedef void (*net_probe_fn)(void *arg, const struct net_probe_answer *answer);

/* `done` runs once, later, and the probe is gone then. */
struct net_probe *net_probe_begin(struct loop *loop, const struct net_probe_target *target,
				  net_probe_fn done, void *arg);
struct net_probe *net_probe_cancel(struct net_probe *probe); /* NULL-safe, returns NULL */
/* The same after the loop has been freed. */
struct net_probe *net_probe_free(struct net_probe *probe);

#endif
