/* Streams in one process: who is told what, and who frees what. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "wire/stream.h"

struct side {
	struct stream *stream; /* of the serving side */
	char *request;
	unsigned n_opened;
	unsigned n_gone;
	unsigned n_ended;
	struct err err;
	char got[64];
	bool is_full;
	char taken[64]; /* by the serving side */
	bool is_clogged;
	unsigned n_room;
	unsigned n_server_room;
};

static void on_gone(void *arg)
{
	((struct side *)arg)->n_gone++;
}

static void on_open(void *arg, struct stream *stream, const char *request)
{
	struct side *side = arg;

	side->n_opened++;
	side->stream = stream;
	free(side->request);
	side->request = xstrdup(request);
	stream_serve(stream, on_gone, side);
}

static void on_data(void *arg, const char *data, size_t len)
{
	struct side *side = arg;
	size_t n = strlen(side->got);

	assert_true(n + len < sizeof(side->got));
	memcpy(side->got + n, data, len);
	side->got[n + len] = '\0';
}

static void on_end(void *arg, const struct err *err)
{
	struct side *side = arg;

	side->n_ended++;
	side->err = *err;
}

static bool is_full(void *arg)
{
	return ((struct side *)arg)->is_full;
}

static void on_room(void *arg)
{
	((struct side *)arg)->n_room++;
}

static void on_server_room(void *arg)
{
	((struct side *)arg)->n_server_room++;
}

static bool is_clogged(void *arg)
{
	return ((struct side *)arg)->is_clogged;
}

static void on_taken(void *arg, const char *data, size_t len)
{
	struct side *side = arg;

	memcpy(side->taken, data, len);
	side->taken[len] = '\0';
}

static struct stream *open_stream(struct stream_hub *hub, struct side *side, struct err *err)
{
	const struct stream_reader reader = { on_data, on_end, is_full, on_room, side };

	return stream_open(hub, "node", "{}", &reader, err);
}

static void bytes_and_an_end(void **state)
{
	struct stream_hub *hub = stream_hub_new();
	struct side side = { 0 };
	struct err err = { 0 };

	assert_null(open_stream(hub, &side, &err));
	assert_int_equal(err.code, -EHOSTUNREACH);
	assert_string_equal(err.msg, "open stream: node node is not connected");
	stream_hub_register(hub, "node", on_open, &side);
	assert_non_null(open_stream(hub, &side, &err));
	assert_string_equal(side.request, "{}");
	stream_send(side.stream, "one ", 4);
	assert_false(stream_is_full(side.stream));
	side.is_full = true;
	assert_true(stream_is_full(side.stream));
	stream_send(side.stream, "two", 3);
	assert_string_equal(side.got, "one two");
	err_set(&err, -EIO, "the disk broke");
	stream_end(side.stream, &err);
	assert_int_equal(side.n_ended, 1);
	assert_string_equal(side.err.msg, "the disk broke");
	assert_int_equal(side.n_gone, 0);
	stream_hub_free(hub);
	free(side.request);
}

static void a_reader_that_closes(void **state)
{
	struct stream_hub *hub = stream_hub_new();
	struct side side = { 0 };
	struct err err = { 0 };

	stream_hub_register(hub, "node", on_open, &side);
	struct stream *stream = open_stream(hub, &side, &err);
	stream_close(stream);
	assert_int_equal(side.n_gone, 1);
	assert_int_equal(side.n_ended, 0);
	/* One whose server does not want to be told. */
	stream = open_stream(hub, &side, &err);
	stream_serve(stream, NULL, NULL);
	stream_close(stream);
	assert_int_equal(side.n_gone, 1);
	stream_hub_free(hub);
	free(side.request);
}

static void bytes_the_other_way(void **state)
{
	struct stream_hub *hub = stream_hub_new();
	struct side side = { 0 };
	const struct stream_server server = { on_taken, is_clogged, on_server_room, on_gone,
					      &side };
	struct err err = { 0 };

	stream_hub_register(hub, "node", on_open, &side);
	struct stream *stream = open_stream(hub, &side, &err);
	stream_write(stream, "lost", 4); /* it takes none yet */
	assert_false(stream_is_clogged(stream));
	stream_drained(stream);
	assert_int_equal(side.n_server_room, 0);
	stream_serve_both(side.stream, &server);
	stream_write(stream, "typed", 5);
	assert_string_equal(side.taken, "typed");
	side.is_clogged = true;
	assert_true(stream_is_clogged(stream));
	stream_accept(side.stream);
	assert_int_equal(side.n_room, 1);
	stream_drained(stream);
	assert_int_equal(side.n_server_room, 1);
	stream_close(stream);
	assert_int_equal(side.n_gone, 1);
	stream_hub_free(hub);
	free(side.request);
}

static void a_node_that_comes_and_goes(void **state)
{
	struct stream_hub *hub = stream_hub_new();
	struct side first = { 0 };
	struct side second = { 0 };
	struct err err = { 0 };

	stream_hub_register(hub, "node", on_open, &first);
	assert_non_null(open_stream(hub, &first, &err));
	stream_hub_register(hub, "node", on_open, &second); /* it came again */
	assert_non_null(open_stream(hub, &second, &err));
	assert_int_equal(first.n_opened, 1);
	assert_int_equal(second.n_opened, 1);
	stream_hub_unregister(hub, "node");
	stream_hub_unregister(hub, "node");
	assert_null(open_stream(hub, &second, &err));
	/* Streams that are open are freed with the hub. */
	stream_hub_free(hub);
	stream_hub_free(NULL);
	free(first.request);
	free(second.request);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bytes_and_an_end),
		cmocka_unit_test(a_reader_that_closes),
		cmocka_unit_test(bytes_the_other_way),
		cmocka_unit_test(a_node_that_comes_and_goes),
	};

	return cmocka_run_group_tests_name("wire/stream", tests, NULL, NULL);
}
