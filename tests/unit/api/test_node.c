/* Questions to a node: one answer, steps on the way, errors, a client that leaves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/world.h"
#include "base/base.h"

#define PING "/api/v1/ping"

/* What the node sends, and how it ends. */
struct answerer {
	struct world *world;
	struct stream *stream;
	const char *pieces[4];
	struct err err;
	bool is_silent; /* never answers */
	bool is_gone;
	char *request;
};

static void answer(void *arg)
{
	struct answerer *a = arg;

	for (size_t i = 0; i < ARRAY_LEN(a->pieces) && a->pieces[i]; i++)
		stream_send(a->stream, a->pieces[i], strlen(a->pieces[i]));
	if (!a->is_silent)
		stream_end(a->stream, &a->err);
}

static void on_gone(void *arg)
{
	struct answerer *a = arg;

	a->is_gone = true;
	loop_stop(a->world->loop);
}

static void on_open(void *arg, struct stream *stream, const char *request)
{
	struct answerer *a = arg;

	a->stream = stream;
	free(a->request);
	a->request = xstrdup(request);
	stream_serve(stream, on_gone, a);
	loop_post(a->world->loop, answer, a);
}

static int setup(void **state)
{
	struct answerer *a = NEW(struct answerer);

	a->world = NEW(struct world);
	world_init(a->world);
	stream_hub_register(a->world->hub, WORLD_NODE, on_open, a);
	*state = a;
	return 0;
}

static int teardown(void **state)
{
	struct answerer *a = *state;

	world_fini(a->world);
	free(a->world);
	free(a->request);
	free(a);
	return 0;
}

static void the_answer_is_the_body(void **state)
{
	struct answerer *a = *state;
	auto_ask struct ask ask = { .is_made_up = true, .path = PING };

	a->pieces[0] = "{\"progress\":{\"done\":1}}\n{\"resul";
	a->pieces[1] = "t\":{\"x\":[1,2]}}\n";
	world_ask(a->world, &ask, 200);
	assert_string_equal(ask.response.body, "{\"x\":[1,2]}");
	assert_string_equal(a->request, "{\"kind\":\"call\",\"call\":\"ping\",\"args\":{}}");
}

static void the_node_is_named(void **state)
{
	struct answerer *a = *state;
	auto_ask struct ask ask = { .is_made_up = true, .path = PING "?node=edge-1" };

	a->pieces[0] = "{\"result\":1}\n";
	world_ask(a->world, &ask, 200);
	ask.path = PING "?node=" WORLD_NODE;
	world_ask(a->world, &ask, 200);
	ask.path = PING "?node=edge-2";
	world_ask(a->world, &ask, 404);
	assert_non_null(strstr(ask.response.body, "no node edge-2: there are edge-1"));
	stream_hub_unregister(a->world->hub, WORLD_NODE);
	ask.path = PING;
	world_ask(a->world, &ask, 503);
}

static void an_error_keeps_its_sentence(void **state)
{
	struct answerer *a = *state;
	auto_ask struct ask ask = { .is_made_up = true, .path = PING };

	err_set(&a->err, -EBUSY, "remove disk x: it is in use");
	world_ask(a->world, &ask, 409);
	assert_non_null(strstr(ask.response.body, "remove disk x: it is in use"));
	a->err = (struct err){ 0 };
	world_ask(a->world, &ask, 502); /* it ended without an answer */
}

static void steps_come_as_lines(void **state)
{
	struct answerer *a = *state;
	auto_ask struct ask ask = { .is_made_up = true, .path = PING "?progress=1" };

	a->pieces[0] = "{\"progress\":{\"done\":1}}\n";
	a->pieces[1] = "{\"result\":7}\n";
	world_ask(a->world, &ask, 200);
	assert_string_equal(ask.response.body, "{\"progress\":{\"done\":1}}\n{\"result\":7}\n");
	a->pieces[1] = NULL;
	err_set(&a->err, -ENOENT, "gone \"away\"");
	world_ask(a->world, &ask, 200);
	assert_string_equal(ask.response.body,
			    "{\"progress\":{\"done\":1}}\n"
			    "{\"error\":{\"code\":404,\"message\":\"gone \\\"away\\\"\"}}\n");
}

static int leave(void *arg, uint64_t offset, const void *data, size_t len)
{
	return -ECANCELED;
}

static void who_leaves_is_not_waited_for(void **state)
{
	struct answerer *a = *state;
	auto_ask struct ask ask = { .is_made_up = true, .path = PING "?progress=1", .sink = leave };

	a->pieces[0] = "{\"progress\":{}}\n";
	a->is_silent = true;
	world_perform(a->world, &ask);
	assert_int_equal(ask.result, -ECANCELED);
	if (!a->is_gone)
		loop_run(a->world->loop);
	assert_true(a->is_gone);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(the_answer_is_the_body, setup, teardown),
		cmocka_unit_test_setup_teardown(the_node_is_named, setup, teardown),
		cmocka_unit_test_setup_teardown(an_error_keeps_its_sentence, setup, teardown),
		cmocka_unit_test_setup_teardown(steps_come_as_lines, setup, teardown),
		cmocka_unit_test_setup_teardown(who_leaves_is_not_waited_for, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
