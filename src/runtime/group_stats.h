/* A control group's numbers as those of an instance, the same for every driver. */
#ifndef HOLM_RUNTIME_GROUP_STATS_H
#define HOLM_RUNTIME_GROUP_STATS_H

#include "base/cgroup.h"
#include "runtime/runtime.h"

static inline struct runtime_stats group_stats(const struct cgroup_stats *s)
{
	return (struct runtime_stats){ .memory_bytes = s->memory_bytes,
				       .memory_limit_bytes = s->memory_limit_bytes,
				       .cpu_ns = s->cpu_ns,
				       .oom_kills = s->oom_kills,
				       .read_bytes = s->read_bytes,
				       .written_bytes = s->written_bytes,
				       .has_io = s->has_io,
				       .pids = s->pids };
}

#endif
