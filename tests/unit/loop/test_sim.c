/* The simulated loop: virtual time, one seed one run, order that the seed shuffles. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "loop/loop.h"

struct run {
	struct loop *loop;
	struct buf seen;
	int n_done;
	struct timer *timer;
};

struct mark {
	struct run *run;
	char letter;
};

static void add_mark(void *arg)
{
	struct mark *m = arg;

	buf_addf(&m->run->seen, "%c%lu ", m->letter, (unsigned long)loop_now_ms(m->run->loop));
}

static void add_upper(void *arg)
{
	struct mark *m = arg;

	buf_addf(&m->run->seen, "%c%lu ", m->letter - 'a' + 'A',
		 (unsigned long)loop_now_ms(m->run->loop));
	m->run->n_done++;
}

static void run_init(struct run *r, uint64_t seed)
{
	*r = (struct run){ .loop = loop_sim_new(seed) };
	buf_init(&r->seen, 1 << 16);
}

static void run_fini(struct run *r)
{
	loop_free(r->loop);
	buf_fini(&r->seen);
}

/* A mix of everything; returns the trace. */
static char *trace(uint64_t seed)
{
	struct run r;
	struct mark marks[8];

	run_init(&r, seed);
	for (size_t i = 0; i < ARRAY_LEN(marks); i++) {
		marks[i] = (struct mark){ &r, (char)('a' + i) };
		timer_start(r.loop, i / 4, add_mark, &marks[i]);
		loop_post(r.loop, add_mark, &marks[i]);
		work_begin(r.loop, EXECUTOR_RUNTIME, add_mark, add_upper, &marks[i]);
	}
	loop_run(r.loop);
	assert_int_equal(r.n_done, 8);
	char *text = buf_take(&r.seen);
	run_fini(&r);
	return text;
}

static void one_seed_is_one_run(void **state)
{
	auto_free char *a = trace(1);
	auto_free char *b = trace(1);
	auto_free char *c = trace(2);

	assert_string_equal(a, b);
	assert_string_not_equal(a, c);
}

static void time_jumps_to_the_next_event(void **state)
{
	struct run r;
	struct mark a = { &r, 'a' };
	struct mark b = { &r, 'b' };

	run_init(&r, 7);
	uint64_t start = loop_now_ms(r.loop);
	uint64_t wall = loop_wall_ms(r.loop);

	timer_start(r.loop, 3600000, add_mark, &b);
	timer_start(r.loop, 10, add_mark, &a);
	assert_int_equal(loop_sim_run(r.loop, start + 5), 1);
	assert_int_equal(loop_now_ms(r.loop), start + 5);
	assert_int_equal(r.seen.len, 0);
	assert_int_equal(loop_sim_run(r.loop, start + 10), 1);
	assert_true(r.seen.data[0] == 'a');
	assert_int_equal(loop_sim_run(r.loop, UINT64_MAX), 0);
	assert_int_equal(loop_now_ms(r.loop), start + 3600000);
	assert_int_equal(loop_wall_ms(r.loop), wall + 3600000);
	assert_false(loop_sim_step(r.loop));
	run_fini(&r);
}

static void a_step_is_one_event(void **state)
{
	struct run r;
	struct mark a = { &r, 'a' };

	run_init(&r, 7);
	loop_post(r.loop, add_mark, &a);
	work_begin(r.loop, EXECUTOR_NETWORK, add_mark, add_upper, &a);
	assert_true(loop_sim_step(r.loop));
	assert_int_equal(r.seen.data[r.seen.len - 1], ' ');
	assert_null(strchr(r.seen.data, 'A'));
	assert_true(loop_sim_step(r.loop));
	assert_null(strchr(r.seen.data, 'A')); /* done is an event of its own */
	assert_true(loop_sim_step(r.loop));
	assert_non_null(strchr(r.seen.data, 'A'));
	assert_false(loop_sim_step(r.loop));
	run_fini(&r);
}

static void stop(void *arg)
{
	loop_stop(((struct run *)arg)->loop);
}

static void stopping_leaves_the_rest_for_the_next_run(void **state)
{
	struct run r;
	struct mark a = { &r, 'a' };

	run_init(&r, 7);
	timer_start(r.loop, 1, stop, &r);
	timer_start(r.loop, 2, add_mark, &a);
	loop_run(r.loop);
	assert_int_equal(r.seen.len, 0);
	loop_run(r.loop);
	assert_true(r.seen.len > 0);
	run_fini(&r);
}

static void posts_keep_their_order_among_themselves(void **state)
{
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct run r;
		struct mark marks[10];

		run_init(&r, seed);
		for (int i = 0; i < 10; i++) {
			marks[i] = (struct mark){ &r, (char)('0' + i) };
			loop_post(r.loop, add_mark, &marks[i]);
		}
		loop_run(r.loop);
		assert_string_equal(r.seen.data, "01000 11000 21000 31000 41000 51000 61000 "
						 "71000 81000 91000 ");
		run_fini(&r);
	}
}

static void a_single_thread_keeps_the_order_of_work(void **state)
{
	for (uint64_t seed = 0; seed < 50; seed++) {
		struct run r;
		struct mark marks[6];
		auto_buf struct buf order;

		buf_init(&order, 100);
		run_init(&r, seed);
		for (int i = 0; i < 6; i++) {
			marks[i] = (struct mark){ &r, (char)('a' + i) };
			work_begin(r.loop, EXECUTOR_STORE, add_mark, add_upper, &marks[i]);
		}
		loop_run(r.loop);
		for (char *c = r.seen.data; *c; c++)
			if (*c >= 'A')
				buf_add(&order, c, 1);
		assert_string_equal(order.data, "aAbBcCdDeEfF");
		run_fini(&r);
	}
}

static void the_seed_shuffles_what_is_due_at_once(void **state)
{
	int n_first = 0;

	for (uint64_t seed = 0; seed < 200; seed++) {
		struct run r;
		struct mark a = { &r, 'a' };
		struct mark b = { &r, 'b' };

		run_init(&r, seed);
		timer_start(r.loop, 5, add_mark, &a);
		timer_start(r.loop, 5, add_mark, &b);
		loop_run(r.loop);
		n_first += r.seen.data[0] == 'a';
		run_fini(&r);
	}
	assert_in_range(n_first, 60, 140);
}

static void cancelled_timers_never_run(void **state)
{
	struct run r;
	struct mark a = { &r, 'a' };
	struct mark b = { &r, 'b' };
	struct timer *timers[100];

	run_init(&r, 3);
	for (size_t i = 0; i < ARRAY_LEN(timers); i++)
		timers[i] = timer_start(r.loop, i * 7919 % 101, i % 3 ? add_mark : add_upper,
					i % 3 ? &a : &b);
	for (size_t i = 0; i < ARRAY_LEN(timers); i++)
		if (i % 3)
			timer_cancel(timers[i]);
	loop_run(r.loop);
	assert_int_equal(r.n_done, 34);
	assert_null(strchr(r.seen.data, 'a'));
	run_fini(&r);
}

static void freeing_drops_everything(void **state)
{
	struct run r;
	struct mark a = { &r, 'a' };

	run_init(&r, 3);
	loop_post(r.loop, add_mark, &a);
	timer_start(r.loop, UINT64_MAX, add_mark, &a);
	for (int i = 0; i < 3; i++)
		work_begin(r.loop, EXECUTOR_STORE, add_mark, add_mark, &a);
	run_fini(&r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_seed_is_one_run),
		cmocka_unit_test(time_jumps_to_the_next_event),
		cmocka_unit_test(a_step_is_one_event),
		cmocka_unit_test(stopping_leaves_the_rest_for_the_next_run),
		cmocka_unit_test(posts_keep_their_order_among_themselves),
		cmocka_unit_test(a_single_thread_keeps_the_order_of_work),
		cmocka_unit_test(the_seed_shuffles_what_is_due_at_once),
		cmocka_unit_test(cancelled_timers_never_run),
		cmocka_unit_test(freeing_drops_everything),
	};

	return cmocka_run_group_tests_name("loop/sim", tests, NULL, NULL);
}
