/* Folders of the host that the program may use: each is a descriptor, which the program opens as
 * /proc/self/fd/N. There is no mount that anybody else could see, or that could be left over. */
#ifndef HOLM_HELPER_SHARE_H
#define HOLM_HELPER_SHARE_H

#include "base/base.h"

#define SHARES_MAX 16

struct share {
	const char *path;
	bool is_read_only;
	bool keeps_owners;
};

/* "ro:/PATH", "rw:/PATH", or "as:/PATH": to be read, by whom its modes allow; -EINVAL. */
int share_parse(const char *text, struct share *ret);

/* A descriptor of the folder, closed on exec. For a program that runs as `uid` and `gid` (0: as we do) the
 * folder's owner and group appear as these, and what it makes there is theirs, unless it keeps its owners.
 * -ENOTDIR; -ENOTSUP: its file system cannot do that. */
int share_open(const struct share *share, uint32_t uid, uint32_t gid, struct err *err);

#endif
