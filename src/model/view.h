/* What people and scripts see: the objects of /api/v1 as `holm get -o json` prints them. The texts of one that was
 * parsed are its own; what the server shows is mostly the state's. */
#ifndef HOLM_MODEL_VIEW_H
#define HOLM_MODEL_VIEW_H

#include "base/id.h"
#include "model/object.h"

struct port_view {
	uint32_t host;
	uint32_t guest;
	char protocol[4]; /* tcp, udp */
};

struct app_view {
	char id[ID_SIZE];
	const char *name; /* app.appns */
	const char *description;
	const char *owner;
	uint32_t services;
	uint32_t instances;
	uint32_t running;
	char created_at[RFC3339_MAX];
};

struct service_view {
	char id[ID_SIZE];
	const char *app;     /* app.appns */
	const char *service; /* service.servicens */
	const char *name;    /* app.appns.service.servicens */
	const char *runtime; /* as asked for */
	const char *code;
	uint32_t replicas;
	uint32_t running;
	uint32_t generation;
	const char *service_address;
	struct port_view *ports;
	size_t n_ports;
	uint32_t memory_mib;
	uint32_t vcpus;
	const char *state;  /* the least advanced of its instances, "" without any */
	const char *reason; /* of that one */
	char created_at[RFC3339_MAX];
};

struct instance_view {
	char id[ID_SIZE];
	const char *app;     /* app.appns */
	const char *service; /* service.servicens */
	uint32_t number;
	const char *runtime; /* container, unikernel, runsc, … */
	const char *state;   /* Oakestra's names */
	const char *reason;  /* "" while all is well */
	const char *node;    /* host name */
	const char *address; /* in the node's block, "" until it has one */
	const char *instance_address;
	const char *service_address;
	struct port_view *ports;
	size_t n_ports;
	int64_t pid; /* 0: none */
	uint32_t memory_limit_mib;
	double memory_mib;
	const char *image;
	const char *digest;
	uint32_t generation;        /* of the spec that runs, 0: none */
	uint32_t wished_generation; /* of the spec that is wished */
	uint32_t incarnation;       /* counts starts */
	bool is_ready;
	bool is_update_failed;
	bool is_removed;
	bool is_paused;
	bool is_pause_wished;
	bool is_pause_failed; /* it is not as wished; the reason tells why */
	uint32_t progress_percent;
	char started_at[RFC3339_MAX]; /* "" unless it runs */
};

/* A secret or configuration object, without its value. */
struct value_view {
	char id[ID_SIZE];
	const char *name;
	uint64_t revision;
	uint64_t size;
	struct strv used_by; /* full names of services */
	char created_at[RFC3339_MAX];
	char changed_at[RFC3339_MAX];
};

struct node_view {
	char id[ID_SIZE];
	const char *hostname;
	const char *address;
	const char *arch;
	bool is_alive;
	bool is_cordoned;
	uint32_t cpus;
	uint64_t memory_mib;
	uint64_t memory_promised_mib;
	struct resources capacity;
	struct resources offer; /* most that is promised; 0: without bound */
	struct resources promised;
	struct resources used; /* of the whole machine, as last told */
	struct node_warm warm; /* the same */
	struct strv virtualization;
	struct strv emulated; /* architectures of unikernels beside its own */
	bool has_kvm;
	struct strv pending;
	struct node_runtime *runtimes;
	size_t n_runtimes;
	struct strv problems;
	struct strv subnets;
	struct strv csi_drivers;
	uint32_t instances;
	const char *version;
};

/* Answer to apply, delete and scale. */
struct plan_item_view {
	char *action; /* create, update, replace, scale, restart, pause, resume, delete, unchanged */
	char *kind;   /* app, service, instance */
	char *name;
	char *detail; /* "memory: 100 → 200", "replicas: 1 → 3", "" */
};

struct plan_view {
	uint64_t revision; /* of the server's state that holds it */
	bool is_dry_run;
	struct plan_item_view *items;
	size_t n_items;
	struct strv warnings;
	struct strv services; /* names that this call is about: what --wait follows */
};

extern const struct field_table app_view_table, service_view_table, instance_view_table,
	node_view_table, plan_view_table, value_view_table;

void port_views_from(const char *ports_text, struct port_view **ret, size_t *ret_n);

#endif
