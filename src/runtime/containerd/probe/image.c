/* A static program, in a tar archive, in an OCI image, all of it in memory. */
#include <sys/stat.h>

#include "base/base.h"
#include "json/json.h"
#include "model/image_source.h"
#include "runtime/containerd/probe/probe.h"
#include "wire/digest/digest.h"

#define TAR_BLOCK 512
#define TEXT_MAX  4096

#if defined(__x86_64__)
#define ARCH "amd64"
#elif defined(__aarch64__)
#define ARCH "arm64"
#else
#error "no test container for this architecture"
#endif

/* probe/program.c, made into bytes by the build. */
extern const uint8_t probe_program[];
extern const size_t probe_program_size;

/* POSIX.1-1988 "ustar" (pax(1)). */
struct tar_header {
	char name[100];
	char mode[8];
	char uid[8];
	char gid[8];
	char size[12];
	char mtime[12];
	char checksum[8];
	char type;
	char link[100];
	char magic[8];
	char rest[247];
};
static_assert(sizeof(struct tar_header) == TAR_BLOCK, "a header is one block");

struct blobs {
	char *layer;
	char *config;
};

/* Whole blocks: header, program, two blocks of zeros. */
static size_t tar_size(void)
{
	return TAR_BLOCK * (3 + (probe_program_size + TAR_BLOCK - 1) / TAR_BLOCK);
}

static char *build_layer(void)
{
	struct tar_header h = { .name = "probe",
				.mode = "0000755",
				.uid = "0000000",
				.gid = "0000000",
				.mtime = "00000000000",
				.type = '0' };
	char *out = xcalloc(1, tar_size());
	unsigned sum = 0;

	memset(h.checksum, ' ', sizeof(h.checksum));
	memcpy(h.magic, "ustar\00000", sizeof(h.magic));
	snprintf(h.size, sizeof(h.size), "%011zo", probe_program_size);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += ((const uint8_t *)&h)[i];
	snprintf(h.checksum, sizeof(h.checksum), "%06o", sum);
	memcpy(out, &h, sizeof(h));
	memcpy(out + TAR_BLOCK, probe_program, probe_program_size);
	return out;
}

static char *finish(struct json_out *out)
{
	char *text = NULL;
	struct err err;

	json_out_object_end(out);
	int r = json_out_finish(out, &text, &err);
	assert(r == 0);
	return text;
}

static char *build_config(const char *diff_id)
{
	auto_json_out struct json_out out;

	json_out_init(&out, TEXT_MAX);
	json_out_object(&out, NULL);
	json_out_str(&out, "architecture", ARCH);
	json_out_str(&out, "os", "linux");
	json_out_object(&out, "config");
	json_out_array(&out, "Entrypoint");
	json_out_str(&out, NULL, PROBE_PROGRAM);
	json_out_array_end(&out);
	json_out_object_end(&out);
	json_out_object(&out, "rootfs");
	json_out_str(&out, "type", "layers");
	json_out_array(&out, "diff_ids");
	json_out_str(&out, NULL, diff_id);
	json_out_array_end(&out);
	json_out_object_end(&out);
	return finish(&out);
}

static void put_descriptor(struct json_out *out, const char *key, const struct image_descriptor *d)
{
	json_out_object(out, key);
	json_out_str(out, "mediaType", d->media_type);
	json_out_str(out, "digest", d->digest);
	json_out_int(out, "size", (int64_t)d->size);
	json_out_object_end(out);
}

static char *build_manifest(const struct image_source *source)
{
	auto_json_out struct json_out out;

	json_out_init(&out, TEXT_MAX);
	json_out_object(&out, NULL);
	json_out_int(&out, "schemaVersion", 2);
	json_out_str(&out, "mediaType", source->manifest.media_type);
	put_descriptor(&out, "config", &source->config);
	json_out_array(&out, "layers");
	put_descriptor(&out, NULL, &source->layers[0]);
	json_out_array_end(&out);
	return finish(&out);
}

static void describe(struct image_descriptor *d, const char *kind, const void *data, size_t len)
{
	snprintf(d->media_type, sizeof(d->media_type), "application/vnd.oci.image.%s", kind);
	digest_of(data, len, d->digest);
	d->size = len;
}

static int read_blob(struct image_source *source, const struct image_descriptor *blob,
		     const struct image_sink *sink, const struct cancel *cancel, struct err *err)
{
	struct blobs *blobs = source->state;
	bool is_config = str_eq(blob->digest, source->config.digest);
	const char *data = is_config ? blobs->config : blobs->layer;

	return sink->write(sink->arg, data, (size_t)blob->size, err);
}

struct image_source *probe_image_new(void)
{
	struct image_source *source = NEW(struct image_source);
	struct blobs *blobs = NEW(struct blobs);

	source->name = xstrdup(PROBE_IMAGE_NAME);
	source->state = blobs;
	source->read = read_blob;
	source->n_layers = 1;
	source->layers = NEW(struct image_descriptor);
	blobs->layer = build_layer();
	describe(&source->layers[0], "layer.v1.tar", blobs->layer, tar_size());
	blobs->config = build_config(source->layers[0].digest);
	describe(&source->config, "config.v1+json", blobs->config, strlen(blobs->config));
	describe(&source->manifest, "manifest.v1+json", "", 0);
	source->manifest_text = build_manifest(source);
	describe(&source->manifest, "manifest.v1+json", source->manifest_text,
		 strlen(source->manifest_text));
	return source;
}

struct image_source *probe_image_free(struct image_source *source)
{
	struct blobs *blobs = source ? source->state : NULL;

	if (!source)
		return NULL;
	free(blobs->layer);
	free(blobs->config);
	free(blobs);
	free(source->layers);
	free(source->manifest_text);
	free(source->name);
	free(source);
	return NULL;
}
