/* An id-mapped mount (mount_setattr(2), Linux 5.12) that is attached nowhere. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "helper/share.h"

int share_parse(const char *text, struct share *ret)
{
	static const struct {
		const char *prefix;
		bool is_read_only;
		bool keeps_owners;
	} kinds[] = { { "rw:/", false, false }, { "ro:/", true, false }, { "as:/", true, true } };

	for (size_t i = 0; i < ARRAY_LEN(kinds); i++) {
		if (!str_starts(text, kinds[i].prefix))
			continue;
		*ret = (struct share){ text + 3, kinds[i].is_read_only, kinds[i].keeps_owners };
		return 0;
	}
	return -EINVAL;
}

static int write_map(pid_t pid, const char *name, uint32_t inside, uint32_t outside,
		     struct err *err)
{
	char path[64], text[64];

	snprintf(path, sizeof(path), "/proc/%d/%s", pid, name);
	snprintf(text, sizeof(text), "%u %u 1", inside, outside);
	return file_write_value(path, text, err);
}

static int open_namespace(pid_t pid, const struct stat *owner, uint32_t uid, uint32_t gid,
			  struct err *err)
{
	char path[64];

	if (write_map(pid, "uid_map", owner->st_uid, uid, err) < 0 ||
	    write_map(pid, "gid_map", owner->st_gid, gid, err) < 0)
		return err->code;
	snprintf(path, sizeof(path), "/proc/%d/ns/user", pid);
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	return fd < 0 ? err_errno(err, "open %s", path) : fd;
}

/* A user namespace needs a process to be made, and none afterwards. One that is stopped ends by itself
 * only if it was told to before. */
static void be_namespace(pid_t parent)
{
	if (unshare(CLONE_NEWUSER) == 0 && prctl(PR_SET_PDEATHSIG, SIGKILL) == 0 &&
	    getppid() == parent)
		raise(SIGSTOP);
	_exit(1);
}

static int make_map(const struct stat *owner, uint32_t uid, uint32_t gid, struct err *err)
{
	int status;
	pid_t self = getpid();
	pid_t pid = fork();

	if (pid == 0)
		be_namespace(self);
	if (pid < 0)
		return err_errno(err, "fork");
	if (waitpid(pid, &status, WUNTRACED) != pid || !WIFSTOPPED(status))
		return err_set(err, -ENOTSUP, "this machine makes no user namespaces");
	int fd = open_namespace(pid, owner, uid, gid, err);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return fd;
}

static int map_owner(int tree, const struct share *share, int map, struct err *err)
{
	struct mount_attr attr = { .attr_set = MOUNT_ATTR_NOSUID | MOUNT_ATTR_NODEV |
					       MOUNT_ATTR_NOEXEC |
					       (share->is_read_only ? MOUNT_ATTR_RDONLY : 0) |
					       (map >= 0 ? MOUNT_ATTR_IDMAP : 0),
				   .userns_fd = map >= 0 ? (uint64_t)map : 0 };

	if (mount_setattr(tree, "", AT_EMPTY_PATH, &attr, sizeof(attr)) == 0)
		return 0;
	if (errno == EINVAL && map >= 0)
		return err_set(err, -ENOTSUP,
			       "%s: its file system cannot give its files to another user",
			       share->path);
	return err_errno(err, "set attributes of %s", share->path);
}

int share_open(const struct share *share, uint32_t uid, uint32_t gid, struct err *err)
{
	auto_close int folder = open(share->path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	auto_close int tree = -1;
	auto_close int map = -1;
	struct stat owner;

	if (folder < 0 || fstat(folder, &owner) < 0)
		return err_errno(err, "open %s", share->path);
	if (!uid)
		return TAKE_FD(folder);
	tree = open_tree(folder, "", OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC | AT_EMPTY_PATH);
	if (tree < 0)
		return err_errno(err, "take %s", share->path);
	bool needs_map = !share->keeps_owners && (owner.st_uid != uid || owner.st_gid != gid);
	if (needs_map)
		map = make_map(&owner, uid, gid, err);
	if (needs_map && map < 0)
		return err->code;
	return map_owner(tree, share, map, err) < 0 ? err->code : TAKE_FD(tree);
}
