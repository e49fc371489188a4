/* Links, addresses, routes and namespaces in a network namespace of the test's own. */
#include <sched.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "wire/netlink/netlink.h"

#define IP(a, b, c, d) ((uint32_t)(a) << 24 | (b) << 16 | (c) << 8 | (d))
#define THERE          "/run/netns/there"

static const uint8_t mac[NETLINK_MAC_SIZE] = { 2, 0, 0, 0, 0, 7 };

static void must(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%s", err->msg);
}

static int set_up(void **state)
{
	struct netlink *nl = NULL;
	struct err err;

	*state = NULL;
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0 ||
	    mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("none", "/run", "tmpfs", 0, "mode=755") < 0) {
		print_message("# make namespaces: %s\n", strerror(errno));
		return 0;
	}
	must(netlink_open(NULL, &nl, &err), &err);
	*state = nl;
	return 0;
}

static int tear_down(void **state)
{
	struct err err;

	netlink_close(*state);
	if (*state)
		must(netns_remove(THERE, &err), &err);
	return 0;
}

static struct netlink *begin(void **state)
{
	if (!*state)
		skip();
	return *state;
}

static struct netlink_link find(struct netlink *nl, const char *name)
{
	struct netlink_link link;
	struct err err;

	must(netlink_link_find(nl, name, &link, &err), &err);
	return link;
}

static void a_bridge_is_made_and_found(void **state)
{
	struct netlink *nl = begin(state);
	struct netlink_link link;
	struct err err;

	assert_int_equal(netlink_link_find(nl, "br", &link, &err), -ENODEV);
	assert_string_equal(err.msg, "find link br: No such device");
	must(netlink_bridge_make(nl, "br", mac, &err), &err);
	must(netlink_bridge_make(nl, "br", mac, &err), &err);
	link = find(nl, "br");
	assert_string_equal(link.kind, "bridge");
	assert_memory_equal(link.mac, mac, sizeof(mac));
	assert_false(link.is_up);
	must(netlink_link_change(
		     nl, link.index,
		     &(struct netlink_change){ .alias = "a", .mtu = 1400, .is_up = true }, &err),
	     &err);
	link = find(nl, "br");
	assert_true(link.is_up);
	assert_int_equal(link.mtu, 1400);
	assert_string_equal(link.alias, "a");
	assert_false(link.is_carrying);
	must(netlink_link_delete(nl, link.index, &err), &err);
	must(netlink_link_delete(nl, link.index, &err), &err);
}

static void a_pair_reaches_into_another_namespace(void **state)
{
	struct netlink *nl = begin(state);
	auto_(netlink_close) struct netlink *there = NULL;
	const struct netlink_veth veth = { "here0", "eth0", mac, THERE, 1450 };
	struct err err;

	assert_false(netns_exists(THERE));
	must(netns_make(THERE, &err), &err);
	must(netns_make(THERE, &err), &err);
	assert_true(netns_exists(THERE));
	must(netlink_open(THERE, &there, &err), &err);
	must(netlink_bridge_make(nl, "br", mac, &err), &err);
	must(netlink_veth_add(nl, &veth, &err), &err);
	struct netlink_link here = find(nl, "here0");
	struct netlink_link eth0 = find(there, "eth0");
	assert_int_equal(here.peer, eth0.index);
	assert_int_equal(eth0.peer, here.index);
	assert_int_equal(eth0.mtu, 1450);
	assert_memory_equal(eth0.mac, mac, sizeof(mac));
	uint32_t bridge = find(nl, "br").index;
	const struct netlink_change up = { .is_up = true };
	const struct netlink_change port = { .master = bridge, .is_up = true };
	must(netlink_link_change(nl, bridge, &up, &err), &err);
	must(netlink_link_change(there, eth0.index, &up, &err), &err);
	assert_int_equal(netlink_link_await(NULL, "here0", 10, &err), -ETIMEDOUT);
	must(netlink_link_change(nl, here.index, &port, &err), &err);
	must(netlink_link_change(nl, here.index, &(struct netlink_change){ .is_hairpin = true },
				 &err),
	     &err);
	must(netlink_link_await(NULL, "here0", 3000, &err), &err);
	must(netlink_link_await(THERE, "eth0", 3000, &err), &err);
	here = find(nl, "here0");
	assert_true(here.is_hairpin);
	assert_true(here.is_carrying);
	assert_int_equal(here.master, bridge);
}

static size_t count_addresses(struct netlink *nl, uint32_t ip)
{
	auto_free struct netlink_addr *addrs = NULL;
	size_t n_addrs = 0;
	size_t n = 0;
	struct err err;

	must(netlink_addr_list(nl, &addrs, &n_addrs, &err), &err);
	for (size_t i = 0; i < n_addrs; i++)
		n += addrs[i].ip == ip && addrs[i].prefix == 26 && addrs[i].is_global;
	return n;
}

static bool has_route(struct netlink *nl, const struct netlink_route *wanted)
{
	auto_free struct netlink_route *routes = NULL;
	size_t n = 0;
	struct err err;

	must(netlink_route_list(nl, &routes, &n, &err), &err);
	for (size_t i = 0; i < n; i++)
		if (routes[i].dst == wanted->dst && routes[i].prefix == wanted->prefix &&
		    routes[i].index == wanted->index && routes[i].gateway == wanted->gateway &&
		    routes[i].source == wanted->source)
			return true;
	return false;
}

static void addresses_and_routes_come_and_go(void **state)
{
	struct netlink *nl = begin(state);
	struct netlink_addr addr = { .ip = IP(10, 98, 0, 1), .prefix = 26 };
	struct err err;

	must(netlink_bridge_make(nl, "br", mac, &err), &err);
	addr.index = find(nl, "br").index;
	must(netlink_link_change(nl, addr.index, &(struct netlink_change){ .is_up = true }, &err),
	     &err);
	for (int i = 0; i < 2; i++)
		must(netlink_addr_add(nl, &addr, &err), &err);
	assert_int_equal(count_addresses(nl, addr.ip), 1);
	struct netlink_route route = { IP(10, 97, 0, 0), 16, addr.index, 0, addr.ip };
	for (int i = 0; i < 2; i++)
		must(netlink_route_set(nl, &route, &err), &err);
	assert_true(has_route(nl, &route));
	route.source = 0;
	route.gateway = IP(10, 98, 0, 9);
	must(netlink_route_set(nl, &route, &err), &err);
	assert_true(has_route(nl, &route));
	assert_true(has_route(nl, &(struct netlink_route){ IP(10, 98, 0, 0), 26, addr.index, 0,
							   addr.ip }));
	for (int i = 0; i < 2; i++)
		must(netlink_addr_delete(nl, &addr, &err), &err);
	assert_int_equal(count_addresses(nl, addr.ip), 0);
	assert_int_equal(netlink_route_set(nl, &route, &err), -ENETUNREACH);
	assert_string_equal(err.msg, "set route to 10.97.0.0/16: Network is unreachable");
}

static void a_tap_stays_and_is_known_by_its_owner(void **state)
{
	struct netlink *nl = begin(state);
	struct err err;

	must(netlink_tap_add("tap7", 1234, &err), &err);
	struct netlink_link link = find(nl, "tap7");
	assert_true(link.is_tap);
	assert_int_equal(link.tap_owner, 1234);
	assert_string_equal(link.kind, "tun");
	assert_int_equal(netlink_tap_add("tap7", 1234, &err), -EBUSY);
}

static void many_links_are_listed(void **state)
{
	struct netlink *nl = begin(state);
	auto_free struct netlink_link *links = NULL;
	size_t n = 0;
	struct err err;

	for (int i = 0; i < 200; i++) {
		char name[NETLINK_NAME_SIZE];

		snprintf(name, sizeof(name), "br%d", i);
		must(netlink_bridge_make(nl, name, mac, &err), &err);
	}
	must(netlink_link_list(nl, &links, &n, &err), &err);
	size_t bridges = 0;
	for (size_t i = 0; i < n; i++)
		bridges += str_eq(links[i].kind, "bridge");
	assert_int_equal(bridges, 200);
}

static void a_visit_ends_where_it_began(void **state)
{
	struct err err;
	struct stat before;
	struct stat during;
	struct stat after;
	int home;

	begin(state);
	assert_int_equal(netns_enter(THERE, &home, &err), -ENOENT);
	must(netns_make(THERE, &err), &err);
	stat("/proc/thread-self/ns/net", &before);
	must(netns_enter(THERE, &home, &err), &err);
	stat("/proc/thread-self/ns/net", &during);
	netns_leave(home);
	stat("/proc/thread-self/ns/net", &after);
	assert_true(before.st_ino != during.st_ino);
	assert_true(before.st_ino == after.st_ino);
	for (int i = 0; i < 2; i++)
		must(netns_remove(THERE, &err), &err);
	assert_false(path_exists(THERE));
}

#define NETLINK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NETLINK_TEST(a_bridge_is_made_and_found),
		NETLINK_TEST(a_pair_reaches_into_another_namespace),
		NETLINK_TEST(addresses_and_routes_come_and_go),
		NETLINK_TEST(a_tap_stays_and_is_known_by_its_owner),
		NETLINK_TEST(many_links_are_listed),
		NETLINK_TEST(a_visit_ends_where_it_began),
	};

	return cmocka_run_group_tests_name("wire/netlink", tests, NULL, NULL);
}
