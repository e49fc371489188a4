/* holm down: every instance stopped, everything of ours off the host, the wishes kept. */
#include "worker/private.h"

#define DOWN_WITHIN_MS 120000

struct down_op {
	struct op op;
	const struct overlay_driver *driver;
	struct overlay *overlay;
	struct runtime_slot slots[WORKER_RUNTIMES_MAX];
	size_t n_slots;
	struct secrets_place secrets;
};

static void down_run(struct op *op)
{
	struct down_op *d = container_of(op, struct down_op, op);
	struct err err;

	op->result = secrets_down(&d->secrets, &op->err);
	if (d->overlay && d->driver->down(d->overlay, &err) < 0)
		op->result = err_copy(&op->err, &err);
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

	worker->down_done(worker->down_arg, worker->down_err.code ? &worker->down_err : &op->err);
}

static bool is_idle(const struct winst *inst)
{
	return !inst->is_busy && !inst->n_saving && inst->run == RUN_ABSENT &&
	       !inst->may_have_run && !inst->may_have_link && !inst->may_have_volumes;
}

/* The last step: network and supporting processes. */
static void close_down(struct worker *worker)
{
	struct down_op *d = NEW(struct down_op);

	worker->is_closing_down = true;
	worker->down_timer = timer_cancel(worker->down_timer);
	d->op = (struct op){ .run = down_run, .done = down_done };
	d->driver = worker->config.overlay;
	d->overlay = worker->overlay;
	d->secrets = worker->config.secrets;
	d->n_slots = worker->config.n_runtimes;
	memcpy(d->slots, worker->slots, sizeof(d->slots));
	op_begin(worker, EXECUTOR_NETWORK, &d->op);
}

void down_check(struct worker *worker)
{
	if (worker->is_closing_down || !worker->is_open || !worker->is_probed ||
	    worker->is_publishing || worker->is_setting_up || worker_is_probing(worker))
		return;
	map_for_each(&worker->instances, i, e)
		if (!is_idle(e->value))
			return;
	close_down(worker);
}

/* What cannot be stopped must not keep the rest up, and is named. */
static void on_down_late(void *arg)
{
	struct worker *worker = arg;
	auto_strv struct strv left = { 0 };

	worker->down_timer = NULL;
	map_for_each(&worker->instances, i, e) {
		const struct winst *inst = e->value;

		if (!is_idle(inst))
			strv_addf(&left, "%s (%s)", inst->id,
				  inst->detail[0] ? inst->detail : state_name(inst->state));
	}
	auto_free char *list = strv_join(&left, ", ");
	err_set(&worker->down_err, -ETIMEDOUT, "down: after %d s these were not stopped: %s",
		DOWN_WITHIN_MS / 1000, left.n ? list : "none, but the node was still starting");
	close_down(worker);
}

void worker_down_begin(struct worker *worker, void (*done)(void *arg, const struct err *err),
		       void *arg)
{
	worker->is_down = true;
	worker->down_done = done;
	worker->down_arg = arg;
	worker->down_timer = timer_start(worker->config.loop, DOWN_WITHIN_MS, on_down_late, worker);
	map_for_each(&worker->instances, i, e) {
		struct winst *inst = e->value;

		inst->retry = timer_cancel(inst->retry);
		inst->update_retry = timer_cancel(inst->update_retry);
		fetch_cancel(inst);
		volumes_cancel(inst);
	}
	winst_tick_all(worker);
}
