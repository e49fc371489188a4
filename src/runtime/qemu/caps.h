/* What this machine's QEMU can do, proved by a guest of ours. */
#ifndef HOLM_RUNTIME_QEMU_CAPS_H
#define HOLM_RUNTIME_QEMU_CAPS_H

#include "runtime/qemu/state.h"

/* What was found, once per state as soon as there is a QEMU; what an earlier one found in this boot with
 * this QEMU is taken from a file. May take seconds. Safe on several threads. */
int qemu_caps_probe(struct qemu *qemu, struct qemu_probe *ret, struct err *err);

/* The accelerator for a guest of that architecture: KVM where it is proved, for this machine's
 * own architecture, and TCG for the other one; -ENOTSUP with the reason if there is none. */
int qemu_caps_accel(struct qemu *qemu, const struct qemu_kernel *kernel, enum qemu_accel *ret,
		    struct err *err);

/* In the words of the runtime contract. */
void qemu_caps_describe(const struct qemu_probe *probe, struct runtime_info *ret);

#endif
