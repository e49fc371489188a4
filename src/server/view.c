/* Objects as people see them, from the committed state and the facts. */
#include "model/custom.h"
#include "server/private.h"

void view_split_name(const char *sname, char **ret_app, char **ret_service)
{
	const char *dot = strchr(sname, '.');

	dot = dot ? strchr(dot + 1, '.') : NULL;
	*ret_app = dot ? xstrndup(sname, (size_t)(dot - sname)) : xstrdup(sname);
	*ret_service = xstrdup(dot ? dot + 1 : "");
}

const struct fact *fact_or_none(const struct server *server, const char *id)
{
	static const struct fact none = { 0 };
	const struct fact *fact = fact_find(server, id);

	return fact ? fact : &none;
}

enum instance_state view_state_by(const struct instance *inst, const struct fact *fact)
{
	if (fact->status.state != STATE_REQUESTED)
		return fact->status.state;
	return inst->node_id[0] ? STATE_NODE_SCHEDULED : STATE_REQUESTED;
}

enum instance_state view_state_of(const struct server *server, const struct instance *inst)
{
	return view_state_by(inst, fact_or_none(server, inst->id));
}

static void view_app(struct server *server, const struct app *app, void *out)
{
	struct app_view *view = out;

	STR_COPY(view->id, app->id);
	view->name = app_full_name(app);
	view->description = xstrdup(app->desc ? app->desc : "");
	view->owner = xstrdup(app->owner);
	format_rfc3339(app->created_ms, view->created_at);
	family_for_each(server, KIND_APP, app->id, struct service, service)
	{
		view->services++;
		family_for_each(server, KIND_SERVICE, service->id, struct instance, inst)
		{
			view->instances += !inst->is_removed;
			view->running += !inst->is_removed &&
					 view_state_of(server, inst) == STATE_RUNNING;
		}
	}
}

const struct instance *view_least(const struct server *server, const struct service *service)
{
	enum instance_state least = STATE_N;
	const struct instance *at = NULL;

	family_for_each(server, KIND_SERVICE, service->id, struct instance, inst)
	{
		if (inst->is_removed)
			continue;
		enum instance_state state = view_state_of(server, inst);

		if (at && (state == STATE_RUNNING || least != STATE_RUNNING))
			continue;
		least = state;
		at = inst;
	}
	return at;
}

static void view_service(struct server *server, const struct service *service, void *out)
{
	struct service_view *view = out;
	const struct instance *least = view_least(server, service);

	STR_COPY(view->id, service->id);
	view_split_name(service->name, &view->app, &view->service);
	view->name = xstrdup(service->name);
	view->runtime = xstrdup(service->spec.virtualization);
	view->code = xstrdup(service->spec.code);
	view->generation = service->generation;
	view->service_address = xstrdup(service->rr_ip);
	view->memory_mib = service->spec.memory_mib;
	view->vcpus = service->spec.vcpus;
	port_views_from(service->spec.port, &view->ports, &view->n_ports);
	format_rfc3339(service->created_ms, view->created_at);
	view->reason = xstrdup(least ? fact_or_none(server, least->id)->status.detail : "");
	view->state = xstrdup(least ? state_name(view_state_of(server, least)) : "");
	family_for_each(server, KIND_SERVICE, service->id, struct instance, inst)
	{
		view->replicas += !inst->is_removed;
		view->running += !inst->is_removed && view_state_of(server, inst) == STATE_RUNNING;
	}
}

static const char *runtime_word(const char *virtualization)
{
	return str_eq(virtualization, "docker") ? "container" : virtualization;
}

static void add_service_facts(const struct server *server, const struct instance *inst,
			      struct instance_view *view)
{
	const struct service *service = state_get(server, KIND_SERVICE, inst->service_id);

	view->runtime = xstrdup(service ? runtime_word(service->spec.virtualization) : "");
	view->service_address = xstrdup(service ? service->rr_ip : "");
	view->image = xstrdup(service ? service->spec.code : "");
	view->wished_generation = service ? service->generation : 0;
	view->memory_limit_mib = inst->memory_mib;
	if (service)
		port_views_from(service->spec.port, &view->ports, &view->n_ports);
}

static void add_node_facts(const struct server *server, const struct instance *inst,
			   struct instance_view *view)
{
	const struct fact *fact = fact_or_none(server, inst->id);
	const struct instance_status *s = &fact->status;
	const struct node *node = state_get(server, KIND_NODE, inst->node_id);

	view->node = xstrdup(node ? node->hostname : "");
	view->state = xstrdup(state_name(view_state_by(inst, fact)));
	view->reason = xstrdup(s->detail);
	view->address = xstrdup(s->namespace_ip);
	view->pid = s->pid;
	view->digest = xstrdup(s->digest);
	view->generation = s->generation;
	view->incarnation = s->incarnation;
	view->is_ready = s->is_ready;
	view->is_update_failed = s->is_update_failed;
	view->is_paused = s->is_paused;
	view->is_pause_failed = s->is_pause_failed;
	view->progress_percent = s->progress_percent;
	view->memory_mib = s->pid ? (double)fact->stats.memory_bytes / (1 << 20) : 0;
	if (s->started_ms)
		format_rfc3339(s->started_ms, view->started_at);
	if (s->runtime[0]) {
		free(view->runtime);
		view->runtime = xstrdup(s->runtime);
	}
}

static void view_instance(struct server *server, const struct instance *inst, void *out)
{
	struct instance_view *view = out;

	STR_COPY(view->id, inst->id);
	view_split_name(inst->sname, &view->app, &view->service);
	view->number = inst->number;
	view->instance_address = xstrdup(inst->instance_ip);
	view->is_removed = inst->is_removed;
	view->is_pause_wished = inst->is_paused;
	add_service_facts(server, inst, view);
	add_node_facts(server, inst, view);
}

static void view_node(struct server *server, const struct node *node, void *out)
{
	struct node_view *view = out;
	const struct node_live *live = map_find(&server->lives, node->id);

	STR_COPY(view->id, node->id);
	view->hostname = xstrdup(node->hostname);
	view->address = xstrdup(node->address);
	view->arch = xstrdup(node->arch);
	view->is_alive = live_is_alive(server, node->id);
	view->is_cordoned = node->is_cordoned;
	view->cpus = node->cpus;
	view->memory_mib = node->memory_mib;
	view->capacity = (struct resources){ node->memory_mib, 1000 * (uint64_t)node->cpus,
					     node->pids, node->disk_mib };
	view->offer = place_offer(node);
	if (live) {
		view->used = live->used;
		view->warm = live->warm;
	}
	view->has_kvm = node->has_kvm;
	view->version = xstrdup(node->version);
	strv_copy(&view->virtualization, &node->virtualization);
	strv_copy(&view->emulated, &node->emulated);
	strv_copy(&view->pending, &node->pending);
	view->runtimes = xcalloc(node->n_runtimes ? node->n_runtimes : 1, sizeof(*view->runtimes));
	view->n_runtimes = node->n_runtimes;
	for (size_t i = 0; i < node->n_runtimes; i++)
		fields_copy(&node_runtime_table, &node->runtimes[i], &view->runtimes[i]);
	strv_copy(&view->problems, &node->problems);
	strv_copy(&view->csi_drivers, &node->csi_drivers);
	strv_copy(&view->subnets, &node->subnets);
	state_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (!str_eq(inst->node_id, node->id))
			continue;
		view->instances++;
		view->memory_promised_mib += inst->memory_mib;
		resources_add(&view->promised,
			      &(struct resources){ inst->memory_mib, inst->cpu_millis, inst->pids,
						   inst->disk_mib });
	}
}

static const struct field_table *const view_tables[KIND_N] = {
	[KIND_APP] = &app_view_table,
	[KIND_SERVICE] = &service_view_table,
	[KIND_INSTANCE] = &instance_view_table,
	[KIND_NODE] = &node_view_table,
	[KIND_SECRET] = &value_view_table,
	[KIND_CONFIG] = &value_view_table,
	[KIND_CUSTOM_TYPE] = &custom_type_view_table,
	[KIND_CUSTOM] = &custom_view_table,
};

static void fill(struct server *server, enum kind kind, const void *object, void *view)
{
	switch (kind) {
	case KIND_APP:
		view_app(server, object, view);
		break;
	case KIND_SERVICE:
		view_service(server, object, view);
		break;
	case KIND_INSTANCE:
		view_instance(server, object, view);
		break;
	case KIND_NODE:
		view_node(server, object, view);
		break;
	case KIND_SECRET:
	case KIND_CONFIG:
		values_view(server, kind, object, view);
		break;
	case KIND_CUSTOM_TYPE:
		custom_type_view(object, view);
		break;
	case KIND_CUSTOM:
		custom_view(server, object, view);
		break;
	case KIND_USER:
	case KIND_ORGANIZATION:
	case KIND_TOKEN:
	case KIND_HOOK:
	case KIND_DELIVERY:
	case KIND_HOOK_LOG:
	case KIND_N:
		break;
	}
}

bool view_is_shown(enum kind kind)
{
	return view_tables[kind] != NULL;
}

char *view_json(struct server *server, enum kind kind, const char *id)
{
	const void *object = state_get(server, kind, id);

	if (!object)
		return NULL;
	auto_free void *view = xcalloc(1, view_tables[kind]->size);
	fill(server, kind, object, view);
	char *text = fields_format(view_tables[kind], view);
	fields_fini(view_tables[kind], view);
	return text;
}

void view_emit(struct server *server, enum kind kind, const void *object, struct json_out *out)
{
	auto_free void *view = xcalloc(1, view_tables[kind]->size);

	fill(server, kind, object, view);
	fields_emit(view_tables[kind], view, out, NULL);
	fields_fini(view_tables[kind], view);
}

char *server_view_node(struct server *server, const char *name, struct err *err)
{
	char id[ID_SIZE];

	if (server_find_node(server, name, id, err) < 0)
		return NULL;
	return view_json(server, KIND_NODE, id);
}
