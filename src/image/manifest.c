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
	for (size_t i = 0; i < manifest->n_layers; i++)
		strv_fini(&manifest->urls[i]);
	free(manifest->urls);
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

/* What an entry or a configuration says of itself; false if it says nothing. */
static bool read_platform(const struct json *from, struct platform *ret)
{
	const char *os = json_get_str(from, "os");
	const char *arch = json_get_str(from, "architecture");
	const char *variant = json_get_str(from, "variant");

	*ret = (struct platform){ 0 };
	if (!os || !arch)
		return false;
	STR_COPY(ret->os, os);
	STR_COPY(ret->arch, arch);
	STR_COPY(ret->variant, variant ? variant : "");
	platform_normalize(ret);
	return true;
}

static void add_platform(struct strv *have, const struct platform *p)
{
	auto_free char *text = xasprintf("%s/%s%s%s", p->os, p->arch, p->variant[0] ? "/" : "",
					 p->variant);

	/* Attestations stand beside the images as unknown/unknown. */
	if (!str_eq(p->os, "unknown") && !strv_has(have, text))
		strv_add(have, text);
}

#define SAY_UNIKERNEL                                                          \
	": it is a unikernel, no container image (a descriptor takes it with " \
	"`virtualization: unikernel`)"
#define SAY_CONTAINER                                                          \
	": it is a container image, no unikernel (a descriptor takes it with " \
	"`virtualization: container`)"
#define SAY_MONITOR                                                                     \
	": it is a unikernel for another virtual machine monitor, and Holm runs those " \
	"that are built for qemu"

/* What is wrong if nothing fits, where that is not only the architecture. */
static const char *hint(const struct platform *want, const struct strv *have)
{
	bool has_unikernel = false, has_qemu = false, has_linux = false;

	for (size_t i = 0; i < have->n; i++) {
		struct platform p;

		if (!platform_parse(have->items[i], &p))
			continue;
		has_linux = has_linux || str_eq(p.os, "linux");
		has_qemu = has_qemu || str_eq(p.os, "qemu");
		has_unikernel = has_unikernel || platform_is_unikernel(&p);
	}
	if (!platform_is_unikernel(want))
		return has_unikernel && !has_linux ? SAY_UNIKERNEL : "";
	if (has_unikernel)
		return has_qemu ? "" : SAY_MONITOR;
	return has_linux ? SAY_CONTAINER : "";
}

static int none_fits(const char *platform, const struct strv *have, struct err *err)
{
	auto_free char *list = strv_join(have, ", ");
	struct platform want;

	return err_set(err, -ENOTSUP, "no image for %s (there is %s)%s", platform,
		       have->n ? list : "none",
		       platform_parse(platform, &want) ? hint(&want, have) : "");
}

/* A single-platform index may say nothing of its platform: better than nothing. */
static unsigned score_entry(const struct json *entry, const struct platform *want,
			    struct strv *have)
{
	const struct json *its = json_get(entry, "platform");
	struct platform p;

	if (!its)
		return 1;
	if (!read_platform(its, &p))
		return 0;
	add_platform(have, &p);
	return platform_score(want, &p);
}

int manifest_pick(const struct json *index, const char *platform, struct image_descriptor *ret,
		  struct err *err)
{
	const struct json *manifests = json_get(index, "manifests");
	auto_strv struct strv have = { 0 };
	const struct json *best = NULL;
	unsigned best_score = 0;
	struct platform want;
	bool is_known = platform_parse(platform, &want);
	if (json_count(manifests) > INDEX_MAX)
		return err_set(err, -E2BIG, "index: %zu entries, at most %d", json_count(manifests),
			       INDEX_MAX);
	for (size_t i = 0; i < json_count(manifests); i++) {
		unsigned score = score_entry(json_at(manifests, i), &want, &have);

		if (is_known && score > best_score) {
			best = json_at(manifests, i);
			best_score = score;
		}
	}
	if (!best)
		return none_fits(platform, &have, err);
	int r = parse_descriptor(best, ret, err);
	return r < 0 ? r : !json_get(best, "platform");
}

int manifest_check_platform(const struct json *config, const char *platform, struct err *err)
{
	struct platform want, have;
	auto_strv struct strv list = { 0 };

	if (!platform_parse(platform, &want) || !read_platform(config, &have) ||
	    platform_score(&want, &have))
		return 0;
	add_platform(&list, &have);
	return none_fits(platform, &list, err);
}

int manifest_check_kind(const struct json *json, const char *platform, struct err *err)
{
	const char *version = json_get_str(json_get(json, "annotations"), "sh.kraftkit.version");
	struct platform want;

	if (!version || !platform_parse(platform, &want) || platform_is_unikernel(&want))
		return 0;
	return err_set(err, -ENOTSUP, "packed by kraftkit %.40s" SAY_UNIKERNEL, version);
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

/* What was current until 2017, and carries signatures and no sizes. */
static bool is_schema1(const struct json *json)
{
	return json_is_array(json_get(json, "fsLayers"));
}

static int parse_layer(const struct json *json, struct image_manifest *manifest, struct err *err)
{
	const struct json *urls = json_get(json, "urls");

	manifest->urls = array_grow(manifest->urls, manifest->n_layers, sizeof(*manifest->urls));
	struct strv *its = &manifest->urls[manifest->n_layers];
	struct image_descriptor *layer = ARRAY_ADD(manifest->layers, manifest->n_layers);
	for (size_t i = 0; i < json_count(urls) && i < URLS_MAX; i++)
		if (json_str(json_at(urls, i)))
			strv_add(its, json_str(json_at(urls, i)));
	return parse_descriptor(json, layer, err);
}

int manifest_parse(const struct json *json, struct image_manifest *ret, struct err *err)
{
	const struct json *layers = json_get(json, "layers");
	struct image_manifest manifest = { 0 };

	if (is_schema1(json))
		return err_set(err, -ENOTSUP,
			       "manifest: Docker's schema 1, which is not supported: pull and push "
			       "the image with a current docker to renew it");
	if (json_get_int(json, "schemaVersion", 0) != 2 || !json_is_array(layers))
		return err_set(err, -EBADMSG, "manifest: expected schema version 2 with layers");
	if (json_count(layers) > LAYERS_MAX)
		return err_set(err, -E2BIG, "manifest: %zu layers, at most %d", json_count(layers),
			       LAYERS_MAX);
	int r = parse_descriptor(json_get(json, "config"), &manifest.config, err);
	for (size_t i = 0; r == 0 && i < json_count(layers); i++)
		r = parse_layer(json_at(layers, i), &manifest, err);
	if (r < 0) {
		image_manifest_fini(&manifest);
		return r;
	}
	*ret = manifest;
	return 0;
}
