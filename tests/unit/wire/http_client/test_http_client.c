/* The HTTP client against a server that plays back fixed answers and notes what it was asked. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "loop/loop.h"
#include "wire/http_client/http_client.h"

#define LONG_MS 20000

/* One answer per connection. NULL: the connection is accepted and never answered. */
struct script {
	int listener;
	unsigned port;
	const char *answers[4];
	size_t n_answers;
	struct strv requests;
	pthread_t thread;
};

static void read_request(int fd, struct buf *request)
{
	char c;

	while (!strstr(request->data, "\r\n\r\n") && read(fd, &c, 1) == 1)
		buf_add(request, &c, 1);
	const char *length = strstr(request->data, "Content-Length: ");
	if (!length)
		return;
	auto_free char *text = xstrndup(length + 16, strcspn(length + 16, "\r"));
	uint32_t n;
	assert(parse_u32(text, 0, 1 << 16, &n) == 0);
	for (; n && read(fd, &c, 1) == 1; n--)
		buf_add(request, &c, 1);
}

static void *serve(void *arg)
{
	struct script *s = arg;

	for (size_t i = 0; i < s->n_answers; i++) {
		auto_close int fd = accept(s->listener, NULL, NULL);
		auto_buf struct buf request;
		char c;

		assert(fd >= 0);
		buf_init(&request, 1 << 20);
		read_request(fd, &request);
		strv_take(&s->requests, buf_take(&request));
		if (!s->answers[i]) {
			assert(read(fd, &c, 1) <= 0); /* until the client gives up */
			continue;
		}
		ssize_t n = send(fd, s->answers[i], strlen(s->answers[i]), MSG_NOSIGNAL);
		assert(n == (ssize_t)strlen(s->answers[i]));
	}
	return NULL;
}

static int bind_tcp(unsigned *ret_port)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	*ret_port = ntohs(a.sin_port);
	return fd;
}

static int setup(void **state)
{
	struct script *s = NEW(struct script);

	s->listener = bind_tcp(&s->port);
	assert_int_equal(listen(s->listener, 8), 0);
	*state = s;
	return 0;
}

static int teardown(void **state)
{
	struct script *s = *state;

	if (s->n_answers)
		pthread_join(s->thread, NULL);
	close(s->listener);
	strv_fini(&s->requests);
	free(s);
	return 0;
}

static void play(struct script *s, const char *first, const char *second)
{
	s->answers[0] = first;
	s->answers[1] = second;
	s->n_answers = second ? 2 : 1;
	assert_int_equal(pthread_create(&s->thread, NULL, serve, s), 0);
}

static char *url_of(const struct script *s, const char *path)
{
	return xasprintf("http://127.0.0.1:%u%s", s->port, path);
}

static void a_body_goes_to_memory(void **state)
{
	struct script *s = *state;
	auto_free char *url = url_of(s, "/a?b=c");
	struct http_client_request request = { .url = url, .bearer = "tok" };
	auto_http_client_response struct http_client_response response = { 0 };
	struct err err = { 0 };

	play(s,
	     "HTTP/1.1 404 Not Found\r\nX-Thing:  one\r\nContent-Length: 5\r\n"
	     "Connection: close\r\n\r\nhello",
	     NULL);
	assert_int_equal(http_client_perform(&request, &response, &err), 0);
	assert_int_equal(response.status, 404);
	assert_string_equal(response.body, "hello");
	assert_int_equal(response.body_len, 5);
	assert_string_equal(http_client_header(&response, "x-thing"), "one");
	assert_null(http_client_header(&response, "x-thin"));
	assert_true(str_starts(s->requests.items[0], "GET /a?b=c HTTP/1.1\r\n"));
	assert_non_null(strstr(s->requests.items[0], "\r\nAuthorization: Bearer tok\r\n"));
	assert_non_null(strstr(s->requests.items[0], "\r\nUser-Agent: holm/"));
}

static void methods_headers_and_bodies_are_sent(void **state)
{
	struct script *s = *state;
	auto_free char *url = url_of(s, "/");
	auto_strv struct strv headers = { 0 };
	struct http_client_request request = { .url = url, .method = "PATCH", .headers = &headers };
	auto_http_client_response struct http_client_response response = { 0 };
	struct err err = { 0 };

	strv_add(&headers, "Content-Type: application/json");
	request.body = "{}";
	request.body_len = 2;
	request.user = "u";
	request.password = "p";
	play(s, "HTTP/1.1 204 No Content\r\nConnection: close\r\n\r\n",
	     "HTTP/1.1 200 OK\r\nContent-Length: 100\r\nConnection: close\r\n\r\n");
	assert_int_equal(http_client_perform(&request, &response, &err), 0);
	assert_int_equal(response.status, 204);
	assert_string_equal(response.body, "");
	assert_true(str_starts(s->requests.items[0], "PATCH / HTTP/1.1\r\n"));
	assert_true(str_ends(s->requests.items[0], "\r\n\r\n{}"));
	assert_non_null(strstr(s->requests.items[0], "\r\nAuthorization: Basic dTpw\r\n"));
	assert_non_null(strstr(s->requests.items[0], "\r\nContent-Type: application/json\r\n"));
	http_client_response_fini(&response);
	request = (struct http_client_request){ .url = url, .method = "HEAD" };
	assert_int_equal(http_client_perform(&request, &response, &err), 0);
	assert_string_equal(http_client_header(&response, "Content-Length"), "100");
	assert_null(strstr(s->requests.items[1], "Content-Type"));
}

static void a_post_without_body_is_empty(void **state)
{
	struct script *s = *state;
	auto_free char *url = url_of(s, "/");
	struct http_client_request request = { .url = url, .method = "POST" };
	auto_http_client_response struct http_client_response response = { 0 };
	struct err err = { 0 };

	play(s, "HTTP/1.1 200 OK\r\nContent-Length: 0\r\nConnection: close\r\n\r\n", NULL);
	assert_int_equal(http_client_perform(&request, &response, &err), 0);
	assert_non_null(strstr(s->requests.items[0], "\r\nContent-Length: 0\r\n"));
	assert_null(strstr(s->requests.items[0], "Content-Type"));
}

static void a_body_is_bounded(void **state)
{
	struct script *s = *state;
	auto_free char *url = url_of(s, "/x?secret=1");
	struct http_client_request request = { .url = url, .max_body = 4 };
	struct http_client_response response = { .status = 7 };
	struct err err = { 0 };
	auto_free char *expected = xasprintf("GET http://127.0.0.1:%u/x: body of more than 4 bytes",
					     s->port);

	play(s, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello",
	     "HTTP/1.1 500 No\r\nConnection: close\r\n\r\nhello");
	assert_int_equal(http_client_perform(&request, &response, &err), -E2BIG);
	assert_string_equal(err.msg, expected);
	assert_int_equal(response.status, 7);
	/* What an error says is cut off: its status matters more. */
	assert_int_equal(http_client_perform(&request, &response, &err), 0);
	assert_int_equal(response.status, 500);
	assert_string_equal(response.body, "hell");
	http_client_response_fini(&response);
}

struct sink {
	uint64_t start;
	struct buf data;
	int result;
};

static int on_data(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct sink *sink = arg;

	if (!sink->data.len)
		sink->start = offset;
	assert_int_equal(offset, sink->start + sink->data.len);
	assert_int_equal(buf_add(&sink->data, data, len), 0);
	return sink->result;
}

static int download(struct script *s, uint64_t resume_from, struct sink *sink, struct err *err)
{
	auto_free char *url = url_of(s, "/");
	struct http_client_request request = { .url = url,
					       .sink = on_data,
					       .sink_arg = sink,
					       .resume_from = resume_from };
	auto_http_client_response struct http_client_response response = { 0 };
	int r = http_client_perform(&request, &response, err);

	return r < 0 ? r : (int)response.status;
}

static void a_download_resumes_where_the_server_says(void **state)
{
	struct script *s = *state;
	struct sink sink = { 0 };
	struct err err = { 0 };

	buf_init(&sink.data, 100);
	play(s,
	     "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 3-4/5\r\nConnection: close\r\n"
	     "\r\nlo",
	     "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
	assert_int_equal(download(s, 3, &sink, &err), 206);
	assert_non_null(strstr(s->requests.items[0], "\r\nRange: bytes=3-\r\n"));
	assert_int_equal(sink.start, 3);
	assert_string_equal(sink.data.data, "lo");
	buf_reset(&sink.data);
	/* This one ignores ranges. */
	int r = download(s, 3, &sink, &err);
	if (r < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(r, 200);
	assert_int_equal(sink.start, 0);
	assert_string_equal(sink.data.data, "hello");
	buf_fini(&sink.data);
}

static void another_range_than_asked_is_refused(void **state)
{
	struct script *s = *state;
	struct sink sink = { 0 };
	struct err err = { 0 };

	buf_init(&sink.data, 100);
	play(s,
	     "HTTP/1.1 206 Partial Content\r\nContent-Range: bytes 0-1/5\r\nConnection: close\r\n"
	     "\r\nhe",
	     NULL);
	assert_int_equal(download(s, 3, &sink, &err), -EPROTO);
	assert_true(str_ends(err.msg, "/: asked for bytes from 3, got \"bytes 0-1/5\""));
	assert_int_equal(sink.data.len, 0);
	buf_fini(&sink.data);
}

static void a_sink_can_refuse(void **state)
{
	struct script *s = *state;
	struct sink sink = { .result = -ENOSPC };
	struct err err = { 0 };

	buf_init(&sink.data, 100);
	play(s, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", NULL);
	assert_int_equal(download(s, 0, &sink, &err), -ENOSPC);
	buf_fini(&sink.data);
}

static void the_body_of_an_error_is_not_for_the_sink(void **state)
{
	struct script *s = *state;
	struct sink sink = { 0 };
	struct err err = { 0 };

	buf_init(&sink.data, 100);
	play(s, "HTTP/1.1 403 Forbidden\r\nConnection: close\r\n\r\nno", NULL);
	assert_int_equal(download(s, 0, &sink, &err), 403);
	assert_int_equal(sink.data.len, 0);
	buf_fini(&sink.data);
}

static void a_cut_off_body_is_an_error(void **state)
{
	struct script *s = *state;
	struct sink sink = { 0 };
	struct err err = { 0 };

	buf_init(&sink.data, 100);
	play(s, "HTTP/1.1 200 OK\r\nContent-Length: 10\r\nConnection: close\r\n\r\nhello", "");
	assert_int_equal(download(s, 0, &sink, &err), -ECONNRESET);
	buf_reset(&sink.data);
	assert_int_equal(download(s, 0, &sink, &err), -ECONNRESET); /* no answer at all */
	buf_fini(&sink.data);
}

static void authorization_stays_with_its_host(void **state)
{
	struct script *s = *state;
	auto_free char *url = url_of(s, "/");
	auto_free char *redirect =
		xasprintf("HTTP/1.1 307 Go\r\nLocation: http://localhost:%u/b\r\n"
			  "Content-Length: 0\r\nConnection: close\r\n\r\n",
			  s->port);
	auto_strv struct strv headers = { 0 };
	struct http_client_request request = { .url = url, .max_redirects = 1, .bearer = "tok" };
	auto_http_client_response struct http_client_response response = { 0 };
	struct err err = { 0 };

	strv_add(&headers, "X-Other: stays");
	request.headers = &headers;
	play(s, redirect, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello");
	assert_int_equal(http_client_perform(&request, &response, &err), 0);
	assert_int_equal(response.status, 200);
	assert_null(http_client_header(&response, "Location"));
	assert_non_null(strstr(s->requests.items[0], "Authorization: Bearer tok"));
	assert_null(strstr(s->requests.items[1], "Authorization"));
	assert_non_null(strstr(s->requests.items[1], "X-Other: stays"));
}

static void redirects_are_limited(void **state)
{
	struct script *s = *state;
	auto_free char *url = url_of(s, "/");
	struct http_client_request request = { .url = url, .max_redirects = 1 };
	auto_http_client_response struct http_client_response response = { 0 };
	struct err err = { 0 };
	const char *again = "HTTP/1.1 302 Go\r\nLocation: /\r\nConnection: close\r\n\r\n";

	play(s, again, again);
	assert_int_equal(http_client_perform(&request, &response, &err), -ELOOP);
}

static void redirects_to_files_are_refused(void **state)
{
	struct script *s = *state;
	auto_free char *url = url_of(s, "/");
	struct http_client_request request = { .url = url, .max_redirects = 5 };
	auto_http_client_response struct http_client_response response = { 0 };
	struct err err = { 0 };
	const char *to_file =
		"HTTP/1.1 302 Go\r\nLocation: file:///etc/hostname\r\nConnection: close\r\n\r\n";

	play(s, to_file, to_file);
	assert_int_equal(http_client_perform(&request, &response, &err), -EPROTO);
	request.max_redirects = 0;
	assert_int_equal(http_client_perform(&request, &response, &err), 0);
	assert_int_equal(response.status, 302);
	assert_string_equal(http_client_header(&response, "Location"), "file:///etc/hostname");
}

static void silence_times_out(void **state)
{
	struct script *s = *state;
	auto_free char *url = url_of(s, "/");
	struct http_client_request request = { .url = url, .total_timeout_ms = 100 };
	auto_http_client_response struct http_client_response response = { 0 };
	struct err err = { 0 };

	play(s, NULL, NULL);
	assert_int_equal(http_client_perform(&request, &response, &err), -ETIMEDOUT);
	assert_non_null(strstr(err.msg, "/: operation timed out after "));
}

static void a_set_token_cancels(void **state)
{
	struct script *s = *state;
	auto_free char *url = url_of(s, "/");
	struct cancel cancel = { 0 };
	struct http_client_request request = { .url = url, .cancel = &cancel };
	struct http_client_response response = { 0 };
	struct err err = { 0 };

	cancel_set(&cancel);
	assert_int_equal(http_client_perform(&request, &response, &err), -ECANCELED);
	assert_true(str_ends(err.msg, "/: canceled"));
}

static void nobody_there_is_told_in_words(void **state)
{
	unsigned port;
	auto_close int nobody = bind_tcp(&port); /* and nobody else gets the port meanwhile */
	auto_free char *url = xasprintf("http://127.0.0.1:%u/v2/", port);
	struct http_client_request request = { .url = url };
	struct http_client_response response = { .status = 7 };
	struct err err = { 0 };

	assert_true(nobody >= 0);
	assert_int_equal(http_client_perform(&request, &response, &err), -ECONNREFUSED);
	auto_free char *expected = xasprintf("GET %s: connection refused", url);
	assert_string_equal(err.msg, expected);
	request.unix_path = "/nowhere/socket";
	assert_int_equal(http_client_perform(&request, &response, &err), -ECONNREFUSED);
	auto_free char *no_socket =
		xasprintf("GET %s over /nowhere/socket: no such file or directory", url);
	assert_string_equal(err.msg, no_socket);
	request = (struct http_client_request){ .url = "http://holm-test.invalid/" };
	assert_int_equal(http_client_perform(&request, &response, &err), -EHOSTUNREACH);
	request.url = "ftp://127.0.0.1/";
	assert_int_equal(http_client_perform(&request, &response, &err), -EPROTO);
	request.url = "http://u:secret@127.0.0.1/";
	assert_int_equal(http_client_perform(&request, &response, &err), -EINVAL);
	assert_null(strstr(err.msg, "secret"));
	request.url = "http://127.0.0.1:99999/";
	assert_int_equal(http_client_perform(&request, &response, &err), -EINVAL);
	assert_int_equal(response.status, 7);
}

static void a_unix_socket_is_another_road(void **state)
{
	struct script *s = *state;
	struct sockaddr_un a = { .sun_family = AF_UNIX };
	char dir[] = "/tmp/holm-test-http.XXXXXX";
	struct http_client_request request = { .url = "http://localhost/x",
					       .unix_path = a.sun_path };
	auto_http_client_response struct http_client_response response = { 0 };
	struct err err = { 0 };

	assert_non_null(mkdtemp(dir));
	snprintf(a.sun_path, sizeof(a.sun_path), "%s/s", dir);
	close(s->listener);
	s->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(s->listener, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(listen(s->listener, 8), 0);
	play(s, "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nhello", NULL);
	setenv("http_proxy", "http://127.0.0.1:1", 1);
	assert_int_equal(http_client_perform(&request, &response, &err), 0);
	unsetenv("http_proxy");
	assert_string_equal(response.body, "hello");
	assert_int_equal(path_remove(dir, &err), 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

static void a_connection_leaves_http(void **state)
{
	struct script *s = *state;
	auto_free char *url = url_of(s, "/exec?node=a");
	struct http_client_request request = { .method = "POST",
					       .url = url,
					       .bearer = "tok",
					       .body = "{}",
					       .body_len = 2 };
	struct http_client_upgrade got = { 0 };
	struct err err = { 0 };
	char data[8] = "";
	ssize_t n = -EAGAIN;

	play(s, "HTTP/1.1 101 Switching Protocols\r\nUpgrade: frames\r\n\r\nearly",
	     "HTTP/1.1 403 Forbidden\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nno\r\n0\r\n\r\n");
	if (http_client_upgrade(&request, "frames", &got, &err) < 0)
		fail_msg("%s", err.msg);
	assert_non_null(got.session);
	struct pollfd readable = { .fd = http_client_session_fd(got.session), .events = POLLIN };
	while ((n = http_client_session_read(got.session, data, sizeof(data) - 1)) == -EAGAIN)
		assert_int_equal(clock_poll(&readable, 1, clock_monotonic_ms() + LONG_MS), 1);
	assert_string_equal(data, "early");
	http_client_session_free(got.session);
	http_client_response_fini(&got.response);
	assert_non_null(strstr(s->requests.items[0], "\r\nAuthorization: Bearer tok\r\n"));
	assert_true(str_ends(s->requests.items[0], "\r\n\r\n{}"));
	if (http_client_upgrade(&request, "frames", &got, &err) < 0)
		fail_msg("%s", err.msg);
	assert_null(got.session);
	assert_int_equal(got.response.status, 403);
	assert_string_equal(got.response.body, "no");
	http_client_response_fini(&got.response);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_body_goes_to_memory),
		TEST(methods_headers_and_bodies_are_sent),
		TEST(a_post_without_body_is_empty),
		TEST(a_body_is_bounded),
		TEST(a_download_resumes_where_the_server_says),
		TEST(another_range_than_asked_is_refused),
		TEST(a_sink_can_refuse),
		TEST(the_body_of_an_error_is_not_for_the_sink),
		TEST(a_cut_off_body_is_an_error),
		TEST(authorization_stays_with_its_host),
		TEST(redirects_are_limited),
		TEST(redirects_to_files_are_refused),
		TEST(silence_times_out),
		TEST(a_set_token_cancels),
		TEST(nobody_there_is_told_in_words),
		TEST(a_unix_socket_is_another_road),
		TEST(a_connection_leaves_http),
	};

	return cmocka_run_group_tests_name("wire/http_client", tests, NULL, NULL);
}
