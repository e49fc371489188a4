/* Manifest → blobs, config → unpacked layers, with their sizes. */
#include "base/base.h"
#include "json/json.h"
#include "runtime/containerd/image/content.h"
#include "wire/digest/digest.h"

void image_content_fini(struct image_content *content)
{
	for (size_t i = 0; i < content->n; i++)
		free(content->parts[i].key);
	free(content->parts);
	*content = (struct image_content){ 0 };
}

static bool is_known(const struct image_content *content, const char *key)
{
	for (size_t i = 0; i < content->n; i++)
		if (str_eq(content->parts[i].key, key))
			return true;
	return false;
}

/* An image may name the same layer twice. */
static int add_part(const struct containerd *api, struct image_content *content, const char *key,
		    bool is_layer, struct err *err)
{
	uint64_t bytes = 0;
	struct err failed;

	if (!key || is_known(content, key))
		return 0;
	int r = is_layer ? containerd_snapshot_usage(api, key, &bytes, &failed)
			 : containerd_blob_size(api, key, &bytes, &failed);
	if (r < 0)
		return r == -ENOENT ? 0 : err_copy(err, &failed);
	*ARRAY_ADD(content->parts, content->n) = (struct image_part){ xstrdup(key), is_layer,
								      bytes };
	content->bytes += bytes;
	return 0;
}

static const char *digest_in(const struct json *descriptor)
{
	const char *digest = json_get_str(descriptor, "digest");

	return digest && digest_is_valid(digest) ? digest : NULL;
}

void image_platform(const char *config, char *out, size_t size)
{
	auto_(json_free) struct json *root = NULL;
	struct err ignored;

	if (json_parse(config, strlen(config), &root, &ignored) < 0)
		return;
	const char *os = json_get_str(root, "os");
	const char *arch = json_get_str(root, "architecture");
	const char *variant = json_get_str(root, "variant");
	if (str_is_empty(os) || str_is_empty(arch))
		return;
	snprintf(out, size, "%s/%s%s%s", os, arch, str_is_empty(variant) ? "" : "/",
		 str_is_empty(variant) ? "" : variant);
}

static int add_layers(const struct containerd *api, const char *config_digest,
		      struct image_content *content, struct err *err)
{
	auto_oci_image struct oci_image image = { 0 };
	auto_free char *text = NULL;
	struct err bad;
	int r = containerd_blob_read(api, config_digest, OCI_MANIFEST_MAX, &text, &bad);

	if (r < 0)
		return r == -ENOENT ? 0 : err_copy(err, &bad);
	if (oci_image_parse(text, &image, &bad) < 0)
		return 0;
	image_platform(text, content->platform, sizeof(content->platform));
	for (size_t i = 0; r == 0 && i < image.diff_ids.n; i++) {
		auto_free char *chain = oci_chain_id(&image.diff_ids, i + 1);

		r = add_part(api, content, chain, true, err);
	}
	return r;
}

int image_content_read(const struct containerd *api, const char *digest, struct image_content *ret,
		       struct err *err)
{
	auto_image_content struct image_content content = { 0 };
	auto_(json_free) struct json *root = NULL;
	auto_free char *text = NULL;
	struct err bad;
	int r = containerd_blob_read(api, digest, OCI_MANIFEST_MAX, &text, &bad);

	if (r < 0 && r != -ENOENT)
		return err_copy(err, &bad);
	if (r == 0 && json_parse(text, strlen(text), &root, &bad) == 0) {
		const struct json *layers = json_get(root, "layers");
		const char *config = digest_in(json_get(root, "config"));
		size_t n = json_count(layers);

		r = add_part(api, &content, digest, false, err);
		if (r == 0)
			r = add_part(api, &content, config, false, err);
		for (size_t i = 0; r == 0 && i < n && i < OCI_LAYERS_MAX; i++)
			r = add_part(api, &content, digest_in(json_at(layers, i)), false, err);
		if (r == 0 && config)
			r = add_layers(api, config, &content, err);
	}
	if (r < 0 && r != -ENOENT)
		return r;
	*ret = content;
	content = (struct image_content){ 0 };
	return 0;
}

int image_part_exists(const struct containerd *api, const struct image_part *part, struct err *err)
{
	struct err failed;
	int r = part->is_layer ? containerd_snapshot_find(api, part->key, &failed)
			       : containerd_blob_find(api, part->key, &failed);

	if (r == 0)
		return 1;
	return r == -ENOENT ? 0 : err_copy(err, &failed);
}
