/* Deployment descriptors: Oakestra's SLA v2.0 with Holm's additional fields.
 *
 * The field tables in sla.c are the only description of the format: they read, write and
 * document it. Unknown fields are a warning (SLA v2.0 allows them); those of applications and
 * services are kept, as Oakestra does. */
#ifndef HOLM_MODEL_SLA_H
#define HOLM_MODEL_SLA_H

#include "base/id.h"
#include "json/json.h"
#include "model/sla_container.h"
#include "model/sla_probe.h"

#define SLA_TEXT_MAX     (1u << 20) /* bytes of a descriptor */
#define SLA_APPS_MAX     100
#define SLA_SERVICES_MAX 1000 /* in one application */
#define SLA_REPLICAS_MAX 1000
#define SLA_UNKNOWN_MAX  16384 /* bytes of unknown fields that an application or service keeps */
#define NAME_PART_MAX    30
#define APP_LABEL_MAX    (NAME_PART_MAX + 1 + ID_LEN) /* see struct app */

/* When a registry is asked for an image. */
enum sla_pull { SLA_PULL_MISSING, SLA_PULL_ALWAYS, SLA_PULL_NEVER, SLA_PULL_N };

/* How an instance of a unikernel comes to run. */
enum sla_start { SLA_START_COLD, SLA_START_SNAPSHOT, SLA_START_WARM, SLA_START_N };

struct sla_addresses {
	char *rr_ip;
	char *rr_ip_v6;
	char *closest_ip;    /* JSON, not used yet */
	char *closest_ip_v6; /* the same */
	char *instances;     /* the same */
};

struct sla_constraint {
	char *type; /* direct | clusters | addons | latency | geo */
	char *cluster;
	char *node;
	struct strv allowed;
	struct strv needs;
	char *area;
	char *location;
	double threshold;
	double rigidness;
	uint32_t convergence_time;
};

struct sla_volume { /* see model/volume.h for the three kinds */
	char *volume_id;
	char *csi_driver;
	char *host_path; /* Holm */
	char *mount_path;
	bool read_only; /* Holm */
	char *config;   /* JSON object */
};

/* What follows when an instance ends by itself. */
enum sla_restart {
	RESTART_ALWAYS,
	RESTART_ON_FAILURE, /* a clean end is the end: COMPLETED */
	RESTART_NEVER,      /* every end is: COMPLETED or FAILED */
	RESTART_N
};

/* A secret or configuration object that instances get: as a file, or as an environment variable. */
struct sla_value {
	char *name;
	char *file; /* in the container; without both: VALUE_DIR_…/name */
	char *env;
	char *mode; /* of the file, octal: "0400" */
	uint32_t uid;
	uint32_t gid;
};

/* One microservice: what is asked for. Also the stored spec of a service. */
struct service_spec {
	char *microservice_id; /* "" or absent in a descriptor */
	char *unknown;         /* what no field names, as an object; for Oakestra's clients alone */
	char *name;
	char *ns;
	char *virtualization; /* container, docker: containerd's default; else exactly as written */
	char *code;           /* image reference, or comma-separated URLs parallel to arch */
	enum sla_pull pull;   /* Holm */
	struct strv cmd;
	struct strv environment;
	struct strv args;
	uint32_t memory_mib; /* 0: none declared */
	uint32_t vcpus;      /* 0: none declared */
	uint32_t cpu_millis; /* Holm: thousandths of a core, 0: as vcpus says */
	uint32_t vgpus;
	uint32_t vtpus;
	uint32_t bandwidth_in;
	uint32_t bandwidth_out;
	uint32_t storage_mib;
	uint32_t pids; /* Holm: most processes, 0: none declared */
	char *state;
	char *port; /* "host:container[/tcp|udp];…" as written */
	bool one_shot;
	bool privileged;
	char *platform;
	struct strv arch; /* amd64, arm64: position i belongs to URL i of code */
	struct sla_addresses addresses;
	struct sla_volume *volumes;
	size_t n_volumes;
	struct sla_value *secrets; /* Holm: */
	size_t n_secrets;
	struct sla_value *configs; /* Holm: */
	size_t n_configs;
	struct sla_constraint *constraints;
	size_t n_constraints;
	char *connectivity; /* JSON */
	struct strv added_files;
	char *sla_violation_strategy;
	char *target_node;
	struct strv vm_images;
	uint32_t replicas;        /* Holm: wanted instances; meaningful if has_replicas */
	bool has_replicas;        /* the descriptor named them */
	uint32_t grace_s;         /* Holm: seconds from stop signal to kill; 0: 10 */
	enum sla_restart restart; /* Holm: meaningful if has_restart; see spec_restart() */
	bool has_restart;
	enum sla_start start; /* Holm */
	struct sla_container container;
	struct sla_probe startup, readiness, liveness; /* Holm */
	uint32_t boot_timeout_s; /* Holm: of a unikernel, 0: BOOT_TIMEOUT_DEFAULT_S */
};

#define BOOT_TIMEOUT_DEFAULT_S 30

struct sla_app {
	char *id;
	char *name;
	char *ns;
	char *desc;
	char *unknown; /* as a service's */
	struct service_spec *services;
	size_t n_services;
};

struct sla {
	char *version; /* v2.0 */
	char *customer_id;
	bool has_customer_id; /* be it empty */
	struct strv args;
	struct sla_app *apps;
	size_t n_apps;
};

extern const char *const sla_restart_names[]; /* ended by NULL */
extern const char *const sla_start_names[];   /* the same */
extern const struct field_table service_spec_table;
extern const struct field_table sla_table;

/* Text to a checked descriptor: parse, defaults (container → docker, synonyms), validation of all
 * that one descriptor shows by itself: version, names by [a-zA-Z0-9]{1,30} and unique, ports,
 * address form (rr_ip in 10.30.0.0/16), arch beside code, unikernel and container forms of code.
 * -EINVAL with the path of the field; -E2BIG beyond SLA_TEXT_MAX. Empty optional texts become NULL.
 * Warnings (may be NULL): unknown fields, trailing commas, what is stored but has no effect. */
int sla_parse(const char *text, size_t len, struct sla *ret, struct strv *warnings,
	      struct err *err);
void sla_fini(struct sla *sla);

bool spec_is_unikernel(const struct service_spec *spec);
/* A unikernel that starts from a saved state. */
bool spec_is_from_snapshot(const struct service_spec *spec);
/* The first field by which an instance reaches what is the node's or everybody's: only an administrator
 * may ask for it. NULL: none. */
const char *spec_find_privilege(const struct service_spec *spec);
/* One of these for which the node keeps machines that have loaded it. */
bool spec_is_warm(const struct service_spec *spec);
/* The TCP port that tells when it has started: of its readiness or startup probe, else the first one
 * that it maps; 0: none. */
uint16_t spec_ready_port(const struct service_spec *spec);
/* Thousandths of a core that are its limit, 0: none. */
uint32_t spec_cpu_millis(const struct service_spec *spec);
/* What makes running instances be replaced differs (replicas, say, does not). */
bool spec_needs_replacement(const struct service_spec *a, const struct service_spec *b);
/* The policy in effect: without one, always; of a one_shot, on-failure. */
enum sla_restart spec_restart(const struct service_spec *spec);
/* NULL if it is not given. */
const struct sla_probe *spec_probe(const struct service_spec *spec, enum sla_probe_kind kind);
/* The URL of `code` for this architecture ("amd64"), the caller's, or NULL if none is given.
 * Without arch, code itself. */
char *spec_code_for_arch(const struct service_spec *spec, const char *arch);

/* Which of its architectures a node of this one runs: its own where the spec has that or names none,
 * else, emulated, the first. Borrowed. */
const char *spec_arch_on(const struct service_spec *spec, const char *arch);
/* The URL for that, the caller's, or NULL. */
char *spec_code_on(const struct service_spec *spec, const char *arch);

/* Port mappings: "8080:80/tcp;53:53/udp", a single number maps to itself. Each host port once. */
struct port_mapping {
	uint16_t host;
	uint16_t guest;
	bool is_udp;
};
#define PORTS_MAX 64
/* NULL or "": none. */
int ports_parse(const char *text, struct port_mapping ret[PORTS_MAX], size_t *ret_n,
		struct err *err);

/* A page in Markdown of every field of a descriptor; the caller's. */
char *sla_reference(void);

/* Name parts: [a-zA-Z0-9]{1,30}. */
bool name_part_is_valid(const char *s);

#endif
