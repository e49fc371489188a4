/* Instances of a service: more, fewer, none. Removed ones stay until their node has stopped
 * them, holding their addresses and their share of the node. */
#include "server/private.h"

struct change {
	char *name;
	uint32_t replicas;
	struct plan_answer answer;
};

uint32_t scale_count(const struct server *server, const char *service_id)
{
	uint32_t n = 0;

	next_for_each(server, KIND_INSTANCE, struct instance,
		      inst) if (str_eq(inst->service_id, service_id) && !inst->is_removed) n++;
	return n;
}

void scale_remove_instance(struct server *server, const struct instance *inst)
{
	if (!inst->node_id[0]) {
		next_put(server, KIND_INSTANCE, inst->id, NULL);
		return;
	}
	struct instance *copy = object_copy(KIND_INSTANCE, inst);
	copy->is_removed = true;
	next_put(server, KIND_INSTANCE, copy->id, copy);
}

void scale_remove_service(struct server *server, const struct service *service)
{
	next_for_each(server, KIND_INSTANCE, struct instance,
		      inst) if (str_eq(inst->service_id, service->id) && !inst->is_removed)
		scale_remove_instance(server, inst);
	next_put(server, KIND_SERVICE, service->id, NULL);
}

uint32_t scale_add_instance(struct server *server, const struct service *service)
{
	struct service *numbered = object_copy(KIND_SERVICE, service);
	struct instance *inst = NEW(struct instance);
	struct err err;

	id_new(server, inst->id);
	STR_COPY(inst->service_id, service->id);
	inst->sname = xstrdup(service->name);
	inst->number = numbered->next_number++;
	place_reserve(inst, &service->spec);
	inst->created_ms = loop_wall_ms(server->config.loop);
	/* Without an own address it can still be reached by its service's. */
	if (address_take(server, NULL, NULL, &inst->instance_ip, &err) < 0)
		log_warning("instance %s of %s: %s", inst->id, inst->sname, err.msg);
	next_put(server, KIND_SERVICE, numbered->id, numbered);
	place_instance(server, inst, numbered);
	next_put(server, KIND_INSTANCE, inst->id, inst);
	return inst->number;
}

static const struct instance *highest(const struct server *server, const char *service_id)
{
	const struct instance *found = NULL;

	next_for_each(server, KIND_INSTANCE, struct instance,
		      inst) if (str_eq(inst->service_id, service_id) && !inst->is_removed &&
				(!found || inst->number > found->number)) found = inst;
	return found;
}

void scale_to(struct server *server, const struct service *service, uint32_t replicas)
{
	char id[ID_SIZE];
	uint32_t have = scale_count(server, service->id);

	STR_COPY(id, service->id);
	for (; have < replicas; have++)
		scale_add_instance(server, next_get(server, KIND_SERVICE, id));
	for (; have > replicas; have--)
		scale_remove_instance(server, highest(server, id));
}

static void change_done(struct server *server, void *arg, const struct err *err)
{
	struct change *change = arg;

	plan_tell(server, &change->answer, err);
	free(change->name);
	free(change);
}

static struct change *change_new(const char *name, server_done_fn done, void *arg)
{
	struct change *change = NEW(struct change);

	change->name = xstrdup(name);
	change->answer.done = done;
	change->answer.arg = arg;
	return change;
}

static int run_delete(struct server *server, void *arg, struct err *err)
{
	struct change *change = arg;
	const struct app *app = find_app(server, change->name, true, err);

	if (!app)
		return err->code;
	app_delete(server, app, &change->answer.plan);
	return 0;
}

void server_delete_app_begin(struct server *server, const char *name, server_done_fn done,
			     void *arg)
{
	struct hook_inquiry *inquiry = hook_inquiry_new(server);
	struct err ignored;
	const struct app *app = hooks_ask(server) ? find_app(server, name, true, &ignored) : NULL;

	if (app)
		hook_ask_delete(inquiry, server, app, NULL);
	hook_inquiry_then(inquiry, run_delete, change_done, change_new(name, done, arg));
}

static int run_scale(struct server *server, void *arg, struct err *err)
{
	struct change *change = arg;
	const struct service *service = find_service(server, change->name, true, err);

	if (!service)
		return err->code;
	if (change->replicas > SLA_REPLICAS_MAX)
		return err_set(err, -EINVAL, "replicas: expected 0..%d, got %u", SLA_REPLICAS_MAX,
			       change->replicas);
	uint32_t have = scale_count(server, service->id);
	plan_add(&change->answer.plan, have == change->replicas ? "unchanged" : "scale", "service",
		 service->name);
	plan_detail(&change->answer.plan, "replicas: %u → %u", have, change->replicas);
	strv_add(&change->answer.plan.services, service->name);
	scale_to(server, service, change->replicas);
	return 0;
}

void server_scale_begin(struct server *server, const char *name, uint32_t replicas,
			server_done_fn done, void *arg)
{
	struct change *change = change_new(name, done, arg);

	change->replicas = replicas;
	request_begin(server, run_scale, change_done, change);
}
