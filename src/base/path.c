/* Files and folders: whole reads, atomic writes, trees. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/base.h"

char *path_join(const char *a, const char *b)
{
	return xasprintf("%s/%s", a, b);
}

bool path_exists(const char *path)
{
	struct stat st;

	return lstat(path, &st) == 0;
}

int file_read(const char *path, size_t max, char **ret, size_t *ret_len, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	auto_buf struct buf b = { 0 };
	char chunk[8192];

	if (fd < 0)
		return err_errno(err, "open %s", path);
	buf_init(&b, max);
	for (;;) {
		ssize_t n = read(fd, chunk, sizeof(chunk));

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "read %s", path);
		if (n == 0)
			break;
		if (buf_add(&b, chunk, (size_t)n) < 0)
			return err_set(err, -EFBIG, "read %s: larger than %zu bytes", path, max);
	}
	if (ret_len)
		*ret_len = b.len;
	*ret = buf_take(&b);
	return 0;
}

int fd_write_all(int fd, const void *data, size_t len)
{
	const char *p = data;

	while (len) {
		ssize_t n = write(fd, p, len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		p += n;
		len -= (size_t)n;
	}
	return 0;
}

static int sync_parent(const char *path)
{
	const char *slash = strrchr(path, '/');
	auto_free char *dir = slash ? xstrndup(path, (size_t)(slash - path) + 1) : xstrdup(".");
	auto_close int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 || fsync(fd) < 0 ? -errno : 0;
}

static bool is_same_file(int fd, const char *path)
{
	struct stat ours;
	struct stat there;

	return fstat(fd, &ours) == 0 && lstat(path, &there) == 0 && ours.st_dev == there.st_dev &&
	       ours.st_ino == there.st_ino;
}

/* The file that is written before it takes the place of another. Its name is always the same, so that
 * the next writer uses up what a killed one left; of two at once, one waits for the other. */
static int open_new(const char *path, mode_t mode)
{
	for (;;) {
		auto_close int fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, mode);

		if (fd < 0 || flock(fd, LOCK_EX) < 0)
			return -errno;
		if (!is_same_file(fd, path)) /* the other has just put it in its place */
			continue;
		return ftruncate(fd, 0) < 0 || fchmod(fd, mode) < 0 ? -errno : TAKE_FD(fd);
	}
}

static int replace(const char *path, const void *data, size_t len, mode_t mode, bool is_durable)
{
	auto_free char *new = xasprintf("%s.new", path);
	auto_close int fd = open_new(new, mode);
	int r = fd < 0 ? fd : fd_write_all(fd, data, len);

	if (r == 0 && ((is_durable && fsync(fd) < 0) || rename(new, path) < 0))
		r = -errno;
	if (r < 0 && fd >= 0)
		unlink(new);
	return r;
}

int file_write_atomic(const char *path, const void *data, size_t len, mode_t mode, struct err *err)
{
	int r = replace(path, data, len, mode, true);

	if (r < 0)
		return err_set(err, r, "write %s: %s", path, strerror(-r));
	r = sync_parent(path);
	return r < 0 ? err_set(err, r, "sync %s: %s", path, strerror(-r)) : 0;
}

static int replace_text(const char *path, const char *text, mode_t mode, struct err *err)
{
	int r = replace(path, text, strlen(text), mode, false);

	return r < 0 ? err_set(err, r, "write %s: %s", path, strerror(-r)) : 0;
}

int file_replace(const char *path, const char *text, struct err *err)
{
	return replace_text(path, text, 0600, err);
}

int file_replace_public(const char *path, const char *text, struct err *err)
{
	return replace_text(path, text, 0644, err);
}

int file_write_value(const char *path, const char *value, struct err *err)
{
	auto_close int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, "open %s", path);
	if (write(fd, value, strlen(value)) < 0)
		return err_errno(err, "write %s to %s", value, path);
	return 0;
}

static int make_one_dir(const char *path, mode_t mode)
{
	struct stat st;

	if (mkdir(path, mode) == 0)
		return 0;
	if (errno != EEXIST)
		return -errno;
	if (stat(path, &st) < 0)
		return -errno;
	return S_ISDIR(st.st_mode) ? 0 : -ENOTDIR;
}

int dir_make(const char *path, mode_t mode, struct err *err)
{
	auto_free char *part = xstrdup(path);

	if (make_one_dir(path, mode) == 0) /* nearly always: the folders above are there */
		return 0;
	for (char *p = part; *p;) {
		p += strspn(p, "/");
		p += strcspn(p, "/");
		char was = *p;
		*p = '\0';
		int r = make_one_dir(part, mode);
		if (r < 0)
			return err_set(err, r, "create folder %s: %s", part, strerror(-r));
		*p = was;
	}
	return 0;
}

/* A folder below `dir`, unless something is mounted on it: by the kernel's own check, as a bind mount
 * of the same file system has no device number of its own. */
static int open_child_dir(int dir, const char *name)
{
	const struct open_how how = { .flags = O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC,
				      .resolve = dir == AT_FDCWD ? 0 : RESOLVE_NO_XDEV };
	int fd = (int)syscall(SYS_openat2, dir, name, &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

static int remove_at(int dir, const char *name);

static int remove_children(int fd)
{
	DIR *d = fdopendir(fd);
	int r = 0;

	if (!d) {
		r = -errno;
		close(fd);
		return r;
	}
	for (struct dirent *e; r == 0 && (e = readdir(d));)
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			r = remove_at(dirfd(d), e->d_name);
	closedir(d);
	return r;
}

static int remove_at(int dir, const char *name)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : -errno;
	if (S_ISDIR(st.st_mode)) {
		int fd = open_child_dir(dir, name);
		int r = fd < 0 ? fd : remove_children(fd);

		if (r < 0 && r != -ENOENT) /* somebody else may be removing it, too */
			return r;
	}
	if (unlinkat(dir, name, S_ISDIR(st.st_mode) ? AT_REMOVEDIR : 0) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

int path_remove(const char *path, struct err *err)
{
	int r = remove_at(AT_FDCWD, path);

	return r < 0 ? err_set(err, r, "remove %s: %s", path, strerror(-r)) : 0;
}

bool path_is_below(const char *path, const char *root)
{
	size_t n = strlen(root);

	while (n > 1 && root[n - 1] == '/')
		n--;
	if (*path != '/' || strncmp(path, root, n) != 0 || (n > 1 && path[n] != '/'))
		return false;
	for (const char *p = path; (p = strstr(p, "/..")); p += 3)
		if (p[3] == '/' || p[3] == '\0')
			return false;
	return true;
}
