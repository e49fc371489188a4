/* Exit codes in words. */
#include <signal.h>

#include "base/base.h"
#include "base/signals.h"
#include "runtime/containerd/ending.h"

#define SIGNAL_BASE 128
#define SIGNAL_MAX  64

/* "killed by SIGKILL (exit 137)" */
static void write_signal(uint32_t exit_code, char *detail, size_t size)
{
	uint32_t sig = exit_code - SIGNAL_BASE;
	const char *name = signal_name((int)sig);

	if (name)
		snprintf(detail, size, "killed by %s (exit %u)", name, exit_code);
	else
		snprintf(detail, size, "killed by signal %u (exit %u)", sig, exit_code);
}

enum runtime_end ending_of(uint32_t exit_code, uint64_t oom_kills, char *detail, size_t size)
{
	bool is_signal = exit_code > SIGNAL_BASE && exit_code <= SIGNAL_BASE + SIGNAL_MAX;

	if (oom_kills && exit_code == SIGNAL_BASE + SIGKILL) {
		snprintf(detail, size, "out of memory: killed by the kernel at its memory limit");
		return RUNTIME_END_OOM;
	}
	if (is_signal) {
		write_signal(exit_code, detail, size);
		return RUNTIME_END_CRASH;
	}
	snprintf(detail, size,
		 oom_kills ? "exit code %u, after %llu of its processes ran out of memory"
			   : "exit code %u",
		 exit_code, (unsigned long long)oom_kills);
	return exit_code ? RUNTIME_END_ERROR : RUNTIME_END_CLEAN;
}

void ending_stopped(uint32_t exit_code, bool was_killed, char *detail, size_t size)
{
	snprintf(detail, size,
		 was_killed ? "stopped by force (exit code %u)" : "stopped (exit code %u)",
		 exit_code);
}
