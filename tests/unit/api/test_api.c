/* The API as its clients see it, over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "api/world.h"
#include "base/base.h"

#define V1 "/api/v1"

/* The answer's body as JSON, the caller's. */
static struct json *parsed(const struct ask *ask)
{
	struct json *json = NULL;
	struct err err;

	assert_non_null(ask->response.body);
	if (json_parse(ask->response.body, ask->response.body_len, &json, &err) < 0)
		fail_msg("%s: %s", ask->response.body, err.msg);
	return json;
}

static void apply(struct world *w)
{
	auto_ask struct ask ask = { .method = "POST",
				    .path = V1 "/apply",
				    .body = world_descriptor };

	world_ask(w, &ask, 200);
}

static void tcp_wants_the_token(void **state)
{
	auto_ask struct ask ask = { .path = V1 "/version", .is_tcp = true };

	world_ask(*state, &ask, 401);
	assert_string_equal(http_client_header(&ask.response, "WWW-Authenticate"), "Bearer");
	auto_(json_free) struct json *json = parsed(&ask);
	assert_int_equal(json_get_int(json, "code", 0), 401);
	assert_string_equal(json_get_str(json, "status"), "Unauthorized");
	assert_non_null(json_get_str(json, "message"));
	ask.has_token = true;
	world_ask(*state, &ask, 200);
	assert_string_equal(ask.response.body, "{\"version\":\"1.2.3\"}");
	/* Which paths there are is no secret. */
	ask = (struct ask){ .path = "/nothing", .is_tcp = true, .response = ask.response };
	world_ask(*state, &ask, 404);
	ask.method = "PATCH";
	ask.path = V1 "/version";
	world_ask(*state, &ask, 405);
}

static void health_is_public_and_the_socket_open(void **state)
{
	auto_ask struct ask ask = { .path = V1 "/health", .is_tcp = true };

	world_ask(*state, &ask, 200);
	assert_string_equal(ask.response.body, "{\"status\":\"ok\"}");
	ask.is_tcp = false;
	ask.path = V1 "/version";
	world_ask(*state, &ask, 200);
}

/* Pages of other origins may use Oakestra's paths, and see why they are refused; ours they may not. */
static void other_origins_may_use_the_paths_of_oakestra(void **state)
{
	static const char origin[] = "Access-Control-Allow-Origin";
	auto_ask struct ask ask = { .method = "OPTIONS", .path = "/api/user/x/", .is_tcp = true };

	world_ask(*state, &ask, 204);
	assert_string_equal(http_client_header(&ask.response, origin), "*");
	assert_string_equal(http_client_header(&ask.response, "Access-Control-Allow-Headers"),
			    "authorization, content-type");
	assert_non_null(
		strstr(http_client_header(&ask.response, "Access-Control-Allow-Methods"), "PUT"));
	ask.path = "/apisettings";
	world_ask(*state, &ask, 204);
	ask.path = "/api/user/x/";
	ask.method = "GET";
	world_ask(*state, &ask, 401);
	assert_string_equal(http_client_header(&ask.response, origin), "*");
	auto_(json_free) struct json *json = parsed(&ask);
	assert_string_equal(json_get_str(json, "msg"), json_get_str(json, "message"));
	ask.has_token = true;
	ask.path = "/api/nothing?";
	world_ask(*state, &ask, 404);
	assert_string_equal(http_client_header(&ask.response, origin), "*");
	ask.path = V1 "/version";
	world_ask(*state, &ask, 200);
	assert_null(http_client_header(&ask.response, origin));
	ask.method = "OPTIONS";
	world_ask(*state, &ask, 405);
}

static void tcp_checks_the_type_and_takes_any_name(void **state)
{
	auto_ask struct ask ask = { .path = V1 "/version",
				    .is_tcp = true,
				    .header = "Host: holm.example:80" };

	world_ask(*state, &ask, 401);
	ask.has_token = true;
	world_ask(*state, &ask, 200);
	ask.method = "POST";
	ask.path = V1 "/apply";
	ask.body = world_descriptor;
	ask.header = "Content-Type: text/plain";
	world_ask(*state, &ask, 415);
	ask.header = NULL;
	world_ask(*state, &ask, 200);
}

static void unknown_paths_and_methods(void **state)
{
	auto_ask struct ask ask = { .path = V1 "/nothing" };

	world_ask(*state, &ask, 404);
	ask.method = "PUT";
	ask.path = V1 "/apps/x";
	world_ask(*state, &ask, 405);
	assert_string_equal(http_client_header(&ask.response, "Allow"), "DELETE");
	ask.method = "GET";
	ask.path = V1;
	world_ask(*state, &ask, 200);
	auto_(json_free) struct json *json = parsed(&ask);
	assert_true(json_count(json_get(json, "routes")) > 10);
}

/* By both clocks, with the bounds and at the end what is longer than all of them. */
static void turns_of_the_loop_are_told(void **state)
{
	static const char *const clocks[] = { "wall", "cpu" };
	auto_ask struct ask ask = { .path = V1 "/turns", .is_tcp = true };

	world_ask(*state, &ask, 401);
	ask.has_token = true;
	world_ask(*state, &ask, 200);
	auto_(json_free) struct json *json = parsed(&ask);
	for (size_t i = 0; i < ARRAY_LEN(clocks); i++) {
		const struct json *rows = json_get(json, clocks[i]);
		int64_t turns = 0;

		assert_int_equal(json_count(rows), LOOP_TURN_BOUNDS + 1);
		for (size_t k = 0; k < LOOP_TURN_BOUNDS; k++)
			assert_int_equal(json_get_int(json_at(rows, k), "up_to_ms", 0),
					 loop_turn_bounds_ms[k]);
		assert_null(json_get(json_at(rows, LOOP_TURN_BOUNDS), "up_to_ms"));
		for (size_t k = 0; k < json_count(rows); k++)
			turns += json_get_int(json_at(rows, k), "turns", -1000000);
		assert_true(turns > 0);
	}
}

static size_t count(struct world *w, const char *path)
{
	auto_ask struct ask ask = { .path = path };

	world_ask(w, &ask, 200);
	assert_non_null(http_client_header(&ask.response, "Holm-Revision"));
	auto_(json_free) struct json *json = parsed(&ask);
	return json_count(json);
}

static void applies_scales_and_deletes(void **state)
{
	auto_ask struct ask ask = { .method = "POST",
				    .path = V1 "/apply?dry_run=1",
				    .body = world_descriptor };

	world_ask(*state, &ask, 200);
	auto_(json_free) struct json *dry = parsed(&ask);
	assert_true(json_bool(json_get(dry, "is_dry_run"), false));
	assert_int_equal(json_count(json_get(dry, "items")), 3);
	assert_int_equal(count(*state, V1 "/apps"), 0);

	apply(*state);
	assert_int_equal(count(*state, V1 "/apps"), 1);
	assert_int_equal(count(*state, V1 "/services?app=hybrid.demo"), 2);
	assert_int_equal(count(*state, V1 "/services?app=other.demo"), 0);
	assert_int_equal(count(*state, V1 "/nodes"), 1);

	ask.path = V1 "/services/client.demo/scale";
	ask.body = "{\"replicas\":3}";
	world_ask(*state, &ask, 200);
	assert_int_equal(count(*state, V1 "/instances?app=hybrid.demo"), 4);

	ask.path = V1 "/restart/client.demo";
	ask.body = NULL;
	world_ask(*state, &ask, 200);
	auto_(json_free) struct json *plan = parsed(&ask);
	assert_int_equal(json_count(json_get(plan, "items")), 3);
	ask.path = V1 "/restart/client.demo.0";
	world_ask(*state, &ask, 200);
	ask.path = V1 "/pause/client.demo.1";
	world_ask(*state, &ask, 200);
	assert_non_null(strstr(ask.response.body, "\"pause\""));
	ask.path = V1 "/resume/client.demo";
	world_ask(*state, &ask, 200);
	assert_non_null(strstr(ask.response.body, "\"resume\""));

	ask.method = "DELETE";
	ask.path = V1 "/apps/hybrid.demo";
	ask.body = NULL;
	world_ask(*state, &ask, 200);
	assert_int_equal(count(*state, V1 "/apps"), 0);
}

static void what_is_refused_is_told(void **state)
{
	auto_ask struct ask ask = { .method = "POST", .path = V1 "/apply", .body = "{" };

	world_ask(*state, &ask, 400);
	ask.path = V1 "/services/nothing/scale";
	ask.body = "{\"replicas\":1}";
	world_ask(*state, &ask, 404);
	ask.body = "{\"replica\":1}";
	world_ask(*state, &ask, 400);
	assert_non_null(strstr(ask.response.body, "replicas"));
	ask.body = "{\"replicas\":1001}";
	world_ask(*state, &ask, 400);
	ask.path = V1 "/restart/nothing.1";
	ask.body = NULL;
	world_ask(*state, &ask, 404);
	ask.path = V1 "/pause/nothing.1";
	world_ask(*state, &ask, 404);
	ask.method = "DELETE";
	ask.path = V1 "/apps/nothing.demo";
	ask.body = NULL;
	world_ask(*state, &ask, 404);
	assert_non_null(strstr(ask.response.body, "nothing.demo"));
}

static void a_body_that_is_too_large_is_refused(void **state)
{
	auto_free char *body = xmalloc((10u << 20) + 1);
	auto_ask struct ask ask = { .method = "POST", .path = V1 "/apply", .body = body };

	memset(body, ' ', 10u << 20);
	body[10u << 20] = '\0';
	world_ask(*state, &ask, 413);
	assert_non_null(strstr(ask.response.body, "1048576 bytes"));
}

static void down_is_the_daemons(void **state)
{
	struct world *w = *state;
	auto_ask struct ask ask = { .method = "POST",
				    .path = V1 "/down",
				    .body = "{\"purge\":true}" };

	world_ask(w, &ask, 200);
	assert_int_equal(w->n_downs, 1);
	assert_true(w->is_purged);
	ask.body = NULL;
	world_ask(w, &ask, 200);
	assert_int_equal(w->n_downs, 2);
	assert_false(w->is_purged);
	assert_true(api_is_idle(w->api));
}

/* Logs: the node's side. */
struct log_node {
	struct world *world;
	struct stream *stream;
	char *request;
	bool is_following;
	bool fails;
	bool is_gone;
};

#define T "2026-11-23T13:18:02.123456789Z "

static void serve(void *arg)
{
	struct log_node *n = arg;
	static const char text[] = T "stdout F one\n" T "stderr F two\n";
	struct err err = { 0 };

	if (n->fails)
		err_set(&err, -ENOENT, "read log: there is none");
	else
		stream_send(n->stream, text, sizeof(text) - 1);
	if (!n->is_following)
		stream_end(n->stream, &err);
}

static void on_reader_gone(void *arg)
{
	struct log_node *n = arg;

	n->is_gone = true;
}

static void on_open(void *arg, struct stream *stream, const char *request)
{
	struct log_node *n = arg;

	n->stream = stream;
	free(n->request);
	n->request = xstrdup(request);
	stream_serve(stream, on_reader_gone, n);
	loop_post(n->world->loop, serve, n);
}

static void logs_are_streamed_as_text(void **state)
{
	struct log_node n = { .world = *state };
	auto_ask struct ask ask = { .path = V1 "/instances/web.demo.0/logs?tail=5" };

	apply(*state);
	world_ask(*state, &ask, 503);
	stream_hub_register(n.world->hub, WORLD_NODE, on_open, &n);
	world_ask(*state, &ask, 200);
	assert_string_equal(ask.response.body, "one\ntwo\n");
	assert_non_null(strstr(n.request, "\"tail\":5"));
	assert_non_null(strstr(n.request, "\"follow\":false"));
	ask.path = V1 "/instances/web.demo.0/logs?timestamps=1";
	world_ask(*state, &ask, 200);
	assert_string_equal(ask.response.body, T "stdout F one\n" T "stderr F two\n");
	ask.path = V1 "/instances/web.demo/logs?names=1&since=2023-11-14T22:13:20Z&stream=stderr";
	world_ask(*state, &ask, 200);
	assert_string_equal(ask.response.body, "- " T "stdout F one\n- " T "stderr F two\n");
	assert_non_null(strstr(n.request, "\"since_ms\":1700000000000"));
	assert_non_null(strstr(n.request, "\"stream\":\"stderr\""));
	ask.path = V1 "/instances/web.demo.0/logs?since=tomorrow";
	world_ask(*state, &ask, 400);
	ask.path = V1 "/instances/web.demo.0/logs?until=1s&follow=1";
	world_ask(*state, &ask, 400);
	ask.path = V1 "/instances/web.demo.0/logs?stream=both";
	world_ask(*state, &ask, 400);
	ask.path = V1 "/instances/web.demo.0/logs";
	n.fails = true;
	world_ask(*state, &ask, 404);
	ask.path = V1 "/instances/nothing.demo.0/logs";
	world_ask(*state, &ask, 404);
	ask.path = V1 "/instances/web.demo.0/logs?tail=x";
	world_ask(*state, &ask, 400);
	free(n.request);
}

/* Ends the request as soon as the text has come. */
struct expected {
	const char *text;
	struct buf seen;
};

static int until_seen(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct expected *e = arg;

	buf_add(&e->seen, data, len);
	return strstr(e->seen.data, e->text) ? -ECANCELED : 0;
}

/* Streams do not end by themselves: the client leaves. Returns what it saw. */
static char *see(struct world *w, const char *path, const char *header, const char *text)
{
	struct expected e = { .text = text };
	auto_ask struct ask ask = { .path = path,
				    .header = header,
				    .sink = until_seen,
				    .sink_arg = &e };

	buf_init(&e.seen, 8u << 20);
	world_perform(w, &ask);
	if (ask.result != -ECANCELED)
		fail_msg("%s: %s: saw %s", path, ask.err.msg, e.seen.data);
	char *seen = buf_take(&e.seen);
	buf_fini(&e.seen);
	return seen;
}

/* Lets the loop turn until the condition holds. */
static void wait_for(struct world *w, const bool *condition)
{
	for (unsigned i = 0; i < 100000 && !*condition; i++)
		world_turn(w);
	assert_true(*condition);
}

static void a_log_is_followed_until_the_reader_leaves(void **state)
{
	struct log_node n = { .world = *state, .is_following = true };

	apply(*state);
	stream_hub_register(n.world->hub, WORLD_NODE, on_open, &n);
	auto_free char *seen = see(*state, V1 "/instances/web.demo.0/logs?follow=1", NULL, "two\n");
	assert_string_equal(seen, "one\ntwo\n");
	wait_for(*state, &n.is_gone);
	free(n.request);
}

static void events_are_resumed(void **state)
{
	struct world *w = *state;
	char path[64];
	char header[64];

	snprintf(path, sizeof(path), V1 "/events?since=%lu", server_revision(w->server));
	apply(w);
	auto_free char *first = see(w, path, NULL, "\"state\":\"RUNNING\"");
	assert_non_null(strstr(first, "event: app\n"));
	assert_non_null(strstr(first, "event: service\n"));
	assert_non_null(strstr(first, "event: instance\n"));
	const char *id = strstr(first, "\nid: ");
	assert_non_null(id);
	snprintf(header, sizeof(header), "Last-Event-ID: %.*s", (int)strcspn(id + 5, "\n"), id + 5);
	auto_free char *second = see(w, V1 "/events?since=1", header, "\"state\":\"RUNNING\"");
	assert_null(strstr(second, "event: reset"));
	assert_null(strstr(second, "event: app\n"));
	assert_non_null(strstr(second, "event: service\n"));
}

static void an_old_revision_means_listing_anew(void **state)
{
	auto_free char *seen = see(*state, V1 "/events?since=1", NULL, "event: reset\n");
	assert_non_null(strstr(seen, "data: {}\n"));
	auto_ask struct ask ask = { .path = V1 "/events?since=x" };

	world_ask(*state, &ask, 400);
}

static void what_is_gone_is_told(void **state)
{
	auto_ask struct ask ask = { .method = "DELETE", .path = V1 "/apps/hybrid.demo" };
	struct world *w = *state;
	char path[64];

	apply(w);
	snprintf(path, sizeof(path), V1 "/events?since=%lu", server_revision(w->server));
	world_ask(w, &ask, 200);
	auto_free char *seen = see(w, path, NULL, "event: app\n");
	assert_null(strstr(seen, "event: reset\n"));
	auto_free char *gone = see(w, path, NULL, "\"is_gone\":true}\n\n");
	assert_non_null(strstr(gone, "data: {\"id\":\""));
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	STR_COPY(address.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&address, sizeof(address)), 0);
	return fd;
}

struct reader {
	int fd;
	size_t len;
};

static void read_to_the_end(void *arg)
{
	struct reader *r = arg;
	char chunk[65536];
	ssize_t n;

	while ((n = read(r->fd, chunk, sizeof(chunk))) > 0)
		r->len += (size_t)n;
}

static void read_some(void *arg)
{
	struct reader *r = arg;
	char chunk[16];
	ssize_t n = read(r->fd, chunk, sizeof(chunk));

	r->len += n > 0 ? (size_t)n : 0;
}

static const char raw_request[] = "GET " V1 "/events HTTP/1.1\r\nHost: localhost\r\n"
				  "Connection: close\r\n\r\n";

static void a_reader_that_does_not_read_is_dropped(void **state)
{
	struct world *w = *state;
	struct reader r = { .fd = connect_to(w->socket) };

	assert_int_equal(write(r.fd, raw_request, sizeof(raw_request) - 1),
			 sizeof(raw_request) - 1);
	world_run(w, read_some, &r);
	assert_false(api_is_idle(w->api));
	for (size_t i = 0; i < 200 && !api_is_idle(w->api); i++)
		world_register(w, 100000 + i);
	assert_true(api_is_idle(w->api));
	world_run(w, read_to_the_end, &r);
	assert_true(r.len > 16);
	close(r.fd);
}

static void the_end_of_the_api_ends_streams(void **state)
{
	struct world *w = *state;
	struct reader r = { .fd = connect_to(w->socket) };

	assert_int_equal(write(r.fd, raw_request, sizeof(raw_request) - 1),
			 sizeof(raw_request) - 1);
	world_run(w, read_some, &r);
	w->api = api_free(w->api);
	world_run(w, read_to_the_end, &r);
	close(r.fd);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(tcp_wants_the_token),
		WORLD_TEST(other_origins_may_use_the_paths_of_oakestra),
		WORLD_TEST(health_is_public_and_the_socket_open),
		WORLD_TEST(tcp_checks_the_type_and_takes_any_name),
		WORLD_TEST(unknown_paths_and_methods),
		WORLD_TEST(turns_of_the_loop_are_told),
		WORLD_TEST(applies_scales_and_deletes),
		WORLD_TEST(what_is_refused_is_told),
		WORLD_TEST(a_body_that_is_too_large_is_refused),
		WORLD_TEST(down_is_the_daemons),
		WORLD_TEST(logs_are_streamed_as_text),
		WORLD_TEST(a_log_is_followed_until_the_reader_leaves),
		WORLD_TEST(events_are_resumed),
		WORLD_TEST(an_old_revision_means_listing_anew),
		WORLD_TEST(what_is_gone_is_told),
		WORLD_TEST(a_reader_that_does_not_read_is_dropped),
		WORLD_TEST(the_end_of_the_api_ends_streams),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
