/* Reading with care. */
#include <fcntl.h>

#include "daemon/pem_file.h"

#define FILE_MAX (256 << 10)

static struct pem_stamp stamp_of(const struct stat *st)
{
	return (struct pem_stamp){ st->st_ino, st->st_size, st->st_mtim };
}

static int check(const char *path, const struct stat *st, bool is_key, struct err *err)
{
	if (!S_ISREG(st->st_mode) || st->st_size <= 0 || st->st_size > FILE_MAX)
		return err_set(err, -EBADMSG, "%s: expected a file of 1 to %d bytes", path,
			       FILE_MAX);
	if (is_key && st->st_uid != geteuid())
		return err_set(err, -EACCES, "key %s: it belongs to user %u: chown it", path,
			       st->st_uid);
	if (is_key && st->st_mode & 077)
		return err_set(err, -EACCES, "key %s: others may read it (mode %04o): chmod 600",
			       path, st->st_mode & 07777);
	return 0;
}

int pem_read(const char *path, bool is_key, struct secret *ret, struct pem_stamp *ret_stamp,
	     struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "open %s", path);
	if (ret_stamp)
		*ret_stamp = stamp_of(&st);
	int r = check(path, &st, is_key, err);
	if (r < 0)
		return r;
	secret_make_room(ret, (size_t)st.st_size);
	if (read(fd, ret->bytes, ret->len) != st.st_size)
		return err_set(err, -EIO, "read %s: it is cut off", path);
	return 0;
}

bool pem_has_changed(const char *path, const struct pem_stamp *earlier)
{
	struct stat st;

	if (stat(path, &st) < 0)
		return false;
	return st.st_ino != earlier->inode || st.st_size != earlier->size ||
	       st.st_mtim.tv_sec != earlier->written.tv_sec ||
	       st.st_mtim.tv_nsec != earlier->written.tv_nsec;
}
