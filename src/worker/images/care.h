/* Private: the state behind images.h. */
#ifndef HOLM_WORKER_IMAGES_CARE_H
#define HOLM_WORKER_IMAGES_CARE_H

#include "worker/images/use.h"

struct images {
	struct worker *worker;
	struct timer *timer;
	struct list jobs; /* calls that wait for something */
	bool is_caring;   /* a look or a removal is under way */
	bool needs_care;  /* one more */
	bool is_settling;
	bool needs_settling;
	bool is_short;    /* a transfer did not find room, and waits for it */
	uint64_t missing; /* bytes of that which are still to be freed */
	uint64_t freed;   /* by this pruning */
	char problem[DETAIL_MAX];
};

/* settle.c: frees what failed fetches keep that nobody wants any more */
void images_settle(struct images *images);

/* job.c: a call on its way */
void jobs_free_all(struct images *images);

#endif
