/* Unikernels as archives: fetched, verified, unpacked once per digest. The archive is written to the
 * stage's file and hashed on the way; then it is unpacked beside it. */
#include <fcntl.h>
#include <sys/stat.h>

#include "image/unikernel/private.h"
#include "loop/loop.h"
#include "wire/digest/digest.h"
#include "wire/http_client/http_client.h"

#define BLOCK         (256u << 10)
#define REDIRECTS_MAX 5
#define PIN           "#sha256="

struct get {
	const struct image_config *config;
	const struct image_transfer *transfer;
	char *url;          /* without the pin */
	char *pin;          /* 64 hex digits, or NULL */
	struct stage stage; /* its file: the archive */
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
		ssize_t n = write(get->stage.fd, (const char *)data + at, len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "write %s", get->stage.file);
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
	uint64_t max = get->config->archive_max;
	struct unpack_budget budget = { max, max, 0 };
	const struct unpack u = {
		.name = get->url,
		.file = get->stage.file,
		.dir = get->stage.dir,
		.budget = &budget,
		.cancel = get->transfer->cancel,
	};
	auto_free char *kernel = path_join(get->stage.dir, "kernel");
	struct stat st;
	int r = unpack_archive(&u, err);

	if (r == 0 && (lstat(kernel, &st) < 0 || !S_ISREG(st.st_mode)))
		return err_set(err, -EBADMSG, "unpack %s: no file `kernel` at its top", get->url);
	return r;
}

static int check_digest(const struct get *get, const char *have, struct err *err)
{
	if (!get->pin || str_eq(have + strlen("sha256:"), get->pin))
		return 0;
	return err_set(err, -EBADMSG, "get %s: digest mismatch: expected sha256:%s, got %s",
		       get->url, get->pin, have);
}

static int get_all(struct get *get, struct unikernel_image *ret, struct err *err)
{
	char have[DIGEST_TEXT_MAX];
	int r = stage_open(get->config, &get->stage, err);

	if (r == 0)
		r = str_starts(get->url, "file:") ? copy_local(get, err) : download(get, err);
	if (r < 0)
		return r;
	digest_finish(get->digest, have);
	r = check_digest(get, have, err);
	if (r < 0)
		return r;
	auto_free char *dir = unikernel_dir(get->config, have);
	if (!path_exists(dir)) {
		r = unpack(get, err);
		if (r == 0)
			r = stage_keep(&get->stage, dir, err);
		if (r < 0)
			return r;
	}
	ret->dir = TAKE(dir);
	STR_COPY(ret->digest, have);
	return 0;
}

static void get_fini(struct get *get)
{
	stage_close(&get->stage);
	free(get->url);
	free(get->pin);
	digest_free(get->digest);
}

int image_unikernel_get(const struct image_config *config, const char *url,
			const struct image_transfer *transfer, struct unikernel_image *ret,
			struct err *err)
{
	struct get get = { .config = config, .transfer = transfer, .stage = { .fd = -1 } };
	int r = split_url(&get, url, err);

	get.digest = digest_new();
	if (r == 0)
		r = get_all(&get, ret, err);
	get_fini(&get);
	return r;
}
