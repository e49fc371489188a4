/* A descriptor against the state: what is missing is made, what differs is changed, services that
 * the application no longer has are removed. Other applications are not looked at. */
#include "server/private.h"

struct apply {
	struct sla sla;
	char *user;
	struct plan_answer answer;
};

/* As the descriptor has it, but for its services. */
static bool is_described(const struct app *app, const struct sla_app *sla)
{
	return str_eq(app->desc, sla->desc) && str_eq(app->unknown, sla->unknown);
}

static const struct app *make_app(struct server *server, struct apply *apply,
				  const struct sla_app *sla)
{
	const struct app_owner owner = { apply->user, "" };
	const struct app *old = app_find(server, &owner, sla);

	if (old && is_described(old, sla))
		return old;
	const struct app *app = old ? app_describe(server, old, sla->desc, sla->unknown)
				    : app_make(server, &owner, sla);
	auto_free char *name = app_full_name(app);
	plan_add(&apply->answer.plan, old ? "update" : "create", "app", name);
	return app;
}

static int apply_service(struct server *server, struct service_wish *wish, struct plan_view *plan,
			 struct err *err)
{
	auto_free char *name = service_full_name(wish->app, wish->spec);
	const struct service *old = service_find(server, name);

	wish->replicas = wish->spec->has_replicas ? wish->spec->replicas : 1;
	int r = old ? service_change(server, old, wish, plan, err)
		    : service_create(server, wish, plan, err);

	if (r == 0)
		strv_add(&plan->services, name);
	return r;
}

/* Full names of what the descriptor has; the caller's. */
static struct map names_of(const struct app *app, const struct sla_app *sla)
{
	struct map names = { 0 };

	for (size_t i = 0; i < sla->n_services; i++) {
		auto_free char *name = service_full_name(app, &sla->services[i]);

		map_set(&names, name, &sla->services[i]);
	}
	return names;
}

static void remove_missing(struct server *server, const struct app *app, const struct sla_app *sla,
			   struct plan_view *plan)
{
	struct map kept = names_of(app, sla);

	next_for_each(server, KIND_SERVICE, struct service, service)
	{
		if (!str_eq(service->app_id, app->id) || map_find(&kept, service->name))
			continue;
		plan_add(plan, "delete", "service", service->name);
		scale_remove_service(server, service);
	}
	map_fini(&kept);
}

static int apply_app(struct server *server, struct apply *apply, const struct sla_app *sla,
		     struct err *err)
{
	struct plan_view *plan = &apply->answer.plan;
	const struct app *app = make_app(server, apply, sla);
	int r = 0;

	/* First away, so that addresses and ports can move from one service to another. */
	remove_missing(server, app, sla, plan);
	for (size_t i = 0; r == 0 && i < sla->n_services; i++) {
		struct service_wish wish = {
			.app = app,
			.spec = &sla->services[i],
			.position = i,
		};

		r = apply_service(server, &wish, plan, err);
	}
	return r;
}

static int run_apply(struct server *server, void *arg, struct err *err)
{
	struct apply *apply = arg;

	for (size_t i = 0; i < apply->sla.n_apps; i++) {
		int r = apply_app(server, apply, &apply->sla.apps[i], err);

		if (r < 0)
			return r;
	}
	return plan_undo_dry_run(&apply->answer, 0, err);
}

static void apply_done(struct server *server, void *arg, const struct err *err)
{
	struct apply *apply = arg;

	plan_tell(server, &apply->answer, err);
	sla_fini(&apply->sla);
	free(apply->user);
	free(apply);
}

static void ask_about_service(struct server *server, struct hook_inquiry *inquiry,
			      const struct hook_about *app, struct service_spec *spec)
{
	auto_free char *name = app->app ? service_full_name(app->app, spec) : NULL;
	const struct service *old = name ? service_find(server, name) : NULL;
	struct hook_about about = *app;

	about.event = old ? HOOK_PRE_UPDATE : HOOK_PRE_CREATE;
	if (!old || !fields_equal(&service_spec_table, &old->spec, spec))
		hook_ask_service(inquiry, &about, old ? old->id : NULL, spec, spec);
}

/* What would be made, changed and deleted as things stand now. */
static void ask_about_app(struct server *server, struct hook_inquiry *inquiry, const char *user,
			  struct sla_app *sla)
{
	const struct app_owner owner = { user, "" };
	const struct app *old = app_find(server, &owner, sla);
	const struct hook_about about = {
		.event = old ? HOOK_PRE_UPDATE : HOOK_PRE_CREATE,
		.app = old,
		.name = sla->name,
		.ns = sla->ns,
		.owner = user,
	};

	if (!old || !is_described(old, sla))
		hook_ask_app(inquiry, &about, sla->desc, &sla->desc);
	for (size_t i = 0; i < sla->n_services; i++)
		ask_about_service(server, inquiry, &about, &sla->services[i]);
	if (!old)
		return;
	struct map kept = names_of(old, sla);
	next_for_each(server, KIND_SERVICE, struct service, service)
	{
		if (str_eq(service->app_id, old->id) && !map_find(&kept, service->name))
			hook_ask_delete(inquiry, server, old, service);
	}
	map_fini(&kept);
}

static void ask_hooks(struct server *server, struct apply *apply)
{
	struct hook_inquiry *inquiry = hook_inquiry_new(server);

	for (size_t i = 0; i < apply->sla.n_apps; i++)
		ask_about_app(server, inquiry, apply->user, &apply->sla.apps[i]);
	hook_inquiry_then(inquiry, run_apply, apply_done, apply);
}

void server_apply_begin(struct server *server, const struct server_apply *request,
			server_done_fn done, void *arg)
{
	struct apply *apply = NEW(struct apply);

	apply->sla = *request->take_sla;
	*request->take_sla = (struct sla){ 0 };
	apply->user = xstrdup(request->owner ? request->owner : SERVER_DEFAULT_OWNER);
	apply->answer.plan.is_dry_run = request->is_dry_run;
	if (request->warnings)
		strv_copy(&apply->answer.plan.warnings, request->warnings);
	apply->answer.done = done;
	apply->answer.arg = arg;
	if (request->is_dry_run || !hooks_ask(server))
		request_begin(server, run_apply, apply_done, apply);
	else
		ask_hooks(server, apply);
}
