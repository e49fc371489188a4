/* Paths of the host. The path is resolved once, below the root and nowhere else, and what it led to is
 * mounted at a place of ours: what becomes of the path afterwards makes no difference. */
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/base.h"
#include "volume/private.h"

bool is_mount_point(const char *path)
{
	struct statx st = { 0 };

	if (statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW | AT_NO_AUTOMOUNT, 0, &st) < 0)
		return errno != ENOENT && errno != ENOTDIR;
	return st.stx_attributes & STATX_ATTR_MOUNT_ROOT;
}

int host_open_root(struct volumes *volumes, struct err *err)
{
	const char *root = volumes->config.host_root;
	struct stat st;

	if (!root)
		return 0;
	if (*root != '/')
		return err_set(err, -EINVAL, "volume root %s: not an absolute path", root);
	volumes->host_root = realpath(root, NULL);
	if (!volumes->host_root || stat(volumes->host_root, &st) < 0)
		return err_errno(err, "volume root %s", root);
	if (!S_ISDIR(st.st_mode))
		return err_set(err, -ENOTDIR, "volume root %s: not a folder", root);
	return 0;
}

/* Links are followed as long as they stay below the root. */
static int open_below(const struct volumes *volumes, const char *path, struct err *err)
{
	const char *root = volumes->config.host_root;
	const struct open_how how = { .flags = O_PATH | O_CLOEXEC,
				      .resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS };

	if (!root)
		return err_set(err, -EPERM,
			       "host path %s: this node offers none (holm up --volume-root)", path);
	if (!path_is_below(path, root))
		return err_set(err, -EPERM, "host path %s: not below %s", path, root);
	const char *rest = path + strlen(root);
	rest += strspn(rest, "/");
	auto_close int dir = open(volumes->host_root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return err_errno(err, "open %s", volumes->host_root);
	int fd = (int)syscall(SYS_openat2, dir, rest, &how, sizeof(how));
	if (fd < 0 && errno == EXDEV)
		return err_set(err, -EPERM, "host path %s: leads out of %s", path, root);
	return fd < 0 ? err_errno(err, "host path %s", path) : fd;
}

/* What a mount goes onto is of the same kind. */
static int make_target(const char *target, bool is_dir, struct err *err)
{
	if (is_dir && mkdir(target, 0700) < 0 && errno != EEXIST)
		return err_errno(err, "create %s", target);
	if (is_dir)
		return 0;
	auto_close int fd = open(target, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	return fd < 0 ? err_errno(err, "create %s", target) : 0;
}

static int mount_fd(int fd, const char *target, struct err *err)
{
	auto_close int tree = open_tree(fd, "",
					AT_EMPTY_PATH | OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC);

	if (tree < 0)
		return err_errno(err, "clone for %s", target);
	if (move_mount(tree, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(err, "mount on %s", target);
	/* Mounts that the host makes below the path later are none of the container's. */
	if (mount(NULL, target, NULL, MS_PRIVATE, NULL) < 0)
		return err_errno(err, "make %s private", target);
	return 0;
}

int host_mount(const struct job *job, const struct entry *entry, struct err *err)
{
	auto_free char *target = job_target(job, entry);
	auto_close int fd = open_below(job->volumes, entry->host_path, err);
	struct stat st;

	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_errno(err, "host path %s", entry->host_path);
	if (!S_ISDIR(st.st_mode) && !S_ISREG(st.st_mode))
		return err_set(err, -ENOTSUP, "host path %s: neither a folder nor a file",
			       entry->host_path);
	/* What an earlier try has mounted may be something else by now. */
	int r = host_unmount(job, entry, err);
	if (r == 0)
		r = job_make_dir(job, err);
	if (r == 0)
		r = make_target(target, S_ISDIR(st.st_mode), err);
	if (r == 0)
		r = job_step(job, err);
	if (r == 0)
		r = mount_fd(fd, target, err);
	return r < 0 ? err_wrap(err, "host path %s", entry->host_path) : 0;
}

int host_unmount(const struct job *job, const struct entry *entry, struct err *err)
{
	auto_free char *target = job_target(job, entry);
	struct stat st;

	/* Only our own place goes: who still looks at it from the host does not hold it. */
	while (is_mount_point(target))
		if (umount2(target, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return err_errno(err, "unmount %s", target);
	if (lstat(target, &st) < 0)
		return errno == ENOENT ? 0 : err_errno(err, "look at %s", target);
	if ((S_ISDIR(st.st_mode) ? rmdir(target) : unlink(target)) < 0)
		return err_errno(err, "remove %s", target);
	return 0;
}
