/* The form of the messages between server and worker. */
#include "base/base.h"
#include "model/message.h"

#define S(member, ...) FIELD(struct STRUCT, member, __VA_ARGS__)
#define LIST_MAX       1000000 /* instances or services of one server */

#define STRUCT msg_accept
static const struct field accept_fields[] = {
	S(subnets, "subnets", F_STRV),
};
#undef STRUCT
FIELD_TABLE(msg_accept_table, struct msg_accept, "accept", accept_fields);

#define STRUCT msg_deploy
static const struct field deploy_fields[] = {
	S(instance_id, "instance_id", F_CHARS, .flags = F_REQUIRED),
	S(service_id, "_id", F_CHARS, .flags = F_REQUIRED),
	S(sname, "job_name", F_STR, .flags = F_REQUIRED),
	S(instance_number, "instance_number", F_U32, .flags = F_REQUIRED),
	S(generation, "generation", F_U32),
	S(restarts, "restarts", F_U32, .flags = F_OMIT_EMPTY),
	S(is_paused, "is_paused", F_BOOL, .flags = F_OMIT_EMPTY),
	S(revision, "revision", F_U64),
	S(rr_ip, "RR_ip", F_STR),
	S(instance_ip, "instance_ip", F_STR),
	S(spec, "spec", F_OBJECT, .table = &service_spec_table, .flags = F_REQUIRED),
};
#undef STRUCT
FIELD_TABLE(msg_deploy_table, struct msg_deploy, "deploy", deploy_fields);

#define STRUCT msg_delete
static const struct field delete_fields[] = {
	S(instance_id, "instance_id", F_CHARS, .flags = F_REQUIRED),
	S(revision, "revision", F_U64),
};
#undef STRUCT
FIELD_TABLE(msg_delete_table, struct msg_delete, "delete", delete_fields);

#define STRUCT msg_sync
static const struct field sync_fields[] = {
	S(revision, "revision", F_U64, .flags = F_REQUIRED),
	FIELD_ARRAY(struct msg_sync, instances, n_instances, "instance_list", &msg_deploy_table,
		    .max = LIST_MAX, .flags = F_REQUIRED),
};
#undef STRUCT
FIELD_TABLE(msg_sync_table, struct msg_sync, "sync", sync_fields);

#define STRUCT msg_value
static const struct field value_fields[] = {
	S(kind, "kind", F_ENUM, .names = value_kind_names, .flags = F_REQUIRED),
	S(name, "name", F_STR, .max = VALUE_NAME_MAX, .flags = F_REQUIRED),
	S(revision, "revision", F_U64),
	S(is_removed, "is_removed", F_BOOL, .flags = F_OMIT_EMPTY),
	S(error, "error", F_STR, .flags = F_OMIT_EMPTY),
	S(body, "body", F_STR, .flags = F_OMIT_EMPTY),
};
#undef STRUCT
FIELD_TABLE(msg_value_table, struct msg_value, "value", value_fields);

#define STRUCT msg_backend
static const struct field backend_fields[] = {
	S(instance_id, "instance_id", F_CHARS, .flags = F_REQUIRED),
	S(instance_number, "instance_number", F_U32),
	S(node_id, "worker_id", F_CHARS),
	S(instance_ip, "instance_ip", F_STR),
	S(namespace_ip, "namespace_ip", F_STR),
	S(is_ready, "is_ready", F_BOOL),
};
#undef STRUCT
static FIELD_TABLE(backend_table, struct msg_backend, "backend", backend_fields);

#define STRUCT msg_table_service
static const struct field table_service_fields[] = {
	S(sname, "app_name", F_STR, .flags = F_REQUIRED),
	S(rr_ip, "RR_ip", F_STR),
	S(port, "port", F_STR),
	FIELD_ARRAY(struct msg_table_service, backends, n_backends, "instance_list", &backend_table,
		    .max = LIST_MAX),
};
#undef STRUCT
static FIELD_TABLE(table_service_table, struct msg_table_service, "service of the table",
		   table_service_fields);

#define STRUCT msg_table
static const struct field table_fields[] = {
	FIELD_ARRAY(struct msg_table, services, n_services, "services", &table_service_table,
		    .max = LIST_MAX, .flags = F_REQUIRED),
};
#undef STRUCT
FIELD_TABLE(msg_table_table, struct msg_table, "table", table_fields);

#define STRUCT msg_resources
static const struct field resources_fields[] = {
	FIELD_ARRAY(struct msg_resources, instances, n_instances, "services", &instance_stats_table,
		    .max = LIST_MAX),
	S(used, "used", F_OBJECT, .table = &resources_table),
	S(warm, "warm", F_OBJECT, .table = &node_warm_table, .flags = F_OMIT_EMPTY),
};
#undef STRUCT
FIELD_TABLE(msg_resources_table, struct msg_resources, "resources", resources_fields);
