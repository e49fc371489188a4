/* Opening an image wherever it is: reference → place → manifest of the platform, each step verified
 * by digest. */
#include "image/private.h"
#include "loop/loop.h"
#include "wire/digest/digest.h"

#if defined(__aarch64__)
#define PLATFORM_HERE "linux/arm64"
#else
#define PLATFORM_HERE "linux/amd64"
#endif

#define INDEX_DEPTH_MAX 2
#define MANIFEST_TYPE   "application/vnd.oci.image.manifest.v1+json"

static int open_place(const struct image_config *config, const struct image_ref *ref,
		      const struct cancel *cancel, struct image_place **ret, struct err *err)
{
	switch (ref->form) {
	case IMAGE_OCI_LAYOUT:
		return place_layout_open(config, ref, ret, err);
	case IMAGE_OCI_ARCHIVE:
		return place_archive_open(config, ref, ret, err);
	case IMAGE_REGISTRY:
		break;
	}
	return place_registry_open(config, ref, cancel, ret, err);
}

struct check {
	const struct image_sink *sink;
	const struct cancel *cancel;
	struct digest *digest;
	uint64_t left;
};

static int check_write(void *arg, const void *data, size_t len, struct err *err)
{
	struct check *check = arg;

	if (cancel_is_set(check->cancel))
		return err_set(err, -ECANCELED, "cancelled");
	if (len > check->left)
		return err_set(err, -EBADMSG, "blob is longer than its descriptor says");
	check->left -= len;
	digest_add(check->digest, data, len);
	return check->sink->write(check->sink->arg, data, len, err);
}

static int source_read(struct image_source *source, const struct image_descriptor *blob,
		       const struct image_sink *sink, const struct cancel *cancel, struct err *err)
{
	struct image_place *place = source->state;
	auto_(digest_free) struct digest *digest = digest_new();
	struct check check = { .sink = sink,
			       .cancel = cancel,
			       .digest = digest,
			       .left = blob->size };
	struct image_sink checked = { .write = check_write, .arg = &check };
	char have[DIGEST_TEXT_MAX];
	int r = place->blob(place, blob, &checked, cancel, err);

	if (r < 0)
		return r;
	if (check.left)
		return err_set(err, -EBADMSG, "blob %s: %lu of %lu bytes are missing", blob->digest,
			       check.left, blob->size);
	digest_finish(digest, have);
	if (!str_eq(have, blob->digest))
		return err_set(err, -EBADMSG, "blob %s: its content has digest %s", blob->digest,
			       have);
	return 0;
}

static void source_close(struct image_source *source)
{
	struct image_place *place = source->state;

	if (place)
		place->close(place);
	free(source->name);
	free(source->manifest_text);
	free(source->layers);
	free(source);
}

/* One index further: its manifest for the platform takes the place of the index. */
static int follow(struct image_place *place, const struct json *index, const char *platform,
		  struct image_text *at, struct err *err)
{
	struct image_descriptor next;
	char *inner;
	int r = manifest_pick(index, platform, &next, err);

	if (r == 0)
		r = place->manifest(place, next.digest, &inner, err);
	if (r < 0)
		return r;
	free(at->text);
	at->text = inner;
	free(at->media_type);
	at->media_type = xstrdup(next.media_type);
	STR_COPY(at->digest, next.digest);
	return 0;
}

/* Follows indexes (at most two deep) to the manifest of the platform; ret_chosen: there was one. */
static int find_manifest(struct image_place *place, const char *platform, struct image_text *at,
			 bool *ret_chosen, struct err *err)
{
	for (int depth = 0; depth <= INDEX_DEPTH_MAX; depth++) {
		auto_(json_free) struct json *json = NULL;
		int r = manifest_read(at->text, at->digest[0] ? at->digest : NULL, &json, err);

		if (r == 0 && !manifest_is_index(at->media_type, json))
			return 0;
		if (r == 0)
			r = follow(place, json, platform, at, err);
		*ret_chosen = true;
		if (r < 0)
			return r;
	}
	return err_set(err, -EBADMSG, "manifest: indexes within indexes");
}

static int fill(struct image_source *source, const struct image_text *at, struct err *err)
{
	struct image_manifest manifest;
	auto_(json_free) struct json *json = NULL;
	int r = manifest_read(at->text, NULL, &json, err);

	if (r == 0)
		r = manifest_parse(json, &manifest, err);
	if (r < 0)
		return r;
	const char *type = json_get_str(json, "mediaType");
	if (!type)
		type = str_starts(at->media_type, "application/vnd.") ? at->media_type
								      : MANIFEST_TYPE;
	digest_of(at->text, strlen(at->text), source->manifest.digest);
	source->manifest.size = strlen(at->text);
	STR_COPY(source->manifest.media_type, type);
	source->manifest_text = xstrdup(at->text);
	source->config = manifest.config;
	source->layers = manifest.layers;
	source->n_layers = manifest.n_layers;
	return 0;
}

static int to_buf(void *arg, const void *data, size_t len, struct err *err)
{
	return buf_add(arg, data, len) < 0 ? err_set(err, -E2BIG, "configuration: too large") : 0;
}

/* Artifacts other than container images have other configurations. */
static bool is_container(const struct image_source *source)
{
	return (str_eq(source->config.media_type, "application/vnd.oci.image.config.v1+json") ||
		str_eq(source->config.media_type,
		       "application/vnd.docker.container.image.v1+json")) &&
	       source->config.size <= MANIFEST_MAX;
}

/* One that cannot run here must not take the place of one that does. */
static int check_platform(struct image_source *source, const char *platform, struct err *err)
{
	auto_buf struct buf text;
	auto_(json_free) struct json *json = NULL;
	const struct image_sink sink = { .write = to_buf, .arg = &text };

	buf_init(&text, MANIFEST_MAX);
	if (!is_container(source))
		return 0;
	int r = source->read(source, &source->config, &sink, NULL, err);
	if (r == 0)
		r = manifest_read(text.data, NULL, &json, err);
	return r < 0 ? r : manifest_check_platform(json, platform, err);
}

static int open_source(const char *platform, struct image_source *source, struct err *err)
{
	struct image_place *place = source->state;
	struct image_text at = { 0 };
	bool is_chosen = false;
	int r = place->root(place, &at, err);

	if (r == 0)
		r = find_manifest(place, platform, &at, &is_chosen, err);
	if (r == 0)
		r = fill(source, &at, err);
	if (r == 0 && !is_chosen)
		r = check_platform(source, platform, err);
	free(at.text);
	free(at.media_type);
	return r;
}

int image_source_open(const struct image_config *config, const struct image_request *request,
		      const struct cancel *cancel, struct image_source **ret, struct err *err)
{
	struct image_ref ref = { 0 };
	struct image_place *place = NULL;
	int r = image_ref_parse(request->ref, &ref, err);

	if (r < 0)
		return r;
	r = open_place(config, &ref, cancel, &place, err);
	if (r == 0) {
		struct image_source *source = NEW(struct image_source);

		source->state = place;
		source->name = image_ref_format(&ref);
		source->read = source_read;
		source->close = source_close;
		r = open_source(request->platform ? request->platform : PLATFORM_HERE, source, err);
		if (r == 0)
			*ret = source;
		else
			source_close(source);
	}
	image_ref_fini(&ref);
	return r < 0 ? err_wrap(err, "image %s", request->ref) : 0;
}

void image_source_close(struct image_source *source)
{
	if (source)
		source->close(source);
}
