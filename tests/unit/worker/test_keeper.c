/* Containers whose shims are killed, with real processes as shims. */
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include "kit.h"

#define RR (10u << 24 | 30 << 16 | 1)

struct world {
	struct kit *kit;
	struct runtime_driver driver;
};

/* A driver's state is its own: the shim of the first instance. */
static pid_t shim;

static void begin_shim(void)
{
	shim = fork();
	if (shim == 0) {
		for (;;)
			pause();
	}
	assert_true(shim > 0);
}

static void end_shim(void)
{
	assert_int_equal(kill(shim, SIGKILL), 0);
	assert_int_equal(waitpid(shim, NULL, 0), shim);
	shim = 0;
}

static void add_keeper(struct runtime_status *status)
{
	struct err err;

	if (shim && str_eq(status->instance_id, ID_1))
		proc_identify(shim, &status->keeper, &err);
}

static int start_with_shim(void *state, const struct runtime_spec *spec,
			   const struct runtime_ctx *ctx, struct runtime_status *ret,
			   struct err *err)
{
	int r = fake_driver.start(state, spec, ctx, ret, err);

	if (r == 0)
		add_keeper(ret);
	return r;
}

static int list_with_shim(void *state, const char *instance_id, struct runtime_list *ret,
			  struct err *err)
{
	int r = fake_driver.list(state, instance_id, ret, err);

	for (size_t i = 0; r == 0 && i < ret->n; i++)
		add_keeper(&ret->items[i]);
	return r;
}

static bool is_registered(void *arg)
{
	struct kit *kit = arg;
	return kit->n_registered > 0;
}

static bool is_running(struct kit *kit, const char *id)
{
	const struct instance_status *status = kit_status(kit, id);

	return status && status->state == STATE_RUNNING;
}

static bool first_runs(void *arg)
{
	struct kit *kit = arg;
	return is_running(kit, ID_1);
}

static bool second_runs(void *arg)
{
	struct kit *kit = arg;
	return is_running(kit, ID_2);
}

static bool is_stopping(void *arg)
{
	struct kit *kit = arg;
	return kit_has_told(kit, ID_1, "its shim was killed: stopping it");
}

static bool is_dead(void *arg)
{
	struct kit *kit = arg;
	return kit_has_told(kit, ID_1, "its shim was killed, next start in ");
}

/* Turns are taken: with two there, each is one of two in a row. */
static bool second_alone_is_reached(void *arg)
{
	struct kit *kit = arg;
	return str_eq(fake_network_connect(kit->network, RR), ID_2) &&
	       str_eq(fake_network_connect(kit->network, RR), ID_2);
}

static bool both_are_reached(void *arg)
{
	struct kit *kit = arg;
	const char *first = fake_network_connect(kit->network, RR);

	return first && !str_eq(first, fake_network_connect(kit->network, RR));
}

static int setup(void **state)
{
	struct world *w = NEW(struct world);

	if (kit_setup(state) < 0)
		return -1;
	w->kit = *state;
	kit_crash(w->kit);
	w->driver = fake_driver;
	w->driver.start = start_with_shim;
	w->driver.list = list_with_shim;
	w->kit->driver = &w->driver;
	w->kit->is_real = true;
	kit_boot(w->kit);
	kit_await_met(w->kit, is_registered, w->kit);
	begin_shim();
	kit_deploy(w->kit, &(struct wish){ .id = ID_1 });
	kit_await_met(w->kit, first_runs, w->kit);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	void *of_kit = w->kit;
	int r = kit_teardown(&of_kit);

	if (shim)
		end_shim();
	free(w);
	return r;
}

static void others_take_over_while_it_answers(void **state)
{
	struct world *w = *state;
	struct kit *kit = w->kit;

	kit_deploy(kit, &(struct wish){ .id = ID_2 });
	kit_await_met(w->kit, second_runs, w->kit);
	kit_await_met(w->kit, both_are_reached, w->kit);
	end_shim();
	kit_await_met(w->kit, second_alone_is_reached, w->kit);
	assert_true(is_stopping(kit));
	assert_int_equal(fake_host_running(kit->host, ID_1), 1);
	kit_forget(kit);
	kit_await_met(w->kit, is_dead, w->kit);
	assert_int_equal(fake_host_running(kit->host, ID_1), 0);
	kit_await_met(w->kit, first_runs, w->kit);
	kit_await_met(w->kit, both_are_reached, w->kit);
}

static void one_alone_is_started_again(void **state)
{
	struct world *w = *state;

	end_shim();
	kit_await_met(w->kit, is_dead, w->kit);
	kit_forget(w->kit);
	kit_await_met(w->kit, first_runs, w->kit);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(others_take_over_while_it_answers),
		TEST(one_alone_is_started_again),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("worker/keeper", tests, NULL, NULL);
}
