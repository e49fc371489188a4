/* Links of instances: made, found, repaired, removed; and nothing left of us afterwards. */
#include <fcntl.h>
#include <linux/if.h>
#include <linux/if_tun.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "kit.h"

static int set_up(void **state)
{
	char why[ERR_MSG_MAX];

	*state = kit_new(why);
	if (!*state)
		print_message("# %s\n", why);
	return 0;
}

static int tear_down(void **state)
{
	kit_free(*state);
	return 0;
}

static struct kit *begin(void **state)
{
	if (!*state)
		skip();
	return *state;
}

static int attach_tap(struct kit *kit, unsigned n, uint32_t uid, struct overlay_link *link)
{
	struct overlay_link_spec spec = { .ip = NS(n), .is_tap = true, .tap_uid = uid };
	struct err err;

	kit_id(n, spec.instance_id);
	return overlay_linux.attach(kit->ov, &spec, link, &err);
}

static void detach(struct kit *kit, unsigned n)
{
	struct overlay_leaver leaver = { .ip = NS(n) };
	struct err err = { 0 };

	kit_id(n, leaver.instance_id);
	if (overlay_linux.detach(kit->ov, &leaver, 1, &err) < 0)
		fail_msg("%s", err.msg);
}

static void expect_in(const char *command, const char *text)
{
	auto_free char *output = kit_run(command);

	if (!strstr(output, text))
		fail_msg("%s: \"%s\" is not in: %s", command, text, output);
}

static void expect_not_in(const char *command, const char *text)
{
	auto_free char *output = kit_run(command);

	if (strstr(output, text))
		fail_msg("%s: \"%s\" is in: %s", command, text, output);
}

#define NETNS2 "holm-1a2b3c4d-000000000000000000000002"

static void a_container_finds_a_finished_eth0(void **state)
{
	struct kit *kit = begin(state);
	struct overlay_link link;

	kit_up(kit);
	kit_attach(kit, 2, &link);
	assert_string_equal(link.netns_path, "/run/netns/" NETNS2);
	assert_string_equal(link.ifname, "h1a2b3cv120002");
	assert_string_equal(link.gateway, "10.18.0.1");
	expect_in("ip -n " NETNS2 " addr show eth0", "inet 10.18.0.2/26");
	expect_in("ip -n " NETNS2 " link show eth0", "link/ether 02:00:0a:12:00:02");
	expect_in("ip -n " NETNS2 " link show eth0", "mtu 1500");
	expect_in("ip -n " NETNS2 " route", "default via 10.18.0.1 dev eth0");
	expect_in("ip -n " NETNS2 " link show lo", "LOOPBACK,UP");
	expect_not_in("ip -n " NETNS2 " addr", "inet6");
	expect_not_in("ip addr show dev " BRIDGE, "inet6");
	expect_in("ip -d link show " BRIDGE, "stp_state 0");
	expect_in("ip -d link show " BRIDGE, "mcast_snooping 0");
	expect_in("ip -d link show " BRIDGE, "forward_delay 0");
	expect_in("ip route", "10.30.0.0/16 dev " BRIDGE " proto static scope link src 10.18.0.1");
}

static char *link_line(const char *ifname)
{
	auto_free char *command = xasprintf("ip -d link show %s", ifname);

	return kit_run(command);
}

static void attach_again_changes_nothing(void **state)
{
	struct kit *kit = begin(state);
	struct overlay_link link;

	kit_up(kit);
	kit_attach(kit, 2, &link);
	assert_int_equal(attach_tap(kit, 3, 4321, &link), 0);
	auto_free char *before = link_line("h1a2b3cv120002");
	auto_free char *tap_before = link_line("h1a2b3cv120003");
	kit_restart(kit);
	kit_attach(kit, 2, &link);
	assert_int_equal(attach_tap(kit, 3, 4321, &link), 0);
	auto_free char *after = link_line("h1a2b3cv120002");
	auto_free char *tap_after = link_line("h1a2b3cv120003");
	assert_string_equal(before, after);
	assert_string_equal(tap_before, tap_after);
}

static void what_was_broken_is_repaired(void **state)
{
	static const char *const damage[] = {
		"ip link del h1a2b3cv120002",
		"ip -n " NETNS2 " link del eth0",
		"ip -n " NETNS2 " link set eth0 down",
		"ip -n " NETNS2 " link set eth0 name eth7",
		"ip -n " NETNS2 " addr flush dev eth0",
		"ip -n " NETNS2 " addr add 10.18.0.9/26 dev eth0",
		"ip -n " NETNS2 " link set eth0 address 02:00:00:00:00:09",
		"ip link set h1a2b3cv120002 nomaster",
		"ip link set h1a2b3cv120002 down",
		"ip link set h1a2b3cv120002 type bridge_slave hairpin off",
		("ip netns del " NETNS2),
	};
	struct kit *kit = begin(state);
	struct overlay_link link;

	kit_up(kit);
	kit_attach(kit, 2, &link);
	for (size_t i = 0; i < ARRAY_LEN(damage); i++) {
		free(kit_run(damage[i]));
		kit_attach(kit, 2, &link);
		expect_in("ip -n " NETNS2 " -br addr show eth0", "UP             10.18.0.2/26 \n");
		expect_in("ip -n " NETNS2 " link show eth0", "02:00:0a:12:00:02");
		expect_in("ip -n " NETNS2 " route", "default via 10.18.0.1");
		expect_in("ip -d link show h1a2b3cv120002", "hairpin on");
		expect_in("ip link show h1a2b3cv120002", "master " BRIDGE " state UP");
		expect_in("ip link show h1a2b3cv120002", "alias 000000000000000000000002");
	}
}

static void another_address_is_another_link(void **state)
{
	struct kit *kit = begin(state);
	struct overlay_link_spec spec = { .ip = NS(9) };
	struct overlay_link link;
	struct err err;

	kit_up(kit);
	kit_attach(kit, 2, &link);
	kit_id(2, spec.instance_id);
	assert_int_equal(overlay_linux.attach(kit->ov, &spec, &link, &err), 0);
	expect_in("ip -n " NETNS2 " -br addr show eth0", "10.18.0.9/26 \n");
	expect_not_in("ip -br link", "h1a2b3cv120002");
}

static void an_address_outside_the_blocks_is_refused(void **state)
{
	struct kit *kit = begin(state);
	struct overlay_link_spec spec = { .ip = IP(10, 18, 0, 66) };
	struct overlay_link link;
	struct err err;

	kit_up(kit);
	kit_id(2, spec.instance_id);
	assert_int_equal(overlay_linux.attach(kit->ov, &spec, &link, &err), -EADDRNOTAVAIL);
	assert_string_equal(err.msg,
			    "attach 000000000000000000000002: 10.18.0.66 is in no block of "
			    "this node");
	/* Granted, it is fine. */
	strv_add(&kit->blocks, "10.18.0.64/26");
	assert_int_equal(overlay_linux.setup(kit->ov, &kit->blocks, &err), 0);
	assert_int_equal(overlay_linux.attach(kit->ov, &spec, &link, &err), 0);
	assert_string_equal(link.gateway, "10.18.0.65");
	expect_in("ip -br addr show " BRIDGE, "10.18.0.1/26 10.18.0.65/26");
}

/* Whether user `uid` without privileges can open the tap. */
static bool can_open(const char *ifname, uint32_t uid)
{
	int status = 0;
	pid_t pid = fork();

	if (pid == 0) {
		struct ifreq ifr = { .ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR };
		int fd = open("/dev/net/tun", O_RDWR | O_CLOEXEC);

		STR_COPY(ifr.ifr_name, ifname);
		_exit(setuid(uid) < 0 || ioctl(fd, TUNSETIFF, &ifr) < 0);
	}
	waitpid(pid, &status, 0);
	return status == 0;
}

static void a_tap_belongs_to_its_user(void **state)
{
	struct kit *kit = begin(state);
	struct overlay_link link;

	kit_up(kit);
	assert_int_equal(attach_tap(kit, 3, 4321, &link), 0);
	assert_string_equal(link.netns_path, "");
	assert_true(can_open(link.ifname, 4321));
	assert_false(can_open(link.ifname, 4322));
	expect_in("ip -d link show h1a2b3cv120003", "master " BRIDGE);
	expect_in("ip -d link show h1a2b3cv120003", "persist on");
	expect_in("ip -d link show h1a2b3cv120003", "hairpin on");
	/* The wrong owner: made anew. */
	assert_int_equal(attach_tap(kit, 3, 4322, &link), 0);
	assert_true(can_open(link.ifname, 4322));
	assert_false(can_open(link.ifname, 4321));
}

static void a_link_may_change_its_kind(void **state)
{
	struct kit *kit = begin(state);
	struct overlay_link link;

	kit_up(kit);
	kit_attach(kit, 2, &link);
	assert_int_equal(attach_tap(kit, 2, 0, &link), 0);
	expect_in("ip -d link show h1a2b3cv120002", "tun type tap");
	kit_attach(kit, 2, &link);
	expect_in("ip -d link show h1a2b3cv120002", "veth");
}

static void lists_what_has_a_link_and_detaches_it(void **state)
{
	struct kit *kit = begin(state);
	auto_strv struct strv ids = { 0 };
	struct overlay_link link;
	char id[ID_SIZE];
	struct err err;

	kit_up(kit);
	kit_attach(kit, 2, &link);
	assert_int_equal(attach_tap(kit, 3, 0, &link), 0);
	kit_restart(kit);
	assert_int_equal(overlay_linux.list(kit->ov, &ids, &err), 0);
	assert_int_equal(ids.n, 2);
	assert_true(strv_has(&ids, kit_id(2, id)));
	assert_true(strv_has(&ids, kit_id(3, id)));
	for (int i = 0; i < 2; i++) {
		detach(kit, 2);
		detach(kit, 3);
	}
	strv_fini(&ids);
	assert_int_equal(overlay_linux.list(kit->ov, &ids, &err), 0);
	assert_int_equal(ids.n, 0);
	expect_not_in("ip -br link", "h1a2b3cv");
	assert_false(path_exists("/run/netns/" NETNS2));
}

/* All that down has to put back, as text. */
/* Of IPv4: the kernel completes its own IPv6 link addresses when it likes. */
static char *picture_of_host(void)
{
	static const char *const commands[] = {
		"ip -br link",
		"ip -4 -br addr",
		"ip -4 route show table all",
		"ip neigh show nud permanent",
		"nft list ruleset",
		"sysctl -a --pattern ^net.ipv4.(conf|ip_forward)",
		"ls /run /run/netns",
		"ip rule",
	};
	auto_strv struct strv parts = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		strv_take(&parts, kit_run(commands[i]));
	return strv_join(&parts, "---\n");
}

static void down_leaves_the_host_as_it_was(void **state)
{
	struct kit *kit = begin(state);
	struct overlay_backend backend = { "", 0, NS(2), SVC(2), true, true };
	struct overlay_service service = {
		.sname = "a.b.c.d",
		.rr_ip = SVC(1),
		.backends = &backend,
		.n_backends = 1,
	};
	struct overlay_link link;
	struct err err = { 0 };

	free(kit_run("nft add table ip theirs"));
	free(kit_run("mkdir /run/state"));
	auto_free char *before = picture_of_host();
	kit_up(kit);
	kit_serve(kit, kit_attach(kit, 2, &link), 80, "web");
	assert_int_equal(attach_tap(kit, 3, 0, &link), 0);
	kit_publish(kit, &(struct overlay_table){ &service, 1 });
	char answer[KIT_ANSWER_MAX];
	kit_ask(&(struct kit_call){ NULL, 0, SVC(1), 80, false }, answer);
	assert_string_equal(answer, "web 10.18.0.1");
	auto_free char *during = picture_of_host();
	assert_string_not_equal(before, during);
	kit_restart(kit);
	for (int i = 0; i < 2; i++)
		if (overlay_linux.down(kit->ov, &err) < 0)
			fail_msg("%s", err.msg);
	auto_free char *after = picture_of_host();
	assert_string_equal(before, after);
	assert_int_equal(kit_count_flows(NS(2)), 0);
	assert_int_equal(kit_count_flows(SVC(1)), 0);
	free(kit_run("rmdir /run/state"));
}

static void a_setting_changed_by_others_stays(void **state)
{
	struct kit *kit = begin(state);
	const char *path = "/proc/sys/net/ipv4/conf/lan0/forwarding";
	auto_free char *value = NULL;
	struct err err;

	assert_int_equal(file_write_value(path, "0", &err), 0);
	kit_up(kit);
	kit_restart(kit);
	assert_int_equal(file_write_value(path, "0", &err), 0);
	assert_int_equal(overlay_linux.down(kit->ov, &err), 0);
	assert_int_equal(file_read(path, 16, &value, NULL, &err), 0);
	assert_string_equal(value, "0\n");
}

static void refuse_open(struct kit *kit, const char *why)
{
	struct err err = { 0 };

	assert_int_equal(overlay_linux.open(&kit->config, &kit->ov, &err), -EEXIST);
	assert_string_equal(err.msg, why);
}

static void a_pool_that_the_host_uses_is_refused(void **state)
{
	struct kit *kit = begin(state);
	struct err err;

	free(kit_run("ip route add 10.20.0.0/16 via 10.99.0.2"));
	refuse_open(kit, "open overlay: use pool 10.18.0.0-10.29.255.255: this host has a route to "
			 "10.20.0.0/16 (lan0); configure another pool");
	free(kit_run("ip route del 10.20.0.0/16"));
	free(kit_run("ip addr add 10.30.7.1/24 dev lan0"));
	refuse_open(kit, "open overlay: use pool 10.30.0.0/16: this host has a route to "
			 "10.30.7.0/24 (lan0); configure another pool");
	free(kit_run("ip addr del 10.30.7.1/24 dev lan0"));
	free(kit_run("ip route add default via 10.99.0.2"));
	assert_int_equal(overlay_linux.open(&kit->config, &kit->ov, &err), 0);
}

static void a_second_holm_needs_pools_of_its_own(void **state)
{
	struct kit *kit = begin(state);
	struct overlay_config config = kit->config;
	struct overlay *other = NULL;
	struct err err = { 0 };

	kit_up(kit);
	config.node_id = "ffffffff5e6f708192a3b4c5";
	config.state_dir = "/run/other";
	assert_int_equal(overlay_linux.open(&config, &other, &err), -EEXIST);
	assert_non_null(strstr(err.msg, "another Holm on this host (bridge " BRIDGE ") has"));
	config.namespace_pool = "10.50.0.0-10.50.255.255";
	config.service_pool = "10.51.0.0/16";
	assert_int_equal(overlay_linux.open(&config, &other, &err), 0);
	auto_strv struct strv blocks = { 0 };
	strv_add(&blocks, "10.50.0.0/26");
	if (overlay_linux.setup(other, &blocks, &err) < 0)
		fail_msg("%s", err.msg);
	expect_in("ip -4 -br addr", "10.50.0.1/26");
	assert_int_equal(overlay_linux.down(other, &err), 0);
	overlay_linux.close(other);
	expect_in("ip -br addr show " BRIDGE, "10.18.0.1/26");
	expect_in("cat /proc/sys/net/ipv4/conf/lan0/forwarding", "1");
}

static void firewalls_in_the_way_are_told(void **state)
{
	struct kit *kit = begin(state);
	auto_strv struct strv found = { 0 };
	struct err err;

	kit_up(kit);
	assert_int_equal(overlay_linux.check(kit->ov, &found, &err), 0);
	assert_int_equal(found.n, 0);
	free(kit_run("nft add table inet filter"));
	free(kit_run("nft add chain inet filter forward { type filter hook forward priority 0 ; "
		     "policy drop ; }"));
	assert_int_equal(overlay_linux.check(kit->ov, &found, &err), 0);
	assert_int_equal(found.n, 1);
	/* The remedy that is told works. */
	auto_strv struct strv parts = { 0 };
	char *remedy = strstr(found.items[0], "add: ");
	assert_non_null(remedy);
	*strstr(remedy, " && ") = '\0';
	free(kit_run(remedy + 5));
	free(kit_run(remedy + strlen(remedy) + 4));
	strv_fini(&found);
	assert_int_equal(overlay_linux.check(kit->ov, &found, &err), 0);
	assert_int_equal(found.n, 0);
	(void)parts;
}

static void iptables_policies_are_told(void **state)
{
	static const char *const programs[] = { "iptables-nft", "iptables-legacy" };
	struct kit *kit = begin(state);
	struct err err;

	kit_up(kit);
	for (size_t i = 0; i < ARRAY_LEN(programs); i++) {
		auto_strv struct strv found = { 0 };
		auto_free char *drop = xasprintf("%s -P FORWARD DROP", programs[i]);
		auto_free char *accept = xasprintf("%s -P FORWARD ACCEPT", programs[i]);

		free(kit_run(drop));
		assert_int_equal(overlay_linux.check(kit->ov, &found, &err), 0);
		free(kit_run(accept));
		assert_int_equal(found.n, 1);
		assert_non_null(strstr(found.items[0], "iptables -I FORWARD -i " BRIDGE));
	}
}

#define LINK_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LINK_TEST(a_container_finds_a_finished_eth0),
		LINK_TEST(attach_again_changes_nothing),
		LINK_TEST(what_was_broken_is_repaired),
		LINK_TEST(another_address_is_another_link),
		LINK_TEST(an_address_outside_the_blocks_is_refused),
		LINK_TEST(a_tap_belongs_to_its_user),
		LINK_TEST(a_link_may_change_its_kind),
		LINK_TEST(lists_what_has_a_link_and_detaches_it),
		LINK_TEST(down_leaves_the_host_as_it_was),
		LINK_TEST(a_setting_changed_by_others_stays),
		LINK_TEST(a_pool_that_the_host_uses_is_refused),
		LINK_TEST(a_second_holm_needs_pools_of_its_own),
		LINK_TEST(firewalls_in_the_way_are_told),
		LINK_TEST(iptables_policies_are_told),
	};

	return cmocka_run_group_tests_name("overlay/linux/links", tests, NULL, NULL);
}
