/* Requests and URLs, as clients send them and as they should not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "web/request.h"

/* Parses a copy of exact size; the strings in *ret are in *in, the caller's to free. */
static long parse(const char *text, struct http_request *ret, char **in)
{
	size_t length = strlen(text);

	*in = malloc(length + 1);
	assert_non_null(*in);
	memcpy(*in, text, length);
	(*in)[length] = 'x';
	return http_request_parse(*in, length, ret);
}

static void cuts_a_request_into_its_parts(void **state)
{
	const char *text = "GET /get?url=a?b HTTP/1.1\r\nHost: x\r\n\r\n";
	struct http_request request;
	char *in;

	assert_int_equal(parse(text, &request, &in), strlen(text));
	assert_string_equal(request.method, "GET");
	assert_string_equal(request.path, "/get");
	assert_string_equal(request.query, "url=a?b");
	assert_false(request.is_head);
	assert_true(request.keep_alive);
	free(in);
}

static void takes_one_of_two_requests(void **state)
{
	const char *first = "\r\nHEAD / HTTP/1.0\n\n";
	struct http_request request;
	char *in;

	assert_int_equal(parse("\r\nHEAD / HTTP/1.0\n\nGET /x HTTP/1.1\r\n\r\n", &request, &in),
			 strlen(first));
	assert_true(request.is_head);
	assert_string_equal(request.query, "");
	free(in);
}

static void waits_for_the_rest(void **state)
{
	const char *text = "GET / HTTP/1.1\r\nHost: x\r\n\r\n";
	struct http_request request;
	char part[64];

	for (size_t n = 0; n < strlen(text); n++) {
		memcpy(part, text, n);
		assert_int_equal(http_request_parse(part, n, &request), 0);
	}
}

static void refuses_what_is_no_request(void **state)
{
	static const char *const texts[] = {
		"\x16\x03\x01",
		"get / HTTP/1.1\r\n\r\n",
		"GET / HTTP/2.0\r\n\r\n",
		"GET /\r\n\r\n",
		"GET x HTTP/1.1\r\n\r\n",
		"GET  / HTTP/1.1\r\n\r\n",
		"GET /\x01 HTTP/1.1\r\n\r\n",
		"GARBAGE\r\n\r\n",
	};
	struct http_request request;
	char *in;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
		assert_int_equal(parse(texts[i], &request, &in), -1);
		free(in);
	}
}

static void refuses_a_nul_byte(void **state)
{
	static const char text[] = "GET / HTTP/1.1\0\r\n\r\n";
	struct http_request request;
	char in[sizeof(text)];

	memcpy(in, text, sizeof(text));
	assert_int_equal(http_request_parse(in, sizeof(text) - 1, &request), -1);
}

static void knows_when_a_connection_goes_on(void **state)
{
	static const struct {
		const char *text;
		bool keep_alive;
	} cases[] = {
		{ "GET / HTTP/1.1\r\n\r\n", true },
		{ "GET / HTTP/1.0\r\n\r\n", false },
		{ "GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n", true },
		{ "GET / HTTP/1.1\r\nconnection:close\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nContent-Length: 0\r\n\r\n", true },
		{ "POST / HTTP/1.1\r\nContent-Length: 3\r\n\r\nabc", false },
		{ "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n", false },
		{ "GET / HTTP/1.1\r\nX-Connection: close\r\n\r\n", true },
	};
	struct http_request request;
	char *in;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_true(parse(cases[i].text, &request, &in) > 0);
		assert_int_equal(request.keep_alive, cases[i].keep_alive);
		free(in);
	}
}

static void parses_urls(void **state)
{
	struct url url;

	assert_true(url_parse("http://a.b:8080/x?y", &url));
	assert_string_equal(url.host, "a.b");
	assert_int_equal(url.port, 8080);
	assert_string_equal(url.path, "/x?y");
	assert_true(url_parse("HTTP://10.0.0.1", &url));
	assert_int_equal(url.port, 80);
	assert_string_equal(url.path, "");
}

static void refuses_other_urls(void **state)
{
	static const char *const texts[] = {
		"",
		"https://a/",
		"http://",
		"http:///x",
		"http://a:0/",
		"http://a:65536",
		"http://a:",
		"http://a:80x/",
		"http://a b/",
		"http://u@a/",
		"http://a?x",
	};
	char longest[7 + URL_HOST_MAX + 2] = "http://";
	struct url url;

	for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++)
		assert_false(url_parse(texts[i], &url));
	memset(longest + 7, 'a', URL_HOST_MAX + 1);
	assert_false(url_parse(longest, &url));
	longest[7 + URL_HOST_MAX] = '\0';
	assert_true(url_parse(longest, &url));
}

static void decodes_percent_signs(void **state)
{
	char good[] = "http%3A%2F%2fa/%zz%4";
	char space[] = "a%20b";
	char line_end[] = "a%0d%0a";

	assert_true(url_decode(good));
	assert_string_equal(good, "http://a/%zz%4");
	assert_false(url_decode(space));
	assert_false(url_decode(line_end));
}

static void finds_values_in_a_query(void **state)
{
	static const char query[] = "path=/a%2Fb&text=x+y%0a%26&empty=&n=0x10&path=/c";
	char value[16];
	uint64_t number = 7;

	(void)state;
	assert_true(query_find(query, "path", value, sizeof(value)));
	assert_string_equal(value, "/a/b");
	assert_true(query_find(query, "text", value, sizeof(value)));
	assert_string_equal(value, "x y\n&");
	assert_true(query_find(query, "empty", value, sizeof(value)));
	assert_string_equal(value, "");
	assert_false(query_find(query, "ath", value, sizeof(value)));
	assert_false(query_find("a", "a", value, sizeof(value)));
	assert_true(query_find_number(query, "n", 16, &number));
	assert_int_equal(number, 16);
	assert_false(query_find_number(query, "n", 15, &number));
	assert_false(query_find_number(query, "text", 15, &number));
}

static void refuses_values_that_do_not_fit(void **state)
{
	char value[4] = "old";

	(void)state;
	assert_true(query_find("a=123", "a", value, sizeof(value)));
	assert_false(query_find("a=1234", "a", value, sizeof(value)));
	assert_false(query_find("a=x%00y", "a", value, sizeof(value)));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_a_request_into_its_parts),
		cmocka_unit_test(takes_one_of_two_requests),
		cmocka_unit_test(waits_for_the_rest),
		cmocka_unit_test(refuses_what_is_no_request),
		cmocka_unit_test(refuses_a_nul_byte),
		cmocka_unit_test(knows_when_a_connection_goes_on),
		cmocka_unit_test(parses_urls),
		cmocka_unit_test(refuses_other_urls),
		cmocka_unit_test(decodes_percent_signs),
		cmocka_unit_test(finds_values_in_a_query),
		cmocka_unit_test(refuses_values_that_do_not_fit),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
