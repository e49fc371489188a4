/* The hash map: order, removal, growth. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

static void keeps_order_over_removal_and_growth(void **state)
{
	struct map m = { 0 };
	int values[1000];
	size_t seen = 0;

	for (int i = 0; i < 1000; i++) {
		char key[16];

		values[i] = i;
		snprintf(key, sizeof(key), "k%d", i);
		assert_null(map_set(&m, key, &values[i]));
		if (i % 2)
			assert_ptr_equal(map_remove(&m, key), &values[i]);
	}
	assert_int_equal(m.n, 500);
	assert_null(map_find(&m, "k1"));
	assert_ptr_equal(map_find(&m, "k998"), &values[998]);
	map_for_each(&m, i, e)
		assert_int_equal(*(int *)e->value, 2 * seen++);
	assert_int_equal(seen, 500);
	map_fini(&m);
}

static void replaces_and_tells_the_old_value(void **state)
{
	struct map m = { 0 };
	int a;
	int b;

	assert_null(map_set(&m, "x", &a));
	assert_ptr_equal(map_set(&m, "x", &b), &a);
	assert_int_equal(m.n, 1);
	assert_ptr_equal(map_remove(&m, "x"), &b);
	assert_null(map_remove(&m, "x"));
	assert_null(map_set(&m, "x", &a));
	map_fini(&m);
}

static void tells_keys_of_all_lengths_apart(void **state)
{
	char key[41] = "";
	struct map m = { 0 };

	/* Each is the beginning of the next. */
	for (size_t len = 0; len < sizeof(key); len++) {
		memset(key, 'x', len);
		key[len] = '\0';
		assert_null(map_set(&m, key, key + len));
	}
	for (size_t len = 0; len < sizeof(key); len++) {
		memset(key, 'x', len);
		key[len] = '\0';
		assert_ptr_equal(map_find(&m, key), key + len);
		if (len == 0)
			continue;
		key[len - 1] = 'y';
		assert_null(map_find(&m, key));
	}
	map_fini(&m);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(keeps_order_over_removal_and_growth),
		cmocka_unit_test(replaces_and_tells_the_old_value),
		cmocka_unit_test(tells_keys_of_all_lengths_apart),
	};

	return cmocka_run_group_tests_name("base/map", tests, NULL, NULL);
}
