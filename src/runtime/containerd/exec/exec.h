/* Commands in running containers; see runtime/exec.h. */
#ifndef HOLM_RUNTIME_CONTAINERD_EXEC_EXEC_H
#define HOLM_RUNTIME_CONTAINERD_EXEC_EXEC_H

#include "runtime/containerd/driver.h"

extern const struct runtime_exec_ops containerd_exec_ops;

/* Ends commands that an earlier Holm began and had no time to end. */
void exec_sweep(struct driver *driver);

#endif
