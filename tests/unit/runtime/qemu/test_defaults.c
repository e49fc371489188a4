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

/* What a kernel takes is told by its configuration. */
static void what_the_kernel_takes(void **state)
{
	struct qemu_defaults d;
	struct strv env = { 0 };
	struct err err;

	assert_int_equal(read_text("{\"os.features\":[\"CONFIG_A=y\",7,"
				   "\"CONFIG_LIBPOSIX_ENVIRON_LIBPARAM_MAXCOUNT_X=9\","
				   "\"CONFIG_LIBPOSIX_ENVIRON_LIBPARAM_MAXCOUNT=16\","
				   "\"CONFIG_LIBUKBOOT_MAXNBARGS=120\"],"
				   "\"config\":{\"Env\":[\"A=1\",\"B=2\",\"C=3\"]}}",
				   &d, &err),
			 0);
	assert_int_equal(d.variables_max, 16);
	assert_int_equal(d.words_max, 120);
	strv_add(&env, "B=x");
	strv_add(&env, "D=x");
	qemu_defaults_merge(&d, NULL, &env);
	assert_int_equal(d.env.n, 4);
	assert_int_equal(d.n_own_variables, 2);
	qemu_defaults_fini(&d);
	strv_fini(&env);
	assert_int_equal(read_text("{\"os.features\":[\"CONFIG_LIBUKBOOT_MAXNBARGS=100000\","
				   "\"CONFIG_LIBPOSIX_ENVIRON_LIBPARAM_MAXCOUNT=-1\"]}",
				   &d, &err),
			 0);
	assert_int_equal(d.variables_max, 0);
	assert_int_equal(d.words_max, 0);
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
		cmocka_unit_test(what_the_kernel_takes),
		cmocka_unit_test(damaged),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
