/* Commands in running containers; see runtime/exec.h. */
#ifndef HOLM_RUNTIME_CONTAINERD_EXEC_EXEC_H
#define HOLM_RUNTIME_CONTAINERD_EXEC_EXEC_H

#include "runtime/containerd/driver.h"

extern const struct runtime_exec_ops containerd_exec_ops;

/* Ends commands that an earlier Holm began and had no time to end. */
void exec_sweep(struct driver *driver);

/* Input and output of a container with a terminal or with standard input.
 *
 * In the instance's folder are FIFOs in, out and err, whose other ends the shim holds: both of in's and
 * a reading one of the others, too, so they stay as they are whoever else goes. A logger of ours, which
 * outlives us as others do, reads out and err, and tells those who come by the socket "attach". A
 * terminal has no err. */

/* From before the task is created until after it. */
struct stdio {
	char *in; /* paths, NULL: none */
	char *out;
	char *err;
	int out_fd; /* writing ends, without which the logger would see an end at once; -1: none */
	int err_fd;
};
#define STDIO_NONE ((struct stdio){ .out_fd = -1, .err_fd = -1 })
/* Makes them, and starts the logger that writes to `target`. */
int stdio_open(const struct driver *driver, const struct runtime_spec *spec, const char *target,
	       struct stdio *ret, struct err *err);
void stdio_close(struct stdio *stdio);

bool stdio_is_wanted(const struct runtime_spec *spec);
/* Another logger in place of one that was killed: 1; 0: nothing to do. -ENOENT: the container has none
 * of this kind. */
int stdio_tend(const struct driver *driver, const char *instance_id, const char *target,
	       struct err *err);

#endif
