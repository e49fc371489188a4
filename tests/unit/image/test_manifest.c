/* Choosing from indexes and reading manifests: all pure. */
#include "image/private.h"
#include "kit.h"

#define HEX     "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcde"
#define D(last) "sha256:" HEX last
#define ENTRY(last, platform, annotations)             \
	"{\"digest\":\"" D(                            \
		last) "\",\"size\":7,\"mediaType\":\"" \
		      "application/vnd.oci.image.manifest.v1+json\"" platform annotations "}"
#define PLATFORM(os, arch) ",\"platform\":{\"os\":\"" os "\",\"architecture\":\"" arch "\"}"
#define VARIANT(arch, v) \
	",\"platform\":{\"os\":\"linux\",\"architecture\":\"" arch "\",\"variant\":\"" v "\"}"
#define NAMED(name)        ",\"annotations\":{\"org.opencontainers.image.ref.name\":\"" name "\"}"
#define INDEX(entries)     "{\"schemaVersion\":2,\"manifests\":[" entries "]}"
#define MANIFEST(members)  "{\"schemaVersion\":2," members "}"
#define BLOB(digest, size) "{\"digest\":\"" digest "\",\"size\":" size ",\"mediaType\":\"x/y\"}"

static struct json *parse(const char *text)
{
	struct json *json = NULL;
	struct err err = { 0 };

	if (json_parse(text, strlen(text), &json, &err) < 0)
		fail_msg("%s: %s", text, err.msg);
	return json;
}

static void the_platform_decides(void **state)
{
	auto_(json_free) struct json *index =
		parse(INDEX(ENTRY("0", PLATFORM("unknown", "unknown"), "") "," ENTRY(
			"1", PLATFORM("linux", "amd64"),
			"") "," ENTRY("2", VARIANT("arm", "v6"),
				      "") "," ENTRY("3", VARIANT("arm", "v7"),
						    "") "," ENTRY("4", PLATFORM("windows", "amd64"),
								  "")));
	static const struct {
		const char *platform;
		const char *digest; /* NULL: refused */
	} cases[] = {
		{ "linux/amd64", D("1") },   { "linux/amd64/v2", D("1") },
		{ "linux/arm/v7", D("3") },  { "linux/arm/v6", D("2") },
		{ "linux/arm", D("3") },     { "linux/arm/v8", D("3") },
		{ "linux/arm64", D("3") },   { "linux/arm/v5", NULL },
		{ "windows/amd64", D("4") }, { "linux/riscv64", NULL },
		{ "linux", NULL },           { "", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct image_descriptor found = { 0 };
		struct err err = { 0 };
		int r = manifest_pick(index, cases[i].platform, &found, &err);

		assert_int_equal(r, cases[i].digest ? 0 : -ENOTSUP);
		if (cases[i].digest)
			assert_string_equal(found.digest, cases[i].digest);
		else
			assert_non_null(strstr(err.msg, "linux/amd64"));
	}
}

static void an_index_without_platforms_has_one_image(void **state)
{
	auto_(json_free) struct json *index = parse(INDEX(ENTRY("5", "", "")));
	auto_(json_free) struct json *empty = parse(INDEX(""));
	struct image_descriptor found = { 0 };
	struct err err = { 0 };

	assert_int_equal(manifest_pick(index, "linux/arm64", &found, &err),
			 1); /* it does not say so */
	assert_string_equal(found.digest, D("5"));
	assert_int_equal(found.size, 7);
	assert_int_equal(manifest_pick(empty, "linux/arm64", &found, &err), -ENOTSUP);
	assert_string_equal(err.msg, "no image for linux/arm64 (there is none)");
}

static void a_name_decides_in_a_layout(void **state)
{
	auto_(json_free) struct json *two =
		parse(INDEX(ENTRY("1", "", NAMED("v1")) "," ENTRY("2", "", NAMED("v2"))));
	auto_(json_free) struct json *latest =
		parse(INDEX(ENTRY("1", "", NAMED("v1")) "," ENTRY("2", "", NAMED("latest"))));
	auto_(json_free) struct json *one = parse(INDEX(ENTRY("3", "", "")));
	struct image_descriptor found = { 0 };
	struct err err = { 0 };

	assert_int_equal(manifest_pick_named(two, "v2", &found, &err), 0);
	assert_string_equal(found.digest, D("2"));
	assert_int_equal(manifest_pick_named(two, "v3", &found, &err), -ENOENT);
	assert_string_equal(err.msg, "no image v3 in it (there is v1, v2)");
	assert_int_equal(manifest_pick_named(two, NULL, &found, &err), -ENOENT);
	assert_int_equal(manifest_pick_named(latest, NULL, &found, &err), 0);
	assert_string_equal(found.digest, D("2"));
	assert_int_equal(manifest_pick_named(one, NULL, &found, &err), 0);
	assert_string_equal(found.digest, D("3"));
	assert_int_equal(manifest_pick_named(one, "v1", &found, &err), -ENOENT);
	assert_string_equal(err.msg, "no image v1 in it (there is none)");
}

static void indexes_are_told_from_manifests(void **state)
{
	auto_(json_free) struct json *index = parse(INDEX(""));
	auto_(json_free) struct json *docker = parse(
		"{\"mediaType\":\"application/vnd.docker.distribution.manifest.list.v2+json\"}");
	auto_(json_free) struct json *manifest = parse(MANIFEST("\"layers\":[]"));

	assert_true(manifest_is_index("", index));
	assert_true(manifest_is_index("", docker));
	assert_true(manifest_is_index("application/vnd.oci.image.index.v1+json", manifest));
	assert_false(manifest_is_index("", manifest));
}

static void manifests_are_read(void **state)
{
	auto_(json_free) struct json *json =
		parse(MANIFEST("\"config\":" BLOB(D("1"), "0") ",\"layers\":[" BLOB(
			D("2"), "10") "," BLOB(D("3"), "1099511627776") "]"));
	struct image_manifest manifest = { 0 };
	struct err err = { 0 };

	assert_int_equal(manifest_parse(json, &manifest, &err), 0);
	assert_string_equal(manifest.config.digest, D("1"));
	assert_int_equal(manifest.n_layers, 2);
	assert_string_equal(manifest.layers[1].digest, D("3"));
	assert_int_equal(manifest.layers[1].size, 1099511627776);
	assert_string_equal(manifest.layers[0].media_type, "x/y");
	image_manifest_fini(&manifest);
}

static void damaged_manifests_are_refused(void **state)
{
	static const char *const damaged[] = {
		"{}",
		"[]",
		"1",
		"{\"schemaVersion\":1,\"layers\":[]}",
		MANIFEST("\"config\":" BLOB(D("1"), "1")),
		MANIFEST("\"config\":" BLOB(D("1"), "1") ",\"layers\":{}"),
		MANIFEST("\"layers\":[]"),
		MANIFEST("\"config\":7,\"layers\":[]"),
		MANIFEST("\"config\":" BLOB("sha256:12", "1") ",\"layers\":[]"),
		MANIFEST("\"config\":" BLOB("../../../etc/passwd", "1") ",\"layers\":[]"),
		MANIFEST("\"config\":" BLOB(D("1"), "-1") ",\"layers\":[]"),
		MANIFEST("\"config\":" BLOB(D("1"), "\"1\"") ",\"layers\":[]"),
		MANIFEST("\"config\":" BLOB(D("1"), "1099511627777") ",\"layers\":[]"),
		MANIFEST("\"config\":" BLOB(D("1"), "1") ",\"layers\":[7]"),
		MANIFEST("\"config\":" BLOB(D("1"), "1") ",\"layers\":[" BLOB(D("1"), "1") ",{}]"),
	};

	for (size_t i = 0; i < ARRAY_LEN(damaged); i++) {
		auto_(json_free) struct json *json = parse(damaged[i]);
		struct image_manifest manifest = { 0 };
		struct err err = { 0 };

		if (manifest_parse(json, &manifest, &err) != -EBADMSG)
			fail_msg("%s was accepted", damaged[i]);
		assert_null(manifest.layers);
	}
}

static void layers_are_counted(void **state)
{
	auto_buf struct buf text;
	struct image_manifest manifest = { 0 };
	struct err err = { 0 };

	buf_init(&text, 1 << 20);
	buf_add_str(&text, "{\"schemaVersion\":2,\"config\":" BLOB(D("1"), "1") ",\"layers\":[");
	for (int i = 0; i <= LAYERS_MAX; i++)
		buf_addf(&text, "%s" BLOB(D("1"), "1"), i ? "," : "");
	buf_add_str(&text, "]}");
	auto_(json_free) struct json *json = parse(text.data);
	assert_int_equal(manifest_parse(json, &manifest, &err), -E2BIG);
}

static void texts_are_checked_against_their_digest(void **state)
{
	struct json *json = NULL;
	struct err err = { 0 };
	char digest[DIGEST_TEXT_MAX];

	digest_of("{}", 2, digest);
	assert_int_equal(manifest_read("{}", digest, &json, &err), 0);
	json = json_free(json);
	assert_int_equal(manifest_read("{} ", digest, &json, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, digest));
	assert_int_equal(manifest_read("{", NULL, &json, &err), -EBADMSG);
	assert_int_equal(err.code, -EBADMSG);
	assert_null(json);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_platform_decides),
		cmocka_unit_test(an_index_without_platforms_has_one_image),
		cmocka_unit_test(a_name_decides_in_a_layout),
		cmocka_unit_test(indexes_are_told_from_manifests),
		cmocka_unit_test(manifests_are_read),
		cmocka_unit_test(damaged_manifests_are_refused),
		cmocka_unit_test(layers_are_counted),
		cmocka_unit_test(texts_are_checked_against_their_digest),
	};

	return cmocka_run_group_tests_name("image/manifest", tests, NULL, NULL);
}
