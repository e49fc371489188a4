/* What clients cannot do to the server: send too much or too slowly, or be too many. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "fixture.h"

#define HEAD "POST / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"

static void say_ok(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	f->n_handled++;
	http_reply(r, 200, NULL, xstrdup("ok"));
}

static void keep(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	f->request = r;
	loop_stop(f->loop);
}

/* Sends and reads to the end; returns whether the answer starts so ("": none at all). */
static bool is_answered(struct fixture *f, const char *sent, const char *expected)
{
	struct raw raw = { 0 };

	raw_begin(&raw, f, sent);
	fixture_wait(f);
	bool is = *expected ? str_starts(raw.got, expected) : !*raw.got;
	if (!is)
		print_message("# got: %s\n", raw.got);
	raw_fini(&raw);
	return is;
}

static void a_body_declared_too_large_is_not_read(void **state)
{
	struct fixture *f = *state;
	struct call call = { .request = { .method = "POST", .body_len = 2 << 20 } };
	auto_free char *body = xcalloc(1, 2 << 20);

	f->config.max_body = 1000;
	fixture_start(f, say_ok);
	/* Nothing of it is ever sent. */
	assert_true(is_answered(f, HEAD "Content-Length: 1001\r\n\r\n", "HTTP/1.1 413 "));
	assert_true(is_answered(f, HEAD "Content-Length: 99999999999999999999999\r\n\r\n",
				"HTTP/1.1 413 "));
	call.request.body = body;
	call_begin(&call, f, "/");
	fixture_wait(f);
	assert_int_equal(call.result, 0);
	assert_int_equal(call.response.status, 413);
	assert_int_equal(f->n_handled, 0);
	call_fini(&call);
}

static char *explain(unsigned status)
{
	return xasprintf("{\"status\":%u}", status);
}

static void a_client_in_full_flow_sees_the_refusal(void **state)
{
	struct fixture *f = *state;
	size_t len = 300 << 10; /* the client library does not ask before sending this much */
	auto_free char *body = xcalloc(1, len);

	f->config.max_body = 1000;
	f->config.explain = explain;
	fixture_start(f, say_ok);
	for (int i = 0; i < 20; i++) {
		struct call call = {
			.request = { .method = "POST", .body = body, .body_len = len }
		};

		call_begin(&call, f, "/");
		fixture_wait(f);
		if (call.result < 0)
			fail_msg("%s", call.err.msg);
		assert_int_equal(call.response.status, 413);
		assert_string_equal(call.response.body, "{\"status\":413}");
		call_fini(&call);
	}
}

static void a_body_of_the_maximum_is_taken(void **state)
{
	struct fixture *f = *state;
	struct call call = { .request = { .method = "POST", .body_len = 1000 } };
	auto_free char *body = xcalloc(1, 1000);

	f->config.max_body = 1000;
	fixture_start(f, say_ok);
	call.request.body = body;
	call_begin(&call, f, "/");
	fixture_wait(f);
	assert_int_equal(call.response.status, 200);
	call_fini(&call);
}

static void a_chunked_body_is_bounded_too(void **state)
{
	struct fixture *f = *state;

	f->config.max_body = 8;
	fixture_start(f, say_ok);
	assert_true(is_answered(f,
				HEAD "Transfer-Encoding: chunked\r\n\r\n"
				     "5\r\nabcde\r\n4\r\nabcd\r\n0\r\n\r\n",
				"HTTP/1.1 413 "));
	assert_int_equal(f->n_handled, 0);
	assert_true(is_answered(f,
				HEAD "Transfer-Encoding: chunked\r\n\r\n"
				     "5\r\nabcde\r\n3\r\nabc\r\n0\r\n\r\n",
				"HTTP/1.1 200 "));
}

static void a_slow_head_is_cut_off(void **state)
{
	struct fixture *f = *state;

	f->config.head_timeout_ms = 100;
	fixture_start(f, say_ok);
	uint64_t start = loop_now_ms(f->loop);
	assert_true(is_answered(f, "", ""));
	assert_true(loop_now_ms(f->loop) >= start + 100);
	assert_true(is_answered(f, "GET / HT", ""));
	assert_true(is_answered(f, "GET / HTTP/1.1\r\nHost: x\r\nA: b", ""));
	assert_int_equal(f->n_handled, 0);
}

struct dripper {
	struct fixture *f;
	int fd;
	int n_sent;
	bool is_over;
};

static void drip(void *arg)
{
	struct dripper *d = arg;
	char c;

	if (recv(d->fd, &c, 1, MSG_DONTWAIT) == 0 ||
	    send(d->fd, d->n_sent ? "a" : HEAD "X: ", d->n_sent ? 1 : strlen(HEAD "X: "),
		 MSG_NOSIGNAL) < 0) {
		d->is_over = true;
		loop_stop(d->f->loop);
		return;
	}
	d->n_sent++;
	timer_start(d->f->loop, 5, drip, d);
}

static void a_head_byte_by_byte_is_cut_off(void **state)
{
	struct fixture *f = *state;
	struct dripper d = { .f = f };

	f->config.head_timeout_ms = 100;
	fixture_start(f, say_ok);
	d.fd = fixture_connect(f, false);
	drip(&d);
	while (!d.is_over)
		loop_run(f->loop);
	assert_in_range(d.n_sent, 2, 60);
	close(d.fd);
}

static void a_slow_body_is_cut_off(void **state)
{
	struct fixture *f = *state;

	f->config.body_timeout_ms = 100;
	fixture_start(f, say_ok);
	assert_true(is_answered(f, HEAD "Content-Length: 10\r\n\r\nhello", ""));
	assert_int_equal(f->n_handled, 0);
}

static void an_idle_connection_is_closed(void **state)
{
	struct fixture *f = *state;

	f->config.idle_timeout_ms = 100;
	fixture_start(f, say_ok);
	uint64_t start = loop_now_ms(f->loop);
	assert_true(is_answered(f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HTTP/1.1 200 "));
	assert_true(loop_now_ms(f->loop) >= start + 100);
}

static void a_handler_may_take_its_time(void **state)
{
	struct fixture *f = *state;
	struct call call = { 0 };

	f->config.head_timeout_ms = 20;
	f->config.body_timeout_ms = 20;
	f->config.stall_timeout_ms = 20;
	fixture_start(f, keep);
	call_begin(&call, f, "/");
	fixture_wait(f);
	f->timer = timer_start(f->loop, 200, (void (*)(void *))loop_stop, f->loop);
	loop_run(f->loop);
	f->timer = NULL;
	http_reply(f->request, 200, NULL, xstrdup("late"));
	fixture_wait(f);
	assert_int_equal(call.result, 0);
	assert_string_equal(call.response.body, "late");
	call_fini(&call);
}

/* The first client fills its only place and does not read; the second one gets it. */
#define LARGE ((size_t)32 << 20)
static void large_reply(void *arg, struct http_request *r)
{
	struct fixture *f = arg;
	size_t size = f->n_handled++ ? 10 : LARGE;
	char *body = xmalloc(size + 1);

	memset(body, 'x', size);
	body[size] = '\0';
	http_reply(r, 200, NULL, body);
}

static void a_reply_that_nobody_reads_is_dropped(void **state)
{
	struct fixture *f = *state;
	struct raw raw = { .is_open = true };

	f->config.max_connections = 2;
	f->config.n_reserved = 1;
	f->config.stall_timeout_ms = 100;
	fixture_start(f, large_reply);
	raw_begin(&raw, f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	fixture_wait(f);
	assert_true(is_answered(f, "GET / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
				"HTTP/1.1 200 "));
	assert_int_equal(f->n_handled, 2);
	raw_fini(&raw);
}

/* Whoever asks says who he is. */
static void trust_and_say_ok(void *arg, struct http_request *r)
{
	if (http_request_header(r, "Authorization"))
		http_request_trust(r);
	say_ok(arg, r);
}

static void ask(struct fixture *f, bool is_unix)
{
	struct call call = { .request = { .unix_path = is_unix ? f->unix_path : NULL,
					  .total_timeout_ms = 20000 } };

	call_begin(&call, f, "/");
	fixture_wait(f);
	assert_int_equal(call.result, 0);
	assert_int_equal(call.response.status, 200);
	call_fini(&call);
}

#define CROWD 100

/* From another address of this machine than everybody else, so that theirs is not the one that has too
 * many. */
static int come_from_elsewhere(const struct fixture *f)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in own = { .sin_family = AF_INET,
				   .sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1) };
	struct sockaddr_in server = { .sin_family = AF_INET,
				      .sin_port = htons((uint16_t)f->plain_port),
				      .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };

	assert_int_equal(bind(fd, (void *)&own, sizeof(own)), 0);
	assert_int_equal(connect(fd, (void *)&server, sizeof(server)), 0);
	return fd;
}

/* Far more than there are places, before the server accepts any of them. */
static void crowd_come(const struct fixture *f, int fds[CROWD])
{
	for (size_t i = 0; i < CROWD; i++)
		fds[i] = come_from_elsewhere(f);
}

static void crowd_go(const int fds[CROWD])
{
	for (size_t i = 0; i < CROWD; i++)
		close(fds[i]);
}

static void a_crowd_keeps_nobody_out(void **state)
{
	struct fixture *f = *state;
	int crowd[CROWD];

	f->config.max_connections = 20;
	f->config.n_reserved = 2;
	fixture_start(f, trust_and_say_ok);
	crowd_come(f, crowd);
	ask(f, true);
	ask(f, false);
	ask(f, true);
	crowd_go(crowd);
}

struct keeper {
	struct fixture *f;
	int fd;
	const char *header;
	bool is_answered;
};

static void keeper_ask(void *arg)
{
	struct keeper *k = arg;
	auto_free char *text = xasprintf("GET / HTTP/1.1\r\nHost: x\r\n%s\r\n", k->header);
	char got[512] = "";
	size_t len = strlen(text);
	size_t n = 0;
	ssize_t r = 1;

	if (send(k->fd, text, len, MSG_NOSIGNAL) == (ssize_t)len)
		for (; r > 0 && !strstr(got, "\r\n\r\nok"); n += r > 0 ? (size_t)r : 0)
			r = recv(k->fd, got + n, sizeof(got) - 1 - n, 0);
	k->is_answered = str_starts(got, "HTTP/1.1 200 ") && r > 0;
}

static void keeper_done(void *arg)
{
	struct keeper *k = arg;

	if (--k->f->n_clients == 0)
		loop_stop(k->f->loop);
}

static bool keeper_is_answered(struct keeper *k)
{
	k->f->n_clients++;
	work_begin(k->f->loop, EXECUTOR_RUNTIME, keeper_ask, keeper_done, k);
	fixture_wait(k->f);
	return k->is_answered;
}

/* Of two that asked before the crowd came, the one that was trusted keeps its connection. */
static void who_is_known_is_left_alone(void **state)
{
	struct fixture *f = *state;
	int crowd[CROWD];
	struct keeper known = { f, -1, "Authorization: Bearer x\r\n", false };
	struct keeper stranger = { f, -1, "", false };

	f->config.max_connections = 20;
	f->config.n_reserved = 2;
	fixture_start(f, trust_and_say_ok);
	known.fd = come_from_elsewhere(f);
	stranger.fd = come_from_elsewhere(f);
	assert_true(keeper_is_answered(&known));
	assert_true(keeper_is_answered(&stranger));
	crowd_come(f, crowd);
	ask(f, true);
	ask(f, false);
	assert_true(keeper_is_answered(&known));
	assert_false(keeper_is_answered(&stranger));
	crowd_go(crowd);
	close(known.fd);
	close(stranger.fd);
}

/* Until the second one comes. */
static void keep_first(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	if (!f->request) {
		f->request = r;
		return;
	}
	http_reply(TAKE(f->request), 200, "text/plain", xstrdup("ok"));
	say_ok(arg, r);
}

static void stop(void *arg)
{
	loop_stop(arg);
}

/* Whose request is worked on is a stranger as well, but not sent away. */
static void who_waits_for_an_answer_is_left_alone(void **state)
{
	struct fixture *f = *state;
	int crowd[CROWD];
	struct keeper waiting = { f, -1, "", false };

	f->config.max_connections = 20;
	f->config.n_reserved = 2;
	fixture_start(f, keep_first);
	waiting.fd = come_from_elsewhere(f);
	f->n_clients++;
	work_begin(f->loop, EXECUTOR_RUNTIME, keeper_ask, keeper_done, &waiting);
	while (!f->request) {
		loop_post(f->loop, stop, f->loop);
		loop_run(f->loop);
	}
	crowd_come(f, crowd);
	ask(f, false);
	assert_true(waiting.is_answered);
	crowd_go(crowd);
	close(waiting.fd);
}

/* Reads as much as the large reply has. */
static void reader_read(void *arg)
{
	struct keeper *k = arg;
	size_t n = 0;
	ssize_t r = 1;

	for (; r > 0 && n<LARGE; n += r> 0 ? (size_t)r : 0) {
		char got[65536];

		r = recv(k->fd, got, sizeof(got), 0);
	}
	k->is_answered = n >= LARGE;
}

/* It has been there longest, and nobody works on its request any more. */
static void whose_answer_is_on_its_way_is_left_alone(void **state)
{
	static const char request[] = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct fixture *f = *state;
	int crowd[CROWD];
	struct keeper reader = { f, -1, "", false };

	f->config.max_connections = 20;
	f->config.n_reserved = 2;
	fixture_start(f, large_reply);
	reader.fd = come_from_elsewhere(f);
	assert_int_equal(send(reader.fd, request, strlen(request), 0), strlen(request));
	while (!f->n_handled) {
		loop_post(f->loop, stop, f->loop);
		loop_run(f->loop);
	}
	crowd_come(f, crowd);
	ask(f, false);
	f->n_clients++;
	work_begin(f->loop, EXECUTOR_RUNTIME, reader_read, keeper_done, &reader);
	fixture_wait(f);
	assert_true(reader.is_answered);
	crowd_go(crowd);
	close(reader.fd);
}

static void another_server_keeps_its_socket(void **state)
{
	struct fixture *f = *state;
	struct http_server_config config = { .handler = say_ok, .arg = f };
	struct err err = { 0 };

	fixture_start(f, say_ok);
	struct http_server *other = http_server_new(f->loop, &config);
	assert_int_equal(http_server_listen_unix(other, f->unix_path, &err), -EADDRINUSE);
	assert_true(str_ends(err.msg, ": another server answers there"));
	assert_int_equal(http_server_listen_tcp(other, "127.0.0.1", (uint16_t)f->port, &err),
			 -EADDRINUSE);
	auto_free char *expected = xasprintf("listen on 127.0.0.1 port %d: Address already in use",
					     f->port);
	assert_string_equal(err.msg, expected);
	assert_int_equal(http_server_listen_tcp(other, "localhost", 0, &err), -EINVAL);
	http_server_free(other);
	assert_true(path_exists(f->unix_path));
}

static void a_stale_socket_is_replaced(void **state)
{
	struct fixture *f = *state;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	struct call call = { .request = { .unix_path = f->unix_path } };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	STR_COPY(a.sun_path, f->unix_path);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	close(fd);
	fixture_start(f, say_ok);
	call_begin(&call, f, "/");
	fixture_wait(f);
	assert_int_equal(call.response.status, 200);
	call_fini(&call);
}

static void what_is_no_socket_stays(void **state)
{
	struct fixture *f = *state;
	struct http_server_config config = { .handler = say_ok, .arg = f };
	auto_free char *path = path_join(f->dir, "file");
	char long_path[120];
	struct err err = { 0 };

	memset(long_path, 'a', sizeof(long_path) - 1);
	long_path[0] = '/';
	long_path[108] = '\0';
	assert_int_equal(file_write_atomic(path, "x", 1, 0600, &err), 0);
	struct http_server *server = http_server_new(f->loop, &config);
	assert_int_equal(http_server_listen_unix(server, path, &err), -EEXIST);
	assert_true(path_exists(path));
	assert_int_equal(http_server_listen_unix(server, long_path, &err), -ENAMETOOLONG);
	assert_int_equal(http_server_listen_unix(server, "/nowhere/s", &err), -ENOENT);
	http_server_free(server);
}

static void headers_are_bounded(void **state)
{
	struct fixture *f = *state;
	auto_buf struct buf text = { 0 };

	buf_init(&text, 1 << 20);
	buf_add_str(&text, HEAD);
	for (int i = 0; i < 2000; i++)
		buf_addf(&text, "X-%d: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa\r\n", i);
	buf_add_str(&text, "\r\n");
	fixture_start(f, say_ok);
	struct raw raw = { 0 };
	raw_begin(&raw, f, text.data);
	fixture_wait(f);
	assert_int_equal(f->n_handled, 0);
	raw_fini(&raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_body_declared_too_large_is_not_read),
		TEST(a_client_in_full_flow_sees_the_refusal),
		TEST(a_body_of_the_maximum_is_taken),
		TEST(a_chunked_body_is_bounded_too),
		TEST(a_slow_head_is_cut_off),
		TEST(a_head_byte_by_byte_is_cut_off),
		TEST(a_slow_body_is_cut_off),
		TEST(an_idle_connection_is_closed),
		TEST(a_handler_may_take_its_time),
		TEST(a_reply_that_nobody_reads_is_dropped),
		TEST(a_crowd_keeps_nobody_out),
		TEST(who_is_known_is_left_alone),
		TEST(who_waits_for_an_answer_is_left_alone),
		TEST(whose_answer_is_on_its_way_is_left_alone),
		TEST(another_server_keeps_its_socket),
		TEST(a_stale_socket_is_replaced),
		TEST(what_is_no_socket_stays),
		TEST(headers_are_bounded),
	};

	return cmocka_run_group_tests_name("wire/http_server/limits", tests, NULL, NULL);
}
