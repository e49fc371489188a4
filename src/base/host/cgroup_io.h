/* Private to control groups: block I/O. */
#ifndef HOLM_BASE_HOST_CGROUP_IO_H
#define HOLM_BASE_HOST_CGROUP_IO_H

#include "base/cgroup.h"

/* False if the group's I/O is not accounted. */
bool cgroup_read_io(const struct cgroup_fs *fs, const char *path, uint64_t *ret_read,
		    uint64_t *ret_written);

#endif
