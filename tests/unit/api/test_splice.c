/* Connections both ways: a node that echoes, one that refuses, limits, and a client that leaves. */
#include <poll.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/world.h"
#include "base/base.h"
#include "base/clock.h"
#include "server/accounts.h"
#include "wire/frame/frame.h"

#define EXEC    "/api/v1/instances/web.demo.0/exec"
#define WAIT_MS 20000

/* The node's end, and the client's. */
struct pair {
	struct world *world;
	struct stream *stream;
	struct frame_reader frames;
	char *request;
	struct err refusal;
	bool is_gone;
	size_t n_noted; /* of this in the audit log, while it goes on and at its end */
	const char *path;
	const char *body;
	bool leaves; /* the client, at once */
	struct http_client_upgrade upgrade;
	struct err err;
	int result;
	char got[64]; /* OUTPUT */
	int exit_code;
	char words[64];
};

static size_t count_noted(struct world *world)
{
	auto_free char *text = server_list_audit(world->server, 10);
	size_t n = 0;

	for (const char *at = text; (at = strstr(at, EXEC "\",\"status\":101")); at++)
		n++;
	return n;
}

static void on_take(void *arg, const char *data, size_t len)
{
	struct pair *p = arg;
	struct frame frame;
	struct err err = { 0 };
	auto_buf struct buf out;

	frame_feed(&p->frames, data, len);
	buf_init(&out, 1 << 20);
	while (frame_next(&p->frames, &frame, &err) > 0 && p->stream) {
		if (frame.type == FRAME_INPUT) {
			p->n_noted = count_noted(p->world);
			frame_put(&out, FRAME_OUTPUT, frame.data, frame.len);
			stream_send(p->stream, out.data, out.len);
			buf_reset(&out);
			continue;
		}
		frame_put_end(&out, 42, "over");
		stream_send(p->stream, out.data, out.len);
		stream_end(TAKE(p->stream), &err);
	}
}

static void on_gone(void *arg)
{
	struct pair *p = arg;

	p->stream = NULL;
	p->is_gone = true;
	loop_stop(p->world->loop);
}

static void begin(void *arg)
{
	struct pair *p = arg;
	auto_buf struct buf out;

	buf_init(&out, 100);
	if (p->refusal.code) {
		stream_end(TAKE(p->stream), &p->refusal);
		return;
	}
	frame_put(&out, FRAME_BEGUN, NULL, 0);
	stream_send(p->stream, out.data, out.len);
}

static void on_open(void *arg, struct stream *stream, const char *request)
{
	struct pair *p = arg;
	const struct stream_server server = { .take = on_take, .gone = on_gone, .arg = p };

	p->stream = stream;
	free(p->request);
	p->request = xstrdup(request);
	stream_serve_both(stream, &server);
	loop_post(p->world->loop, begin, p);
}

static int setup(void **state)
{
	struct pair *p = NEW(struct pair);
	auto_ask struct ask ask = { .method = "POST",
				    .path = "/api/v1/apply",
				    .body = world_descriptor };

	p->world = NEW(struct world);
	world_init(p->world);
	world_ask(p->world, &ask, 200);
	frame_reader_init(&p->frames);
	stream_hub_register(p->world->hub, WORLD_NODE, on_open, p);
	p->path = EXEC;
	p->body = "{\"cmd\":[\"ls\",\"-l\"],\"stdin\":true}";
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct pair *p = *state;

	world_fini(p->world);
	free(p->world);
	frame_reader_fini(&p->frames);
	http_client_response_fini(&p->upgrade.response);
	free(p->request);
	free(p);
	return 0;
}

/* The client's thread. */

static void send_words(struct pair *p)
{
	auto_buf struct buf out;

	buf_init(&out, 100);
	frame_put(&out, FRAME_INPUT, "hello ", 6);
	frame_put(&out, FRAME_INPUT, "there", 5);
	frame_put(&out, FRAME_INPUT_END, NULL, 0);
	http_client_session_write(p->upgrade.session, out.data, out.len);
}

static void take(struct pair *p, const struct frame *frame)
{
	const char *words = "";

	if (frame->type == FRAME_OUTPUT)
		snprintf(p->got + strlen(p->got), sizeof(p->got) - strlen(p->got), "%s",
			 frame->data);
	if (frame->type == FRAME_END && frame_get_end(frame, &p->exit_code, &words))
		STR_COPY(p->words, words);
}

static void receive(struct pair *p)
{
	uint64_t end = clock_monotonic_ms() + WAIT_MS;
	struct frame_reader frames;
	struct frame frame;
	char piece[1000];
	struct err err;
	ssize_t n;

	frame_reader_init(&frames);
	while ((n = http_client_session_read(p->upgrade.session, piece, sizeof(piece))) != 0) {
		struct pollfd fd = { .fd = http_client_session_fd(p->upgrade.session),
				     .events = POLLIN };

		if (n == -EAGAIN && clock_poll(&fd, 1, end) > 0)
			continue;
		if (n < 0)
			break;
		frame_feed(&frames, piece, (size_t)n);
		while (frame_next(&frames, &frame, &err) > 0)
			take(p, &frame);
	}
	frame_reader_fini(&frames);
}

static void client(void *arg)
{
	struct pair *p = arg;
	auto_strv struct strv headers = { 0 };
	auto_free char *url = xasprintf("http://localhost%s", p->path);
	const struct http_client_request request = { .method = "POST",
						     .url = url,
						     .unix_path = p->world->socket,
						     .headers = &headers,
						     .body = p->body,
						     .body_len = strlen(p->body) };

	strv_add(&headers, "Content-Type: application/json");
	p->result = http_client_upgrade_local(&request, API_UPGRADE, &p->upgrade, &p->err);
	if (!p->upgrade.session)
		return;
	if (!p->leaves) {
		send_words(p);
		receive(p);
	}
	p->upgrade.session = http_client_session_free(p->upgrade.session);
}

static void expect(struct pair *p, unsigned status, const char *words)
{
	http_client_response_fini(&p->upgrade.response);
	world_run(p->world, client, p);
	if (p->result < 0)
		fail_msg("%s", p->err.msg);
	assert_int_equal(p->upgrade.response.status, status);
	if (words && !strstr(p->upgrade.response.body, words))
		fail_msg("%s", p->upgrade.response.body);
}

static void frames_go_both_ways(void **state)
{
	struct pair *p = *state;

	expect(p, 101, NULL);
	assert_string_equal(p->got, "hello there");
	assert_int_equal(p->exit_code, 42);
	assert_string_equal(p->words, "over");
	assert_non_null(strstr(p->request, "\"kind\":\"exec\""));
	assert_non_null(strstr(p->request, "\"cmd\":[\"ls\",\"-l\"]"));
	assert_false(p->is_gone);
	assert_int_equal(p->n_noted, 1);
	assert_int_equal(count_noted(p->world), 1);
}

static void refusals_are_answers(void **state)
{
	struct pair *p = *state;
	auto_ask struct ask ask = { .method = "POST", .path = EXEC, .body = "{\"cmd\":[\"ls\"]}" };

	err_set(&p->refusal, -EBUSY, "the instance does not run");
	expect(p, 409, "the instance does not run");
	p->path = "/api/v1/instances/none.demo.0/exec";
	expect(p, 404, "none.demo.0");
	p->path = EXEC;
	p->body = "{\"cmd\":[\"ls\"],\"comand\":1}";
	expect(p, 400, "comand");
	p->body = "{\"cmd\":[\"ls\"],\"rows\":70000}";
	expect(p, 400, "rows");
	world_ask(p->world, &ask, 426);
	assert_string_equal(http_client_header(&ask.response, "Upgrade"), API_UPGRADE);
}

static void a_client_that_leaves_is_told_to_the_node(void **state)
{
	struct pair *p = *state;

	p->leaves = true;
	expect(p, 101, NULL);
	while (!p->is_gone)
		loop_run(p->world->loop);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(frames_go_both_ways, setup, teardown),
		cmocka_unit_test_setup_teardown(refusals_are_answers, setup, teardown),
		cmocka_unit_test_setup_teardown(a_client_that_leaves_is_told_to_the_node, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("api/splice", tests, NULL, NULL);
}
