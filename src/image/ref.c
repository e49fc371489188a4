/* Image references: registry/repository:tag@digest, and the local forms of Holm. */
#include "image/image.h"
#include "wire/digest/digest.h"

#define REF_MAX 512

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
static int parse_local(const char *path, struct image_ref *ret, struct err *err)
{
	const char *slash = strrchr(path, '/');
	const char *colon = slash ? strchr(slash, ':') : NULL;

	if (*path != '/')
		return err_set(err, -EINVAL, "image %s: expected an absolute path", path);
	ret->repository = colon ? xstrndup(path, (size_t)(colon - path)) : xstrdup(path);
	ret->tag = colon && colon[1] ? xstrdup(colon + 1) : NULL;
	return 0;
}

static bool is_host(const char *s, size_t n)
{
	return memchr(s, '.', n) || memchr(s, ':', n) || (n == 9 && !memcmp(s, "localhost", 9));
}

/* Distribution spec, repository names: lower case, digits and separators. */
static bool is_repository(const char *s)
{
	return *s && strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789._-/") == strlen(s) &&
	       *s != '/' && !str_ends(s, "/") && !strstr(s, "//");
}

static bool is_tag(const char *s)
{
	size_t n = strlen(s);

	return n > 0 && n <= 128 && s[0] != '.' && s[0] != '-' &&
	       strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-") == n;
}

static int parse_registry(const char *text, struct image_ref *ret, struct err *err)
{
	const char *slash = strchr(text, '/');

	if (!slash || !is_host(text, (size_t)(slash - text)))
		return err_set(err, -EINVAL,
			       "image %s: expected a fully qualified reference such as "
			       "docker.io/library/nginx:latest",
			       text);
	ret->registry = xstrndup(text, (size_t)(slash - text));
	const char *at = strchr(slash, '@');
	size_t rest = at ? (size_t)(at - slash - 1) : strlen(slash + 1);
	ret->digest = at ? xstrdup(at + 1) : NULL;
	const char *colon = memchr(slash + 1, ':', rest);
	size_t n = colon ? (size_t)(colon - slash - 1) : rest;
	ret->repository = xstrndup(slash + 1, n);
	if (colon)
		ret->tag = xstrndup(colon + 1, rest - n - 1);
	else if (!at)
		ret->tag = xstrdup("latest");
	if (!is_repository(ret->repository))
		return err_set(err, -EINVAL, "image %s: bad repository name %s", text,
			       ret->repository);
	if (ret->tag && !is_tag(ret->tag))
		return err_set(err, -EINVAL, "image %s: bad tag %s", text, ret->tag);
	if (ret->digest && !digest_is_valid(ret->digest))
		return err_set(err, -EINVAL, "image %s: bad digest %s, expected sha256:…", text,
			       ret->digest);
	return 0;
}

int image_ref_parse(const char *text, struct image_ref *ret, struct err *err)
{
	struct image_ref ref = { 0 };
	int r = 1;

	if (strlen(text) > REF_MAX)
		return err_set(err, -EINVAL, "image reference: longer than %d bytes", REF_MAX);
	for (size_t i = 0; i < ARRAY_LEN(local_forms) && r > 0; i++) {
		if (!str_starts(text, local_forms[i].prefix))
			continue;
		ref.form = local_forms[i].form;
		r = parse_local(text + strlen(local_forms[i].prefix), &ref, err);
	}
	if (r > 0)
		r = parse_registry(text, &ref, err);
	if (r < 0) {
		image_ref_fini(&ref);
		return r;
	}
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
