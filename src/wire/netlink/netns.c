/* Named network namespaces, and visits to them. */
#include <fcntl.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include "wire/netlink/netlink.h"

#define NSFS_MAGIC 0x6e736673
/* The thread's own: /proc/self is the whole process, whose first thread may be elsewhere. */
#define OWN_NETNS "/proc/thread-self/ns/net"

bool netns_exists(const char *path)
{
	struct statfs fs;

	return statfs(path, &fs) == 0 && fs.f_type == NSFS_MAGIC;
}

int netns_enter(const char *path, int *ret_home, struct err *err)
{
	auto_close int home = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
	auto_close int there = open(path, O_RDONLY | O_CLOEXEC);

	if (home < 0)
		return err_errno(err, "open " OWN_NETNS);
	if (there < 0)
		return err_errno(err, "open network namespace %s", path);
	if (setns(there, CLONE_NEWNET) < 0)
		return err_errno(err, "enter network namespace %s", path);
	*ret_home = TAKE_FD(home);
	return 0;
}

void netns_leave(int home)
{
	if (setns(home, CLONE_NEWNET) < 0) {
		log_error("return to the host's network namespace: %s", strerror(errno));
		abort();
	}
	close(home);
}

/* Mounts made below the folder have to appear in the mount namespaces of those who start instances
 * (a containerd that systemd started with its own), so it is a shared mount, as with ip-netns. */
static int share_folder(const char *path, struct err *err)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = xstrndup(path, (size_t)(slash - path));
	int r = dir_make(dir, 0755, err);

	if (r < 0)
		return r;
	if (mount("", dir, "none", MS_SHARED | MS_REC, NULL) == 0)
		return 0;
	if (errno != EINVAL || mount(dir, dir, "none", MS_BIND | MS_REC, NULL) < 0 ||
	    mount("", dir, "none", MS_SHARED | MS_REC, NULL) < 0)
		return err_errno(err, "make %s a shared mount", dir);
	return 0;
}

/* A new namespace exists as long as the thread is in it, and then through its mount. */
static int mount_new(const char *path, struct err *err)
{
	auto_close int home = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
	int r = 0;

	if (home < 0)
		return err_errno(err, "open " OWN_NETNS);
	if (unshare(CLONE_NEWNET) < 0)
		return err_errno(err, "create network namespace");
	if (mount(OWN_NETNS, path, "none", MS_BIND, NULL) < 0)
		r = err_errno(err, "mount network namespace on %s", path);
	netns_leave(TAKE_FD(home));
	return r;
}

int netns_new(struct err *err)
{
	auto_close int home = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);

	if (home < 0)
		return err_errno(err, "open " OWN_NETNS);
	if (unshare(CLONE_NEWNET) < 0)
		return err_errno(err, "create network namespace");
	int fd = open(OWN_NETNS, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		fd = err_errno(err, "open " OWN_NETNS);
	netns_leave(TAKE_FD(home));
	return fd;
}

static int make_file(const char *path, struct err *err)
{
	int r = share_folder(path, err);

	if (r < 0)
		return r;
	auto_close int fd = open(path, O_RDONLY | O_CREAT | O_CLOEXEC, 0);
	return fd < 0 ? err_errno(err, "create %s", path) : 0;
}

int netns_make(const char *path, struct err *err)
{
	if (netns_exists(path))
		return 0;
	int r = make_file(path, err);
	if (r < 0)
		return r;
	r = mount_new(path, err);
	if (r < 0)
		unlink(path);
	return r;
}

int netns_name(const char *path, pid_t pid, struct err *err)
{
	char from[40];
	int r = make_file(path, err);

	if (r < 0)
		return r;
	snprintf(from, sizeof(from), "/proc/%d/ns/net", (int)pid);
	if (mount(from, path, "none", MS_BIND, NULL) == 0)
		return 0;
	r = err_errno(err, "mount network namespace of process %d on %s", (int)pid, path);
	unlink(path);
	return r;
}

int netns_remove(const char *path, struct err *err)
{
	while (umount2(path, MNT_DETACH) == 0)
		;
	if (errno != EINVAL && errno != ENOENT)
		return err_errno(err, "unmount network namespace %s", path);
	if (unlink(path) < 0 && errno != ENOENT)
		return err_errno(err, "remove %s", path);
	return 0;
}
