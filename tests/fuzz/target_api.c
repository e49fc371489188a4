/* The API with all that stands behind it: routes, bodies, accounts, the server's state, on virtual time. An
 * input is a sequence of requests to a server that is new each time:
 *
 *     WHO METHOD TARGET
 *     body, any number of lines
 *     %%
 *
 * WHO is "unix" (the machine's administrator), "node" (its token), "user" (who has logged in), or a
 * token; with a "!" before it the client leaves before it is answered. Every request is answered, once, with what
 * its type says; what is JSON by its type is JSON; and nothing is left. */
#include "api/api.h"
#include "fuzz.h"
#include "http_double.h"
#include "json/json.h"
#include "loop/loop.h"
#include "model/message.h"

#define NODE          "0123456789abcdef01234567"
#define NODE_TOKEN    "s3cret"
#define REQUESTS_MAX  24
#define PATIENCE_MS   30000 /* of virtual time, more than the API gives anything */
#define AFTERWARDS_MS 2000
#define LOGIN         "{\"username\":\"Admin\",\"password\":\"Admin\"}"

struct world {
	struct loop *loop;
	struct bus *bus;
	struct store_mem *disk;
	struct server *server;
	struct stream_hub *hub;
	struct api *api;
	char *user_token;
	char *key;
	char *keys;
};

/* Keys are made once for all worlds. */
static const char *keys_dir(void)
{
	static char dir[32];

	if (!dir[0]) {
		STR_COPY(dir, "/tmp/holm-fuzz-api.XXXXXX");
		assert(mkdtemp(dir));
	}
	return dir;
}

static void remove_keys(void)
{
	struct err err;

	path_remove(keys_dir(), &err);
}

/* The node: what it is told to run runs, and what it is asked has an answer of one line. */

static void publish(struct world *w, const char *what, char *take_payload)
{
	auto_free char *topic = xasprintf("nodes/" NODE "/%s", what);

	bus_publish(w->bus, topic, take_payload, strlen(take_payload));
	free(take_payload);
}

static void report(struct world *w, const char *id, uint32_t generation, enum instance_state state)
{
	struct instance_status status = { .state = state, .incarnation = 1 };

	STR_COPY(status.instance_id, id);
	STR_COPY(status.detail, state == STATE_UNDEPLOYED ? "removed" : "");
	status.generation = generation;
	status.is_ready = state == STATE_RUNNING;
	STR_COPY(status.namespace_ip, state == STATE_RUNNING ? "10.18.0.2" : "");
	publish(w, "job", fields_format(&instance_status_table, &status));
}

static void on_control(void *arg, const char *topic, const char *payload, size_t len)
{
	struct world *w = arg;
	struct msg_deploy deploy = { 0 };
	struct msg_delete del = { 0 };
	struct err err;
	int r = 0;

	if (str_ends(topic, "/deploy")) {
		r = fields_parse_text(&msg_deploy_table, payload, &deploy, FIELD_UNKNOWN_ERROR,
				      &err);
		assert(r == 0);
		report(w, deploy.instance_id, deploy.generation, STATE_CREATING);
		report(w, deploy.instance_id, deploy.generation, STATE_RUNNING);
		fields_fini(&msg_deploy_table, &deploy);
	} else if (str_ends(topic, "/delete")) {
		r = fields_parse_text(&msg_delete_table, payload, &del, FIELD_UNKNOWN_ERROR, &err);
		assert(r == 0);
		report(w, del.instance_id, 0, STATE_UNDEPLOYED);
	}
}

struct served {
	struct world *world;
	struct stream *stream; /* NULL: the reader has gone */
};

static void on_reader_gone(void *arg)
{
	struct served *served = arg;

	served->stream = NULL;
}

static void serve_later(void *arg)
{
	static const char line[] = "{\"a\":1}\n";
	struct served *served = arg;
	const struct err none = { 0 };

	if (served->stream)
		stream_send(served->stream, line, sizeof(line) - 1);
	if (served->stream)
		stream_end(served->stream, &none);
	free(served);
}

static void on_stream(void *arg, struct stream *stream, const char *request)
{
	struct served *served = NEW(struct served);
	struct world *w = arg;

	*served = (struct served){ w, stream };
	stream_serve(stream, on_reader_gone, served);
	loop_post(w->loop, serve_later, served);
}

static void register_node(struct world *w)
{
	char *runtimes[] = { (char *)(uintptr_t) "docker", (char *)(uintptr_t) "unikernel", NULL };
	struct node node = {
		.hostname = (char *)(uintptr_t) "edge-1",
		.address = (char *)(uintptr_t) "10.99.0.1",
		.arch = (char *)(uintptr_t) "amd64",
		.version = (char *)(uintptr_t) "1",
		.cpus = 4,
		.memory_mib = 4096,
		.virtualization = { runtimes, 2 },
	};

	STR_COPY(node.id, NODE);
	bus_subscribe(w->bus, "nodes/+/control/#", on_control, w);
	stream_hub_register(w->hub, NODE, on_stream, w);
	publish(w, "register", fields_format(&node_table, &node));
}

static void down(void *arg, bool is_purge, api_done_fn done, void *done_arg)
{
	const struct err none = { 0 };

	done(done_arg, &none);
}

static void run_for(struct world *w, uint64_t ms)
{
	loop_sim_run(w->loop, loop_now_ms(w->loop) + ms);
}

static void world_init(struct world *w)
{
	struct err err = { 0 };

	*w = (struct world){ 0 };
	w->key = path_join(keys_dir(), "secrets.key");
	w->keys = path_join(keys_dir(), "keys");
	w->loop = loop_sim_new(1);
	w->bus = bus_local_new(w->loop);
	w->disk = store_mem_new();
	w->hub = stream_hub_new();
	const struct server_config server = {
		.loop = w->loop,
		.bus = w->bus,
		.store = &store_mem,
		.store_where = store_mem_where(w->disk),
		.namespace_pool = "10.18.0.0-10.29.255.255",
		.service_pool = "10.30.0.0/16",
		.key_path = w->key,
		.keys_dir = w->keys,
	};
	w->server = server_new(&server, &err);
	assert(w->server);
	const struct api_config api = {
		.loop = w->loop,
		.server = w->server,
		.streams = w->hub,
		.address = "127.0.0.1",
		.socket = "/nowhere",
		.token = NODE_TOKEN,
		.version = "1",
		.down = down,
		.arg = w,
	};
	w->api = api_new(&api, &err);
	assert(w->api);
	register_node(w);
	run_for(w, AFTERWARDS_MS);
}

static void world_fini(struct world *w)
{
	api_free(w->api);
	bus_free(w->bus);
	loop_free(w->loop);
	server_free(w->server);
	stream_hub_free(w->hub);
	store_mem_free(w->disk);
	free(w->user_token);
	free(w->key);
	free(w->keys);
}

/* Asking */

static bool is_json(const struct http_request *http)
{
	auto_(json_free) struct json *json = NULL;
	const char *text = double_answer(http);
	struct err err;

	return json_parse(text, strlen(text), &json, &err) == 0;
}

static void check_answer(const struct http_request *http)
{
	assert(double_is_done(http) && double_status(http));
	if (str_eq(double_type(http), "application/json") && !is_json(http)) {
		fprintf(stderr, "no JSON: %s\n", double_answer(http));
		abort();
	}
}

/* Until it is answered; who follows something leaves then. */
static void await(struct world *w, struct http_request *http, bool is_hasty, const char *body,
		  size_t body_len)
{
	if (is_hasty)
		double_leave(http);
	for (uint64_t ms = 1; !double_is_done(http) && ms < PATIENCE_MS; ms *= 4) {
		double_send(http, body, body_len);
		run_for(w, ms);
	}
	double_leave(http);
	run_for(w, AFTERWARDS_MS);
	check_answer(http);
}

static void add_headers(struct strv *headers, const char *token)
{
	static const char *const always[] = {
		"Host",    "127.0.0.1:10000", "Content-Type", "application/json",
		"Upgrade", API_UPGRADE,
	};

	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		strv_add(headers, always[i]);
	if (!token)
		return;
	strv_add(headers, "Authorization");
	strv_addf(headers, "Bearer %s", token);
}

/* By the name and password that everybody knows, from this machine. */
static void log_in(struct world *w)
{
	auto_strv struct strv headers = { 0 };
	auto_(json_free) struct json *json = NULL;
	const struct double_request ask = { "POST", "/api/auth/login", &headers,
					    LOGIN,  strlen(LOGIN),     false };
	struct err err;

	add_headers(&headers, NULL);
	struct http_request *http = double_ask(&ask);
	await(w, http, false, NULL, 0);
	const char *text = double_answer(http);
	int r = json_parse(text, strlen(text), &json, &err);
	assert(r == 0);
	w->user_token = xstrdup(json_get_str(json, "token"));
	assert(w->user_token);
	double_free(http);
}

static const char *token_of(struct world *w, const char *who)
{
	if (str_eq(who, "unix") || str_eq(who, "nobody"))
		return NULL;
	if (str_eq(who, "node"))
		return NODE_TOKEN;
	if (!str_eq(who, "user"))
		return who;
	if (!w->user_token)
		log_in(w);
	return w->user_token;
}

static void ask(struct world *w, const struct strv *words, const char *body, size_t body_len)
{
	auto_strv struct strv headers = { 0 };
	const char *who = words->items[0];
	bool is_hasty = *who == '!';

	who += is_hasty;
	add_headers(&headers, token_of(w, who));
	const struct double_request request = {
		.method = words->items[1],
		.target = words->items[2],
		.headers = &headers,
		.body = body,
		.body_len = body_len,
		.is_unix = str_eq(who, "unix"),
	};
	struct http_request *http = double_ask(&request);
	if (!http)
		return;
	await(w, http, is_hasty, body, body_len);
	double_free(http);
	assert(api_is_idle(w->api));
}

/* Up to the line "%%". */
static struct fuzz_input take_body(struct fuzz_input *in)
{
	struct fuzz_input body = { in->data, 0 };

	while (in->len) {
		struct fuzz_input line = fuzz_line(in);

		if (line.len == 2 && memcmp(line.data, "%%", 2) == 0)
			break;
		body.len = (size_t)(line.data + line.len - body.data);
	}
	return body;
}

/* What a path and a token may hold, which the HTTP server sees to. */
static bool is_plain(const char *text)
{
	for (const char *c = text; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			return false;
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
	static bool is_begun;
	struct fuzz_input in = fuzz_input_of(data, len);
	struct world world;

	if (!is_begun)
		atexit(remove_keys);
	is_begun = true;
	world_init(&world);
	for (int i = 0; i < REQUESTS_MAX && in.len; i++) {
		struct fuzz_input line = fuzz_line(&in);
		auto_free char *text = fuzz_text(&line);
		struct fuzz_input rest = take_body(&in);
		auto_free char *body = xcalloc(1, rest.len + 1);
		auto_strv struct strv words = { 0 };

		memcpy(body, rest.len ? rest.data : "", rest.len);
		strv_split(&words, text, " ");
		if (words.n == 3 && is_plain(text))
			ask(&world, &words, body, rest.len);
	}
	world_fini(&world);
	return 0;
}
