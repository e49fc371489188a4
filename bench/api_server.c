/* A server with many services whose instances all run and have histories, on a node that there is not:
 * what `bench/run api` asks.
 *
 *   api_server SERVICES REPLICAS POINTS TOKEN
 *
 * SERVICES in applications of a hundred, REPLICAS instances each, POINTS measurements of every
 * instance. Prints the port of its API on 127.0.0.1, and ends with its input. */
#include <stdio.h>
#include <unistd.h>

#include "api/api.h"
#include "json/json.h"
#include "loop/loop.h"
#include "model/message.h"

#define NODE         "0123456789abcdef01234567"
#define END_TOPIC    "bench/end"
#define AN_APP       100
#define BEAT_MS      5000
#define TEXT_MAX     ((size_t)64 << 20)
#define MEASURE_MS   10000 /* between two measurements, as the node says */
#define CPU_NS       31415927
#define MEMORY_BYTES (3014ul * 4096)

struct bench {
	struct loop *loop;
	struct bus *bus;
	struct server *server;
	uint32_t n_services, n_replicas, n_points;
	uint32_t n_applied;
	uint32_t n_running;
	const char *token;
};

static void check(int result, const struct err *err)
{
	if (result >= 0 && !err->code)
		return;
	fprintf(stderr, "api_server: %s\n", err->msg);
	exit(1);
}

static void publish(struct bench *b, const char *what, const char *payload)
{
	auto_free char *topic = xasprintf("nodes/" NODE "/%s", what);

	bus_publish(b->bus, topic, payload, strlen(payload));
}

static void on_beat(void *arg)
{
	struct bench *b = arg;

	publish(b, "jobs/resources", "{\"services\":[]}");
	timer_start(b->loop, BEAT_MS, on_beat, b);
}

/* One application. */
static char *describe(const struct bench *b, uint32_t from, uint32_t to)
{
	auto_buf struct buf text;

	buf_init(&text, TEXT_MAX);
	buf_addf(
		&text,
		"{\"sla_version\":\"v2.0\",\"customerID\":\"Admin\",\"applications\":[{"
		"\"applicationID\":\"\",\"application_name\":\"app%u\","
		"\"application_namespace\":\"bench\",\"application_desc\":\"\",\"microservices\":[",
		from / AN_APP);
	for (uint32_t i = from; i < to; i++)
		buf_addf(&text,
			 "%s{\"microserviceID\":\"\",\"microservice_name\":\"s%u\","
			 "\"microservice_namespace\":\"bench\",\"virtualization\":\"container\","
			 "\"code\":\"registry.example/web:1\",\"memory\":0,\"vcpus\":0,"
			 "\"environment\":[\"A=1\",\"B=2\"],\"cmd\":[\"/bin/serve\",\"-v\"],"
			 "\"replicas\":%u}",
			 i > from ? "," : "", i, b->n_replicas);
	buf_add_str(&text, "]}]}");
	return buf_take(&text);
}

static void apply_next(struct bench *b);

static void on_applied(void *arg, const struct plan_view *plan, const struct err *err)
{
	check(0, err);
	apply_next(arg);
}

static void apply_next(struct bench *b)
{
	struct server_apply apply = { 0 };
	struct strv warnings = { 0 };
	struct sla sla = { 0 };
	struct err err = { 0 };

	if (b->n_applied >= b->n_services)
		return;
	uint32_t to = b->n_applied + AN_APP < b->n_services ? b->n_applied + AN_APP : b->n_services;
	auto_free char *text = describe(b, b->n_applied, to);
	check(sla_parse(text, strlen(text), &sla, &warnings, &err), &err);
	b->n_applied = to;
	apply.take_sla = &sla;
	server_apply_begin(b->server, &apply, on_applied, b);
	strv_fini(&warnings);
}

/* Of the instances from `from` to `to`. */
static void measure(struct bench *b, const struct strv *ids, size_t from, size_t to, uint32_t index)
{
	auto_buf struct buf text;

	buf_init(&text, TEXT_MAX);
	buf_add_str(&text, "{\"services\":[");
	for (size_t i = from; i < to; i++)
		buf_addf(&text,
			 "%s{\"instance_id\":\"%s\",\"memory_bytes\":%lu,\"cpu_ns\":%lu,"
			 "\"incarnation\":1,\"measured_ms\":%lu}",
			 i > from ? "," : "", ids->items[i],
			 MEMORY_BYTES + 4096ul * (i * 31 + index * 17ul),
			 (unsigned long)CPU_NS * (i % 50 + 1) * (index + 1),
			 (unsigned long)MEASURE_MS * (index + 1));
	buf_add_str(&text, "]}");
	publish(b, "jobs/resources", text.data);
}

static void on_input(void *arg, unsigned events)
{
	loop_stop(arg);
}

static void serve(struct bench *b)
{
	auto_free char *text =
		server_list_text(server_list_begin(b->server, SERVER_INSTANCES, NULL));
	auto_(json_free) struct json *list = NULL;
	auto_strv struct strv ids = { 0 };
	struct err err = { 0 };

	check(json_parse(text, strlen(text), &list, &err), &err);
	for (size_t i = 0; i < json_count(list); i++)
		strv_add(&ids, json_get_str(json_at(list, i), "id"));
	for (uint32_t i = 0; i <= b->n_points && b->n_points; i++)
		for (size_t k = 0; k < ids.n; k += AN_APP)
			measure(b, &ids, k, k + AN_APP < ids.n ? k + AN_APP : ids.n, i);
	bus_publish(b->bus, END_TOPIC, "", 0);
}

/* Messages arrive in their order: all others have. */
static void on_end(void *arg, const char *topic, const char *payload, size_t len)
{
	loop_stop(arg);
}

static void on_told(void *arg, const char *topic, const char *payload, size_t len)
{
	struct instance_status status = { .state = STATE_RUNNING, .incarnation = 1, .pid = 1 };
	struct bench *b = arg;
	struct msg_deploy deploy = { 0 };
	struct err err = { 0 };

	check(fields_parse_text(&msg_deploy_table, payload, &deploy, FIELD_UNKNOWN_IGNORE, &err),
	      &err);
	STR_COPY(status.instance_id, deploy.instance_id);
	STR_COPY(status.namespace_ip, "10.18.0.2");
	status.generation = deploy.generation;
	status.is_ready = true;
	auto_free char *report = fields_format(&instance_status_table, &status);
	publish(b, "job", report);
	fields_fini(&msg_deploy_table, &deploy);
	if (++b->n_running == b->n_services * b->n_replicas)
		loop_post(b->loop, (void (*)(void *))serve, b);
}

static void on_event(void *arg, const struct server_event *event)
{
	if (str_eq(event->kind, "node"))
		loop_stop(arg);
}

static void begin_node(struct bench *b)
{
	struct server_watch *watch = server_watch_begin(b->server, 0, on_event, b->loop);

	publish(b, "register",
		"{\"id\":\"" NODE "\",\"host\":\"edge-1\",\"ip\":\"10.99.0.1\","
		"\"architecture\":\"amd64\",\"vcpus\":8,\"memory_mib\":65536,"
		"\"virtualization\":[\"docker\"],\"version\":\"1\"}");
	loop_run(b->loop);
	server_watch_end(b->server, watch);
	on_beat(b);
	bus_subscribe(b->bus, "nodes/+/control/deploy", on_told, b);
	bus_subscribe(b->bus, END_TOPIC, on_end, b->loop);
}

static void run(struct bench *b)
{
	struct stream_hub *hub = stream_hub_new();
	struct err err = { 0 };
	const struct api_config config = {
		.loop = b->loop,
		.server = b->server,
		.streams = hub,
		.address = "127.0.0.1",
		.token = b->token,
		.version = "bench",
	};

	begin_node(b);
	apply_next(b);
	loop_run(b->loop);
	struct api *api = api_new(&config, &err);
	check(api ? 0 : -1, &err);
	printf("%u\n", api_port(api));
	fflush(stdout);
	struct io *input = io_watch(b->loop, STDIN_FILENO, IO_READ, on_input, b->loop);
	loop_run(b->loop);
	io_cancel(input);
	api_free(api);
	stream_hub_free(hub);
}

int main(int argc, char **argv)
{
	struct bench b = { .loop = loop_new() };
	struct store_mem *disk = store_mem_new();
	struct err err = { 0 };

	if (argc != 5 || parse_u32(argv[1], 1, 100000, &b.n_services) < 0 ||
	    parse_u32(argv[2], 1, 1000, &b.n_replicas) < 0 ||
	    parse_u32(argv[3], 0, 1000, &b.n_points) < 0) {
		fprintf(stderr, "usage: api_server SERVICES REPLICAS POINTS TOKEN\n");
		return 2;
	}
	b.token = argv[4];
	b.bus = bus_local_new(b.loop);
	const struct server_config config = {
		.loop = b.loop,
		.bus = b.bus,
		.store = &store_mem,
		.store_where = store_mem_where(disk),
		.namespace_pool = "10.18.0.0-10.29.255.255",
		.service_pool = "10.30.0.0/16",
	};
	b.server = server_new(&config, &err);
	check(b.server ? 0 : -1, &err);
	run(&b);
	bus_free(b.bus);
	loop_free(b.loop);
	server_free(b.server);
	store_mem_free(disk);
	return 0;
}
