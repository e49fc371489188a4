/* Probes by a command in the instance, on an executor of their own: a command that hangs holds up other
 * such probes and nothing else. */
#ifndef HOLM_WORKER_LIFE_EXEC_PROBE_H
#define HOLM_WORKER_LIFE_EXEC_PROBE_H

#include "wire/net_probe/net_probe.h"

struct winst;
struct exec_probe;

struct exec_probe_target {
	struct strv cmd;
	uint32_t timeout_ms;
};

/* Good is exit code 0. `done` runs once, later, unless it is cancelled before; memory is the worker's.
 * The target is copied. */
struct exec_probe *exec_probe_begin(struct winst *inst, const struct exec_probe_target *target,
				    net_probe_fn done, void *arg);
void exec_probe_cancel(struct exec_probe *probe); /* NULL-safe */

#endif
