/* Private: clients of a container's first process. */
#ifndef HOLM_RUNTIME_CONTAINERD_EXEC_ATTACH_H
#define HOLM_RUNTIME_CONTAINERD_EXEC_ATTACH_H

#include "runtime/containerd/driver.h"

/* See runtime/exec.h. */
int stdio_attach(void *state, const char *instance_id, struct runtime_attachment *ret,
		 struct err *err);

#endif
