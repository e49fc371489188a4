/* Turns of the loop are counted by how long they take. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <time.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/base.h"
#include "loop/loop.h"

#define LONG_MS 60

static uint64_t sum(const uint64_t *n, size_t from)
{
	uint64_t total = 0;

	for (size_t i = from; i <= LOOP_TURN_BOUNDS; i++)
		total += n[i];
	return total;
}

/* Of those that took longer than the bound of so many ms. */
static uint64_t longer(const uint64_t *n, uint32_t bound_ms)
{
	size_t i = 0;

	while (loop_turn_bounds_ms[i] != bound_ms)
		i++;
	return sum(n, i + 1);
}

static uint64_t read_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void work(void *arg)
{
	uint64_t begin = read_ms(CLOCK_THREAD_CPUTIME_ID);

	while (read_ms(CLOCK_THREAD_CPUTIME_ID) < begin + LONG_MS)
		continue;
	loop_stop(arg);
}

static void wait(void *arg)
{
	const struct timespec t = { .tv_nsec = LONG_MS * 1000000 };

	while (nanosleep(&t, NULL) < 0)
		continue;
	loop_stop(arg);
}

static void stop(void *arg)
{
	loop_stop(arg);
}

static void on_data(void *arg, unsigned events)
{
	work(arg);
}

static void on_signal(void *arg, int signum)
{
	work(arg);
}

/* A turn is counted when the next one begins to wait, so one more has to begin. */
static void run_turn(struct loop *loop, struct loop_turns *ret)
{
	loop_run(loop);
	loop_post(loop, stop, loop);
	loop_run(loop);
	loop_turns(loop, ret);
}

static void a_loop_that_waits_counts_nothing(void **state)
{
	struct loop *loop = loop_new();
	struct loop_turns turns;

	loop_turns(loop, &turns);
	assert_int_equal(sum(turns.wall, 0) + sum(turns.cpu, 0), 0);
	loop_free(loop);
}

static void each_turn_is_counted_once_by_both_clocks(void **state)
{
	struct loop *loop = loop_new();
	struct loop_turns before;
	struct loop_turns turns;

	loop_post(loop, stop, loop);
	run_turn(loop, &before);
	assert_true(sum(before.wall, 0) > 0);
	loop_post(loop, stop, loop);
	run_turn(loop, &turns);
	assert_true(sum(turns.wall, 0) > sum(before.wall, 0));
	assert_int_equal(sum(turns.wall, 0), sum(turns.cpu, 0));
	loop_free(loop);
}

static void what_takes_long_is_among_the_long_ones(void **state)
{
	struct loop *loop = loop_new();
	struct loop_turns turns;

	loop_post(loop, work, loop);
	run_turn(loop, &turns);
	assert_int_equal(longer(turns.cpu, 50), 1);
	assert_true(longer(turns.wall, 50) >= 1);
	timer_start(loop, 0, work, loop);
	run_turn(loop, &turns);
	assert_int_equal(longer(turns.cpu, 50), 2);
	loop_free(loop);
}

static void waiting_takes_no_processor_time(void **state)
{
	struct loop *loop = loop_new();
	struct loop_turns turns;

	loop_post(loop, wait, loop);
	run_turn(loop, &turns);
	assert_true(longer(turns.wall, 50) >= 1);
	assert_int_equal(longer(turns.cpu, 50), 0);
	loop_free(loop);
}

static void descriptors_and_signals_count_too(void **state)
{
	struct loop *loop = loop_new();
	struct loop_turns turns;
	int fds[2];

	assert_int_equal(pipe(fds), 0);
	struct io *io = io_watch(loop, fds[0], IO_READ, on_data, loop);
	assert_int_equal(write(fds[1], "x", 1), 1);
	loop_run(loop);
	io_cancel(io);
	loop_post(loop, stop, loop);
	loop_run(loop);
	loop_turns(loop, &turns);
	assert_int_equal(longer(turns.cpu, 50), 1);
	struct signal_watch *watch = signal_watch(loop, SIGUSR1, on_signal, loop);
	raise(SIGUSR1);
	run_turn(loop, &turns);
	assert_int_equal(longer(turns.cpu, 50), 2);
	signal_cancel(watch);
	close(fds[0]);
	close(fds[1]);
	loop_free(loop);
}

static void virtual_time_has_no_turns(void **state)
{
	struct loop *loop = loop_sim_new(1);
	struct loop_turns turns;

	loop_post(loop, stop, loop);
	loop_run(loop);
	loop_turns(loop, &turns);
	assert_int_equal(sum(turns.wall, 0) + sum(turns.cpu, 0), 0);
	loop_free(loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_loop_that_waits_counts_nothing),
		cmocka_unit_test(each_turn_is_counted_once_by_both_clocks),
		cmocka_unit_test(what_takes_long_is_among_the_long_ones),
		cmocka_unit_test(waiting_takes_no_processor_time),
		cmocka_unit_test(descriptors_and_signals_count_too),
		cmocka_unit_test(virtual_time_has_no_turns),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
