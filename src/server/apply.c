/* A descriptor against the state: what is missing is made, what differs is changed, services that
 * the application no longer has are removed. Other applications are not looked at. */
#include "server/private.h"

#define DEFAULT_OWNER "Admin"

struct apply {
	struct sla sla;
	char app_id[ID_SIZE]; /* of the application being applied */
	struct plan_answer answer;
};

static char *full_name(const struct sla_app *app, const struct service_spec *spec)
{
	return xasprintf("%s.%s.%s.%s", app->name, app->ns, spec->name, spec->ns);
}

static const struct app *app_by_name(const struct server *server, const struct sla_app *wanted)
{
	next_for_each(server, KIND_APP, struct app,
		      app) if (str_eq(app->name, wanted->name) &&
			       str_eq(app->ns, wanted->ns)) return app;
	return NULL;
}

static const struct service *service_by_name(const struct server *server, const char *name)
{
	next_for_each(server, KIND_SERVICE, struct service,
		      service) if (str_eq(service->name, name)) return service;
	return NULL;
}

static void new_id(struct server *server, char out[ID_SIZE])
{
	uint8_t random[12];

	loop_random(server->config.loop, random, sizeof(random));
	id_format(random, out);
}

static const char *make_app(struct server *server, struct apply *apply, const struct sla_app *sla)
{
	const struct app *old = app_by_name(server, sla);
	struct app *app = old ? object_copy(KIND_APP, old) : NEW(struct app);
	auto_free char *name = xasprintf("%s.%s", sla->name, sla->ns);

	if (old && str_eq(old->desc, sla->desc)) {
		object_free(KIND_APP, app);
		return old->id;
	}
	plan_add(&apply->answer.plan, old ? "update" : "create", "app", name);
	if (!old) {
		new_id(server, app->id);
		app->name = xstrdup(sla->name);
		app->ns = xstrdup(sla->ns);
		app->owner = xstrdup(DEFAULT_OWNER);
		app->created_ms = loop_wall_ms(server->config.loop);
	}
	free(app->desc);
	app->desc = xstrdup(sla->desc);
	next_put(server, KIND_APP, app->id, app);
	return app->id;
}

struct port_list {
	struct port_mapping items[PORTS_MAX];
	size_t n;
};

static int ports_of(const struct service *service, struct port_list *ret, struct err *err)
{
	ret->n = 0;
	return service->spec.port ? ports_parse(service->spec.port, ret->items, &ret->n, err) : 0;
}

static const struct port_mapping *shared_port(const struct port_list *a, const struct port_list *b)
{
	for (size_t i = 0; i < a->n; i++)
		for (size_t k = 0; k < b->n; k++)
			if (a->items[i].host == b->items[k].host &&
			    a->items[i].is_udp == b->items[k].is_udp)
				return &a->items[i];
	return NULL;
}

/* A service wants a host port that another one has: on a single node that can never be. */
static int check_ports(struct server *server, const struct service *service, struct err *err)
{
	const struct port_list own = {
		.items = { { .host = (uint16_t)server->config.own_port } },
		.n = server->config.own_port ? 1 : 0,
	};
	struct port_list ports;
	struct port_list others;
	int r = ports_of(service, &ports, err);

	if (r < 0)
		return r;
	if (shared_port(&ports, &own))
		return err_set(err, -EEXIST, "port %u/tcp: taken by Holm's own API",
			       own.items[0].host);
	if (server->docs[KIND_NODE].n > 1)
		return 0; /* a matter of placement */
	next_for_each(server, KIND_SERVICE, struct service, other)
	{
		if (str_eq(other->id, service->id) || ports_of(other, &others, err) < 0)
			continue;
		const struct port_mapping *port = shared_port(&ports, &others);
		if (port)
			return err_set(err, -EEXIST, "port %u/%s: taken by %s", port->host,
				       port->is_udp ? "udp" : "tcp", other->name);
	}
	return 0;
}

static int take_rr_ip(struct server *server, struct service *service, struct err *err)
{
	const char *wanted = service->spec.addresses.rr_ip;
	char *addr;

	if (service->rr_ip && (str_is_empty(wanted) || str_eq(wanted, service->rr_ip)))
		return 0;
	int r = address_take(server, wanted, service->id, &addr, err);
	if (r < 0)
		return r;
	free(service->rr_ip);
	service->rr_ip = addr;
	return 0;
}

static int check_service(struct server *server, struct service *service, struct err *err)
{
	int r = take_rr_ip(server, service, err);

	if (r == 0)
		r = check_ports(server, service, err);
	if (r == 0)
		r = values_check(server, &service->spec, err);
	if (r == 0)
		r = place_check(server, service, err);
	return r < 0 ? err_wrap(err, "%s", service->name) : 0;
}

static int create_service(struct server *server, struct apply *apply,
			  const struct service_spec *spec, const char *name, struct err *err)
{
	struct service *service = NEW(struct service);

	new_id(server, service->id);
	STR_COPY(service->app_id, apply->app_id);
	service->name = xstrdup(name);
	service->generation = 1;
	service->created_ms = loop_wall_ms(server->config.loop);
	fields_copy(&service_spec_table, spec, &service->spec);
	int r = check_service(server, service, err);
	if (r < 0) {
		object_free(KIND_SERVICE, service);
		return r;
	}
	uint32_t replicas = spec->has_replicas ? spec->replicas : 1;
	plan_add(&apply->answer.plan, "create", "service", name);
	plan_detail(&apply->answer.plan, "%s, %u instance%s",
		    str_eq(spec->virtualization, "docker") ? "container" : spec->virtualization,
		    replicas, replicas == 1 ? "" : "s");
	next_put(server, KIND_SERVICE, service->id, service);
	scale_to(server, service, replicas);
	return 0;
}

static int change_service(struct server *server, struct apply *apply, const struct service *old,
			  const struct service_spec *spec, struct err *err)
{
	auto_free char *diff = plan_diff(&old->spec, spec);
	uint32_t have = scale_count(server, old->id);
	uint32_t want = spec->has_replicas ? spec->replicas : have;
	bool is_replaced = spec_needs_replacement(&old->spec, spec);

	if (str_is_empty(diff) && have == want) {
		plan_add(&apply->answer.plan, "unchanged", "service", old->name);
		return 0;
	}
	struct service *service = object_copy(KIND_SERVICE, old);
	fields_fini(&service_spec_table, &service->spec);
	fields_copy(&service_spec_table, spec, &service->spec);
	if (is_replaced)
		service->generation++;
	int r = check_service(server, service, err);
	if (r < 0) {
		object_free(KIND_SERVICE, service);
		return r;
	}
	plan_add(&apply->answer.plan, is_replaced ? "replace" : "update", "service", old->name);
	if (have != want)
		plan_detail(&apply->answer.plan, "%s%sreplicas: %u → %u", diff, *diff ? ", " : "",
			    have, want);
	else
		plan_detail(&apply->answer.plan, "%s", diff);
	next_put(server, KIND_SERVICE, service->id, service);
	r = place_resize(server, service, err);
	if (r < 0)
		return err_wrap(err, "%s", service->name);
	scale_to(server, service, want);
	return 0;
}

static void remove_missing(struct server *server, struct apply *apply, const struct sla_app *sla)
{
	struct map kept = { 0 };

	for (size_t i = 0; i < sla->n_services; i++) {
		auto_free char *name = full_name(sla, &sla->services[i]);

		map_set(&kept, name, apply);
	}
	next_for_each(server, KIND_SERVICE, struct service, service)
	{
		if (!str_eq(service->app_id, apply->app_id) || map_find(&kept, service->name))
			continue;
		plan_add(&apply->answer.plan, "delete", "service", service->name);
		scale_remove_service(server, service);
	}
	map_fini(&kept);
}

static int apply_app(struct server *server, struct apply *apply, const struct sla_app *sla,
		     struct err *err)
{
	STR_COPY(apply->app_id, make_app(server, apply, sla));
	/* First away, so that addresses and ports can move from one service to another. */
	remove_missing(server, apply, sla);
	for (size_t i = 0; i < sla->n_services; i++) {
		const struct service_spec *spec = &sla->services[i];
		auto_free char *name = full_name(sla, spec);
		const struct service *old = service_by_name(server, name);
		int r = old ? change_service(server, apply, old, spec, err)
			    : create_service(server, apply, spec, name, err);

		if (r < 0)
			return r;
		strv_add(&apply->answer.plan.services, name);
	}
	return 0;
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
	free(apply);
}

void server_apply_begin(struct server *server, const struct server_apply *request,
			server_done_fn done, void *arg)
{
	struct apply *apply = NEW(struct apply);

	apply->sla = *request->take_sla;
	*request->take_sla = (struct sla){ 0 };
	apply->answer.plan.is_dry_run = request->is_dry_run;
	if (request->warnings)
		strv_copy(&apply->answer.plan.warnings, request->warnings);
	apply->answer.done = done;
	apply->answer.arg = arg;
	request_begin(server, run_apply, apply_done, apply);
}
