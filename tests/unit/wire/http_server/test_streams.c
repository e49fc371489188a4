/* Answers in pieces: order, back pressure, clients that leave or stall. */
#include <sys/socket.h>

#include "fixture.h"

#define FLOOD_BYTES (4u << 20)

static void keep(void *arg, struct http_request *r)
{
	struct fixture *f = arg;

	f->request = r;
	loop_stop(f->loop);
}

/* Until a handler has kept the request. */
static void wait_for_request(struct fixture *f)
{
	while (!f->request)
		loop_run(f->loop);
}

static void write_piece(void *arg)
{
	struct fixture *f = arg;
	char piece[32];
	int n = snprintf(piece, sizeof(piece), "piece %zu\n", f->n_written);

	assert_int_equal(http_stream_write(f->request, piece, (size_t)n), 0);
	if (++f->n_written < 5)
		timer_start(f->loop, 5, write_piece, f);
	else
		http_stream_end(f->request);
}

static void pieces_arrive_in_order(void **state)
{
	struct fixture *f = *state;
	struct call call = { 0 };

	fixture_start(f, keep);
	call_begin(&call, f, "/");
	wait_for_request(f);
	http_add_header(f->request, "Cache-Control", "no-store");
	http_stream_begin(f->request, 200, "text/plain");
	timer_start(f->loop, 5, write_piece, f);
	fixture_wait(f);
	assert_int_equal(call.result, 0);
	assert_string_equal(call.response.body, "piece 0\npiece 1\npiece 2\npiece 3\npiece 4\n");
	assert_string_equal(http_client_header(&call.response, "Cache-Control"), "no-store");
	call_fini(&call);
}

static int stop_after_first(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct fixture *f = arg;

	/* On the client's thread; the test reads it after the client is done. */
	f->n_room = (int)len;
	return -ECANCELED;
}

static void count_gone(void *arg)
{
	struct fixture *f = arg;

	f->n_gone++;
	loop_stop(f->loop);
}

static void a_piece_arrives_before_the_next_is_written(void **state)
{
	struct fixture *f = *state;
	struct call call = { .request = { .sink = stop_after_first, .sink_arg = f } };

	fixture_start(f, keep);
	call_begin(&call, f, "/");
	wait_for_request(f);
	http_request_on_gone(f->request, count_gone, f);
	http_stream_begin(f->request, 200, NULL);
	assert_int_equal(http_stream_write(f->request, "now", 3), 0);
	/* Two events in any order: the client has it, and the server sees it leave. */
	while (f->n_clients || !f->n_gone)
		loop_run(f->loop);
	assert_int_equal(call.result, -ECANCELED);
	assert_int_equal(f->n_room, 3);
	assert_int_equal(http_stream_write(f->request, "x", 1), -EPIPE);
	http_stream_end(f->request);
	assert_int_equal(f->n_gone, 1);
	call_fini(&call);
}

static void flood(void *arg)
{
	struct fixture *f = arg;
	char block[10000];
	int r = 0;

	memset(block, 'x', sizeof(block));
	while (f->n_written < f->n_limit && r == 0) {
		r = http_stream_write(f->request, block, sizeof(block));
		if (r == 0)
			f->n_written += sizeof(block);
	}
	if (r == 0)
		http_stream_end(f->request);
	else if (r == -EAGAIN)
		f->n_room++;
	else
		fail_msg("write: %s", strerror(-r));
}

static void a_fast_writer_waits_for_room(void **state)
{
	struct fixture *f = *state;
	struct call call = { .request = { .max_body = 2 * FLOOD_BYTES } };
	char big[64 << 10];

	f->n_limit = FLOOD_BYTES;
	f->config.max_stream = sizeof(big) - 1;
	fixture_start(f, keep);
	call_begin(&call, f, "/");
	wait_for_request(f);
	http_stream_begin(f->request, 200, NULL);
	http_stream_on_room(f->request, flood, f);
	memset(big, 'y', sizeof(big));
	assert_int_equal(http_stream_write(f->request, big, sizeof(big)), -E2BIG);
	flood(f);
	assert_in_range(f->n_written, 60000, sizeof(big) - 1);
	fixture_wait(f);
	assert_int_equal(call.result, 0);
	assert_int_equal(call.response.body_len, f->n_written);
	assert_true(f->n_room >= 10);
	call_fini(&call);
}

static void a_client_that_takes_nothing_is_cut_off(void **state)
{
	struct fixture *f = *state;
	struct raw raw = { .is_open = true };
	int r = 0;

	f->config.stall_timeout_ms = 100;
	fixture_start(f, keep);
	raw_begin(&raw, f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for_request(f);
	http_request_on_gone(f->request, count_gone, f);
	http_stream_on_room(f->request, flood, f);
	http_stream_begin(f->request, 200, NULL);
	f->n_limit = SIZE_MAX;
	uint64_t start = loop_now_ms(f->loop);
	flood(f);
	while (!f->n_gone)
		loop_run(f->loop);
	assert_true(loop_now_ms(f->loop) >= start + 100);
	r = http_stream_write(f->request, "x", 1);
	assert_int_equal(r, -EPIPE);
	http_stream_end(f->request);
	fixture_wait(f);
	raw_fini(&raw);
}

static void a_quiet_stream_is_not_cut_off(void **state)
{
	struct fixture *f = *state;
	struct call call = { 0 };

	f->config.stall_timeout_ms = 500; /* what a busy machine needs for a request */
	f->config.head_timeout_ms = 500;
	f->config.body_timeout_ms = 500;
	fixture_start(f, keep);
	call_begin(&call, f, "/");
	wait_for_request(f);
	http_stream_begin(f->request, 200, NULL);
	timer_start(f->loop, 700, write_piece, f);
	fixture_wait(f);
	assert_int_equal(call.result, 0);
	assert_true(str_starts(call.response.body, "piece 0\n"));
	call_fini(&call);
}

static void an_empty_stream_ends(void **state)
{
	struct fixture *f = *state;
	struct call call = { 0 };

	fixture_start(f, keep);
	call_begin(&call, f, "/");
	wait_for_request(f);
	http_stream_begin(f->request, 204, NULL);
	http_stream_end(f->request);
	fixture_wait(f);
	assert_int_equal(call.result, 0);
	assert_int_equal(call.response.status, 204);
	call_fini(&call);
}

static void a_server_can_go_before_a_stream_ends(void **state)
{
	struct fixture *f = *state;
	struct call call = { 0 };

	fixture_start(f, keep);
	call_begin(&call, f, "/");
	wait_for_request(f);
	http_request_on_gone(f->request, count_gone, f);
	http_stream_begin(f->request, 200, NULL);
	assert_int_equal(http_stream_write(f->request, "x", 1), 0);
	f->server = http_server_free(f->server);
	fixture_wait(f);
	assert_int_equal(call.result, -ECONNRESET);
	assert_int_equal(http_stream_write(f->request, "x", 1), -EPIPE);
	http_stream_end(f->request);
	assert_int_equal(f->n_gone, 0);
	call_fini(&call);
}

static void write_forever(void *arg)
{
	struct fixture *f = arg;

	f->timer = NULL;
	if (http_stream_write(f->request, "tick\n", 5) == -EPIPE) {
		http_stream_end(f->request);
		f->n_gone++;
		loop_stop(f->loop);
		return;
	}
	f->timer = timer_start(f->loop, 1, write_forever, f);
}

static void a_client_can_leave_in_the_middle(void **state)
{
	struct fixture *f = *state;
	struct raw raw = { .is_open = true };

	fixture_start(f, keep);
	raw_begin(&raw, f, "GET / HTTP/1.1\r\nHost: x\r\n\r\n");
	wait_for_request(f);
	fixture_wait(f);
	http_stream_begin(f->request, 200, NULL);
	f->timer = timer_start(f->loop, 1, write_forever, f);
	char first[10];
	ssize_t n;
	do {
		timer_start(f->loop, 5, (void (*)(void *))loop_stop, f->loop);
		loop_run(f->loop);
		n = recv(raw.fd, first, sizeof(first), MSG_DONTWAIT);
	} while (n < 0);
	raw_fini(&raw);
	while (!f->n_gone)
		loop_run(f->loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(pieces_arrive_in_order),
		TEST(a_piece_arrives_before_the_next_is_written),
		TEST(a_fast_writer_waits_for_room),
		TEST(a_client_that_takes_nothing_is_cut_off),
		TEST(a_quiet_stream_is_not_cut_off),
		TEST(an_empty_stream_ends),
		TEST(a_server_can_go_before_a_stream_ends),
		TEST(a_client_can_leave_in_the_middle),
	};

	return cmocka_run_group_tests_name("wire/http_server/streams", tests, NULL, NULL);
}
