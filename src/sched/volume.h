/* Private: the filter by volumes. */
#ifndef HOLM_SCHED_VOLUME_H
#define HOLM_SCHED_VOLUME_H

#include "sched/sched.h"

/* Whether the node can offer every volume: its driver, the path of the host, or a named volume, which
 * exists on one node only. Else the reason is written. */
bool volumes_fit(const struct sched_snapshot *snapshot, const struct service_spec *spec,
		 const struct sched_node *node, struct buf *why);

#endif
