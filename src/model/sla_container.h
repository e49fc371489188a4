/* What only containers have of a service: Holm's own fields of a descriptor. */
#ifndef HOLM_MODEL_SLA_CONTAINER_H
#define HOLM_MODEL_SLA_CONTAINER_H

#include "json/json.h"

struct sla_tmpfs {
	char *path;
	uint32_t size_mib; /* 0: what the kernel gives, half of the machine's memory */
	char *mode;        /* octal, NULL: 1777 */
};

#define ULIMIT_UNLIMITED (-1)

struct sla_ulimit {
	char *name; /* "nofile" */
	int64_t soft;
	int64_t hard; /* meaningful if has_hard; else the same */
	bool has_hard;
};

struct sla_device {
	char *path;        /* on the node */
	char *target;      /* NULL: the same */
	char *permissions; /* NULL: rwm */
};

/* Of the device that holds the container's writable layer; 0: no limit. */
struct sla_io {
	uint64_t read_bps;
	uint64_t write_bps;
	uint64_t read_iops;
	uint64_t write_iops;
	uint32_t weight; /* 10 to 1000 */
};

enum sla_seccomp { SECCOMP_DEFAULT, SECCOMP_UNCONFINED, SECCOMP_N };

struct sla_container {
	struct strv entrypoint;
	char *user; /* NAME[:GROUP] or UID[:GID] */
	char *working_dir;
	char *stop_signal;
	char *hostname;
	bool is_read_only;
	bool has_terminal;
	bool has_input; /* its standard input stays open */
	struct sla_tmpfs *tmpfs;
	size_t n_tmpfs;
	uint32_t shm_size_mib; /* 0: 64 */
	struct sla_ulimit *ulimits;
	size_t n_ulimits;
	struct strv sysctls; /* NAME=VALUE */
	struct sla_device *devices;
	size_t n_devices;
	struct strv cap_add;
	struct strv cap_drop;
	int seccomp; /* enum sla_seccomp */
	bool no_new_privileges;
	bool has_no_new_privileges; /* the descriptor named it; else: unless privileged */
	struct strv extra_hosts;    /* NAME:ADDRESS */
	int64_t oom_score_adj;
	char *cpuset; /* "0-1,3" */
	struct sla_io io;
};

#define HOST_GATEWAY "host-gateway" /* address of an extra host: the node */

extern const struct field_table sla_tmpfs_table, sla_ulimit_table, sla_device_table, sla_io_table;
extern const char *const sla_seccomp_names[SECCOMP_N + 1];

/* "nofile" → "RLIMIT_NOFILE", NULL if there is none of that name. */
const char *sla_ulimit_type(const char *name);
bool sla_io_is_empty(const struct sla_io *io);
/* Absolute, not the root itself, without "." and "..". */
bool sla_path_is_valid(const char *path);

/* What is wrong with a field that only containers have. */
struct sla_flaw {
	char field[64]; /* "ulimits[2].name" */
	const char *expected;
	char value[128]; /* as it was given, cut to fit */
};

/* True with the first flaw. All of the fields are one for a unikernel. */
bool sla_container_find_flaw(const struct sla_container *container, bool is_unikernel,
			     struct sla_flaw *ret);

#endif
