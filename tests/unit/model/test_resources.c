/* What fits on a node. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/resources.h"

static const struct resources capacity = { .memory_mib = 2000,
					   .cpu_millis = 4000,
					   .pids = 1000,
					   .disk_mib = 10000 };

static void the_offer_follows_the_settings(void **state)
{
	struct resource_settings s = RESOURCE_SETTINGS_DEFAULT;
	struct err err;
	struct resources offer = resources_offer(&capacity, &s);

	assert_int_equal(offer.memory_mib, 2000);
	assert_int_equal(offer.cpu_millis, 0); /* no bound */
	assert_int_equal(offer.pids, 1000);
	assert_int_equal(offer.disk_mib, 10000);
	assert_int_equal(resources_parse_overcommit("memory=1.5,cpu=4,disk=none", &s, &err), 0);
	assert_int_equal(resources_parse_reserve("memory=500,cpu=0.25,pids=1", &s, &err), 0);
	offer = resources_offer(&capacity, &s);
	assert_int_equal(offer.memory_mib, 2500);
	assert_int_equal(offer.cpu_millis, 15750);
	assert_int_equal(offer.pids, 999);
	assert_int_equal(offer.disk_mib, 0);
	/* A reserve beyond all there is leaves next to nothing, not no bound. */
	assert_int_equal(resources_parse_reserve("memory=9999", &s, &err), 0);
	assert_int_equal(resources_offer(&capacity, &s).memory_mib, 1);
}

static void settings_that_are_none(void **state)
{
	static const char *const bad[] = { "memory",     "memory=",      "memory=0.01",
					   "memory=101", "memory=1.2.3", "memory=1.2345",
					   "swap=1",     "cpu=-1",       "cpu=1.",
					   "cpu= 1" };

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct resource_settings s = RESOURCE_SETTINGS_DEFAULT;
		struct err err = { 0 };

		if (resources_parse_overcommit(bad[i], &s, &err) != -EINVAL)
			fail_msg("%s was taken", bad[i]);
		assert_non_null(strstr(err.msg, bad[i]));
		assert_int_equal(s.over_per_mille.memory_mib, 1000);
	}
	struct resource_settings s = RESOURCE_SETTINGS_DEFAULT;
	struct err err = { 0 };
	assert_int_equal(resources_parse_reserve("memory=1.5", &s, &err), -EINVAL);
	assert_int_equal(resources_parse_reserve("disk=none", &s, &err), -EINVAL);
	assert_int_equal(resources_parse_reserve(NULL, &s, &err), 0);
}

static bool fits(struct resources promised, struct resources ask, const char *why)
{
	const struct resources offer = { .memory_mib = 1000, .pids = 100 };
	auto_buf struct buf text;

	buf_init(&text, 200);
	bool result = resources_fit(&offer, &promised, &ask, &text);
	assert_string_equal(text.data, why);
	return result;
}

#define RESOURCES(...) ((struct resources){ __VA_ARGS__ })

static void what_is_left_decides(void **state)
{
	assert_true(fits(RESOURCES(.memory_mib = 600), RESOURCES(.memory_mib = 400), ""));
	assert_false(fits(RESOURCES(.memory_mib = 600), RESOURCES(.memory_mib = 401),
			  "needs 401 MiB of memory, 400 of 1000 free"));
	/* Less than nothing is left after an offer that shrank. */
	assert_false(fits(RESOURCES(.memory_mib = 1200), RESOURCES(.memory_mib = 1),
			  "needs 1 MiB of memory, 0 of 1000 free"));
	assert_false(fits(RESOURCES(.pids = 90), RESOURCES(.pids = 11),
			  "needs 11 processes, 10 of 100 free"));
	/* What has no bound, and what asks for nothing, always fits. */
	assert_true(fits(RESOURCES(.disk_mib = 1 << 30), RESOURCES(.disk_mib = 5), ""));
	assert_true(fits(RESOURCES(.memory_mib = 5000), RESOURCES(.cpu_millis = 5), ""));
}

static void what_a_service_is_promised(void **state)
{
	const struct service_spec spec = { .memory_mib = 64,
					   .vcpus = 2,
					   .pids = 20,
					   .storage_mib = 100 };
	struct resources sum = resources_of_spec(&spec);

	resources_add(&sum, &(struct resources){ .memory_mib = 1, .disk_mib = 1 });
	assert_int_equal(sum.memory_mib, 65);
	assert_int_equal(sum.cpu_millis, 2000);
	assert_int_equal(sum.pids, 20);
	assert_int_equal(sum.disk_mib, 101);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_offer_follows_the_settings),
		cmocka_unit_test(settings_that_are_none),
		cmocka_unit_test(what_is_left_decides),
		cmocka_unit_test(what_a_service_is_promised),
	};

	return cmocka_run_group_tests_name("model/resources", tests, NULL, NULL);
}
