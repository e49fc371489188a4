/* The real loop: order, cancelling, executors, descriptors, signals. */
#include <fcntl.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/resource.h>

#include <cmocka.h>

#include "base/base.h"
#include "loop/loop.h"

struct fixture {
	struct loop *loop;
	char seen[64]; /* a letter per event */
	struct timer *timer;
	struct io *io;
	struct signal_watch *watch;
	int fds[2];
	int n;
	int n_left;
	pthread_t thread;
	pthread_barrier_t barrier;
	bool is_started[EXECUTOR_THREADS_MAX];
};

/* What most callbacks get: where to write which letter. */
struct mark {
	struct fixture *f;
	char letter;
};

static void add_mark(void *arg)
{
	struct mark *m = arg;
	size_t n = strlen(m->f->seen);

	assert_true(n + 1 < sizeof(m->f->seen));
	m->f->seen[n] = m->letter;
}

static void stop(void *arg)
{
	loop_stop(((struct fixture *)arg)->loop);
}

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);

	f->loop = loop_new();
	assert_int_equal(pipe2(f->fds, O_CLOEXEC), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	loop_free(f->loop);
	close(f->fds[0]);
	close(f->fds[1]);
	free(f);
	return 0;
}

static void posts_run_later_and_in_order(void **state)
{
	struct fixture *f = *state;
	struct mark a = { f, 'a' };
	struct mark b = { f, 'b' };

	loop_post(f->loop, add_mark, &a);
	f->timer = timer_start(f->loop, 0, add_mark, &b);
	loop_post(f->loop, add_mark, &a);
	loop_post(f->loop, stop, f);
	assert_string_equal(f->seen, "");
	loop_run(f->loop);
	assert_string_equal(f->seen, "aba");
}

static void timers_run_when_due(void **state)
{
	struct fixture *f = *state;
	struct mark a = { f, 'a' };
	struct mark b = { f, 'b' };
	struct mark c = { f, 'c' };
	uint64_t start = loop_now_ms(f->loop);

	timer_start(f->loop, 30, stop, f);
	timer_start(f->loop, 20, add_mark, &b);
	timer_start(f->loop, 10, add_mark, &a);
	timer_start(f->loop, UINT64_MAX, add_mark, &c);
	loop_run(f->loop);
	assert_string_equal(f->seen, "ab");
	assert_true(loop_now_ms(f->loop) >= start + 30);
}

static void cancelled_timers_never_run(void **state)
{
	struct fixture *f = *state;
	struct mark a = { f, 'a' };

	assert_null(timer_cancel(timer_start(f->loop, 1, add_mark, &a)));
	assert_null(timer_cancel(timer_start(f->loop, 0, add_mark, &a)));
	assert_null(timer_cancel(NULL));
	timer_start(f->loop, 10, stop, f);
	loop_run(f->loop);
	assert_string_equal(f->seen, "");
}

static void cancel_own_timer(void *arg)
{
	struct fixture *f = arg;

	f->timer = timer_cancel(f->timer);
	loop_stop(f->loop);
}

static void a_post_cancels_a_timer_of_its_own_batch(void **state)
{
	struct fixture *f = *state;
	struct mark a = { f, 'a' };

	loop_post(f->loop, cancel_own_timer, f);
	f->timer = timer_start(f->loop, 0, add_mark, &a);
	loop_run(f->loop);
	loop_post(f->loop, stop, f);
	loop_run(f->loop);
	assert_string_equal(f->seen, "");
}

static void restart_at_once(void *arg)
{
	struct fixture *f = arg;

	if (++f->n < 100)
		timer_start(f->loop, 0, restart_at_once, f);
}

static void on_readable(void *arg, unsigned events)
{
	struct fixture *f = arg;

	assert_int_equal(events, IO_READ);
	f->n_left = f->n;
	f->io = io_cancel(f->io);
	loop_stop(f->loop);
}

static void a_timer_without_delay_starves_nothing(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write(f->fds[1], "x", 1), 1);
	timer_start(f->loop, 0, restart_at_once, f);
	f->io = io_watch(f->loop, f->fds[0], IO_READ, on_readable, f);
	loop_run(f->loop);
	assert_true(f->n_left < 10);
}

static void count_readable(void *arg, unsigned events)
{
	struct fixture *f = arg;

	if (++f->n == 3)
		loop_stop(f->loop);
}

static void readiness_is_level_triggered(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(write(f->fds[1], "x", 1), 1);
	f->io = io_watch(f->loop, f->fds[0], IO_READ, count_readable, f);
	loop_run(f->loop);
	assert_int_equal(f->n, 3);
	f->io = io_cancel(f->io);
	timer_start(f->loop, 10, stop, f);
	loop_run(f->loop);
	assert_int_equal(f->n, 3);
}

static void a_closed_pipe_is_readable(void **state)
{
	struct fixture *f = *state;

	close(f->fds[1]);
	f->fds[1] = -1;
	f->io = io_watch(f->loop, f->fds[0], IO_READ, on_readable, f);
	loop_run(f->loop);
	assert_null(f->io);
}

static void a_broken_pipe_is_writable(void **state)
{
	struct fixture *f = *state;

	close(f->fds[0]);
	f->fds[0] = -1;
	/* The kernel reports an error here, which libuv takes for the end of the watch. */
	f->io = io_watch(f->loop, f->fds[1], IO_WRITE, count_readable, f);
	loop_run(f->loop);
	assert_int_equal(f->n, 3);
	f->io = io_cancel(f->io);
}

static void on_signal(void *arg, int signum)
{
	struct fixture *f = arg;

	f->n = signum;
	loop_stop(f->loop);
}

static void signals_arrive_on_the_loop(void **state)
{
	struct fixture *f = *state;

	f->watch = signal_watch(f->loop, SIGUSR1, on_signal, f);
	kill(getpid(), SIGUSR1);
	loop_run(f->loop);
	assert_int_equal(f->n, SIGUSR1);
	f->watch = signal_cancel(f->watch);
}

static void run_with_others(void *arg)
{
	struct fixture *f = arg;
	unsigned index = executor_thread_index();
	sigset_t blocked;

	assert(index > 0 && index < EXECUTOR_THREADS_MAX);
	pthread_sigmask(SIG_SETMASK, NULL, &blocked);
	assert(sigismember(&blocked, SIGTERM));
	/* Nobody gets past before all threads of all executors are here. */
	pthread_barrier_wait(&f->barrier);
	f->is_started[index] = true;
}

static void count_done(void *arg)
{
	struct fixture *f = arg;

	assert_int_equal(executor_thread_index(), 0);
	if (--f->n_left == 0)
		loop_stop(f->loop);
}

static void every_executor_has_threads_of_its_own(void **state)
{
	static const unsigned width[EXECUTOR_N] = { 1, 1, 8, 8, 4, 4, 1, 4 };
	struct fixture *f = *state;

	pthread_barrier_init(&f->barrier, NULL, EXECUTOR_THREADS_MAX - 1);
	f->n_left = EXECUTOR_THREADS_MAX - 1;
	for (int kind = 0; kind < EXECUTOR_N; kind++)
		for (unsigned i = 0; i < width[kind]; i++)
			work_begin(f->loop, (enum executor)kind, run_with_others, count_done, f);
	loop_run(f->loop);
	for (unsigned i = 1; i < EXECUTOR_THREADS_MAX; i++)
		assert_true(f->is_started[i]);
	pthread_barrier_destroy(&f->barrier);
}

static void note_end(void *arg)
{
	struct mark *m = arg;

	add_mark(m);
	if (m->letter == 'z')
		loop_stop(m->f->loop);
}

static void nothing(void *arg)
{
}

static void one_thread_keeps_the_order(void **state)
{
	struct fixture *f = *state;
	struct mark marks[26];

	for (int i = 0; i < 26; i++) {
		marks[i] = (struct mark){ f, (char)('a' + i) };
		work_begin(f->loop, EXECUTOR_STORE, nothing, note_end, &marks[i]);
	}
	loop_run(f->loop);
	assert_string_equal(f->seen, "abcdefghijklmnopqrstuvwxyz");
}

static void run_and_tell(void *arg)
{
	struct fixture *f = arg;
	char c;

	assert(write(f->fds[1], "x", 1) == 1);
	assert(read(f->n, &c, 1) == 1);
	f->n_left++;
}

static void must_not_run(void *arg)
{
	abort();
}

static void freeing_waits_for_work_and_calls_nobody(void **state)
{
	struct fixture *f = *state;
	int go[2];
	char c;

	assert_int_equal(pipe2(go, O_CLOEXEC), 0);
	f->n = go[0];
	work_begin(f->loop, EXECUTOR_STORE, run_and_tell, must_not_run, f);
	work_begin(f->loop, EXECUTOR_STORE, nothing, must_not_run, f);
	loop_post(f->loop, must_not_run, f);
	timer_start(f->loop, 0, must_not_run, f);
	timer_start(f->loop, 1, must_not_run, f);
	f->io = io_watch(f->loop, f->fds[1], IO_WRITE, NULL, NULL);
	assert_int_equal(read(f->fds[0], &c, 1), 1);
	assert_int_equal(write(go[1], "x", 1), 1);
	loop_stop(f->loop);
	loop_free(f->loop);
	assert_int_equal(f->n_left, 1);
	f->loop = loop_new();
	close(go[0]);
	close(go[1]);
}

static void *post_often(void *arg)
{
	struct fixture *f = arg;

	for (int i = 0; i < 1000; i++)
		loop_post_from_thread(f->loop, count_done, f);
	return NULL;
}

static void other_threads_post(void **state)
{
	struct fixture *f = *state;

	f->n_left = 1000;
	pthread_create(&f->thread, NULL, post_often, f);
	loop_run(f->loop);
	pthread_join(f->thread, NULL);
	assert_int_equal(f->n_left, 0);
}

static void an_idle_loop_does_not_wake_up(void **state)
{
	struct fixture *f = *state;
	struct rusage before;
	struct rusage after;

	f->n_left = 1;
	work_begin(f->loop, EXECUTOR_RUNTIME, nothing, count_done, f);
	loop_run(f->loop);
	timer_start(f->loop, 200, stop, f);
	getrusage(RUSAGE_SELF, &before);
	loop_run(f->loop);
	getrusage(RUSAGE_SELF, &after);
	assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 1, 4);
}

static void delays_double_up_to_the_cap(void **state)
{
	struct fixture *f = *state;

	for (int i = 0; i < 1000; i++) {
		assert_in_range(retry_delay_ms(f->loop, 0, 1000, 60000), 500, 1000);
		assert_in_range(retry_delay_ms(f->loop, 3, 1000, 60000), 4000, 8000);
		assert_in_range(retry_delay_ms(f->loop, 4000000000, 1000, 60000), 30000, 60000);
		assert_in_range(retry_delay_ms(f->loop, 64, 1, UINT64_MAX), UINT64_MAX / 2,
				UINT64_MAX);
	}
	assert_int_equal(retry_delay_ms(f->loop, 5, 0, 1000), 0);
}

static void a_cancel_token_is_optional(void **state)
{
	struct cancel cancel = { 0 };

	assert_false(cancel_is_set(NULL));
	assert_false(cancel_is_set(&cancel));
	cancel_set(&cancel);
	assert_true(cancel_is_set(&cancel));
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void a_token_has_a_parent(void **state)
{
	struct cancel parent = { 0 };
	struct cancel child = { .parent = &parent };

	assert_false(cancel_is_set(&child));
	assert_false(cancel_wait(&child, 1));
	cancel_set(&parent);
	assert_true(cancel_is_set(&child));
	assert_true(cancel_wait(&child, 60000));
	assert_false(cancel_wait(NULL, 1));
}

static void *set_token(void *arg)
{
	cancel_set(arg);
	return NULL;
}

static void setting_ends_the_wait(void **state)
{
	struct cancel cancel = { 0 };
	pthread_t thread;

	assert_int_equal(pthread_create(&thread, NULL, set_token, &cancel), 0);
	assert_true(cancel_wait(&cancel, 60000));
	pthread_join(thread, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(posts_run_later_and_in_order),
		TEST(timers_run_when_due),
		TEST(cancelled_timers_never_run),
		TEST(a_post_cancels_a_timer_of_its_own_batch),
		TEST(a_timer_without_delay_starves_nothing),
		TEST(readiness_is_level_triggered),
		TEST(a_closed_pipe_is_readable),
		TEST(a_broken_pipe_is_writable),
		TEST(signals_arrive_on_the_loop),
		TEST(every_executor_has_threads_of_its_own),
		TEST(one_thread_keeps_the_order),
		TEST(freeing_waits_for_work_and_calls_nobody),
		TEST(other_threads_post),
		TEST(an_idle_loop_does_not_wake_up),
		TEST(delays_double_up_to_the_cap),
		TEST(a_cancel_token_is_optional),
		TEST(a_token_has_a_parent),
		TEST(setting_ends_the_wait),
	};

	return cmocka_run_group_tests_name("loop/loop", tests, NULL, NULL);
}
