/* Questions about named volumes. */
#include "model/volume_view.h"
#include "worker/call.h"
#include "worker/private.h"

struct volume_call {
	struct op op;
	struct call *call;
	struct volumes *volumes;
	struct volume_create_request create;
	struct volume_list list;
	char user[ID_SIZE];
};

static void volume_call_fini(struct op *op)
{
	struct volume_call *v = container_of(op, struct volume_call, op);

	fields_fini(&volume_create_request_table, &v->create);
	volume_list_fini(&v->list);
}

static struct volume_call *volume_call_new(struct call *call)
{
	struct volume_call *v = NEW(struct volume_call);

	v->call = call;
	v->volumes = call_worker(call)->volumes;
	v->op.fini = volume_call_fini;
	return v;
}

static void begin(struct volume_call *v, void (*run)(struct op *op), void (*done)(struct op *op))
{
	v->op.run = run;
	v->op.done = done;
	op_begin(call_worker(v->call), EXECUTOR_VOLUME, &v->op);
}

static bool names(const struct msg_deploy *deploy, const char *name)
{
	for (size_t i = 0; i < deploy->spec.n_volumes; i++) {
		const struct sla_volume *volume = &deploy->spec.volumes[i];

		if (volume_kind(volume) == VOLUME_NAMED && str_eq(volume->volume_id, name))
			return true;
	}
	return false;
}

static char *name_of(const struct winst *inst)
{
	const struct msg_deploy *deploy = inst->wish.sname ? &inst->wish : &inst->current;

	return deploy->sname ? xasprintf("%s.%u", deploy->sname, deploy->instance_number)
			     : xstrdup(inst->id);
}

/* Who has it by the records, and who wants it and has not come to it yet. */
static void find_users(struct worker *worker, const char *name, const struct strv *holders,
		       struct strv *ret)
{
	map_for_each(&worker->instances, i, e) {
		const struct winst *inst = e->value;
		bool wants = inst->record.is_wished &&
			     (names(&inst->wish, name) || names(&inst->current, name));

		if (wants || strv_has(holders, inst->id))
			strv_take(ret, name_of(inst));
	}
}

static void list_run(struct op *op)
{
	struct volume_call *v = container_of(op, struct volume_call, op);

	op->result = volume_list(v->volumes, &v->list, &op->err);
}

static void list_done(struct op *op)
{
	struct volume_call *v = container_of(op, struct volume_call, op);
	struct volumes_view view = { 0 };

	if (op->result < 0) {
		call_fail(v->call, &op->err);
		return;
	}
	for (size_t i = 0; i < v->list.n; i++) {
		const struct volume_named *named = &v->list.items[i];
		struct volume_view *row = ARRAY_ADD(view.volumes, view.n_volumes);

		row->name = xstrdup(named->name);
		row->path = xstrdup(named->path);
		if (named->created_ms)
			format_rfc3339(named->created_ms, row->created_at);
		find_users(op->worker, named->name, &named->users, &row->used_by);
	}
	call_reply(v->call, fields_format(&volumes_view_table, &view));
	fields_fini(&volumes_view_table, &view);
}

void volume_ls_begin(struct call *call, const struct json *args)
{
	begin(volume_call_new(call), list_run, list_done);
}

static void changed(struct op *op)
{
	struct volume_call *v = container_of(op, struct volume_call, op);

	if (op->result < 0) {
		call_fail(v->call, &op->err);
		return;
	}
	volumes_look(op->worker);
	call_reply(v->call, xasprintf("{\"name\":\"%s\"}", v->create.name));
}

static void create_run(struct op *op)
{
	struct volume_call *v = container_of(op, struct volume_call, op);

	op->result = volume_create(v->volumes, v->create.name, v->create.uid, v->create.gid,
				   &op->err);
}

static bool read_args(struct call *call, const struct json *args, struct volume_call **ret)
{
	struct volume_create_request create = { 0 };
	struct err err;

	if (fields_parse(&volume_create_request_table, args, &create, FIELD_UNKNOWN_IGNORE, &err) <
	    0) {
		call_fail(call, &err);
		return false;
	}
	*ret = volume_call_new(call);
	(*ret)->create = create;
	return true;
}

void volume_create_begin(struct call *call, const struct json *args)
{
	struct volume_call *v;

	if (read_args(call, args, &v))
		begin(v, create_run, changed);
}

static void remove_run(struct op *op)
{
	struct volume_call *v = container_of(op, struct volume_call, op);

	op->result = volume_remove(v->volumes, v->create.name, v->user, &op->err);
}

/* Who has it is told by the name that people know. */
static void removed(struct op *op)
{
	struct volume_call *v = container_of(op, struct volume_call, op);
	const struct winst *inst = map_find(&op->worker->instances, v->user);

	if (op->result == -EBUSY && inst) {
		auto_free char *user = name_of(inst);

		err_set(&op->err, -EBUSY, "remove volume %s: instance %s has it", v->create.name,
			user);
	}
	changed(op);
}

void volume_rm_begin(struct call *call, const struct json *args)
{
	static const struct strv nobody;
	auto_strv struct strv users = { 0 };
	struct volume_call *v;
	struct err err;

	if (!read_args(call, args, &v))
		return;
	find_users(call_worker(call), v->create.name, &nobody, &users);
	if (!users.n) {
		begin(v, remove_run, removed);
		return;
	}
	err_set(&err, -EBUSY, "remove volume %s: instance %s has it", v->create.name,
		users.items[0]);
	volume_call_fini(&v->op);
	free(v);
	call_fail(call, &err);
}
