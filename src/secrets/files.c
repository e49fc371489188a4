/* One file, written beside its place and moved there. Everything goes by descriptors of the folder, so
 * that what is unmounted meanwhile takes the file with it. */
#include <fcntl.h>
#include <sys/stat.h>

#include "secrets/private.h"

#define DIR_MODE  0755
#define TEMPORARY ".holm-new"

/* The folder that holds `path`, made if need be; *ret_name is the last part. */
static int open_parent(int root, const char *path, const char **ret_name, struct err *err)
{
	auto_close int dir = openat(root, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	if (dir < 0)
		return err_errno(err, "open folder of %s", path);
	for (const char *slash; (slash = strchr(path, '/')); path = slash + 1) {
		auto_free char *part = xstrndup(path, (size_t)(slash - path));

		if (mkdirat(dir, part, DIR_MODE) < 0 && errno != EEXIST)
			return err_errno(err, "create folder %s", part);
		auto_close int next = openat(dir, part,
					     O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
		if (next < 0 || fchmod(next, DIR_MODE) < 0) /* whatever the umask */
			return err_errno(err, "open folder %s", part);
		close(dir);
		dir = TAKE_FD(next);
	}
	*ret_name = path;
	return TAKE_FD(dir);
}

static bool has_content(int dir, const char *name, const struct secret *bytes)
{
	auto_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	auto_secret struct secret have = { 0 };
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || (size_t)st.st_size != bytes->len)
		return false;
	secret_make_room(&have, bytes->len);
	return read(fd, have.bytes, have.len) == (ssize_t)have.len && secret_equal(&have, bytes);
}

static int fill(int fd, const struct secrets_file *file)
{
	int r = fd_write_all(fd, file->bytes.bytes, file->bytes.len);

	if (r < 0)
		return r;
	return fchown(fd, file->uid, file->gid) < 0 || fchmod(fd, file->mode) < 0 ? -errno : 0;
}

int secrets_write_file(int root, const struct secrets_file *file, struct err *err)
{
	const char *name = NULL;
	auto_close int dir = open_parent(root, file->path, &name, err);

	if (dir < 0)
		return dir;
	if (has_content(dir, name, &file->bytes))
		return 0;
	unlinkat(dir, TEMPORARY, 0); /* of one who was killed */
	auto_close int fd = openat(dir, TEMPORARY, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(err, "create %s", file->path);
	int r = fill(fd, file);
	if (r == 0 && renameat(dir, TEMPORARY, dir, name) < 0)
		r = -errno;
	if (r == 0)
		return 0;
	unlinkat(dir, TEMPORARY, 0);
	return err_set(err, r, "write %s: %s", file->path, strerror(-r));
}
