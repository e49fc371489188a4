/* Applications and services as Oakestra's clients read them, written straight from the state. Which
 * keys are there, and whether a number is one or a text, is what those clients depend on. */
#include <time.h>

#include "server/list.h"
#include "server/oakestra/private.h"

#define NODE_PORT 50103 /* of a node's tunnel */

#define TIMES_N 128 /* a power of two */

/* Seconds of the clock on the wall as texts: histories have the same ones again and again. */
struct times {
	struct {
		uint64_t second;
		char text[24];
	} slots[TIMES_N];
};

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

/* With six decimals. */
static void put_number(struct json_out *out, const char *key, double value)
{
	char text[32];

	if (value >= 0 && value < 1e9) {
		uint64_t millionths = (uint64_t)(value * 1e6 + 0.5);
		char *at = text + sizeof(text) - 1;

		*at = '\0';
		for (int i = 0; i < 6 || millionths; i++) {
			*--at = (char)('0' + millionths % 10);
			millionths /= 10;
			if (i == 5)
				*--at = '.';
		}
		if (*at == '.')
			*--at = '0';
		json_out_str(out, key, at);
		return;
	}
	snprintf(text, sizeof(text), "%.6f", value);
	json_out_str(out, key, text);
}

static const char *second_text(struct times *times, uint64_t second)
{
	size_t i = second % TIMES_N;
	time_t seconds = (time_t)second;
	struct tm tm;

	if (times->slots[i].second != second || !times->slots[i].text[0]) {
		localtime_r(&seconds, &tm);
		strftime(times->slots[i].text, sizeof(times->slots[i].text), "%Y-%m-%dT%H:%M:%S",
			 &tm);
		times->slots[i].second = second;
	}
	return times->slots[i].text;
}

/* A time of the clock on the wall, as its readers take it for. */
static void put_local_time(struct json_out *out, struct times *times, uint64_t unix_ms)
{
	const char *second = second_text(times, unix_ms / 1000);
	unsigned ms = (unsigned)(unix_ms % 1000);
	size_t len = strlen(second);
	char text[40];

	memcpy(text, second, len);
	text[len] = '.';
	text[len + 1] = (char)('0' + ms / 100);
	text[len + 2] = (char)('0' + ms / 10 % 10);
	text[len + 3] = (char)('0' + ms % 10);
	memcpy(text + len + 4, "000", 4);
	json_out_str(out, "timestamp", text);
}

static void put_app(const struct server *server, const struct app *app, struct json_out *out)
{
	json_out_object(out, NULL);
	put_oid(out, app->id);
	json_out_str(out, "applicationID", app->id);
	json_out_str(out, "application_name", app->name);
	json_out_str(out, "application_namespace", app->ns);
	json_out_str(out, "application_desc", app->desc ? app->desc : "");
	json_out_array(out, "microservices");
	family_for_each(server, KIND_APP, app->id, struct service, service)
		json_out_str(out, NULL, service->id);
	json_out_array_end(out);
	json_out_str(out, "userId", app->owner);
	json_out_members(out, app->unknown);
	json_out_object_end(out);
}

static void put_histories(const struct fact *fact, struct times *times, struct json_out *out)
{
	const struct usage *at;

	json_out_array(out, "cpu_history");
	for (uint32_t i = 0; (at = history_get(&fact->history, i)); i++) {
		json_out_object(out, NULL);
		put_number(out, "value", at->cpu_percent);
		put_local_time(out, times, at->at_ms);
		json_out_object_end(out);
	}
	json_out_array_end(out);
	json_out_array(out, "memory_history");
	for (uint32_t i = 0; (at = history_get(&fact->history, i)); i++) {
		char bytes[32];

		snprintf(bytes, sizeof(bytes), "%lu", (unsigned long)at->memory);
		json_out_object(out, NULL);
		json_out_str(out, "value", bytes);
		put_local_time(out, times, at->at_ms);
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
	bool has_progress = s->progress_percent && !strchr(s->detail, '%');
	bool is_silent = inst->node_id[0] && !live_is_alive(server, inst->node_id);
	auto_buf struct buf text = { 0 };

	if (!has_progress && !is_silent) {
		json_out_str(out, "status_detail", s->detail);
		return;
	}
	buf_init(&text, 2 * DETAIL_MAX);
	buf_add_str(&text, s->detail);
	if (has_progress)
		buf_addf(&text, "%s%u %%", text.len ? ", " : "", s->progress_percent);
	if (is_silent)
		buf_addf(&text, "%sits node has been silent, this is how it was",
			 text.len ? "; " : "");
	json_out_str(out, "status_detail", text.data);
}

static void put_instance(const struct server *server, const struct instance *inst,
			 const struct map *logs, struct times *times, struct json_out *out)
{
	const struct fact *fact = fact_or_none(server, inst->id);
	const struct node *node = state_get(server, KIND_NODE, inst->node_id);
	const char *address = node && node->address ? node->address : "";
	const char *log = logs ? map_find(logs, inst->id) : NULL;

	json_out_object(out, NULL);
	json_out_int(out, "instance_number", inst->number);
	json_out_str(out, "cluster_id", oakestra_cluster_id(server));
	json_out_str(out, "cluster_location", oakestra_cluster_location(server));
	json_out_str(out, "status", state_name(view_state_by(inst, fact)));
	put_detail(server, inst, fact, out);
	json_out_str(out, "publicip", address);
	json_out_str(out, "host_ip", address);
	json_out_int(out, "host_port", node ? NODE_PORT : 0);
	json_out_str(out, "worker_id", inst->node_id);
	put_usage(fact, node, out);
	json_out_str(out, "logs", log ? log : "");
	put_histories(fact, times, out);
	json_out_object_end(out);
}

/* RUNNING when all of them run, else as the least advanced one; without any, UNDEPLOYED, or nothing if
 * there never was one. */
static void put_status(const struct server *server, const struct service *service,
		       struct json_out *out)
{
	const struct instance *at = view_least(server, service);

	if (at) {
		const struct fact *fact = fact_or_none(server, at->id);

		json_out_str(out, "status", state_name(view_state_by(at, fact)));
		put_detail(server, at, fact, out);
	} else if (service->next_number) {
		json_out_str(out, "status", state_name(STATE_UNDEPLOYED));
		json_out_str(out, "status_detail", "no instances");
	}
}

static void put_names(const struct app *app, const struct service *service, struct json_out *out)
{
	/* Its full name here, but for an application's label. */
	auto_free char *other = app->label ? xasprintf("%s.%s.%s.%s", app->name, app->ns,
						       service->spec.name, service->spec.ns)
					   : NULL;

	json_out_str(out, "microserviceID", service->id);
	json_out_str(out, "applicationID", service->app_id);
	json_out_str(out, "job_name", other ? other : service->name);
	json_out_str(out, "app_name", app->name);
	json_out_str(out, "app_ns", app->ns);
	json_out_str(out, "service_name", service->spec.name);
	json_out_str(out, "service_ns", service->spec.ns);
}

/* Up to its instances. */
static void begin_service(const struct server *server, const struct service *service,
			  struct json_out *out)
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
}

/* One that has gone meanwhile is closed. */
static void end_service(const struct server *server, const struct service *service,
			struct json_out *out)
{
	json_out_array_end(out);
	if (service)
		put_status(server, service, out);
	json_out_object_end(out);
}

/* In the order of their numbers, from where it was enough the last time; true: it is again. */
static bool put_instances(struct server_list *list, const struct service *service)
{
	family_for_each(list->server, KIND_SERVICE, service->id, struct instance, inst)
	{
		if (inst->number < list->next_number || inst->is_removed)
			continue;
		put_instance(list->server, inst, NULL, list->times, &list->out);
		list->next_number = inst->number + 1;
		if (list->out.text.len >= list->enough)
			return true;
	}
	return false;
}

static bool put_service(struct server_list *list, const void *object)
{
	const struct service *service = object;

	if (!service && !list->is_inside)
		return false;
	if (!list->is_inside)
		begin_service(list->server, service, &list->out);
	list->is_inside = service && put_instances(list, service);
	if (list->is_inside)
		return true;
	end_service(list->server, service, &list->out);
	list->next_number = 0;
	return false;
}

static bool put_whole_app(struct server_list *list, const void *object)
{
	if (object)
		put_app(list->server, object, &list->out);
	return false;
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

static int compare_apps(const void *a, const void *b)
{
	const struct app *x = *(const struct app *const *)a;
	const struct app *y = *(const struct app *const *)b;

	if (x->created_ms != y->created_ms)
		return x->created_ms < y->created_ms ? -1 : 1;
	return strcmp(x->id, y->id);
}

struct server_list *oakestra_list_apps(struct server *server, const struct oakestra_user *user,
				       bool is_own)
{
	struct server_list *list = list_new(server, KIND_APP, put_whole_app);
	const struct app_owner owner = oakestra_owner(user);
	const struct app **apps = NULL;
	size_t n = 0;

	state_for_each(server, KIND_APP, struct app, app)
	{
		if (is_own ? app_is_of(app, &owner) && !user->is_stranger
			   : oakestra_may_see(user, app))
			*ARRAY_ADD(apps, n) = app;
	}
	if (n)
		qsort(apps, n, sizeof(struct app *), compare_apps);
	for (size_t i = 0; i < n; i++)
		list_add(&list->ids, apps[i]->id);
	free(apps);
	return list;
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
	put_app(server, app, &out);
	return finish(&out);
}

/* One application after the other, in order of their ids. */
struct server_list *oakestra_list_services(struct server *server, const struct oakestra_user *user,
					   const char *app_id, struct err *err)
{
	struct list_ids apps = { 0 };

	if (app_id && !find_app_of(server, user, app_id, err))
		return NULL;
	struct server_list *list = list_new(server, KIND_SERVICE, put_service);
	list->times = NEW(struct times);
	state_for_each(server, KIND_APP, struct app, app)
	{
		if (app_id ? str_eq(app->id, app_id) : oakestra_may_see(user, app))
			list_add(&apps, app->id);
	}
	list_sort(&apps);
	for (size_t i = 0; i < apps.n; i++)
		family_for_each(server, KIND_APP, apps.items[i].text, struct service, service)
			list_add(&list->ids, service->id);
	free(apps.items);
	return list;
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
	auto_free struct times *times = NEW(struct times);
	begin_service(server, service, &out);
	family_for_each(server, KIND_SERVICE, service->id, struct instance, inst)
	{
		if (!inst->is_removed)
			put_instance(server, inst, logs, times, &out);
	}
	end_service(server, service, &out);
	return finish(&out);
}
