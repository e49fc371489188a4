/* What Oakestra's users ask to be changed: each a request of its own, on objects of theirs. */
#include "model/code.h"
#include "server/oakestra/private.h"

struct wish;

typedef int (*wish_fn)(struct server *server, struct wish *wish, struct err *err);
/* Hooks, about what it would change as things stand. */
typedef void (*ask_fn)(struct server *server, struct wish *wish, struct hook_inquiry *inquiry);

struct wish {
	wish_fn run;
	struct oakestra_user user; /* its texts are ours */
	char id[ID_SIZE];
	struct sla sla;
	int64_t number;
	char *name;
	char *ns;
	char *desc;
	struct plan_view plan; /* what is done, for nobody */
	struct oakestra_result result;
	oakestra_done_fn done;
	void *arg;
	bool is_part; /* whose `done` is ours: told of the server's end, too */
};

static const struct app *find_own_app(const struct server *server, const struct wish *wish,
				      const char *id, struct err *err)
{
	const struct app *app = next_get(server, KIND_APP, id);

	if (app && oakestra_may_see(&wish->user, app))
		return app;
	err_set(err, -ENOENT, "no application %.40s", id);
	return NULL;
}

static const struct service *find_own_service(const struct server *server, const struct wish *wish,
					      struct err *err)
{
	const struct service *service = next_get(server, KIND_SERVICE, wish->id);
	struct err ignored;

	if (service && find_own_app(server, wish, service->app_id, &ignored))
		return service;
	err_set(err, -ENOENT, "no service %.40s", wish->id);
	return NULL;
}

/* An archive does not tell what it is for; an image does. */
static int check_spec(const struct wish *wish, const struct service_spec *spec, struct err *err)
{
	const char *privilege = wish->user.is_admin ? NULL : spec_find_privilege(spec);

	if (privilege)
		return err_set(err, -EACCES, "%s.%s: %s: only an administrator may ask for it",
			       spec->name, spec->ns, privilege);
	if (!spec_is_unikernel(spec) || spec->arch.n || code_is_image(spec->code))
		return 0;
	return err_set(err, -EINVAL,
		       "%s.%s: arch: a unikernel's archive has to name it: [\"amd64\"]", spec->name,
		       spec->ns);
}

static int create_service(struct server *server, struct wish *wish, struct service_wish *made,
			  struct err *err)
{
	const struct service_spec *spec = made->spec;
	auto_free char *name = service_full_name(made->app, spec);
	int r = check_spec(wish, spec, err);

	made->replicas = spec->has_replicas ? spec->replicas : 0;
	if (r == 0 && service_find(server, name))
		r = err_set(err, -EEXIST, "the application has a service %s.%s already", spec->name,
			    spec->ns);
	if (r == 0)
		r = service_create(server, made, &wish->plan, err);
	if (r == 0)
		STR_COPY(wish->result.id, made->id);
	return r;
}

static int create_services(struct server *server, struct wish *wish, const struct app *app,
			   const struct sla_app *named, struct err *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < named->n_services; i++) {
		struct service_wish made = {
			.app = app,
			.spec = &named->services[i],
			.position = i,
		};

		r = create_service(server, wish, &made, err);
	}
	return r;
}

static int run_create(struct server *server, struct wish *wish, struct err *err)
{
	const struct app_owner owner = oakestra_owner(&wish->user);

	if (wish->user.is_stranger)
		return err_set(err, -EACCES, "%s is no member of the organization",
			       wish->user.name);
	for (size_t i = 0; i < wish->sla.n_apps; i++) {
		const struct sla_app *named = &wish->sla.apps[i];

		if (app_find(server, &owner, named))
			return err_set(err, -EEXIST, "there is an application %s.%s already",
				       named->name, named->ns);
		const struct app *app = app_make(server, &owner, named);
		int r = create_services(server, wish, app, named, err);
		if (r < 0)
			return r;
		STR_COPY(wish->result.id, app->id);
	}
	return 0;
}

static int run_delete_app(struct server *server, struct wish *wish, struct err *err)
{
	const struct app *app = find_own_app(server, wish, wish->id, err);

	if (!app)
		return err->code;
	app_delete(server, app, &wish->plan);
	return 0;
}

static bool has_services(const struct server *server, const struct app *app)
{
	next_for_each(server, KIND_SERVICE, struct service, service)
	{
		if (str_eq(service->app_id, app->id))
			return true;
	}
	return false;
}

static int check_rename(const struct server *server, const struct app *app,
			const struct sla_app *named, struct err *err)
{
	if (!name_part_is_valid(named->name) || !name_part_is_valid(named->ns))
		return err_set(err, -EINVAL,
			       "application_name, application_namespace: expected 1 to 30 letters "
			       "and digits each");
	if (has_services(server, app))
		return err_set(err, -EBUSY,
			       "the application keeps its name while it has services, which are "
			       "named after it");
	const struct app_owner owner = { app->owner, app->organization };
	if (app_find(server, &owner, named))
		return err_set(err, -EEXIST, "there is an application %s.%s already", named->name,
			       named->ns);
	return 0;
}

static int run_describe(struct server *server, struct wish *wish, struct err *err)
{
	const struct app *app = find_own_app(server, wish, wish->id, err);

	if (!app)
		return err->code;
	struct sla_app named = {
		.name = wish->name ? wish->name : app->name,
		.ns = wish->ns ? wish->ns : app->ns,
	};
	const char *desc = wish->desc ? wish->desc : app->desc;
	bool is_renamed = !str_eq(named.name, app->name) || !str_eq(named.ns, app->ns);
	int r = is_renamed ? check_rename(server, app, &named, err) : 0;
	if (r < 0)
		return r;
	STR_COPY(wish->result.id, app->id);
	if (is_renamed)
		app = app_rename(server, app, &named);
	app_describe(server, app, desc, app->unknown);
	return 0;
}

static int run_add(struct server *server, struct wish *wish, struct err *err)
{
	const struct app *app = find_own_app(server, wish, wish->id, err);

	return app ? create_services(server, wish, app, &wish->sla.apps[0], err) : err->code;
}

static int run_replace(struct server *server, struct wish *wish, struct err *err)
{
	const struct service *service = find_own_service(server, wish, err);

	if (!service)
		return err->code;
	const struct sla *sla = &wish->sla;
	if (sla->n_apps != 1 || sla->apps[0].n_services != 1)
		return err_set(err, -EINVAL,
			       "microservices: expected the one that is to be replaced");
	const struct service_spec *spec = &sla->apps[0].services[0];
	if (!str_eq(spec->name, service->spec.name) || !str_eq(spec->ns, service->spec.ns))
		return err_set(err, -EINVAL,
			       "microservice_name, microservice_namespace: expected %s.%s, the "
			       "service keeps its name",
			       service->spec.name, service->spec.ns);
	const struct service_wish wanted = { .spec = spec, .is_one_by_one = true };
	STR_COPY(wish->result.id, service->id);
	int r = check_spec(wish, spec, err);
	return r < 0 ? r : service_change(server, service, &wanted, &wish->plan, err);
}

static int run_delete_service(struct server *server, struct wish *wish, struct err *err)
{
	const struct service *service = find_own_service(server, wish, err);

	if (!service)
		return err->code;
	scale_remove_service(server, service);
	return 0;
}

static int run_deploy(struct server *server, struct wish *wish, struct err *err)
{
	const struct service *service = find_own_service(server, wish, err);

	if (!service)
		return err->code;
	if (scale_count(server, service->id) >= SLA_REPLICAS_MAX)
		return err_set(err, -ENOSPC, "the service has %d instances, more cannot be",
			       SLA_REPLICAS_MAX);
	scale_add_instance(server, service);
	return 0;
}

static int run_undeploy(struct server *server, struct wish *wish, struct err *err)
{
	const struct service *service = find_own_service(server, wish, err);
	size_t n = 0;

	if (!service)
		return err->code;
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (!str_eq(inst->service_id, service->id) || inst->is_removed ||
		    (wish->number >= 0 && inst->number != wish->number))
			continue;
		scale_remove_instance(server, inst);
		n++;
	}
	if (n || wish->number < 0)
		return 0;
	return err_set(err, -ENOENT, "the service has no instance %lld", (long long)wish->number);
}

static void ask_create(struct server *server, struct wish *wish, struct hook_inquiry *inquiry)
{
	for (size_t i = 0; i < wish->sla.n_apps; i++) {
		struct sla_app *app = &wish->sla.apps[i];
		const struct hook_about about = {
			.event = HOOK_PRE_CREATE,
			.name = app->name,
			.ns = app->ns,
			.owner = wish->user.name,
		};

		hook_ask_app(inquiry, &about, app->desc, &app->desc);
		for (size_t k = 0; k < app->n_services; k++)
			hook_ask_service(inquiry, &about, NULL, &app->services[k],
					 &app->services[k]);
	}
}

static void ask_delete_app(struct server *server, struct wish *wish, struct hook_inquiry *inquiry)
{
	struct err ignored;
	const struct app *app = find_own_app(server, wish, wish->id, &ignored);

	if (app)
		hook_ask_delete(inquiry, server, app, NULL);
}

static void ask_describe(struct server *server, struct wish *wish, struct hook_inquiry *inquiry)
{
	struct err ignored;
	const struct app *app = find_own_app(server, wish, wish->id, &ignored);

	if (!app)
		return;
	struct hook_about about = hook_about_app(app, HOOK_PRE_UPDATE);
	if (wish->name)
		about.name = wish->name;
	if (wish->ns)
		about.ns = wish->ns;
	hook_ask_app(inquiry, &about, wish->desc ? wish->desc : app->desc, &wish->desc);
}

static void ask_add(struct server *server, struct wish *wish, struct hook_inquiry *inquiry)
{
	struct err ignored;
	const struct app *app = find_own_app(server, wish, wish->id, &ignored);
	struct service_spec *spec = &wish->sla.apps[0].services[0];

	if (!app)
		return;
	const struct hook_about about = hook_about_app(app, HOOK_PRE_CREATE);
	hook_ask_service(inquiry, &about, NULL, spec, spec);
}

static void ask_replace(struct server *server, struct wish *wish, struct hook_inquiry *inquiry)
{
	struct err ignored;
	const struct service *service = find_own_service(server, wish, &ignored);

	if (!service || wish->sla.n_apps != 1 || wish->sla.apps[0].n_services != 1)
		return;
	const struct hook_about about = hook_about_app(next_get(server, KIND_APP, service->app_id),
						       HOOK_PRE_UPDATE);
	struct service_spec *spec = &wish->sla.apps[0].services[0];
	hook_ask_service(inquiry, &about, service->id, spec, spec);
}

static void ask_delete_service(struct server *server, struct wish *wish,
			       struct hook_inquiry *inquiry)
{
	struct err ignored;
	const struct service *service = find_own_service(server, wish, &ignored);

	if (service)
		hook_ask_delete(inquiry, server, next_get(server, KIND_APP, service->app_id),
				service);
}

static int run_wish(struct server *server, void *arg, struct err *err)
{
	struct wish *wish = arg;

	return wish->run(server, wish, err);
}

static void wish_free(struct wish *wish)
{
	free((char *)wish->user.name);
	free((char *)wish->user.organization);
	free(wish->name);
	free(wish->ns);
	free(wish->desc);
	sla_fini(&wish->sla);
	fields_fini(&plan_view_table, &wish->plan);
	free(wish);
}

static void wish_done(struct server *server, void *arg, const struct err *err)
{
	struct wish *wish = arg;

	if (err->code != -ESHUTDOWN || wish->is_part)
		wish->done(wish->arg, err->code ? NULL : &wish->result, err);
	wish_free(wish);
}

static struct wish *wish_new(const struct oakestra_change *change, wish_fn run)
{
	struct wish *wish = NEW(struct wish);

	wish->run = run;
	wish->user = change->user;
	wish->user.name = xstrdup(change->user.name);
	wish->user.organization = xstrdup(change->user.organization);
	if (change->id && id_is_valid(change->id)) /* else: no object */
		str_copy(wish->id, sizeof(wish->id), change->id);
	wish->number = change->number;
	wish->name = xstrdup(change->name);
	wish->ns = xstrdup(change->ns);
	wish->desc = xstrdup(change->desc);
	wish->done = change->done;
	wish->arg = change->arg;
	if (change->take_sla) {
		wish->sla = *change->take_sla;
		*change->take_sla = (struct sla){ 0 };
	}
	return wish;
}

static void begin(struct server *server, const struct oakestra_change *change, wish_fn run,
		  ask_fn ask)
{
	struct hook_inquiry *inquiry = hook_inquiry_new(server);
	struct wish *wish = wish_new(change, run);

	if (ask && hooks_ask(server))
		ask(server, wish, inquiry);
	hook_inquiry_then(inquiry, run_wish, wish_done, wish);
}

void oakestra_create_apps_begin(struct server *server, const struct oakestra_change *change)
{
	begin(server, change, run_create, ask_create);
}

void oakestra_delete_app_begin(struct server *server, const struct oakestra_change *change)
{
	begin(server, change, run_delete_app, ask_delete_app);
}

void oakestra_describe_app_begin(struct server *server, const struct oakestra_change *change)
{
	begin(server, change, run_describe, ask_describe);
}

void oakestra_replace_service_begin(struct server *server, const struct oakestra_change *change)
{
	begin(server, change, run_replace, ask_replace);
}

void oakestra_delete_service_begin(struct server *server, const struct oakestra_change *change)
{
	begin(server, change, run_delete_service, ask_delete_service);
}

void oakestra_deploy_begin(struct server *server, const struct oakestra_change *change)
{
	begin(server, change, run_deploy, NULL);
}

void oakestra_undeploy_begin(struct server *server, const struct oakestra_change *change)
{
	begin(server, change, run_undeploy, NULL);
}

void oakestra_add_service_begin(struct server *server, const struct oakestra_change *change)
{
	struct hook_inquiry *inquiry = hook_inquiry_new(server);
	struct wish *wish = wish_new(change, run_add);

	wish->is_part = true;
	if (hooks_ask(server))
		ask_add(server, wish, inquiry);
	hook_inquiry_then(inquiry, run_wish, wish_done, wish);
}
