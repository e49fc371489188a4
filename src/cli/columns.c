/* Columns of apps, services, instances and nodes. */
#include "cli/columns.h"

static void add(struct buf *out, const char *text)
{
	buf_add_str(out, text ? text : "");
}

/* "45s", "12m", "3h", "4d" since a time. */
void age_add(struct buf *out, const char *rfc3339, uint64_t now_ms)
{
	static const struct {
		uint64_t seconds;
		char unit;
	} units[] = { { 86400, 'd' }, { 3600, 'h' }, { 60, 'm' }, { 1, 's' } };
	struct tm tm = { 0 };

	if (!strptime(rfc3339, "%Y-%m-%dT%H:%M:%S", &tm))
		return;
	int64_t age = (int64_t)(now_ms / 1000) - (int64_t)timegm(&tm);
	uint64_t seconds = age > 0 ? (uint64_t)age : 0;
	for (size_t i = 0; i < ARRAY_LEN(units); i++) {
		if (seconds >= 2 * units[i].seconds || units[i].seconds == 1) {
			buf_addf(out, "%lu%c", seconds / units[i].seconds, units[i].unit);
			return;
		}
	}
}

static void add_ports(struct buf *out, const struct port_view *ports, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_addf(out, "%s%u:%u%s", i ? ", " : "", ports[i].host, ports[i].guest,
			 str_eq(ports[i].protocol, "udp") ? "/udp" : "");
}

static void add_list(struct buf *out, const struct strv *list)
{
	auto_free char *text = strv_join(list, ", ");

	add(out, text);
}

/* TEXT(struct app_view, app_name, name) makes a cell of a string member. */
#define TEXT(view_, fn, member)                                              \
	static void fn(const void *object, uint64_t now_ms, struct buf *out) \
	{                                                                    \
		add(out, ((const view_ *)object)->member);                   \
	}
#define NUMBER(view_, fn, member)                                            \
	static void fn(const void *object, uint64_t now_ms, struct buf *out) \
	{                                                                    \
		buf_addf(out, "%u", ((const view_ *)object)->member);        \
	}
#define AGE(view_, fn, member)                                               \
	static void fn(const void *object, uint64_t now_ms, struct buf *out) \
	{                                                                    \
		age_add(out, ((const view_ *)object)->member, now_ms);       \
	}

TEXT(struct app_view, app_id, id)
TEXT(struct app_view, app_name, name)
TEXT(struct app_view, app_description, description)
TEXT(struct app_view, app_owner, owner)
NUMBER(struct app_view, app_services, services)
AGE(struct app_view, app_age, created_at)

static void app_running(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct app_view *v = object;

	buf_addf(out, "%u / %u", v->running, v->instances);
}

static enum style style_of_count(uint32_t have, uint32_t want)
{
	return have >= want ? STYLE_GOOD : STYLE_BUSY;
}

static enum style app_running_style(const void *object)
{
	const struct app_view *v = object;

	return style_of_count(v->running, v->instances);
}

static const struct column app_columns[] = {
	{ "APP", .text = app_name },
	{ "SERVICES", .text = app_services },
	{ "RUNNING", .text = app_running, .style = app_running_style },
	{ "AGE", .text = app_age },
	{ "OWNER", .is_wide = true, .text = app_owner },
	{ "ID", .is_wide = true, .text = app_id },
	{ "DESCRIPTION", .is_wide = true, .text = app_description },
};

TEXT(struct service_view, service_id, id)
TEXT(struct service_view, service_app, app)
TEXT(struct service_view, service_name, service)
TEXT(struct service_view, service_runtime, runtime)
TEXT(struct service_view, service_state, state)
TEXT(struct service_view, service_address, service_address)
TEXT(struct service_view, service_code, code)
TEXT(struct service_view, service_reason, reason)
NUMBER(struct service_view, service_generation, generation)
AGE(struct service_view, service_age, created_at)

static void service_running(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct service_view *v = object;

	buf_addf(out, "%u / %u", v->running, v->replicas);
}

static enum style service_running_style(const void *object)
{
	const struct service_view *v = object;

	return style_of_count(v->running, v->replicas);
}

static enum style service_state_style(const void *object)
{
	return style_of_state(((const struct service_view *)object)->state);
}

static void service_ports(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct service_view *v = object;

	add_ports(out, v->ports, v->n_ports);
}

static const struct column service_columns[] = {
	{ "SERVICE", .text = service_name },
	{ "APP", .text = service_app },
	{ "RUNTIME", .text = service_runtime },
	{ "RUNNING", .text = service_running, .style = service_running_style },
	{ "STATE", .text = service_state, .style = service_state_style },
	{ "SERVICE ADDRESS", .text = service_address },
	{ "PORTS", .text = service_ports },
	{ "AGE", .text = service_age },
	{ "GENERATION", .is_wide = true, .text = service_generation },
	{ "ID", .is_wide = true, .text = service_id },
	{ "IMAGE", .is_wide = true, .text = service_code },
	{ "REASON", .is_optional = true, .text = service_reason },
};

TEXT(struct instance_view, instance_id, id)
TEXT(struct instance_view, instance_app, app)
TEXT(struct instance_view, instance_runtime, runtime)
TEXT(struct instance_view, instance_state, state)
TEXT(struct instance_view, instance_address, address)
TEXT(struct instance_view, instance_own_address, instance_address)
TEXT(struct instance_view, instance_service_address, service_address)
TEXT(struct instance_view, instance_node, node)
TEXT(struct instance_view, instance_image, image)
TEXT(struct instance_view, instance_digest, digest)
TEXT(struct instance_view, instance_reason, reason)
AGE(struct instance_view, instance_age, started_at)

static void instance_name(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct instance_view *v = object;

	buf_addf(out, "%s.%u", v->service, v->number);
}

static enum style instance_state_style(const void *object)
{
	return style_of_state(((const struct instance_view *)object)->state);
}

static void instance_ports(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct instance_view *v = object;

	add_ports(out, v->ports, v->n_ports);
}

static void instance_pid(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct instance_view *v = object;

	if (v->pid)
		buf_addf(out, "%ld", (long)v->pid);
}

static void instance_memory(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct instance_view *v = object;

	if (v->memory_mib > 0)
		buf_addf(out, "%.*f", v->memory_mib < 10 ? 1 : 0, v->memory_mib);
	else if (v->memory_limit_mib)
		buf_add_str(out, "-");
	if (v->memory_limit_mib)
		buf_addf(out, " / %u", v->memory_limit_mib);
	if (out->len)
		buf_add_str(out, " MiB");
}

static const struct column instance_columns[] = {
	{ "INSTANCE", .text = instance_name },
	{ "APP", .text = instance_app },
	{ "RUNTIME", .text = instance_runtime },
	{ "STATE", .text = instance_state, .style = instance_state_style },
	{ "ADDRESS", .text = instance_address },
	{ "INSTANCE ADDRESS", .is_wide = true, .text = instance_own_address },
	{ "SERVICE ADDRESS", .text = instance_service_address },
	{ "PORTS", .text = instance_ports },
	{ "NODE", .text = instance_node },
	{ "MEMORY", .text = instance_memory },
	{ "STARTED", .text = instance_age },
	{ "ID", .is_wide = true, .text = instance_id },
	{ "PID", .is_wide = true, .text = instance_pid },
	{ "IMAGE", .is_wide = true, .text = instance_image },
	{ "DIGEST", .is_wide = true, .text = instance_digest },
	{ "REASON", .is_optional = true, .text = instance_reason },
};

TEXT(struct node_view, node_id, id)
TEXT(struct node_view, node_hostname, hostname)
TEXT(struct node_view, node_address, address)
TEXT(struct node_view, node_arch, arch)
TEXT(struct node_view, node_version, version)
NUMBER(struct node_view, node_cpus, cpus)
NUMBER(struct node_view, node_instances, instances)

static void node_state(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct node_view *v = object;

	add(out, v->is_alive ? "READY" : "LOST");
	if (v->is_cordoned)
		add(out, ",CORDONED");
}

static enum style node_state_style(const void *object)
{
	return ((const struct node_view *)object)->is_alive ? STYLE_GOOD : STYLE_BAD;
}

static void node_memory(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct node_view *v = object;

	buf_addf(out, "%lu / %lu MiB", v->memory_promised_mib,
		 v->offer.memory_mib ? v->offer.memory_mib : v->memory_mib);
}

static void node_used(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct node_view *v = object;

	if (v->used.memory_mib)
		buf_addf(out, "%lu MiB", v->used.memory_mib);
}

static void node_runtimes(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct node_view *v = object;

	add_list(out, &v->virtualization);
	if (v->has_kvm)
		buf_add_str(out, " (KVM)");
}

/* "runc: network, exec, limits; crun: broken; runsc: being tried" */
static void node_proofs(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct node_view *v = object;

	for (size_t i = 0; i < v->n_runtimes; i++) {
		const struct node_runtime *r = &v->runtimes[i];

		buf_addf(out, "%s%s: ", i ? "; " : "", r->name);
		if (r->is_pending)
			buf_add_str(out, "being tried");
		else if (r->problem)
			buf_add_str(out, "broken");
		else
			add_list(out, &r->can);
	}
}

static void node_subnets(const void *object, uint64_t now_ms, struct buf *out)
{
	add_list(out, &((const struct node_view *)object)->subnets);
}

static void node_problems(const void *object, uint64_t now_ms, struct buf *out)
{
	auto_free char *text = strv_join(&((const struct node_view *)object)->problems, "; ");

	add(out, text);
}

static void node_drivers(const void *object, uint64_t now_ms, struct buf *out)
{
	add_list(out, &((const struct node_view *)object)->csi_drivers);
}

static const struct column node_columns[] = {
	{ "NODE", .text = node_hostname },
	{ "STATE", .text = node_state, .style = node_state_style },
	{ "ADDRESS", .text = node_address },
	{ "ARCH", .text = node_arch },
	{ "CPUS", .text = node_cpus },
	{ "MEMORY PROMISED", .text = node_memory },
	{ "MEMORY USED", .is_optional = true, .text = node_used },
	{ "INSTANCES", .text = node_instances },
	{ "RUNTIMES", .text = node_runtimes },
	{ "CONTAINERS BY", .is_wide = true, .text = node_proofs },
	{ "CSI DRIVERS", .is_optional = true, .text = node_drivers },
	{ "SUBNETS", .is_wide = true, .text = node_subnets },
	{ "VERSION", .is_wide = true, .text = node_version },
	{ "ID", .is_wide = true, .text = node_id },
	{ "PROBLEMS", .is_optional = true, .text = node_problems },
};

TEXT(struct value_view, value_id, id)
TEXT(struct value_view, value_name, name)
AGE(struct value_view, value_changed, changed_at)
AGE(struct value_view, value_age, created_at)

static void value_revision(const void *object, uint64_t now_ms, struct buf *out)
{
	buf_addf(out, "%lu", ((const struct value_view *)object)->revision);
}

static void value_size(const void *object, uint64_t now_ms, struct buf *out)
{
	buf_addf(out, "%lu", ((const struct value_view *)object)->size);
}

static void value_users(const void *object, uint64_t now_ms, struct buf *out)
{
	add_list(out, &((const struct value_view *)object)->used_by);
}

static const struct column value_columns[] = {
	{ "NAME", .text = value_name },
	{ "REVISION", .text = value_revision },
	{ "BYTES", .text = value_size },
	{ "CHANGED", .text = value_changed },
	{ "AGE", .is_wide = true, .text = value_age },
	{ "ID", .is_wide = true, .text = value_id },
	{ "USED BY", .text = value_users },
};

TEXT(struct stats_view, stats_node, node)

/* Two digits behind the point are enough for people. */
#define MIB(name, member, given)                                               \
	static void name(const void *object, uint64_t now_ms, struct buf *out) \
	{                                                                      \
		const struct stats_view *v = object;                           \
                                                                               \
		if (given)                                                     \
			buf_addf(out, "%.*f",                                  \
				 v->member < 10    ? 2                         \
				 : v->member < 100 ? 1                         \
						   : 0,                        \
				 v->member);                                   \
	}
MIB(stats_cpu, cpu_cores, v->has_cpu)
MIB(stats_memory, memory_mib, true)
MIB(stats_limit, memory_limit_mib, v->has_limit)
MIB(stats_read, read_mib, v->has_io)
MIB(stats_written, written_mib, v->has_io)
MIB(stats_net_in, net_in_mib, v->has_net)
MIB(stats_net_out, net_out_mib, v->has_net)

static void stats_name(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct stats_view *v = object;

	buf_addf(out, "%s.%u", v->service, v->number);
}

static void stats_pids(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct stats_view *v = object;

	if (v->has_pids)
		buf_addf(out, "%u", v->pids);
}

static const struct column stats_columns[] = {
	{ "INSTANCE", .text = stats_name },       { "NODE", .text = stats_node },
	{ "CPU CORES", .text = stats_cpu },       { "MEMORY MiB", .text = stats_memory },
	{ "LIMIT MiB", .text = stats_limit },     { "DISK READ MiB", .text = stats_read },
	{ "WRITTEN MiB", .text = stats_written }, { "NET IN MiB", .text = stats_net_in },
	{ "OUT MiB", .text = stats_net_out },     { "PIDS", .text = stats_pids },
};

static const struct listing listings[] = {
	{ "apps", &app_view_table, false, app_columns, ARRAY_LEN(app_columns) },
	{ "services", &service_view_table, true, service_columns, ARRAY_LEN(service_columns) },
	{ "instances", &instance_view_table, true, instance_columns, ARRAY_LEN(instance_columns) },
	{ "nodes", &node_view_table, false, node_columns, ARRAY_LEN(node_columns) },
	{ "secrets", &value_view_table, false, value_columns, ARRAY_LEN(value_columns) },
	{ "configs", &value_view_table, false, value_columns, ARRAY_LEN(value_columns) },
	{ "stats", &stats_view_table, false, stats_columns, ARRAY_LEN(stats_columns) },
};

const struct listing *listing_at(size_t index)
{
	return index < ARRAY_LEN(listings) ? &listings[index] : NULL;
}

const struct listing *listing_find(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < ARRAY_LEN(listings); i++)
		if (str_eq(listings[i].name, name) ||
		    (len + 1 == strlen(listings[i].name) && str_starts(listings[i].name, name)))
			return &listings[i];
	return NULL;
}
