/* Image references taken apart and put together again. */
#include "kit.h"

#define HEX    "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"
#define DIGEST "sha256:" HEX

static void good_references(void **state)
{
	static const struct {
		const char *text;
		struct {
			const char *registry;
			const char *repository;
			const char *tag;
			const char *digest;
			enum image_form form;
		} ref;
		const char *name; /* NULL: as written */
	} good[] = {
		{ "docker.io/library/nginx:1.25",
		  { .registry = "docker.io", .repository = "library/nginx", .tag = "1.25" },
		  NULL },
		{ "docker.io/library/nginx",
		  { .registry = "docker.io", .repository = "library/nginx", .tag = "latest" },
		  "docker.io/library/nginx:latest" },
		{ "localhost/a",
		  { .registry = "localhost", .repository = "a", .tag = "latest" },
		  "localhost/a:latest" },
		{ "127.0.0.1:5000/a/b:v1",
		  { .registry = "127.0.0.1:5000", .repository = "a/b", .tag = "v1" },
		  NULL },
		{ "[::1]:5000/a:v1",
		  { .registry = "[::1]:5000", .repository = "a", .tag = "v1" },
		  NULL },
		{ "ghcr.io/a/b@" DIGEST,
		  { .registry = "ghcr.io", .repository = "a/b", .digest = DIGEST },
		  NULL },
		{ "ghcr.io/a/b:v1@" DIGEST,
		  { .registry = "ghcr.io", .repository = "a/b", .tag = "v1", .digest = DIGEST },
		  NULL },
		{ "oci:/srv/images/web",
		  { .form = IMAGE_OCI_LAYOUT, .repository = "/srv/images/web" },
		  NULL },
		{ "oci:/srv/images/web:v1",
		  { .form = IMAGE_OCI_LAYOUT, .repository = "/srv/images/web", .tag = "v1" },
		  NULL },
		{ "oci:/srv/a:b/web",
		  { .form = IMAGE_OCI_LAYOUT, .repository = "/srv/a:b/web" },
		  NULL },
		{ "oci-archive:/srv/web.tar:v1",
		  { .form = IMAGE_OCI_ARCHIVE, .repository = "/srv/web.tar", .tag = "v1" },
		  NULL },
		{ "oci-archive:/srv/web.tar:",
		  { .form = IMAGE_OCI_ARCHIVE, .repository = "/srv/web.tar" },
		  "oci-archive:/srv/web.tar" },
	};

	for (size_t i = 0; i < ARRAY_LEN(good); i++) {
		struct image_ref ref = { 0 };
		struct err err = { 0 };

		if (image_ref_parse(good[i].text, &ref, &err) < 0)
			fail_msg("%s: %s", good[i].text, err.msg);
		auto_free char *name = image_ref_format(&ref);
		assert_string_equal(name, good[i].name ? good[i].name : good[i].text);
		assert_int_equal(ref.form, good[i].ref.form);
		assert_true(str_eq(ref.registry, good[i].ref.registry));
		assert_true(str_eq(ref.repository, good[i].ref.repository));
		assert_true(str_eq(ref.tag, good[i].ref.tag));
		assert_true(str_eq(ref.digest, good[i].ref.digest));
		image_ref_fini(&ref);
	}
}

static void bad_references(void **state)
{
	static const char *const bad[] = {
		"",
		"/",
		"nginx",
		"nginx:latest",
		"library/nginx",
		"docker.io/",
		"docker.io/UPPER",
		"docker.io/a//b",
		"docker.io/../b",
		"docker.io/a/../b",
		"docker.io/a/",
		"docker.io/a:",
		"docker.io/a:.hidden",
		"docker.io/a:b:c",
		"docker.io/a b",
		"docker.io/a@",
		"docker.io/a@sha256:1234",
		"docker.io/a@sha512:" HEX HEX,
		"docker.io/a@sha256:0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF0123456789ABCDEF",
		"user@host.com/a",
		"host.com:99999/a",
		"host.com?x/a",
		"oci:relative/path",
		"oci:",
		"oci:/",
		"oci:/srv/../etc",
		"oci-archive:web.tar",
		"https://docker.io/library/nginx",
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct image_ref ref = { 0 };
		struct err err = { 0 };

		if (image_ref_parse(bad[i], &ref, &err) != -EINVAL)
			fail_msg("%s was accepted, or refused with %d", bad[i], err.code);
		assert_non_null(strstr(err.msg, "expected a fully qualified image reference"));
		assert_null(ref.repository);
	}
}

static void long_references_are_refused_and_cut_in_the_message(void **state)
{
	char text[2000];
	struct image_ref ref = { 0 };
	struct err err = { 0 };

	memset(text, 'a', sizeof(text));
	memcpy(text, "docker.io/", 10);
	text[sizeof(text) - 1] = '\0';
	assert_int_equal(image_ref_parse(text, &ref, &err), -EINVAL);
	assert_non_null(strstr(err.msg, "expected"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(good_references),
		cmocka_unit_test(bad_references),
		cmocka_unit_test(long_references_are_refused_and_cut_in_the_message),
	};

	return cmocka_run_group_tests_name("image/ref", tests, NULL, NULL);
}
