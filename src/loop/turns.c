/* How long the turns of the loop take: what all else has to wait for. */
#include <time.h>

#include "loop/internal.h"

const uint32_t loop_turn_bounds_ms[LOOP_TURN_BOUNDS] = { 1, 2, 3, 5, 7, 10, 20, 50, 100, 500, 1000 };

static uint64_t read_ns(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000000000 + (uint64_t)t.tv_nsec;
}

static size_t place_of(uint64_t ns)
{
	size_t i = 0;

	while (i < LOOP_TURN_BOUNDS && ns > (uint64_t)loop_turn_bounds_ms[i] * 1000000)
		i++;
	return i;
}

void turn_begin(struct turn_watch *watch)
{
	if (watch->is_running)
		return;
	watch->is_running = true;
	watch->wall_ns = read_ns(CLOCK_MONOTONIC);
	watch->cpu_ns = read_ns(CLOCK_THREAD_CPUTIME_ID);
}

void turn_end(struct turn_watch *watch)
{
	if (!watch->is_running)
		return;
	watch->is_running = false;
	watch->turns.wall[place_of(read_ns(CLOCK_MONOTONIC) - watch->wall_ns)]++;
	watch->turns.cpu[place_of(read_ns(CLOCK_THREAD_CPUTIME_ID) - watch->cpu_ns)]++;
}
