/* Private: FIFOs between containerd's shim and us. */
#ifndef HOLM_RUNTIME_CONTAINERD_EXEC_FIFO_H
#define HOLM_RUNTIME_CONTAINERD_EXEC_FIFO_H

#include "base/base.h"

/* Makes one (0600) and opens it with these flags, never waiting: the descriptor, the caller's as is
 * its path. */
int fifo_make(const char *dir, const char *name, int flags, char **ret_path, struct err *err);

#endif
