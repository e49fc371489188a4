/* Kinds of volumes and what is refused of each. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/volume.h"

static struct sla_volume volume(const char *id, const char *driver, const char *host)
{
	return (struct sla_volume){ .volume_id = (char *)id,
				    .csi_driver = (char *)driver,
				    .host_path = (char *)host,
				    .mount_path = (char *)"/data" };
}

static void assert_flaw(const struct sla_volume *v, const char *field)
{
	struct volume_flaw flaw = { 0 };
	bool has_flaw = volume_find_flaw(v, &flaw);

	if (has_flaw != (field != NULL) || (field && !str_eq(flaw.field, field)))
		fail_msg("flaw %s (%s), expected %s", has_flaw ? flaw.field : "none",
			 has_flaw ? flaw.expected : "", field ? field : "none");
}

static void tells_the_kinds_apart(void **state)
{
	struct sla_volume named = volume("data", NULL, NULL);
	struct sla_volume host = volume("data", NULL, "/srv/data");
	struct sla_volume csi = volume("data", "csi.example.org", NULL);

	assert_int_equal(volume_kind(&named), VOLUME_NAMED);
	assert_int_equal(volume_kind(&host), VOLUME_HOST);
	assert_int_equal(volume_kind(&csi), VOLUME_CSI);
	assert_flaw(&named, NULL);
	assert_flaw(&host, NULL);
	assert_flaw(&csi, NULL);
}

static void refuses_names_that_are_none(void **state)
{
	static const char *const bad[] = { NULL, "", ".hidden", "-x", "a/b", "..", "a b", "ä" };
	char longest[VOLUME_NAME_MAX + 2];

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct sla_volume v = volume(bad[i], NULL, NULL);

		assert_flaw(&v, "volume_id");
	}
	memset(longest, 'a', sizeof(longest));
	longest[VOLUME_NAME_MAX] = '\0';
	struct sla_volume v = volume(longest, NULL, NULL);
	assert_flaw(&v, NULL);
	longest[VOLUME_NAME_MAX] = 'a';
	longest[VOLUME_NAME_MAX + 1] = '\0';
	assert_flaw(&v, "volume_id");
}

static void refuses_targets_that_are_taken_or_ambiguous(void **state)
{
	static const struct {
		const char *path;
		const char *flaw;
	} cases[] = {
		{ NULL, "mount_path" },      { "data", "mount_path" },    { "/", "mount_path" },
		{ "//", "mount_path" },      { "/a/../b", "mount_path" }, { "/proc", "mount_path" },
		{ "/proc/x", "mount_path" }, { "/sys/fs", "mount_path" }, { "/dev", "mount_path" },
		{ "/devices", NULL },        { "/a/b.c", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct sla_volume v = volume("data", NULL, NULL);

		v.mount_path = (char *)cases[i].path;
		assert_flaw(&v, cases[i].flaw);
	}
}

static void refuses_what_drivers_and_host_paths_cannot_have(void **state)
{
	struct sla_volume both = volume("v", "csi.example.org", "/srv");
	struct sla_volume outside = volume("v", NULL, "/srv/../etc");
	struct sla_volume relative = volume("v", NULL, "srv");
	struct sla_volume nameless = volume(NULL, "csi.example.org", NULL);
	struct sla_volume number = volume("v", "csi.example.org", NULL);
	struct sla_volume idle = volume("v", NULL, NULL);

	assert_flaw(&both, "host_path");
	assert_flaw(&outside, "host_path");
	assert_flaw(&relative, "host_path");
	assert_flaw(&nameless, "volume_id");
	number.config = (char *)"{\"size\":1}";
	assert_flaw(&number, "config");
	number.config = (char *)"{\"size\":\"1\"}";
	assert_flaw(&number, NULL);
	idle.config = number.config;
	assert_flaw(&idle, "config");
	idle.config = (char *)"{}";
	assert_flaw(&idle, NULL);
}

static void drivers_volumes_have_a_place_of_their_own(void **state)
{
	struct sla_volume v = volume("world", "csi.example.org", NULL);
	auto_free char *given = volume_target(&v);

	assert_string_equal(given, "/data");
	v.mount_path = NULL;
	assert_flaw(&v, NULL);
	auto_free char *own = volume_target(&v);
	assert_string_equal(own, "/mnt/csi/world");
	v.volume_id = (char *)"pool/world";
	assert_flaw(&v, "mount_path");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_the_kinds_apart),
		cmocka_unit_test(refuses_names_that_are_none),
		cmocka_unit_test(refuses_targets_that_are_taken_or_ambiguous),
		cmocka_unit_test(refuses_what_drivers_and_host_paths_cannot_have),
		cmocka_unit_test(drivers_volumes_have_a_place_of_their_own),
	};

	return cmocka_run_group_tests_name("model/volume", tests, NULL, NULL);
}
