/* The queue: order, joining, failures, being closed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "loop/loop.h"
#include "store/store.h"

struct site {
	struct loop *loop;
	struct store_mem *mem;
	struct store *store;
	struct buf log; /* of done callbacks */
};

/* One batch's waiter. */
struct call {
	struct site *site;
	const char *name;
};

static int setup(void **state)
{
	struct site *s = NEW(struct site);
	struct err err = { 0 };

	s->loop = loop_sim_new(1);
	s->mem = store_mem_new();
	s->store = store_open(s->loop, &store_mem, store_mem_where(s->mem), &err);
	buf_init(&s->log, 1000);
	*state = s;
	return s->store ? 0 : -1;
}

static int teardown(void **state)
{
	struct site *s = *state;

	loop_free(s->loop);
	store_close(s->store);
	store_mem_free(s->mem);
	buf_fini(&s->log);
	free(s);
	return 0;
}

static void on_done(void *arg, const struct err *err)
{
	struct call *call = arg;

	buf_addf(&call->site->log, "%s:%d ", call->name, err->code);
}

static void put(struct call *call, const char *body)
{
	struct store_batch batch = { 0 };

	store_batch_put(&batch, "app", "a", xstrdup(body));
	store_commit_begin(call->site->store, &batch, on_done, call);
	assert_null(batch.changes);
}

static int copy_body(void *arg, const char *kind, const char *id, const char *body, struct err *err)
{
	buf_addf(arg, "%s/%s=%s ", kind, id, body);
	return 0;
}

static void holds(struct site *s, const char *expected)
{
	auto_buf struct buf text;
	struct err err = { 0 };

	buf_init(&text, 1000);
	assert_int_equal(store_load(s->store, copy_body, &text, &err), 0);
	assert_string_equal(text.data, expected);
}

static void commits_in_order(void **state)
{
	struct site *s = *state;
	struct call a = { s, "a" };
	struct call b = { s, "b" };

	put(&a, "1");
	put(&b, "2");
	assert_string_equal(s->log.data, "");
	assert_int_equal(loop_sim_run(s->loop, 10000), 0);
	assert_string_equal(s->log.data, "a:0 b:0 ");
	holds(s, "app/a=2 ");
}

/* A failing commit takes all of them along; a second one would have succeeded. */
static void batches_of_a_turn_are_one_commit(void **state)
{
	struct site *s = *state;
	struct call a = { s, "a" };
	struct call b = { s, "b" };
	auto_free char *expected = xasprintf("a:%d b:%d ", -ENOSPC, -ENOSPC);

	store_mem_fail(s->mem, 1);
	put(&a, "1");
	put(&b, "2");
	loop_sim_run(s->loop, 10000);
	assert_string_equal(s->log.data, expected);
	holds(s, "");
}

static void batches_during_a_commit_are_the_next(void **state)
{
	struct site *s = *state;
	struct call a = { s, "a" };
	struct call b = { s, "b" };
	auto_free char *expected = xasprintf("a:%d b:0 ", -ENOSPC);

	store_mem_fail(s->mem, 1);
	put(&a, "1");
	loop_sim_step(s->loop);
	put(&b, "2");
	loop_sim_run(s->loop, 10000);
	assert_string_equal(s->log.data, expected);
	holds(s, "app/a=2 ");
}

static void next_put(void *arg, const struct err *err)
{
	struct call *call = arg;

	on_done(call, err);
	if (!err->code)
		return;
	call->name = "again";
	put(call, "2");
}

static void a_failure_changes_nothing_and_passes(void **state)
{
	struct site *s = *state;
	struct call a = { s, "a" };
	struct store_batch batch = { 0 };

	store_mem_fail(s->mem, 1);
	store_batch_put(&batch, "app", "a", xstrdup("1"));
	store_commit_begin(s->store, &batch, next_put, &a);
	loop_sim_run(s->loop, 10000);
	auto_free char *expected = xasprintf("a:%d again:0 ", -ENOSPC);
	assert_string_equal(s->log.data, expected);
	holds(s, "app/a=2 ");
}

static void what_is_queued_when_it_closes_is_dropped(void **state)
{
	struct site *s = *state;
	struct call a = { s, "a" };

	put(&a, "1");
	loop_sim_step(s->loop);
	put(&a, "2");
	assert_string_equal(s->log.data, "");
}

static void on_last(void *arg, const struct err *err)
{
	struct call *call = arg;

	on_done(call, err);
	loop_stop(call->site->loop);
}

static void give_up(void *arg)
{
	loop_stop(arg);
}

static void real_threads_answer_in_order(void **state)
{
	struct site *s = *state;
	struct site real = { .loop = loop_new() };
	struct call a = { &real, "a" };
	struct call b = { &real, "b" };
	struct store_batch none = { 0 };
	struct err err = { 0 };

	buf_init(&real.log, 1000);
	real.store = store_open(real.loop, &store_mem, store_mem_where(s->mem), &err);
	put(&a, "1");
	put(&a, "2");
	store_commit_begin(real.store, &none, on_last, &b);
	timer_start(real.loop, 30000, give_up, real.loop);
	loop_run(real.loop);
	assert_string_equal(real.log.data, "a:0 a:0 b:0 ");
	holds(&real, "app/a=2 ");
	loop_free(real.loop);
	store_close(real.store);
	buf_fini(&real.log);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(commits_in_order),
		TEST(batches_of_a_turn_are_one_commit),
		TEST(batches_during_a_commit_are_the_next),
		TEST(a_failure_changes_nothing_and_passes),
		TEST(what_is_queued_when_it_closes_is_dropped),
		TEST(real_threads_answer_in_order),
	};

	return cmocka_run_group_tests_name("store/store", tests, NULL, NULL);
}
