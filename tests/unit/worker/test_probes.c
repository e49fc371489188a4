/* Probes on virtual time: who gets traffic, what is stopped, and what stays over a crash of the
 * worker. */
#include <time.h>

#include "kit.h"

#define IP_1 "10.18.0.2"
#define IP_2 "10.18.0.3"
#define READY                                                                         \
	",\"readiness\":{\"http\":{\"port\":80,\"path\":\"/health\"},\"period_s\":2," \
	"\"failure_threshold\":3}"
#define ALIVE   ",\"liveness\":{\"tcp\":{\"port\":81},\"period_s\":2,\"failure_threshold\":2}"
#define STARTED ",\"startup\":{\"http\":{\"port\":82},\"period_s\":1,\"failure_threshold\":5}"
#define SERVICE 0x0a1e0001u

static const char *served_by(struct kit *kit)
{
	return fake_network_connect(kit->network, SERVICE);
}

static void ready_after_its_probe(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = READY });
	kit_await(kit, ID_1, STATE_CREATED);
	assert_string_equal(kit_status(kit, ID_1)->detail,
			    "not ready: its readiness probe has not passed yet");
	kit_run(kit, 20000);
	const struct instance_status *s = kit_status(kit, ID_1);
	assert_int_equal(s->state, STATE_CREATED);
	assert_false(s->is_ready);
	assert_string_equal(s->detail, "not ready: GET http://" IP_1 ":80/health failed: connect: "
				       "Connection refused (3 of 3)");
	assert_null(served_by(kit));
	kit_port(kit, IP_1 ":80", 503);
	kit_run(kit, 3000);
	assert_string_equal(kit_status(kit, ID_1)->detail,
			    "not ready: GET http://" IP_1 ":80/health answered 503 (3 of 3)");
	kit_port(kit, IP_1 ":80", 399);
	kit_run(kit, 3000);
	s = kit_status(kit, ID_1);
	assert_int_equal(s->state, STATE_RUNNING);
	assert_true(s->is_ready);
	assert_string_equal(s->detail, "");
	assert_string_equal(served_by(kit), ID_1);
	assert_int_equal(s->incarnation, 1);
}

static void a_quick_start_is_noticed_at_once(void **state)
{
	struct kit *kit = *state;

	kit_port(kit, IP_1 ":80", 200);
	kit_deploy(kit,
		   &(struct wish){ .id = ID_1, .spec = ",\"readiness\":{\"http\":{\"port\":80}}" });
	kit_run(kit, 1000); /* its period is ten seconds */
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
}

static void traffic_goes_to_the_ready_ones(void **state)
{
	struct kit *kit = *state;

	kit_port(kit, IP_1 ":80", 200);
	kit_port(kit, IP_2 ":80", 200);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = READY });
	kit_deploy(kit, &(struct wish){ .id = ID_2, .spec = READY });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_await(kit, ID_2, STATE_RUNNING);
	kit_port(kit, IP_1 ":80", 500);
	/* Two failures are not three. */
	kit_run(kit, 3000);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
	kit_await(kit, ID_1, STATE_CREATED);
	assert_non_null(strstr(kit_status(kit, ID_1)->detail, "answered 500 (3 of 3)"));
	kit_run(kit, 100);
	for (int i = 0; i < 4; i++)
		assert_string_equal(served_by(kit), ID_2);
	kit_port(kit, IP_1 ":80", 200);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
}

static void readiness_is_kept_over_a_crash(void **state)
{
	struct kit *kit = *state;

	kit_port(kit, IP_1 ":80", 200);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = READY ALIVE });
	kit_port(kit, IP_1 ":81", 200);
	kit_deploy(kit, &(struct wish){ .id = ID_2, .spec = READY });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 5000);
	kit_crash(kit);
	kit_forget(kit);
	kit_port(kit, IP_1 ":80", 503); /* the probe says so in six seconds, not before */
	kit_boot(kit);
	kit_run(kit, 3000);
	auto_free char *states = kit_states(kit, ID_1);
	assert_string_equal(states, "RUNNING");
	assert_int_equal(kit->n_ready, 0); /* no server yet */
	assert_string_equal(served_by(kit), ID_1);
	/* One that was not ready is not. */
	assert_int_equal(kit_status(kit, ID_2)->state, STATE_CREATED);
	kit_sync(kit,
		 (struct wish[]){ { .id = ID_1, .spec = READY ALIVE },
				  { .id = ID_2, .spec = READY } },
		 2);
	kit_run(kit, 1000);
	assert_int_equal(kit->n_ready, 1); /* and does not hold up the start of holm */
	kit_await(kit, ID_1, STATE_CREATED);
	kit_run(kit, 100);
	assert_null(served_by(kit));
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 500);
	assert_null(served_by(kit));
}

static void what_is_not_alive_is_started_again(void **state)
{
	struct kit *kit = *state;

	kit_port(kit, IP_1 ":81", 200);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = ALIVE });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 60000);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
	for (unsigned n = 1; n <= 2; n++) {
		kit_port(kit, IP_1 ":81", KIT_SILENT);
		kit_await(kit, ID_1, STATE_DEAD);
		assert_non_null(
			strstr(kit_status(kit, ID_1)->detail,
			       "liveness probe failed: connect to " IP_1
			       ":81 failed: no answer within 1.0 s (2 of 2), next start in "));
		assert_int_equal(fake_host_running(kit->host, ID_1), 0);
		kit_port(kit, IP_1 ":81", 200);
		kit_await(kit, ID_1, STATE_RUNNING);
		assert_int_equal(kit_status(kit, ID_1)->incarnation, n + 1);
		kit_run(kit, 60000); /* after a healthy while it counts from one again */
	}
}

static void what_is_never_alive_is_a_loop(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = ALIVE });
	kit_run(kit, 3600000);
	assert_true(
		kit_has_told(kit, ID_1, "(2 of 2), crash loop: 9 ends in a row, next start in "));
	/* About four seconds each, then up to a minute of waiting. */
	assert_in_range(kit_status(kit, ID_1)->incarnation, 50, 130);
}

static void a_failed_probe_counts_for_the_policy(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = ALIVE ",\"restart\":\"never\"" });
	kit_await(kit, ID_1, STATE_FAILED);
	assert_non_null(strstr(kit_status(kit, ID_1)->detail,
			       "(2 of 2), not started again (restart: never)"));
	kit_run(kit, 60000);
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
}

static void others_wait_for_the_start(void **state)
{
	struct kit *kit = *state;

	kit_port(kit, IP_1 ":80", 200);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = STARTED READY ALIVE });
	kit_run(kit, 4000); /* five seconds are granted; liveness would have failed */
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_CREATED);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
	kit_port(kit, IP_1 ":81", 200);
	kit_port(kit, IP_1 ":82", 200);
	kit_run(kit, 1500);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
	/* Once is enough, for a worker that comes back too. */
	kit_port(kit, IP_1 ":82", 500);
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 30000);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
}

static void a_start_that_takes_too_long(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = STARTED });
	kit_await(kit, ID_1, STATE_CREATED);
	uint64_t begun_ms = loop_now_ms(kit->loop);
	kit_await(kit, ID_1, STATE_DEAD);
	assert_in_range(loop_now_ms(kit->loop) - begun_ms, 3700, 5500);
	assert_non_null(strstr(kit_status(kit, ID_1)->detail,
			       "startup probe failed: GET http://" IP_1 ":82/ failed: connect: "
			       "Connection refused (5 of 5), next start in "));
	kit_port(kit, IP_1 ":82", 204);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 2);
}

static void failures_of_the_start_period_do_not_count(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1,
					.spec = ",\"liveness\":{\"tcp\":{\"port\":81},\"period_s\":"
						"1,\"start_period_s\":30}" });
	kit_run(kit, 29000);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
	kit_await(kit, ID_1, STATE_DEAD);
}

static void probes_are_changed_in_place(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_forget(kit);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = READY }); /* nobody is there */
	kit_run(kit, 2500);
	assert_string_equal(served_by(kit), ID_1);
	kit_await(kit, ID_1, STATE_CREATED);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(kit_status(kit, ID_1)->incarnation, 1);
	unsigned n = kit->n_asked_by_probes;
	kit_run(kit, 60000);
	assert_int_equal(kit->n_asked_by_probes, n);
}

#define CHECKED ",\"readiness\":{\"exec\":[\"cat\",\"/ok\"],\"period_s\":2,\"failure_threshold\":3}"

static int exec_error;     /* of the runtime */
static int exec_exit_code; /* of the command */
static unsigned n_execs;

static int exec_begin(void *state, const struct runtime_exec *exec,
		      struct runtime_exec_process *ret, struct err *err)
{
	n_execs++;
	assert_string_equal(exec->cmd->items[1], "/ok");
	assert_true(id_is_valid(exec->id));
	if (exec_error)
		return err_set(err, exec_error, "run cat: %s", strerror(-exec_error));
	*ret = (struct runtime_exec_process){ .in = -1, .out = -1, .err = -1 };
	return 0;
}

static int exec_end(void *state, const struct runtime_exec *exec, bool is_forced,
		    int *ret_exit_code, struct err *err)
{
	*ret_exit_code = exec_exit_code;
	return 0;
}

/* Boots again with a runtime that can run commands. */
static void boot_with_exec(struct kit *kit)
{
	static const struct runtime_exec_ops ops = { .begin = exec_begin, .end = exec_end };
	static struct runtime_driver driver; /* also for the end of a test that failed */

	driver = fake_driver;
	driver.exec = &ops;
	kit_crash(kit);
	kit->driver = &driver;
	kit_boot(kit);
	kit_run(kit, 1000);
	exec_error = exec_exit_code = 0;
	n_execs = 0;
}

static void a_command_decides(void **state)
{
	struct kit *kit = *state;

	boot_with_exec(kit);
	exec_exit_code = 1;
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = CHECKED });
	kit_run(kit, 20000);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_CREATED);
	assert_string_equal(kit_status(kit, ID_1)->detail,
			    "not ready: exec cat /ok failed: exit code 1 (3 of 3)");
	exec_exit_code = 0;
	kit_await(kit, ID_1, STATE_RUNNING);
	/* What the runtime fails at says nothing about the instance ... */
	exec_error = -EIO;
	kit_run(kit, 60000);
	assert_int_equal(kit_status(kit, ID_1)->state, STATE_RUNNING);
	/* ... a command that is not there does. */
	exec_error = -ENOENT;
	kit_await(kit, ID_1, STATE_CREATED);
	assert_string_equal(kit_status(kit, ID_1)->detail,
			    "not ready: exec cat /ok failed: run cat: No such file or directory "
			    "(3 of 3)");
}

static void a_command_of_one_that_is_gone(void **state)
{
	struct kit *kit = *state;

	boot_with_exec(kit);
	for (unsigned steps = 0; steps < 60; steps++) {
		kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = CHECKED });
		for (unsigned i = 0; i < steps; i++)
			loop_sim_step(kit->loop);
		kit_delete(kit, ID_1);
		kit_run(kit, 1000);
		assert_string_equal(kit_status(kit, ID_1)->detail, "removed");
	}
	unsigned n = n_execs;
	assert_int_not_equal(n, 0);
	kit_run(kit, 60000);
	assert_int_equal(n_execs, n);
}

static void a_runtime_without_commands(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = CHECKED });
	kit_run(kit, 20000);
	assert_string_equal(kit_status(kit, ID_1)->detail,
			    "not ready: exec cat /ok failed: commands cannot be run in what fake "
			    "runs (3 of 3)");
}

static void nothing_is_probed_that_is_gone(void **state)
{
	struct kit *kit = *state;

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = STARTED READY ALIVE });
	for (unsigned steps = 0; steps < 40; steps++) {
		for (unsigned i = 0; i < steps; i++)
			loop_sim_step(kit->loop);
		kit_crash(kit); /* with questions under way */
		kit_boot(kit);
	}
	kit_run(kit, 1000);
	kit_delete(kit, ID_1);
	kit_run(kit, 1000);
	assert_string_equal(kit_status(kit, ID_1)->detail, "removed");
	unsigned n = kit->n_asked_by_probes;
	kit_run(kit, 60000);
	assert_int_equal(kit->n_asked_by_probes, n);
}

/* A node full of instances. */
#define PROBES ",\"readiness\":{\"http\":{\"port\":80}},\"liveness\":{\"tcp\":{\"port\":80}}"

static void deploy_many(struct kit *kit, unsigned n)
{
	auto_buf struct buf blocks;

	buf_init(&blocks, 1 << 16);
	for (unsigned i = 0; i <= n / 61; i++)
		buf_addf(&blocks, "%s\"10.18.%u.%u/26\"", i ? "," : "", i / 4, i % 4 * 64);
	kit_accept(kit, blocks.data);
	for (unsigned i = 0; i < n; i++) {
		auto_free char *payload = xasprintf(
			"{\"instance_id\":\"1111111111111111%08x\",\"_id\":\"%024x\","
			"\"job_name\":\"a.t.w%u.t\",\"instance_number\":0,\"generation\":1,"
			"\"revision\":%u,\"RR_ip\":\"10.30.%u.%u\",\"instance_ip\":\"10.31.%u.%u\","
			"\"spec\":{\"microservice_name\":\"w%u\",\"microservice_namespace\":\"t\","
			"\"virtualization\":\"docker\",\"code\":\"registry.example/web:1\"" PROBES
			"}}",
			i, i + 1, i, i + 1, i / 250, i % 250 + 1, i / 250, i % 250 + 1, i);

		kit_say(kit, "control/deploy", payload);
	}
}

/* Processor time of a virtual minute is printed: per probe it hardly grows, however many there
 * are. */
static void probe_many(struct kit *kit, unsigned n)
{
	for (unsigned i = 0; i < (n / 61 + 1) * 64; i++) {
		auto_free char *address = xasprintf("10.18.%u.%u:80", i / 256, i % 256);

		kit_port(kit, address, 200);
	}
	deploy_many(kit, n);
	kit_run(kit, 60000);
	unsigned n_ready = 0;
	for (size_t i = 0; i < kit->n_told; i++)
		n_ready += kit->told[i].is_ready;
	assert_int_equal(n_ready, n); /* each once */
	unsigned n_before = kit->n_asked_by_probes;
	clock_t begin = clock();
	kit_run(kit, 60000);
	clock_t end = clock();
	unsigned n_asked = kit->n_asked_by_probes - n_before;
	print_message("# %u instances: %.1f us of processor time per probe\n", n,
		      1e6 * (double)(end - begin) / CLOCKS_PER_SEC / n_asked);
	/* Two each, every ten seconds or up to a tenth sooner: none is late. */
	assert_in_range(n_asked, 2 * n * 6, 2 * n * 7);
}

static void a_hundred_instances(void **state)
{
	probe_many(*state, 100);
}

static void a_thousand_instances(void **state)
{
	probe_many(*state, 1000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(ready_after_its_probe),
		KIT_TEST(a_quick_start_is_noticed_at_once),
		KIT_TEST(traffic_goes_to_the_ready_ones),
		KIT_TEST(readiness_is_kept_over_a_crash),
		KIT_TEST(what_is_not_alive_is_started_again),
		KIT_TEST(what_is_never_alive_is_a_loop),
		KIT_TEST(a_failed_probe_counts_for_the_policy),
		KIT_TEST(others_wait_for_the_start),
		KIT_TEST(a_start_that_takes_too_long),
		KIT_TEST(failures_of_the_start_period_do_not_count),
		KIT_TEST(probes_are_changed_in_place),
		KIT_TEST(a_command_decides),
		KIT_TEST(a_command_of_one_that_is_gone),
		KIT_TEST(a_runtime_without_commands),
		KIT_TEST(nothing_is_probed_that_is_gone),
		KIT_TEST(a_hundred_instances),
		KIT_TEST(a_thousand_instances),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("worker/probes", tests, NULL, NULL);
}
