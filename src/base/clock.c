/* Deadlines. */
#include "base/base.h"
#include "base/clock.h"

uint64_t clock_monotonic_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

int clock_poll(struct pollfd *fds, nfds_t n, uint64_t end_ms)
{
	for (;;) {
		uint64_t now = clock_monotonic_ms();
		uint64_t left = now < end_ms ? end_ms - now : 0;
		int r = poll(fds, n, left < 60000 ? (int)left : 60000);

		if (r > 0)
			return 1;
		if (r < 0 && errno != EINTR)
			return -errno;
		if (r == 0 && left == 0)
			return 0;
	}
}
