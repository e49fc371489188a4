/* What the whole machine uses. */
#ifndef HOLM_WORKER_MACHINE_H
#define HOLM_WORKER_MACHINE_H

#include "model/resources.h"

struct machine_use {
	struct resources used; /* cores: by the difference of two readings */
	uint64_t busy_ticks;   /* of all cores since boot */
	uint64_t all_ticks;
};
/* For an executor; what cannot be read is 0. */
void machine_look(const char *data_dir, struct machine_use *ret);

#endif
