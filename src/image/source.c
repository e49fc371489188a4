/* Opening an image wherever it is: reference → place → manifest of the platform, each step verified
 * by digest. */
#include "image/private.h"
#include "loop/loop.h"
#include "wire/digest/digest.h"

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

/* What a source keeps to itself. */
struct origin {
	struct image_place *place;
	struct image_manifest manifest;
};

static const struct strv *urls_of(const struct image_manifest *manifest, const char *digest)
{
	for (size_t i = 0; i < manifest->n_layers; i++)
		if (str_eq(manifest->layers[i].digest, digest))
			return &manifest->urls[i];
	return NULL;
}

/* A layer that is not where the image is may be where its manifest says. */
static int read_elsewhere(const struct origin *origin, const struct image_descriptor *blob,
			  const struct image_sink *sink, const struct cancel *cancel,
			  struct err *err)
{
	struct image_place *place = origin->place;
	const struct strv *urls = urls_of(&origin->manifest, blob->digest);

	if (!urls || !urls->n)
		return err->code;
	if (!place->allows_urls || !place->allows_urls(place))
		return err_set(err, -EPERM,
			       "layer %s is not there but at %.200s, from where it is fetched only "
			       "with allow_foreign_layers in registries.json",
			       blob->digest, urls->items[0]);
	return foreign_read(urls, blob, sink, cancel, err);
}

/* Length and digest of what has come; `is_replaceable`: some of it may be had from elsewhere. */
static int check_end(const struct origin *origin, const struct image_descriptor *blob,
		     struct check *check, bool is_replaceable, struct err *err)
{
	char have[DIGEST_TEXT_MAX];

	if (check->left)
		return err_set(err, -EBADMSG, "blob %s: %lu of %lu bytes are missing", blob->digest,
			       check->left, blob->size);
	if (check->sink->have)
		return 0;
	digest_finish(check->digest, have);
	if (str_eq(have, blob->digest))
		return 0;
	if (is_replaceable)
		origin->place->distrust(origin->place);
	return err_set(err, is_replaceable ? -ESTALE : -EBADMSG,
		       "blob %s: its content has digest %s", blob->digest, have);
}

static int source_read(struct image_source *source, const struct image_descriptor *blob,
		       const struct image_sink *sink, const struct cancel *cancel, struct err *err)
{
	const struct origin *origin = source->state;
	auto_(digest_free) struct digest *digest = digest_new();
	struct check check = { .sink = sink, .cancel = cancel, .digest = digest };
	struct image_sink checked = { .write = check_write, .arg = &check, .have = sink->have };

	if (sink->have > blob->size)
		return err_set(err, -EBADMSG, "blob %s: %lu bytes are there, of %lu", blob->digest,
			       sink->have, blob->size);
	check.left = blob->size - sink->have;
	int r = origin->place->blob(origin->place, blob, &checked, cancel, err);
	if (r == -ENOENT && check.left == blob->size - sink->have)
		r = read_elsewhere(origin, blob, &checked, cancel, err);
	return r < 0 ? r : check_end(origin, blob, &check, r > 0, err);
}

static void source_close(struct image_source *source)
{
	struct origin *origin = source->state;

	if (origin->place)
		origin->place->close(origin->place);
	image_manifest_fini(&origin->manifest);
	free(origin);
	free(source->name);
	free(source->manifest_text);
	free(source);
}

/* One index further: its manifest for the platform takes the place of the index. 1: the index does not
 * say that it is for it. */
static int follow(struct image_place *place, const struct json *index, const char *platform,
		  struct image_text *at, struct err *err)
{
	struct image_descriptor next;
	char *inner;
	int picked = manifest_pick(index, platform, &next, err);
	int r = picked < 0 ? picked : place->manifest(place, next.digest, &inner, err);

	if (r < 0)
		return r;
	free(at->text);
	at->text = inner;
	free(at->media_type);
	at->media_type = xstrdup(next.media_type);
	STR_COPY(at->digest, next.digest);
	return picked;
}

/* Follows indexes (at most two deep) to the manifest of the platform; ret_chosen: the last one named it. */
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
		*ret_chosen = r == 0;
		if (r < 0)
			return r;
	}
	return err_set(err, -EBADMSG, "manifest: indexes within indexes");
}

static int fill(struct image_source *source, const struct image_text *at, const char *platform,
		struct err *err)
{
	struct origin *origin = source->state;
	auto_(json_free) struct json *json = NULL;
	int r = manifest_read(at->text, NULL, &json, err);

	if (r == 0)
		r = manifest_check_kind(json, platform, err);
	if (r == 0)
		r = manifest_parse(json, &origin->manifest, err);
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
	source->config = origin->manifest.config;
	source->layers = origin->manifest.layers;
	source->n_layers = origin->manifest.n_layers;
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
	auto_buf struct buf text = { 0 };
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
	struct image_place *place = ((struct origin *)source->state)->place;
	struct image_text at = { 0 };
	bool is_chosen = false;
	int r = place->root(place, &at, err);

	if (r == 0)
		r = find_manifest(place, platform, &at, &is_chosen, err);
	if (r == 0)
		r = fill(source, &at, platform, err);
	if (r == 0 && !is_chosen)
		r = check_platform(source, platform, err);
	free(at.text);
	free(at.media_type);
	return r;
}

/* This machine's own architecture means the newest variant that it runs. */
static const char *platform_of(const char *given)
{
	const char *here = platform_here();
	struct platform want, own;

	if (!given)
		return here;
	bool is_own = platform_parse(given, &want) && platform_parse(here, &own) &&
		      !want.variant[0] && str_eq(want.os, own.os) && str_eq(want.arch, own.arch);
	return is_own ? here : given;
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

		struct origin *origin = NEW(struct origin);

		origin->place = place;
		source->state = origin;
		source->name = image_ref_format(&ref);
		source->read = source_read;
		source->close = source_close;
		r = open_source(platform_of(request->platform), source, err);
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
