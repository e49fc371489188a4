/* The start: drivers are opened and asked what runs, each on its executor; then what is proved to
 * work is told to the server. What ran before goes on meanwhile. */
#include "worker/private.h"

#define AGAIN_FIRST_MS 2000
#define AGAIN_CAP_MS   60000

struct open_op {
	struct op op;
	size_t index; /* of the runtime */
	struct runtime_list list;
	struct runtime_info info;
	void *state;             /* opened, not taken over yet */
	struct overlay *overlay; /* the same */
	void *probed;            /* the state to probe, borrowed */
	struct strv problems;
	struct worker_config config;
};

static void open_op_fini(struct op *op)
{
	struct open_op *o = container_of(op, struct open_op, op);

	if (o->overlay)
		o->config.overlay->close(o->overlay);
	if (o->state)
		o->config.runtimes[o->index].driver->close(o->state);
	runtime_list_fini(&o->list);
	runtime_info_fini(&o->info);
	strv_fini(&o->problems);
}

static struct open_op *open_op_new(struct worker *worker, void (*run)(struct op *op),
				   void (*done)(struct op *op))
{
	struct open_op *o = NEW(struct open_op);

	o->op = (struct op){ .run = run, .done = done, .fini = open_op_fini };
	o->config = worker->config;
	return o;
}

static void overlay_run(struct op *op)
{
	struct open_op *o = container_of(op, struct open_op, op);
	struct err err;

	op->result = o->config.overlay->open(&o->config.overlay_config, &o->overlay, &op->err);
	if (op->result == 0 && o->config.overlay->check(o->overlay, &o->problems, &err) < 0)
		strv_addf(&o->problems, "overlay: %s", err.msg);
}

static void adopt(struct worker *worker, struct runtime_slot *slot,
		  const struct runtime_status *status)
{
	struct winst *inst = map_find(&worker->instances, status->instance_id);

	if (!inst) {
		/* Nobody remembers it: it is stopped and forgotten like any unwished one. */
		log_warning("instance %s runs without a record: stopping it", status->instance_id);
		inst = winst_new(worker, status->instance_id);
		inst->may_have_link = true;
		STR_COPY(inst->wish.instance_id, inst->id);
	}
	if (status->incarnation > inst->record.incarnation)
		inst->record.incarnation = status->incarnation;
	if (status->phase != RUNTIME_ENDED)
		log_info("instance %s of %s: adopted, pid %d", inst->id,
			 inst->wish.sname ? inst->wish.sname : "nothing", (int)status->proc.pid);
	inst->state = STATE_CREATED;
	winst_saw_run(inst, slot, status);
	if (status->phase == RUNTIME_STARTING && inst->record.is_wished)
		winst_set_state(inst, STATE_CREATING, "starting");
}

static void opened(struct worker *worker)
{
	if (--worker->n_opening > 0)
		return;
	if (worker->is_open) { /* a runtime that had failed: what it runs is looked after again */
		open_probe(worker);
		winst_tick_all(worker);
		return;
	}
	worker->is_open = true;
	map_for_each(&worker->instances, i, e) {
		struct winst *inst = e->value;

		if (inst->record.is_completed)
			ending_tell_recorded(inst);
		else if (inst->retry && inst->run == RUN_ABSENT && inst->record.is_wished)
			ending_tell_waiting(inst);
	}
	if (worker->subnets.n)
		network_setup(worker);
	/* What changed while we were not there. */
	map_for_each(&worker->instances, k, e)
		values_refresh(e->value);
	open_probe(worker);
	winst_tick_all(worker);
}

static void overlay_done(struct op *op)
{
	struct open_op *o = container_of(op, struct open_op, op);
	struct worker *worker = op->worker;

	if (op->result < 0) {
		log_error("overlay: %s", op->err.msg);
		worker_tell_ready(worker, &op->err);
		if (worker->is_down) /* what is of ours elsewhere can still be taken down */
			opened(worker);
		return;
	}
	worker->overlay = TAKE(o->overlay);
	for (size_t i = 0; i < o->problems.n; i++)
		log_warning("%s", o->problems.items[i]);
	worker->problems = o->problems;
	o->problems = (struct strv){ 0 };
	opened(worker);
}

static void runtime_run(struct op *op)
{
	struct open_op *o = container_of(op, struct open_op, op);
	const struct worker_runtime *r = &o->config.runtimes[o->index];

	op->result = r->driver->open(&r->config, &o->state, &op->err);
	if (op->result == 0)
		op->result = r->driver->list(o->state, NULL, &o->list, &op->err);
}

/* Told once, however often it is tried. */
static void note_failure(struct runtime_slot *slot, const struct err *err)
{
	auto_free char *problem = xasprintf("%s: %s", slot->driver->name, err->msg);

	if (strv_has(&slot->info.problems, problem))
		return;
	log_warning("runtime %s", problem);
	runtime_info_fini(&slot->info);
	strv_add(&slot->info.problems, problem);
}

static void runtime_done(struct op *op)
{
	struct open_op *o = container_of(op, struct open_op, op);
	struct worker *worker = op->worker;
	struct runtime_slot *slot = &worker->slots[o->index];

	slot->driver = worker->config.runtimes[o->index].driver;
	if (op->result < 0) {
		note_failure(slot, &op->err);
	} else {
		slot->state = TAKE(o->state);
		for (size_t i = 0; i < o->list.n; i++)
			adopt(worker, slot, &o->list.items[i]);
	}
	opened(worker);
}

static void runtime_begin(struct worker *worker, size_t index)
{
	struct open_op *o = open_op_new(worker, runtime_run, runtime_done);

	o->index = index;
	op_begin(worker, EXECUTOR_RUNTIME, &o->op);
}

/* It was not opened, or can run nothing. */
static bool is_broken(const struct runtime_slot *slot)
{
	const struct runtime_info *info = &slot->info;

	return !slot->state || (!info->virtualization.n && !info->pending.n && info->problems.n);
}

static void on_again(void *arg)
{
	struct worker *worker = arg;

	worker->open_again = NULL;
	if (worker->is_down)
		return;
	worker->n_opening++; /* until all are begun */
	for (size_t i = 0; i < worker->config.n_runtimes; i++) {
		if (worker->slots[i].state)
			continue;
		worker->n_opening++;
		runtime_begin(worker, i);
	}
	opened(worker);
}

static unsigned count_broken(const struct worker *worker)
{
	unsigned n = 0;

	for (size_t i = 0; i < worker->config.n_runtimes; i++)
		n += is_broken(&worker->slots[i]);
	return n;
}

/* The cause may pass: a full disk, a containerd that was not installed yet. */
static void try_again(struct worker *worker)
{
	uint64_t delay_ms = retry_delay_ms(worker->config.loop, worker->open_failures++,
					   AGAIN_FIRST_MS, AGAIN_CAP_MS);

	timer_cancel(worker->open_again);
	worker->open_again = timer_start(worker->config.loop, delay_ms, on_again, worker);
}

/* What failed for want of the runtime need not wait any longer. */
static void hurry(struct worker *worker)
{
	map_for_each(&worker->instances, i, e) {
		struct winst *inst = e->value;

		inst->retry = timer_cancel(inst->retry);
		inst->update_retry = timer_cancel(inst->update_retry);
	}
}

static void probed(struct worker *worker)
{
	unsigned n_broken = count_broken(worker);
	bool is_news = !worker->is_probed || n_broken != worker->n_broken;

	if (n_broken < worker->n_broken)
		hurry(worker);
	worker->is_probed = true;
	worker->n_broken = n_broken;
	if (!worker->is_down && is_news) {
		messages_register(worker);
		stats_begin(worker);
	}
	if (!worker->is_down && n_broken)
		try_again(worker);
	winst_tick_all(worker);
}

static void probe_run(struct op *op)
{
	struct open_op *o = container_of(op, struct open_op, op);

	op->result = o->config.runtimes[o->index].driver->probe(o->probed, &o->info, &op->err);
}

static void probe_begin(struct worker *worker, size_t index, void (*done)(struct op *op));
static void further_done(struct op *op);

/* What a driver has still to try is tried beside all else. */
static void note_probe(struct open_op *o)
{
	struct worker *worker = o->op.worker;
	struct runtime_slot *slot = &worker->slots[o->index];

	slot->is_probing = false;
	if (o->op.result < 0) {
		note_failure(slot, &o->op.err);
		return;
	}
	for (size_t i = 0; i < o->info.problems.n; i++)
		if (!strv_has(&slot->info.problems, o->info.problems.items[i]))
			log_warning("%s", o->info.problems.items[i]);
	runtime_info_fini(&slot->info);
	slot->info = o->info;
	o->info = (struct runtime_info){ 0 };
	if (slot->info.pending.n && !worker->is_down)
		probe_begin(worker, o->index, further_done);
}

static void further_done(struct op *op)
{
	note_probe(container_of(op, struct open_op, op));
	if (!op->worker->is_down)
		messages_register(op->worker);
	winst_tick_all(op->worker);
}

static void probe_done(struct op *op)
{
	note_probe(container_of(op, struct open_op, op));
	open_probed(op->worker);
}

static void probe_begin(struct worker *worker, size_t index, void (*done)(struct op *op))
{
	struct open_op *o = open_op_new(worker, probe_run, done);

	o->index = index;
	o->probed = worker->slots[index].state;
	worker->slots[index].is_probing = true;
	op_begin(worker, EXECUTOR_RUNTIME, &o->op);
}

void open_probed(struct worker *worker)
{
	if (--worker->n_opening == 0)
		probed(worker);
}

void open_probe(struct worker *worker)
{
	for (size_t i = 0; i < worker->config.n_runtimes; i++) {
		const struct runtime_slot *slot = &worker->slots[i];

		if (!slot->state || slot->is_probing || (worker->is_probed && !is_broken(slot)))
			continue;
		worker->n_opening++;
		probe_begin(worker, i, probe_done);
	}
	if (!worker->is_volume_known && !worker->look_op) {
		worker->n_opening++;
		volumes_look(worker);
	}
	if (worker->n_opening == 0)
		probed(worker);
}

void open_begin(struct worker *worker)
{
	worker->n_opening = 1 + (unsigned)worker->config.n_runtimes;
	struct open_op *overlay = open_op_new(worker, overlay_run, overlay_done);
	op_begin(worker, EXECUTOR_NETWORK, &overlay->op);
	for (size_t i = 0; i < worker->config.n_runtimes; i++)
		runtime_begin(worker, i);
}
