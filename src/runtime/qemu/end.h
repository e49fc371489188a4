/* How a virtual machine ended, in the words of the runtime contract: pure. */
#ifndef HOLM_RUNTIME_QEMU_END_H
#define HOLM_RUNTIME_QEMU_END_H

#include "base/exit_record.h"
#include "runtime/runtime.h"

/* What the guest's last write to isa-debug-exit makes of QEMU's exit code: (value << 1) | 1. */
enum { QEMU_EXIT_STOPPED = 0, QEMU_EXIT_CLEAN = 83, QEMU_EXIT_CRASH = 85 };

struct qemu_end_facts {
	bool was_stopped;       /* by us */
	bool was_off;           /* its guest had powered off when we killed QEMU */
	bool was_out_of_memory; /* its control group counted a kill */
	bool is_mute;           /* a machine that powers off in one way, whatever happened: arm64 */
};

/* Fills end, exit_code and detail. */
void qemu_end_classify(const struct exit_record *record, const struct qemu_end_facts *facts,
		       struct runtime_status *status);

/* The last line that looks like the cause of a crash, without Unikraft's prefix of time, level
 * and place; NULL if none does. The caller's. */
char *qemu_crash_cause(const char *console);

/* The last line that is not empty, or NULL; the caller's. */
char *qemu_last_line(const char *text);

#endif
