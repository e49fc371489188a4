/* The OCI process of a command in a running container: pure, texts in and out. */
#ifndef HOLM_RUNTIME_CONTAINERD_EXEC_PROCESS_H
#define HOLM_RUNTIME_CONTAINERD_EXEC_PROCESS_H

#include "base/base.h"
#include "runtime/oci/oci.h"
#include "runtime/runtime.h"

/* What the container's first process has (`spec`, an OCI spec), with another command, more
 * environment, and where they are given another user (`user`, else NULL) and folder. -EINVAL. */
int exec_process_build(const char *spec, const struct runtime_exec *exec,
		       const struct oci_user *user, char **ret, struct err *err);

/* What a runtime's words about a command that it could not run mean: -ENOENT, -EACCES, -EINVAL (its
 * folder), -ESRCH (the container does not run), or -EIO. */
int exec_failure_code(const char *text);
/* The words that are of interest to a person; the caller's. */
char *exec_failure_words(const char *text);

#endif
