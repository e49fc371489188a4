/* Making and ending a virtual machine: the steps between the driver's table and its parts. */
#ifndef HOLM_RUNTIME_QEMU_MACHINE_H
#define HOLM_RUNTIME_QEMU_MACHINE_H

#include "runtime/qemu/state.h"

/* Starts it in a folder that does not exist yet and waits until QEMU says that it runs (or the guest
 * has come to its end already). On failure nothing is left but the log. */
int machine_start(struct qemu *qemu, const struct runtime_spec *spec, const struct runtime_ctx *ctx,
		  struct err *err);

/* Whether the image in this folder is one that this machine can boot, as far as its files tell. */
int machine_check(struct qemu *qemu, const char *image, struct err *err);

/* Ends QEMU: on its own terms, then by signal. `path` is the instance's folder. */
int machine_end(const char *path, struct err *err);

/* Removes what is left of it, its processes included. */
int machine_remove(const struct qemu *qemu, const char *id, struct err *err);

#endif
