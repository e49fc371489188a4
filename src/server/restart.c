/* What is asked of instances that are there: to be started again, to be paused, to go on. Each is a wish:
 * for a restart it counts how often that was asked for, and its node acts until it has done as much. So an
 * answer given is kept, however long the node is away. */
#include "server/private.h"

enum asked { ASKED_RESTART, ASKED_PAUSE, ASKED_RESUME };

struct asking {
	char *name;
	enum asked asked;
	struct plan_answer answer;
};

/* The plan's word for it. */
static const char *change(enum asked asked, struct instance *inst)
{
	bool was_paused = inst->is_paused;

	inst->is_paused = asked == ASKED_PAUSE;
	switch (asked) {
	case ASKED_RESTART: /* it is to run, whatever it was */
		inst->restarts++;
		return "restart";
	case ASKED_PAUSE:
		return was_paused ? "unchanged" : "pause";
	case ASKED_RESUME:
		break;
	}
	return was_paused ? "resume" : "unchanged";
}

static void ask_instance(struct server *server, const struct instance *inst, struct asking *asking)
{
	struct instance *copy = object_copy(KIND_INSTANCE, inst);
	auto_free char *name = xasprintf("%s.%u", inst->sname, inst->number);

	plan_add(&asking->answer.plan, change(asking->asked, copy), "instance", name);
	next_put(server, KIND_INSTANCE, copy->id, copy);
}

static int ask_service(struct server *server, const struct service *service, struct asking *asking,
		       struct err *err)
{
	strv_add(&asking->answer.plan.services, service->name);
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (str_eq(inst->service_id, service->id) && !inst->is_removed)
			ask_instance(server, inst, asking);
	}
	if (asking->answer.plan.n_items)
		return 0;
	return err_set(err, -EINVAL, "service %s has no instances", service->name);
}

static int ask_named(struct server *server, struct asking *asking, struct err *err)
{
	struct server_instance_ref ref;
	int r = server_find_instance(server, asking->name, &ref, err);

	if (r < 0)
		return r;
	const struct instance *inst = next_get(server, KIND_INSTANCE, ref.id);
	if (!inst || inst->is_removed)
		return err_set(err, -ENOENT, "instance %s is being removed", asking->name);
	strv_add(&asking->answer.plan.services, inst->sname);
	ask_instance(server, inst, asking);
	return 0;
}

static int ask(struct server *server, struct asking *asking, struct err *err)
{
	const struct service *service = find_service(server, asking->name, true, err);
	struct err why;

	if (service)
		return ask_service(server, service, asking, err);
	if (err->code != -ENOENT)
		return err->code;
	int r = ask_named(server, asking, &why);
	/* "no service x: …; no instance x: …" */
	return r < 0 ? err_set(err, why.code, "%.240s; %.240s", err->msg, why.msg) : 0;
}

static int run_request(struct server *server, void *arg, struct err *err)
{
	struct asking *asking = arg;

	return plan_undo_dry_run(&asking->answer, ask(server, asking, err), err);
}

static void asking_done(struct server *server, void *arg, const struct err *err)
{
	struct asking *asking = arg;

	plan_tell(server, &asking->answer, err);
	free(asking->name);
	free(asking);
}

static struct asking *asking_new(const char *name, enum asked asked, server_done_fn done, void *arg)
{
	struct asking *asking = NEW(struct asking);

	asking->name = xstrdup(name);
	asking->asked = asked;
	asking->answer.done = done;
	asking->answer.arg = arg;
	return asking;
}

void server_restart_begin(struct server *server, const struct server_restart *request,
			  server_done_fn done, void *arg)
{
	struct asking *asking = asking_new(request->name, ASKED_RESTART, done, arg);

	asking->answer.plan.is_dry_run = request->is_dry_run;
	request_begin(server, run_request, asking_done, asking);
}

void server_pause_begin(struct server *server, const struct server_pause *request,
			server_done_fn done, void *arg)
{
	request_begin(server, run_request, asking_done,
		      asking_new(request->name, request->is_paused ? ASKED_PAUSE : ASKED_RESUME,
				 done, arg));
}
