/* Cancel tokens. To wait for one is a futex on its flag: whoever sets it ends the wait at once. */
#include <limits.h>
#include <linux/futex.h>
#include <sys/syscall.h>
#include <time.h>

#include "base/base.h"
#include "base/clock.h"
#include "loop/loop.h"

#define PARENT_LOOK_MS 100

void cancel_set(struct cancel *cancel)
{
	__atomic_store_n(&cancel->flag, 1, __ATOMIC_RELEASE);
	syscall(SYS_futex, &cancel->flag, FUTEX_WAKE_PRIVATE, INT_MAX, NULL, NULL, 0);
}

bool cancel_is_set(const struct cancel *cancel)
{
	for (; cancel; cancel = cancel->parent)
		if (__atomic_load_n(&cancel->flag, __ATOMIC_ACQUIRE))
			return true;
	return false;
}

bool cancel_wait(const struct cancel *cancel, uint64_t ms)
{
	uint64_t end_ms = clock_monotonic_ms() + ms;
	static const struct cancel never;

	while (!cancel_is_set(cancel)) {
		uint64_t now_ms = clock_monotonic_ms();

		if (now_ms >= end_ms)
			return false;
		uint64_t left_ms = end_ms - now_ms;
		if (cancel && cancel->parent && left_ms > PARENT_LOOK_MS)
			left_ms = PARENT_LOOK_MS;
		const struct timespec wait = { .tv_sec = (time_t)(left_ms / 1000),
					       .tv_nsec = (long)(left_ms % 1000) * 1000000 };
		syscall(SYS_futex, cancel ? &cancel->flag : &never.flag, FUTEX_WAIT_PRIVATE, 0,
			&wait, NULL, 0);
	}
	return true;
}
