/* Unikernels as archives: fetched, verified, unpacked once per digest.
 *
 * The archive is written to a temporary file and hashed on the way; then it is unpacked beside it and
 * moved to STORE/<digest> in one rename, so that a folder of that name is always whole. The temporary
 * file is locked while it is in use: what a crash leaves has no lock, and the next one removes it. */
#include <dirent.h>
#include <fcntl.h>
#include <sys/file.h>
#include <sys/stat.h>

#include "image/private.h"
#include "loop/loop.h"
#include "wire/digest/digest.h"
#include "wire/http_client/http_client.h"

#define BLOCK         (256u << 10)
#define REDIRECTS_MAX 5
#define PIN           "#sha256="
#define TMP_PREFIX    ".get-"

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
		return err_set(err, -EINVAL, "get %s: expected #sha256= and 64 hex digits after #",
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
	if (len > get->config->archive_max - get->done)
		return err_set(err, -E2BIG, "get %s: larger than %lu bytes", get->url,
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
		t->progress(t->arg, get->done, get->total);
	return 0;
}

static int on_body(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct get *get = arg;

	if (offset != get->done)
		return err_set(&get->err, -EPROTO, "get %s: bytes from %lu where %lu were due",
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
	auto_free char *root = NULL;
	auto_free char *chunk = xmalloc(BLOCK);
	struct stat st;

	if (str_starts(path, "///"))
		path += 2;
	if (path[0] != '/' || path[1] == '/')
		return err_set(err, -EINVAL, "open %s: expected file:/PATH", get->url);
	int r = layout_check_path(get->config, path, &real, err);
	if (r < 0)
		return r;
	root = realpath(get->config->local_root, NULL);
	auto_close int fd = root ? layout_open_file(root, real, err)
				 : err_errno(err, "open %s", real);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) == 0)
		get->total = (uint64_t)st.st_size;
	for (;;) {
		ssize_t n = read(fd, chunk, BLOCK);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "read %s", real);
		if (n == 0)
			return 0;
		r = take_bytes(get, chunk, (size_t)n, err);
		if (r < 0)
			return r;
	}
}

static int unpack(struct get *get, struct err *err)
{
	const struct unpack u = {
		.name = get->url,
		.file = get->tmp_file,
		.dir = get->tmp_dir,
		.max = get->config->archive_max,
		.cancel = get->transfer->cancel,
	};
	auto_free char *kernel = path_join(get->tmp_dir, "kernel");
	struct stat st;
	int r = unpack_archive(&u, err);

	if (r == 0 && (lstat(kernel, &st) < 0 || !S_ISREG(st.st_mode)))
		return err_set(err, -EBADMSG, "unpack %s: no file `kernel` at its top", get->url);
	return r;
}

/* What a killed process left: nobody holds its lock any more. */
static void remove_stale(const char *store, const char *name)
{
	auto_free char *file = path_join(store, name);
	auto_free char *dir = xasprintf("%s.d", file);
	auto_close int fd = open(file, O_RDONLY | O_NONBLOCK | O_NOFOLLOW | O_CLOEXEC);
	struct err ignored;

	if (fd >= 0 && flock(fd, LOCK_EX | LOCK_NB) == 0 && path_remove(dir, &ignored) == 0)
		unlink(file);
}

static void sweep(const char *store)
{
	DIR *d = opendir(store);

	for (struct dirent *e; d && (e = readdir(d));)
		if (str_starts(e->d_name, TMP_PREFIX) && !str_ends(e->d_name, ".d"))
			remove_stale(store, e->d_name);
	if (d)
		closedir(d);
}

/* Another one that sweeps may have taken the file for stale before it was locked. */
static int make_locked_file(struct get *get, const char *store, struct err *err)
{
	for (;;) {
		free(get->tmp_file);
		get->tmp_file = xasprintf("%s/" TMP_PREFIX "XXXXXX", store);
		get->fd = mkostemp(get->tmp_file, O_CLOEXEC);
		if (get->fd < 0)
			return err_errno(err, "create %s", get->tmp_file);
		if (flock(get->fd, LOCK_EX | LOCK_NB) == 0 && path_exists(get->tmp_file))
			return 0;
		close(TAKE_FD(get->fd));
	}
}

/* By the real path: the library takes a link on the way for an attack. */
static int make_temporary(struct get *get, struct err *err)
{
	auto_free char *store = realpath(get->config->store_dir, NULL);

	if (!store)
		return err_errno(err, "open %s", get->config->store_dir);
	sweep(store);
	int r = make_locked_file(get, store, err);
	if (r < 0)
		return r;
	get->tmp_dir = xasprintf("%s.d", get->tmp_file);
	if (mkdir(get->tmp_dir, 0755) < 0 || chmod(get->tmp_dir, 0755) < 0)
		return err_errno(err, "create %s", get->tmp_dir);
	return 0;
}

static int check_digest(const struct get *get, const char *have, struct err *err)
{
	if (!get->pin || str_eq(have + strlen("sha256:"), get->pin))
		return 0;
	return err_set(err, -EBADMSG, "get %s: digest mismatch: expected sha256:%s, got %s",
		       get->url, get->pin, have);
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

/* The lock goes last, so that nobody else removes the same. */
static void get_fini(struct get *get)
{
	struct err ignored;

	if (get->tmp_dir)
		path_remove(get->tmp_dir, &ignored);
	if (get->fd >= 0) {
		unlink(get->tmp_file);
		close(get->fd);
	}
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
