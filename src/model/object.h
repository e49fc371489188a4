/* What the server stores: applications, services, instances, nodes, secrets, configuration. The field tables
 * are the stored form and, with less, the form of /api/v1. Observed facts (status, statistics) are
 * not stored: the node that has them reports them again. */
#ifndef HOLM_MODEL_OBJECT_H
#define HOLM_MODEL_OBJECT_H

#include "base/id.h"
#include "model/node_runtime.h"
#include "model/resources.h"
#include "model/sla.h"
#include "model/state.h"

#define DETAIL_MAX 512

/* A secret or a configuration object. */
struct value {
	char id[ID_SIZE];
	char *name;        /* unique among its kind */
	uint64_t revision; /* counts its changes, from 1 */
	uint64_t size;     /* bytes */
	bool is_text;      /* no NUL in it: can be an environment variable */
	char *body;        /* secret: sealed; configuration: base64 */
	uint64_t created_ms;
	uint64_t changed_ms;
};

struct app {
	char id[ID_SIZE];
	char *name;
	char *ns;
	char *desc;
	char *owner; /* user name */
	/* Id of the owner's organization, "": root. Name and ns are unique among what is his there. */
	char organization[ID_SIZE];
	char *label;   /* what stands for `name` in full names and in DNS, NULL: name itself */
	char *unknown; /* fields of its descriptor that nobody knows, as an object */
	uint64_t created_ms;
};

/* What was asked for before, as long as an instance has it. */
struct service_version {
	uint32_t generation;
	struct service_spec spec;
};

#define SERVICE_VERSIONS_MAX 16

struct service {
	char id[ID_SIZE];
	char app_id[ID_SIZE];
	char *name; /* app.appns.service.servicens */
	struct service_spec spec;
	uint32_t generation;  /* counts changes that replace instances, from 1 */
	uint32_t next_number; /* of the next instance */
	/* Instances are being replaced one after the other: what those have that wait. None: none waits. */
	struct service_version *versions;
	size_t n_versions;
	char *rr_ip; /* round-robin service address */
	uint64_t created_ms;
};

struct instance {
	char id[ID_SIZE];
	char service_id[ID_SIZE];
	char *sname; /* of its service: app.appns.service.servicens */
	uint32_t number;
	char node_id[ID_SIZE]; /* "" until scheduled */
	char *instance_ip;     /* its own address in the service pool */
	uint32_t memory_mib;   /* reserved on the node */
	uint32_t cpu_millis;   /* the same */
	uint32_t restarts;     /* that somebody asked for */
	uint32_t generation;   /* it waits at this one, 0: it has its service's */
	uint32_t pids;         /* the same */
	uint32_t disk_mib;     /* the same */
	bool is_removed;       /* deleted by its owner; kept until its node has stopped it */
	bool is_paused;        /* somebody wishes so */
	uint64_t created_ms;
};

/* Last known facts of an instance, as its node reports them (message status). */
struct instance_status {
	char instance_id[ID_SIZE];
	enum instance_state state;
	char detail[DETAIL_MAX]; /* reason, or phase with progress */
	uint32_t generation;     /* of the spec that runs, 0: none */
	uint32_t incarnation;    /* counts starts, from 1 */
	bool is_ready;
	char namespace_ip[16];
	char runtime[32]; /* container, unikernel, runsc, … as it really runs */
	char digest[80];  /* of the image that runs, "sha256:…" */
	int64_t pid;      /* init or QEMU as the host sees it, 0: none */
	uint64_t started_ms;
	uint32_t progress_percent; /* of a download; 0 if none goes on */
	bool is_update_failed;     /* the wish's generation could not be had; detail tells why */
	bool is_paused;            /* it is there and halted */
	bool is_pause_failed;      /* it is not as wished; detail tells why */
};

struct instance_stats {
	char instance_id[ID_SIZE];
	uint64_t memory_bytes;       /* in use, without inactive file cache */
	uint64_t memory_limit_bytes; /* 0: none */
	uint64_t cpu_ns;             /* since its start, as all that follow */
	uint64_t read_bytes;         /* from disks, if has_io */
	uint64_t written_bytes;
	uint64_t net_in_bytes; /* if has_net */
	uint64_t net_out_bytes;
	uint32_t pids;        /* processes and threads, 0: not known */
	uint32_t incarnation; /* whose counters they are */
	uint64_t measured_ms; /* of the node's monotonic clock */
	bool has_io;
	bool has_net;
};

struct node {
	char id[ID_SIZE];
	char *hostname;
	char *address; /* of the underlay */
	char *arch;    /* amd64, arm64 */
	uint32_t cpus;
	uint64_t memory_mib;
	uint64_t pids;     /* most processes of the machine */
	uint64_t disk_mib; /* of the file system with its data */
	struct resources
		offer; /* what it promises at most; 0: without bound, memory_mib for memory */
	struct strv virtualization; /* docker, runc, runsc, unikernel: what it proved able to run */
	struct strv pending;        /* names of the same kind that are being tried */
	struct node_runtime *runtimes;
	size_t n_runtimes;
	struct strv problems; /* what is broken and why, one sentence each */
	bool has_kvm;
	struct strv emulated;    /* architectures whose unikernels it runs beside its own */
	struct strv subnets;     /* blocks it holds, "10.18.0.0/26" */
	struct strv csi_drivers; /* that answer */
	struct strv volumes;     /* named ones that it keeps */
	char *volume_root;       /* host paths below it may be mounted; "" or NULL: none */
	char *version;           /* of Holm */
	bool is_cordoned;        /* the server's to say: it gets no more instances */
};

extern const struct field_table app_table, service_table, instance_table, node_table, value_table;
extern const struct field_table service_version_table;
extern const struct field_table instance_status_table, instance_stats_table;

#endif
