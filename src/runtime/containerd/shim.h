/* Private: the process between containerd and one container. */
#ifndef HOLM_RUNTIME_CONTAINERD_SHIM_H
#define HOLM_RUNTIME_CONTAINERD_SHIM_H

#include "runtime/containerd/driver.h"

/* Kills the shim of an instance, and so the instance; none there is success. */
int shim_kill(const char *instance_id, struct err *err);
/* Kills all shims of the containerd that listens at `address`. */
int shim_kill_of(const char *address, struct err *err);
/* The shim of an instance, found from one of its processes upwards. */
bool shim_find(pid_t pid, const char *instance_id, struct proc_id *ret);
/* The socket of one that was killed stays; containerd listens at `address`. */
void shim_remove_socket(const char *address, const char *instance_id);
/* `words`: a command line as in /proc, each word ending in a zero byte, with another zero byte behind
 * all `len` bytes. */
bool shim_is_of(const char *words, size_t len, const char *instance_id);
bool shim_is_at(const char *words, size_t len, const char *address);

#endif
