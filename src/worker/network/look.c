/* Is the network still as we made it? Asked with every heartbeat; what somebody else has taken away
 * is made again, and what runs goes on. */
#include "worker/private.h"

struct look_op {
	struct op op;
	struct overlay *overlay;
	const struct overlay_driver *driver;
	struct overlay_link_spec *specs;
	size_t n;
	struct strv lost;
};

static void look_fini(struct op *op)
{
	struct look_op *l = container_of(op, struct look_op, op);

	free(l->specs);
	strv_fini(&l->lost);
}

static void look_run(struct op *op)
{
	struct look_op *l = container_of(op, struct look_op, op);

	op->result = l->driver->look(l->overlay, l->specs, l->n, &l->lost, &op->err);
}

/* It may have been stopped, or attached again, since the question was asked. */
static void attach_again(struct worker *worker, const char *id)
{
	struct winst *inst = map_find(&worker->instances, id);

	if (!inst || inst->is_busy || inst->run != RUN_ALIVE || !inst->is_attached)
		return;
	log_warning("instance %s: its link is gone: making it again", id);
	inst->is_attached = false;
	winst_tick(inst);
}

static void look_done(struct op *op)
{
	struct look_op *l = container_of(op, struct look_op, op);
	struct worker *worker = op->worker;

	worker->is_looking = false;
	if (op->result < 0)
		log_debug("overlay: %s", op->err.msg);
	if (op->result < 0 || worker->is_down)
		return;
	if (op->result > 0) {
		log_warning("overlay: bridge or rules were taken away: making them again");
		network_setup(worker);
	}
	for (size_t i = 0; i < l->lost.n; i++)
		attach_again(worker, l->lost.items[i]);
}

static void add_spec(struct look_op *l, const struct winst *inst)
{
	struct overlay_link_spec *spec = ARRAY_ADD(l->specs, l->n);

	*spec = (struct overlay_link_spec){
		.is_tap = !(inst->slot->driver->caps & RUNTIME_CAP_NETNS),
	};
	spec->is_inner = spec->is_tap && spec_is_from_snapshot(&inst->current.spec);
	STR_COPY(spec->instance_id, inst->id);
	parse_ipv4(inst->record.namespace_ip, &spec->ip);
}

void look_begin(struct worker *worker)
{
	if (worker->is_looking || !worker->is_setup || worker->is_setting_up || !worker->overlay ||
	    worker->is_down || !worker->config.overlay->look)
		return;
	struct look_op *l = NEW(struct look_op);

	worker->is_looking = true;
	l->op = (struct op){ .run = look_run, .done = look_done, .fini = look_fini };
	l->overlay = worker->overlay;
	l->driver = worker->config.overlay;
	map_for_each(&worker->instances, i, e) {
		const struct winst *inst = e->value;

		if (inst->run == RUN_ALIVE && inst->is_attached && !inst->is_busy)
			add_spec(l, inst);
	}
	op_begin(worker, EXECUTOR_NETWORK, &l->op);
}
