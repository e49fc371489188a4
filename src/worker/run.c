/* Starting, stopping and watching the end of instances, through their runtime driver. */
#include "worker/private.h"

#define GRACE_DEFAULT_S 10
#define LOOK_AGAIN_MS   1000

struct run_op {
	struct op op;
	struct winst *inst;
	struct runtime_slot *slot;
	char id[ID_SIZE];
	uint32_t grace_ms;
	bool is_found;
	bool is_after_end; /* stop: of one that ended by itself, or failed a probe */
	struct runtime_status status;
	char *log_path;
	uint64_t since_ms;               /* begin of the run whose output counts */
	char output[LAST_WORDS_MAX + 1]; /* of one that ended, at its end */
	struct start_spec start;
	struct warm_room room; /* start: that the pool makes */
};

static void run_op_fini(struct op *op)
{
	struct run_op *r = container_of(op, struct run_op, op);

	start_spec_fini(&r->start);
	free(r->log_path);
}

static struct run_op *run_op_new(struct winst *inst, void (*run)(struct op *op),
				 void (*done)(struct op *op))
{
	struct run_op *r = NEW(struct run_op);

	r->op = (struct op){ .run = run, .done = done, .fini = run_op_fini };
	r->inst = inst;
	r->slot = inst->slot;
	STR_COPY(r->id, inst->id);
	r->log_path = logs_path(inst->worker, inst->id);
	r->since_ms = inst->status.started_ms;
	return r;
}

static void start_run(struct op *op)
{
	struct run_op *r = container_of(op, struct run_op, op);
	struct runtime_ctx ctx = { .cancel = &op->cancel };
	struct err ignored;

	op->result = warm_room_make(&r->room, &op->err);
	if (op->result == 0)
		op->result = values_put(&r->start.given, r->id, &op->err);
	if (op->result == 0)
		op->result = r->slot->driver->start(r->slot->state, &r->start.spec, &ctx,
						    &r->status, &op->err);
	if (op->result < 0 && r->start.given.has_files)
		secrets_remove(&r->start.given.place, r->id, &ignored);
	if (op->result == 0 && r->status.phase == RUNTIME_ENDED)
		last_words_read(r->log_path, r->status.started_ms, r->output);
}

static void start_done(struct op *op)
{
	struct run_op *r = container_of(op, struct run_op, op);
	struct winst *inst = r->inst;

	if (op->result < 0) {
		inst->is_attached = false; /* looked at again before the next try */
		inst->mounted_generation = 0;
		/* Its image has vanished, most likely: it is looked for, and had again. */
		if (op->result == -ENOENT)
			inst->fetched_generation = 0;
		/* One that was broken off has gone through after all: it makes room first. */
		if (op->result == -EEXIST)
			inst->run = RUN_ENDED;
		winst_fail(inst, &op->err);
		if (r->start.given.is_lacking) /* its answer to a registration has all of them */
			messages_register(inst->worker);
		winst_step_done(inst);
		return;
	}
	log_info("instance %s of %s started: %s, pid %d", inst->id, inst->current.sname,
		 r->status.kind, (int)r->status.proc.pid);
	STR_COPY(inst->life.ending.output, r->output);
	winst_saw_run(inst, r->slot, &r->status);
	if (inst->run == RUN_ALIVE) { /* it may have ended as soon as it was started */
		/* Told as RUNNING only when its addresses lead to it. */
		inst->state = STATE_CREATED;
		listen_begin(inst);
		inst->publish_after = network_publish(inst->worker);
		if (r->start.given.seq != inst->worker->value_seq)
			values_refresh(inst);
		probes_begin(inst);
		warm_tend(inst->worker);
	}
	winst_step_done(inst);
}

static void start(struct winst *inst)
{
	struct run_op *r = run_op_new(inst, start_run, start_done);

	start_spec_init(&r->start, inst);
	warm_room_init(&r->room, inst);
	op_begin(inst->worker, EXECUTOR_RUNTIME, &r->op);
}

void run_start(struct winst *inst)
{
	inst->slot = worker_find_slot(inst->worker, inst->current.spec.virtualization);
	if (!inst->slot) {
		struct err err;

		err_set(&err, -ENOTSUP, "start: this node has no runtime %s",
			inst->current.spec.virtualization);
		winst_fail(inst, &err);
		winst_step_done(inst);
		return;
	}
	struct err err;
	if (admit(inst, &err) < 0) {
		winst_fail(inst, &err);
		winst_step_done(inst);
		return;
	}
	winst_set_state(inst, STATE_CREATING, "starting");
	/* A new number per start, so that one run's end is never taken for another's. It need not be
	 * saved first: a start repeated after a crash of ours finds its own number running. */
	inst->record.incarnation++;
	inst->may_have_run = true;
	start(inst);
}

static void stop_run(struct op *op)
{
	struct run_op *r = container_of(op, struct run_op, op);
	struct runtime_ctx ctx = { .cancel = &op->cancel, .grace_ms = r->grace_ms };

	op->result = r->slot->driver->stop(r->slot->state, r->id, &ctx, &r->status, &op->err);
	if (op->result == 0)
		op->result = secrets_remove(&r->start.given.place, r->id, &op->err);
	if (r->is_after_end) /* now all of its output is written */
		last_words_read(r->log_path, r->since_ms, r->output);
}

static void note_condemned(struct winst *inst, const char *output)
{
	char words[DETAIL_MAX];

	STR_COPY(words, inst->life.condemned);
	inst->life.condemned[0] = '\0';
	STR_COPY(inst->life.ending.output, output);
	if (inst->record.is_wished && !inst->worker->is_down)
		ending_note_failure(inst, words);
}

static void stop_done(struct op *op)
{
	struct run_op *r = container_of(op, struct run_op, op);
	struct winst *inst = r->inst;

	if (op->result < 0) {
		log_warning("instance %s: stop: %s", inst->id, op->err.msg);
		winst_fail(inst, &op->err);
		/* Stopping has no other way out than trying again. */
		inst->is_busy = false;
		return;
	}
	attach_tell_end(inst, &r->status);
	copy_tell_end(inst);
	run_unwatch(inst);
	inst->run = RUN_ABSENT;
	inst->may_have_run = false;
	inst->is_draining = false;
	inst->needs_inspect = false;
	inst->memory_bytes = 0;
	inst->status = (struct runtime_status){ 0 };
	pause_forget(inst);
	network_publish(inst->worker);
	if (inst->life.condemned[0])
		note_condemned(inst, r->output);
	else if (r->is_after_end)
		ending_output(inst, r->output);
	winst_step_done(inst);
}

static void stop_begin(struct winst *inst, uint32_t grace_ms)
{
	struct run_op *r = run_op_new(inst, stop_run, stop_done);

	r->grace_ms = grace_ms;
	r->is_after_end = inst->run == RUN_ENDED || inst->life.condemned[0];
	r->start.given.place = inst->worker->config.secrets;
	op_begin(inst->worker, EXECUTOR_RUNTIME, &r->op);
}

static void terminate_run(struct op *op)
{
	struct run_op *r = container_of(op, struct run_op, op);

	op->result = r->slot->driver->terminate(r->slot->state, &r->status, &op->err);
}

static void on_grace_over(void *arg)
{
	struct winst *inst = arg;

	inst->grace = NULL;
	stop_begin(inst, 0);
}

/* The grace period is a timer here, not a thread that sleeps in the driver. */
static void terminate_done(struct op *op)
{
	struct run_op *r = container_of(op, struct run_op, op);
	struct winst *inst = r->inst;

	if (op->result < 0 || inst->needs_inspect)
		stop_begin(inst, 0);
	else
		inst->grace = timer_start(inst->worker->config.loop, r->grace_ms, on_grace_over,
					  inst);
}

static void end_running(struct winst *inst)
{
	inst->is_draining = true;
	probes_end(inst);
	listen_end(inst);
	boot_end(inst);
	pause_forget(inst);
	if (!inst->record.is_wished)
		winst_set_state(inst, STATE_UNDEPLOYED, "stopping");
	else if (inst->life.condemned[0])
		winst_set_state(inst, STATE_CREATED, "%s: stopping it", inst->life.condemned);
	else if (!inst->worker->is_down)
		winst_set_state(inst, STATE_CREATING,
				inst->status.generation == inst->wish.generation
					? "stopping it for a restart"
					: "stopping the earlier version");
	drain_begin(inst);
}

/* One that holds nothing of it as far as it tells, and so need not be probed. */
static struct runtime_slot *slot_of_kind(struct worker *worker, const struct service_spec *spec)
{
	for (size_t i = 0; i < worker->config.n_runtimes; i++) {
		struct runtime_slot *slot = &worker->slots[i];

		if (slot->state &&
		    !(slot->driver->caps & RUNTIME_CAP_NETNS) == spec_is_unikernel(spec))
			return slot;
	}
	return NULL;
}

void run_end(struct winst *inst)
{
	uint32_t grace_s = inst->current.spec.grace_s ? inst->current.spec.grace_s
						      : GRACE_DEFAULT_S;

	if (!inst->slot->driver->terminate || !inst->exit_watch) {
		stop_begin(inst, grace_s * 1000);
		return;
	}
	struct run_op *r = run_op_new(inst, terminate_run, terminate_done);
	r->status = inst->status;
	r->grace_ms = grace_s * 1000;
	op_begin(inst->worker, EXECUTOR_RUNTIME, &r->op);
}

void run_stop(struct winst *inst)
{
	if (!inst->slot)
		inst->slot = slot_of_kind(inst->worker, &inst->current.spec);
	if (!inst->slot) { /* its runtime could not be opened: what is there is not to be found */
		inst->may_have_run = false;
		winst_step_done(inst);
		return;
	}
	if (inst->run == RUN_ALIVE)
		end_running(inst);
	else
		stop_begin(inst, 0);
}

static void inspect_run(struct op *op)
{
	struct run_op *r = container_of(op, struct run_op, op);
	struct runtime_list list = { 0 };

	op->result = r->slot->driver->list(r->slot->state, r->id, &list, &op->err);
	r->is_found = op->result == 0 && list.n > 0;
	if (r->is_found) {
		r->status = list.items[0];
		if (r->status.phase == RUNTIME_ENDED)
			last_words_read(r->log_path, r->since_ms, r->output);
	}
	if (op->result == 0)
		runtime_list_fini(&list);
}

static void on_look_again(void *arg)
{
	struct winst *inst = arg;

	inst->look = NULL;
	inst->needs_inspect = true;
	winst_tick(inst);
}

/* What cannot be watched, or could not be looked at, is looked at from time to time; meanwhile it is as
 * it was, and may be stopped. */
static void look_again_later(struct winst *inst)
{
	inst->needs_inspect = false;
	timer_cancel(inst->look);
	inst->look = timer_start(inst->worker->config.loop, LOOK_AGAIN_MS, on_look_again, inst);
}

static void inspect_done(struct op *op)
{
	struct run_op *r = container_of(op, struct run_op, op);
	struct winst *inst = r->inst;

	if (op->result < 0) {
		log_warning("instance %s: look at its end: %s", inst->id, op->err.msg);
		look_again_later(inst);
		winst_step_done(inst);
		return;
	}
	if (!r->is_found) {
		r->status = inst->status;
		r->status.phase = RUNTIME_ENDED;
		r->status.end = RUNTIME_END_UNKNOWN;
		STR_COPY(r->status.detail, "ended, and its runtime knows nothing of it any more");
	}
	inst->needs_inspect = false;
	STR_COPY(inst->life.ending.output, r->output);
	winst_saw_run(inst, r->slot, &r->status);
	if (inst->needs_inspect)
		look_again_later(inst);
	winst_step_done(inst);
}

void run_inspect(struct winst *inst)
{
	struct run_op *r = run_op_new(inst, inspect_run, inspect_done);

	op_begin(inst->worker, EXECUTOR_RUNTIME, &r->op);
}

static void on_exit_event(void *arg, unsigned events)
{
	struct winst *inst = arg;

	run_unwatch(inst);
	inst->needs_inspect = true;
	if (drain_cancel(inst) || inst->grace) {
		inst->grace = timer_cancel(inst->grace);
		stop_begin(inst, 0);
		return;
	}
	winst_tick(inst);
}

void run_watch(struct winst *inst)
{
	struct err err;

	run_unwatch(inst);
	if (inst->status.watch.pid)
		inst->exit_fd = proc_open(&inst->status.watch, &err);
	if (inst->exit_fd >= 0)
		inst->exit_watch = io_watch(inst->worker->config.loop, inst->exit_fd, IO_READ,
					    on_exit_event, inst);
	else if (inst->status.watch.pid)
		inst->needs_inspect = true; /* it has just ended, most likely */
	keeper_watch(inst);
	if (!inst->needs_inspect && (!inst->exit_watch || inst->status.phase == RUNTIME_STARTING))
		look_again_later(inst);
}

void run_unwatch(struct winst *inst)
{
	keeper_unwatch(inst);
	inst->exit_watch = io_cancel(inst->exit_watch);
	inst->look = timer_cancel(inst->look);
	if (inst->exit_fd >= 0)
		close(inst->exit_fd);
	inst->exit_fd = -1;
}
