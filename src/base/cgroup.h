/* Control groups by direct file writes: v1, v2 and hybrid (v1 controllers beside an empty v2).
 *
 * A group is named by its path below each hierarchy's root ("holm-1a2b3c4d/5e6f…"). The root
 * folder is a parameter, so that a plain folder can stand in for /sys/fs/cgroup in tests. */
#ifndef HOLM_BASE_CGROUP_H
#define HOLM_BASE_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

enum cgroup_layout { CGROUP_NONE, CGROUP_V1, CGROUP_V2, CGROUP_HYBRID };

struct cgroup_fs {
	char root[256];            /* usually /sys/fs/cgroup */
	enum cgroup_layout layout; /* HYBRID: the controllers we need are v1 */
};

struct cgroup_limits { /* 0: no limit */
	uint64_t memory_bytes;
	uint32_t cpu_millis; /* 1000 = one core */
	uint32_t pids;
};

struct cgroup_stats {
	uint64_t memory_bytes;       /* in use, without inactive file cache */
	uint64_t memory_limit_bytes; /* 0: none */
	uint64_t read_bytes;         /* from block devices, if has_io */
	uint64_t written_bytes;
	bool has_io;
	uint64_t cpu_ns; /* total since the group was made */
	uint32_t pids;
	uint64_t oom_kills;
};

/* Looks at the folder and says which layout it has. */
int cgroup_detect(const char *root, struct cgroup_fs *ret, struct err *err);

/* Makes the group (parents too, controllers enabled on v2) and sets the limits. Idempotent.
 * -ENOTSUP if a limit was asked whose controller is missing. */
int cgroup_make(const struct cgroup_fs *fs, const char *path, const struct cgroup_limits *limits,
		struct err *err);

/* Makes the group without limits, if it is not there, and lets it weigh as much as `n` groups or processes
 * beside it when there is not enough processor time for all. Where the kernel does not weigh groups
 * nothing is to be done. */
int cgroup_weigh(const struct cgroup_fs *fs, const char *path, unsigned n, struct err *err);

/* Whether the kernel can limit "memory", "cpu" or "pids". */
bool cgroup_has_controller(const struct cgroup_fs *fs, const char *controller);
/* The limit in force for the group itself; 0 if there is none, or no such group. */
uint64_t cgroup_memory_limit(const struct cgroup_fs *fs, const char *path);

/* Moves a process into the group in every hierarchy it was made in; -ENOENT if in none. `pid` 0 is
 * the calling process, if it has no other threads: for that the kernel need not hold off forks
 * everywhere, which on v1 takes it about 10 ms. With layout NONE there is nothing to do. */
int cgroup_join(const struct cgroup_fs *fs, const char *path, pid_t pid, struct err *err);

/* -ENOENT if there is no such group. */
int cgroup_stats(const struct cgroup_fs *fs, const char *path, struct cgroup_stats *ret,
		 struct err *err);

/* Any process of the group itself; -ENOENT if it has none. */
int cgroup_find_process(const struct cgroup_fs *fs, const char *path, pid_t *ret);

/* SIGKILL to every process in the group and the groups below it; returns how many were still there
 * (0 for a group that is not). Before v2's cgroup.kill, one that forks meanwhile may be missed:
 * repeat until 0. */
int cgroup_kill(const struct cgroup_fs *fs, const char *path, struct err *err);

/* Removes the group and the groups below it in every hierarchy; nothing there is success,
 * -EBUSY while it has processes. */
int cgroup_remove(const struct cgroup_fs *fs, const char *path, struct err *err);

#endif
