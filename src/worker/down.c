/* holm down: every instance stopped, everything of ours off the host, the wishes kept. */
#include "worker/private.h"

struct down_op {
	struct op op;
	const struct overlay_driver *driver;
	struct overlay *overlay;
	struct runtime_slot slots[WORKER_RUNTIMES_MAX];
	size_t n_slots;
};

static void down_run(struct op *op)
{
	struct down_op *d = container_of(op, struct down_op, op);
	struct err err;

	if (d->overlay)
		op->result = d->driver->down(d->overlay, &op->err);
	for (size_t i = 0; i < d->n_slots; i++) {
		struct runtime_slot *slot = &d->slots[i];

		if (!slot->state || slot->driver->shutdown(slot->state, &err) == 0)
			continue;
		if (op->result == 0)
			op->result = err_copy(&op->err, &err);
		else
			err_wrap(&op->err, "%s", err.msg);
	}
}

static void down_done(struct op *op)
{
	struct worker *worker = op->worker;

	worker->down_done(worker->down_arg, &op->err);
}

static bool is_idle(const struct winst *inst)
{
	return !inst->is_busy && !inst->n_saving && inst->run == RUN_ABSENT && !inst->is_attached;
}

void down_check(struct worker *worker)
{
	if (worker->is_closing_down || !worker->is_open || !worker->is_probed ||
	    worker->is_publishing || worker->is_setting_up)
		return;
	map_for_each(&worker->instances, i, e)
		if (!is_idle(e->value))
			return;
	worker->is_closing_down = true;
	struct down_op *d = NEW(struct down_op);
	d->op = (struct op){ .run = down_run, .done = down_done };
	d->driver = worker->config.overlay;
	d->overlay = worker->overlay;
	d->n_slots = worker->config.n_runtimes;
	memcpy(d->slots, worker->slots, sizeof(d->slots));
	op_begin(worker, EXECUTOR_NETWORK, &d->op);
}

void worker_down_begin(struct worker *worker, void (*done)(void *arg, const struct err *err),
		       void *arg)
{
	worker->is_down = true;
	worker->down_done = done;
	worker->down_arg = arg;
	/* Links that an earlier run made are found again by attaching; going down they are simply
	 * removed, known or not. */
	map_for_each(&worker->instances, i, e) {
		struct winst *inst = e->value;

		inst->is_attached = inst->record.namespace_ip[0] != '\0';
		inst->retry = timer_cancel(inst->retry);
		inst->update_retry = timer_cancel(inst->update_retry);
		fetch_cancel(inst);
	}
	winst_tick_all(worker);
}
