/* Names as instances and the host get them, and the server's life. */
#include <arpa/inet.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/proc.h"
#include "kit.h"
#include "loop/child.h"
#include "wire/netlink/netlink.h"

#define TYPE_A    1
#define TYPE_AAAA 28

#define NXDOMAIN -3
#define REFUSED  -5

struct fixture {
	struct kit *kit;
	struct overlay_link link; /* of instance 2, which asks */
	struct overlay_backend backend;
	struct overlay_service service;
	struct overlay_table table;
};

static int set_up(void **state)
{
	struct fixture *f = NEW(struct fixture);
	char why[ERR_MSG_MAX];

	*state = f;
	f->kit = kit_new(why);
	if (!f->kit)
		print_message("# %s\n", why);
	f->backend = (struct overlay_backend){ .number = 3, .instance_ip = SVC(2) };
	f->service = (struct overlay_service){
		.sname = "shop.prod.web.default",
		.rr_ip = SVC(1),
		.backends = &f->backend,
		.n_backends = 1,
	};
	f->table = (struct overlay_table){ &f->service, 1 };
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
	kit_up(f->kit);
	kit_attach(f->kit, 2, &f->link);
	return f;
}

static size_t question_build(uint8_t *out, const char *name, uint16_t type)
{
	static const uint8_t header[12] = { 7, 7, 1, 0, 0, 1 };
	auto_strv struct strv labels = { 0 };
	size_t n = sizeof(header);

	memcpy(out, header, n);
	strv_split(&labels, name, ".");
	for (size_t i = 0; i < labels.n; i++) {
		size_t len = strlen(labels.items[i]);

		out[n++] = (uint8_t)len;
		memcpy(out + n, labels.items[i], len);
		n += len;
	}
	const uint8_t end[] = { 0, (uint8_t)(type >> 8), (uint8_t)type, 0, 1 };
	memcpy(out + n, end, sizeof(end));
	return n + sizeof(end);
}

/* The address of the last record, 0 for none, -RCODE, or -ETIMEDOUT after a second. */
static int64_t resolve(const struct fixture *f, const char *name, uint16_t type)
{
	const struct kit_call call = { f->link.netns_path, 0, NS(1), 53, true };
	auto_close int fd = kit_connect(&call);
	struct pollfd p = { fd, POLLIN, 0 };
	uint8_t text[512];
	uint32_t address;

	assert_true(fd >= 0);
	assert_true(send(fd, text, question_build(text, name, type), 0) > 0);
	if (poll(&p, 1, 1000) == 0)
		return -ETIMEDOUT;
	ssize_t n = recv(fd, text, sizeof(text), 0);
	if (n < 12)
		return -EIO;
	if (text[3] & 15)
		return -(text[3] & 15);
	if (text[7] == 0)
		return 0;
	memcpy(&address, text + n - 4, 4);
	return ntohl(address);
}

/* The server reads a new table on its own time. */
static void await(const struct fixture *f, const char *name, int64_t wanted)
{
	int64_t r = NXDOMAIN;

	for (int i = 0; i < 200 && r != wanted; i++) {
		r = resolve(f, name, TYPE_A);
		poll(NULL, 0, r == wanted ? 0 : 10);
	}
	if (r != wanted)
		fail_msg("%s is %lld, not %lld", name, (long long)r, (long long)wanted);
}

static void services_and_instances_have_names(void **state)
{
	struct fixture *f = begin(state);

	assert_int_equal(resolve(f, "web.default.shop.prod.holm", TYPE_A), NXDOMAIN);
	kit_publish(f->kit, &f->table);
	await(f, "web.default.shop.prod.holm", SVC(1));
	assert_int_equal(resolve(f, "3.web.default.shop.prod.holm", TYPE_A), SVC(2));
	assert_int_equal(resolve(f, "WEB.Default.shop.prod.holm", TYPE_A), SVC(1));
	/* Known, without an IPv6 address: an empty answer, which musl takes for one. */
	assert_int_equal(resolve(f, "web.default.shop.prod.holm", TYPE_AAAA), 0);
	assert_int_equal(resolve(f, "no.default.shop.prod.holm", TYPE_A), NXDOMAIN);
	assert_int_equal(resolve(f, "no.default.shop.prod.holm", TYPE_AAAA), NXDOMAIN);
	assert_int_equal(resolve(f, "web", TYPE_A), NXDOMAIN);
	f->service.rr_ip = SVC(9);
	kit_publish(f->kit, &f->table);
	await(f, "web.default.shop.prod.holm", SVC(9));
	f->table.n_services = 0;
	kit_publish(f->kit, &f->table);
	await(f, "web.default.shop.prod.holm", NXDOMAIN);
}

static void without_resolvers_the_rest_is_refused(void **state)
{
	struct fixture *f = begin(state);

	assert_int_equal(resolve(f, "www.example.org", TYPE_A), REFUSED);
}

static void the_hosts_resolvers_are_asked_for_the_rest(void **state)
{
	struct fixture *f = *state;
	static const char *const words[] = {
		"dnsmasq",
		"--keep-in-foreground",
		"--conf-file=/dev/null",
		"--pid-file=",
		"--no-resolv",
		"--no-hosts",
		"--address=/example.org/198.51.100.7",
		"--user=root",
		"--log-facility=-",
		"--bind-interfaces",
		"--listen-address=10.99.0.2",
	};
	auto_strv struct strv argv = { 0 };
	struct proc_id id;
	struct err err;

	if (!f->kit)
		skip();
	for (size_t i = 0; i < ARRAY_LEN(words); i++)
		strv_add(&argv, words[i]);
	const struct child_spec spec = { .argv = argv.items, .join_netns = LAN_NETNS };
	assert_int_equal(child_spawn(&spec, &id, &err), 0);
	FILE *file = fopen("/etc/resolv.conf", "w");
	fputs("nameserver 10.99.0.2\n", file);
	fclose(file);
	begin(state);
	await(f, "www.example.org", IP(198, 51, 100, 7));
	assert_int_equal(resolve(f, "no.such.name.holm", TYPE_A), NXDOMAIN);
	proc_kill(&id, SIGKILL, &err);
}

static pid_t server_pid(void)
{
	auto_free char *text = NULL;
	struct proc_id id = { 0 };
	struct err err;

	assert_int_equal(file_read("/run/state/nameserver", 4096, &text, NULL, &err), 0);
	text[strcspn(text, "\n")] = '\0';
	assert_int_equal(proc_id_parse(text, &id), 0);
	return id.pid;
}

static void it_outlives_us_and_is_found_again(void **state)
{
	struct fixture *f = begin(state);
	pid_t pid = server_pid();

	kit_publish(f->kit, &f->table);
	await(f, "web.default.shop.prod.holm", SVC(1));
	overlay_linux.close(TAKE(f->kit->ov));
	assert_int_equal(resolve(f, "web.default.shop.prod.holm", TYPE_A), SVC(1));
	kit_up(f->kit);
	assert_int_equal(server_pid(), pid);
	assert_int_equal(resolve(f, "web.default.shop.prod.holm", TYPE_A), SVC(1));
}

static void a_dead_one_is_started_again(void **state)
{
	struct fixture *f = begin(state);
	pid_t pid = server_pid();

	kit_publish(f->kit, &f->table);
	for (int i = 0; i < 2; i++) {
		struct proc_id id;
		struct err err;

		assert_int_equal(proc_identify(server_pid(), &id, &err), 0);
		assert_int_equal(proc_kill(&id, SIGKILL, &err), 0);
		assert_int_equal(proc_wait(&id, 5000, &err), 0);
		if (i == 0)
			kit_publish(f->kit, &f->table);
		else
			kit_restart(f->kit);
		assert_true(server_pid() != pid);
		assert_int_equal(resolve(f, "web.default.shop.prod.holm", TYPE_A), SVC(1));
	}
}

static void another_command_replaces_it(void **state)
{
	struct fixture *f = begin(state);
	pid_t pid = server_pid();

	f->kit->config.domain = "edge.example";
	kit_restart(f->kit);
	assert_true(server_pid() != pid);
	struct proc_id id;
	struct err err;
	assert_int_equal(proc_identify(pid, &id, &err), -ESRCH);
	kit_publish(f->kit, &f->table);
	await(f, "web.default.shop.prod.edge.example", SVC(1));
}

static void it_answers_on_every_block(void **state)
{
	struct fixture *f = begin(state);
	struct err err;

	strv_add(&f->kit->blocks, "10.18.0.64/26");
	kit_publish(f->kit, &f->table);
	assert_int_equal(overlay_linux.setup(f->kit->ov, &f->kit->blocks, &err), 0);
	int64_t r = -1;
	for (int i = 0; i < 300 && r != 0; i++) {
		auto_close int fd = kit_connect(
			&(struct kit_call){ f->link.netns_path, 0, IP(10, 18, 0, 65), 53, false });

		r = fd < 0 ? fd : 0;
		poll(NULL, 0, 10);
	}
	assert_int_equal(r, 0);
}

static void a_mapped_port_53_does_not_take_names_away(void **state)
{
	struct fixture *f = begin(state);

	f->backend.namespace_ip = NS(2);
	f->backend.is_local = f->backend.is_ready = true;
	f->service.ports[0] = (struct port_mapping){ 53, 80, true };
	f->service.n_ports = 1;
	kit_serve(f->kit, f->link.netns_path, 80, "own");
	kit_publish(f->kit, &f->table);
	await(f, "web.default.shop.prod.holm", SVC(1));
	char answer[KIT_ANSWER_MAX];
	kit_ask(&(struct kit_call){ LAN_NETNS, 0, HOST_LAN, 53, true }, answer);
	assert_string_equal(answer, "own 10.99.0.2");
}

static void names_are_not_served_to_the_lan(void **state)
{
	struct fixture *f = begin(state);
	char answer[KIT_ANSWER_MAX];

	free(kit_run("ip -n lan route add 10.18.0.0/26 via 10.99.0.1"));
	kit_ask(&(struct kit_call){ LAN_NETNS, 0, HOST_LAN, 53, false }, answer);
	assert_string_equal(answer, "refused");
	const struct fixture lan = { .kit = f->kit, .link = { .netns_path = LAN_NETNS } };
	assert_int_equal(resolve(&lan, "web.default.shop.prod.holm", TYPE_A), -ETIMEDOUT);
}

#define NAME_TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		NAME_TEST(services_and_instances_have_names),
		NAME_TEST(without_resolvers_the_rest_is_refused),
		NAME_TEST(the_hosts_resolvers_are_asked_for_the_rest),
		NAME_TEST(it_outlives_us_and_is_found_again),
		NAME_TEST(a_dead_one_is_started_again),
		NAME_TEST(another_command_replaces_it),
		NAME_TEST(it_answers_on_every_block),
		NAME_TEST(a_mapped_port_53_does_not_take_names_away),
		NAME_TEST(names_are_not_served_to_the_lan),
	};

	return cmocka_run_group_tests_name("overlay/linux/nameserver", tests, NULL, NULL);
}
