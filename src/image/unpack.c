/* A tar file into a folder: files and folders only, nothing outside, bounded. */
#include <fcntl.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "image/private.h"
#include "loop/loop.h"

#define BLOCK     (256u << 10)
#define DEPTH_MAX 64 /* folders within folders */

struct unpacking {
	const struct unpack *u;
	struct archive *in;
	struct archive *out;
};

/* A path inside the archive that stays inside: relative, without "..", not too deep. */
static bool is_safe(const char *name)
{
	unsigned depth = 0;

	if (*name == '/' || !*name)
		return false;
	for (const char *p = name; *p;) {
		size_t n = strcspn(p, "/");

		if ((n == 2 && p[0] == '.' && p[1] == '.') || ++depth > DEPTH_MAX)
			return false;
		p += n;
		p += strspn(p, "/");
	}
	return true;
}

static int check_entry(struct unpacking *p, struct archive_entry *entry, struct err *err)
{
	const char *name = archive_entry_pathname(entry);
	unsigned type = archive_entry_filetype(entry);

	if (!name || !is_safe(name))
		return err_set(err, -EBADMSG, "unpack %s: entry %s leads out of the archive",
			       p->u->name, name ? name : "without a name");
	if (archive_entry_hardlink(entry) || (type != AE_IFREG && type != AE_IFDIR))
		return err_set(err, -EBADMSG, "unpack %s: entry %s is neither a file nor a folder",
			       p->u->name, name);
	return 0;
}

static int read_failed(struct unpacking *p, struct err *err)
{
	const char *cause = archive_error_string(p->in);

	return err_set(err, -EBADMSG, "unpack %s: %s", p->u->name, cause ? cause : "damaged");
}

/* The library's own errors have numbers that are no errno; of others its words do not tell. */
static int write_failed(struct unpacking *p, struct err *err)
{
	const char *cause = archive_error_string(p->out);
	int code = archive_errno(p->out);
	bool is_known = code > 0 && code < 4096;

	return err_set(err, is_known ? -code : -EIO, "unpack %s: %s%s%s", p->u->name,
		       cause ? cause : "writing failed", is_known ? ": " : "",
		       is_known ? strerror(code) : "");
}

/* A hole counts by where it ends. */
static int write_entry(struct unpacking *p, struct err *err)
{
	struct unpack_budget *budget = p->u->budget;
	const void *data;
	size_t len;
	la_int64_t offset;
	uint64_t end = 0;

	for (;;) {
		int r = archive_read_data_block(p->in, &data, &len, &offset);

		if (r == ARCHIVE_EOF)
			break;
		if (r < ARCHIVE_WARN)
			return read_failed(p, err);
		if (cancel_is_set(p->u->cancel))
			return err_set(err, -ECANCELED, "cancelled");
		if ((uint64_t)offset + len > end)
			end = (uint64_t)offset + len;
		if (end > budget->left)
			return err_set(err, -E2BIG, "unpack %s: more than %lu bytes", p->u->name,
				       budget->max);
		/* A failed write, as on a full disk, is no more than a warning to the library. */
		if (archive_write_data_block(p->out, data, len, offset) != ARCHIVE_OK)
			return write_failed(p, err);
	}
	budget->left -= end;
	return archive_write_finish_entry(p->out) < ARCHIVE_WARN ? write_failed(p, err) : 0;
}

static int unpack_entry(struct unpacking *p, struct archive_entry *entry, struct err *err)
{
	int r = check_entry(p, entry, err);

	if (r < 0)
		return r;
	auto_free char *path = path_join(p->u->dir, archive_entry_pathname(entry));
	archive_entry_set_pathname(entry, path);
	archive_entry_set_perm(entry, archive_entry_filetype(entry) == AE_IFDIR ? 0755 : 0644);
	if (archive_write_header(p->out, entry) < ARCHIVE_WARN)
		return write_failed(p, err);
	return write_entry(p, err);
}

static int unpack_all(struct unpacking *p, struct err *err)
{
	struct archive_entry *entry;

	archive_support(p->in);
	if (archive_read_open_filename(p->in, p->u->file, BLOCK) != ARCHIVE_OK)
		return read_failed(p, err);
	for (;;) {
		int r = archive_read_next_header(p->in, &entry);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return read_failed(p, err);
		if (++p->u->budget->n_entries > UNPACK_ENTRIES_MAX)
			return err_set(err, -E2BIG, "unpack %s: more than %d entries", p->u->name,
				       UNPACK_ENTRIES_MAX);
		r = unpack_entry(p, entry, err);
		if (r < 0)
			return r;
	}
}

int unpack_archive(const struct unpack *u, struct err *err)
{
	struct unpacking p = { .u = u };

	p.in = archive_read_new();
	p.out = archive_write_disk_new();
	/* Symbolic links are refused above; these hold should one ever stand on the way. */
	archive_write_disk_set_options(p.out, ARCHIVE_EXTRACT_PERM |
						      ARCHIVE_EXTRACT_SECURE_SYMLINKS |
						      ARCHIVE_EXTRACT_SECURE_NODOTDOT);
	int r = unpack_all(&p, err);
	archive_read_free(p.in);
	if (archive_write_close(p.out) != ARCHIVE_OK && r == 0)
		r = write_failed(&p, err);
	archive_write_free(p.out);
	return r;
}
