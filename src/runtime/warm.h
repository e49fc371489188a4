/* Machines that wait, with the state of a booted guest loaded and halted, to be an instance at once. */
#ifndef HOLM_RUNTIME_WARM_H
#define HOLM_RUNTIME_WARM_H

#include "base/base.h"

struct runtime_ctx;
struct runtime_spec;

#define WARM_PER_LABEL 2 /* most machines of one service that wait */

/* Each spec is that of an instance, which the machines of its warm_label are made like. */
struct runtime_warm_wish {
	const struct runtime_spec **specs;
	size_t n;
	uint64_t max_bytes; /* of all that wait */
};

struct runtime_warm_use {
	uint32_t machines;
	uint64_t bytes; /* the guests' memory and what QEMU has beside it */
};

/* A driver's; any thread may call them. */
struct runtime_warm_ops {
	/* Ends what is wished no more, is not as wished, has ended, or is beyond max_bytes; then
	 * makes one machine if one is lacking and has room. 1: another is lacking. */
	int (*tend)(void *state, const struct runtime_warm_wish *wish,
		    const struct runtime_ctx *ctx, struct err *err);
	/* Keeps one for this instance, before it has a link: a process in the network namespace that is
	 * to be the instance's. 0: there is none. */
	pid_t (*reserve)(void *state, const char *label, const char *instance_id);
	/* Ends machines until those beside the instance's own have at most max_bytes; -EBUSY if they
	 * do not end. */
	int (*trim)(void *state, const char *instance_id, uint64_t max_bytes, struct err *err);
	void (*look)(void *state, struct runtime_warm_use *ret);
};

#endif
