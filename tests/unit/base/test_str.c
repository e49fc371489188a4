/* String helpers and the string vector. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

static void null_equals_only_null(void **state)
{
	assert_true(str_eq(NULL, NULL));
	assert_false(str_eq(NULL, ""));
	assert_false(str_eq("", NULL));
	assert_true(str_eq("a", "a"));
	assert_false(str_eq("a", "ab"));
	assert_true(str_is_empty(NULL));
	assert_true(str_is_empty(""));
	assert_false(str_is_empty(" "));
}

static void starts_and_ends(void **state)
{
	assert_true(str_starts("abc", "ab"));
	assert_true(str_starts("abc", ""));
	assert_false(str_starts("ab", "abc"));
	assert_true(str_ends("abc", "bc"));
	assert_true(str_ends("abc", ""));
	assert_false(str_ends("bc", "abc"));
}

static void copies_are_terminated(void **state)
{
	char field[4] = "zzz";
	char one[1] = { 'z' };

	STR_COPY(field, "ab");
	assert_string_equal(field, "ab");
	STR_COPY(field, "abcdef");
	assert_string_equal(field, "abc");
	STR_COPY(field, NULL);
	assert_string_equal(field, "");
	STR_COPY(one, "abc");
	assert_string_equal(one, "");
}

static void a_vector_serves_as_argv(void **state)
{
	auto_strv struct strv v = { 0 };
	auto_strv struct strv copy = { 0 };

	assert_false(strv_has(&v, "a"));
	strv_add(&v, "a");
	strv_addf(&v, "%d", 2);
	strv_take(&v, xstrdup("c"));
	assert_int_equal(v.n, 3);
	assert_null(v.items[3]);
	assert_true(strv_has(&v, "2"));
	strv_copy(&copy, &v);
	assert_true(strv_eq(&copy, &v));
	strv_add(&copy, "d");
	assert_false(strv_eq(&copy, &v));
	auto_free char *text = strv_join(&v, ", ");
	assert_string_equal(text, "a, 2, c");
}

static void a_long_vector_is_joined_whole(void **state)
{
	auto_strv struct strv v = { 0 };
	auto_free char *big = xmalloc(700001);

	memset(big, 'x', 700000);
	big[700000] = '\0';
	strv_add(&v, big);
	strv_add(&v, big);
	auto_free char *text = strv_join(&v, "-");
	assert_int_equal(strlen(text), 1400001);
}

static void splitting_leaves_out_empty_pieces(void **state)
{
	auto_strv struct strv v = { 0 };
	auto_strv struct strv none = { 0 };

	strv_split(&v, "  a b\n\nc ", " \n");
	auto_free char *text = strv_join(&v, "|");
	assert_string_equal(text, "a|b|c");
	strv_split(&none, "  ", " ");
	strv_split(&none, "", " ");
	assert_int_equal(none.n, 0);
}

static void the_nearest_name_is_close(void **state)
{
	static const char *const names[] = { "memory", "vcpus", "image", "port" };
	char long_word[200];

	assert_string_equal(str_nearest("memroy", names, 4), "memory");
	assert_string_equal(str_nearest("vcpu", names, 4), "vcpus");
	assert_string_equal(str_nearest("image", names, 4), "image");
	assert_string_equal(str_nearest("por", names, 4), "port");
	assert_null(str_nearest("xy", names, 4));
	assert_null(str_nearest("storage", names, 4));
	memset(long_word, 'x', sizeof(long_word) - 1);
	long_word[sizeof(long_word) - 1] = '\0';
	assert_null(str_nearest(long_word, names, 4));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(null_equals_only_null),
		cmocka_unit_test(starts_and_ends),
		cmocka_unit_test(copies_are_terminated),
		cmocka_unit_test(a_vector_serves_as_argv),
		cmocka_unit_test(a_long_vector_is_joined_whole),
		cmocka_unit_test(splitting_leaves_out_empty_pieces),
		cmocka_unit_test(the_nearest_name_is_close),
	};

	return cmocka_run_group_tests_name("base/str", tests, NULL, NULL);
}
