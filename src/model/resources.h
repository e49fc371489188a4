/* What a node has of memory, cores, processes and disk; what it may promise to instances, and whether one
 * more fits. Pure arithmetic, the same for the scheduler and for the node's own admission. */
#ifndef HOLM_MODEL_RESOURCES_H
#define HOLM_MODEL_RESOURCES_H

#include "model/sla.h"

struct resources {
	uint64_t memory_mib;
	uint64_t cpu_millis;
	uint64_t pids;
	uint64_t disk_mib;
};
extern const struct field_table resources_table;

/* Unikernels that wait, halted, for a start, and what they have of the memory that nobody is promised. */
struct node_warm {
	uint32_t machines;
	uint64_t bytes;
	uint64_t max_bytes; /* the node's setting */
};
extern const struct field_table node_warm_table;

/* How much more than it has a node promises, per mille, 0: without bound; and what is kept back from
 * that, for the host itself. */
struct resource_settings {
	struct resources over_per_mille;
	struct resources reserve;
};
/* Memory, processes and disk once; cores without bound, since they can be shared. */
#define RESOURCE_SETTINGS_DEFAULT                                                       \
	{                                                                               \
		.over_per_mille = {.memory_mib = 1000, .pids = 1000, .disk_mib = 1000 } \
	}

/* "memory=1.5,cpu=4,pids=2,disk=none": factors 0.1 to 100; "none": without bound. What is not named
 * stays. NULL is nothing. */
int resources_parse_overcommit(const char *text, struct resource_settings *ret, struct err *err);
/* "memory=512,cpu=0.5,pids=100,disk=1024": MiB, cores, processes, MiB. */
int resources_parse_reserve(const char *text, struct resource_settings *ret, struct err *err);

/* What may be promised; a 0 is without bound. One MiB, millicore, … at least of what has a bound. */
struct resources resources_offer(const struct resources *capacity,
				 const struct resource_settings *settings);

/* What an instance of this spec is promised. What it does not declare is 0: it has no limit and counts
 * for nothing. */
struct resources resources_of_spec(const struct service_spec *spec);
void resources_add(struct resources *sum, const struct resources *more);

/* Whether it fits beside what is promised; if not, `why` gets "needs 512 MiB of memory, 100 of 2000
 * free". */
bool resources_fit(const struct resources *offer, const struct resources *promised,
		   const struct resources *ask, struct buf *why);

#endif
