/* The objects of /api/v1: what a client finds in `holm get -o json`. */
#include "base/base.h"
#include "model/view.h"

static const struct field port_fields[] = {
	FIELD(struct port_view, host, "host", F_U32),
	FIELD(struct port_view, guest, "guest", F_U32),
	FIELD(struct port_view, protocol, "protocol", F_CHARS),
};
static FIELD_TABLE(port_view_table, struct port_view, "port", port_fields);

#define V(member, kind, ...) FIELD(struct STRUCT, member, #member, kind, __VA_ARGS__)

#define STRUCT app_view
static const struct field app_fields[] = {
	V(id, F_CHARS),     V(name, F_STR),      V(description, F_STR), V(owner, F_STR),
	V(services, F_U32), V(instances, F_U32), V(running, F_U32),     V(created_at, F_CHARS),
};
#undef STRUCT
FIELD_TABLE(app_view_table, struct app_view, "application", app_fields);

#define STRUCT service_view
static const struct field service_fields[] = {
	V(id, F_CHARS),
	V(app, F_STR),
	V(service, F_STR),
	V(name, F_STR),
	V(runtime, F_STR),
	V(code, F_STR),
	V(replicas, F_U32),
	V(running, F_U32),
	V(generation, F_U32),
	V(service_address, F_STR),
	FIELD_ARRAY(struct service_view, ports, n_ports, "ports", &port_view_table),
	V(memory_mib, F_U32),
	V(vcpus, F_U32),
	V(state, F_STR),
	V(reason, F_STR),
	V(created_at, F_CHARS),
};
#undef STRUCT
FIELD_TABLE(service_view_table, struct service_view, "service", service_fields);

#define STRUCT instance_view
static const struct field instance_fields[] = {
	V(id, F_CHARS),
	V(app, F_STR),
	V(service, F_STR),
	V(number, F_U32),
	V(runtime, F_STR),
	V(state, F_STR),
	V(reason, F_STR),
	V(node, F_STR),
	V(address, F_STR),
	V(instance_address, F_STR),
	V(service_address, F_STR),
	FIELD_ARRAY(struct instance_view, ports, n_ports, "ports", &port_view_table),
	V(pid, F_I64),
	V(memory_limit_mib, F_U32),
	V(memory_mib, F_DOUBLE),
	V(image, F_STR),
	V(digest, F_STR),
	V(generation, F_U32),
	V(wished_generation, F_U32),
	V(incarnation, F_U32),
	V(is_ready, F_BOOL),
	V(is_update_failed, F_BOOL),
	V(is_removed, F_BOOL),
	V(is_paused, F_BOOL),
	V(is_pause_wished, F_BOOL),
	V(is_pause_failed, F_BOOL),
	V(progress_percent, F_U32),
	V(started_at, F_CHARS),
};
#undef STRUCT
FIELD_TABLE(instance_view_table, struct instance_view, "instance", instance_fields);

#define STRUCT value_view
static const struct field value_fields[] = {
	V(id, F_CHARS),     V(name, F_STR),         V(revision, F_U64),     V(size, F_U64),
	V(used_by, F_STRV), V(created_at, F_CHARS), V(changed_at, F_CHARS),
};
#undef STRUCT
FIELD_TABLE(value_view_table, struct value_view, "named value", value_fields);

#define STRUCT node_view
static const struct field node_fields[] = {
	V(id, F_CHARS),
	V(hostname, F_STR),
	V(address, F_STR),
	V(arch, F_STR),
	V(is_alive, F_BOOL),
	V(is_cordoned, F_BOOL),
	V(cpus, F_U32),
	V(memory_mib, F_U64),
	V(memory_promised_mib, F_U64),
	V(capacity, F_OBJECT, .table = &resources_table),
	V(offer, F_OBJECT, .table = &resources_table),
	V(promised, F_OBJECT, .table = &resources_table),
	V(used, F_OBJECT, .table = &resources_table),
	V(warm, F_OBJECT, .table = &node_warm_table),
	V(virtualization, F_STRV),
	V(emulated, F_STRV, .flags = F_OMIT_EMPTY),
	V(pending, F_STRV),
	FIELD_ARRAY(struct node_view, runtimes, n_runtimes, "runtimes", &node_runtime_table),
	V(has_kvm, F_BOOL),
	V(problems, F_STRV),
	V(csi_drivers, F_STRV),
	V(subnets, F_STRV),
	V(instances, F_U32),
	V(version, F_STR),
};
#undef STRUCT
FIELD_TABLE(node_view_table, struct node_view, "node", node_fields);

#define STRUCT plan_item_view
static const struct field plan_item_fields[] = {
	V(action, F_STR),
	V(kind, F_STR),
	V(name, F_STR),
	V(detail, F_STR),
};
#undef STRUCT
static FIELD_TABLE(plan_item_table, struct plan_item_view, "plan item", plan_item_fields);

#define STRUCT plan_view
static const struct field plan_fields[] = {
	V(revision, F_U64),
	V(is_dry_run, F_BOOL),
	FIELD_ARRAY(struct plan_view, items, n_items, "items", &plan_item_table),
	V(warnings, F_STRV),
	V(services, F_STRV),
};
#undef STRUCT
FIELD_TABLE(plan_view_table, struct plan_view, "plan", plan_fields);

void port_views_from(const char *ports_text, struct port_view **ret, size_t *ret_n)
{
	struct port_mapping ports[PORTS_MAX];
	struct err err;
	size_t n = 0;

	*ret = NULL;
	*ret_n = 0;
	if (str_is_empty(ports_text) || ports_parse(ports_text, ports, &n, &err) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		struct port_view *view = ARRAY_ADD(*ret, *ret_n);

		view->host = ports[i].host;
		view->guest = ports[i].guest;
		STR_COPY(view->protocol, ports[i].is_udp ? "udp" : "tcp");
	}
}
