/* Unikernels as OCI artifacts, as Unikraft's own tools pack them: one file per layer, found by its
 * name, `unikraft/bin/kernel` and `unikraft/bin/initrd`; the configuration has Cmd and Env. They
 * become a folder like that of an archive, with the configuration beside the kernel. */
#include <fcntl.h>
#include <sys/stat.h>

#include "image/unikernel/private.h"
#include "loop/loop.h"
#include "wire/digest/digest.h"

#define LAYERS_DIR  "layers" /* in the stage's folder while it fills */
#define KERNEL      "unikraft/bin/kernel"
#define INITRD      "unikraft/bin/initrd"
#define CONFIG_NAME "artifact.json"

struct artifact {
	const struct image_config *config;
	const struct image_transfer *transfer;
	struct image_source *source;
	struct stage stage;
	char *layers;   /* where they are unpacked */
	uint64_t total; /* bytes of all layers */
	uint64_t done;
	uint64_t begun; /* of `done`, before this layer */
	struct unpack_budget budget;
};

static int to_file(void *arg, const void *data, size_t len, struct err *err)
{
	struct artifact *a = arg;

	for (size_t at = 0; at < len;) {
		ssize_t n = write(a->stage.fd, (const char *)data + at, len - at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return err_errno(err, "write %s", a->stage.file);
		at += (size_t)n;
	}
	a->done += len;
	if (a->transfer->progress)
		a->transfer->progress(a->transfer->arg, a->done, a->total);
	return 0;
}

/* A mirror that has lied is not asked a second time. */
static int read_layer(struct artifact *a, const struct image_descriptor *layer, struct err *err)
{
	const struct image_sink sink = { .write = to_file, .arg = a };
	int r = -ESTALE;

	a->begun = a->done;
	for (int attempt = 0; r == -ESTALE && attempt < 2; attempt++) {
		a->done = a->begun;
		if (ftruncate(a->stage.fd, 0) < 0 || lseek(a->stage.fd, 0, SEEK_SET) < 0)
			return err_errno(err, "empty %s", a->stage.file);
		r = a->source->read(a->source, layer, &sink, a->transfer->cancel, err);
	}
	return r;
}

static int take_layer(struct artifact *a, const struct image_descriptor *layer, struct err *err)
{
	const struct unpack u = {
		.name = layer->digest,
		.file = a->stage.file,
		.dir = a->layers,
		.budget = &a->budget,
		.cancel = a->transfer->cancel,
	};
	int r = read_layer(a, layer, err);

	return r < 0 ? r : unpack_archive(&u, err);
}

/* 1 if there is such a file, which gets the name that it has in archives. */
static int take_file(const struct artifact *a, const char *from, const char *to, struct err *err)
{
	auto_free char *source = path_join(a->layers, from);
	auto_free char *target = path_join(a->stage.dir, to);
	struct stat st;

	if (lstat(source, &st) < 0 || !S_ISREG(st.st_mode))
		return 0;
	return rename(source, target) < 0 ? err_errno(err, "rename %s", source) : 1;
}

static int to_buf(void *arg, const void *data, size_t len, struct err *err)
{
	return buf_add(arg, data, len) < 0 ? err_set(err, -E2BIG, "configuration: too large") : 0;
}

static int take_config(const struct artifact *a, struct err *err)
{
	auto_free char *path = path_join(a->stage.dir, CONFIG_NAME);
	auto_buf struct buf text = { 0 };
	const struct image_sink sink = { .write = to_buf, .arg = &text };

	buf_init(&text, MANIFEST_MAX);
	int r = a->source->read(a->source, &a->source->config, &sink, a->transfer->cancel, err);
	return r < 0 ? r : file_write_atomic(path, text.data, text.len, 0644, err);
}

/* What else the layers hold, such as a kernel for a debugger, stays behind. */
static int take_files(const struct artifact *a, struct err *err)
{
	int r = take_file(a, KERNEL, "kernel", err);

	if (r == 0)
		return err_set(err, -EBADMSG,
			       "it is no unikernel: none of its %zu layers holds " KERNEL,
			       a->source->n_layers);
	if (r > 0)
		r = take_file(a, INITRD, "initramfs.cpio", err);
	if (r >= 0)
		r = path_remove(a->layers, err);
	return r < 0 ? r : take_config(a, err);
}

static int fill(struct artifact *a, struct err *err)
{
	const struct image_source *source = a->source;
	int r = stage_open(a->config, &a->stage, err);

	if (r < 0)
		return r;
	a->layers = path_join(a->stage.dir, LAYERS_DIR);
	a->budget = (struct unpack_budget){ a->config->archive_max, a->config->archive_max, 0 };
	r = dir_make(a->layers, 0755, err);
	for (size_t i = 0; r == 0 && i < source->n_layers; i++)
		r = take_layer(a, &source->layers[i], err);
	if (r == 0)
		r = take_files(a, err);
	return r;
}

static int check_size(struct artifact *a, struct err *err)
{
	const struct image_source *source = a->source;
	uint64_t max = a->config->archive_max;

	for (size_t i = 0; i < source->n_layers; i++) {
		if (source->layers[i].size > max - a->total)
			return err_set(err, -E2BIG, "larger than %lu bytes", max);
		a->total += source->layers[i].size;
	}
	return source->config.size <= MANIFEST_MAX
		       ? 0
		       : err_set(err, -E2BIG, "configuration: too large");
}

static int get(struct artifact *a, char **ret_dir, struct err *err)
{
	auto_free char *dir = unikernel_dir(a->config, a->source->manifest.digest);
	int r = check_size(a, err);

	if (r == 0 && !path_exists(dir)) {
		r = fill(a, err);
		if (r == 0)
			r = stage_keep(&a->stage, dir, err);
	}
	if (r == 0)
		*ret_dir = TAKE(dir);
	return r;
}

/* "linux/arm64" and "qemu/arm64" mean the same machine. */
void image_unikernel_platform(const char *given, char *out, size_t size)
{
	struct platform p;

	if (!platform_parse(given ? given : platform_here(), &p))
		p = (struct platform){ .arch = "unknown" };
	snprintf(out, size, "qemu/%s", p.arch);
}

int image_unikernel_get_artifact(const struct image_config *config,
				 const struct image_request *request,
				 const struct image_transfer *transfer, struct unikernel_image *ret,
				 struct err *err)
{
	struct artifact a = { .config = config, .transfer = transfer, .stage = { .fd = -1 } };
	struct unikernel_image image = { 0 };

	image_unikernel_platform(request->platform, image.platform, sizeof(image.platform));
	const struct image_request its = { .ref = request->ref, .platform = image.platform };
	int r = image_source_open(config, &its, transfer->cancel, &a.source, err);
	if (r < 0)
		return r;
	r = get(&a, &image.dir, err);
	if (r == 0) {
		STR_COPY(image.digest, a.source->manifest.digest);
		*ret = image;
	} else {
		err_wrap(err, "image %s", request->ref);
	}
	stage_close(&a.stage);
	free(a.layers);
	image_source_close(a.source);
	return r;
}

bool image_unikernel_find(const struct image_config *config, const char *digest, char **ret_dir)
{
	auto_free char *dir = digest_is_valid(digest) ? unikernel_dir(config, digest) : NULL;

	if (!dir || !path_exists(dir))
		return false;
	*ret_dir = TAKE(dir);
	return true;
}
