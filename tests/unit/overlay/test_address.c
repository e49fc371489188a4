/* Pools, blocks and what follows from an address. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "overlay/plan.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))

static struct overlay_config config_new(void)
{
	return (struct overlay_config){
		.node_id = "1a2b3c4d5e6f708192a3b4c5",
		.state_dir = "/nowhere",
		.namespace_pool = "10.18.0.0-10.29.255.255",
		.service_pool = "10.30.0.0/16",
		.domain = "holm",
	};
}

static void picks_the_first_free_address(void **state)
{
	auto_strv struct strv blocks = { 0 };
	uint32_t used[61] = { IP(10, 18, 0, 3), IP(10, 18, 0, 2) };

	assert_int_equal(overlay_pick_ip(&blocks, NULL, 0), 0);
	strv_add(&blocks, "10.18.0.0/26");
	assert_int_equal(overlay_pick_ip(&blocks, NULL, 0), IP(10, 18, 0, 2));
	assert_int_equal(overlay_pick_ip(&blocks, used, 2), IP(10, 18, 0, 4));
	for (uint32_t i = 0; i < 61; i++)
		used[i] = IP(10, 18, 0, 62) - i;
	assert_int_equal(overlay_pick_ip(&blocks, used, 61), 0);
	assert_int_equal(overlay_pick_ip(&blocks, used, 60), IP(10, 18, 0, 2));
	strv_add(&blocks, "10.18.0.64/26");
	assert_int_equal(overlay_pick_ip(&blocks, used, 61), IP(10, 18, 0, 66));
}

static void leaves_out_blocks_that_are_none(void **state)
{
	auto_strv struct strv blocks = { 0 };

	strv_add(&blocks, "10.18.0.0/24");
	strv_add(&blocks, "10.18.0.1/26");
	strv_add(&blocks, "x");
	assert_int_equal(overlay_pick_ip(&blocks, NULL, 0), 0);
	assert_false(overlay_blocks_have(&blocks, IP(10, 18, 0, 2)));
	strv_add(&blocks, "10.18.1.192/26");
	assert_int_equal(overlay_pick_ip(&blocks, NULL, 0), IP(10, 18, 1, 194));
	assert_true(overlay_blocks_have(&blocks, IP(10, 18, 1, 255)));
	assert_false(overlay_blocks_have(&blocks, IP(10, 18, 2, 0)));
	assert_false(overlay_blocks_have(&blocks, IP(10, 18, 1, 191)));
}

static void names_carry_node_and_address(void **state)
{
	struct overlay_config config = config_new();
	struct overlay_link link;
	struct overlay_plan plan;
	struct err err;

	assert_int_equal(overlay_plan_init(&plan, &config, &err), 0);
	assert_string_equal(plan.bridge, "holm-1a2b3c4d");
	overlay_link_describe(&plan,
			      &(struct overlay_link_spec){
				      .instance_id = "00112233445566778899aabb",
				      .ip = IP(10, 18, 0, 66),
			      },
			      &link);
	assert_string_equal(link.ifname, "h1a2b3cv120042");
	assert_string_equal(link.netns_path, "/run/netns/holm-1a2b3c4d-00112233445566778899aabb");
	assert_string_equal(link.mac, "02:00:0a:12:00:42");
	assert_string_equal(link.ip, "10.18.0.66");
	assert_string_equal(link.gateway, "10.18.0.65");
	assert_string_equal(link.dns, "10.18.0.65");
	assert_int_equal(link.prefix, 26);
	assert_string_equal(link.tap, "");
	assert_true(overlay_ifname_is_ours(&plan, link.ifname));
	assert_false(overlay_ifname_is_ours(&plan, "h1a2b3dv120042"));
	assert_false(overlay_ifname_is_ours(&plan, "h1a2b3cv12004"));
	assert_false(overlay_ifname_is_ours(&plan, "h1a2b3cv12004x"));
}

static void a_guest_has_one_address_in_all_namespaces(void **state)
{
	struct overlay_config config = config_new();
	struct overlay_link_spec spec = { .instance_id = "00112233445566778899aabb",
					  .is_tap = true,
					  .ip = IP(10, 18, 0, 66) };
	struct overlay_link plain, inner;
	struct overlay_plan plan;
	struct err err;

	assert_int_equal(overlay_plan_init(&plan, &config, &err), 0);
	overlay_link_describe(&plan, &spec, &plain);
	assert_string_equal(plain.tap, "h1a2b3cv120042");
	assert_string_equal(plain.netns_path, "");
	assert_string_equal(plain.ip, "10.18.0.66");
	spec.is_inner = true;
	overlay_link_describe(&plan, &spec, &inner);
	assert_string_equal(inner.ifname, plain.ifname);
	assert_string_equal(inner.tap, "tap0");
	assert_string_equal(inner.netns_path, "/run/netns/holm-1a2b3c4d-00112233445566778899aabb");
	assert_string_equal(inner.mac, "02:00:c0:00:00:02");
	assert_string_equal(inner.ip, "192.0.0.2");
	assert_string_equal(inner.gateway, "192.0.0.1");
	assert_string_equal(inner.dns, "192.0.0.1");
	assert_int_equal(inner.prefix, 29);
}

static void refuses(const char *ns_pool, const char *svc_pool, const char *why)
{
	struct overlay_config config = config_new();
	struct overlay_plan plan;
	struct err err;

	config.namespace_pool = ns_pool;
	config.service_pool = svc_pool;
	assert_int_equal(overlay_plan_init(&plan, &config, &err), -EINVAL);
	if (!strstr(err.msg, why))
		fail_msg("\"%s\" does not say \"%s\"", err.msg, why);
}

static void refuses_pools_that_cannot_work(void **state)
{
	const char *good = "10.18.0.0-10.29.255.255";

	refuses("10.18.0.0/16", "10.30.0.0/16", "not of the form");
	refuses("10.18.0.0-", "10.30.0.0/16", "not of the form");
	refuses("10.18.0.0-10.17.255.255", "10.30.0.0/16", "blocks of /26");
	refuses("10.18.0.0-10.18.0.100", "10.30.0.0/16", "blocks of /26");
	refuses("10.18.0.0-11.18.255.255", "10.30.0.0/16", "larger than a /8");
	refuses(good, "10.30.0.0", "not a network");
	refuses(good, "10.30.0.0/30", "not a network");
	refuses(good, "10.20.0.0/16", "overlaps the namespace pool");
	refuses(good, "10.16.0.0/12", "overlaps the namespace pool");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(picks_the_first_free_address),
		cmocka_unit_test(leaves_out_blocks_that_are_none),
		cmocka_unit_test(names_carry_node_and_address),
		cmocka_unit_test(a_guest_has_one_address_in_all_namespaces),
		cmocka_unit_test(refuses_pools_that_cannot_work),
	};

	return cmocka_run_group_tests_name("overlay/address", tests, NULL, NULL);
}
