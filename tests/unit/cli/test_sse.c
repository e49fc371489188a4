/* Server-sent events: fields, pieces, bounds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "cli/watch/sse.h"

struct seen {
	struct buf text; /* "id|event|data\n" per event */
};

static void on_event(void *arg, const char *id, const char *event, const char *data)
{
	struct seen *seen = arg;

	buf_addf(&seen->text, "%s|%s|%s\n", id, event, data);
}

static void check(const char *stream, size_t piece, const char *expected)
{
	struct seen seen = { 0 };
	struct sse sse;
	struct err err;

	buf_init(&seen.text, 1 << 16);
	sse_init(&sse, on_event, &seen);
	for (size_t at = 0; at < strlen(stream); at += piece) {
		size_t left = strlen(stream) - at;

		assert_int_equal(sse_feed(&sse, stream + at, left < piece ? left : piece, &err), 0);
	}
	assert_string_equal(seen.text.data, expected);
	sse_fini(&sse);
	buf_fini(&seen.text);
}

static void in_any_pieces(void **state)
{
	static const char stream[] = "id: 7\nevent: instance\ndata: {\"a\":1}\n\n"
				     ": heartbeat\n\n"
				     "id:8\r\nevent:node\r\ndata:x\r\ndata: y\r\n\r\n"
				     "data\n\n"
				     "id: 9\n\n"
				     "event: unfinished\ndata: z\n";

	for (size_t piece = 1; piece < sizeof(stream); piece++)
		check(stream, piece, "7|instance|{\"a\":1}\n8|node|x\ny\n8|message|\n");
}

static void unknown_fields_are_ignored(void **state)
{
	check("retry: 5\nfoo: bar\ndata: a:b\n\n", 3, "|message|a:b\n");
}

static void an_event_is_bounded(void **state)
{
	static const char line[] = "data: 0123456789012345678901234567890123456789\n";
	struct seen seen = { 0 };
	struct sse sse;
	struct err err = { 0 };
	int r = 0;

	buf_init(&seen.text, 1 << 16);
	sse_init(&sse, on_event, &seen);
	for (size_t fed = 0; r == 0 && fed < 2 * SSE_EVENT_MAX; fed += sizeof(line) - 1)
		r = sse_feed(&sse, line, sizeof(line) - 1, &err);
	assert_int_equal(r, -E2BIG);
	sse_fini(&sse);
	sse_init(&sse, on_event, &seen);
	r = 0;
	for (size_t fed = 0; r == 0 && fed < 2 * SSE_EVENT_MAX; fed += 10)
		r = sse_feed(&sse, "0123456789", 10, &err);
	assert_int_equal(r, -E2BIG);
	sse_fini(&sse);
	buf_fini(&seen.text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(in_any_pieces),
		cmocka_unit_test(unknown_fields_are_ignored),
		cmocka_unit_test(an_event_is_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
