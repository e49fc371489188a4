/* The user's own files: the last part's folder is opened as the kernel has it, and nothing that an
 * archive names leaves it. */
#include <fcntl.h>

#include "base/base.h"
#include "daemon/copy.h"
#include "image/image.h"

/* The folder of a path's last part, opened; the part is the caller's. */
static int open_parent(const char *path, char **ret_name, struct err *err)
{
	auto_free char *real = realpath(path, NULL);
	auto_free char *given = xstrdup(real ? real : path);
	char *slash = strrchr(given, '/');
	const char *dir = !slash ? "." : slash == given ? "/" : given;

	*ret_name = xstrdup(slash ? slash + 1 : given);
	if (slash && slash != given)
		*slash = '\0';
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	return fd < 0 ? err_errno(err, "open %s", dir) : fd;
}

int copy_pack(const char *path, int out, struct err *err)
{
	auto_free char *name = NULL;
	auto_close int dir = open_parent(path, &name, err);

	const struct tree_source from = { .root = dir, .path = name };
	return dir < 0 ? dir : tree_pack(&from, out, err);
}

int copy_unpack(const char *path, int in, struct err *err)
{
	auto_close int folder = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_free char *name = NULL;

	if (folder >= 0) {
		const struct tree_target into = { .root = folder,
						  .path = ".",
						  .needs_folder = true };

		return tree_unpack(&into, in, err);
	}
	auto_close int dir = open_parent(path, &name, err);
	const struct tree_target as = { .root = dir, .path = name };
	return dir < 0 ? dir : tree_unpack(&as, in, err);
}
