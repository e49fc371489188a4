/* How often something may be done: a few times at once, then at intervals (the generic cell rate
 * algorithm, ITU-T I.371). What costs as much for many as for one is so done once for many when they
 * come in a burst, and at once when they come alone. */
#ifndef HOLM_BASE_PACE_H
#define HOLM_BASE_PACE_H

#include <stdint.h>

struct pace {
	uint64_t interval_ms;
	unsigned burst;   /* that many at once, at least 1 */
	uint64_t full_ms; /* when the burst will be whole again */
};

/* 0: it may be done now, and counts; else after how many milliseconds to ask again. */
uint64_t pace_take(struct pace *pace, uint64_t now_ms);

#endif
