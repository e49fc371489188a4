/* What view.c and cluster.c write, as tables for schemas. The tests compare both. */
#include "server/oakestra/private.h"

static const struct field oid_fields[] = { SHAPE("$oid", F_STR, .help = "24 hexadecimal digits") };
SHAPE_TABLE(oakestra_oid_table, "object id", oid_fields);

static const struct field app_fields[] = {
	SHAPE("_id", F_OBJECT, .table = &oakestra_oid_table),
	SHAPE("applicationID", F_STR),
	SHAPE("application_name", F_STR),
	SHAPE("application_namespace", F_STR),
	SHAPE("application_desc", F_STR),
	SHAPE("microservices", F_STRV, .help = "ids"),
	SHAPE("userId", F_STR, .help = "name of its owner"),
};
/* And what its descriptor says that no field names. */
const struct field_table oakestra_app_table = {
	.name = "oakestra application",
	.fields = app_fields,
	.n = ARRAY_LEN(app_fields),
	.is_open = true,
};

static const struct field point_fields[] = {
	SHAPE("value", F_STR, .help = "a number"),
	SHAPE("timestamp", F_STR, .help = "local time"),
};
static SHAPE_TABLE(point_table, "history point", point_fields);

static const struct field instance_fields[] = {
	SHAPE("instance_number", F_U32),
	SHAPE("cluster_id", F_STR),
	SHAPE("cluster_location", F_STR),
	SHAPE("status", F_ENUM, .names = state_names),
	SHAPE("status_detail", F_STR, .help = "why it is so, and how far"),
	SHAPE("publicip", F_STR, .help = "of its node; empty: it has none yet"),
	SHAPE("host_ip", F_STR),
	SHAPE("host_port", F_U32),
	SHAPE("worker_id", F_STR),
	SHAPE_MAY("cpu_percent", F_STR, .help = "of all of its node's processors"),
	SHAPE_MAY("memory_percent", F_STR, .help = "of its node"),
	SHAPE_MAY("disk", F_STR, .help = "not measured"),
	SHAPE_MAY("last_modified_timestamp", F_DOUBLE, .help = "when it was measured, Unix time"),
	SHAPE("logs", F_STR, .help = "the end of its output, where one service is asked for"),
	SHAPE("cpu_history", F_ARRAY, .table = &point_table),
	SHAPE("memory_history", F_ARRAY, .table = &point_table, .help = "in bytes"),
};
static SHAPE_TABLE(run_table, "oakestra instance", instance_fields);

static const struct field service_fields[] = {
	SHAPE("_id", F_OBJECT, .table = &oakestra_oid_table),
	SHAPE("microserviceID", F_STR),
	SHAPE("applicationID", F_STR),
	SHAPE("job_name", F_STR),
	SHAPE("app_name", F_STR),
	SHAPE("app_ns", F_STR),
	SHAPE("service_name", F_STR),
	SHAPE("service_ns", F_STR),
	SHAPE("image", F_STR, .help = "the same as code"),
	SHAPE("RR_ip", F_STR, .help = "address of the service"),
	{ .name = "RR_ip_v6", .type = F_STR, .help = "there is none yet" },
	SHAPE("next_instance_progressive_number", F_U32),
	SHAPE("instance_list", F_ARRAY, .table = &run_table),
	SHAPE_MAY("status", F_ENUM, .names = state_names,
		  .help = "RUNNING when all instances run, else of the one that is least far; "
			  "absent before the first"),
	SHAPE_MAY("status_detail", F_STR),
};
/* The descriptor's fields are among them. */
const struct field_table oakestra_service_table = {
	.name = "oakestra service",
	.fields = service_fields,
	.n = ARRAY_LEN(service_fields),
	.also = &service_spec_table,
};

static const struct field cluster_point_fields[] = {
	SHAPE("timestamp", F_DOUBLE, .help = "Unix time"),
	SHAPE("value", F_DOUBLE),
};
static SHAPE_TABLE(cluster_point_table, "cluster history point", cluster_point_fields);

static const struct field cluster_fields[] = {
	SHAPE("_id", F_STR),
	SHAPE("cluster_name", F_STR),
	SHAPE("candidate_name", F_STR),
	SHAPE("cluster_location", F_STR),
	SHAPE("candidate_location", F_STR),
	SHAPE("ip", F_STR),
	SHAPE("port", F_STR),
	SHAPE("active", F_BOOL),
	SHAPE("last_modified_timestamp", F_DOUBLE, .help = "when a node was heard of, Unix time"),
	SHAPE("active_nodes", F_I64),
	SHAPE("vcpus", F_I64),
	SHAPE("total_cpu_cores", F_I64),
	SHAPE("memory", F_I64, .help = "free MiB"),
	SHAPE("memory_in_mb", F_I64, .help = "the same"),
	SHAPE("cpu_percent", F_DOUBLE),
	SHAPE("aggregated_cpu_percent", F_DOUBLE),
	SHAPE("memory_percent", F_DOUBLE),
	SHAPE("virtualization", F_STRV),
	SHAPE("csi_drivers", F_STRV),
	SHAPE("vgpus", F_I64),
	SHAPE("total_gpu_cores", F_I64),
	SHAPE("gpu_percent", F_DOUBLE),
	SHAPE("gpu_temp", F_DOUBLE),
	SHAPE("vram", F_I64),
	SHAPE("vram_percent", F_DOUBLE),
	SHAPE("gpu_drivers", F_STRV),
	SHAPE("supported_addons", F_STRV),
	SHAPE("cpu_history", F_ARRAY, .table = &cluster_point_table),
	SHAPE("memory_history", F_ARRAY, .table = &cluster_point_table),
};
SHAPE_TABLE(oakestra_cluster_table, "oakestra cluster", cluster_fields);
