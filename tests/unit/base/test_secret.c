/* Bytes that are wiped. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/secret.h"

static void keeps_any_bytes(void **state)
{
	auto_secret struct secret s = { 0 };

	assert_true(secret_is_text(&s));
	secret_set(&s, "a\0b", 3);
	assert_int_equal(s.len, 3);
	assert_memory_equal(s.bytes, "a\0b", 4);
	assert_false(secret_is_text(&s));
	secret_set(&s, s.bytes, 1); /* of itself */
	assert_int_equal(s.len, 1);
	assert_string_equal((char *)s.bytes, "a");
	assert_true(secret_is_text(&s));
	secret_set(&s, NULL, 0);
	assert_int_equal(s.len, 0);
	secret_fini(&s);
	assert_null(s.bytes);
}

static void compares_all_of_it(void **state)
{
	auto_secret struct secret a = { 0 };
	auto_secret struct secret b = { 0 };

	assert_true(secret_equal(&a, &b));
	secret_set(&a, "abc", 3);
	assert_false(secret_equal(&a, &b));
	secret_set(&b, "abd", 3);
	assert_false(secret_equal(&a, &b));
	secret_set(&b, "abcd", 4);
	assert_false(secret_equal(&a, &b));
	secret_set(&b, "abc", 3);
	assert_true(secret_equal(&a, &b));
}

static void a_text_may_be_missing(void **state)
{
	secret_free_text(NULL);
	secret_free_text(xstrdup("x"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_any_bytes),
		cmocka_unit_test(compares_all_of_it),
		cmocka_unit_test(a_text_may_be_missing),
	};

	return cmocka_run_group_tests_name("base/secret", tests, NULL, NULL);
}
