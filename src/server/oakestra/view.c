/* Applications and services as Oakestra's clients read them, written straight from the state. Which
 * keys are there, and whether a number is one or a text, is what those clients depend on. */
#include <time.h>

#include "server/oakestra/private.h"

#define NODE_PORT 50103 /* of a node's tunnel */

/* What is listed, in order. */
struct shelf {
	const void **items;
	size_t n;
};

static int compare_services(const void *a, const void *b)
{
	const struct service *x = *(const struct service *const *)a;
	const struct service *y = *(const struct service *const *)b;
	int order = strcmp(x->app_id, y->app_id);

	if (order)
		return order;
	if (x->created_ms != y->created_ms)
		return x->created_ms < y->created_ms ? -1 : 1;
	return strcmp(x->name, y->name);
}

static int compare_apps(const void *a, const void *b)
{
	const struct app *x = *(const struct app *const *)a;
	const struct app *y = *(const struct app *const *)b;

	if (x->created_ms != y->created_ms)
		return x->created_ms < y->created_ms ? -1 : 1;
	return strcmp(x->id, y->id);
}

static int compare_instances(const void *a, const void *b)
{
	const struct instance *x = *(const struct instance *const *)a;
	const struct instance *y = *(const struct instance *const *)b;
	int order = strcmp(x->service_id, y->service_id);

	return order ? order : (x->number > y->number) - (x->number < y->number);
}

static struct shelf shelf_of(const struct server *server, enum kind kind,
			     int (*compare)(const void *a, const void *b))
{
	struct shelf shelf = { 0 };

	state_for_each(server, kind, void, object) * ARRAY_ADD(shelf.items, shelf.n) = object;
	if (shelf.n)
		qsort(shelf.items, shelf.n, sizeof(*shelf.items), compare);
	return shelf;
}

/* The first item that is not before the key. */
static size_t shelf_find(const struct shelf *shelf, const char *key,
			 const char *(*key_of)(const void *item))
{
	size_t low = 0;

	for (size_t high = shelf->n; low < high;) {
		size_t middle = low + (high - low) / 2;

		if (strcmp(key_of(shelf->items[middle]), key) < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const char *service_key(const void *item)
{
	return ((const struct service *)item)->app_id;
}

static const char *instance_key(const void *item)
{
	return ((const struct instance *)item)->service_id;
}

/* The body sees `type *name`, each item of that key, in order. */
#define shelf_for_each(shelf, key, key_of, type, name)                                           \
	for (size_t i_##name = shelf_find(shelf, key, key_of);                                   \
	     i_##name < (shelf)->n && str_eq(key_of((shelf)->items[i_##name]), key); i_##name++) \
		for (type *name = (shelf)->items[i_##name]; name; name = NULL)

const char *oakestra_cluster_id(const struct server *server)
{
	const char *id = server->config.cluster_id;

	return id ? id : "000000000000000000000000";
}

const char *oakestra_cluster_location(const struct server *server)
{
	const char *location = server->config.cluster_location;

	return location ? location : "";
}

static void put_oid(struct json_out *out, const char *id)
{
	json_out_object(out, "_id");
	json_out_str(out, "$oid", id);
	json_out_object_end(out);
}

static void put_number(struct json_out *out, const char *key, double value)
{
	char text[32];

	snprintf(text, sizeof(text), "%.6f", value);
	json_out_str(out, key, text);
}

/* A time of the clock on the wall, as its readers take it for. */
static void put_local_time(struct json_out *out, const char *key, uint64_t unix_ms)
{
	time_t seconds = (time_t)(unix_ms / 1000);
	char text[40];
	struct tm tm;

	localtime_r(&seconds, &tm);
	size_t n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%03u000", (unsigned)(unix_ms % 1000));
	json_out_str(out, key, text);
}

static void put_app(const struct app *app, const struct shelf *services, struct json_out *out)
{
	json_out_object(out, NULL);
	put_oid(out, app->id);
	json_out_str(out, "applicationID", app->id);
	json_out_str(out, "application_name", app->name);
	json_out_str(out, "application_namespace", app->ns);
	json_out_str(out, "application_desc", app->desc ? app->desc : "");
	json_out_array(out, "microservices");
	shelf_for_each(services, app->id, service_key, const struct service, service)
		json_out_str(out, NULL, service->id);
	json_out_array_end(out);
	json_out_str(out, "userId", app->owner);
	json_out_members(out, app->unknown);
	json_out_object_end(out);
}

static void put_histories(const struct fact *fact, struct json_out *out)
{
	const struct usage *at;

	json_out_array(out, "cpu_history");
	for (uint32_t i = 0; (at = history_get(&fact->history, i)); i++) {
		json_out_object(out, NULL);
		put_number(out, "value", at->cpu_percent);
		put_local_time(out, "timestamp", at->at_ms);
		json_out_object_end(out);
	}
	json_out_array_end(out);
	json_out_array(out, "memory_history");
	for (uint32_t i = 0; (at = history_get(&fact->history, i)); i++) {
		char bytes[24];

		snprintf(bytes, sizeof(bytes), "%.0f", at->memory);
		json_out_object(out, NULL);
		json_out_str(out, "value", bytes);
		put_local_time(out, "timestamp", at->at_ms);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

/* What its node measured; not there before that. */
static void put_usage(const struct fact *fact, const struct node *node, struct json_out *out)
{
	double cores;

	if (!fact->stats_ms || !node)
		return;
	if (!stats_cpu_cores(fact, &cores))
		cores = 0;
	put_number(out, "cpu_percent", stats_percent(cores, node->cpus));
	put_number(out, "memory_percent",
		   stats_percent((double)fact->stats.memory_bytes,
				 (double)(node->memory_mib << 20)));
	json_out_str(out, "disk", "0"); /* not measured */
	json_out_double(out, "last_modified_timestamp", (double)fact->stats_ms / 1000);
}

/* The reason, how far a download is, and whether its node is there to be believed. */
static void put_detail(const struct server *server, const struct instance *inst,
		       const struct fact *fact, struct json_out *out)
{
	const struct instance_status *s = &fact->status;
	auto_buf struct buf text;

	buf_init(&text, 2 * DETAIL_MAX);
	buf_add_str(&text, s->detail);
	if (s->progress_percent && !strchr(s->detail, '%'))
		buf_addf(&text, "%s%u %%", text.len ? ", " : "", s->progress_percent);
	if (inst->node_id[0] && !live_is_alive(server, inst->node_id))
		buf_addf(&text, "%sits node has been silent, this is how it was",
			 text.len ? "; " : "");
	json_out_str(out, "status_detail", text.data);
}

static void put_instance(const struct server *server, const struct instance *inst,
			 const struct map *logs, struct json_out *out)
{
	const struct fact *fact = fact_or_none(server, inst->id);
	const struct node *node = state_get(server, KIND_NODE, inst->node_id);
	const char *address = node && node->address ? node->address : "";
	const char *log = logs ? map_find(logs, inst->id) : NULL;

	json_out_object(out, NULL);
	json_out_int(out, "instance_number", inst->number);
	json_out_str(out, "cluster_id", oakestra_cluster_id(server));
	json_out_str(out, "cluster_location", oakestra_cluster_location(server));
	json_out_str(out, "status", state_name(view_state_of(server, inst)));
	put_detail(server, inst, fact, out);
	json_out_str(out, "publicip", address);
	json_out_str(out, "host_ip", address);
	json_out_int(out, "host_port", node ? NODE_PORT : 0);
	json_out_str(out, "worker_id", inst->node_id);
	put_usage(fact, node, out);
	json_out_str(out, "logs", log ? log : "");
	put_histories(fact, out);
	json_out_object_end(out);
}

/* RUNNING when all of them run, else as the least advanced one; without any, UNDEPLOYED, or nothing if
 * there never was one. */
static void put_status(const struct server *server, const struct service *service,
		       const struct shelf *instances, struct json_out *out)
{
	enum instance_state least = STATE_N;
	const struct instance *at = NULL;

	shelf_for_each(instances, service->id, instance_key, const struct instance, inst)
	{
		enum instance_state state = view_state_of(server, inst);

		if (inst->is_removed || (at && (state == STATE_RUNNING || least != STATE_RUNNING)))
			continue;
		least = state;
		at = inst;
	}
	if (!at && !service->next_number)
		return;
	json_out_str(out, "status", state_name(at ? least : STATE_UNDEPLOYED));
	if (at)
		put_detail(server, at, fact_or_none(server, at->id), out);
	else
		json_out_str(out, "status_detail", "no instances");
}

static void put_names(const struct app *app, const struct service *service, struct json_out *out)
{
	auto_free char *name = xasprintf("%s.%s.%s.%s", app->name, app->ns, service->spec.name,
					 service->spec.ns);

	json_out_str(out, "microserviceID", service->id);
	json_out_str(out, "applicationID", service->app_id);
	json_out_str(out, "job_name", name);
	json_out_str(out, "app_name", app->name);
	json_out_str(out, "app_ns", app->ns);
	json_out_str(out, "service_name", service->spec.name);
	json_out_str(out, "service_ns", service->spec.ns);
}

static void put_service(const struct server *server, const struct service *service,
			const struct shelf *instances, const struct map *logs, struct json_out *out)
{
	const struct app *app = state_get(server, KIND_APP, service->app_id);

	json_out_object(out, NULL);
	put_oid(out, service->id);
	put_names(app, service, out);
	fields_emit_members(&service_spec_table, &service->spec, out);
	json_out_str(out, "image", service->spec.code);
	json_out_str(out, "RR_ip", service->rr_ip);
	json_out_str(out, "RR_ip_v6", NULL);
	json_out_int(out, "next_instance_progressive_number", service->next_number);
	json_out_array(out, "instance_list");
	shelf_for_each(instances, service->id, instance_key, const struct instance, inst)
	{
		if (!inst->is_removed)
			put_instance(server, inst, logs, out);
	}
	json_out_array_end(out);
	put_status(server, service, instances, out);
	json_out_object_end(out);
}

static char *finish(struct json_out *out)
{
	char *text = NULL;
	struct err err;

	if (json_out_finish(out, &text, &err) < 0) {
		log_error("%s", err.msg);
		return xstrdup("[]");
	}
	return text;
}

char *oakestra_list_apps(struct server *server, const struct oakestra_user *user, bool is_own)
{
	const struct app_owner owner = oakestra_owner(user);
	struct shelf apps = shelf_of(server, KIND_APP, compare_apps);
	struct shelf services = shelf_of(server, KIND_SERVICE, compare_services);
	auto_json_out struct json_out out;

	json_out_init(&out, JSON_TEXT_MAX);
	json_out_array(&out, NULL);
	for (size_t i = 0; i < apps.n; i++)
		if (is_own ? app_is_of(apps.items[i], &owner) && !user->is_stranger
			   : oakestra_may_see(user, apps.items[i]))
			put_app(apps.items[i], &services, &out);
	json_out_array_end(&out);
	free(apps.items);
	free(services.items);
	return finish(&out);
}

static const struct app *find_app_of(const struct server *server, const struct oakestra_user *user,
				     const char *id, struct err *err)
{
	const struct app *app = state_get(server, KIND_APP, id);

	if (app && oakestra_may_see(user, app))
		return app;
	err_set(err, -ENOENT, "no application %.40s", id);
	return NULL;
}

char *oakestra_show_app(struct server *server, const struct oakestra_user *user, const char *id,
			struct err *err)
{
	const struct app *app = find_app_of(server, user, id, err);
	auto_json_out struct json_out out;

	json_out_init(&out, JSON_TEXT_MAX);
	if (!app)
		return NULL;
	struct shelf services = shelf_of(server, KIND_SERVICE, compare_services);
	put_app(app, &services, &out);
	free(services.items);
	return finish(&out);
}

char *oakestra_list_services(struct server *server, const struct oakestra_user *user,
			     const char *app_id, struct err *err)
{
	auto_json_out struct json_out out;

	json_out_init(&out, JSON_TEXT_MAX);
	if (app_id && !find_app_of(server, user, app_id, err))
		return NULL;
	struct shelf services = shelf_of(server, KIND_SERVICE, compare_services);
	struct shelf instances = shelf_of(server, KIND_INSTANCE, compare_instances);
	json_out_array(&out, NULL);
	for (size_t i = 0; i < services.n; i++) {
		const struct service *service = services.items[i];

		if ((!app_id || str_eq(service->app_id, app_id)) &&
		    oakestra_sees_service(server, user, service))
			put_service(server, service, &instances, NULL, &out);
	}
	json_out_array_end(&out);
	free(services.items);
	free(instances.items);
	return finish(&out);
}

char *oakestra_show_service(struct server *server, const struct oakestra_user *user, const char *id,
			    const struct map *logs, struct err *err)
{
	const struct service *service = state_get(server, KIND_SERVICE, id);
	auto_json_out struct json_out out;

	json_out_init(&out, JSON_TEXT_MAX);
	if (!service || !oakestra_sees_service(server, user, service)) {
		err_set(err, -ENOENT, "no service %.40s", id);
		return NULL;
	}
	struct shelf instances = shelf_of(server, KIND_INSTANCE, compare_instances);
	put_service(server, service, &instances, logs, &out);
	free(instances.items);
	return finish(&out);
}
