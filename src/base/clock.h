/* Deadlines of blocking code, on executor threads and in the helper. What runs on a loop has
 * loop_now_ms() and timers instead. */
#ifndef HOLM_BASE_CLOCK_H
#define HOLM_BASE_CLOCK_H

#include <poll.h>
#include <stdint.h>

uint64_t clock_monotonic_ms(void);

/* poll(2) until something is ready (1), the time has come (0), or negative errno. */
int clock_poll(struct pollfd *fds, nfds_t n, uint64_t end_ms);

#endif
