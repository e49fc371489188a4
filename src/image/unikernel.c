/* Unikernels as archives: fetched, verified, unpacked once per digest.
 *
 * The archive is written to a temporary file and hashed on the way; then it is unpacked beside it and
 * moved to STORE/<digest> in one rename, so that a folder of that name is always whole. */
#include <fcntl.h>
#include <sys/stat.h>

#include <archive.h>
#include <archive_entry.h>

#include "image/private.h"
#include "loop/loop.h"
#include "wire/digest/digest.h"
#include "wire/http_client/http_client.h"

#define BLOCK         (256u << 10)
#define ENTRIES_MAX   100000
#define REDIRECTS_MAX 5
#define PIN           "#sha256="

struct get {
	const struct image_config *config;
	const struct image_transfer *transfer;
	char *url;      /* without the pin */
	char *pin;      /* 64 hex digits, or NULL */
	char *tmp_file; /* the archive */
	char *tmp_dir;  /* what is unpacked */
	int fd;
	uint64_t done;
	uint64_t total; /* 0: unknown */
	struct digest *digest;
	struct err err;
};

void unikernel_image_fini(struct unikernel_image *image)
{
	free(image->dir);
	*image = (struct unikernel_image){ 0 };
}

static int split_url(struct get *get, const char *url, struct err *err)
{
	const char *hash = strchr(url, '#');

	get->url = hash ? xstrndup(url, (size_t)(hash - url)) : xstrdup(url);
	if (!hash)
		return 0;
	if (!str_starts(hash, PIN) || !is_hex(hash + strlen(PIN), 64))
		return err_set(err, -EINVAL, "%s: expected #sha256= and 64 hex digits after #",
			       url);
	get->pin = xstrdup(hash + strlen(PIN));
	for (char *p = get->pin; *p; p++)
		if (*p >= 'A' && *p <= 'F')
			*p = (char)(*p - 'A' + 'a');
	return 0;
}

static int take_bytes(struct get *get, const void *data, size_t len, struct err *err)
{
	const struct image_transfer *t = get->transfer;

	if (cancel_is_set(t->cancel))
		return err_set(err, -ECANCELED, "cancelled");
	if (get->done + len > get->config->archive_max)
		return err_set(err, -E2BIG, "%s: larger than %lu bytes", get->url,
			       get->config->archive_max);
	for (size_t at = 0; at < len;) {
		ssize_t n = write(get->fd, (const char *)data + at, len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "write %s", get->tmp_file);
		at += (size_t)n;
	}
	digest_add(get->digest, data, len);
	get->done += len;
	if (t->progress)
		t->progress(t->arg, get->done, get->total > get->done ? get->total : get->done);
	return 0;
}

static int on_body(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct get *get = arg;

	if (offset != get->done)
		return err_set(&get->err, -EPROTO, "%s: bytes from %lu where %lu were due",
			       get->url, offset, get->done);
	return take_bytes(get, data, len, &get->err);
}

static int download(struct get *get, struct err *err)
{
	auto_http_client_response struct http_client_response response = { 0 };
	struct http_client_request request = {
		.url = get->url,
		.sink = on_body,
		.sink_arg = get,
		.max_redirects = REDIRECTS_MAX,
		.cancel = get->transfer->cancel,
	};
	int r = http_client_perform(&request, &response, err);

	if (get->err.code)
		return err_copy(err, &get->err);
	if (r < 0)
		return r;
	if (response.status == 404 || response.status == 410)
		return err_set(err, -ENOENT, "GET %s: not found (HTTP %u)", get->url,
			       response.status);
	if (response.status != 200)
		return err_set(err, response.status >= 500 ? -EAGAIN : -EPROTO, "GET %s: HTTP %u",
			       get->url, response.status);
	return 0;
}

static int copy_local(struct get *get, struct err *err)
{
	const char *path = get->url + strlen("file:");
	auto_free char *real = NULL;
	auto_free char *chunk = xmalloc(BLOCK);
	struct stat st;

	if (str_starts(path, "//"))
		path += 2;
	int r = layout_check_path(get->config, path, &real, err);
	if (r < 0)
		return r;
	auto_close int fd = open(real, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "open %s", real);
	if (!S_ISREG(st.st_mode))
		return err_set(err, -EINVAL, "%s: not a file", real);
	get->total = (uint64_t)st.st_size;
	for (;;) {
		ssize_t n = read(fd, chunk, BLOCK);

		if (n < 0)
			return err_errno(err, "read %s", real);
		if (n == 0)
			return 0;
		r = take_bytes(get, chunk, (size_t)n, err);
		if (r < 0)
			return r;
	}
}

/* A path inside the archive that stays inside: relative, without "..". */
static bool is_safe(const char *name)
{
	if (*name == '/' || !*name)
		return false;
	for (const char *p = name; *p;) {
		size_t n = strcspn(p, "/");

		if (n == 2 && p[0] == '.' && p[1] == '.')
			return false;
		p += n;
		p += strspn(p, "/");
	}
	return true;
}

static int check_entry(struct get *get, struct archive_entry *entry, struct err *err)
{
	const char *name = archive_entry_pathname(entry);
	unsigned type = archive_entry_filetype(entry);

	if (!name || !is_safe(name))
		return err_set(err, -EBADMSG, "%s: entry %s leads out of the archive", get->url,
			       name ? name : "without a name");
	if (archive_entry_hardlink(entry) || (type != AE_IFREG && type != AE_IFDIR))
		return err_set(err, -EBADMSG, "%s: entry %s is neither a file nor a folder",
			       get->url, name);
	return 0;
}

static int write_entry(struct get *get, struct archive *in, struct archive *out, uint64_t *unpacked,
		       struct err *err)
{
	const void *data;
	size_t len;
	la_int64_t offset;

	for (;;) {
		int r = archive_read_data_block(in, &data, &len, &offset);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN)
			return err_set(err, -EBADMSG, "%s: %s", get->url, archive_error_string(in));
		*unpacked += len;
		if (*unpacked > get->config->archive_max)
			return err_set(err, -E2BIG, "%s: unpacks to more than %lu bytes", get->url,
				       get->config->archive_max);
		if (archive_write_data_block(out, data, len, offset) < ARCHIVE_WARN)
			return err_set(err, -archive_errno(out), "%s: unpack: %s", get->url,
				       archive_error_string(out));
	}
}

static int unpack_all(struct get *get, struct archive *in, struct archive *out, struct err *err)
{
	struct archive_entry *entry;
	uint64_t unpacked = 0;

	archive_read_support_format_tar(in);
	archive_read_support_filter_all(in);
	if (archive_read_open_filename(in, get->tmp_file, BLOCK) != ARCHIVE_OK)
		return err_set(err, -EBADMSG, "%s: no archive: %s", get->url,
			       archive_error_string(in));
	for (unsigned n = 0;; n++) {
		int r = archive_read_next_header(in, &entry);

		if (r == ARCHIVE_EOF)
			return 0;
		if (r < ARCHIVE_WARN || n > ENTRIES_MAX)
			return err_set(err, -EBADMSG, "%s: %s", get->url,
				       n > ENTRIES_MAX ? "too many entries"
						       : archive_error_string(in));
		r = check_entry(get, entry, err);
		if (r < 0)
			return r;
		auto_free char *path = xasprintf("%s/%s", get->tmp_dir,
						 archive_entry_pathname(entry));
		archive_entry_set_pathname(entry, path);
		archive_entry_set_perm(entry,
				       archive_entry_filetype(entry) == AE_IFDIR ? 0755 : 0644);
		if (archive_write_header(out, entry) < ARCHIVE_WARN)
			return err_set(err, -archive_errno(out), "%s: unpack: %s", get->url,
				       archive_error_string(out));
		r = write_entry(get, in, out, &unpacked, err);
		if (r < 0)
			return r;
	}
}

static int unpack(struct get *get, struct err *err)
{
	struct archive *in = archive_read_new();
	struct archive *out = archive_write_disk_new();

	/* Symbolic links are refused above; these hold should one ever stand on the way. */
	archive_write_disk_set_options(out, ARCHIVE_EXTRACT_SECURE_SYMLINKS |
						    ARCHIVE_EXTRACT_SECURE_NODOTDOT);
	int r = unpack_all(get, in, out, err);
	archive_read_free(in);
	if (archive_write_free(out) != ARCHIVE_OK && r == 0)
		r = err_set(err, -EIO, "%s: unpack: closing failed", get->url);
	if (r < 0)
		return r < 0 && r > -4096 ? r : -EIO;
	auto_free char *kernel = path_join(get->tmp_dir, "kernel");
	if (!path_exists(kernel))
		return err_set(err, -EBADMSG, "%s: no file `kernel` at its top", get->url);
	return 0;
}

static int make_temporary(struct get *get, struct err *err)
{
	get->tmp_file = xasprintf("%s/.get-XXXXXX", get->config->store_dir);
	get->fd = mkostemp(get->tmp_file, O_CLOEXEC);
	if (get->fd < 0)
		return err_errno(err, "create %s", get->tmp_file);
	get->tmp_dir = xasprintf("%s.d", get->tmp_file);
	return dir_make(get->tmp_dir, 0755, err);
}

static int check_digest(const struct get *get, const char *have, struct err *err)
{
	if (!get->pin || str_eq(have + strlen("sha256:"), get->pin))
		return 0;
	return err_set(err, -EBADMSG, "%s: digest mismatch: expected sha256:%s, got %s", get->url,
		       get->pin, have);
}

/* Somebody else may have put the same there meanwhile: theirs is as good. */
static int move_into_place(struct get *get, const char *dir, struct err *err)
{
	if (rename(get->tmp_dir, dir) == 0 || errno == ENOTEMPTY || errno == EEXIST)
		return 0;
	return err_errno(err, "rename %s to %s", get->tmp_dir, dir);
}

static int get_all(struct get *get, struct unikernel_image *ret, struct err *err)
{
	char have[DIGEST_TEXT_MAX];
	int r = make_temporary(get, err);

	if (r == 0)
		r = str_starts(get->url, "file:") ? copy_local(get, err) : download(get, err);
	if (r < 0)
		return r;
	digest_finish(get->digest, have);
	r = check_digest(get, have, err);
	if (r < 0)
		return r;
	auto_free char *dir = path_join(get->config->store_dir, have + strlen("sha256:"));
	if (!path_exists(dir)) {
		r = unpack(get, err);
		if (r == 0)
			r = move_into_place(get, dir, err);
		if (r < 0)
			return r;
	}
	ret->dir = TAKE(dir);
	STR_COPY(ret->digest, have);
	return 0;
}

static void get_fini(struct get *get)
{
	struct err ignored;

	if (get->fd >= 0)
		close(get->fd);
	if (get->tmp_file)
		unlink(get->tmp_file);
	if (get->tmp_dir)
		path_remove(get->tmp_dir, &ignored);
	free(get->tmp_file);
	free(get->tmp_dir);
	free(get->url);
	free(get->pin);
	digest_free(get->digest);
}

int image_unikernel_get(const struct image_config *config, const char *url,
			const struct image_transfer *transfer, struct unikernel_image *ret,
			struct err *err)
{
	struct get get = { .config = config, .transfer = transfer, .fd = -1 };
	int r = split_url(&get, url, err);

	get.digest = digest_new();
	if (r == 0)
		r = get_all(&get, ret, err);
	get_fini(&get);
	return r;
}
