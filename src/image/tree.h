/* Trees of files as tar archives. Both ends name files below a folder that nothing leaves: links are
 * followed inside it only (openat2(2), RESOLVE_IN_ROOT), whoever changes them meanwhile. */
#ifndef HOLM_IMAGE_TREE_H
#define HOLM_IMAGE_TREE_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

#define TREE_DEPTH_MAX   128
#define TREE_ENTRIES_MAX 1000000
#define TREE_PATH_MAX    4096

/* Writes the file or folder at `path` below the folder `root` to `out` as an archive whose names begin
 * with `name`, or the path's last part. A link is packed as one. Owners stay numbers; what is no file,
 * folder, link or FIFO is left out, and so is what the kernel shows in /proc and /sys. -ENOENT. */
struct tree_source {
	int root;
	const char *path;
	const char *name; /* NULL: the path's last part */
};
int tree_pack(const struct tree_source *from, int out, struct err *err);

/* Unpacks an archive into `path` below `root`: into it, if it is a folder; else in its place, beside
 * what its last part's folder holds. -ENOTDIR if `needs_folder` and it is none; -EBADMSG for an
 * archive that is none, or names what lies outside; -EROFS, -ENOSPC, … */
struct tree_target {
	int root;
	const char *path;
	bool needs_folder;
	bool has_owner; /* of all that is made, whatever the archive says */
	uid_t uid;
	gid_t gid;
};
int tree_unpack(const struct tree_target *to, int in, struct err *err);

#endif
