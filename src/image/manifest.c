/* Reading indexes and manifests (OCI image spec 1.0; Docker's schema 2 has the same members). */
#include "image/private.h"
#include "wire/digest/digest.h"

#define SIZE_LIMIT (1ll << 40)

static const char *const index_types[] = {
	"application/vnd.oci.image.index.v1+json",
	"application/vnd.docker.distribution.manifest.list.v2+json",
};

void image_manifest_fini(struct image_manifest *manifest)
{
	free(manifest->layers);
	*manifest = (struct image_manifest){ 0 };
}

int manifest_read(const char *text, const char *digest, struct json **ret, struct err *err)
{
	char have[DIGEST_TEXT_MAX];

	if (digest) {
		digest_of(text, strlen(text), have);
		if (!str_eq(have, digest))
			return err_set(err, -EBADMSG, "manifest %s: its content has digest %s",
				       digest, have);
	}
	if (json_parse(text, strlen(text), ret, err) == 0)
		return 0;
	err->code = -EBADMSG; /* damaged, not a mistake of the caller's */
	return err_wrap(err, "manifest");
}

bool manifest_is_index(const char *media_type, const struct json *json)
{
	const char *own = json_get_str(json, "mediaType");

	for (size_t i = 0; i < ARRAY_LEN(index_types); i++)
		if (str_eq(media_type, index_types[i]) || str_eq(own, index_types[i]))
			return true;
	return json_is_array(json_get(json, "manifests"));
}

static int parse_descriptor(const struct json *json, struct image_descriptor *ret, struct err *err)
{
	const char *digest = json_get_str(json, "digest");
	const char *media_type = json_get_str(json, "mediaType");
	int64_t size = json_get_int(json, "size", -1);

	if (!digest || !digest_is_valid(digest))
		return err_set(err, -EBADMSG, "manifest: descriptor with bad digest %s",
			       digest ? digest : "(none)");
	if (size < 0 || size > SIZE_LIMIT)
		return err_set(err, -EBADMSG, "manifest: descriptor %s with bad size", digest);
	*ret = (struct image_descriptor){ .size = (uint64_t)size };
	STR_COPY(ret->digest, digest);
	STR_COPY(ret->media_type, media_type);
	return 0;
}

/* "linux/arm64/v8": a variant counts only where both name one. */
static bool platform_fits(const struct json *have, const char *platform)
{
	auto_strv struct strv want = { 0 };

	strv_split(&want, platform, "/");
	const char *variant = json_get_str(have, "variant");
	return want.n >= 2 && str_eq(json_get_str(have, "os"), want.items[0]) &&
	       str_eq(json_get_str(have, "architecture"), want.items[1]) &&
	       (want.n < 3 || !variant || str_eq(variant, want.items[2]));
}

static void add_platform(struct strv *have, const struct json *entry)
{
	const struct json *p = json_get(entry, "platform");
	const char *os = json_get_str(p, "os");
	const char *arch = json_get_str(p, "architecture");

	if (os && arch)
		strv_addf(have, "%s/%s", os, arch);
}

int manifest_pick(const struct json *index, const char *platform, struct image_descriptor *ret,
		  struct err *err)
{
	const struct json *manifests = json_get(index, "manifests");
	auto_strv struct strv have = { 0 };

	for (size_t i = 0; i < json_count(manifests); i++) {
		const struct json *entry = json_at(manifests, i);
		const struct json *its = json_get(entry, "platform");

		/* A single-platform index may say nothing. */
		if (!its || platform_fits(its, platform))
			return parse_descriptor(entry, ret, err);
		add_platform(&have, entry);
	}
	auto_free char *list = strv_join(&have, ", ");
	return err_set(err, -ENOTSUP, "no image for %s (there is %s)", platform,
		       have.n ? list : "none");
}

int manifest_check_platform(const struct json *config, const char *platform, struct err *err)
{
	const char *os = json_get_str(config, "os");
	const char *arch = json_get_str(config, "architecture");

	if (!os || !arch || platform_fits(config, platform))
		return 0;
	return err_set(err, -ENOTSUP, "no image for %s (there is %.32s/%.32s)", platform, os, arch);
}

int manifest_pick_named(const struct json *index, const char *name, struct image_descriptor *ret,
			struct err *err)
{
	const struct json *manifests = json_get(index, "manifests");
	auto_strv struct strv have = { 0 };
	const struct json *found = NULL;

	for (size_t i = 0; i < json_count(manifests); i++) {
		const struct json *entry = json_at(manifests, i);
		const char *ref = json_get_str(json_get(entry, "annotations"),
					       "org.opencontainers.image.ref.name");

		if (name ? str_eq(ref, name) : json_count(manifests) == 1 || str_eq(ref, "latest"))
			found = entry;
		if (ref)
			strv_add(&have, ref);
	}
	if (found)
		return parse_descriptor(found, ret, err);
	auto_free char *list = strv_join(&have, ", ");
	return err_set(err, -ENOENT, "no image %s in it (there is %s)", name ? name : "latest",
		       have.n ? list : "none");
}

int manifest_parse(const struct json *json, struct image_manifest *ret, struct err *err)
{
	const struct json *layers = json_get(json, "layers");
	struct image_manifest manifest = { 0 };

	if (json_get_int(json, "schemaVersion", 0) != 2 || !json_is_array(layers))
		return err_set(err, -EBADMSG, "manifest: expected schema version 2 with layers");
	if (json_count(layers) > LAYERS_MAX)
		return err_set(err, -E2BIG, "manifest: %zu layers, at most %d", json_count(layers),
			       LAYERS_MAX);
	int r = parse_descriptor(json_get(json, "config"), &manifest.config, err);
	for (size_t i = 0; r == 0 && i < json_count(layers); i++)
		r = parse_descriptor(json_at(layers, i),
				     ARRAY_ADD(manifest.layers, manifest.n_layers), err);
	if (r < 0) {
		image_manifest_fini(&manifest);
		return r;
	}
	*ret = manifest;
	return 0;
}
