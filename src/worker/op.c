/* Running ops. */
#include "worker/op.h"
#include "worker/private.h"

static void op_free(struct op *op)
{
	list_remove(&op->node);
	if (op->fini)
		op->fini(op);
	free(op);
}

static void on_run(void *arg)
{
	struct op *op = arg;

	if (cancel_is_set(&op->cancel))
		op->result = err_set(&op->err, -ECANCELED, "cancelled");
	else
		op->run(op);
}

static void on_done(void *arg)
{
	struct op *op = arg;

	op->done(op);
	op_free(op);
}

void op_begin(struct worker *worker, enum executor executor, struct op *op)
{
	op->worker = worker;
	op->executor = executor;
	list_push(&worker->ops, &op->node);
	work_begin(worker->config.loop, executor, on_run, on_done, op);
}

void op_cancel_all(struct list *ops, enum executor executor)
{
	for (struct list *at = ops->next; at != ops; at = at->next) {
		struct op *op = container_of(at, struct op, node);

		if (op->executor == executor)
			cancel_set(&op->cancel);
	}
}

void op_free_all(struct list *ops)
{
	while (!list_is_empty(ops))
		op_free(container_of(ops->next, struct op, node));
}
