/* A node tells what it can run as soon as it knows, and tries the rest meanwhile. */
#include "kit.h"
#include "runtime/runtime.h"

static struct runtime_driver slow, late;
static unsigned n_probes;
static bool is_slow_broken;

/* The first probe knows of docker, the second of fake. */
static int probe(void *state, struct runtime_info *ret, struct err *err)
{
	n_probes++;
	strv_add(&ret->virtualization, "docker");
	if (n_probes == 1)
		strv_add(&ret->pending, "fake");
	else if (is_slow_broken)
		strv_add(&ret->problems, "fake: it is broken");
	else
		strv_add(&ret->virtualization, "fake");
	return 0;
}

/* With a worker that has just started. */
static struct kit *boot(void **state, bool is_broken)
{
	struct kit *kit = *state;

	kit_crash(kit);
	slow = fake_driver;
	slow.probe = probe;
	kit->driver = &slow;
	n_probes = 0;
	is_slow_broken = is_broken;
	kit_boot(kit);
	return kit;
}

static void what_is_known_is_told_at_once(void **state)
{
	struct kit *kit = boot(state, false);

	kit_run(kit, 1000);
	assert_int_equal(n_probes, 2);
	assert_int_equal(kit->n_registered, 2);
	kit_run(kit, 600000);
	assert_int_equal(n_probes, 2);
}

static int probe_late(void *state, struct runtime_info *ret, struct err *err)
{
	strv_add(&ret->virtualization, "unikernel");
	return 0;
}

/* However long each takes: nothing of a runtime would be missed that has not been asked yet. */
static void all_have_been_asked_when_it_is_told(void **state)
{
	late = fake_driver;
	late.probe = probe_late;
	for (unsigned i = 0; i < 30; i++) {
		struct kit *kit = *state;

		kit->other = &late;
		kit = boot(state, false);
		while (!kit->n_registered)
			kit_run(kit, 1);
		assert_true(strv_has(&kit->node.virtualization, "unikernel"));
	}
}

static void an_instance_waits_for_its_runtime(void **state)
{
	struct kit *kit = boot(state, false);
	const struct wish wish = { .id = ID_1, .spec = ",\"virtualization\":\"fake\"" };

	kit_run(kit, 1000);
	kit_sync(kit, &wish, 1);
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_crash(kit);
	kit_forget(kit);
	fake_host_end(kit->host, ID_1, RUNTIME_END_ERROR);
	n_probes = 0;
	kit_boot(kit); /* the wish is on disk, the runtime is tried again */
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_false(kit_has_told(kit, ID_1, "has no runtime"));
}

static void one_that_is_broken_after_all(void **state)
{
	struct kit *kit = boot(state, true);
	const struct wish wish = { .id = ID_1, .spec = ",\"virtualization\":\"fake\"" };

	kit_run(kit, 1000);
	kit_sync(kit, &wish, 1);
	kit_await(kit, ID_1, STATE_FAILED);
	assert_true(kit_has_told(kit, ID_1, "this node has no runtime fake"));
}

static void on_down(void *arg, const struct err *err)
{
	struct kit *kit = arg;

	kit->is_down = true;
	kit->down_err = *err;
}

static void going_down_waits_for_a_probe(void **state)
{
	struct kit *kit = boot(state, false);

	worker_down_begin(kit->worker, on_down, kit);
	kit_run(kit, 1000);
	assert_true(kit->is_down);
	assert_int_equal(kit->down_err.code, 0);
	assert_int_equal(n_probes, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(what_is_known_is_told_at_once),
		KIT_TEST(all_have_been_asked_when_it_is_told),
		KIT_TEST(an_instance_waits_for_its_runtime),
		KIT_TEST(one_that_is_broken_after_all),
		KIT_TEST(going_down_waits_for_a_probe),
	};

	return cmocka_run_group_tests_name("worker/proofs", tests, NULL, NULL);
}
