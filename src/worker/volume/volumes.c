/* Volumes of instances: mounted before the start, released after the end; and what the node can offer,
 * looked at again from time to time. */
#include "worker/private.h"

#define LOOK_FIRST_MS 1000
#define LOOK_CAP_MS   30000

struct volume_op {
	struct op op;
	struct winst *inst;
	struct volumes *volumes;
	char id[ID_SIZE];
	struct msg_deploy deploy;
	struct volume_mounts mounts;
};

static void volume_op_fini(struct op *op)
{
	struct volume_op *v = container_of(op, struct volume_op, op);

	fields_fini(&msg_deploy_table, &v->deploy);
	volume_mounts_fini(&v->mounts);
}

static struct volume_wish wish_of(const struct volume_op *v)
{
	return (struct volume_wish){ .instance_id = v->id,
				     .volumes = v->deploy.spec.volumes,
				     .n = v->deploy.spec.n_volumes,
				     .cancel = &v->op.cancel };
}

/* A driver may take its time, and holds only its like. */
static void begin(struct winst *inst, struct volume_op *v)
{
	struct volume_wish wish = wish_of(v);

	v->inst = inst;
	v->volumes = inst->worker->volumes;
	v->op.fini = volume_op_fini;
	inst->volume_op = &v->op;
	op_begin(inst->worker,
		 volume_needs_driver(v->volumes, &wish) ? EXECUTOR_VOLUME : EXECUTOR_RUNTIME,
		 &v->op);
}

static void mount_run(struct op *op)
{
	struct volume_op *v = container_of(op, struct volume_op, op);
	struct volume_wish wish = wish_of(v);

	op->result = volume_prepare(v->volumes, &wish, &v->mounts, &op->err);
}

static bool has_new_name(const struct worker *worker, const struct service_spec *spec)
{
	for (size_t i = 0; i < spec->n_volumes; i++)
		if (volume_kind(&spec->volumes[i]) == VOLUME_NAMED &&
		    !strv_has(&worker->volume_info.names, spec->volumes[i].volume_id))
			return true;
	return false;
}

static void mount_done(struct op *op)
{
	struct volume_op *v = container_of(op, struct volume_op, op);
	struct winst *inst = v->inst;

	inst->volume_op = NULL;
	if (op->result == -ECANCELED) { /* by a newer wish, which comes next */
		winst_step_done(inst);
		return;
	}
	if (op->result < 0) {
		winst_fail(inst, &op->err);
		winst_step_done(inst);
		return;
	}
	volume_mounts_fini(&inst->mounts);
	inst->mounts = v->mounts;
	v->mounts = (struct volume_mounts){ 0 };
	inst->mounted_generation = v->deploy.generation;
	inst->may_have_volumes = v->deploy.spec.n_volumes > 0;
	if (has_new_name(inst->worker, &v->deploy.spec))
		volumes_look(inst->worker);
	winst_step_done(inst);
}

void volumes_mount(struct winst *inst)
{
	struct volume_op *v = NEW(struct volume_op);

	winst_set_state(inst, STATE_CREATING, "mounting volumes");
	v->op = (struct op){ .run = mount_run, .done = mount_done };
	STR_COPY(v->id, inst->id);
	fields_copy(&msg_deploy_table, &inst->current, &v->deploy);
	inst->may_have_volumes = true;
	begin(inst, v);
}

static void unmount_run(struct op *op)
{
	struct volume_op *v = container_of(op, struct volume_op, op);

	op->result = volume_release(v->volumes, v->id, &op->cancel, &op->err);
}

static void unmount_done(struct op *op)
{
	struct volume_op *v = container_of(op, struct volume_op, op);
	struct winst *inst = v->inst;

	inst->volume_op = NULL;
	if (op->result == -ECANCELED) {
		winst_step_done(inst);
		return;
	}
	if (op->result < 0) {
		winst_fail(inst, &op->err);
		inst->is_busy = false; /* there is no other way out than trying again */
		return;
	}
	inst->may_have_volumes = false;
	inst->mounted_generation = 0;
	volume_mounts_fini(&inst->mounts);
	winst_step_done(inst);
}

void volumes_unmount(struct winst *inst)
{
	struct volume_op *v = NEW(struct volume_op);

	v->op = (struct op){ .run = unmount_run, .done = unmount_done };
	STR_COPY(v->id, inst->id);
	begin(inst, v);
}

void volumes_cancel(struct winst *inst)
{
	if (inst->volume_op)
		cancel_set(&inst->volume_op->cancel);
}

void volumes_cancel_all(struct worker *worker)
{
	map_for_each(&worker->instances, i, e)
		volumes_cancel(e->value);
	if (worker->look_op)
		cancel_set(&worker->look_op->cancel);
}

bool volumes_are_mounted(const struct winst *inst)
{
	if (!inst->current.spec.n_volumes && !inst->may_have_volumes)
		return true;
	return inst->mounted_generation && inst->mounted_generation == inst->current.generation;
}

int volumes_load(struct worker *worker, struct err *err)
{
	struct volume_config config = worker->config.volumes;
	auto_strv struct strv holders = { 0 };

	config.data_dir = worker->config.data_dir;
	int r = volumes_open(&config, &worker->volumes, err);
	if (r < 0)
		return r;
	volumes_holders(worker->volumes, &holders);
	for (size_t i = 0; i < holders.n; i++) {
		struct winst *inst = map_find(&worker->instances, holders.items[i]);

		if (!inst) { /* nobody remembers it: what it has is released */
			inst = winst_new(worker, holders.items[i]);
			STR_COPY(inst->wish.instance_id, inst->id);
		}
		inst->may_have_volumes = true;
	}
	return 0;
}

struct look_op {
	struct op op;
	struct volumes *volumes;
	struct volume_info info;
};

static void look_fini(struct op *op)
{
	volume_info_fini(&container_of(op, struct look_op, op)->info);
}

static void look_run(struct op *op)
{
	struct look_op *look = container_of(op, struct look_op, op);

	volume_probe(look->volumes, &op->cancel, &look->info);
}

static void on_look_again(void *arg)
{
	struct worker *worker = arg;

	worker->volume_timer = NULL;
	volumes_look(worker);
}

/* What failed for want of a driver need not wait any longer. */
static void hurry(struct worker *worker)
{
	map_for_each(&worker->instances, i, e) {
		struct winst *inst = e->value;

		if (inst->may_have_volumes || inst->current.spec.n_volumes)
			inst->retry = timer_cancel(inst->retry);
	}
	winst_tick_all(worker);
}

/* Whether the server should know. */
static bool take_info(struct worker *worker, struct volume_info *info)
{
	struct volume_info old = worker->volume_info;
	bool is_news = !strv_eq(&old.drivers, &info->drivers) ||
		       !strv_eq(&old.problems, &info->problems) ||
		       !strv_eq(&old.names, &info->names);

	worker->volume_info = *info;
	*info = (struct volume_info){ 0 };
	volume_info_fini(&old);
	return is_news;
}

static bool has_drivers(const struct worker *worker)
{
	return worker->config.volumes.csi && worker->config.volumes.csi->n;
}

/* Drivers come and go without telling. */
static void look_later(struct worker *worker)
{
	bool is_broken = worker->volume_info.problems.n > 0;

	if (!has_drivers(worker) || worker->is_down)
		return;
	worker->volume_failures = is_broken ? worker->volume_failures + 1 : 0;
	uint64_t delay_ms = is_broken ? retry_delay_ms(worker->config.loop,
						       worker->volume_failures - 1, LOOK_FIRST_MS,
						       LOOK_CAP_MS)
				      : LOOK_CAP_MS;
	timer_cancel(worker->volume_timer);
	worker->volume_timer = timer_start(worker->config.loop, delay_ms, on_look_again, worker);
}

static void look_done(struct op *op)
{
	struct look_op *look = container_of(op, struct look_op, op);
	struct worker *worker = op->worker;
	size_t n_drivers = worker->volume_info.drivers.n;
	bool is_first = !worker->is_volume_known;
	bool is_news = take_info(worker, &look->info);

	worker->look_op = NULL;
	worker->is_volume_known = true;
	look_later(worker);
	if (is_first)
		open_probed(worker);
	else if (is_news && !worker->is_down)
		messages_register(worker);
	if (worker->volume_info.drivers.n > n_drivers)
		hurry(worker);
	if (worker->needs_look)
		volumes_look(worker);
}

void volumes_look(struct worker *worker)
{
	worker->needs_look = worker->look_op;
	if (worker->look_op)
		return;
	struct look_op *look = NEW(struct look_op);
	look->op = (struct op){ .run = look_run, .done = look_done, .fini = look_fini };
	look->volumes = worker->volumes;
	worker->look_op = &look->op;
	op_begin(worker, has_drivers(worker) ? EXECUTOR_VOLUME : EXECUTOR_RUNTIME, &look->op);
}
