/* What an image brings, and what is asked instead. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "runtime/qemu/defaults.h"

static char *folder_with(const char *text)
{
	char template[] = "/tmp/holm-test-defaults.XXXXXX";
	struct err err = { 0 };

	assert_non_null(mkdtemp(template));
	auto_free char *path = path_join(template, "artifact.json");
	if (text && file_write_atomic(path, text, strlen(text), 0644, &err) < 0)
		fail_msg("%s", err.msg);
	return xstrdup(template);
}

static int read_text(const char *text, struct qemu_defaults *ret, struct err *err)
{
	auto_free char *dir = folder_with(text);
	int r = qemu_defaults_read(dir, ret, err);
	struct err ignored;

	path_remove(dir, &ignored);
	return r;
}

static void assert_words(const struct strv *have, const char *expected)
{
	auto_free char *text = strv_join(have, " ");

	assert_string_equal(text, expected);
}

static void none(void **state)
{
	struct qemu_defaults d;
	struct err err;

	assert_int_equal(read_text(NULL, &d, &err), 0);
	assert_int_equal(d.cmd.n + d.env.n, 0);
	assert_int_equal(read_text("{}", &d, &err), 0);
	assert_int_equal(d.cmd.n + d.env.n, 0);
	assert_int_equal(read_text("{\"config\":{\"Cmd\":null}}", &d, &err), 0);
	assert_int_equal(d.cmd.n, 0);
}

static void what_is_asked_comes_first(void **state)
{
	static const char text[] = "{\"config\":{\"Cmd\":[\"-p\",\"80\"],"
				   "\"Env\":[\"A=1\",\"AB=2\",\"C=3\"]}}";
	struct qemu_defaults d;
	struct strv cmd = { 0 }, env = { 0 };
	struct err err;

	assert_int_equal(read_text(text, &d, &err), 0);
	qemu_defaults_merge(&d, NULL, NULL);
	assert_words(&d.cmd, "-p 80");
	assert_words(&d.env, "A=1 AB=2 C=3");
	strv_add(&env, "AB=x=y");
	strv_add(&env, "D=4");
	qemu_defaults_merge(&d, &cmd, &env);
	assert_words(&d.cmd, "-p 80");
	assert_words(&d.env, "A=1 AB=x=y C=3 D=4");
	strv_add(&cmd, "serve");
	qemu_defaults_merge(&d, &cmd, NULL);
	assert_words(&d.cmd, "serve");
	qemu_defaults_fini(&d);
	strv_fini(&cmd);
	strv_fini(&env);
}

static void damaged(void **state)
{
	static const char *const texts[] = { "{", "[", "{\"config\":{\"Cmd\":[1]}}",
					     "{\"config\":{\"Env\":[\"A=1\",{}]}}" };

	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		struct qemu_defaults d;
		struct err err = { 0 };

		if (read_text(texts[i], &d, &err) != -EBADMSG || !strstr(err.msg, "image's"))
			fail_msg("%s: %s", texts[i], err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(none),
		cmocka_unit_test(what_is_asked_comes_first),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
