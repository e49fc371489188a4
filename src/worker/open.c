/* The start: drivers are opened and asked what runs, each on its executor; then what is proved to
 * work is told to the server. What ran before goes on meanwhile. */
#include "worker/private.h"

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
}

static void opened(struct worker *worker)
{
	if (--worker->n_opening > 0)
		return;
	worker->is_open = true;
	map_for_each(&worker->instances, i, e) {
		struct winst *inst = e->value;

		if (inst->record.is_completed)
			winst_set_state(inst, STATE_COMPLETED, "%s", inst->record.detail);
	}
	if (worker->subnets.n)
		network_setup(worker);
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

static void runtime_done(struct op *op)
{
	struct open_op *o = container_of(op, struct open_op, op);
	struct worker *worker = op->worker;
	struct runtime_slot *slot = &worker->slots[o->index];

	slot->driver = worker->config.runtimes[o->index].driver;
	if (op->result < 0) {
		log_warning("runtime %s: %s", slot->driver->name, op->err.msg);
		strv_addf(&slot->info.problems, "%s: %s", slot->driver->name, op->err.msg);
	} else {
		slot->state = TAKE(o->state);
		for (size_t i = 0; i < o->list.n; i++)
			adopt(worker, slot, &o->list.items[i]);
	}
	opened(worker);
}

static void probe_run(struct op *op)
{
	struct open_op *o = container_of(op, struct open_op, op);

	op->result = o->config.runtimes[o->index].driver->probe(o->probed, &o->info, &op->err);
}

static void probe_done(struct op *op)
{
	struct open_op *o = container_of(op, struct open_op, op);
	struct worker *worker = op->worker;
	struct runtime_slot *slot = &worker->slots[o->index];

	if (op->result < 0) {
		strv_addf(&slot->info.problems, "%s: %s", slot->driver->name, op->err.msg);
	} else {
		runtime_info_fini(&slot->info);
		slot->info = o->info;
		o->info = (struct runtime_info){ 0 };
	}
	for (size_t i = 0; i < slot->info.problems.n; i++)
		log_warning("%s", slot->info.problems.items[i]);
	if (--worker->n_opening > 0)
		return;
	worker->is_probed = true;
	if (!worker->is_down) {
		messages_register(worker);
		stats_begin(worker);
	}
	winst_tick_all(worker);
}

void open_probe(struct worker *worker)
{
	for (size_t i = 0; i < worker->config.n_runtimes; i++) {
		if (!worker->slots[i].state)
			continue;
		struct open_op *o = open_op_new(worker, probe_run, probe_done);
		o->index = i;
		o->probed = worker->slots[i].state;
		worker->n_opening++;
		op_begin(worker, EXECUTOR_RUNTIME, &o->op);
	}
	if (worker->n_opening == 0) {
		worker->is_probed = true;
		messages_register(worker);
		stats_begin(worker);
	}
}

void open_begin(struct worker *worker)
{
	worker->n_opening = 1 + (unsigned)worker->config.n_runtimes;
	struct open_op *overlay = open_op_new(worker, overlay_run, overlay_done);
	op_begin(worker, EXECUTOR_NETWORK, &overlay->op);
	for (size_t i = 0; i < worker->config.n_runtimes; i++) {
		struct open_op *o = open_op_new(worker, runtime_run, runtime_done);

		o->index = i;
		op_begin(worker, EXECUTOR_RUNTIME, &o->op);
	}
}
