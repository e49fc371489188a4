/* The stored form of the server's objects, and the reports of nodes about instances. */
#include "base/base.h"
#include "model/object.h"

#define S(member, ...) FIELD(struct STRUCT, member, __VA_ARGS__)

#define STRUCT app
static const struct field app_fields[] = {
	S(id, "id", F_CHARS, .flags = F_REQUIRED),
	S(name, "name", F_STR, .flags = F_REQUIRED),
	S(ns, "namespace", F_STR, .flags = F_REQUIRED),
	S(desc, "description", F_STR, .flags = F_OMIT_EMPTY),
	S(owner, "owner", F_STR, .flags = F_OMIT_EMPTY),
	S(organization, "organization", F_CHARS, .flags = F_OMIT_EMPTY),
	S(label, "label", F_STR, .flags = F_OMIT_EMPTY),
	S(unknown, "unknown_fields", F_RAW, .flags = F_REST | F_OMIT_EMPTY),
	S(created_ms, "created_ms", F_U64),
};
#undef STRUCT
FIELD_TABLE(app_table, struct app, "app", app_fields);

#define STRUCT service_version
static const struct field service_version_fields[] = {
	S(generation, "generation", F_U32),
	S(spec, "spec", F_OBJECT, .table = &service_spec_table, .flags = F_REQUIRED),
};
#undef STRUCT
FIELD_TABLE(service_version_table, struct service_version, "service version",
	    service_version_fields);

#define STRUCT service
static const struct field service_fields[] = {
	S(id, "id", F_CHARS, .flags = F_REQUIRED),
	S(app_id, "app_id", F_CHARS, .flags = F_REQUIRED),
	S(name, "name", F_STR, .flags = F_REQUIRED),
	S(spec, "spec", F_OBJECT, .table = &service_spec_table, .flags = F_REQUIRED),
	S(generation, "generation", F_U32),
	S(next_number, "next_number", F_U32),
	FIELD_ARRAY(struct service, versions, n_versions, "versions", &service_version_table,
		    .flags = F_OMIT_EMPTY),
	S(rr_ip, "rr_ip", F_STR, .flags = F_OMIT_EMPTY),
	S(created_ms, "created_ms", F_U64),
};
#undef STRUCT
FIELD_TABLE(service_table, struct service, "service", service_fields);

#define STRUCT instance
static const struct field instance_fields[] = {
	S(id, "id", F_CHARS, .flags = F_REQUIRED),
	S(service_id, "service_id", F_CHARS, .flags = F_REQUIRED),
	S(sname, "sname", F_STR, .flags = F_REQUIRED),
	S(number, "number", F_U32),
	S(node_id, "node_id", F_CHARS, .flags = F_OMIT_EMPTY),
	S(instance_ip, "instance_ip", F_STR, .flags = F_OMIT_EMPTY),
	S(memory_mib, "memory_mib", F_U32),
	S(cpu_millis, "cpu_millis", F_U32),
	S(restarts, "restarts", F_U32, .flags = F_OMIT_EMPTY),
	S(generation, "generation", F_U32, .flags = F_OMIT_EMPTY),
	S(pids, "pids", F_U32, .flags = F_OMIT_EMPTY),
	S(disk_mib, "disk_mib", F_U32, .flags = F_OMIT_EMPTY),
	S(is_removed, "is_removed", F_BOOL, .flags = F_OMIT_EMPTY),
	S(is_paused, "is_paused", F_BOOL, .flags = F_OMIT_EMPTY),
	S(created_ms, "created_ms", F_U64),
};
#undef STRUCT
FIELD_TABLE(instance_table, struct instance, "instance", instance_fields);

#define STRUCT instance_status
static const struct field instance_status_fields[] = {
	S(instance_id, "instance_id", F_CHARS, .flags = F_REQUIRED),
	S(state, "status", F_ENUM, .names = state_names, .flags = F_REQUIRED),
	S(detail, "status_detail", F_CHARS),
	S(generation, "generation", F_U32),
	S(incarnation, "incarnation", F_U32),
	S(is_ready, "is_ready", F_BOOL),
	S(namespace_ip, "nsip", F_CHARS),
	S(runtime, "virtualization", F_CHARS),
	S(digest, "digest", F_CHARS),
	S(pid, "pid", F_I64),
	S(started_ms, "started_ms", F_U64),
	S(progress_percent, "progress_percent", F_U32),
	S(is_update_failed, "is_update_failed", F_BOOL),
	S(is_paused, "is_paused", F_BOOL, .flags = F_OMIT_EMPTY),
	S(is_pause_failed, "is_pause_failed", F_BOOL, .flags = F_OMIT_EMPTY),
};
#undef STRUCT
FIELD_TABLE(instance_status_table, struct instance_status, "instance status",
	    instance_status_fields);

#define STRUCT        instance_stats
#define GIVEN(member) .flags = F_GIVEN, .given_offset = offsetof(struct instance_stats, member)
static const struct field instance_stats_fields[] = {
	S(instance_id, "instance_id", F_CHARS, .flags = F_REQUIRED),
	S(memory_bytes, "memory_bytes", F_U64),
	S(memory_limit_bytes, "memory_limit_bytes", F_U64, .flags = F_OMIT_EMPTY),
	S(cpu_ns, "cpu_ns", F_I64), /* 104 days of one core do not fit into a double's 2^53 */
	S(read_bytes, "read_bytes", F_U64, GIVEN(has_io)),
	S(written_bytes, "written_bytes", F_U64, GIVEN(has_io)),
	S(net_in_bytes, "net_in_bytes", F_U64, GIVEN(has_net)),
	S(net_out_bytes, "net_out_bytes", F_U64, GIVEN(has_net)),
	S(pids, "pids", F_U32, .flags = F_OMIT_EMPTY),
	S(incarnation, "incarnation", F_U32, .flags = F_OMIT_EMPTY),
	S(measured_ms, "measured_ms", F_U64, .flags = F_OMIT_EMPTY),
};
#undef STRUCT
FIELD_TABLE(instance_stats_table, struct instance_stats, "instance statistics",
	    instance_stats_fields);

#define STRUCT node_runtime
static const struct field node_runtime_fields[] = {
	S(name, "name", F_STR, .flags = F_REQUIRED),
	S(path, "path", F_STR),
	S(can, "can", F_STRV),
	S(is_pending, "is_pending", F_BOOL, .flags = F_OMIT_EMPTY),
	S(problem, "problem", F_STR, .flags = F_OMIT_EMPTY),
};
#undef STRUCT
FIELD_TABLE(node_runtime_table, struct node_runtime, "node runtime", node_runtime_fields);

#define STRUCT node
static const struct field node_fields[] = {
	S(id, "id", F_CHARS),
	S(hostname, "host", F_STR, .flags = F_REQUIRED),
	S(address, "ip", F_STR),
	S(arch, "architecture", F_STR),
	S(cpus, "vcpus", F_U32),
	S(memory_mib, "memory_mib", F_U64),
	S(pids, "pids", F_U64, .flags = F_OMIT_EMPTY),
	S(disk_mib, "disk_mib", F_U64, .flags = F_OMIT_EMPTY),
	S(offer, "offer", F_OBJECT, .table = &resources_table, .flags = F_OMIT_EMPTY),
	S(virtualization, "virtualization", F_STRV),
	S(pending, "pending", F_STRV, .flags = F_OMIT_EMPTY),
	FIELD_ARRAY(struct node, runtimes, n_runtimes, "runtimes", &node_runtime_table,
		    .max = NODE_RUNTIMES_MAX, .flags = F_OMIT_EMPTY),
	S(problems, "problems", F_STRV),
	S(has_kvm, "has_kvm", F_BOOL),
	S(emulated, "emulated", F_STRV, .flags = F_OMIT_EMPTY),
	S(subnets, "subnets", F_STRV),
	S(csi_drivers, "csi_drivers", F_STRV, .flags = F_OMIT_EMPTY),
	S(volumes, "volumes", F_STRV, .flags = F_OMIT_EMPTY),
	S(volume_root, "volume_root", F_STR, .flags = F_OMIT_EMPTY),
	S(version, "version", F_STR),
	S(is_cordoned, "cordoned", F_BOOL, .flags = F_OMIT_EMPTY),
};
#undef STRUCT
FIELD_TABLE(node_table, struct node, "node", node_fields);

#define STRUCT value
static const struct field value_fields[] = {
	S(id, "id", F_CHARS, .flags = F_REQUIRED),
	S(name, "name", F_STR, .flags = F_REQUIRED),
	S(revision, "revision", F_U64, .flags = F_REQUIRED),
	S(size, "size", F_U64),
	S(is_text, "is_text", F_BOOL),
	S(body, "body", F_STR, .flags = F_REQUIRED),
	S(created_ms, "created_ms", F_U64),
	S(changed_ms, "changed_ms", F_U64),
};
#undef STRUCT
FIELD_TABLE(value_table, struct value, "value", value_fields);
