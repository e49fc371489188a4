/* Which image of an index serves a machine best. */
#include "image/private.h"
#include "kit.h"

static struct platform parse(const char *text)
{
	struct platform p;

	if (!platform_parse(text, &p))
		fail_msg("%s is no platform", text);
	return p;
}

static const char *best(const char *want_text, const char *const *have)
{
	struct platform want = parse(want_text);
	const char *found = NULL;
	unsigned best_score = 0;

	for (; *have; have++) {
		struct platform p = parse(*have);
		unsigned score = platform_score(&want, &p);

		if (score > best_score) {
			best_score = score;
			found = *have;
		}
	}
	return found;
}

static void the_best_and_not_the_first(void **state)
{
	static const char *const arm[] = { "linux/arm/v5", "linux/arm/v6", "linux/arm/v7",
					   "linux/arm64", NULL };
	static const char *const old_arm[] = { "linux/arm/v5", "linux/arm/v6", NULL };
	static const char *const amd64[] = { "linux/386",      "linux/amd64",   "linux/amd64/v3",
					     "linux/amd64/v2", "windows/amd64", NULL };
	static const char *const others[] = { "linux/386", "linux/s390x", "linux/arm/v7", NULL };
	static const char *const arm64[] = { "linux/arm64/v8.2", "linux/arm64/v8", "linux/arm64/v9",
					     NULL };

	assert_string_equal(best("linux/arm/v7", arm), "linux/arm/v7");
	assert_string_equal(best("linux/arm", arm), "linux/arm/v7");
	assert_string_equal(best("linux/arm/v6", arm), "linux/arm/v6");
	assert_string_equal(best("linux/arm64/v8", arm), "linux/arm64");
	assert_string_equal(best("linux/arm/v7", old_arm), "linux/arm/v6");
	assert_null(best("linux/arm/v4", old_arm));
	assert_string_equal(best("linux/amd64", amd64), "linux/amd64");
	assert_string_equal(best("linux/amd64/v2", amd64), "linux/amd64/v2");
	assert_string_equal(best("linux/amd64/v4", amd64), "linux/amd64/v3");
	assert_string_equal(best("windows/amd64", amd64), "windows/amd64");
	assert_string_equal(best("linux/amd64", others), "linux/386");
	assert_string_equal(best("linux/arm64", others), "linux/arm/v7");
	assert_null(best("linux/riscv64", others));
	assert_string_equal(best("linux/arm64", arm64), "linux/arm64/v8");
	assert_string_equal(best("linux/arm64/v8.5", arm64), "linux/arm64/v8.2");
}

static void spellings_of_the_same(void **state)
{
	static const char *const same[][2] = {
		{ "linux/aarch64", "linux/arm64" },  { "linux/arm64/v8", "linux/arm64" },
		{ "linux/arm64/8", "linux/arm64" },  { "linux/x86_64", "linux/amd64" },
		{ "linux/amd64/v1", "linux/amd64" }, { "linux/arm", "linux/arm/v7" },
		{ "linux/armhf", "linux/arm/v7" },   { "linux/armel", "linux/arm/v6" },
		{ "linux/arm/7", "linux/arm/v7" },   { "linux/i386", "linux/386" },
	};

	for (size_t i = 0; i < ARRAY_LEN(same); i++) {
		struct platform a = parse(same[i][0]), b = parse(same[i][1]);

		assert_string_equal(a.arch, b.arch);
		assert_string_equal(a.variant, b.variant);
	}
}

static void what_is_no_platform(void **state)
{
	struct platform p;
	char longest[80];

	memset(longest, 'a', sizeof(longest));
	memcpy(longest, "linux/", 6);
	longest[sizeof(longest) - 1] = '\0';
	assert_false(platform_parse("", &p));
	assert_false(platform_parse("linux", &p));
	assert_false(platform_parse("linux/arm/v7/hard", &p));
	assert_false(platform_parse(longest, &p));
}

static void this_machine_is_one(void **state)
{
	struct platform here = parse(platform_here());

	assert_string_equal(here.os, "linux");
	assert_true(platform_score(&here, &here) > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_best_and_not_the_first),
		cmocka_unit_test(spellings_of_the_same),
		cmocka_unit_test(what_is_no_platform),
		cmocka_unit_test(this_machine_is_one),
	};

	return cmocka_run_group_tests_name("image/platform", tests, NULL, NULL);
}
