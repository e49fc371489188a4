/* Requests over a unix socket: every framing of answers, in one piece and byte by byte. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/base.h"
#include "wire/http_client/http_client.h"

#define OK "HTTP/1.1 200 OK\r\n"

struct server {
	char dir[32];
	char *path;
	int listener;
	pthread_t thread;
	const char *answer; /* NULL: none until the client leaves */
	size_t piece;       /* bytes of one send, 0: all */
	char request[512];
};

static void *serve(void *arg)
{
	struct server *s = arg;
	auto_close int fd = accept(s->listener, NULL, NULL);
	size_t got = 0;
	ssize_t n = 1;

	while (n > 0 && !strstr(s->request, "\r\n\r\n") && got < sizeof(s->request) - 1) {
		n = read(fd, s->request + got, sizeof(s->request) - 1 - got);
		got += n > 0 ? (size_t)n : 0;
	}
	if (!s->answer) {
		n = read(fd, s->request, 1);
		return NULL;
	}
	size_t len = strlen(s->answer);
	for (size_t at = 0; at < len && n >= 0;) {
		size_t part = s->piece && s->piece < len - at ? s->piece : len - at;

		n = send(fd, s->answer + at, part, MSG_NOSIGNAL);
		at += part;
	}
	return NULL;
}

static int setup(void **state)
{
	struct server *s = NEW(struct server);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	STR_COPY(s->dir, "/tmp/holm-local-XXXXXX");
	assert_non_null(mkdtemp(s->dir));
	s->path = path_join(s->dir, "socket");
	STR_COPY(addr.sun_path, s->path);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(s->listener, 4), 0);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct server *s = *state;
	struct err err;

	close(s->listener);
	path_remove(s->dir, &err);
	free(s->path);
	free(s);
	return 0;
}

static int ask(struct server *s, struct http_client_request *request,
	       struct http_client_response *ret, struct err *err)
{
	request->url = "http://localhost/a?b=c";
	request->unix_path = s->path;
	memset(s->request, 0, sizeof(s->request));
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	int r = http_client_perform_local(request, ret, err);
	pthread_join(s->thread, NULL);
	return r;
}

static void bodies_of_every_framing(void **state)
{
	static const struct {
		const char *answer;
		unsigned status;
		const char *body;
	} cases[] = {
		{ OK "Content-Length: 5\r\n\r\nhello", 200, "hello" },
		{ OK "content-length:0\r\n\r\n", 200, "" },
		{ OK "Transfer-Encoding: chunked\r\n\r\n2\r\nhe\r\n3;x=y\r\nllo\r\n0\r\n\r\n", 200,
		  "hello" },
		{ OK "Transfer-Encoding: chunked\r\n\r\nA\r\n0123456789\r\n0\r\nTrailer: x\r\n\r\n",
		  200, "0123456789" },
		{ OK "\r\nuntil the end", 200, "until the end" },
		{ "HTTP/1.1 100 Continue\r\n\r\n" OK "Content-Length: 1\r\n\r\nx", 200, "x" },
		{ "HTTP/1.1 204 No Content\r\nContent-Length: 7\r\n\r\n", 204, "" },
		{ "HTTP/1.1 404 Not Found\r\nContent-Length: 2\r\n\r\nno", 404, "no" },
	};
	static const size_t pieces[] = { 0, 1, 7 };
	struct server *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases) * ARRAY_LEN(pieces); i++) {
		auto_http_client_response struct http_client_response response = { 0 };
		struct http_client_request request = { .method = "GET" };
		struct err err = { 0 };

		s->answer = cases[i / ARRAY_LEN(pieces)].answer;
		s->piece = pieces[i % ARRAY_LEN(pieces)];
		if (ask(s, &request, &response, &err) < 0)
			fail_msg("%s: %s", s->answer, err.msg);
		assert_int_equal(response.status, cases[i / ARRAY_LEN(pieces)].status);
		assert_string_equal(response.body, cases[i / ARRAY_LEN(pieces)].body);
	}
	assert_true(str_starts(s->request, "GET /a?b=c HTTP/1.1\r\nHost: localhost\r\n"));
}

static void bad_answers(void **state)
{
	static const struct {
		const char *answer;
		int code;
	} cases[] = {
		{ "", -ECONNRESET },
		{ "HTTP/1.1 200 OK\r\nContent-Le", -ECONNRESET },
		{ OK "Content-Length: 5\r\n\r\nhell", -ECONNRESET },
		{ OK "Transfer-Encoding: chunked\r\n\r\n5\r\nhell", -ECONNRESET },
		{ OK "Transfer-Encoding: chunked\r\n\r\nx\r\n", -EPROTO },
		{ OK "Transfer-Encoding: chunked\r\n\r\nffffffffffffffffff\r\n", -EPROTO },
		{ OK "Transfer-Encoding: gzip\r\n\r\n", -EPROTO },
		{ OK "Content-Length: -1\r\n\r\n", -EPROTO },
		{ "SSH-2.0-OpenSSH\r\n\r\n", -EPROTO },
		{ OK "Content-Length: 5\r\n\r\nhello", -E2BIG },
		{ NULL, -ETIMEDOUT },
	};
	struct server *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct http_client_response response = { 0 };
		struct http_client_request request = { .max_body = 4, .total_timeout_ms = 20000 };
		struct err err = { 0 };

		s->answer = cases[i].answer;
		if (!s->answer)
			request.stall_timeout_ms = 50;
		int r = ask(s, &request, &response, &err);
		if (r != cases[i].code)
			fail_msg("%s: %d, not %d: %s", s->answer, r, cases[i].code, err.msg);
		assert_true(str_starts(err.msg, "GET http://localhost/a over /tmp/holm-local-"));
	}
}

static void nobody_listens(void **state)
{
	struct server *s = *state;
	auto_free char *nothing = path_join(s->dir, "nothing");
	struct http_client_request request = { .url = "http://localhost/", .unix_path = nothing };
	struct http_client_response response = { 0 };
	struct err err = { 0 };

	assert_int_equal(http_client_perform_local(&request, &response, &err), -ECONNREFUSED);
	close(s->listener);
	request.unix_path = s->path;
	assert_int_equal(http_client_perform_local(&request, &response, &err), -ECONNREFUSED);
	s->listener = -1;
}

static int until_two(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct buf *seen = arg;

	assert_int_equal(offset, seen->len);
	buf_add(seen, data, len);
	return strstr(seen->data, "two") ? -ECANCELED : 0;
}

static void a_sink_may_end_it(void **state)
{
	struct server *s = *state;
	struct http_client_response response = { 0 };
	auto_buf struct buf seen = { 0 };
	struct http_client_request request = { .method = "POST",
					       .body = "{}",
					       .body_len = 2,
					       .sink = until_two,
					       .sink_arg = &seen };
	struct err err = { 0 };

	buf_init(&seen, 64);
	s->answer = OK "Transfer-Encoding: chunked\r\n\r\n3\r\none\r\n3\r\ntwo\r\n3\r\nthr\r\n";
	s->piece = 1;
	assert_int_equal(ask(s, &request, &response, &err), -ECANCELED);
	assert_string_equal(seen.data, "onetwo");
	assert_non_null(strstr(s->request, "\r\nContent-Length: 2\r\n"));
}

static int upgrade(struct server *s, struct http_client_request *request,
		   struct http_client_upgrade *ret, struct err *err)
{
	request->unix_path = s->path;
	memset(s->request, 0, sizeof(s->request));
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
	int r = http_client_upgrade_local(request, "frames", ret, err);
	pthread_join(s->thread, NULL);
	return r;
}

static void what_follows_an_upgrade_is_the_sessions(void **state)
{
	static const size_t pieces[] = { 0, 1, 7 };
	struct server *s = *state;

	s->answer = "HTTP/1.1 102 Processing\r\nX: 1\r\n\r\n"
		    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: frames\r\n\r\nearly";
	for (size_t i = 0; i < ARRAY_LEN(pieces); i++) {
		struct http_client_request request = { .url = "http://me:secret@there:1/a",
						       .bearer = "token" };
		struct http_client_upgrade got = { 0 };
		struct err err = { 0 };
		char data[16] = "";
		size_t len = 0;
		ssize_t n;

		s->piece = pieces[i];
		if (upgrade(s, &request, &got, &err) < 0)
			fail_msg("%s", err.msg);
		assert_int_equal(got.response.status, 101);
		assert_null(http_client_header(&got.response, "X"));
		assert_non_null(got.session);
		while ((n = http_client_session_read(got.session, data + len, 15 - len)) > 0)
			len += (size_t)n;
		assert_int_equal(n, 0);
		assert_string_equal(data, "early");
		http_client_session_free(got.session);
		http_client_response_fini(&got.response);
		assert_true(str_starts(s->request, "GET /a HTTP/1.1\r\nHost: there:1\r\n"));
		assert_non_null(strstr(s->request, "\r\nUpgrade: frames\r\n"));
		assert_non_null(strstr(s->request, "\r\nAuthorization: Bearer token\r\n"));
	}
}

static void a_refused_upgrade_says_why(void **state)
{
	static const char *const answers[] = {
		"HTTP/1.1 404 Not Found\r\nContent-Length: 7\r\n\r\nno such",
		"HTTP/1.1 404 Not Found\r\nTransfer-Encoding: chunked\r\n\r\n7\r\nno such\r\n0\r\n\r\n",
		"HTTP/1.1 404 Not Found\r\nContent-Length: 99\r\n\r\nno such",
	};
	struct server *s = *state;

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct http_client_request request = { .url = "http://localhost/a" };
		struct http_client_upgrade got = { 0 };
		struct err err = { 0 };

		s->answer = answers[i];
		if (upgrade(s, &request, &got, &err) < 0)
			fail_msg("%s", err.msg);
		assert_null(got.session);
		assert_int_equal(got.response.status, 404);
		assert_string_equal(got.response.body, "no such");
		http_client_response_fini(&got.response);
	}
	struct http_client_request request = { .url = "http://me:secret@there/a" };
	struct http_client_upgrade got = { 0 };
	struct err err = { 0 };

	s->answer = "SSH-2.0-OpenSSH\r\n\r\n";
	assert_int_equal(upgrade(s, &request, &got, &err), -EPROTO);
	assert_null(strstr(err.msg, "secret"));
}

/* It is not sent without the one that does not fit. */
static void headers_that_do_not_fit_are_told(void **state)
{
	struct server *s = *state;
	struct http_client_response response = { 0 };
	auto_strv struct strv headers = { 0 };
	struct http_client_request request = { .headers = &headers };
	struct err err = { 0 };
	auto_free char *large = xcalloc(1, 70001);

	memset(large, 'x', 70000);
	strv_add(&headers, large);
	strv_add(&headers, "Small: 1");
	s->answer = OK "Content-Length: 0\r\n\r\n";
	assert_int_equal(ask(s, &request, &response, &err), -E2BIG);
	assert_string_equal(s->request, "");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(bodies_of_every_framing, setup, teardown),
		cmocka_unit_test_setup_teardown(bad_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(nobody_listens, setup, teardown),
		cmocka_unit_test_setup_teardown(a_sink_may_end_it, setup, teardown),
		cmocka_unit_test_setup_teardown(what_follows_an_upgrade_is_the_sessions, setup,
						teardown),
		cmocka_unit_test_setup_teardown(a_refused_upgrade_says_why, setup, teardown),
		cmocka_unit_test_setup_teardown(headers_that_do_not_fit_are_told, setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
