/* Image configs and manifests, chain ids. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "runtime/oci/image.h"

#define A "sha256:aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
#define B "sha256:bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb"

static void reads_a_config(void **state)
{
	auto_oci_image struct oci_image image = { 0 };
	struct err err;

	assert_int_equal(
		oci_image_parse(
			"{\"architecture\":\"amd64\",\"config\":{\"Cmd\":[\"sh\"],"
			"\"Env\":[\"A=1\",\"B=2\"],\"User\":\"web\","
			"\"StopSignal\":\"SIGQUIT\",\"Volumes\":{\"/data\":{},\"/log\":{}},\"Entrypoint\":null},"
			"\"rootfs\":{\"diff_ids\":[\"" A "\",\"" B "\"]}}",
			&image, &err),
		0);
	assert_int_equal(image.cmd.n, 1);
	assert_int_equal(image.entrypoint.n, 0);
	assert_string_equal(image.env.items[1], "B=2");
	assert_string_equal(image.user, "web");
	assert_string_equal(image.dir, "");
	assert_string_equal(image.stop_signal, "SIGQUIT");
	assert_int_equal(image.volumes.n, 2);
	assert_string_equal(image.volumes.items[1], "/log");
	assert_int_equal(image.diff_ids.n, 2);
}

static void refuses_a_damaged_config(void **state)
{
	static const char *const texts[] = {
		"",
		"[]",
		"{",
		"{\"config\":{\"Cmd\":[1]},\"rootfs\":{\"diff_ids\":[\"" A "\"]}}",
		"{\"rootfs\":{\"diff_ids\":[]}}",
		"{\"rootfs\":{\"diff_ids\":[\"sha256:../../x\"]}}",
	};
	struct oci_image image = { 0 };
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(texts); i++)
		assert_int_equal(oci_image_parse(texts[i], &image, &err), -EBADMSG);
	assert_null(image.user);
}

static void finds_the_config_of_a_manifest(void **state)
{
	auto_free char *digest = NULL;
	struct err err;

	assert_int_equal(oci_manifest_config("{\"config\":{\"digest\":\"" A "\"}}", &digest, &err),
			 0);
	assert_string_equal(digest, A);
	auto_free char *none = NULL;
	assert_int_equal(oci_manifest_config("{\"config\":{}}", &none, &err), -EBADMSG);
	assert_int_equal(oci_manifest_config("nonsense", &none, &err), -EBADMSG);
}

/* The first is the diff id itself; the second was computed with sha256sum. */
static void chains_layers(void **state)
{
	auto_strv struct strv ids = { 0 };

	strv_add(&ids, A);
	strv_add(&ids, B);
	auto_free char *one = oci_chain_id(&ids, 1);
	auto_free char *two = oci_chain_id(&ids, 2);
	assert_string_equal(one, A);
	assert_string_equal(
		two, "sha256:ccd722928bd92476ba1745586fed6e45a102504185ad88cd89e01ff116fd146c");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_config),
		cmocka_unit_test(refuses_a_damaged_config),
		cmocka_unit_test(finds_the_config_of_a_manifest),
		cmocka_unit_test(chains_layers),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
