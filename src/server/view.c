/* Objects as people see them, from the committed state and the facts. */
#include "model/custom.h"
#include "server/private.h"

/* Returns what follows the application's full name. */
static const char *split(const char *sname, char **ret_app)
{
	const char *dot = strchr(sname, '.');

	dot = dot ? strchr(dot + 1, '.') : NULL;
	*ret_app = dot ? xstrndup(sname, (size_t)(dot - sname)) : xstrdup(sname);
	return dot ? dot + 1 : "";
}

/* What is shown of a service's full name: the first two parts, and the others. */
static void show_name(const char *sname, struct view_made *made, const char **ret_app,
		      const char **ret_service)
{
	char *app = NULL;

	*ret_service = split(sname, &app);
	*ret_app = app;
	strv_take(&made->texts, app);
}

void view_split_name(const char *sname, char **ret_app, char **ret_service)
{
	*ret_service = xstrdup(split(sname, ret_app));
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

static void show_ports(const struct service_spec *spec, struct view_made *made,
		       struct port_view **ret, size_t *ret_n)
{
	port_views_from(spec->port, &made->ports, ret_n);
	*ret = made->ports;
}

static void view_app(struct server *server, const struct app *app, void *out,
		     struct view_made *made)
{
	struct app_view *view = out;

	STR_COPY(view->id, app->id);
	strv_take(&made->texts, app_full_name(app));
	view->name = made->texts.items[0];
	view->description = app->desc ? app->desc : "";
	view->owner = app->owner;
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

static void view_service(struct server *server, const struct service *service, void *out,
			 struct view_made *made)
{
	struct service_view *view = out;
	const struct instance *least = view_least(server, service);

	STR_COPY(view->id, service->id);
	show_name(service->name, made, &view->app, &view->service);
	view->name = service->name;
	view->runtime = service->spec.virtualization;
	view->code = service->spec.code;
	view->generation = service->generation;
	view->service_address = service->rr_ip;
	view->memory_mib = service->spec.memory_mib;
	view->vcpus = service->spec.vcpus;
	show_ports(&service->spec, made, &view->ports, &view->n_ports);
	format_rfc3339(service->created_ms, view->created_at);
	view->reason = least ? fact_or_none(server, least->id)->status.detail : "";
	view->state = least ? state_name(view_state_of(server, least)) : "";
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
			      struct instance_view *view, struct view_made *made)
{
	const struct service *service = state_get(server, KIND_SERVICE, inst->service_id);

	view->runtime = service ? runtime_word(service->spec.virtualization) : "";
	view->service_address = service ? service->rr_ip : "";
	view->image = service ? service->spec.code : "";
	view->wished_generation = service ? service->generation : 0;
	view->memory_limit_mib = inst->memory_mib;
	if (service)
		show_ports(&service->spec, made, &view->ports, &view->n_ports);
}

static void add_node_facts(const struct server *server, const struct instance *inst,
			   struct instance_view *view)
{
	const struct fact *fact = fact_or_none(server, inst->id);
	const struct instance_status *s = &fact->status;
	const struct node *node = state_get(server, KIND_NODE, inst->node_id);

	view->node = node ? node->hostname : "";
	view->state = state_name(view_state_by(inst, fact));
	view->reason = s->detail;
	view->address = s->namespace_ip;
	view->pid = s->pid;
	view->digest = s->digest;
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
	if (s->runtime[0])
		view->runtime = s->runtime;
}

static void view_instance(struct server *server, const struct instance *inst, void *out,
			  struct view_made *made)
{
	struct instance_view *view = out;

	STR_COPY(view->id, inst->id);
	show_name(inst->sname, made, &view->app, &view->service);
	view->number = inst->number;
	view->instance_address = inst->instance_ip;
	view->is_removed = inst->is_removed;
	view->is_pause_wished = inst->is_paused;
	add_service_facts(server, inst, view, made);
	add_node_facts(server, inst, view);
}

static void view_node(struct server *server, const struct node *node, void *out)
{
	struct node_view *view = out;
	const struct node_live *live = map_find(&server->lives, node->id);

	STR_COPY(view->id, node->id);
	view->hostname = node->hostname;
	view->address = node->address;
	view->arch = node->arch;
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
	view->version = node->version;
	view->virtualization = node->virtualization;
	view->emulated = node->emulated;
	view->pending = node->pending;
	view->runtimes = node->runtimes;
	view->n_runtimes = node->n_runtimes;
	view->problems = node->problems;
	view->csi_drivers = node->csi_drivers;
	view->subnets = node->subnets;
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

static void fill(struct server *server, enum kind kind, const void *object, void *view,
		 struct view_made *made)
{
	switch (kind) {
	case KIND_APP:
		view_app(server, object, view, made);
		break;
	case KIND_SERVICE:
		view_service(server, object, view, made);
		break;
	case KIND_INSTANCE:
		view_instance(server, object, view, made);
		break;
	case KIND_NODE:
		view_node(server, object, view);
		break;
	case KIND_SECRET:
	case KIND_CONFIG:
		values_view(server, kind, object, view, made);
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

void view_emit(struct server *server, enum kind kind, const void *object, struct json_out *out)
{
	auto_free void *view = xcalloc(1, view_tables[kind]->size);
	struct view_made made = { 0 };

	fill(server, kind, object, view, &made);
	fields_emit(view_tables[kind], view, out, NULL);
	strv_fini(&made.texts);
	free(made.ports);
}

char *view_json(struct server *server, enum kind kind, const char *id)
{
	const void *object = state_get(server, kind, id);
	auto_json_out struct json_out out = { 0 };
	char *text = NULL;
	struct err err;

	if (!object)
		return NULL;
	json_out_init(&out, JSON_TEXT_MAX);
	view_emit(server, kind, object, &out);
	if (json_out_finish(&out, &text, &err) < 0)
		log_error("%s %s: %s", kind_name(kind), id, err.msg);
	return text;
}

char *server_view_node(struct server *server, const char *name, struct err *err)
{
	char id[ID_SIZE];

	if (server_find_node(server, name, id, err) < 0)
		return NULL;
	return view_json(server, KIND_NODE, id);
}
