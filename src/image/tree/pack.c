/* Walking a tree by descriptors, so that a link put in the way meanwhile leads nowhere. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/vfs.h>

#include <archive.h>
#include <archive_entry.h>

#include "image/image.h"
#include "image/tree/private.h"

#define PIECE ((size_t)256 << 10)

struct pack {
	struct archive *archive;
	char *piece;
	unsigned n_entries;
	unsigned depth;
	struct err *err;
};

static int pack_at(struct pack *p, int dir, const char *name, const char *shown);

static int fail(struct pack *p, const char *shown)
{
	const char *cause = archive_error_string(p->archive);

	return err_set(p->err, -EPIPE, "pack %s: %s", shown, cause ? cause : "broken off");
}

static int pack_data(struct pack *p, int fd, const char *shown, int64_t size)
{
	ssize_t n;

	/* What grew meanwhile is cut, what shrank is filled up: the head is written already. */
	for (int64_t left = size; left > 0; left -= n) {
		size_t want = left < (int64_t)PIECE ? (size_t)left : PIECE;

		n = read(fd, p->piece, want);
		if (n < 0)
			return err_errno(p->err, "read %s", shown);
		if (n == 0)
			break;
		if (archive_write_data(p->archive, p->piece, (size_t)n) < 0)
			return fail(p, shown);
	}
	return 0;
}

static int put_head(struct pack *p, int dir, const char *name, const char *shown,
		    const struct stat *st)
{
	struct archive_entry *entry = archive_entry_new();
	char target[TREE_PATH_MAX];
	int r = 0;

	archive_entry_copy_stat(entry, st);
	archive_entry_set_pathname(entry, shown);
	if (!S_ISREG(st->st_mode))
		archive_entry_set_size(entry, 0);
	if (S_ISLNK(st->st_mode)) {
		ssize_t n = readlinkat(dir, name, target, sizeof(target) - 1);

		if (n < 0)
			r = err_errno(p->err, "read link %s", shown);
		target[n > 0 ? n : 0] = '\0';
		archive_entry_set_symlink(entry, target);
	}
	if (r == 0 && archive_write_header(p->archive, entry) < ARCHIVE_WARN)
		r = fail(p, shown);
	archive_entry_free(entry);
	return r;
}

static bool is_kernel_view(int fd)
{
	static const long kinds[] = { PROC_SUPER_MAGIC, SYSFS_MAGIC, CGROUP_SUPER_MAGIC,
				      CGROUP2_SUPER_MAGIC, DEVPTS_SUPER_MAGIC };
	struct statfs st;

	if (fstatfs(fd, &st) < 0)
		return true;
	for (size_t i = 0; i < ARRAY_LEN(kinds); i++)
		if ((long)st.f_type == kinds[i])
			return true;
	return false;
}

static int pack_members(struct pack *p, int fd, const char *shown)
{
	auto_close int own = fcntl(fd, F_DUPFD_CLOEXEC, 0);
	DIR *dir = own < 0 ? NULL : fdopendir(own);
	int r = 0;

	if (!dir)
		return err_errno(p->err, "list %s", shown);
	own = -1; /* the folder's */
	for (struct dirent *e; r == 0 && (e = readdir(dir));) {
		if (str_eq(e->d_name, ".") || str_eq(e->d_name, ".."))
			continue;
		auto_free char *below = xasprintf("%s/%s", shown, e->d_name);
		r = pack_at(p, fd, e->d_name, below);
	}
	closedir(dir);
	return r;
}

static int pack_folder(struct pack *p, int dir, const char *name, const char *shown)
{
	auto_close int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0)
		return err_errno(p->err, "open %s", shown);
	if (p->depth >= TREE_DEPTH_MAX)
		return err_set(p->err, -ELOOP, "pack %.200s: deeper than %d folders", shown,
			       TREE_DEPTH_MAX);
	if (is_kernel_view(fd))
		return 0;
	p->depth++;
	int r = pack_members(p, fd, shown);
	p->depth--;
	return r;
}

static int pack_file(struct pack *p, int dir, const char *name, const char *shown)
{
	auto_close int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	struct stat st;

	if (fd < 0)
		return err_errno(p->err, "open %s", shown);
	if (fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(p->err, -EAGAIN, "read %s: it was replaced meanwhile", shown);
	int r = put_head(p, dir, name, shown, &st);
	return r < 0 ? r : pack_data(p, fd, shown, st.st_size);
}

static int pack_at(struct pack *p, int dir, const char *name, const char *shown)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno == ENOENT && p->n_entries)
			return 0; /* removed meanwhile */
		return err_errno(p->err, "find %s", shown);
	}
	if (++p->n_entries > TREE_ENTRIES_MAX)
		return err_set(p->err, -E2BIG, "pack %.200s: more than %d files", shown,
			       TREE_ENTRIES_MAX);
	if (S_ISREG(st.st_mode))
		return pack_file(p, dir, name, shown);
	if (!S_ISDIR(st.st_mode) && !S_ISLNK(st.st_mode) && !S_ISFIFO(st.st_mode))
		return 0;
	int r = put_head(p, dir, name, shown, &st);
	return r < 0 || !S_ISDIR(st.st_mode) ? r : pack_folder(p, dir, name, shown);
}

/* All of it; the archive is open. */
static int pack_all(struct pack *p, const struct tree_source *from)
{
	auto_free char *parent = NULL;
	auto_free char *name = NULL;

	tree_split(from->path, &parent, &name);
	auto_close int dir = tree_open(from->root, parent, O_PATH | O_DIRECTORY);
	if (dir < 0)
		return err_set(p->err, dir, "find %s: %s", from->path, strerror(-dir));
	return pack_at(p, dir, name, from->name ? from->name : name);
}

int tree_pack(const struct tree_source *from, int out, struct err *err)
{
	struct pack p = { .archive = archive_write_new(), .err = err };
	int r = 0;

	p.piece = xmalloc(PIECE);
	archive_write_set_format_pax_restricted(p.archive);
	archive_write_add_filter_none(p.archive);
	if (archive_write_open_fd(p.archive, out) != ARCHIVE_OK)
		r = fail(&p, from->path);
	if (r == 0)
		r = pack_all(&p, from);
	/* A failed one is closed, too, or the library would leak: the reader is told otherwise. */
	if (archive_write_close(p.archive) != ARCHIVE_OK && r == 0)
		r = fail(&p, from->path);
	archive_write_free(p.archive);
	free(p.piece);
	return r;
}
