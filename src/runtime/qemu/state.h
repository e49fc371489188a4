/* What the driver's files share: where things are, and what the probe found. */
#ifndef HOLM_RUNTIME_QEMU_STATE_H
#define HOLM_RUNTIME_QEMU_STATE_H

#include <pthread.h>

#include "base/cgroup.h"
#include "runtime/qemu/args.h"
#include "runtime/runtime.h"
#include "wire/digest/digest.h"

/* This machine's own kind of guests, and the other one. */
#if defined(__aarch64__)
#define QEMU_NATIVE  QEMU_KERNEL_ARM64
#define QEMU_FOREIGN QEMU_KERNEL_X86
#else
#define QEMU_NATIVE  QEMU_KERNEL_X86
#define QEMU_FOREIGN QEMU_KERNEL_ARM64
#endif

struct qemu_probe {
	bool has_qemu; /* for guests of this machine's architecture, as are the next two */
	bool works[QEMU_ACCEL_N];
	char reason[QEMU_ACCEL_N][256]; /* why not; "" if it works or is absent */
	char version[64];               /* "7.2.22" */
	/* The emulator of guests for the other architecture, by TCG alone. */
	char foreign_version[64]; /* "": not installed */
	bool foreign_works;
	char foreign_reason[256];
};

struct qemu {
	char *dir; /* instances lie below it, by id */
	char *helper_path;
	char *cgroup_parent;
	uint64_t log_max_bytes;
	struct cgroup_fs cgroups; /* layout CGROUP_NONE: no limits, no statistics */
	uint32_t first_user;      /* QEMU's users and groups, one per machine */
	uint32_t n_users;         /* 0: it runs as we do */
	bool can_jail;            /* it gets namespaces of its own */
	pthread_mutex_t probe_lock;
	bool is_probed;
	struct qemu_probe probe;
	pthread_mutex_t snapshot_lock; /* files below snapshots/, and the next */
	struct digest_memo states;     /* that were whole */
	struct warm *warm;             /* the pool */
};

#endif
