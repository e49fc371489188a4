/* Image references: registry/repository:tag@digest, and the local forms of Holm. What a reference may
 * look like is the descriptor's rule (model/code.h); here it is taken apart. */
#include "image/image.h"
#include "model/code.h"

#define REF_SHOWN_MAX 200 /* bytes of a bad one in a message */

static const struct {
	const char *prefix;
	int form;
} local_forms[] = {
	{ "oci:", IMAGE_OCI_LAYOUT },
	{ "oci-archive:", IMAGE_OCI_ARCHIVE },
};

void image_ref_fini(struct image_ref *ref)
{
	free(ref->registry);
	free(ref->repository);
	free(ref->tag);
	free(ref->digest);
	*ref = (struct image_ref){ 0 };
}

/* "oci:/path/to/layout:name": the name is what follows a colon after the last slash. */
static void parse_local(const char *path, struct image_ref *ret)
{
	const char *colon = strchr(strrchr(path, '/'), ':');

	ret->repository = colon ? xstrndup(path, (size_t)(colon - path)) : xstrdup(path);
	ret->tag = colon && colon[1] ? xstrdup(colon + 1) : NULL;
}

static void parse_registry(const char *text, struct image_ref *ret)
{
	const char *slash = strchr(text, '/');
	const char *at = strchr(slash, '@');
	size_t rest = at ? (size_t)(at - slash - 1) : strlen(slash + 1);
	const char *colon = memchr(slash + 1, ':', rest);
	size_t n = colon ? (size_t)(colon - slash - 1) : rest;

	ret->registry = xstrndup(text, (size_t)(slash - text));
	ret->repository = xstrndup(slash + 1, n);
	ret->digest = at ? xstrdup(at + 1) : NULL;
	if (colon)
		ret->tag = xstrndup(colon + 1, rest - n - 1);
	else if (!at)
		ret->tag = xstrdup("latest");
}

int image_ref_parse(const char *text, struct image_ref *ret, struct err *err)
{
	struct image_ref ref = { 0 };

	if (!code_is_image(text))
		return err_set(err, -EINVAL, "parse image %.*s: expected " CODE_IMAGE_EXPECTED,
			       REF_SHOWN_MAX, text);
	for (size_t i = 0; i < ARRAY_LEN(local_forms) && !ref.repository; i++) {
		if (!str_starts(text, local_forms[i].prefix))
			continue;
		ref.form = local_forms[i].form;
		parse_local(text + strlen(local_forms[i].prefix), &ref);
	}
	if (!ref.repository)
		parse_registry(text, &ref);
	*ret = ref;
	return 0;
}

char *image_ref_format(const struct image_ref *ref)
{
	if (ref->form != IMAGE_REGISTRY)
		return xasprintf("%s%s%s%s", local_forms[ref->form - 1].prefix, ref->repository,
				 ref->tag ? ":" : "", ref->tag ? ref->tag : "");
	return xasprintf("%s/%s%s%s%s%s", ref->registry, ref->repository, ref->tag ? ":" : "",
			 ref->tag ? ref->tag : "", ref->digest ? "@" : "",
			 ref->digest ? ref->digest : "");
}
