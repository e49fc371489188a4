/* Booting and crashing the server, playing nodes, keeping what it says. */
#include "kit.h"

#define BEAT_MS 5000

int kit_setup(void **state)
{
	struct kit *kit = NEW(struct kit);

	kit->disk = store_mem_new();
	kit->config = (struct server_config){
		.store = &store_mem,
		.store_where = store_mem_where(kit->disk),
		.namespace_pool = "10.18.0.0-10.29.255.255",
		.service_pool = "10.30.0.0/16",
		.own_port = 10000,
	};
	kit_boot(kit);
	*state = kit;
	return 0;
}

int kit_teardown(void **state)
{
	struct kit *kit = *state;

	kit_crash(kit);
	kit_forget(kit);
	json_free(kit->plan);
	strv_fini(&kit->beating);
	store_mem_free(kit->disk);
	free(kit);
	return 0;
}

static void on_message(void *arg, const char *topic, const char *payload, size_t len)
{
	struct kit *kit = arg;
	struct kit_message message = { .topic = xstrdup(topic + strlen("nodes/") + ID_LEN + 1) };
	struct err err = { 0 };

	assert_true(bus_topic_level(topic, 1, message.node_id, sizeof(message.node_id)));
	if (json_parse(payload, len, &message.json, &err) < 0)
		fail_msg("%s: %s", topic, err.msg);
	*ARRAY_ADD(kit->messages, kit->n_messages) = message;
}

static void on_beat(void *arg)
{
	struct kit *kit = arg;

	for (size_t i = 0; i < kit->beating.n; i++)
		kit_say(kit, kit->beating.items[i], "jobs/resources", "{\"services\":[]}");
	timer_start(kit->loop, BEAT_MS, on_beat, kit);
}

static void nothing(void *arg)
{
}

void kit_boot(struct kit *kit)
{
	struct err err = { 0 };

	kit->loop = loop_sim_new(++kit->n_boots);
	/* Later than the one before. */
	timer_start(kit->loop, kit->n_boots * KIT_BOOT_MS, nothing, NULL);
	loop_sim_run(kit->loop, kit->n_boots * KIT_BOOT_MS);
	kit->bus = bus_local_new(kit->loop);
	kit->config.loop = kit->loop;
	kit->config.bus = kit->bus;
	bus_subscribe(kit->bus, "nodes/+/control/+", on_message, kit);
	bus_subscribe(kit->bus, "nodes/+/net/table", on_message, kit);
	kit->server = server_new(&kit->config, &err);
	if (!kit->server)
		fail_msg("%s", err.msg);
	timer_start(kit->loop, BEAT_MS, on_beat, kit);
}

void kit_crash(struct kit *kit)
{
	if (!kit->loop)
		return;
	kit->bus = bus_free(kit->bus);
	kit->loop = loop_free(kit->loop);
	kit->server = server_free(kit->server);
}

void kit_run(struct kit *kit, uint64_t for_ms)
{
	loop_sim_run(kit->loop, loop_now_ms(kit->loop) + for_ms);
}

void kit_say(struct kit *kit, const char *node_id, const char *what, const char *payload)
{
	auto_free char *topic = xasprintf("nodes/%s/%s", node_id, what);

	assert_int_equal(bus_publish(kit->bus, topic, payload, strlen(payload)), 0);
}

void kit_register(struct kit *kit, const char *node_id, uint64_t memory_mib)
{
	auto_free char *payload =
		xasprintf("{\"id\":\"%s\",\"host\":\"host-%.1s\",\"ip\":\"10.99.0.1\","
			  "\"architecture\":\"amd64\",\"vcpus\":8,\"memory_mib\":%lu,"
			  "\"virtualization\":[\"docker\"],\"version\":\"1\"}",
			  node_id, node_id, memory_mib);

	kit_say(kit, node_id, "register", payload);
	if (!strv_has(&kit->beating, node_id))
		strv_add(&kit->beating, node_id);
	kit_run(kit, 500);
}

void kit_report(struct kit *kit, const char *node_id, const char *instance_id,
		enum instance_state state, const char *detail)
{
	struct instance_status status = { .state = state, .incarnation = 1, .generation = 1 };

	STR_COPY(status.instance_id, instance_id);
	STR_COPY(status.detail, detail);
	status.is_ready = state == STATE_RUNNING;
	STR_COPY(status.namespace_ip, "10.18.0.2");
	auto_free char *payload = fields_format(&instance_status_table, &status);
	kit_say(kit, node_id, "job", payload);
	kit_run(kit, 500);
}

static void on_answer(void *arg, const struct plan_view *plan, const struct err *err)
{
	struct kit *kit = arg;
	struct err ignored;

	assert_false(kit->is_answered);
	kit->is_answered = true;
	kit->err = *err;
	kit->plan = json_free(kit->plan);
	assert_int_equal(!plan, err->code != 0);
	if (!plan)
		return;
	auto_free char *text = fields_format(&plan_view_table, plan);
	assert_int_equal(json_parse(text, strlen(text), &kit->plan, &ignored), 0);
}

static int wait_answer(struct kit *kit)
{
	while (!kit->is_answered && loop_sim_step(kit->loop))
		continue;
	assert_true(kit->is_answered);
	kit_run(kit, 200);
	return kit->err.code;
}

static int apply(struct kit *kit, const char *descriptor, bool is_dry_run)
{
	struct sla sla = { 0 };
	auto_strv struct strv warnings = { 0 };
	struct err err = { 0 };

	if (sla_parse(descriptor, strlen(descriptor), &sla, &warnings, &err) < 0)
		fail_msg("%s", err.msg);
	const struct server_apply request = { .take_sla = &sla, .is_dry_run = is_dry_run };
	kit->is_answered = false;
	server_apply_begin(kit->server, &request, on_answer, kit);
	return wait_answer(kit);
}

int kit_apply(struct kit *kit, const char *descriptor)
{
	return apply(kit, descriptor, false);
}

int kit_plan(struct kit *kit, const char *descriptor)
{
	return apply(kit, descriptor, true);
}

void kit_must_apply(struct kit *kit, const char *descriptor)
{
	if (kit_apply(kit, descriptor) < 0)
		fail_msg("%s", kit->err.msg);
}

int kit_scale(struct kit *kit, const char *service, uint32_t replicas)
{
	kit->is_answered = false;
	server_scale_begin(kit->server, service, replicas, on_answer, kit);
	return wait_answer(kit);
}

int kit_restart(struct kit *kit, const char *name)
{
	kit->is_answered = false;
	server_restart_begin(kit->server, &(struct server_restart){ name, false }, on_answer, kit);
	return wait_answer(kit);
}

int kit_restart_plan(struct kit *kit, const char *name)
{
	kit->is_answered = false;
	server_restart_begin(kit->server, &(struct server_restart){ name, true }, on_answer, kit);
	return wait_answer(kit);
}

int kit_pause(struct kit *kit, const char *name, bool is_paused)
{
	kit->is_answered = false;
	server_pause_begin(kit->server, &(struct server_pause){ name, is_paused }, on_answer, kit);
	return wait_answer(kit);
}

int kit_cordon(struct kit *kit, const char *node, bool is_cordoned)
{
	kit->is_answered = false;
	server_cordon_begin(kit->server, &(struct server_cordon){ node, is_cordoned }, on_answer,
			    kit);
	return wait_answer(kit);
}

int kit_delete(struct kit *kit, const char *app)
{
	kit->is_answered = false;
	server_delete_app_begin(kit->server, app, on_answer, kit);
	return wait_answer(kit);
}

char *kit_actions(const struct kit *kit)
{
	const struct json *items = json_get(kit->plan, "items");
	auto_buf struct buf out;

	buf_init(&out, 1 << 16);
	for (size_t i = 0; i < json_count(items); i++) {
		const struct json *item = json_at(items, i);

		buf_addf(&out, "%s%s %s %s", i ? ", " : "", json_get_str(item, "action"),
			 json_get_str(item, "kind"), json_get_str(item, "name"));
	}
	return buf_take(&out);
}

static bool fits(const struct kit_message *m, const char *node_id, const char *topic)
{
	return str_eq(m->node_id, node_id) && str_eq(m->topic, topic);
}

size_t kit_count(const struct kit *kit, const char *node_id, const char *topic)
{
	size_t n = 0;

	for (size_t i = 0; i < kit->n_messages; i++)
		n += fits(&kit->messages[i], node_id, topic);
	return n;
}

const struct json *kit_last(const struct kit *kit, const char *node_id, const char *topic)
{
	const struct json *found = NULL;

	for (size_t i = 0; i < kit->n_messages; i++)
		if (fits(&kit->messages[i], node_id, topic))
			found = kit->messages[i].json;
	return found;
}

void kit_forget(struct kit *kit)
{
	for (size_t i = 0; i < kit->n_messages; i++) {
		free(kit->messages[i].topic);
		json_free(kit->messages[i].json);
	}
	free(TAKE(kit->messages));
	kit->n_messages = 0;
}

struct json *kit_list(struct kit *kit, const char *what)
{
	auto_free char *text =
		str_eq(what, "apps")
			? server_list_text(server_list_begin(kit->server, SERVER_APPS, NULL))
		: str_eq(what, "services")
			? server_list_text(server_list_begin(kit->server, SERVER_SERVICES, NULL))
		: str_eq(what, "instances")
			? server_list_text(server_list_begin(kit->server, SERVER_INSTANCES, NULL))
			: server_list_text(server_list_begin(kit->server, SERVER_NODES, NULL));
	struct json *json = NULL;
	struct err err;

	assert_int_equal(json_parse(text, strlen(text), &json, &err), 0);
	return json;
}

size_t kit_n(struct kit *kit, const char *what)
{
	auto_(json_free) struct json *list = kit_list(kit, what);

	return json_count(list);
}

static char *name_of(const struct json *view, const char *what)
{
	if (!str_eq(what, "instances"))
		return xstrdup(json_get_str(view, str_eq(what, "nodes") ? "id" : "name"));
	const char *service = json_get_str(view, "service");

	return xasprintf("%.*s.%ld", (int)strcspn(service, "."), service,
			 json_get_int(view, "number", -1));
}

char *kit_value(struct kit *kit, const char *what, const char *name, const char *member)
{
	auto_(json_free) struct json *list = kit_list(kit, what);

	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *view = json_at(list, i);
		auto_free char *its_name = name_of(view, what);
		const struct json *value = json_get(view, member);

		if (str_eq(its_name, name) && value)
			return json_is_string(value) ? xstrdup(json_str(value))
						     : json_format(value);
	}
	return NULL;
}

int64_t kit_number(struct kit *kit, const char *what, const char *name, const char *member)
{
	auto_free char *text = kit_value(kit, what, name, member);
	uint64_t number = 0;

	if (!text || parse_u64(text, 0, INT64_MAX, &number) < 0)
		fail_msg("%s %s: %s is %s", what, name, member, text ? text : "missing");
	return (int64_t)number;
}
