/* Images hold regular files and folders only (image/ refuses the rest); here too a symbolic link
 * is an error, never followed. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include "loop/loop.h"
#include "runtime/qemu/files.h"

#define DEPTH_MAX 64
#define CHUNK     ((size_t)1 << 20)

struct copy {
	uid_t uid;
	const struct cancel *cancel;
	struct err *err;
};

static bool is_kind(const char *path, mode_t kind)
{
	struct stat st;

	return lstat(path, &st) == 0 && (st.st_mode & S_IFMT) == kind;
}

/* The path if it is of that kind, else NULL. */
static char *find(const char *image, const char *name, mode_t kind)
{
	auto_free char *path = path_join(image, name);

	return is_kind(path, kind) ? TAKE(path) : NULL;
}

int qemu_files_find(const char *image, struct qemu_files *ret, struct err *err)
{
	struct qemu_files f = { .kernel = find(image, "kernel", S_IFREG) };

	if (!f.kernel)
		return err_set(err, -ENOENT, "image %s has no file kernel", image);
	f.initrd = find(image, "initramfs.cpio", S_IFREG);
	f.tree = find(image, "files1", S_IFDIR);
	if (!f.tree)
		f.tree = find(image, "files", S_IFDIR);
	*ret = f;
	return 0;
}

void qemu_files_fini(struct qemu_files *files)
{
	free(files->kernel);
	free(files->initrd);
	free(files->tree);
	*files = (struct qemu_files){ 0 };
}

static int copy_bytes(int in, int out, const struct copy *c)
{
	for (;;) {
		ssize_t n = copy_file_range(in, NULL, out, NULL, CHUNK, 0);

		if (n == 0)
			return 0;
		if (n < 0)
			return -errno;
		if (cancel_is_set(c->cancel))
			return -ECANCELED;
	}
}

/* For file systems between which the kernel does not copy. */
static int copy_slowly(int in, int out, const struct copy *c)
{
	auto_free char *chunk = xmalloc(CHUNK);

	for (;;) {
		ssize_t n = read(in, chunk, CHUNK);

		if (n == 0)
			return 0;
		int r = n < 0 ? -errno : fd_write_all(out, chunk, (size_t)n);
		if (r < 0)
			return r;
		if (cancel_is_set(c->cancel))
			return -ECANCELED;
	}
}

static int copy_file(int from_dir, int to_dir, const char *name, const struct copy *c)
{
	auto_close int in = openat(from_dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	auto_close int out = openat(to_dir, name,
				    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	struct stat st;

	if (in < 0 || out < 0 || fstat(in, &st) < 0)
		return err_errno(c->err, "copy %s", name);
	int r = copy_bytes(in, out, c);
	if (r == -EXDEV || r == -EINVAL || r == -EOPNOTSUPP || r == -ENOSYS)
		r = copy_slowly(in, out, c);
	if (r == 0 &&
	    (fchmod(out, (st.st_mode & 0777) | 0600) < 0 || fchown(out, c->uid, c->uid) < 0))
		r = -errno;
	return r < 0 ? err_set(c->err, r, "copy %s: %s", name, strerror(-r)) : 0;
}

static int copy_folder(int from, int to, unsigned depth, const struct copy *c);

static int copy_entry(int from_dir, int to_dir, const char *name, unsigned depth,
		      const struct copy *c)
{
	struct stat st;

	if (fstatat(from_dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(c->err, "copy %s", name);
	if (S_ISREG(st.st_mode))
		return copy_file(from_dir, to_dir, name, c);
	if (!S_ISDIR(st.st_mode) || depth == DEPTH_MAX)
		return err_set(c->err, -EINVAL, "copy %s: %s", name,
			       depth == DEPTH_MAX ? "too deep" : "neither a file nor a folder");
	if (mkdirat(to_dir, name, 0700) < 0)
		return err_errno(c->err, "create folder %s", name);
	auto_close int from = openat(from_dir, name,
				     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	auto_close int to = openat(to_dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (from < 0 || to < 0)
		return err_errno(c->err, "open folder %s", name);
	if (copy_folder(from, to, depth + 1, c) < 0)
		return c->err->code;
	if (fchmod(to, (st.st_mode & 0777) | 0700) < 0 || fchown(to, c->uid, c->uid) < 0)
		return err_errno(c->err, "set owner of %s", name);
	return 0;
}

static int copy_folder(int from, int to, unsigned depth, const struct copy *c)
{
	int listed = fcntl(from, F_DUPFD_CLOEXEC, 0);
	DIR *dir = listed < 0 ? NULL : fdopendir(listed);
	int r = 0;

	if (!dir)
		return err_errno(c->err, "list folder");
	for (struct dirent *e; r == 0 && (e = readdir(dir));) {
		if (cancel_is_set(c->cancel))
			r = err_set(c->err, -ECANCELED, "copy of files cancelled");
		else if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			r = copy_entry(from, to, e->d_name, depth, c);
	}
	closedir(dir);
	return r;
}

/* As one entry of its parent, so that the top folder is treated like those inside. */
int qemu_tree_copy(const char *from, const char *to, uid_t uid, const struct cancel *cancel,
		   struct err *err)
{
	const struct copy c = { uid, cancel, err };
	auto_close int source = open(from, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (source < 0)
		return err_errno(err, "open %s", from);
	if (mkdir(to, 0700) < 0)
		return err_errno(err, "create folder %s", to);
	auto_close int target = open(to, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (target < 0)
		return err_errno(err, "open %s", to);
	if (copy_folder(source, target, 0, &c) < 0)
		return err_wrap(err, "prepare files");
	if (fchown(target, uid, uid) < 0)
		return err_errno(err, "set owner of %s", to);
	return 0;
}

static int copy_single(const char *from, const char *to, struct err *err)
{
	auto_close int in = open(from, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	auto_close int out = open(to, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0644);
	const struct copy c = { 0 };

	if (in < 0 || out < 0)
		return err_errno(err, "copy %s to %s", from, to);
	int r = copy_slowly(in, out, &c);
	if (r == 0 && fchmod(out, 0644) < 0)
		r = -errno;
	return r < 0 ? err_set(err, r, "copy %s to %s: %s", from, to, strerror(-r)) : 0;
}

/* Root's files alone are shared: whoever owns one could change the kernel of a running guest. */
int qemu_file_link(const char *from, const char *to, struct err *err)
{
	struct stat st;

	if (lstat(from, &st) == 0 && st.st_uid == 0 && (st.st_mode & 0777) == 0644 &&
	    link(from, to) == 0)
		return 0;
	return copy_single(from, to, err);
}

/* cpio of form newc: a trailer, filled up to 512 bytes. */
int qemu_empty_initrd(const char *path, struct err *err)
{
	char archive[512] = { 0 };
	int n = snprintf(archive, sizeof(archive),
			 "070701%08x%08x%08x%08x%08x%08x%08x%08x%08x%08x"
			 "%08x%08x%08xTRAILER!!!",
			 0u, 0u, 0u, 0u, 1u, 0u, 0u, 0u, 0u, 0u, 0u, 11u, 0u);

	assert(n == 110 + 10);
	return file_write_atomic(path, archive, sizeof(archive), 0644, err);
}
