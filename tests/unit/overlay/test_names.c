/* The hosts file. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "overlay/plan.h"

static void writes_services_and_instances(void **state)
{
	const struct overlay_plan plan = { .domain = "holm" };
	struct overlay_backend backends[] = {
		{ .number = 0, .instance_ip = 0x0a1e0002 },
		{ .number = 7, .instance_ip = 0x0a1e0003, .is_ready = true },
		{ .number = 8 },
	};
	struct overlay_service services[] = {
		{ .sname = "shop.prod.Web.default",
		  .rr_ip = 0x0a1e0001,
		  .backends = backends,
		  .n_backends = 3 },
		{ .sname = "shop.prod.db.default", .rr_ip = 0x0a1e0004 },
		{ .sname = "shop.prod.quiet.default" },
		{ .sname = "three.parts.only", .rr_ip = 0x0a1e0005 },
	};
	const struct overlay_table table = { services, ARRAY_LEN(services) };
	auto_buf struct buf text;

	buf_init(&text, 4096);
	assert_int_equal(names_text(&text, &plan, &table), 0);
	assert_string_equal(text.data, "10.30.0.1 web.default.shop.prod.holm\n"
				       "10.30.0.2 0.web.default.shop.prod.holm\n"
				       "10.30.0.3 7.web.default.shop.prod.holm\n"
				       "10.30.0.4 db.default.shop.prod.holm\n");
}

static void stops_at_its_bound(void **state)
{
	const struct overlay_plan plan = { .domain = "holm" };
	struct overlay_service service = { .sname = "a.b.c.d", .rr_ip = 0x0a1e0001 };
	const struct overlay_table table = { &service, 1 };
	auto_buf struct buf text;

	buf_init(&text, 10);
	assert_int_equal(names_text(&text, &plan, &table), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(writes_services_and_instances),
		cmocka_unit_test(stops_at_its_bound),
	};

	return cmocka_run_group_tests_name("overlay/names", tests, NULL, NULL);
}
