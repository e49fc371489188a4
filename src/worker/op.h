/* One blocking step on an executor thread, and its result back on the loop.
 *
 * `run` touches only the op and what it was given; `done` decides nothing but records the result
 * and asks for the next tick. An op that the loop never finished is freed with the worker. */
#ifndef HOLM_WORKER_OP_H
#define HOLM_WORKER_OP_H

#include "base/base.h"
#include "loop/loop.h"

struct worker;

struct op {
	struct list node;
	struct worker *worker;
	enum executor executor;
	void (*run)(struct op *op);
	void (*done)(struct op *op);
	void (*fini)(struct op *op); /* releases what the embedding struct owns; may be NULL */
	int result;
	struct err err;
	struct cancel cancel;
};

/* The op is the first member of a heap object, which is freed after done. */
void op_begin(struct worker *worker, enum executor executor, struct op *op);
/* Those of this executor are to end soon. */
void op_cancel_all(struct list *ops, enum executor executor);
/* Those that are left, after the loop is gone. */
void op_free_all(struct list *ops);

#endif
