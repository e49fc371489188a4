/* Requests as the handler sees them, and whole answers, at once or later. */
#include <pthread.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include "fixture.h"

static void echo(void *arg, struct http_request *r)
{
	struct fixture *f = arg;
	const char *x = http_request_header(r, "x-thing");
	const char *a = http_request_param(r, "a");
	size_t len;
	const char *body = http_request_body(r, &len);

	f->n_handled++;
	assert_int_equal(strlen(body), len);
	http_add_header(r, "X-Answer", "yes");
	http_reply(r, 200, "text/plain",
		   xasprintf("%s %s a=%s x=%s from=%s%s body=%s", http_request_method(r),
			     http_request_path(r), a ? a : "-", x ? x : "-", http_request_peer(r),
			     http_request_is_unix(r) ? "unix" : "", body));
}

static void assert_body(const struct call *call, const char *expected)
{
	if (call->result < 0)
		fail_msg("%s", call->err.msg);
	assert_int_equal(call->response.status, 200);
	assert_string_equal(call->response.body, expected);
}

static void a_request_is_told_whole(void **state)
{
	struct fixture *f = *state;
	struct call call = { 0 };
	auto_strv struct strv headers = { 0 };

	fixture_start(f, echo);
	strv_add(&headers, "X-Thing: 1");
	call.request.headers = &headers;
	call.request.method = "POST";
	call.request.body = "hello";
	call.request.body_len = 5;
	call_begin(&call, f, "/a%20b/%C3%A4?b=2&a=x%2Fy+z&a=3&&c");
	fixture_wait(f);
	assert_body(&call, "POST /a b/\xc3\xa4 a=x/y z x=1 from=127.0.0.1 body=hello");
	assert_string_equal(http_client_header(&call.response, "Content-Type"), "text/plain");
	assert_string_equal(http_client_header(&call.response, "X-Answer"), "yes");
	call_fini(&call);
}

static void a_unix_socket_is_for_this_user(void **state)
{
	struct fixture *f = *state;
	struct call call = { .request = { .unix_path = f->unix_path } };
	struct stat st;

	fixture_start(f, echo);
	assert_int_equal(stat(f->unix_path, &st), 0);
	assert_int_equal(st.st_mode, S_IFSOCK | 0600);
	call_begin(&call, f, "/?a");
	fixture_wait(f);
	assert_body(&call, "GET / a= x=- from=unix body=");
	call_fini(&call);
}

static void a_head_has_no_body(void **state)
{
	struct fixture *f = *state;
	struct call call = { .request = { .method = "HEAD" } };

	fixture_start(f, echo);
	call_begin(&call, f, "/");
	fixture_wait(f);
	assert_body(&call, "");
	assert_string_equal(http_client_header(&call.response, "Content-Length"), "35");
	call_fini(&call);
}

static void targets_that_lie_are_refused(void **state)
{
	static const char *const bad[] = {
		"/a%2Fb", "/a%00b", "/a%0ab", "/a%", "/a%4", "/a%zz", "/?a=%00", "/?%", "/a%7f",
	};
	struct fixture *f = *state;

	fixture_start(f, echo);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct call call = { 0 };

		call_begin(&call, f, bad[i]);
		fixture_wait(f);
		assert_int_equal(call.result, 0);
		if (call.response.status != 400)
			fail_msg("%s: %u", bad[i], call.response.status);
		call_fini(&call);
	}
	assert_int_equal(f->n_handled, 0);
}

static void one_connection_takes_several_requests(void **state)
{
	struct fixture *f = *state;
	struct raw raw = { 0 };

	fixture_start(f, echo);
	raw_begin(&raw, f,
		  "GET /1 HTTP/1.1\r\nHost: x\r\n\r\n"
		  "POST /2 HTTP/1.1\r\nHost: x\r\nContent-Length: 2\r\n\r\nhi"
		  "GET /3 HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
	fixture_wait(f);
	assert_int_equal(f->n_handled, 3);
	const char *first = strstr(raw.got, "GET /1 ");
	const char *second = strstr(raw.got, "POST /2 a=- x=- from=127.0.0.1 body=hi");
	const char *third = strstr(raw.got, "GET /3 ");
	assert_true(first && second && third && first < second && second < third);
	raw_fini(&raw);
}

static void old_clients_are_answered(void **state)
{
	struct fixture *f = *state;
	struct raw raw = { 0 };

	fixture_start(f, echo);
	raw_begin(&raw, f, "GET /old HTTP/1.0\r\n\r\n");
	fixture_wait(f);
	assert_true(str_ends(raw.got, "\r\n\r\nGET /old a=- x=- from=127.0.0.1 body="));
	raw_fini(&raw);
}

static void broken_requests_reach_nobody(void **state)
{
	static const char *const bad[] = {
		"\r\n\r\n\r\n",
		"GET\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: 1x\r\n\r\n",
		"GET / HTTP/1.1\r\nHost: x\r\nContent-Length: -1\r\n\r\n",
		"GET a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n",
		"\x16\x03\x01\x02\x01\x01\r\n\r\n",
	};
	struct fixture *f = *state;

	f->config.head_timeout_ms = 200;
	f->config.idle_timeout_ms = 200;
	fixture_start(f, echo);
	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct raw raw = { 0 };

		raw_begin(&raw, f, bad[i]);
		fixture_wait(f);
		assert_int_equal(f->n_handled, 0);
		raw_fini(&raw);
	}
}

static void many_in_sequence(void **state)
{
	struct fixture *f = *state;

	fixture_start(f, echo);
	for (int i = 0; i < 200; i++) {
		struct call call = { 0 };

		call_begin(&call, f, "/");
		fixture_wait(f);
		assert_body(&call, "GET / a=- x=- from=127.0.0.1 body=");
		call_fini(&call);
	}
	assert_int_equal(f->n_handled, 200);
}

struct party {
	struct call call;
	pthread_t thread;
	pthread_barrier_t *barrier;
};

static void party_done(void *arg)
{
	struct party *p = arg;

	if (--p->call.f->n_clients == 0)
		loop_stop(p->call.f->loop);
}

static void *join_party(void *arg)
{
	struct party *p = arg;

	pthread_barrier_wait(p->barrier);
	p->call.result = http_client_perform(&p->call.request, &p->call.response, &p->call.err);
	loop_post_from_thread(p->call.f->loop, party_done, p);
	return NULL;
}

static void reply_kept(void *arg)
{
	http_reply(arg, 200, NULL, xstrdup("late"));
}

static void reply_later(void *arg, struct http_request *r)
{
	struct fixture *f = arg;
	uint8_t delay;

	loop_random(f->loop, &delay, sizeof(delay));
	timer_start(f->loop, delay, reply_kept, r);
}

static void many_at_once_are_answered_in_any_order(void **state)
{
	struct fixture *f = *state;
	struct party parties[50] = { 0 };
	pthread_barrier_t barrier;
	auto_free char *url = NULL;

	fixture_start(f, reply_later);
	url = xasprintf("%s://127.0.0.1:%d/", f->scheme, f->port);
	pthread_barrier_init(&barrier, NULL, ARRAY_LEN(parties));
	f->n_clients = ARRAY_LEN(parties);
	for (size_t i = 0; i < ARRAY_LEN(parties); i++) {
		struct party *p = &parties[i];

		p->call = (struct call){ .f = f,
					 .request = { .url = url,
						      .ca_file = f->ca_file,
						      .connect_timeout_ms = 60000 } };
		p->barrier = &barrier;
		pthread_create(&p->thread, NULL, join_party, p);
	}
	fixture_wait(f);
	for (size_t i = 0; i < ARRAY_LEN(parties); i++) {
		pthread_join(parties[i].thread, NULL);
		assert_body(&parties[i].call, "late");
		call_fini(&parties[i].call);
	}
	pthread_barrier_destroy(&barrier);
}

static void keep(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	f->request = r;
	loop_stop(f->loop);
}

static void flushed_is_when_the_client_has_it(void **state)
{
	struct fixture *f = *state;
	struct call call = { 0 };

	fixture_start(f, keep);
	call_begin(&call, f, "/");
	assert_true(http_server_is_flushed(f->server));
	fixture_wait(f);
	assert_true(http_server_is_flushed(f->server)); /* nothing is answered yet */
	http_reply(f->request, 204, NULL, NULL);
	assert_false(http_server_is_flushed(f->server));
	fixture_wait(f);
	assert_int_equal(call.response.status, 204);
	assert_true(http_server_is_flushed(f->server));
	call_fini(&call);
}

static void a_server_can_go_before_the_answer(void **state)
{
	struct fixture *f = *state;
	struct call call = { 0 };

	fixture_start(f, keep);
	call_begin(&call, f, "/");
	fixture_wait(f);
	f->server = http_server_free(f->server);
	fixture_wait(f);
	assert_int_equal(call.result, -ECONNRESET);
	assert_string_equal(http_request_path(f->request), "/");
	http_reply(f->request, 200, NULL, xstrdup("into the void"));
	call_fini(&call);
}

static void count_gone(void *arg)
{
	struct fixture *f = arg;

	f->n_gone++;
	loop_stop(f->loop);
}

static void keep_and_watch(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	http_request_on_gone(r, count_gone, f);
	keep(arg, r);
}

static void a_client_that_leaves_early_is_noticed(void **state)
{
	struct fixture *f = *state;
	struct raw raw = { .is_open = true };
	struct call call = { 0 };

	fixture_start(f, keep_and_watch);
	raw_begin(&raw, f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	while (!f->request || f->n_clients)
		loop_run(f->loop);
	shutdown(raw.fd, SHUT_RDWR);
	loop_run(f->loop);
	assert_int_equal(f->n_gone, 1);
	http_reply(f->request, 200, NULL, xstrdup("to nobody"));
	f->request = NULL;
	/* The server goes on. */
	call_begin(&call, f, "/");
	while (!f->request)
		loop_run(f->loop);
	http_reply(f->request, 200, NULL, xstrdup("here"));
	fixture_wait(f);
	assert_body(&call, "here");
	assert_int_equal(f->n_gone, 1);
	call_fini(&call);
	raw_fini(&raw);
}

static void an_answer_may_be_large(void **state)
{
	struct fixture *f = *state;
	size_t size = 8 << 20;
	char *body = xmalloc(size + 1);
	auto_free char *expected = NULL;

	for (size_t i = 0; i < size; i++)
		body[i] = (char)('a' + i % 23);
	body[size] = '\0';
	expected = xstrdup(body);
	fixture_start(f, keep);
	struct call call = { .request = { .max_body = size } };
	call_begin(&call, f, "/");
	fixture_wait(f);
	http_reply(f->request, 200, NULL, body);
	fixture_wait(f);
	assert_body(&call, expected);
	call_fini(&call);
}

static void stop(void *arg)
{
	loop_stop(((struct fixture *)arg)->loop);
}

static void an_idle_server_does_not_wake_up(void **state)
{
	struct fixture *f = *state;
	struct call call = { 0 };
	struct raw raw = { .is_open = true };
	struct rusage before;
	struct rusage after;

	fixture_start(f, echo);
	call_begin(&call, f, "/");
	raw_begin(&raw, f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n"); /* and stays connected */
	fixture_wait(f);
	timer_start(f->loop, 20, stop, f);
	loop_run(f->loop);
	timer_start(f->loop, 200, stop, f);
	getrusage(RUSAGE_SELF, &before);
	loop_run(f->loop);
	getrusage(RUSAGE_SELF, &after);
	assert_in_range(after.ru_nvcsw - before.ru_nvcsw, 1, 4);
	call_fini(&call);
	raw_fini(&raw);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_request_is_told_whole),
		TEST(a_unix_socket_is_for_this_user),
		TEST(a_head_has_no_body),
		TEST(targets_that_lie_are_refused),
		TEST(one_connection_takes_several_requests),
		TEST(old_clients_are_answered),
		TEST(broken_requests_reach_nobody),
		TEST(many_in_sequence),
		TEST(many_at_once_are_answered_in_any_order),
		TEST(flushed_is_when_the_client_has_it),
		TEST(a_server_can_go_before_the_answer),
		TEST(a_client_that_leaves_early_is_noticed),
		TEST(an_answer_may_be_large),
		TEST(an_idle_server_does_not_wake_up),
	};

	return cmocka_run_group_tests_name("wire/http_server/answers", tests, NULL, NULL);
}
