/* The root is a tmpfs mounted over the working folder in a mount namespace of the process's own: the
 * host sees none of it, and it is gone with the process. All in it is read-only but the folder, where
 * the usual rights decide. */
#include <fcntl.h>
#include <limits.h>
#include <sched.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "helper/jail.h"

#define ROOT_OPTIONS "mode=755,size=256k,nr_inodes=128"

#if defined(__aarch64__)
#define MULTIARCH "aarch64-linux-gnu"
#else
#define MULTIARCH "x86_64-linux-gnu"
#endif

/* Below the prefix of the executable, and below /usr: libraries, firmware and ROMs. */
static const char *const data_folders[] = {
	"lib64", "share/qemu", "share/seabios", "share/seavgabios", "share/ipxe",
};

int jail_clone_flags(void)
{
	return CLONE_NEWPID | CLONE_NEWIPC | CLONE_NEWNET;
}

/* Folders down to the last component, below the working directory. */
static int make_parents(const char *path, struct err *err)
{
	char part[PATH_MAX];

	for (const char *slash = path; (slash = strchr(slash, '/')); slash++) {
		snprintf(part, sizeof(part), "%.*s", (int)(slash - path), path);
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			return err_errno(err, "create %s in the new root", part);
	}
	return 0;
}

static int make_place(const char *name, mode_t kind, struct err *err)
{
	int r = make_parents(name, err);

	if (r < 0)
		return r;
	r = S_ISDIR(kind) ? mkdir(name, 0755) : mknod(name, S_IFREG | 0444, 0);
	return r < 0 && errno != EEXIST ? err_errno(err, "create %s in the new root", name) : 0;
}

static int copy_link(const char *path, struct err *err)
{
	char target[PATH_MAX];
	ssize_t n = readlink(path, target, sizeof(target) - 1);

	if (n < 0)
		return err_errno(err, "read link %s", path);
	target[n] = '\0';
	if (make_parents(path + 1, err) < 0)
		return err->code;
	return symlink(target, path + 1) < 0 && errno != EEXIST
		       ? err_errno(err, "create link %s in the new root", path)
		       : 0;
}

/* Something of the host's under its own name; what does not exist is not shown. Inside of what is
 * shown no further mounts of the host's are. */
static int show(const char *path, struct err *err)
{
	struct stat st;

	if (lstat(path, &st) < 0)
		return errno == ENOENT || errno == ENOTDIR ? 0 : err_errno(err, "look at %s", path);
	if (S_ISLNK(st.st_mode))
		return copy_link(path, err);
	if (make_place(path + 1, st.st_mode, err) < 0)
		return err->code;
	return mount(path, path + 1, NULL, MS_BIND, NULL) < 0 ? err_errno(err, "show %s", path) : 0;
}

/* Where libraries of several machines lie side by side, much else lies beside them. */
static int show_libraries(const char *prefix, struct err *err)
{
	auto_free char *all = xasprintf("%s/lib", prefix);
	auto_free char *ours = path_join(all, MULTIARCH);
	struct stat st;

	if (lstat(all, &st) == 0 && S_ISLNK(st.st_mode))
		return copy_link(all, err);
	return show(path_exists(ours) ? ours : all, err);
}

static int show_data(const char *prefix, struct err *err)
{
	if (show_libraries(prefix, err) < 0)
		return err->code;
	for (size_t i = 0; i < ARRAY_LEN(data_folders); i++) {
		auto_free char *path = path_join(prefix, data_folders[i]);

		if (show(path, err) < 0)
			return err->code;
	}
	return 0;
}

/* "/usr" of "/usr/bin/program"; the caller's. */
static char *prefix_of(const char *program)
{
	char *prefix = xstrdup(program);

	for (int i = 0; i < 2; i++) {
		char *slash = strrchr(prefix, '/');

		if (slash)
			*slash = '\0';
	}
	return prefix;
}

static int show_program(const char *program, struct err *err)
{
	auto_free char *prefix = prefix_of(program);
	bool is_usual = str_eq(prefix, "/usr") || !*prefix;

	if (show_data("/usr", err) < 0 || (!is_usual && show_data(prefix, err) < 0) ||
	    show_libraries("", err) < 0 || show("/lib64", err) < 0 ||
	    show("/etc/ld.so.cache", err) < 0)
		return err->code;
	return show(program, err);
}

static int show_devices(const struct jail *jail, struct err *err)
{
	if (show("/dev/null", err) < 0 || show("/dev/urandom", err) < 0)
		return err->code;
	return jail->device ? show(jail->device, err) : 0;
}

static int set_attributes(const char *name, uint64_t attributes, unsigned flags, struct err *err)
{
	struct mount_attr attr = { .attr_set = attributes };

	return mount_setattr(AT_FDCWD, name, flags, &attr, sizeof(attr)) < 0
		       ? err_errno(err, "set attributes of %s in the new root", name)
		       : 0;
}

/* Its own processes alone, which is itself: QEMU changes modes of shared files by way of
 * /proc/self/fd. Kernels before 5.8 do not know the option. */
static int show_proc(struct err *err)
{
	const unsigned long flags = MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RDONLY;

	if (make_place("proc", S_IFDIR, err) < 0)
		return err->code;
	if (mount("proc", "proc", "proc", flags, "subset=pid") < 0 &&
	    mount("proc", "proc", "proc", flags, NULL) < 0)
		return err_errno(err, "mount proc in the new root");
	return 0;
}

static int show_folder(int folder, struct err *err)
{
	char from[32];

	snprintf(from, sizeof(from), "/proc/self/fd/%d", folder);
	if (mount(from, "vm", NULL, MS_BIND, NULL) < 0)
		return err_errno(err, "show the working folder");
	return set_attributes("vm", MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV | MOUNT_ATTR_NOEXEC, 0,
			      err);
}

/* In the new root, which is the working directory. */
static int furnish(const struct jail *jail, int folder, struct err *err)
{
	if (make_place("vm", S_IFDIR, err) < 0 || show_program(jail->program, err) < 0 ||
	    show_proc(err) < 0 ||
	    set_attributes(".", MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID, AT_RECURSIVE, err) < 0)
		return err->code;
	return show_folder(folder, err);
}

static int move_in(struct err *err)
{
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_errno(err, "change the root");
	if (umount2(".", MNT_DETACH) < 0)
		return err_errno(err, "leave the old root");
	return chdir("/vm") < 0 ? err_errno(err, "enter the working folder") : 0;
}

static int enter_root(const struct jail *jail, struct err *err)
{
	auto_close int folder = open(jail->dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (folder < 0)
		return err_errno(err, "enter %s", jail->dir);
	if (mount("holm", jail->dir, "tmpfs", MS_NOSUID, ROOT_OPTIONS) < 0 || chdir(jail->dir) < 0)
		return err_errno(err, "mount a root");
	if (show_devices(jail, err) < 0 || furnish(jail, folder, err) < 0)
		return err->code;
	return move_in(err);
}

int jail_enter(const struct jail *jail, struct err *err)
{
	umask(022);
	if (unshare(CLONE_NEWNS) < 0)
		return err_errno(err, "leave the mount namespace");
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(err, "keep mounts to itself");
	return enter_root(jail, err);
}
