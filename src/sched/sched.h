/* Placing one instance on one of the nodes. Pure: the caller takes the snapshot, and enters what was
 * placed into it before it asks for the next instance, so that a burst spreads.
 *
 * Filters reject a node with a reason; scores order those that are left. A node is promised
 * no more than it offers (model/resources.h), and no instance gets more cores than its node has. */
#ifndef HOLM_SCHED_SCHED_H
#define HOLM_SCHED_SCHED_H

#include "model/object.h"

struct sched_port {
	uint16_t host;
	bool is_udp;
};

struct sched_node {
	const struct node *facts; /* as the node told them, perhaps before it went away */
	bool is_alive;
	bool is_cordoned;
	uint64_t memory_mib;    /* promised to its instances */
	uint64_t cpu_millis;    /* the same; 1000 are a core */
	uint64_t pids;          /* the same */
	uint64_t disk_mib;      /* the same */
	struct resources offer; /* most that may be; 0: any, but for memory facts->memory_mib */
	uint32_t n_instances;   /* placed on it */
	uint32_t n_same;        /* of the service in question */
	const struct sched_port *ports; /* of the host, taken */
	size_t n_ports;
	const struct strv
		*volumes; /* named ones of its instances, perhaps not made yet; may be NULL */
};

struct sched_snapshot {
	const char *cluster; /* our name, for constraints that name clusters; NULL: none */
	const struct sched_node *nodes;
	size_t n_nodes;
};

/* The node's index; or -ENOSPC and *ret_reason, the caller's: "no node fits: edge-1: needs 4096 MiB, 1900
 * free; edge-2: no runtime runsc (has docker, unikernel)". -EAGAIN, with a reason too: one fits if the
 * runtime that it is just trying works. */
int sched_pick(const struct sched_snapshot *snapshot, const struct service_spec *spec,
	       char **ret_reason);

/* Whether some node could run it if it were empty and there. -ENOTSUP if no node has the runtime,
 * -ENOSPC for other reasons, both named per node. Without any node it is 0: nothing is known. */
int sched_ever_fits(const struct sched_snapshot *snapshot, const struct service_spec *spec,
		    struct err *err);

#endif
