/* A folder as the root file system of a guest. Guests read uncompressed newc archives only. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "image/unikernel/package.h"

#define PIECE       ((size_t)256 << 10)
#define DEPTH_MAX   64
#define ENTRIES_MAX 100000

struct cpio {
	struct archive *archive;
	char *piece;
	unsigned n_entries;
	struct err *err;
};

static int fail(struct cpio *c, const char *shown)
{
	const char *cause = archive_error_string(c->archive);

	return err_set(c->err, -EIO, "pack %s: %s", shown, cause ? cause : "broken off");
}

static int put_data(struct cpio *c, int fd, const char *shown, int64_t size)
{
	for (int64_t left = size; left > 0;) {
		ssize_t n = read(fd, c->piece, left < (int64_t)PIECE ? (size_t)left : PIECE);

		if (n < 0)
			return err_errno(c->err, "read %s", shown);
		if (n == 0)
			return err_set(c->err, -EAGAIN, "read %s: it changed meanwhile", shown);
		if (archive_write_data(c->archive, c->piece, (size_t)n) < 0)
			return fail(c, shown);
		left -= n;
	}
	return 0;
}

/* Kind, rights and size only: what tells of this machine would change the digest. */
static int put_head(struct cpio *c, int dir, const char *name, const char *shown,
		    const struct stat *st)
{
	struct archive_entry *entry = archive_entry_new();
	char target[TREE_PATH_MAX];
	int r = 0;

	archive_entry_set_pathname(entry, shown);
	archive_entry_set_mode(entry, st->st_mode);
	archive_entry_set_nlink(entry, S_ISDIR(st->st_mode) ? 2 : 1);
	archive_entry_set_ino(entry, c->n_entries);
	archive_entry_set_mtime(entry, 0, 0);
	archive_entry_set_size(entry, S_ISREG(st->st_mode) ? st->st_size : 0);
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

		if (n < 0)
			r = err_errno(c->err, "read link %s", shown);
		target[n > 0 ? n : 0] = '\0';
		archive_entry_set_symlink(entry, target);
	}
	if (r == 0 && archive_write_header(c->archive, entry) < ARCHIVE_WARN)
		r = fail(c, shown);
	archive_entry_free(entry);
	return r;
}

static int put_file(struct cpio *c, int dir, const char *name, const char *shown)
{
	auto_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(c->err, "open %s", shown);
	int r = put_head(c, dir, name, shown, &st);
	return r < 0 ? r : put_data(c, fd, shown, st.st_size);
}

static int put_folder(struct cpio *c, int fd, const char *shown, unsigned depth);

static int put_entry(struct cpio *c, int dir, const char *name, const char *shown, unsigned depth)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(c->err, "find %s", shown);
	if (++c->n_entries > ENTRIES_MAX)
		return err_set(c->err, -E2BIG, "pack %.200s: more than %d files", shown,
			       ENTRIES_MAX);
	if (S_ISREG(st.st_mode))
		return put_file(c, dir, name, shown);
	if (!S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode))
		return err_set(c->err, -EINVAL, "pack %s: neither a file nor a folder nor a link",
			       shown);
	int r = put_head(c, dir, name, shown, &st);
	if (r < 0 || S_ISLNK(st.st_mode))
		return r;
	if (depth == DEPTH_MAX)
		return err_set(c->err, -ELOOP, "pack %.200s: deeper than %d folders", shown,
			       DEPTH_MAX);
	auto_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return fd < 0 ? err_errno(c->err, "open %s", shown) : put_folder(c, fd, shown, depth + 1);
}

static int by_name(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* The order of names is the same on every machine. */
static int list_names(int fd, struct strv *ret, const char *shown, struct err *err)
{
	int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = own < 0 ? NULL : fdopendir(own);

	if (!dir)
		return err_errno(err, "list %s", shown);
	for (struct dirent *e; (e = readdir(dir));)
		if (!str_eq(e->d_name, ".") && !str_eq(e->d_name, ".."))
			strv_add(ret, e->d_name);
	closedir(dir);
	if (ret->n)
		qsort(ret->items, ret->n, sizeof(*ret->items), by_name);
	return 0;
}

static int put_folder(struct cpio *c, int fd, const char *shown, unsigned depth)
{
	auto_strv struct strv names = { 0 };
	int r = list_names(fd, &names, shown, c->err);

	for (size_t i = 0; r == 0 && i < names.n; i++) {
		auto_free char *below = xasprintf("%s/%s", shown, names.items[i]);

		r = put_entry(c, fd, names.items[i], below, depth);
	}
	return r;
}

int cpio_pack(const char *path, int out, struct err *err)
{
	auto_close int dir = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct cpio c = { .err = err };
	int r = 0;

	if (dir < 0)
		return err_errno(err, "open %s", path);
	c.archive = archive_write_new();
	c.piece = xmalloc(PIECE);
	archive_write_set_format_cpio_newc(c.archive);
	archive_write_add_filter_none(c.archive);
	archive_write_set_bytes_in_last_block(c.archive, 1);
	if (archive_write_open_fd(c.archive, out) != ARCHIVE_OK)
		r = fail(&c, path);
	if (r == 0)
		r = put_folder(&c, dir, ".", 0);
	if (archive_write_close(c.archive) != ARCHIVE_OK && r == 0)
		r = fail(&c, path);
	archive_write_free(c.archive);
	free(c.piece);
	return r;
}
