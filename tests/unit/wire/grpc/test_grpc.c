/* The gRPC client against a server that answers in every way one can. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "fake_server.h"
#include "loop/loop.h"
#include "wire/grpc/grpc.h"

struct place {
	char dir[64];
	char *socket;
	struct fake_server *server;
	struct grpc_conn *conn;
	struct buf in;
	struct buf out;
};

static int setup(void **state)
{
	struct place *p = NEW(struct place);

	STR_COPY(p->dir, "/tmp/holm-grpc-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->socket = path_join(p->dir, "s");
	p->server = fake_server_start(p->socket);
	p->conn = grpc_conn_new(p->socket);
	buf_init(&p->in, GRPC_MESSAGE_MAX);
	buf_init(&p->out, 2 * (size_t)GRPC_MESSAGE_MAX);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err err;

	grpc_conn_free(p->conn);
	if (p->server)
		fake_server_stop(p->server);
	buf_fini(&p->in);
	buf_fini(&p->out);
	assert_int_equal(path_remove(p->dir, &err), 0);
	free(p->socket);
	free(p);
	return 0;
}

static struct grpc_call call_of(const char *method)
{
	return (struct grpc_call){ .method = method, .timeout_ms = 5000 };
}

static int unary(struct place *p, const char *method, const char *text, struct err *err)
{
	struct grpc_call call = call_of(method);

	buf_reset(&p->out);
	buf_add_str(&p->out, text);
	return grpc_unary(p->conn, &call, &p->out, &p->in, err);
}

static void calls_and_gets_the_answer(void **state)
{
	struct place *p = *state;
	struct err err;

	for (int i = 0; i < 100; i++) {
		char text[16];

		snprintf(text, sizeof(text), "hello %d", i);
		assert_int_equal(unary(p, "/t/echo", text, &err), 0);
		assert_string_equal(p->in.data, text);
	}
	assert_int_equal(fake_server_connections(p->server), 1);
}

static void moves_the_largest_message(void **state)
{
	struct place *p = *state;
	struct grpc_call call = call_of("/t/echo");
	struct err err;
	auto_free char *big = xmalloc(GRPC_MESSAGE_MAX);

	call.timeout_ms = 60000;
	for (size_t i = 0; i < GRPC_MESSAGE_MAX; i++)
		big[i] = (char)(i * 7919 >> 8);
	buf_add(&p->out, big, GRPC_MESSAGE_MAX);
	assert_int_equal(grpc_unary(p->conn, &call, &p->out, &p->in, &err), 0);
	assert_int_equal(p->in.len, GRPC_MESSAGE_MAX);
	assert_memory_equal(p->in.data, big, GRPC_MESSAGE_MAX);
	buf_add(&p->out, "x", 1);
	assert_int_equal(grpc_unary(p->conn, &call, &p->out, &p->in, &err), -EMSGSIZE);
	assert_int_equal(unary(p, "/t/echo", "still fine", &err), 0);
}

static void tells_the_servers_status(void **state)
{
	struct place *p = *state;
	struct err err;

	assert_int_equal(unary(p, "/t/fail", "", &err), -ENOENT);
	assert_string_equal(err.msg, "no such thing: 50%");
	assert_int_equal(unary(p, "/t/html", "", &err), -EPROTO);
	assert_non_null(strstr(err.msg, "HTTP status 404"));
	assert_int_equal(unary(p, "/t/echo", "x", &err), 0);
	assert_int_equal(fake_server_connections(p->server), 1);
}

static void refuses_what_it_cannot_take(void **state)
{
	struct place *p = *state;
	struct err err;

	assert_int_equal(unary(p, "/t/huge", "", &err), -EMSGSIZE);
	assert_int_equal(unary(p, "/t/packed", "", &err), -EPROTO);
	assert_int_equal(unary(p, "/t/count", "2", &err), -EPROTO);
	assert_int_equal(unary(p, "/t/count", "0", &err), -EPROTO);
	assert_int_equal(unary(p, "/t/echo", "x", &err), 0);
}

static void gives_up_in_time(void **state)
{
	struct place *p = *state;
	struct grpc_call call = call_of("/t/silent");
	struct err err;

	call.timeout_ms = 30;
	assert_int_equal(grpc_unary(p->conn, &call, &p->out, &p->in, &err), -ETIMEDOUT);
	assert_string_equal(err.msg, "call /t/silent: no answer within 30 ms");
	assert_int_equal(unary(p, "/t/echo", "x", &err), 0);
	assert_int_equal(fake_server_connections(p->server), 1);
}

static void *set_later(void *arg)
{
	struct timespec t = { .tv_nsec = 20000000 };

	nanosleep(&t, NULL);
	cancel_set(arg);
	return NULL;
}

static void can_be_cancelled(void **state)
{
	struct place *p = *state;
	struct cancel cancel = { 0 };
	struct grpc_call call = call_of("/t/silent");
	struct err err;
	pthread_t thread;

	call.cancel = &cancel;
	assert_int_equal(pthread_create(&thread, NULL, set_later, &cancel), 0);
	assert_int_equal(grpc_unary(p->conn, &call, &p->out, &p->in, &err), -ECANCELED);
	pthread_join(thread, NULL);
	assert_int_equal(unary(p, "/t/echo", "x", &err), 0);
}

static void survives_the_servers_death(void **state)
{
	struct place *p = *state;
	struct err err;

	assert_int_equal(unary(p, "/t/die", "", &err), -ECONNRESET);
	assert_int_equal(unary(p, "/t/echo", "x", &err), 0);
	assert_int_equal(fake_server_connections(p->server), 2);
	/* Restarted between two calls: the second one must not notice. */
	fake_server_stop(p->server);
	assert_int_equal(unlink(p->socket), 0);
	p->server = fake_server_start(p->socket);
	assert_int_equal(unary(p, "/t/echo", "y", &err), 0);
	assert_string_equal(p->in.data, "y");
	fake_server_stop(p->server);
	p->server = NULL;
	assert_int_equal(unary(p, "/t/echo", "z", &err), -ECONNREFUSED);
	assert_int_equal(unlink(p->socket), 0);
	assert_int_equal(unary(p, "/t/echo", "z", &err), -ECONNREFUSED);
	assert_non_null(strstr(err.msg, p->socket));
}

static void receives_a_stream(void **state)
{
	struct place *p = *state;
	struct grpc_call call = call_of("/t/count");
	auto_(grpc_stream_close) struct grpc_stream *s = NULL;
	struct err err;
	uint32_t v;

	assert_int_equal(grpc_stream_open(p->conn, &call, &s, &err), 0);
	assert_int_equal(grpc_stream_send(s, "200000", 6, true, &err), 0);
	for (uint32_t i = 0; i < 200000; i++) {
		assert_int_equal(grpc_stream_receive(s, &p->in, &err), 1);
		assert_int_equal(parse_u32(p->in.data, 0, UINT32_MAX, &v), 0);
		assert_int_equal(v, i);
	}
	assert_int_equal(grpc_stream_receive(s, &p->in, &err), 0);
	s = grpc_stream_close(s);
}

static void talks_both_ways_beside_other_calls(void **state)
{
	struct place *p = *state;
	struct grpc_call call = call_of("/t/echo");
	auto_(grpc_stream_close) struct grpc_stream *s = NULL;
	struct err err;

	assert_int_equal(grpc_stream_open(p->conn, &call, &s, &err), 0);
	for (int i = 0; i < 20; i++) {
		char text[16];

		snprintf(text, sizeof(text), "m%d", i);
		assert_int_equal(grpc_stream_send(s, text, strlen(text), i == 19, &err), 0);
		assert_int_equal(unary(p, "/t/echo", "beside", &err), 0);
		assert_int_equal(grpc_stream_receive(s, &p->in, &err), 1);
		assert_string_equal(p->in.data, text);
	}
	assert_int_equal(grpc_stream_receive(s, &p->in, &err), 0);
	s = grpc_stream_close(s);
}

static void a_stream_may_end_early(void **state)
{
	struct place *p = *state;
	struct grpc_call call = call_of("/t/early");
	auto_(grpc_stream_close) struct grpc_stream *s = NULL;
	struct err err;

	assert_int_equal(grpc_stream_open(p->conn, &call, &s, &err), 0);
	assert_int_equal(grpc_stream_send(s, "a", 1, false, &err), 0);
	assert_int_equal(grpc_stream_receive(s, &p->in, &err), -ENOBUFS);
	s = grpc_stream_close(s);
	call = call_of("/t/echo");
	assert_int_equal(grpc_stream_open(p->conn, &call, &s, &err), 0);
	s = grpc_stream_close(s); /* before anything was sent */
	assert_int_equal(unary(p, "/t/echo", "x", &err), 0);
}

static void decodes_messages(void **state)
{
	char out[8];

	grpc_message_decode("a%20b", 5, out, sizeof(out));
	assert_string_equal(out, "a b");
	grpc_message_decode("%zz%4", 5, out, sizeof(out));
	assert_string_equal(out, "%zz%4");
	grpc_message_decode("123456789", 9, out, sizeof(out));
	assert_string_equal(out, "1234567");
	assert_int_equal(grpc_status_errno(5), -ENOENT);
	assert_int_equal(grpc_status_errno(77), -EIO);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(calls_and_gets_the_answer),
		TEST(moves_the_largest_message),
		TEST(tells_the_servers_status),
		TEST(refuses_what_it_cannot_take),
		TEST(gives_up_in_time),
		TEST(can_be_cancelled),
		TEST(survives_the_servers_death),
		TEST(receives_a_stream),
		TEST(talks_both_ways_beside_other_calls),
		TEST(a_stream_may_end_early),
		cmocka_unit_test(decodes_messages),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
