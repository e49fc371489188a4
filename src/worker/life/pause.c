/* Pausing: an instance is halted and goes on, as it is wished.
 *
 * What is halted gets no traffic, is not probed, and has its time for booting anew when it goes on. The wish
 * is on disk, and what is halted the runtime tells: so a new Holm leaves it as it is. */
#include "worker/life/life.h"
#include "worker/private.h"

#define RETRY_FIRST_MS 1000
#define RETRY_CAP_MS   60000

struct pause_op {
	struct op op;
	struct winst *inst;
	struct runtime_slot *slot;
	char id[ID_SIZE];
	bool is_paused;
};

bool pause_is_due(const struct winst *inst)
{
	const struct pause *pause = &inst->life.pause;

	return inst->status.phase == RUNTIME_RUNNING && !pause->retry && !pause->is_refused &&
	       (pause->is_unsure || inst->wish.is_paused != inst->status.is_paused);
}

bool pause_keeps_traffic_away(const struct winst *inst)
{
	return inst->status.is_paused || (inst->wish.is_paused && !inst->life.pause.error[0]);
}

void pause_tell(struct winst *inst)
{
	winst_set_state(inst, inst->life.is_ready ? STATE_RUNNING : STATE_CREATED, "paused");
}

void pause_forget(struct winst *inst)
{
	timer_cancel(inst->life.pause.retry);
	inst->life.pause = (struct pause){ 0 };
}

void pause_again(struct winst *inst)
{
	bool is_unsure = inst->life.pause.is_unsure;

	pause_forget(inst);
	inst->life.pause.is_unsure = is_unsure;
}

static void on_retry(void *arg)
{
	struct winst *inst = arg;

	inst->life.pause.retry = NULL;
	winst_tick(inst);
}

/* It goes on, or has never been halted. */
static void go_on(struct winst *inst)
{
	boot_begin(inst);
	probes_begin(inst);
	inst->publish_after = network_publish(inst->worker);
}

static void try_later(struct winst *inst)
{
	struct pause *pause = &inst->life.pause;
	struct loop *loop = inst->worker->config.loop;

	pause->retry = timer_start(
		loop, retry_delay_ms(loop, pause->failures++, RETRY_FIRST_MS, RETRY_CAP_MS),
		on_retry, inst);
}

static void note_failure(struct winst *inst, bool is_paused, const struct err *err)
{
	struct pause *pause = &inst->life.pause;

	snprintf(pause->error, sizeof(pause->error), "cannot be %s: %.450s",
		 is_paused ? "paused" : "resumed", err->msg);
	log_warning("instance %s of %s: %s", inst->id, inst->current.sname, pause->error);
	pause->is_refused = err->code == -ENOTSUP;
	pause->is_unsure = !pause->is_refused;
	if (!pause->is_refused)
		try_later(inst);
	/* It may be halted all the same: then no probe finds it healthy, and none must end it. */
	if (!inst->status.is_paused && pause->is_refused)
		go_on(inst);
	else if (!inst->status.is_paused)
		inst->publish_after = network_publish(inst->worker);
	messages_report(inst);
}

static void note_success(struct winst *inst, bool is_paused)
{
	pause_forget(inst);
	inst->status.is_paused = is_paused;
	log_info("instance %s of %s: %s", inst->id, inst->current.sname,
		 is_paused ? "paused" : "resumed");
	/* Told as soon as no address leads to it, or all of them do again. */
	if (is_paused)
		inst->publish_after = network_publish(inst->worker);
	else
		go_on(inst);
}

static void pause_run(struct op *op)
{
	struct pause_op *p = container_of(op, struct pause_op, op);

	op->result = p->slot->driver->set_paused(p->slot->state, p->id, p->is_paused, &op->err);
}

static void pause_done(struct op *op)
{
	struct pause_op *p = container_of(op, struct pause_op, op);
	struct winst *inst = p->inst;

	if (op->result == 0)
		note_success(inst, p->is_paused);
	else if (op->result == -ENOENT) { /* it has ended: what follows from that comes first */
		inst->needs_inspect = true;
		try_later(inst);
	} else
		note_failure(inst, p->is_paused, &op->err);
	winst_step_done(inst);
}

void pause_begin(struct winst *inst, bool is_paused)
{
	struct err err;

	if (!inst->slot->driver->set_paused) {
		err_set(&err, -ENOTSUP, "%s cannot do that", inst->slot->driver->name);
		note_failure(inst, is_paused, &err);
		winst_step_done(inst);
		return;
	}
	if (is_paused) {
		probes_end(inst);
		boot_end(inst);
	}
	struct pause_op *p = NEW(struct pause_op);
	p->op = (struct op){ .run = pause_run, .done = pause_done };
	p->inst = inst;
	p->slot = inst->slot;
	STR_COPY(p->id, inst->id);
	p->is_paused = is_paused;
	op_begin(inst->worker, EXECUTOR_RUNTIME, &p->op);
}
