/* Addresses, links, the table that the kernel resolves; and going down. */
#include "kit.h"

#define RR         (10u << 24 | 30 << 16 | 1)
#define IP(number) (10u << 24 | 30 << 16 | (10 + (number)))
#define REMOTE(ready)                                                                          \
	"{\"services\":[{\"app_name\":\"a.t.web.t\",\"RR_ip\":\"10.30.0.1\",\"port\":\"\","    \
	"\"instance_list\":[{\"instance_id\":\"" OTHER "\",\"worker_id\":\"" OTHER "\","       \
	"\"instance_number\":7,\"instance_ip\":\"10.30.0.17\",\"namespace_ip\":\"10.19.0.2\"," \
	"\"is_ready\":" ready "}]}]}"

static void only_ready_backends_are_reached(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	while (!fake_host_running(kit->host, ID_1)) {
		assert_null(fake_network_connect(kit->network, RR));
		assert_true(loop_sim_step(kit->loop));
	}
	kit_await(kit, ID_1, STATE_RUNNING);
	/* Whoever hears that it runs can reach it. */
	assert_string_equal(fake_network_connect(kit->network, RR), ID_1);
	assert_string_equal(fake_network_connect(kit->network, IP(1)), ID_1);
	assert_null(fake_network_connect(kit->network, IP(2)));
	fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
	kit_await(kit, ID_1, STATE_DEAD);
	kit_run(kit, 60);
	assert_null(fake_network_connect(kit->network, RR));
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_string_equal(fake_network_connect(kit->network, RR), ID_1);
}

static void one_that_drains_is_left_alone(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_deploy(kit, &(struct wish){ .id = ID_2 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_await(kit, ID_2, STATE_RUNNING);
	const char *first = fake_network_connect(kit->network, RR);
	assert_string_not_equal(first, fake_network_connect(kit->network, RR));
	kit_delete(kit, ID_1);
	kit_await(kit, ID_1, STATE_UNDEPLOYED);
	kit_run(kit, 1000);
	for (int i = 0; i < 4; i++)
		assert_string_equal(fake_network_connect(kit->network, RR), ID_2);
}

/* A signal can end a program at once, with what it is asked meanwhile. */
static void one_is_stopped_after_others_took_over(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_deploy(kit, &(struct wish){ .id = ID_2 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_await(kit, ID_2, STATE_RUNNING);
	for (uint32_t i = 1; i < 50; i++) {
		bool is_reached = true;

		kit_await(kit, ID_1, STATE_RUNNING);
		kit_forget(kit);
		kit_deploy(kit, &(struct wish){ .id = ID_1, .restarts = i });
		while (fake_host_running(kit->host, ID_1)) {
			const char *first = fake_network_connect(kit->network, RR);
			const char *next = fake_network_connect(kit->network, RR);

			is_reached = !str_eq(first, next);
			assert_true(loop_sim_step(kit->loop));
		}
		assert_false(is_reached);
	}
}

#define SPEC_PORT ",\"port\":\"8080:80\""

static void one_that_does_not_listen_yet_is_spared(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = SPEC_PORT });
	kit_await(kit, ID_1, STATE_RUNNING); /* nobody else could answer */
	kit_deploy(kit, &(struct wish){ .id = ID_2, .spec = SPEC_PORT });
	while (!kit_has_told(kit, ID_2, "nothing listens on its port 80 yet"))
		assert_true(loop_sim_step(kit->loop));
	kit_run(kit, 1000);
	for (int i = 0; i < 4; i++)
		assert_string_equal(fake_network_connect(kit->network, RR), ID_1);
	kit_port(kit, "10.18.0.3:80", 200);
	kit_await(kit, ID_2, STATE_RUNNING);
	const char *first = fake_network_connect(kit->network, RR);
	assert_string_not_equal(first, fake_network_connect(kit->network, RR));
	/* Adopted ones are as they were. */
	kit_port(kit, "10.18.0.3:80", KIT_CLOSED);
	kit_crash(kit);
	kit_forget(kit);
	kit_boot(kit);
	kit_await(kit, ID_2, STATE_RUNNING);
	assert_false(kit_has_told(kit, ID_2, "nothing listens on its port 80 yet"));
}

static void one_that_never_listens_gets_its_share(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = SPEC_PORT });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_deploy(kit, &(struct wish){ .id = ID_2, .spec = SPEC_PORT });
	uint64_t begin_ms = loop_now_ms(kit->loop);
	kit_await(kit, ID_2, STATE_RUNNING);
	assert_in_range(loop_now_ms(kit->loop) - begin_ms, 5000, 6000);
}

static void others_of_another_node_count(void **state)
{
	struct kit *kit = *state;

	kit_say(kit, "net/table", REMOTE("true"));
	kit_run(kit, 1000);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = SPEC_PORT });
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_true(kit_has_told(kit, ID_1, "nothing listens on its port 80 yet"));
	kit_forget(kit);
	kit_say(kit, "net/table", REMOTE("false"));
	kit_run(kit, 1000);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = SPEC_PORT, .restarts = 1 });
	kit_await(kit, ID_1, STATE_CREATING);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_false(kit_has_told(kit, ID_1, "nothing listens on its port 80 yet"));
}

static void one_alone_is_not_waited_for_any_more(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = SPEC_PORT });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_deploy(kit, &(struct wish){ .id = ID_2, .spec = SPEC_PORT });
	while (!kit_has_told(kit, ID_2, "nothing listens on its port 80 yet"))
		assert_true(loop_sim_step(kit->loop));
	uint64_t begin_ms = loop_now_ms(kit->loop);
	kit_delete(kit, ID_1);
	kit_await(kit, ID_2, STATE_RUNNING);
	assert_in_range(loop_now_ms(kit->loop) - begin_ms, 0, 1000);
	assert_string_equal(fake_network_connect(kit->network, RR), ID_2);
}

static void others_come_from_the_server(void **state)
{
	struct kit *kit = *state;

	kit_say(kit, "net/table", REMOTE("true"));
	kit_run(kit, 1000);
	assert_string_equal(fake_network_connect(kit->network, RR), OTHER);
	assert_string_equal(fake_network_connect(kit->network, IP(7)), OTHER);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	const char *first = fake_network_connect(kit->network, RR);
	assert_string_not_equal(first, fake_network_connect(kit->network, RR));
	kit_say(kit, "net/table", REMOTE("false"));
	kit_run(kit, 1000);
	for (int i = 0; i < 4; i++)
		assert_string_equal(fake_network_connect(kit->network, RR), ID_1);
	/* The server's news of our own are older than ours. */
	kit_say(kit, "net/table",
		"{\"services\":[{\"app_name\":\"a.t.web.t\",\"RR_ip\":"
		"\"10.30.0.1\",\"instance_list\":[{\"instance_id\":\"" ID_1 "\","
		"\"worker_id\":\"" NODE "\",\"is_ready\":false},{"
		"\"instance_id\":\"" ID_3 "\",\"worker_id\":\"" NODE "\","
		"\"namespace_ip\":\"10.18.0.9\",\"is_ready\":true}]}]}");
	kit_run(kit, 1000);
	for (int i = 0; i < 4; i++)
		assert_string_equal(fake_network_connect(kit->network, RR), ID_1);
}

static void an_instance_without_an_address_of_its_own(void **state)
{
	struct kit *kit = *state;

	kit_say(kit, "control/deploy",
		"{\"instance_id\":\"" ID_1 "\",\"_id\":\"" OTHER "\",\"job_name\":\"a.t.web.t\","
		"\"instance_number\":0,\"generation\":1,\"revision\":1,\"RR_ip\":\"10.30.0.1\","
		"\"instance_ip\":null,\"spec\":{\"microservice_name\":\"web\","
		"\"microservice_namespace\":\"t\",\"virtualization\":\"docker\","
		"\"code\":\"registry.example/web:1\"}}");
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_string_equal(fake_network_connect(kit->network, RR), ID_1);
}

static void nothing_starts_without_a_block(void **state)
{
	struct kit *kit = *state;

	kit_crash(kit);
	store_mem_free(kit->disk);
	kit->disk = store_mem_new();
	kit->is_deaf = true;
	kit_boot(kit);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_run(kit, 10000);
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
	kit_accept(kit, "\"" BLOCK "\"");
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_string_equal(kit_status(kit, ID_1)->namespace_ip, "10.18.0.2");
	/* The address is on disk. */
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 1000);
	assert_string_equal(kit_status(kit, ID_1)->namespace_ip, "10.18.0.2");
}

#define FULL 61 /* addresses of a block of /26 without network, gateway and broadcast */

static void a_full_block(void **state)
{
	struct kit *kit = *state;
	char ids[FULL + 5][ID_SIZE];
	unsigned n_failed = 0;

	for (unsigned i = 0; i < ARRAY_LEN(ids); i++) {
		snprintf(ids[i], ID_SIZE, "%024x", 0x10000000 + i);
		ids[i][0] = '1';
		kit_deploy(kit, &(struct wish){ .id = ids[i] });
	}
	kit_run(kit, 4000);
	for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
		n_failed += kit_status(kit, ids[i])->state == STATE_FAILED;
	assert_int_equal(n_failed, 5);
	assert_non_null(strstr(kit_status(kit, ids[FULL])->detail, "no free address"));
	/* One block for all of them, asked for again only if nobody answers. */
	assert_int_equal(kit->n_asked, 1);
	kit_run(kit, 10000);
	assert_in_range(kit->n_asked, 2, 4);
	kit_accept(kit, "\"" BLOCK "\",\"10.18.0.64/26\"");
	for (unsigned i = 0; i < ARRAY_LEN(ids); i++)
		kit_await(kit, ids[i], STATE_RUNNING);
	/* Of the second block; which of them comes first is a matter of their back-off. */
	for (unsigned i = FULL; i < ARRAY_LEN(ids); i++) {
		uint32_t at = 0;

		assert_int_equal(parse_ipv4(kit_status(kit, ids[i])->namespace_ip, &at), 0);
		assert_in_range(at, 0x0a120042, 0x0a120046);
	}
	auto_free char *ip = xstrdup(kit_status(kit, ids[FULL + 4])->namespace_ip);
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 5000);
	assert_string_equal(kit_status(kit, ids[FULL + 4])->namespace_ip, ip);
	assert_int_equal(kit_status(kit, ids[FULL + 4])->incarnation, 1);
}

/* The kernel refuses for a while. */
static unsigned n_refusals;

static int refuse_attach(struct overlay *ov, const struct overlay_link_spec *spec,
			 struct overlay_link *ret, struct err *err)
{
	if (!n_refusals)
		return overlay_fake.attach(ov, spec, ret, err);
	n_refusals--;
	return err_set(err, -ENOBUFS, "make link: no buffer space");
}

static int refuse_publish(struct overlay *ov, const struct overlay_table *table, struct err *err)
{
	if (!n_refusals)
		return overlay_fake.publish(ov, table, err);
	n_refusals--;
	return err_set(err, -EBUSY, "nft: busy");
}

static int refuse_setup(struct overlay *ov, const struct strv *blocks, struct err *err)
{
	if (!n_refusals)
		return overlay_fake.setup(ov, blocks, err);
	n_refusals--;
	return err_set(err, -EBUSY, "bridge: busy");
}

static int refuse_detach(struct overlay *ov, const struct overlay_leaver *leavers, size_t n,
			 struct err *err)
{
	if (!n_refusals)
		return overlay_fake.detach(ov, leavers, n, err);
	n_refusals--;
	return err_set(err, -EBUSY, "link: busy");
}

static void a_network_that_refuses(void **state)
{
	struct kit *kit = *state;

	kit->overlay.attach = refuse_attach;
	n_refusals = 3;
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_FAILED);
	assert_non_null(strstr(kit_status(kit, ID_1)->detail, "no buffer space (attempt 1"));
	kit_await(kit, ID_1, STATE_RUNNING);
	/* RUNNING is told only once its addresses lead to it. */
	kit->overlay.publish = refuse_publish;
	n_refusals = 3;
	kit_deploy(kit, &(struct wish){ .id = ID_2 });
	kit_await(kit, ID_2, STATE_RUNNING);
	assert_int_equal(n_refusals, 0);
	assert_string_equal(fake_network_connect(kit->network, IP(2)), ID_2);
	kit->overlay.detach = refuse_detach;
	n_refusals = 3;
	kit_delete(kit, ID_2);
	kit_run(kit, 20000);
	assert_string_equal(kit_status(kit, ID_2)->detail, "removed");
	assert_int_equal(fake_network_ip(kit->network, ID_2), 0);
}

/* What ran to its end has done so, however long its traces take to go. */
static void a_completed_one_stays_so_while_the_network_refuses(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = ",\"one_shot\":true" });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit->overlay.detach = refuse_detach;
	n_refusals = 3;
	fake_host_end(kit->host, ID_1, RUNTIME_END_CLEAN);
	kit_await(kit, ID_1, STATE_COMPLETED);
	kit_run(kit, 20000);
	assert_int_equal(n_refusals, 0);
	assert_int_equal(fake_network_ip(kit->network, ID_1), 0);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_COMPLETED);
	auto_free char *states = kit_states(kit, ID_1);
	assert_null(strstr(states, "FAILED"));
}

static void deleted_while_the_network_refuses(void **state)
{
	struct kit *kit = *state;

	kit->overlay.attach = refuse_attach;
	n_refusals = 1000;
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_run(kit, 100000);
	kit_delete(kit, ID_1);
	kit_run(kit, 2000);
	assert_string_equal(kit_status(kit, ID_1)->detail, "removed");
	/* In the middle of an attempt, with a long wait behind it. */
	kit_deploy(kit, &(struct wish){ .id = ID_2 });
	kit_run(kit, 300000);
	for (unsigned n = n_refusals; n_refusals == n;)
		assert_true(loop_sim_step(kit->loop));
	kit_delete(kit, ID_2);
	kit_run(kit, 2000);
	assert_string_equal(kit_status(kit, ID_2)->detail, "removed");
	n_refusals = 0;
}

static void on_down(void *arg, const struct err *err)
{
	struct kit *kit = arg;

	assert_false(kit->is_down);
	kit->is_down = true;
	kit->down_err = *err;
}

static void down_takes_everything_along_but_the_wishes(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_deploy(kit, &(struct wish){ .id = ID_2 });
	kit_deploy(kit, &(struct wish){ .id = ID_3, .spec = ",\"virtualization\":\"kata\"" });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_await(kit, ID_2, STATE_RUNNING);
	auto_free char *ip = xstrdup(kit_status(kit, ID_1)->namespace_ip);
	size_t n = kit_n_stored(kit);
	worker_down_begin(kit->worker, on_down, kit);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .generation = 2 }); /* too late */
	kit_run(kit, 5000);
	assert_true(kit->is_down);
	assert_int_equal(kit->down_err.code, 0);
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
	assert_int_equal(fake_network_ip(kit->network, ID_1), 0);
	assert_int_equal(kit_n_stored(kit), n);
	kit_run(kit, 200000);
	kit_crash(kit);
	kit_forget(kit);
	kit_boot(kit);
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_await(kit, ID_2, STATE_RUNNING);
	assert_string_equal(kit_status(kit, ID_1)->namespace_ip, ip);
}

/* Whatever it is at: opening, probing, fetching, starting, stopping. */
static void down_at_any_time(void **state)
{
	struct kit *kit = *state;

	for (unsigned steps = 0; steps < 120; steps += 3) {
		kit_crash(kit);
		kit_forget(kit);
		kit_boot(kit);
		kit_deploy(kit, &(struct wish){ .id = ID_1 });
		kit_deploy(kit, &(struct wish){ .id = ID_2 });
		for (unsigned i = 0; i < steps; i++)
			loop_sim_step(kit->loop);
		if (steps % 2)
			kit_delete(kit, ID_2);
		worker_down_begin(kit->worker, on_down, kit);
		kit_run(kit, 100000);
		if (!kit->is_down)
			fail_msg("after %u steps it does not come down", steps);
		assert_int_equal(kit->down_err.code, 0);
		assert_int_equal(fake_host_running(kit->host, ID_1), 0);
		assert_int_equal(fake_host_running(kit->host, ID_2), 0);
		assert_int_equal(fake_network_ip(kit->network, ID_1), 0);
		assert_int_equal(fake_network_ip(kit->network, ID_2), 0);
	}
}

static void down_while_the_network_refuses(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit->overlay.detach = refuse_detach;
	n_refusals = 3;
	worker_down_begin(kit->worker, on_down, kit);
	kit_run(kit, 20000);
	assert_true(kit->is_down);
	assert_int_equal(fake_network_ip(kit->network, ID_1), 0);
	/* While the network is being set up, in vain, and nothing else is to be done. */
	kit_crash(kit);
	store_mem_free(kit->disk);
	kit->disk = store_mem_new();
	kit->overlay = overlay_fake;
	kit->overlay.setup = refuse_setup;
	n_refusals = 1000;
	kit_boot(kit);
	while (n_refusals == 1000)
		assert_true(loop_sim_step(kit->loop));
	worker_down_begin(kit->worker, on_down, kit);
	kit_run(kit, 20000);
	assert_true(kit->is_down);
	n_refusals = 0;
}

static int fail_open(const struct overlay_config *config, struct overlay **ret, struct err *err)
{
	return err_set(err, -EEXIST, "10.18.0.0/12 is routed elsewhere");
}

static void down_without_a_network(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_crash(kit);
	kit->overlay.open = fail_open;
	kit_boot(kit);
	worker_down_begin(kit->worker, on_down, kit);
	kit_run(kit, 150000);
	assert_true(kit->is_down);
	assert_int_equal(kit->ready_err.code, -EEXIST);
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
}

static unsigned n_tries;

static int publish_fails(struct overlay *ov, const struct overlay_table *table, struct err *err)
{
	n_tries++;
	return err_set(err, -EIO, "a failure on purpose");
}

static int setup_fails(struct overlay *ov, const struct strv *blocks, struct err *err)
{
	n_tries++;
	return err_set(err, -EIO, "a failure on purpose");
}

/* About one a second, however many have asked for it meanwhile. */
static void what_fails_is_tried_at_its_pace(void **state)
{
	struct kit *kit = *state;

	n_tries = 0;
	kit->overlay.publish = publish_fails;
	for (unsigned i = 0; i < 40; i++) {
		kit_deploy(kit, &(struct wish){ .id = i % 2 ? ID_1 : ID_2, .generation = i + 1 });
		kit_run(kit, 53);
	}
	kit_run(kit, 3000);
	n_tries = 0;
	kit_run(kit, 20000);
	assert_in_range(n_tries, 15, 25);
	kit->overlay.publish = overlay_fake.publish;
	kit_await(kit, ID_1, STATE_RUNNING);
	kit->overlay.setup = setup_fails;
	for (unsigned i = 0; i < 20; i++) {
		kit_accept(kit, i % 2 ? "\"" BLOCK "\"" : "\"" BLOCK "\",\"10.18.0.64/26\"");
		kit_run(kit, 53);
	}
	n_tries = 0;
	kit_run(kit, 50000);
	assert_in_range(n_tries, 8, 12);
}

static void nameserver_ends(const struct overlay *ov, struct proc_id *ret)
{
	/* Nobody's: it has ended as soon as it is looked at. */
	*ret = (struct proc_id){ .pid = INT32_MAX, .start_time = 1 };
	STR_COPY(ret->boot_id, "another");
	n_tries++;
}

static void a_name_server_that_ends_at_once(void **state)
{
	struct kit *kit = *state;

	n_tries = 0;
	kit->overlay.nameserver = nameserver_ends;
	kit_accept(kit, "\"" BLOCK "\",\"10.18.0.64/26\"");
	kit_run(kit, 60000);
	assert_in_range(n_tries, 8, 14);
}

/* The simulated runtime, as one whose instances are on taps. */
static struct runtime_driver tapped;

static int setup_tapped(void **state)
{
	int r = kit_setup(state);
	struct kit *kit = *state;

	tapped = fake_driver;
	tapped.caps &= ~(uint32_t)RUNTIME_CAP_NETNS;
	kit->driver = &tapped;
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 1000);
	return r;
}

static void a_lost_tap_takes_its_guest_along(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	for (unsigned i = 1; i < 4; i++) {
		kit_forget(kit);
		fake_network_lose(kit->network, ID_1);
		kit_await(kit, ID_1, STATE_DEAD);
		assert_true(str_starts(kit_status(kit, ID_1)->detail,
				       "its network device was removed, "));
		kit_await(kit, ID_1, STATE_RUNNING);
		assert_int_equal(kit_status(kit, ID_1)->incarnation, i + 1);
	}
	assert_int_not_equal(fake_network_ip(kit->network, ID_1), 0);
}

static void a_lost_veth_is_made_again(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	fake_network_lose(kit->network, ID_1);
	kit_run(kit, 20000);
	assert_int_not_equal(fake_network_ip(kit->network, ID_1), 0);
	assert_string_equal(fake_network_connect(kit->network, RR), ID_1);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
}

/* What is looked after with each heartbeat is so on a node where something begins all the time. */
static void a_lost_veth_is_made_again_on_a_busy_node(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	fake_network_lose(kit->network, ID_1);
	for (uint32_t i = 1; i < 10; i++) {
		kit_forget(kit);
		kit_deploy(kit, &(struct wish){ .id = ID_2, .generation = i });
		kit_await(kit, ID_2, STATE_RUNNING);
		kit_run(kit, 2000);
	}
	assert_int_not_equal(fake_network_ip(kit->network, ID_1), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(only_ready_backends_are_reached),
		KIT_TEST(one_that_drains_is_left_alone),
		KIT_TEST(one_is_stopped_after_others_took_over),
		KIT_TEST(one_that_does_not_listen_yet_is_spared),
		KIT_TEST(one_that_never_listens_gets_its_share),
		KIT_TEST(others_of_another_node_count),
		KIT_TEST(one_alone_is_not_waited_for_any_more),
		KIT_TEST(others_come_from_the_server),
		KIT_TEST(an_instance_without_an_address_of_its_own),
		KIT_TEST(nothing_starts_without_a_block),
		KIT_TEST(a_full_block),
		cmocka_unit_test_setup_teardown(a_lost_tap_takes_its_guest_along, setup_tapped,
						kit_teardown),
		KIT_TEST(a_lost_veth_is_made_again),
		KIT_TEST(a_lost_veth_is_made_again_on_a_busy_node),
		KIT_TEST(what_fails_is_tried_at_its_pace),
		KIT_TEST(a_name_server_that_ends_at_once),
		KIT_TEST(a_network_that_refuses),
		KIT_TEST(a_completed_one_stays_so_while_the_network_refuses),
		KIT_TEST(deleted_while_the_network_refuses),
		KIT_TEST(down_takes_everything_along_but_the_wishes),
		KIT_TEST(down_at_any_time),
		KIT_TEST(down_while_the_network_refuses),
		KIT_TEST(down_without_a_network),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("worker/network", tests, NULL, NULL);
}
