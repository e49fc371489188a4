/* The block device under a folder. */
#ifndef HOLM_BASE_DISK_H
#define HOLM_BASE_DISK_H

#include <stdint.h>

#include "base/err.h"

struct disk {
	uint32_t major;
	uint32_t minor;
};

/* The whole disk that holds what is written to the folder: of a partition, the disk it is on.
 * `sys` is where the kernel tells of devices, usually "/sys", and `mounts` its list of mounts,
 * usually "/proc/self/mountinfo". -ENOTSUP if there is none: overlay, tmpfs, a network's. */
int disk_find(const char *sys, const char *mounts, const char *dir, struct disk *ret,
	      struct err *err);

#endif
