/* Making files below a folder. Each entry's folder is looked up anew inside the root, its last part
 * is never followed. */
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <archive.h>
#include <archive_entry.h>

#include "image/image.h"
#include "image/tree/private.h"

#define BLOCK ((size_t)64 << 10)

struct unpack {
	const struct tree_target *to;
	struct archive *archive;
	char *base;   /* folder below the root that all goes into */
	char *rename; /* takes the place of the first part of each name; NULL: names stay */
	unsigned n_entries;
	struct err *err;
};

int tree_open(int root, const char *path, int flags)
{
	struct open_how how = { .flags = (uint64_t)(flags | O_CLOEXEC),
				.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS };
	int fd = (int)syscall(SYS_openat2, root, *path ? path : ".", &how, sizeof(how));

	return fd < 0 ? -errno : fd;
}

void tree_split(const char *path, char **ret_parent, char **ret_name)
{
	size_t len = strlen(path);

	while (len > 1 && path[len - 1] == '/')
		len--;
	auto_free char *trimmed = xstrndup(path, len);
	char *slash = strrchr(trimmed, '/');
	const char *name = slash ? slash + 1 : trimmed;

	*ret_name = xstrdup(*name ? name : ".");
	*ret_parent = slash ? xstrndup(trimmed, (size_t)(slash - trimmed) + (slash == trimmed))
			    : xstrdup(".");
}

static int fail(struct unpack *u, const char *what, const char *name)
{
	return err_set(u->err, -errno, "%s %.300s: %s", what, name, strerror(errno));
}

/* The name as it is to be, or NULL if it names something outside. Absolute ones lose their slash; that
 * of a whole folder's content begins with ".". */
static char *own_name(const struct unpack *u, const char *name)
{
	auto_strv struct strv parts = { 0 };
	auto_strv struct strv kept = { 0 };

	if (!name || strlen(name) >= TREE_PATH_MAX)
		return NULL;
	strv_split(&parts, name, "/");
	for (size_t i = 0; i < parts.n; i++) {
		if (str_eq(parts.items[i], ".."))
			return NULL;
		if (i == 0 && u->rename)
			strv_add(&kept, u->rename);
		else if (!str_eq(parts.items[i], "."))
			strv_add(&kept, parts.items[i]);
	}
	if (kept.n > TREE_DEPTH_MAX)
		return NULL;
	return strv_join(&kept, "/");
}

static int make_dirs(struct unpack *u, const char *path)
{
	auto_strv struct strv parts = { 0 };
	auto_free char *so_far = xstrdup(u->base);

	strv_split(&parts, path, "/");
	for (size_t i = 0; i < parts.n; i++) {
		auto_close int dir = tree_open(u->to->root, so_far, O_PATH | O_DIRECTORY);

		if (dir < 0)
			return err_set(u->err, dir, "open %s: %s", so_far, strerror(-dir));
		int r = mkdirat(dir, parts.items[i], 0755);
		if (r < 0 && errno != EEXIST)
			return fail(u, "make folder", parts.items[i]);
		if (r == 0 && u->to->has_owner &&
		    fchownat(dir, parts.items[i], u->to->uid, u->to->gid, AT_SYMLINK_NOFOLLOW) < 0)
			return fail(u, "give away", parts.items[i]);
		char *next = xasprintf("%s/%s", so_far, parts.items[i]);
		free(so_far);
		so_far = next;
	}
	return 0;
}

/* The folder that the entry goes into. */
static int open_folder(struct unpack *u, const char *path)
{
	auto_free char *full = xasprintf("%s/%s", u->base, path);
	int fd = tree_open(u->to->root, full, O_RDONLY | O_DIRECTORY);

	if (fd == -ENOENT) {
		int r = make_dirs(u, path);

		if (r < 0)
			return r;
		fd = tree_open(u->to->root, full, O_RDONLY | O_DIRECTORY);
	}
	return fd < 0 ? err_set(u->err, fd, "open %s: %s", full, strerror(-fd)) : fd;
}

static int write_data(struct unpack *u, int fd, const char *name)
{
	const void *data;
	size_t len;
	la_int64_t offset;
	int r;

	while ((r = archive_read_data_block(u->archive, &data, &len, &offset)) == ARCHIVE_OK)
		for (size_t done = 0; done < len;) {
			ssize_t n = pwrite(fd, (const char *)data + done, len - done,
					   offset + (la_int64_t)done);

			if (n < 0)
				return fail(u, "write", name);
			done += (size_t)n;
		}
	if (r != ARCHIVE_EOF)
		return err_set(u->err, -EBADMSG, "unpack %.300s: %s", name,
			       archive_error_string(u->archive));
	return 0;
}

static int make_file(struct unpack *u, int dir, const char *name, struct archive_entry *entry)
{
	auto_close int fd = openat(dir, name, O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
				   0600);

	if (fd < 0)
		return fail(u, "create", name);
	int r = write_data(u, fd, name);
	if (r == 0 && ftruncate(fd, archive_entry_size(entry)) < 0)
		r = fail(u, "write", name);
	return r;
}

static int make_hard_link(struct unpack *u, int dir, const char *name, const char *target)
{
	auto_free char *own = own_name(u, target);
	auto_free char *parent = NULL;
	auto_free char *last = NULL;

	if (!own)
		return err_set(u->err, -EBADMSG, "unpack %.200s: a link to %.200s, outside", name,
			       target);
	tree_split(own, &parent, &last);
	auto_close int from = open_folder(u, parent);
	if (from < 0)
		return from;
	return linkat(from, last, dir, name, 0) < 0 ? fail(u, "link", name) : 0;
}

/* What is in its place goes, unless both are folders. */
static int make_room(struct unpack *u, int dir, const char *name, bool is_folder)
{
	struct stat st;

	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return errno == ENOENT ? 0 : fail(u, "find", name);
	if (S_ISDIR(st.st_mode) && !is_folder)
		return err_set(u->err, -EISDIR, "replace %.300s: it is a folder", name);
	if (S_ISDIR(st.st_mode))
		return 0;
	return unlinkat(dir, name, 0) < 0 ? fail(u, "replace", name) : 0;
}

/* Not by name, which could have become a link to anything. */
static int set_mode(int dir, const char *name, mode_t mode)
{
	auto_close int fd = openat(dir, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);
	char self[40];
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0 || S_ISLNK(st.st_mode))
		return -1;
	snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	return chmod(self, mode);
}

/* Numbers as they are, or as they are to be; whoever is not root owns what he makes. */
static int set_owner(struct unpack *u, int dir, const char *name, struct archive_entry *entry)
{
	struct timespec times[] = { { .tv_nsec = UTIME_OMIT },
				    { archive_entry_mtime(entry),
				      archive_entry_mtime_nsec(entry) } };
	mode_t mode = archive_entry_perm(entry);
	bool is_link = archive_entry_filetype(entry) == AE_IFLNK;
	bool is_given = u->to->has_owner;
	uid_t uid = is_given ? u->to->uid : (uid_t)archive_entry_uid(entry);
	gid_t gid = is_given ? u->to->gid : (gid_t)archive_entry_gid(entry);

	if (fchownat(dir, name, uid, gid, AT_SYMLINK_NOFOLLOW) < 0) {
		if (errno != EPERM || geteuid() == 0)
			return fail(u, "give away", name);
		mode &= 0777;
	}
	if (!is_link && set_mode(dir, name, mode) < 0)
		return fail(u, "change", name);
	utimensat(dir, name, times, AT_SYMLINK_NOFOLLOW);
	return 0;
}

static int make(struct unpack *u, int dir, const char *name, struct archive_entry *entry)
{
	const char *hard = archive_entry_hardlink(entry);
	unsigned type = archive_entry_filetype(entry);
	int r = make_room(u, dir, name, type == AE_IFDIR && !hard);

	if (r < 0)
		return r;
	if (hard)
		return make_hard_link(u, dir, name, hard);
	if (type == AE_IFREG)
		r = make_file(u, dir, name, entry);
	else if (type == AE_IFLNK)
		r = symlinkat(archive_entry_symlink(entry), dir, name);
	else if (type == AE_IFDIR)
		r = mkdirat(dir, name, 0700) < 0 && errno != EEXIST ? -1 : 0;
	else if (type == AE_IFIFO)
		r = mkfifoat(dir, name, 0600);
	else
		return err_set(u->err, -EPERM, "unpack %.300s: a device is not copied", name);
	if (r == -1)
		return fail(u, "create", name);
	return r < 0 ? r : set_owner(u, dir, name, entry);
}

static int unpack_entry(struct unpack *u, struct archive_entry *entry)
{
	const char *given = archive_entry_pathname(entry);
	auto_free char *name = own_name(u, given);
	auto_free char *parent = NULL;
	auto_free char *last = NULL;

	if (!name)
		return err_set(u->err, -EBADMSG, "unpack %.300s: it lies outside, or too deep",
			       given ? given : "(no name)");
	if (!*name)
		return 0;
	if (++u->n_entries > TREE_ENTRIES_MAX)
		return err_set(u->err, -E2BIG, "unpack: more than %d files", TREE_ENTRIES_MAX);
	tree_split(name, &parent, &last);
	auto_close int dir = open_folder(u, parent);
	return dir < 0 ? dir : make(u, dir, last, entry);
}

static int find_target(struct unpack *u)
{
	const struct tree_target *to = u->to;
	auto_close int fd = tree_open(to->root, to->path, O_PATH | O_DIRECTORY);

	if (fd >= 0) {
		u->base = xstrdup(to->path);
		return 0;
	}
	if (to->needs_folder || str_ends(to->path, "/"))
		return err_set(u->err, fd, "unpack into %s: %s", to->path, strerror(-fd));
	tree_split(to->path, &u->base, &u->rename);
	auto_close int parent = tree_open(to->root, u->base, O_PATH | O_DIRECTORY);
	if (parent < 0)
		return err_set(u->err, parent, "unpack into %s: %s", u->base, strerror(-parent));
	return 0;
}

static int unpack_all(struct unpack *u, int in)
{
	struct archive_entry *entry;
	int r = 0;
	int code;

	if (archive_read_open_fd(u->archive, in, BLOCK) != ARCHIVE_OK)
		return err_set(u->err, -EBADMSG, "read archive: %s",
			       archive_error_string(u->archive));
	while (r == 0 && (code = archive_read_next_header(u->archive, &entry)) != ARCHIVE_EOF) {
		if (code < ARCHIVE_WARN)
			return err_set(u->err, -EBADMSG, "read archive: %s",
				       archive_error_string(u->archive));
		r = unpack_entry(u, entry);
	}
	return r;
}

int tree_unpack(const struct tree_target *to, int in, struct err *err)
{
	struct unpack u = { .to = to, .archive = archive_read_new(), .err = err };
	int r = find_target(&u);

	archive_read_support_format_tar(u.archive);
	archive_read_support_format_empty(u.archive);
	if (r == 0)
		r = unpack_all(&u, in);
	archive_read_free(u.archive);
	free(u.base);
	free(u.rename);
	return r;
}
