/* What every store driver has to do. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "store/store.h"

/* A place that outlives being closed. */
struct place {
	const struct store_driver *driver;
	char where[64];
	struct store_mem *mem;
	void *state;
};

static void reopen(struct place *p)
{
	struct err err = { 0 };

	if (p->state)
		p->driver->close(p->state);
	p->state = NULL;
	if (p->driver->open(p->where, &p->state, &err) < 0)
		fail_msg("%s", err.msg);
}

static int setup_sqlite(void **state)
{
	struct place *p = NEW(struct place);

	p->driver = &store_sqlite;
	STR_COPY(p->where, "/tmp/holm-test-XXXXXX");
	if (!mkdtemp(p->where))
		return -1;
	str_copy(p->where + strlen(p->where), 16, "/store.db");
	reopen(p);
	*state = p;
	return 0;
}

static int setup_mem(void **state)
{
	struct place *p = NEW(struct place);

	p->driver = &store_mem;
	p->mem = store_mem_new();
	STR_COPY(p->where, store_mem_where(p->mem));
	reopen(p);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err err = { 0 };

	p->driver->close(p->state);
	if (p->mem) {
		store_mem_free(p->mem);
	} else {
		*strrchr(p->where, '/') = '\0';
		path_remove(p->where, &err);
	}
	free(p);
	return 0;
}

static void commit(struct place *p, struct store_batch *take_batch)
{
	const struct store_batch *batches[] = { take_batch };
	struct err err = { 0 };

	if (p->driver->commit(p->state, batches, 1, &err) < 0)
		fail_msg("%s", err.msg);
	store_batch_fini(take_batch);
}

static int add_line(void *arg, const char *kind, const char *id, const char *body, struct err *err)
{
	buf_addf(arg, "%s/%s=%s\n", kind, id, body);
	return 0;
}

static void holds(struct place *p, const char *expected)
{
	auto_buf struct buf text;
	struct err err = { 0 };

	buf_init(&text, 1 << 20);
	if (p->driver->load(p->state, add_line, &text, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(text.data, expected);
}

static void a_new_one_is_empty(void **state)
{
	holds(*state, "");
}

static void documents_come_back_in_order(void **state)
{
	struct store_batch batch = { 0 };

	store_batch_put(&batch, "service", "b", xstrdup("{}"));
	store_batch_put(&batch, "app", "z", xstrdup("{\"é\":\"\n\"}"));
	store_batch_put(&batch, "service2", "a", xstrdup("2"));
	store_batch_put(&batch, "service", "a", xstrdup("1"));
	commit(*state, &batch);
	holds(*state, "app/z={\"é\":\"\n\"}\nservice/a=1\nservice/b={}\nservice2/a=2\n");
	reopen(*state);
	holds(*state, "app/z={\"é\":\"\n\"}\nservice/a=1\nservice/b={}\nservice2/a=2\n");
}

static void the_last_change_counts(void **state)
{
	struct store_batch first = { 0 };
	struct store_batch second = { 0 };

	store_batch_put(&first, "app", "a", xstrdup("1"));
	store_batch_put(&first, "app", "b", xstrdup("1"));
	store_batch_put(&first, "app", "a", xstrdup("2"));
	commit(*state, &first);
	holds(*state, "app/a=2\napp/b=1\n");
	store_batch_delete(&second, "app", "a");
	store_batch_delete(&second, "app", "none");
	store_batch_delete(&second, "app", "b");
	store_batch_put(&second, "app", "b", xstrdup("3"));
	commit(*state, &second);
	reopen(*state);
	holds(*state, "app/b=3\n");
}

static void several_batches_are_one_commit(void **state)
{
	struct place *p = *state;
	struct store_batch a = { 0 };
	struct store_batch b = { 0 };
	const struct store_batch *batches[] = { &a, &b };
	struct err err = { 0 };

	store_batch_put(&a, "app", "a", xstrdup("1"));
	store_batch_delete(&b, "app", "a");
	store_batch_put(&b, "app", "b", xstrdup("2"));
	assert_int_equal(p->driver->commit(p->state, batches, 2, &err), 0);
	store_batch_fini(&a);
	store_batch_fini(&b);
	holds(p, "app/b=2\n");
}

static void an_empty_batch_is_fine(void **state)
{
	struct store_batch batch = { 0 };

	commit(*state, &batch);
	holds(*state, "");
}

static int refuse(void *arg, const char *kind, const char *id, const char *body, struct err *err)
{
	return err_set(err, -EINVAL, "read %s %s: not today", kind, id);
}

static void loading_ends_with_the_readers_error(void **state)
{
	struct place *p = *state;
	struct store_batch batch = { 0 };
	struct err err = { 0 };

	store_batch_put(&batch, "app", "a", xstrdup("1"));
	commit(p, &batch);
	assert_int_equal(p->driver->load(p->state, refuse, NULL, &err), -EINVAL);
	assert_string_equal(err.msg, "read app a: not today");
	holds(p, "app/a=1\n");
}

static void large_bodies_come_back(void **state)
{
	struct store_batch batch = { 0 };
	auto_free char *expected = NULL;
	char *body = xcalloc(1, (600u << 10) + 1);

	memset(body, 'x', 600u << 10);
	expected = xasprintf("app/a=%s\n", body);
	store_batch_put(&batch, "app", "a", body);
	commit(*state, &batch);
	reopen(*state);
	holds(*state, expected);
}

#define BOTH(name)                                                \
	{ "sqlite: " #name, name, setup_sqlite, teardown, NULL }, \
	{                                                         \
		"mem: " #name, name, setup_mem, teardown, NULL    \
	}

int main(void)
{
	const struct CMUnitTest tests[] = {
		BOTH(a_new_one_is_empty),     BOTH(documents_come_back_in_order),
		BOTH(the_last_change_counts), BOTH(several_batches_are_one_commit),
		BOTH(an_empty_batch_is_fine), BOTH(loading_ends_with_the_readers_error),
		BOTH(large_bodies_come_back),
	};

	return cmocka_run_group_tests_name("contract/store", tests, NULL, NULL);
}
