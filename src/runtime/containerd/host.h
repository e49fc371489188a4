/* Private: what this node has for a container, asked anew at each start. */
#ifndef HOLM_RUNTIME_CONTAINERD_HOST_H
#define HOLM_RUNTIME_CONTAINERD_HOST_H

#include "runtime/containerd/driver.h"

/* Device nodes for one container; owner of its texts. */
struct host_devices {
	struct spec_device *items;
	size_t n;
};
void host_devices_fini(struct host_devices *devices);

/* Adds those that the service names: -ENOENT, -ENOTSUP for what is no device. */
int host_find_devices(const struct sla_container *container, struct host_devices *ret,
		      struct err *err);
/* Adds all of a folder of device nodes, usually /dev, but terminals, message queues and shared
 * memory, which are a container's own. */
int host_list_devices(const char *dir, struct host_devices *ret, struct err *err);

/* What we may have ourselves, all of it on a machine of our own: the line CapBnd of
 * /proc/self/status (proc(5)). */
uint64_t host_capabilities(const char *status);

/* The rest of what a spec needs to know; devices, user and disk are the caller's to add. */
void host_fill(const struct driver *driver, struct spec_host *ret);

#endif
