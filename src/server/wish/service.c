/* A service: what can never be is refused, then it is made, or made what its spec says. */
#include "server/private.h"

char *service_full_name(const struct app *app, const struct service_spec *spec)
{
	return xasprintf("%s.%s.%s.%s", app_label(app), app->ns, spec->name, spec->ns);
}

const struct service *service_find(const struct server *server, const char *full_name)
{
	next_for_each(server, KIND_SERVICE, struct service, service)
	{
		if (str_eq(service->name, full_name))
			return service;
	}
	return NULL;
}

bool service_wants(const struct service *service, enum value_kind kind, const char *name)
{
	for (size_t i = 0; i < service->n_versions; i++)
		if (value_is_wanted(&service->versions[i].spec, kind, name))
			return true;
	return value_is_wanted(&service->spec, kind, name);
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

static int check_service(struct server *server, struct service *service, bool is_placed,
			 struct err *err)
{
	int r = take_rr_ip(server, service, err);

	if (r == 0)
		r = check_ports(server, service, err);
	if (r == 0)
		r = values_check(server, &service->spec, err);
	if (r == 0 && is_placed)
		r = place_check(server, service, err);
	return r < 0 ? err_wrap(err, "%s", service->name) : 0;
}

int service_create(struct server *server, struct service_wish *wish, struct plan_view *plan,
		   struct err *err)
{
	struct service *service = NEW(struct service);

	id_new(server, service->id);
	STR_COPY(service->app_id, wish->app->id);
	service->name = service_full_name(wish->app, wish->spec);
	service->generation = 1;
	service->created_ms = loop_wall_ms(server->config.loop) + wish->position;
	fields_copy(&service_spec_table, wish->spec, &service->spec);
	int r = check_service(server, service, wish->replicas > 0, err);
	if (r < 0) {
		object_free(KIND_SERVICE, service);
		return r;
	}
	plan_add(plan, "create", "service", service->name);
	plan_detail(plan, "%s, %u instance%s",
		    str_eq(wish->spec->virtualization, "docker") ? "container"
								 : wish->spec->virtualization,
		    wish->replicas, wish->replicas == 1 ? "" : "s");
	STR_COPY(wish->id, service->id);
	next_put(server, KIND_SERVICE, service->id, service);
	scale_to(server, service, wish->replicas);
	return 0;
}

int service_change(struct server *server, const struct service *old,
		   const struct service_wish *wish, struct plan_view *plan, struct err *err)
{
	const struct service_spec *spec = wish->spec;
	auto_free char *diff = plan_diff(&old->spec, spec);
	uint32_t have = scale_count(server, old->id);
	uint32_t want = spec->has_replicas ? spec->replicas : have;
	bool is_replaced = spec_needs_replacement(&old->spec, spec);

	if (str_is_empty(diff) && have == want) {
		plan_add(plan, "unchanged", "service", old->name);
		return 0;
	}
	struct service *service = object_copy(KIND_SERVICE, old);
	fields_fini(&service_spec_table, &service->spec);
	fields_copy(&service_spec_table, spec, &service->spec);
	if (is_replaced)
		service->generation++;
	int r = check_service(server, service, want > 0, err);
	if (r == 0 && wish->is_one_by_one && is_replaced)
		r = rollout_begin(server, old, service, err);
	if (r < 0) {
		object_free(KIND_SERVICE, service);
		return r;
	}
	plan_add(plan, is_replaced ? "replace" : "update", "service", old->name);
	if (have != want)
		plan_detail(plan, "%s%sreplicas: %u → %u", diff, *diff ? ", " : "", have, want);
	else
		plan_detail(plan, "%s", diff);
	if (!wish->is_one_by_one)
		rollout_end(server, service);
	next_put(server, KIND_SERVICE, service->id, service);
	r = place_resize(server, service, err);
	if (r < 0)
		return err_wrap(err, "%s", service->name);
	scale_to(server, service, want);
	return 0;
}
