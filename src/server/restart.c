/* Starting instances again, as a wish: each counts how often that was asked for, and its node acts until
 * it has done as much. So an answer given is kept, however long the node is away. */
#include "server/private.h"

struct restart {
	char *name;
	struct plan_answer answer;
};

static void restart_instance(struct server *server, const struct instance *inst,
			     struct plan_view *plan)
{
	struct instance *copy = object_copy(KIND_INSTANCE, inst);
	auto_free char *name = xasprintf("%s.%u", inst->sname, inst->number);

	copy->restarts++;
	plan_add(plan, "restart", "instance", name);
	next_put(server, KIND_INSTANCE, copy->id, copy);
}

static int restart_service(struct server *server, const struct service *service,
			   struct plan_view *plan, struct err *err)
{
	strv_add(&plan->services, service->name);
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (str_eq(inst->service_id, service->id) && !inst->is_removed)
			restart_instance(server, inst, plan);
	}
	if (plan->n_items)
		return 0;
	return err_set(err, -EINVAL, "service %s has no instances", service->name);
}

static int restart_named(struct server *server, const char *name, struct plan_view *plan,
			 struct err *err)
{
	struct server_instance_ref ref;
	int r = server_find_instance(server, name, &ref, err);

	if (r < 0)
		return r;
	const struct instance *inst = next_get(server, KIND_INSTANCE, ref.id);
	if (!inst || inst->is_removed)
		return err_set(err, -ENOENT, "instance %s is being removed", name);
	strv_add(&plan->services, inst->sname);
	restart_instance(server, inst, plan);
	return 0;
}

static int run_restart(struct server *server, void *arg, struct err *err)
{
	struct restart *restart = arg;
	const struct service *service = find_service(server, restart->name, true, err);
	struct err why;

	if (service)
		return restart_service(server, service, &restart->answer.plan, err);
	if (err->code != -ENOENT)
		return err->code;
	int r = restart_named(server, restart->name, &restart->answer.plan, &why);
	/* "no service x: …; no instance x: …" */
	return r < 0 ? err_set(err, why.code, "%.240s; %.240s", err->msg, why.msg) : 0;
}

static int run_request(struct server *server, void *arg, struct err *err)
{
	struct restart *restart = arg;

	return plan_undo_dry_run(&restart->answer, run_restart(server, restart, err), err);
}

static void restart_done(struct server *server, void *arg, const struct err *err)
{
	struct restart *restart = arg;

	plan_tell(server, &restart->answer, err);
	free(restart->name);
	free(restart);
}

void server_restart_begin(struct server *server, const struct server_restart *request,
			  server_done_fn done, void *arg)
{
	struct restart *restart = NEW(struct restart);

	restart->name = xstrdup(request->name);
	restart->answer.plan.is_dry_run = request->is_dry_run;
	restart->answer.done = done;
	restart->answer.arg = arg;
	request_begin(server, run_request, restart_done, restart);
}
