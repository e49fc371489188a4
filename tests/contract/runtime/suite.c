/* Tests that hold for every runtime driver. */
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/random.h>

#include <cmocka.h>

#include "base/clock.h"
#include "suite.h"

#define END_MS     20000
#define LOOK_MS    10
#define N_PARALLEL 8

void must(int r, const struct err *err)
{
	if (r < 0)
		fail_msg("%s (%d)", err->msg, r);
}

void instance_init(struct instance *i, const struct subject *subject, enum program program)
{
	uint8_t random[12];

	*i = (struct instance){ 0 };
	assert_int_equal(getrandom(random, sizeof(random), 0), sizeof(random));
	id_format(random, i->id);
	i->log_path = xasprintf("%s/%s/log", subject->log_dir, i->id);
	if (!subject->command(program, &i->cmd)) {
		instance_fini(i);
		print_message("# the driver has no such program\n");
		skip();
	}
	i->spec = (struct runtime_spec){
		.instance_id = i->id,
		.name = "shop.test.web.prod.instance.0",
		.runtime = subject->runtime ? subject->runtime : "docker",
		.image = subject->image,
		.digest = subject->digest,
		.cmd = &i->cmd,
		.env = &i->env,
		.incarnation = 7,
		.generation = 3,
		.log_path = i->log_path,
	};
}

void instance_fini(struct instance *i)
{
	strv_fini(&i->cmd);
	strv_fini(&i->env);
	free(i->log_path);
}

void start(const struct subject *s, struct instance *i, struct runtime_status *ret)
{
	struct err err;

	must(s->driver->start(s->state, &i->spec, NULL, ret, &err), &err);
}

void stop(const struct subject *s, const struct instance *i, struct runtime_status *ret)
{
	struct runtime_ctx ctx = { .grace_ms = 2000 };
	struct err err;

	must(s->driver->stop(s->state, i->id, &ctx, ret, &err), &err);
	s->check_gone(s, i->id);
}

/* One, or none: false. */
static bool look(const struct subject *s, const struct instance *i, struct runtime_status *ret)
{
	struct runtime_list list = { 0 };
	struct err err;

	must(s->driver->list(s->state, i->id, &list, &err), &err);
	assert_true(list.n <= 1);
	bool is_there = list.n == 1;
	if (is_there)
		*ret = list.items[0];
	runtime_list_fini(&list);
	return is_there;
}

void wait_ended(const struct subject *s, const struct instance *i, struct runtime_status *status)
{
	struct err err;

	if (status->phase != RUNTIME_ENDED && !s->end)
		must(proc_wait(&status->watch, END_MS, &err), &err);
	assert_true(look(s, i, status));
	if (status->phase != RUNTIME_ENDED)
		fail_msg("not ended: phase %d, %s", status->phase, status->detail);
}

size_t count_listed(const struct subject *s)
{
	struct runtime_list list = { 0 };
	struct err err;

	must(s->driver->list(s->state, NULL, &list, &err), &err);
	size_t n = list.n;
	runtime_list_fini(&list);
	return n;
}

void wait_log(const struct instance *i, const char *text)
{
	uint64_t end = clock_monotonic_ms() + END_MS;

	while (clock_monotonic_ms() < end) {
		auto_free char *log = NULL;
		struct err err;

		if (file_read(i->log_path, 1 << 20, &log, NULL, &err) == 0 && strstr(log, text))
			return;
		clock_poll(NULL, 0, clock_monotonic_ms() + LOOK_MS);
	}
	fail_msg("%s does not come to hold \"%s\"", i->log_path, text);
}

static void starts_once_and_stops_once(void **state)
{
	const struct subject *s = *state;
	struct runtime_status status;
	struct runtime_status again;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_IDLE);
	start(s, &i, &status);
	assert_int_equal(status.phase, RUNTIME_RUNNING);
	assert_string_equal(status.instance_id, i.id);
	assert_true(s->end || proc_is_alive(&status.proc));
	assert_true(s->end || proc_is_alive(&status.watch));
	assert_int_equal(status.incarnation, 7);
	assert_int_equal(status.generation, 3);
	assert_string_equal(status.digest, s->digest);
	assert_true(s->end || status.started_ms > 1500000000000);
	start(s, &i, &again);
	assert_int_equal(again.proc.pid, status.proc.pid);
	i.spec.incarnation = 8;
	assert_int_equal(s->driver->start(s->state, &i.spec, NULL, &again, &err), -EEXIST);
	assert_true(look(s, &i, &again));
	assert_int_equal(again.incarnation, 7);
	assert_int_equal(count_listed(s), 1);
	stop(s, &i, &again);
	assert_int_equal(again.phase, RUNTIME_ENDED);
	assert_int_equal(again.end, RUNTIME_END_STOPPED);
	assert_false(proc_is_alive(&status.proc));
	assert_false(look(s, &i, &again));
	stop(s, &i, NULL);
	assert_int_equal(count_listed(s), 0);
	instance_fini(&i);
}

static void check_end(const struct subject *s, enum program program, enum runtime_end end,
		      int exit_code)
{
	struct runtime_status status;
	struct instance i;

	if (s->end && exit_code) /* no program gives another one */
		exit_code = 1;
	instance_init(&i, s, program);
	start(s, &i, &status);
	if (s->end)
		s->end(s, i.id, end);
	wait_ended(s, &i, &status);
	assert_int_equal(status.end, end);
	assert_int_equal(status.exit_code, exit_code);
	assert_true(*status.detail);
	stop(s, &i, &status);
	assert_int_equal(status.end, end);
	assert_int_equal(status.exit_code, exit_code);
	assert_int_equal(count_listed(s), 0);
	instance_fini(&i);
}

static void tells_a_clean_end(void **state)
{
	check_end(*state, PROGRAM_CLEAN, RUNTIME_END_CLEAN, 0);
}

static void tells_an_exit_code(void **state)
{
	check_end(*state, PROGRAM_THREE, RUNTIME_END_ERROR, 3);
}

/* One that has ended is there until it is stopped, and told of as it ended. */
static void lists_what_there_is(void **state)
{
	const struct subject *s = *state;
	struct runtime_status ended;
	struct runtime_status runs;
	struct runtime_list list = { 0 };
	struct instance i[2];
	struct err err;

	instance_init(&i[0], s, PROGRAM_CLEAN);
	instance_init(&i[1], s, PROGRAM_IDLE);
	start(s, &i[0], &ended);
	start(s, &i[1], &runs);
	if (s->end)
		s->end(s, i[0].id, RUNTIME_END_CLEAN);
	wait_ended(s, &i[0], &ended);
	assert_true(look(s, &i[1], &runs));
	assert_string_equal(runs.instance_id, i[1].id);
	assert_int_equal(runs.phase, RUNTIME_RUNNING);
	assert_int_equal(count_listed(s), 2);
	must(s->driver->list(s->state, "ffffffffffffffffffffffff", &list, &err), &err);
	assert_int_equal(list.n, 0);
	stop(s, &i[1], NULL);
	assert_int_equal(count_listed(s), 1);
	assert_true(look(s, &i[0], &ended));
	assert_int_equal(ended.end, RUNTIME_END_CLEAN);
	/* What has ended is in nobody's way. */
	start(s, &i[0], &ended);
	if (s->end)
		s->end(s, i[0].id, RUNTIME_END_CLEAN);
	wait_ended(s, &i[0], &ended);
	stop(s, &i[0], NULL);
	assert_int_equal(count_listed(s), 0);
	instance_fini(&i[0]);
	instance_fini(&i[1]);
}

static void is_asked_to_end_without_waiting(void **state)
{
	const struct subject *s = *state;
	struct runtime_status status;
	struct instance i;
	struct err err;

	if (!s->driver->terminate)
		skip();
	instance_init(&i, s, PROGRAM_HELLO);
	start(s, &i, &status);
	wait_log(&i, "hello"); /* it listens to the signal */
	must(s->driver->terminate(s->state, &status, &err), &err);
	wait_ended(s, &i, &status);
	must(s->driver->terminate(s->state, &status, &err), &err); /* it has ended */
	stop(s, &i, NULL);
	must(s->driver->terminate(s->state, &status, &err), &err); /* it is gone */
	instance_fini(&i);
}

static void does_not_begin_when_cancelled(void **state)
{
	const struct subject *s = *state;
	struct cancel cancel = { 0 };
	struct runtime_ctx ctx = { .cancel = &cancel };
	struct runtime_status status = { .exit_code = 99 };
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_IDLE);
	cancel_set(&cancel);
	assert_int_equal(s->driver->start(s->state, &i.spec, &ctx, &status, &err), -ECANCELED);
	assert_int_equal(status.exit_code, 99);
	s->check_gone(s, i.id);
	assert_int_equal(count_listed(s), 0);
	start(s, &i, &status);
	must(s->driver->stop(s->state, i.id, NULL, &status, &err), &err); /* no grace at all */
	assert_int_equal(status.end, RUNTIME_END_STOPPED);
	s->check_gone(s, i.id);
	instance_fini(&i);
}

static void tells_a_crash(void **state)
{
	const struct subject *s = *state;
	struct runtime_status status;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_DEAF);
	start(s, &i, &status);
	must(proc_kill(&status.proc, SIGKILL, &err), &err);
	wait_ended(s, &i, &status);
	assert_int_equal(status.end, RUNTIME_END_CRASH);
	stop(s, &i, NULL);
	instance_fini(&i);
}

static void tells_when_memory_ran_out(void **state)
{
	const struct subject *s = *state;
	struct runtime_status status;
	struct instance i;

	instance_init(&i, s, PROGRAM_HOG);
	i.spec.memory_mib = 24;
	start(s, &i, &status);
	wait_ended(s, &i, &status);
	assert_int_equal(status.end, RUNTIME_END_OOM);
	stop(s, &i, NULL);
	instance_fini(&i);
}

static void holds_to_its_share_of_processor(void **state)
{
	const struct subject *s = *state;
	struct runtime_stats before;
	struct runtime_stats after;
	struct runtime_status status;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_SPIN);
	i.spec.cpu_millis = 200;
	i.spec.memory_mib = 64;
	start(s, &i, &status);
	must(s->driver->stats(s->state, i.id, &before, &err), &err);
	uint64_t since = clock_monotonic_ms();
	clock_poll(NULL, 0, since + 1500);
	must(s->driver->stats(s->state, i.id, &after, &err), &err);
	uint64_t passed_ms = clock_monotonic_ms() - since;
	uint64_t used_ms = (after.cpu_ns - before.cpu_ns) / 1000000;
	if (used_ms * 1000 > passed_ms * 300 || used_ms < 20)
		fail_msg("used %d ms of %d", (int)used_ms, (int)passed_ms);
	assert_true(after.memory_bytes > 0 && after.memory_bytes < (64u << 20));
	stop(s, &i, NULL);
	assert_true(s->driver->stats(s->state, i.id, &after, &err) < 0);
	instance_fini(&i);
}

static void measures_what_runs_and_nothing_else(void **state)
{
	const struct subject *s = *state;
	struct runtime_stats stats = { .memory_bytes = 99 };
	struct runtime_status status;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_IDLE);
	assert_true(s->driver->stats(s->state, i.id, &stats, &err) < 0);
	assert_int_equal(stats.memory_bytes, 99);
	start(s, &i, &status);
	must(s->driver->stats(s->state, i.id, &stats, &err), &err);
	assert_true(stats.memory_bytes > 99);
	stop(s, &i, NULL);
	assert_true(s->driver->stats(s->state, i.id, &stats, &err) < 0);
	instance_fini(&i);
}

static void keeps_a_log(void **state)
{
	const struct subject *s = *state;
	struct runtime_status status;
	struct instance i;

	instance_init(&i, s, PROGRAM_HELLO);
	start(s, &i, &status);
	wait_log(&i, "stdout F hello\n");
	stop(s, &i, NULL);
	assert_true(path_exists(i.log_path));
	instance_fini(&i);
}

static void set_paused(const struct subject *s, const struct instance *i, bool is_paused)
{
	struct runtime_status status;
	struct err err;

	must(s->driver->set_paused(s->state, i->id, is_paused, &err), &err);
	assert_true(look(s, i, &status));
	assert_int_equal(status.phase, RUNTIME_RUNNING);
	assert_int_equal(status.is_paused, is_paused);
}

static uint64_t cpu_ns(const struct subject *s, const struct instance *i)
{
	struct runtime_stats stats;
	struct err err;

	must(s->driver->stats(s->state, i->id, &stats, &err), &err);
	return stats.cpu_ns;
}

/* Both ways of ending it: on its signal, which it can take only if it goes on, and by force. */
static void does_nothing_while_paused(void **state)
{
	const struct subject *s = *state;
	struct runtime_status status;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_SPIN);
	start(s, &i, &status);
	set_paused(s, &i, true);
	uint64_t used = cpu_ns(s, &i);
	clock_poll(NULL, 0, clock_monotonic_ms() + 500);
	/* QEMU itself looks around now and then. */
	assert_true(cpu_ns(s, &i) - used < 100000000);
	set_paused(s, &i, false);
	used = cpu_ns(s, &i);
	for (uint64_t end = clock_monotonic_ms() + END_MS; cpu_ns(s, &i) - used < 200000000;) {
		assert_true(clock_monotonic_ms() < end);
		clock_poll(NULL, 0, clock_monotonic_ms() + LOOK_MS);
	}
	set_paused(s, &i, true);
	must(s->driver->stop(s->state, i.id, NULL, &status, &err), &err);
	assert_int_equal(status.end, RUNTIME_END_STOPPED);
	s->check_gone(s, i.id);
	instance_fini(&i);
}

static void ends_by_its_signal_though_paused(void **state)
{
	const struct subject *s = *state;
	struct runtime_ctx ctx = { .grace_ms = END_MS };
	struct runtime_status status;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_HELLO);
	start(s, &i, &status);
	wait_log(&i, "hello"); /* it listens to the signal */
	set_paused(s, &i, true);
	must(s->driver->stop(s->state, i.id, &ctx, &status, &err), &err);
	/* Not by force, of which it would tell. */
	assert_int_equal(status.end, RUNTIME_END_STOPPED);
	assert_null(strstr(status.detail, "by force"));
	s->check_gone(s, i.id);
	if (s->driver->terminate) {
		start(s, &i, &status);
		wait_log(&i, "hello\n");
		set_paused(s, &i, true);
		must(s->driver->terminate(s->state, &status, &err), &err);
		wait_ended(s, &i, &status);
		stop(s, &i, NULL);
	}
	instance_fini(&i);
}

static void outlives_its_supervisor(void **state)
{
	struct subject *s = *state;
	struct runtime_status before;
	struct runtime_status after;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_DEAF);
	start(s, &i, &before);
	s->driver->close(s->state);
	must(s->driver->open(&s->config, &s->state, &err), &err);
	assert_true(look(s, &i, &after));
	assert_int_equal(after.phase, RUNTIME_RUNNING);
	assert_int_equal(after.proc.pid, before.proc.pid);
	assert_int_equal(after.proc.start_time, before.proc.start_time);
	/* It ends while nobody is there. */
	s->driver->close(s->state);
	must(proc_kill(&after.proc, SIGKILL, &err), &err);
	must(proc_wait(&after.watch, END_MS, &err), &err);
	must(s->driver->open(&s->config, &s->state, &err), &err);
	assert_true(look(s, &i, &after));
	assert_int_equal(after.phase, RUNTIME_ENDED);
	assert_int_equal(after.end, RUNTIME_END_CRASH);
	start(s, &i, &after);
	assert_int_equal(after.phase, RUNTIME_RUNNING);
	assert_int_not_equal(after.proc.pid, before.proc.pid);
	stop(s, &i, NULL);
	instance_fini(&i);
}

static void kills_what_does_not_listen(void **state)
{
	const struct subject *s = *state;
	struct runtime_ctx ctx = { .grace_ms = 300 };
	struct cancel cancel = { 0 };
	struct runtime_status status;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_DEAF);
	start(s, &i, &status);
	uint64_t since = clock_monotonic_ms();
	must(s->driver->stop(s->state, i.id, &ctx, &status, &err), &err);
	assert_int_equal(status.end, RUNTIME_END_STOPPED);
	assert_true(s->has_no_stop_signal || clock_monotonic_ms() - since >= 300);
	start(s, &i, &status);
	cancel_set(&cancel);
	ctx = (struct runtime_ctx){ .grace_ms = 60000, .cancel = &cancel };
	since = clock_monotonic_ms();
	must(s->driver->stop(s->state, i.id, &ctx, &status, &err), &err);
	assert_true(clock_monotonic_ms() - since < 20000);
	s->check_gone(s, i.id);
	instance_fini(&i);
}

#define ABSENT "sha256:00000000000000000000000000000000000000000000000000000000000000ff"

static void leaves_nothing_of_a_failed_start(void **state)
{
	const struct subject *s = *state;
	struct runtime_status status = { .exit_code = 99 };
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_IDLE);
	i.spec.image = "registry.invalid/absent:1";
	i.spec.digest = ABSENT;
	assert_int_equal(s->driver->start(s->state, &i.spec, NULL, &status, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "registry.invalid/absent:1"));
	s->check_gone(s, i.id);
	instance_fini(&i);
	instance_init(&i, s, PROGRAM_ABSENT);
	assert_true(s->driver->start(s->state, &i.spec, NULL, &status, &err) < 0);
	assert_true(*err.msg);
	assert_int_equal(status.exit_code, 99);
	s->check_gone(s, i.id);
	assert_int_equal(count_listed(s), 0);
	instance_fini(&i);
}

struct delayed {
	struct cancel cancel;
	uint64_t delay_ms;
};

static void *cancel_later(void *arg)
{
	struct delayed *d = arg;

	clock_poll(NULL, 0, clock_monotonic_ms() + d->delay_ms);
	cancel_set(&d->cancel);
	return NULL;
}

static void can_be_cancelled_at_any_time(void **state)
{
	const struct subject *s = *state;

	for (uint64_t delay = 0; delay <= 80; delay += 8) {
		struct delayed d = { .delay_ms = delay };
		struct runtime_ctx ctx = { .cancel = &d.cancel };
		struct runtime_status status;
		struct instance i;
		struct err err;
		pthread_t thread;

		instance_init(&i, s, PROGRAM_IDLE);
		assert_int_equal(pthread_create(&thread, NULL, cancel_later, &d), 0);
		int r = s->driver->start(s->state, &i.spec, &ctx, &status, &err);
		pthread_join(thread, NULL);
		if (r < 0 && r != -ECANCELED)
			fail_msg("after %d ms: %s (%d)", (int)delay, err.msg, r);
		if (r == 0)
			stop(s, &i, NULL);
		s->check_gone(s, i.id);
		instance_fini(&i);
	}
	assert_int_equal(count_listed(s), 0);
}

struct worker {
	const struct subject *subject;
	struct instance instances[3];
	int result;
	struct err err;
};

static void *live(void *arg)
{
	struct worker *w = arg;
	const struct runtime_driver *driver = w->subject->driver;

	for (size_t k = 0; k < ARRAY_LEN(w->instances) && w->result >= 0; k++) {
		struct instance *i = &w->instances[k];
		struct runtime_ctx ctx = { .grace_ms = 5000 };
		struct runtime_status status;

		w->result = driver->start(w->subject->state, &i->spec, NULL, &status, &w->err);
		if (w->result >= 0)
			w->result = driver->stop(w->subject->state, i->id, &ctx, &status, &w->err);
	}
	return NULL;
}

struct starter {
	const struct subject *subject;
	struct instance *instance;
	struct runtime_status status;
	int result;
	struct err err;
};

static void *start_it(void *arg)
{
	struct starter *s = arg;

	s->result = s->subject->driver->start(s->subject->state, &s->instance->spec, NULL,
					      &s->status, &s->err);
	return NULL;
}

/* The other one is told that it runs, or that it is being started. */
static void starts_once_from_two_threads(void **state)
{
	const struct subject *s = *state;
	struct starter starters[2] = { 0 };
	struct runtime_status status;
	pthread_t threads[2];
	struct instance i;

	instance_init(&i, s, PROGRAM_IDLE);
	for (int k = 0; k < 2; k++) {
		starters[k].subject = s;
		starters[k].instance = &i;
		assert_int_equal(pthread_create(&threads[k], NULL, start_it, &starters[k]), 0);
	}
	for (int k = 0; k < 2; k++)
		pthread_join(threads[k], NULL);
	int n = 0;
	for (int k = 0; k < 2; k++) {
		if (starters[k].result != -EBUSY)
			must(starters[k].result, &starters[k].err);
		n += starters[k].result == 0;
	}
	assert_true(n > 0);
	assert_true(look(s, &i, &status));
	for (int k = 0; k < 2; k++)
		if (starters[k].result == 0)
			assert_int_equal(starters[k].status.proc.pid, status.proc.pid);
	assert_int_equal(count_listed(s), 1);
	stop(s, &i, NULL);
	instance_fini(&i);
}

static void is_paused_and_goes_on(void **state)
{
	struct subject *s = *state;
	struct runtime_status before;
	struct runtime_status after;
	struct runtime_stats stats;
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_IDLE);
	assert_int_equal(s->driver->set_paused(s->state, i.id, true, &err), -ENOENT);
	start(s, &i, &before);
	assert_false(before.is_paused);
	set_paused(s, &i, false); /* as it is */
	set_paused(s, &i, true);
	set_paused(s, &i, true);
	must(s->driver->stats(s->state, i.id, &stats, &err), &err);
	/* Whoever starts anew finds it so, and leaves it so. */
	s->driver->close(s->state);
	must(s->driver->open(&s->config, &s->state, &err), &err);
	assert_true(look(s, &i, &after));
	assert_true(after.is_paused);
	assert_int_equal(after.proc.pid, before.proc.pid);
	set_paused(s, &i, false);
	set_paused(s, &i, true);
	stop(s, &i, &after);
	assert_int_equal(after.end, RUNTIME_END_STOPPED);
	assert_int_equal(s->driver->set_paused(s->state, i.id, false, &err), -ENOENT);
	instance_fini(&i);
}

static void serves_several_threads(void **state)
{
	const struct subject *s = *state;
	struct worker workers[N_PARALLEL] = { 0 };
	pthread_t threads[N_PARALLEL];

	for (size_t k = 0; k < N_PARALLEL; k++) {
		workers[k].subject = s;
		for (size_t n = 0; n < ARRAY_LEN(workers[k].instances); n++)
			instance_init(&workers[k].instances[n], s, PROGRAM_IDLE);
	}
	for (size_t k = 0; k < N_PARALLEL; k++)
		assert_int_equal(pthread_create(&threads[k], NULL, live, &workers[k]), 0);
	for (size_t k = 0; k < N_PARALLEL; k++)
		pthread_join(threads[k], NULL);
	for (size_t k = 0; k < N_PARALLEL; k++) {
		must(workers[k].result, &workers[k].err);
		for (size_t n = 0; n < ARRAY_LEN(workers[k].instances); n++) {
			s->check_gone(s, workers[k].instances[n].id);
			instance_fini(&workers[k].instances[n]);
		}
	}
	assert_int_equal(count_listed(s), 0);
}

static void proves_what_it_names(void **state)
{
	const struct subject *s = *state;
	struct runtime_info info = { 0 };
	struct err err;

	must(s->driver->probe(s->state, &info, &err), &err);
	for (size_t k = 0; k < info.problems.n; k++)
		print_message("# problem: %s\n", info.problems.items[k]);
	auto_free char *names = strv_join(&info.virtualization, ", ");
	print_message("# works: %s\n", names);
	assert_true(info.virtualization.n > 0);
	runtime_info_fini(&info);
	assert_int_equal(count_listed(s), 0);
}

int suite_run(struct subject *subject, const struct CMUnitTest *own, size_t n_own)
{
	/* Those of the first part hold for simulated instances too. */
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_prestate(starts_once_and_stops_once, subject),
		cmocka_unit_test_prestate(tells_a_clean_end, subject),
		cmocka_unit_test_prestate(tells_an_exit_code, subject),
		cmocka_unit_test_prestate(lists_what_there_is, subject),
		cmocka_unit_test_prestate(does_not_begin_when_cancelled, subject),
		cmocka_unit_test_prestate(measures_what_runs_and_nothing_else, subject),
		cmocka_unit_test_prestate(starts_once_from_two_threads, subject),
		cmocka_unit_test_prestate(is_paused_and_goes_on, subject),
		cmocka_unit_test_prestate(serves_several_threads, subject),
		cmocka_unit_test_prestate(proves_what_it_names, subject),
		cmocka_unit_test_prestate(is_asked_to_end_without_waiting, subject),
		cmocka_unit_test_prestate(tells_a_crash, subject),
		cmocka_unit_test_prestate(tells_when_memory_ran_out, subject),
		cmocka_unit_test_prestate(holds_to_its_share_of_processor, subject),
		cmocka_unit_test_prestate(keeps_a_log, subject),
		cmocka_unit_test_prestate(does_nothing_while_paused, subject),
		cmocka_unit_test_prestate(ends_by_its_signal_though_paused, subject),
		cmocka_unit_test_prestate(outlives_its_supervisor, subject),
		cmocka_unit_test_prestate(kills_what_does_not_listen, subject),
		cmocka_unit_test_prestate(leaves_nothing_of_a_failed_start, subject),
		cmocka_unit_test_prestate(can_be_cancelled_at_any_time, subject),
	};
	enum { N_SIMULATED = 10 };

	const struct CMUnitTest of_guests[] = {
		cmocka_unit_test_prestate(starts_once_and_stops_once, subject),
		cmocka_unit_test_prestate(tells_a_clean_end, subject),
		cmocka_unit_test_prestate(lists_what_there_is, subject),
		cmocka_unit_test_prestate(tells_a_crash, subject),
		cmocka_unit_test_prestate(keeps_a_log, subject),
		cmocka_unit_test_prestate(outlives_its_supervisor, subject),
	};
	const struct CMUnitTest *some = subject->is_another_guest ? of_guests : tests;
	size_t n = subject->is_another_guest ? ARRAY_LEN(of_guests)
		   : subject->end            ? N_SIMULATED
					     : ARRAY_LEN(tests);
	auto_free struct CMUnitTest *all = xcalloc(n + n_own, sizeof(*all));

	memcpy(all, some, n * sizeof(*some));
	if (n_own)
		memcpy(all + n, own, n_own * sizeof(*own));
	return _cmocka_run_group_tests(subject->name, all, n + n_own, NULL, NULL);
}
