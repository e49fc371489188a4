/* Where packets really go: from instances, the host and its LAN to services, mapped ports and out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "kit.h"

#define NF_CALL "/proc/sys/net/bridge/bridge-nf-call-iptables"

/* Service "web" at 10.30.0.1 with port 8080 and instances 2 and 3; "db" at 10.30.0.11 with none. */
struct fixture {
	struct kit *kit;
	struct overlay_link links[4];
	struct overlay_backend web[2];
	struct overlay_backend db[1];
	struct overlay_service services[2];
	struct overlay_table table;
};

static void table_init(struct fixture *f)
{
	for (unsigned i = 0; i < 2; i++) {
		f->web[i] = (struct overlay_backend){
			.number = i,
			.namespace_ip = NS(2 + i),
			.instance_ip = SVC(2 + i),
			.is_local = true,
			.is_ready = true,
		};
		kit_id(2 + i, f->web[i].instance_id);
	}
	f->db[0] = (struct overlay_backend){ .instance_ip = SVC(12), .is_local = true };
	f->services[0] = (struct overlay_service){
		.sname = "shop.prod.web.default",
		.rr_ip = SVC(1),
		.ports = { { 8080, 80, false }, { 8081, 80, true } },
		.n_ports = 2,
		.backends = f->web,
		.n_backends = 2,
	};
	f->services[1] = (struct overlay_service){
		.sname = "shop.prod.db.default",
		.rr_ip = SVC(11),
		.backends = f->db,
		.n_backends = 1,
	};
	f->table = (struct overlay_table){ f->services, 2 };
}

static int set_up(void **state)
{
	struct fixture *f = NEW(struct fixture);
	char why[ERR_MSG_MAX];

	*state = f;
	f->kit = kit_new(why);
	if (!f->kit) {
		print_message("# %s\n", why);
		return 0;
	}
	kit_up(f->kit);
	table_init(f);
	kit_serve(f->kit, kit_attach(f->kit, 2, &f->links[2]), 80, "web0");
	kit_serve(f->kit, kit_attach(f->kit, 3, &f->links[3]), 80, "web1");
	kit_serve(f->kit, LAN_NETNS, 80, "lan");
	kit_publish(f->kit, &f->table);
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	kit_free(f->kit);
	free(f);
	return 0;
}

static struct fixture *begin(void **state)
{
	struct fixture *f = *state;

	if (!f->kit)
		skip();
	return f;
}

static void expect(const struct kit_call *call, const char *wanted)
{
	char answer[KIT_ANSWER_MAX];
	char ip[IPV4_STR_MAX];

	if (!str_eq(kit_ask(call, answer), wanted))
		fail_msg("from %s to %s:%u: \"%s\", not \"%s\"", call->netns ? call->netns : "host",
			 format_ipv4(call->ip, ip), call->port, answer, wanted);
}

/* Two connections reach both instances, each of which sees `peer`. */
static void expect_both(const struct kit_call *call, const char *peer)
{
	char first[KIT_ANSWER_MAX];
	char second[KIT_ANSWER_MAX];
	char ip[IPV4_STR_MAX];

	kit_ask(call, first);
	kit_ask(call, second);
	auto_free char *web0 = xasprintf("web0 %s", peer);
	auto_free char *web1 = xasprintf("web1 %s", peer);
	if (!(str_eq(first, web0) && str_eq(second, web1)) &&
	    !(str_eq(first, web1) && str_eq(second, web0)))
		fail_msg("from %s to %s:%u: \"%s\" and \"%s\", not both by %s",
			 call->netns ? call->netns : "host", format_ipv4(call->ip, ip), call->port,
			 first, second, peer);
}

static void from_an_instance(const struct fixture *f)
{
	const char *netns = f->links[2].netns_path;

	expect_both(&(struct kit_call){ netns, 0, SVC(1), 80, false }, "10.30.0.2");
	expect_both(&(struct kit_call){ netns, 0, SVC(1), 80, true }, "10.30.0.2");
	expect(&(struct kit_call){ netns, 0, SVC(3), 80, false }, "web1 10.30.0.2");
	expect(&(struct kit_call){ netns, 0, SVC(2), 80, false }, "web0 10.30.0.2");
	expect(&(struct kit_call){ netns, 0, SVC(2), 80, true }, "web0 10.30.0.2");
	/* Its own node's ports, by the LAN's and the gateway's address. */
	expect_both(&(struct kit_call){ netns, 0, HOST_LAN, 8080, false }, "10.30.0.2");
	expect_both(&(struct kit_call){ netns, 0, NS(1), 8080, false }, "10.30.0.2");
	expect_both(&(struct kit_call){ netns, 0, HOST_LAN, 8081, true }, "10.30.0.2");
	expect(&(struct kit_call){ netns, 0, LAN_HOST, 80, false }, "lan 10.99.0.1");
	expect(&(struct kit_call){ netns, 0, LAN_HOST, 80, true }, "lan 10.99.0.1");
	/* Direct, without any translation. */
	expect(&(struct kit_call){ netns, 0, NS(3), 80, false }, "web1 10.18.0.2");
}

static void from_the_host(void)
{
	const uint32_t loopback = IP(127, 0, 0, 1);

	expect_both(&(struct kit_call){ NULL, 0, SVC(1), 80, false }, "10.18.0.1");
	expect_both(&(struct kit_call){ NULL, HOST_LAN, SVC(1), 80, false }, "10.18.0.1");
	expect_both(&(struct kit_call){ NULL, loopback, SVC(1), 80, false }, "10.18.0.1");
	expect_both(&(struct kit_call){ NULL, 0, loopback, 8080, false }, "10.18.0.1");
	expect_both(&(struct kit_call){ NULL, 0, IP(127, 9, 9, 9), 8080, false }, "10.18.0.1");
	expect_both(&(struct kit_call){ NULL, 0, loopback, 8081, true }, "10.18.0.1");
	expect_both(&(struct kit_call){ NULL, 0, HOST_LAN, 8080, false }, "10.18.0.1");
	expect(&(struct kit_call){ NULL, 0, SVC(3), 80, false }, "web1 10.18.0.1");
	expect(&(struct kit_call){ NULL, 0, NS(2), 80, false }, "web0 10.18.0.1");
}

static void from_the_lan(void)
{
	expect_both(&(struct kit_call){ LAN_NETNS, 0, HOST_LAN, 8080, false }, "10.99.0.2");
	expect_both(&(struct kit_call){ LAN_NETNS, 0, HOST_LAN, 8081, true }, "10.99.0.2");
	expect(&(struct kit_call){ LAN_NETNS, 0, HOST_LAN, 8082, false }, "refused");
}

static void without_backend(const struct fixture *f)
{
	const char *netns = f->links[2].netns_path;

	for (int i = 0; i < 2; i++) {
		expect(&(struct kit_call){ netns, 0, SVC(11), 80, i }, "refused");
		expect(&(struct kit_call){ netns, 0, SVC(12), 80, i }, "refused");
		expect(&(struct kit_call){ netns, 0, SVC(200), 80, i }, "refused");
		expect(&(struct kit_call){ NULL, 0, SVC(11), 80, i }, "refused");
		expect(&(struct kit_call){ NULL, 0, SVC(12), 80, i }, "refused");
	}
}

static void all_ways(struct fixture *f)
{
	from_an_instance(f);
	from_the_host();
	from_the_lan();
	without_backend(f);
}

static void every_way_leads_to_an_instance(void **state)
{
	all_ways(begin(state));
}

static void bridge_calls(struct fixture *f, const char *value)
{
	struct err err;

	if (!path_exists(NF_CALL)) {
		print_message("# the kernel has no br_netfilter\n");
		skip();
	}
	assert_int_equal(file_write_value(NF_CALL, value, &err), 0);
	assert_int_equal(file_write_value("/proc/sys/net/ipv4/conf/all/rp_filter", value, &err), 0);
	all_ways(f);
}

static void without_bridge_netfilter(void **state)
{
	bridge_calls(begin(state), "0");
}

static void with_bridge_netfilter_and_strict_reverse_paths(void **state)
{
	bridge_calls(begin(state), "1");
}

static void the_lan_does_not_reach_what_is_not_mapped(void **state)
{
	struct fixture *f = begin(state);

	free(kit_run("ip -n lan route add 10.16.0.0/12 via 10.99.0.1"));
	expect(&(struct kit_call){ LAN_NETNS, 0, NS(2), 80, false }, "timeout");
	expect(&(struct kit_call){ LAN_NETNS, 0, SVC(1), 80, false }, "refused");
	(void)f;
}

static void loopback_is_not_reached_from_outside(void **state)
{
	struct fixture *f = begin(state);
	const char *commands[] = {
		"ip netns exec lan sysctl -qw net.ipv4.conf.all.route_localnet=1",
		"ip -n lan route del table local 127.0.0.0/8 dev lo",
		"ip -n lan route del table local 127.0.0.1 dev lo",
		"ip -n lan route add 127.0.0.0/8 via 10.99.0.1 dev eth0",
	};

	for (size_t i = 0; i < ARRAY_LEN(commands); i++)
		free(kit_run(commands[i]));
	expect(&(struct kit_call){ LAN_NETNS, 0, IP(127, 0, 0, 1), 8080, false }, "timeout");
	(void)f;
}

static void a_draining_backend_keeps_its_connections(void **state)
{
	struct fixture *f = begin(state);
	const struct kit_call call = { f->links[2].netns_path, 0, SVC(3), 80, false };
	auto_close int fd = kit_connect(&call);

	assert_true(fd >= 0);
	assert_true(kit_echo(fd));
	f->web[1].is_ready = false;
	kit_publish(f->kit, &f->table);
	assert_true(kit_echo(fd));
	expect(&call, "refused");
	for (int i = 0; i < 4; i++)
		expect(&(struct kit_call){ NULL, 0, SVC(1), 80, false }, "web0 10.18.0.1");
	expect(&(struct kit_call){ NULL, 0, IP(127, 0, 0, 1), 8080, false }, "web0 10.18.0.1");
	assert_true(kit_echo(fd));
}

static void connections_survive_changes_and_restarts(void **state)
{
	struct fixture *f = begin(state);
	auto_close int inside =
		kit_connect(&(struct kit_call){ f->links[2].netns_path, 0, SVC(3), 80, false });
	auto_close int host = kit_connect(&(struct kit_call){ NULL, 0, SVC(3), 80, false });
	auto_close int lan = kit_connect(&(struct kit_call){ LAN_NETNS, 0, HOST_LAN, 8080, false });

	for (int i = 0; i < 3; i++) {
		f->db[0].namespace_ip = i == 1 ? NS(9) : 0;
		f->db[0].is_ready = i == 1;
		if (i == 2)
			kit_restart(f->kit);
		kit_publish(f->kit, &f->table);
		assert_true(kit_echo(inside));
		assert_true(kit_echo(host));
		assert_true(kit_echo(lan));
	}
	from_an_instance(f);
}

/* A restarted Holm does not know its instances at first, and says so with a table without them. */
static void an_empty_first_table_spares_linked_instances(void **state)
{
	struct fixture *f = begin(state);
	const struct overlay_table nothing = { 0 };
	auto_close int fd = kit_connect(&(struct kit_call){ NULL, 0, SVC(3), 80, false });

	kit_restart(f->kit);
	kit_publish(f->kit, &nothing);
	assert_true(kit_echo(fd));
	kit_publish(f->kit, &f->table);
	assert_true(kit_echo(fd));
}

static void connections_to_the_dead_are_forgotten(void **state)
{
	struct fixture *f = begin(state);
	auto_close int fd = kit_connect(&(struct kit_call){ NULL, 0, SVC(3), 80, false });
	auto_close int other = kit_connect(&(struct kit_call){ NULL, 0, SVC(2), 80, false });

	assert_true(kit_echo(fd));
	assert_true(kit_count_flows(NS(3)) > 0);
	f->services[0].n_backends = 1;
	kit_publish(f->kit, &f->table);
	assert_int_equal(kit_count_flows(NS(3)), 0);
	assert_false(kit_echo(fd));
	assert_true(kit_echo(other));
}

static void a_restart_forgets_who_died_meanwhile(void **state)
{
	struct fixture *f = begin(state);
	auto_close int fd = kit_connect(&(struct kit_call){ NULL, 0, SVC(3), 80, false });
	auto_close int other = kit_connect(&(struct kit_call){ NULL, 0, SVC(2), 80, false });
	auto_free char *gone = xasprintf("ip link del %s", f->links[3].ifname);

	assert_true(fd >= 0);
	free(kit_run(gone));
	kit_restart(f->kit);
	f->services[0].n_backends = 1;
	kit_publish(f->kit, &f->table);
	assert_int_equal(kit_count_flows(NS(3)), 0);
	assert_true(kit_echo(other));
}

static void a_sender_finds_a_udp_port_mapped_later(void **state)
{
	struct fixture *f = begin(state);
	const struct kit_call call = { LAN_NETNS, 0, HOST_LAN, 8081, true };
	char answer[KIT_ANSWER_MAX];

	f->services[0].n_ports = 1;
	kit_publish(f->kit, &f->table);
	/* Nobody listens, but the attempt is tracked; a server that ignores it, say. */
	auto_close int fd = kit_connect(&call);
	assert_true(fd >= 0);
	kit_ask(&(struct kit_call){ LAN_NETNS, 0, HOST_LAN, 8081, true }, answer);
	assert_true(kit_count_flows(LAN_HOST) > 0);
	f->services[0].n_ports = 2;
	kit_publish(f->kit, &f->table);
	assert_int_equal(kit_count_flows(LAN_HOST), 0);
	expect_both(&call, "10.99.0.2");
}

static void a_flushed_ruleset_is_written_again(void **state)
{
	struct fixture *f = begin(state);
	auto_strv struct strv lost = { 0 };
	struct err err;

	free(kit_run("nft flush ruleset"));
	expect(&(struct kit_call){ LAN_NETNS, 0, HOST_LAN, 8080, false }, "refused");
	assert_int_equal(overlay_linux.look(f->kit->ov, NULL, 0, &lost, &err), 1);
	assert_int_equal(overlay_linux.setup(f->kit->ov, &f->kit->blocks, &err), 0);
	all_ways(f);
	free(kit_run("nft flush ruleset"));
	f->web[0].is_ready = false;
	kit_publish(f->kit, &f->table);
	expect(&(struct kit_call){ NULL, 0, SVC(1), 80, false }, "web1 10.18.0.1");
}

static void a_narrow_uplink_narrows_what_peers_send(void **state)
{
	struct fixture *f = begin(state);

	free(kit_run("ip link set lan0 mtu 1300"));
	auto_close int fd =
		kit_connect(&(struct kit_call){ f->links[2].netns_path, 0, LAN_HOST, 80, false });
	assert_true(kit_echo(fd));
	auto_free char *sockets = kit_run("ip netns exec lan ss -tin state established");
	assert_non_null(strstr(sockets, " mss:12"));
	assert_null(strstr(sockets, " mss:14"));
}

#define FLOW_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		FLOW_TEST(every_way_leads_to_an_instance),
		FLOW_TEST(without_bridge_netfilter),
		FLOW_TEST(with_bridge_netfilter_and_strict_reverse_paths),
		FLOW_TEST(the_lan_does_not_reach_what_is_not_mapped),
		FLOW_TEST(loopback_is_not_reached_from_outside),
		FLOW_TEST(a_draining_backend_keeps_its_connections),
		FLOW_TEST(connections_survive_changes_and_restarts),
		FLOW_TEST(an_empty_first_table_spares_linked_instances),
		FLOW_TEST(connections_to_the_dead_are_forgotten),
		FLOW_TEST(a_restart_forgets_who_died_meanwhile),
		FLOW_TEST(a_sender_finds_a_udp_port_mapped_later),
		FLOW_TEST(a_flushed_ruleset_is_written_again),
		FLOW_TEST(a_narrow_uplink_narrows_what_peers_send),
	};

	return cmocka_run_group_tests_name("overlay/linux/flows", tests, NULL, NULL);
}
