/* Connections that go on with another protocol: echoes, back pressure both ways, ends of either
 * side. */
#include <poll.h>
#include <sys/socket.h>

#include "base/clock.h"
#include "fixture.h"

#define PROTOCOL "echo"
#define WAIT_MS  20000
#define MUCH     ((size_t)6 << 20)

/* A client on a thread of its own. */
struct client {
	struct fixture *f;
	struct http_client_request request;
	char *url;
	struct http_client_upgrade upgrade;
	size_t n_send; /* bytes to send, and to get back */
	size_t n_got;
	bool is_same;
	bool is_ended; /* by the server */
	struct err err;
	int result;
};

static char pattern(size_t i)
{
	return (char)('a' + i % 23);
}

static void send_some(struct client *c, size_t *sent)
{
	char piece[10000];
	size_t n = c->n_send - *sent < sizeof(piece) ? c->n_send - *sent : sizeof(piece);

	for (size_t i = 0; i < n; i++)
		piece[i] = pattern(*sent + i);
	ssize_t r = http_client_session_write(c->upgrade.session, piece, n);
	*sent += r > 0 ? (size_t)r : 0;
}

static void receive_some(struct client *c)
{
	char piece[10000];
	ssize_t n;

	while ((n = http_client_session_read(c->upgrade.session, piece, sizeof(piece))) > 0)
		for (ssize_t i = 0; i < n; i++)
			c->is_same &= piece[i] == pattern(c->n_got++);
	c->is_ended = n == 0 || n == -ECONNRESET;
}

static void exchange(struct client *c)
{
	uint64_t end = clock_monotonic_ms() + WAIT_MS;
	size_t sent = 0;

	c->is_same = true;
	while (!c->is_ended && (c->n_got < c->n_send || !c->n_send)) {
		struct pollfd p = { .fd = http_client_session_fd(c->upgrade.session) };

		p.events = sent < c->n_send ? POLLIN | POLLOUT : POLLIN;
		if (clock_poll(&p, 1, end) <= 0)
			return;
		if (p.revents & POLLOUT)
			send_some(c, &sent);
		if (p.revents & ~POLLOUT)
			receive_some(c);
	}
}

static void client_run(void *arg)
{
	struct client *c = arg;

	c->result = c->request.unix_path
			    ? http_client_upgrade_local(&c->request, PROTOCOL, &c->upgrade, &c->err)
			    : http_client_upgrade(&c->request, PROTOCOL, &c->upgrade, &c->err);
	if (c->result < 0 || !c->upgrade.session)
		return;
	exchange(c);
	http_client_session_free(c->upgrade.session);
}

static void client_done(void *arg)
{
	struct client *c = arg;

	if (--c->f->n_clients == 0)
		loop_stop(c->f->loop);
}

static void client_begin(struct client *c, struct fixture *f)
{
	c->f = f;
	c->url = xasprintf("%s://127.0.0.1:%d/x?a=1", f->scheme, f->port);
	c->request.url = c->url;
	c->request.ca_file = f->ca_file;
	c->request.method = "POST";
	c->request.body = "hello";
	c->request.body_len = 5;
	f->n_clients++;
	work_begin(f->loop, EXECUTOR_RUNTIME, client_run, client_done, c);
}

static void client_fini(struct client *c)
{
	free(c->url);
	http_client_response_fini(&c->upgrade.response);
}

static void echo_take(void *arg, const char *data, size_t len)
{
	struct fixture *f = arg;

	f->n_written += len;
	assert_int_equal(http_stream_write(f->request, data, len), 0);
}

static void echo_gone(void *arg)
{
	struct fixture *f = arg;

	f->n_gone++;
	http_stream_end(f->request);
	loop_stop(f->loop);
}

static void on_request(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	if (!http_request_asks_upgrade(r, PROTOCOL)) {
		http_reply(r, 426, "text/plain", xstrdup("ask for an upgrade"));
		return;
	}
	assert_string_equal(http_request_body(r, NULL), "hello");
	f->request = r;
	http_request_on_gone(r, echo_gone, f);
	http_upgrade_begin(r, PROTOCOL, echo_take, f);
}

static void wait_gone(struct fixture *f)
{
	fixture_wait(f);
	while (!f->n_gone)
		loop_run(f->loop);
}

static void bytes_go_both_ways(void **state)
{
	struct fixture *f = *state;
	struct client tcp = { .n_send = 100000 };
	struct client local = { .n_send = 100000, .request.unix_path = f->unix_path };

	fixture_start(f, on_request);
	client_begin(&tcp, f);
	wait_gone(f);
	assert_int_equal(tcp.upgrade.response.status, 101);
	assert_int_equal(tcp.n_got, 100000);
	assert_true(tcp.is_same);
	f->n_gone = 0;
	client_begin(&local, f);
	wait_gone(f);
	if (local.result < 0)
		fail_msg("%s", local.err.msg);
	assert_int_equal(local.n_got, 100000);
	assert_true(local.is_same);
	client_fini(&tcp);
	client_fini(&local);
}

static void flood_room(void *arg)
{
	struct fixture *f = arg;

	char piece[2300]; /* a whole number of patterns */

	f->n_room++;
	for (size_t i = 0; i < sizeof(piece); i++)
		piece[i] = pattern(i);
	for (; f->n_written < MUCH; f->n_written += sizeof(piece))
		if (http_stream_write(f->request, piece, sizeof(piece)) < 0)
			return;
	http_stream_end(f->request);
}

static void on_flood(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	f->request = r;
	http_stream_on_room(r, flood_room, f);
	http_upgrade_begin(r, PROTOCOL, echo_take, f);
	flood_room(f);
}

static void a_slow_reader_gets_all(void **state)
{
	struct fixture *f = *state;
	struct client c = { 0 };

	f->config.max_stream = 64 << 10;
	fixture_start(f, on_flood);
	client_begin(&c, f);
	fixture_wait(f);
	assert_true(c.is_ended);
	assert_true(c.is_same);
	assert_true(c.n_got >= MUCH);
	assert_int_equal(c.n_got, f->n_written);
	assert_true(f->n_room > 2);
	client_fini(&c);
}

static void want_again(void *arg)
{
	struct fixture *f = arg;

	f->timer = NULL;
	f->n_room++;
	http_upgrade_want(f->request, true);
}

static void slow_take(void *arg, const char *data, size_t len)
{
	struct fixture *f = arg;

	assert_null(f->timer); /* nothing comes that is not wanted */
	assert_int_equal(http_stream_write(f->request, data, len), 0);
	http_upgrade_want(f->request, false);
	f->timer = timer_start(f->loop, 1, want_again, f);
}

static void slow_gone(void *arg)
{
	struct fixture *f = arg;

	f->timer = timer_cancel(f->timer);
	echo_gone(f);
}

static void on_slow(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	f->request = r;
	http_request_on_gone(r, slow_gone, f);
	http_upgrade_begin(r, PROTOCOL, slow_take, f);
}

static void a_slow_server_gets_all(void **state)
{
	struct fixture *f = *state;
	struct client c = { .n_send = (size_t)1 << 20 };

	f->config.max_stream = 4 << 20;
	fixture_start(f, on_slow);
	client_begin(&c, f);
	wait_gone(f);
	assert_int_equal(c.n_got, c.n_send);
	assert_true(c.is_same);
	assert_true(f->n_room >= 10);
	client_fini(&c);
}

static void without_asking_it_is_refused(void **state)
{
	struct fixture *f = *state;
	struct call call = { 0 };

	fixture_start(f, on_request);
	call_begin(&call, f, "/");
	fixture_wait(f);
	assert_int_equal(call.response.status, 426);
	call_fini(&call);
}

static void nobody_listens(void **state)
{
	const struct http_client_request request = { .url = "http://127.0.0.1:1/" };
	struct http_client_upgrade upgrade;
	struct err err;

	assert_int_equal(http_client_upgrade(&request, PROTOCOL, &upgrade, &err), -ECONNREFUSED);
}

static void refuse(void *arg, struct http_request *r)
{
	http_reply(r, 404, "text/plain", xstrdup("there is none"));
}

static void a_refusal_is_told(void **state)
{
	struct fixture *f = *state;
	struct client c = { 0 };

	fixture_start(f, refuse);
	client_begin(&c, f);
	fixture_wait(f);
	assert_null(c.upgrade.session);
	assert_int_equal(c.upgrade.response.status, 404);
	assert_string_equal(c.upgrade.response.body, "there is none");
	client_fini(&c);
}

/* Bytes that come together with the request, and a client that leaves while nothing of it is
 * wanted. */
static void keep_unwanted(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	f->request = r;
	http_request_on_gone(r, echo_gone, f);
	http_upgrade_begin(r, PROTOCOL, echo_take, f);
	http_upgrade_want(r, false);
}

static void on_turn(void *arg)
{
	loop_stop(arg);
}

static void turn(struct fixture *f)
{
	timer_start(f->loop, 1, on_turn, f->loop);
	loop_run(f->loop);
}

static void early_bytes_and_a_leaver(void **state)
{
	struct fixture *f = *state;
	static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
				   "Upgrade: echo\r\n\r\nearly";

	fixture_start(f, keep_unwanted);
	int fd = fixture_connect(f, false);
	assert_int_equal(write(fd, head, sizeof(head) - 1), sizeof(head) - 1);
	while (f->n_written < 5 && !f->n_gone) {
		turn(f);
	}
	assert_int_equal(f->n_written, 5);
	close(fd);
	while (!f->n_gone)
		loop_run(f->loop);
}

static void flood_and_end(void *arg, struct http_request *r)
{
	struct fixture *f = arg;
	auto_free char *much = xcalloc(1, MUCH);

	f->request = r;
	http_upgrade_begin(r, PROTOCOL, echo_take, f);
	assert_int_equal(http_stream_write(r, much, MUCH), 0);
	http_stream_end(r);
}

/* What it has not taken of a stream keeps nobody who waits for answers to leave. */
static void a_client_that_reads_nothing(void **state)
{
	struct fixture *f = *state;
	static const char head[] = "GET / HTTP/1.1\r\nHost: a\r\nConnection: Upgrade\r\n"
				   "Upgrade: echo\r\n\r\n";
	struct pollfd begun = { .events = POLLIN };

	f->config.max_stream = MUCH;
	fixture_start(f, flood_and_end);
	begun.fd = fixture_connect(f, true);
	assert_int_equal(write(begun.fd, head, sizeof(head) - 1), sizeof(head) - 1);
	while (poll(&begun, 1, 0) == 0)
		turn(f);
	assert_true(http_server_is_flushed(f->server));
	close(begun.fd);
}

/* The server goes away with a connection open. */
static void a_server_that_ends(void **state)
{
	struct fixture *f = *state;
	struct client c = { 0 };

	fixture_start(f, keep_unwanted);
	client_begin(&c, f);
	while (!f->request)
		turn(f);
	f->server = http_server_free(f->server);
	http_stream_end(f->request);
	fixture_wait(f);
	client_fini(&c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(bytes_go_both_ways),
		TEST(a_slow_reader_gets_all),
		TEST(a_slow_server_gets_all),
		TEST(without_asking_it_is_refused),
		TEST(nobody_listens),
		TEST(a_refusal_is_told),
		TEST(early_bytes_and_a_leaver),
		TEST(a_server_that_ends),
		TEST(a_client_that_reads_nothing),
	};

	return cmocka_run_group_tests_name("wire/http_server/upgrade", tests, NULL, NULL);
}
