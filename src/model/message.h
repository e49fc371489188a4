/* Messages between server and worker, with their topics. Field names follow Oakestra's wire
 * where the meaning is the same (sname, instance_number, status, status_detail, …).
 *
 *   worker → server   nodes/ID/register        struct node
 *                     nodes/ID/job             struct instance_status
 *                     nodes/ID/jobs/resources  struct msg_resources, every few seconds: the heartbeat
 *                     nodes/ID/net/subnet      {} : one more address block, please
 *   server → worker   nodes/ID/control/accept  struct msg_accept: answer to register and subnet
 *                     nodes/ID/control/sync    struct msg_sync: the whole wish
 *                     nodes/ID/control/deploy  struct msg_deploy: one instance, new or changed
 *                     nodes/ID/control/delete  struct msg_delete
 *                     nodes/ID/control/value   struct msg_value: a secret or configuration object
 *                                              that the node's instances want, before the deploy or
 *                                              sync that wants it, and when it has changed
 *                     nodes/ID/net/table       struct msg_table: all services and their addresses
 *
 * deploy and delete carry the revision of the node's wish: a worker that misses one registers
 * again and gets a sync. */
#ifndef HOLM_MODEL_MESSAGE_H
#define HOLM_MODEL_MESSAGE_H

#include "model/object.h"
#include "model/value.h"

#define TOPIC_MAX 96

struct msg_accept {
	struct strv subnets; /* blocks the node holds, in the order in which they were granted */
};

struct msg_deploy {
	char instance_id[ID_SIZE];
	char service_id[ID_SIZE];
	char *sname; /* app.appns.service.servicens */
	uint32_t instance_number;
	uint32_t generation;
	uint32_t restarts; /* asked for so far: fewer done means one more to do */
	bool is_paused;    /* it is to be halted while it runs */
	uint64_t revision; /* of the node's wish; 0 inside a sync */
	char *rr_ip;
	char *instance_ip;
	struct service_spec spec;
};

struct msg_delete {
	char instance_id[ID_SIZE];
	uint64_t revision;
};

struct msg_sync {
	uint64_t revision;
	struct msg_deploy *instances;
	size_t n_instances;
};

/* Its text is a secret as long as `body` is there: secret_free_text(). */
struct msg_value {
	enum value_kind kind;
	char *name;
	uint64_t revision;
	bool is_removed;
	char *error; /* why the server cannot read it; NULL: it can */
	char *body;  /* base64 */
};

struct msg_backend {
	char instance_id[ID_SIZE];
	uint32_t instance_number;
	char node_id[ID_SIZE];
	char *instance_ip;
	char *namespace_ip; /* "" until the node has told */
	bool is_ready;
};

struct msg_table_service {
	char *sname;
	char *rr_ip;
	char *port; /* mappings as in the descriptor */
	struct msg_backend *backends;
	size_t n_backends;
};

struct msg_table {
	struct msg_table_service *services;
	size_t n_services;
};

struct msg_resources {
	struct instance_stats *instances;
	size_t n_instances;
	struct resources used; /* of the whole machine */
	struct node_warm warm;
};

extern const struct field_table msg_accept_table, msg_deploy_table, msg_delete_table,
	msg_sync_table, msg_value_table, msg_table_table, msg_resources_table;

#endif
