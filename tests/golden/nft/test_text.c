/* nftables text against files: the whole table, and the changes between two.
 * HOLM_UPDATE_GOLDEN=1 rewrites them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "overlay/plan.h"

#define SVC(n) (0x0a1e0000u + (n)) /* 10.30.0.n */
#define NS(n)  (0x0a120000u + (n)) /* 10.18.0.n */

/* A shop: web with a mapped port and three local instances, db with one here and one elsewhere. */
struct shop {
	struct overlay_backend web[3];
	struct overlay_backend db[2];
	struct overlay_service services[2];
	struct overlay_table table;
};

static void shop_init(struct shop *s)
{
	*s = (struct shop){
		.web = {
			{ .number = 0, .namespace_ip = NS(2), .instance_ip = SVC(2),
			  .is_local = true, .is_ready = true },
			{ .number = 1, .namespace_ip = NS(3), .instance_ip = SVC(3),
			  .is_local = true, .is_ready = true },
			{ .number = 2, .namespace_ip = NS(4), .instance_ip = SVC(4),
			  .is_local = true, .is_ready = true },
		},
		.db = {
			{ .number = 0, .namespace_ip = NS(5), .instance_ip = SVC(12),
			  .is_local = true, .is_ready = true },
			{ .number = 1, .namespace_ip = NS(66), .instance_ip = SVC(13),
			  .is_ready = true },
		},
		.services = {
			{ .sname = "shop.prod.web.default", .rr_ip = SVC(1),
			  .ports = { { 8080, 80, false }, { 5353, 53, true } }, .n_ports = 2 },
			{ .sname = "shop.prod.db.default", .rr_ip = SVC(11) },
		},
	};
	s->services[0].backends = s->web;
	s->services[0].n_backends = 3;
	s->services[1].backends = s->db;
	s->services[1].n_backends = 2;
	s->table = (struct overlay_table){ s->services, 2 };
}

static void plan_init(struct overlay_plan *plan)
{
	const struct overlay_config config = {
		.node_id = "1a2b3c4d5e6f708192a3b4c5",
		.state_dir = "/nowhere",
		.namespace_pool = "10.18.0.0-10.29.255.255",
		.service_pool = "10.30.0.0/16",
		.domain = "holm",
	};
	struct err err;

	assert_int_equal(overlay_plan_init(plan, &config, &err), 0);
}

static void compare(const char *name, const char *text)
{
	const char *source = getenv("HOLM_SOURCE");
	auto_free char *path = xasprintf("%s/tests/golden/nft/%s.nft", source, name);
	auto_free char *expected = NULL;
	struct err err = { 0 };

	assert_non_null(source);
	if (getenv("HOLM_UPDATE_GOLDEN"))
		assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, &err), 0);
	assert_int_equal(file_read(path, 1 << 20, &expected, NULL, &err), 0);
	assert_string_equal(text, expected);
}

static void check_load(const char *name, const struct overlay_table *table)
{
	struct overlay_plan plan;
	struct nft_state new;
	auto_buf struct buf text;

	plan_init(&plan);
	buf_init(&text, OVERLAY_TEXT_MAX);
	nft_state_build(&new, table);
	assert_int_equal(nft_text_load(&text, &plan, &new), 0);
	compare(name, text.data);
	nft_state_fini(&new);
}

static void check_diff(const char *name, const struct overlay_table *before,
		       const struct overlay_table *after)
{
	struct overlay_plan plan;
	struct nft_state old;
	struct nft_state new;
	auto_buf struct buf text;

	plan_init(&plan);
	buf_init(&text, OVERLAY_TEXT_MAX);
	nft_state_build(&old, before);
	nft_state_build(&new, after);
	assert_int_equal(nft_text_diff(&text, &plan, &old, &new), 0);
	compare(name, text.data);
	nft_state_fini(&old);
	nft_state_fini(&new);
}

static void loads_an_empty_table(void **state)
{
	const struct overlay_table nothing = { 0 };

	check_load("load_empty", &nothing);
}

static void translates_for_a_guest_of_fixed_address(void **state)
{
	auto_buf struct buf text;

	buf_init(&text, OVERLAY_TEXT_MAX);
	assert_int_equal(nft_text_inner(&text, NS(66)), 0);
	compare("inner", text.data);
}

static void loads_services_and_ports(void **state)
{
	struct shop s;

	shop_init(&s);
	check_load("load", &s.table);
}

static void equal_tables_need_no_change(void **state)
{
	struct overlay_backend swapped;
	struct shop a;
	struct shop b;

	shop_init(&a);
	shop_init(&b);
	swapped = b.web[0];
	b.web[0] = b.web[2];
	b.web[2] = swapped;
	check_diff("nothing", &a.table, &b.table);
}

static void a_draining_backend_leaves_maps_but_may_call(void **state)
{
	struct shop a;
	struct shop b;

	shop_init(&a);
	shop_init(&b);
	b.web[1].is_ready = false;
	check_diff("drain", &a.table, &b.table);
}

static void a_moved_backend_changes_elements_alone(void **state)
{
	struct shop a;
	struct shop b;

	shop_init(&a);
	shop_init(&b);
	b.db[1].namespace_ip = NS(130);
	check_diff("move", &a.table, &b.table);
}

static void a_service_goes_with_its_chain(void **state)
{
	struct shop a;
	struct shop b;

	shop_init(&a);
	shop_init(&b);
	b.table.n_services = 1;
	check_diff("remove", &a.table, &b.table);
	check_diff("add", &b.table, &a.table);
}

static void the_last_ready_backend_takes_the_service_along(void **state)
{
	struct shop a;
	struct shop b;

	shop_init(&a);
	shop_init(&b);
	b.db[0].is_ready = b.db[1].is_ready = false;
	check_diff("none_ready", &a.table, &b.table);
}

static void of_two_services_with_a_port_the_first_has_it(void **state)
{
	struct nft_state new;
	struct shop s;

	shop_init(&s);
	s.services[1].ports[0] = (struct port_mapping){ 8080, 5432, false };
	s.services[1].n_ports = 1;
	nft_state_build(&new, &s.table);
	assert_int_equal(new.conflicts.n, 1);
	assert_string_equal(new.conflicts.items[0],
			    "port 8080/tcp is mapped by shop.prod.web.default and "
			    "shop.prod.db.default: it leads to the first alone");
	const struct nft_item *item = nft_state_find(&new, NFT_PORT, 6 << 16 | 8080);
	assert_non_null(item);
	assert_int_equal(item->n, 3);
	assert_int_equal(new.targets[item->first].port, 80);
	assert_null(nft_state_find(&new, NFT_PORT, 6 << 16 | 8081));
	nft_state_fini(&new);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(loads_an_empty_table),
		cmocka_unit_test(translates_for_a_guest_of_fixed_address),
		cmocka_unit_test(loads_services_and_ports),
		cmocka_unit_test(equal_tables_need_no_change),
		cmocka_unit_test(a_draining_backend_leaves_maps_but_may_call),
		cmocka_unit_test(a_moved_backend_changes_elements_alone),
		cmocka_unit_test(a_service_goes_with_its_chain),
		cmocka_unit_test(the_last_ready_backend_takes_the_service_along),
		cmocka_unit_test(of_two_services_with_a_port_the_first_has_it),
	};

	return cmocka_run_group_tests_name("golden/nft", tests, NULL, NULL);
}
