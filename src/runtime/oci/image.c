/* Reading image manifests and configs, chain ids. */
#include "base/base.h"
#include "json/json.h"
#include "runtime/oci/image.h"
#include "wire/digest/digest.h"

#define WORDS_MAX 1024 /* entries of a list */

static int take_words(const struct json *object, const char *key, struct strv *ret, struct err *err)
{
	const struct json *list = json_get(object, key);
	size_t n = json_count(list);

	if (n > WORDS_MAX)
		return err_set(err, -EBADMSG, "read image config: %s has %zu entries, at most %d",
			       key, n, WORDS_MAX);
	for (size_t i = 0; i < n; i++) {
		const char *word = json_str(json_at(list, i));

		if (!word)
			return err_set(err, -EBADMSG, "read image config: %s[%zu] is no string",
				       key, i);
		strv_add(ret, word);
	}
	return 0;
}

/* An object whose keys are the paths. */
static int take_volumes(const struct json *config, struct strv *ret, struct err *err)
{
	const struct json *volumes = json_get(config, "Volumes");

	if (json_count(volumes) > WORDS_MAX)
		return err_set(err, -EBADMSG,
			       "read image config: Volumes has %zu entries, at most %d",
			       json_count(volumes), WORDS_MAX);
	for (const char *key = json_key_next(volumes, NULL); key; key = json_key_next(volumes, key))
		strv_add(ret, key);
	return 0;
}

static char *take_text(const struct json *object, const char *key)
{
	const char *text = json_get_str(object, key);

	return xstrdup(text ? text : "");
}

static int take_diff_ids(const struct json *root, struct oci_image *image, struct err *err)
{
	int r = take_words(json_get(root, "rootfs"), "diff_ids", &image->diff_ids, err);

	if (r < 0)
		return r;
	if (!image->diff_ids.n || image->diff_ids.n > OCI_LAYERS_MAX)
		return err_set(err, -EBADMSG, "read image config: %zu layers, expected 1 to %d",
			       image->diff_ids.n, OCI_LAYERS_MAX);
	for (size_t i = 0; i < image->diff_ids.n; i++)
		if (!digest_is_valid(image->diff_ids.items[i]))
			return err_set(err, -EBADMSG, "read image config: diff id %.80s is invalid",
				       image->diff_ids.items[i]);
	return 0;
}

int oci_image_parse(const char *text, struct oci_image *ret, struct err *err)
{
	auto_(json_free) struct json *root = NULL;
	auto_oci_image struct oci_image image = { 0 };
	int r = json_parse(text, strlen(text), &root, err);

	if (r < 0) {
		err_wrap(err, "read image config");
		return err->code = -EBADMSG;
	}
	const struct json *config = json_get(root, "config");
	r = take_words(config, "Entrypoint", &image.entrypoint, err);
	if (r == 0)
		r = take_words(config, "Cmd", &image.cmd, err);
	if (r == 0)
		r = take_words(config, "Env", &image.env, err);
	if (r == 0)
		r = take_volumes(config, &image.volumes, err);
	if (r == 0)
		r = take_diff_ids(root, &image, err);
	if (r < 0)
		return r;
	image.user = take_text(config, "User");
	image.dir = take_text(config, "WorkingDir");
	image.stop_signal = take_text(config, "StopSignal");
	*ret = image;
	image = (struct oci_image){ 0 };
	return 0;
}

void oci_image_fini(struct oci_image *image)
{
	strv_fini(&image->entrypoint);
	strv_fini(&image->cmd);
	strv_fini(&image->env);
	strv_fini(&image->volumes);
	strv_fini(&image->diff_ids);
	free(image->user);
	free(image->dir);
	free(image->stop_signal);
	*image = (struct oci_image){ 0 };
}

int oci_manifest_config(const char *text, char **ret_digest, struct err *err)
{
	auto_(json_free) struct json *root = NULL;
	int r = json_parse(text, strlen(text), &root, err);

	if (r < 0) {
		err_wrap(err, "read image manifest");
		return err->code = -EBADMSG;
	}
	const char *digest = json_get_str(json_get(root, "config"), "digest");
	if (!digest || !digest_is_valid(digest))
		return err_set(err, -EBADMSG, "read image manifest: no valid config digest in it");
	*ret_digest = xstrdup(digest);
	return 0;
}

char *oci_chain_id(const struct strv *diff_ids, size_t n)
{
	char chain[DIGEST_TEXT_MAX];

	assert(n && n <= diff_ids->n);
	STR_COPY(chain, diff_ids->items[0]);
	for (size_t i = 1; i < n; i++) {
		auto_free char *pair = xasprintf("%s %s", chain, diff_ids->items[i]);

		digest_of(pair, strlen(pair), chain);
	}
	return xstrdup(chain);
}
