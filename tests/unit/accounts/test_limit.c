/* How often one may try. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "accounts/accounts.h"

static const struct limit_config config = {
	.names_max = 4,
	.free_tries = 3,
	.first_ms = 1000,
	.cap_ms = 5000,
	.forget_ms = 60000,
};

static int set_up(void **state)
{
	*state = limit_new(&config);
	return 0;
}

static int tear_down(void **state)
{
	limit_free(*state);
	return 0;
}

static void failures_have_to_be_waited_for(void **state)
{
	static const uint64_t expected[] = { 0, 0, 1000, 2000, 4000, 5000, 5000 };
	struct limit *limit = *state;
	uint64_t now = 100;

	for (size_t i = 0; i < ARRAY_LEN(expected); i++) {
		limit_failed(limit, "bob", now);
		assert_int_equal(limit_wait_ms(limit, "bob", now), expected[i]);
		now += expected[i];
		assert_int_equal(limit_wait_ms(limit, "bob", now), 0);
	}
	assert_int_equal(limit_wait_ms(limit, "eve", now), 0);
	limit_passed(limit, "bob");
	limit_failed(limit, "bob", now);
	assert_int_equal(limit_wait_ms(limit, "bob", now), 0);
}

static void they_are_forgotten(void **state)
{
	struct limit *limit = *state;

	for (size_t i = 0; i < 5; i++)
		limit_failed(limit, "bob", 0);
	assert_int_equal(limit_wait_ms(limit, "bob", 0), 4000);
	limit_failed(limit, "bob", 60000);
	assert_int_equal(limit_wait_ms(limit, "bob", 60000), 0);
}

static void so_many_names_are_kept(void **state)
{
	struct limit *limit = *state;

	for (size_t i = 0; i < 5; i++)
		limit_failed(limit, "bob", 1000 + i);
	for (size_t i = 0; i < 100; i++) {
		auto_free char *name = xasprintf("eve%zu", i);

		limit_failed(limit, name, 10 + i);
	}
	assert_int_equal(limit_count(limit), config.names_max);
	/* Who failed last is the last to be forgotten. */
	assert_int_not_equal(limit_wait_ms(limit, "bob", 1005), 0);
	limit_failed(limit, "late", 70000);
	assert_int_equal(limit_count(limit), 1);
}

static void a_long_series_stays_at_the_cap(void **state)
{
	struct limit *limit = *state;

	for (size_t i = 0; i < 10000; i++)
		limit_failed(limit, "bob", 0);
	assert_int_equal(limit_wait_ms(limit, "bob", 0), 5000);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(failures_have_to_be_waited_for),
		T(they_are_forgotten),
		T(so_many_names_are_kept),
		T(a_long_series_stays_at_the_cap),
	};

	return cmocka_run_group_tests_name("accounts/limit", tests, NULL, NULL);
}
