/* Building the world, and the node in it. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/document/document.h"
#include "api/private.h"
#include "api/world.h"
#include "base/base.h"
#include "json/document_check.h"
#include "model/message.h"

#define DEADLINE_MS 20000

const char world_descriptor[] =
	"{\"sla_version\":\"v2.0\",\"customerID\":\"Admin\",\"applications\":[{"
	"\"applicationID\":\"\",\"application_name\":\"hybrid\",\"application_namespace\":\"demo\","
	"\"application_desc\":\"\",\"microservices\":["
	"{\"microserviceID\":\"\",\"microservice_name\":\"web\",\"microservice_namespace\":\"demo\","
	"\"virtualization\":\"container\",\"code\":\"registry.example/web:1\",\"memory\":64,"
	"\"port\":\"8080:80\"},"
	"{\"microserviceID\":\"\",\"microservice_name\":\"client\","
	"\"microservice_namespace\":\"demo\",\"virtualization\":\"container\","
	"\"code\":\"registry.example/client:1\",\"memory\":32}]}]}";

static void publish(struct world *w, const char *what, char *take_payload)
{
	auto_free char *topic = xasprintf("nodes/" WORLD_NODE "/%s", what);

	assert_int_equal(bus_publish(w->bus, topic, take_payload, strlen(take_payload)), 0);
	free(take_payload);
}

static void report(struct world *w, const char *id, uint32_t generation, enum instance_state state)
{
	struct instance_status status = { .state = state, .incarnation = 1 };

	STR_COPY(status.instance_id, id);
	if (state == w->node_state)
		STR_COPY(status.detail, w->node_detail);
	if (state == STATE_UNDEPLOYED)
		STR_COPY(status.detail, "removed");
	if (state == STATE_RUNNING) {
		status.generation = generation;
		status.is_ready = true;
		STR_COPY(status.namespace_ip, "10.18.0.2");
	}
	publish(w, "job", fields_format(&instance_status_table, &status));
}

void world_report(struct world *w, enum instance_state state)
{
	auto_free char *text =
		server_list_text(server_list_begin(w->server, SERVER_INSTANCES, NULL));
	auto_(json_free) struct json *list = NULL;
	struct err err;

	assert_int_equal(json_parse(text, strlen(text), &list, &err), 0);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *view = json_at(list, i);

		report(w, json_get_str(view, "id"),
		       (uint32_t)json_get_int(view, "wished_generation", 0), state);
	}
}

static void on_control(void *arg, const char *topic, const char *payload, size_t len)
{
	struct world *w = arg;
	struct msg_deploy deploy = { 0 };
	struct msg_delete del = { 0 };
	struct err err;

	if (str_ends(topic, "/deploy")) {
		assert_int_equal(fields_parse_text(&msg_deploy_table, payload, &deploy,
						   FIELD_UNKNOWN_ERROR, &err),
				 0);
		report(w, deploy.instance_id, deploy.generation, STATE_CREATING);
		report(w, deploy.instance_id, deploy.generation, w->node_state);
		fields_fini(&msg_deploy_table, &deploy);
	} else if (str_ends(topic, "/delete")) {
		assert_int_equal(fields_parse_text(&msg_delete_table, payload, &del,
						   FIELD_UNKNOWN_ERROR, &err),
				 0);
		report(w, del.instance_id, 0, STATE_UNDEPLOYED);
	}
}

static void on_node_event(void *arg, const struct server_event *event)
{
	struct world *w = arg;

	if (str_eq(event->kind, "node"))
		loop_stop(w->loop);
}

void world_register(struct world *w, size_t problem_len)
{
	auto_free char *problem = xcalloc(1, problem_len + 1);
	char *runtimes[] = { (char *)(uintptr_t) "docker", (char *)(uintptr_t) "unikernel", NULL };
	char *problems[] = { problem, NULL };
	struct node node = {
		.hostname = (char *)(uintptr_t) "edge-1",
		.address = (char *)(uintptr_t) "10.99.0.1",
		.arch = (char *)(uintptr_t) "amd64",
		.version = (char *)(uintptr_t) "1",
		.cpus = 4,
		.memory_mib = 4096,
		.virtualization = { runtimes, 2 },
		.problems = { problems, problem_len ? 1 : 0 },
	};

	memset(problem, 'x', problem_len);
	STR_COPY(node.id, WORLD_NODE);
	struct server_watch *watch = server_watch_begin(w->server, 0, on_node_event, w);
	publish(w, "register", fields_format(&node_table, &node));
	loop_run(w->loop);
	server_watch_end(w->server, watch);
}

static void down(void *arg, bool is_purge, api_done_fn done, void *done_arg)
{
	struct world *w = arg;
	struct err none = { 0 };

	w->n_downs++;
	w->is_purged = is_purge;
	done(done_arg, &none);
}

static void on_deadline(void *arg)
{
	fail_msg("nothing more happened for %d ms", DEADLINE_MS);
}

static void boot_api(struct world *w)
{
	struct err err = { 0 };
	const struct api_config api = {
		.loop = w->loop,
		.server = w->server,
		.streams = w->hub,
		.address = "127.0.0.1",
		.socket = w->socket,
		.token = WORLD_TOKEN,
		.version = "1.2.3",
		.down = down,
		.arg = w,
	};
	w->api = api_new(&api, &err);
	if (!w->api)
		fail_msg("%s", err.msg);
	assert_int_not_equal(api_port(w->api), 0);
}

void world_restart_api(struct world *w)
{
	api_free(w->api);
	boot_api(w);
}

static void boot(struct world *w)
{
	struct err err = { 0 };
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
	if (!w->server)
		fail_msg("%s", err.msg);
	boot_api(w);
}

void world_init(struct world *w)
{
	*w = (struct world){ .node_state = STATE_RUNNING, .node_detail = "" };
	STR_COPY(w->dir, "/tmp/holm-api-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->socket = path_join(w->dir, "holm.sock");
	w->key = path_join(w->dir, "secrets.key");
	const char *keys = getenv(WORLD_KEYS);
	w->keys = keys ? xstrdup(keys) : path_join(w->dir, "keys");
	w->loop = loop_new();
	w->bus = bus_local_new(w->loop);
	w->disk = store_mem_new();
	w->hub = stream_hub_new();
	boot(w);
	bus_subscribe(w->bus, "nodes/+/control/#", on_control, w);
	world_register(w, 0);
}

void world_fini(struct world *w)
{
	struct err err;

	api_free(w->api);
	bus_free(w->bus);
	loop_free(w->loop);
	server_free(w->server);
	stream_hub_free(w->hub);
	store_mem_free(w->disk);
	json_free(w->document);
	free(w->socket);
	free(w->key);
	free(w->keys);
	path_remove(w->dir, &err);
}

static void stop(void *arg)
{
	loop_stop(arg);
}

void world_turn(struct world *w)
{
	loop_post(w->loop, stop, w->loop);
	loop_run(w->loop);
}

struct thread {
	struct world *world;
	void (*fn)(void *arg);
	void *arg;
};

static void *thread_main(void *arg)
{
	struct thread *t = arg;

	t->fn(t->arg);
	loop_post_from_thread(t->world->loop, stop, t->world->loop);
	return NULL;
}

void world_run(struct world *w, void (*fn)(void *arg), void *arg)
{
	struct thread t = { w, fn, arg };
	struct timer *deadline = timer_start(w->loop, DEADLINE_MS, on_deadline, w);
	pthread_t id;

	assert_int_equal(pthread_create(&id, NULL, thread_main, &t), 0);
	loop_run(w->loop);
	pthread_join(id, NULL);
	timer_cancel(deadline);
}

static void perform(void *arg)
{
	struct ask *ask = arg;
	struct world *w = ask->world;
	auto_free char *url = xasprintf("http://127.0.0.1:%u%s", api_port(w->api), ask->path);
	auto_strv struct strv headers = { 0 };
	const struct http_client_request request = {
		.method = ask->method,
		.url = url,
		.unix_path = ask->is_tcp ? NULL : w->socket,
		.bearer = ask->has_token ? WORLD_TOKEN : ask->bearer,
		.headers = &headers,
		.body = ask->body,
		.body_len = ask->body ? strlen(ask->body) : 0,
		.sink = ask->sink,
		.sink_arg = ask->sink_arg,
	};

	if (ask->body && !str_starts(ask->header ? ask->header : "", "Content-Type:"))
		strv_add(&headers, "Content-Type: application/json");
	if (ask->header)
		strv_add(&headers, ask->header);
	ask->result = http_client_perform(&request, &ask->response, &ask->err);
}

void ask_fini(struct ask *ask)
{
	http_client_response_fini(&ask->response);
}

void world_perform(struct world *w, struct ask *ask)
{
	ask_fini(ask);
	ask->response = (struct http_client_response){ 0 };
	ask->world = w;
	world_run(w, perform, ask);
}

/* Path of the route in the table that the request goes to, NULL if there is none; the caller's. */
static char *path_of_route(const char *method, const char *path)
{
	auto_free char *plain = xstrndup(path, strcspn(path, "?"));
	size_t len = strlen(plain);
	struct route_match match;

	if (len > 1 && plain[len - 1] == '/')
		plain[len - 1] = '\0';
	return route_find(api_groups, method, plain, &match) == 0 ? xstrdup(match.route->path)
								  : NULL;
}

/* The schema that the document has for such an answer, NULL if it has none. */
static const struct json *schema_of(struct world *w, const char *method, const char *path,
				    unsigned status)
{
	const struct json *operation = json_get(json_get(w->document, "paths"), path);
	const struct json *answers;
	char code[16];
	char key[16] = "";

	for (size_t i = 0; method[i] && i + 1 < sizeof(key); i++)
		key[i] = (char)(method[i] | 0x20);
	snprintf(code, sizeof(code), "%u", status);
	answers = json_get(json_get(operation, key), "responses");
	const struct json *answer = json_get(answers, code);
	answer = json_get(answer || status < 400 ? answer : json_get(answers, "default"),
			  "content");
	return json_get(json_get(answer, "application/json"), "schema");
}

/* Whatever a test asks for, what comes is as the document says. */
static void check_answer(struct world *w, const struct ask *ask)
{
	const char *method = ask->method ? ask->method : "GET";
	const char *type = http_client_header(&ask->response, "Content-Type");
	auto_free char *path = path_of_route(method, ask->path);
	auto_(json_free) struct json *answer = NULL;
	struct err err;

	if (!path || ask->is_made_up || !ask->response.body || !str_eq(type, "application/json"))
		return;
	if (!w->document) {
		auto_free char *text = document_openapi(api_groups, "1");

		assert_int_equal(json_parse(text, strlen(text), &w->document, &err), 0);
	}
	const struct json *schema = schema_of(w, method, path, ask->response.status);
	if (!schema)
		fail_msg("%s %s: status %u is not in the document", method, path,
			 ask->response.status);
	assert_int_equal(json_parse(ask->response.body, ask->response.body_len, &answer, &err), 0);
	if (document_check(w->document, schema, answer, &err) < 0)
		fail_msg("%s %s: the answer is not what the document says: %s", method, path,
			 err.msg);
}

void world_ask(struct world *w, struct ask *ask, unsigned status)
{
	const char *method = ask->method ? ask->method : "GET";

	world_perform(w, ask);
	if (ask->result < 0)
		fail_msg("%s %s: %s", method, ask->path, ask->err.msg);
	if (ask->response.status != status)
		fail_msg("%s %s: status %u, expected %u: %s", method, ask->path,
			 ask->response.status, status,
			 ask->response.body ? ask->response.body : "");
	check_answer(w, ask);
}

int world_set_up(void **state)
{
	struct world *world = NEW(struct world);

	world_init(world);
	*state = world;
	return 0;
}

int world_tear_down(void **state)
{
	world_fini(*state);
	free(*state);
	return 0;
}
