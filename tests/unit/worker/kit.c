/* Booting and crashing the worker, and its server's part of the talk. */
#include "kit.h"

#define PROBE_MS 3

static struct kit *the_kit; /* probes are given no argument of ours */

int kit_setup(void **state)
{
	struct kit *kit = NEW(struct kit);

	the_kit = kit;
	kit->host = fake_host_new();
	kit->disk = store_mem_new();
	kit->network = fake_network_new();
	kit->overlay = overlay_fake;
	STR_COPY(kit->dir, "/tmp/holm-test-worker.XXXXXX");
	assert_non_null(mkdtemp(kit->dir));
	snprintf(kit->secrets_dir, sizeof(kit->secrets_dir), "%s/secrets", kit->dir);
	snprintf(kit->key_path, sizeof(kit->key_path), "%s/secrets.key", kit->dir);
	kit_boot(kit);
	kit_run(kit, 1000);
	*state = kit;
	return 0;
}

int kit_teardown(void **state)
{
	struct kit *kit = *state;
	struct err err = { 0 };

	kit_crash(kit);
	if (path_remove(kit->dir, &err) < 0)
		fail_msg("%s", err.msg);
	fake_network_free(kit->network);
	fake_host_free(kit->host);
	store_mem_free(kit->disk);
	fields_fini(&node_table, &kit->node);
	map_fini(&kit->ports);
	free(kit->told);
	free(kit);
	return 0;
}

static void on_job(struct kit *kit, const char *payload)
{
	struct err err = { 0 };

	if (fields_parse_text(&instance_status_table, payload, ARRAY_ADD(kit->told, kit->n_told),
			      FIELD_UNKNOWN_ERROR, &err) < 0)
		fail_msg("%s", err.msg);
}

static void on_register(struct kit *kit, const char *payload)
{
	struct node node = { 0 };
	struct err err = { 0 };

	if (fields_parse_text(&node_table, payload, &node, FIELD_UNKNOWN_ERROR, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(node.id, NODE);
	fields_fini(&node_table, &kit->node);
	kit->node = node;
	kit->n_registered++;
	if (!kit->is_deaf && kit->n_registered == 1)
		kit_accept(kit, "\"" BLOCK "\"");
}

static void on_resources(struct kit *kit, const char *payload)
{
	struct msg_resources resources = { 0 };
	struct err err = { 0 };

	if (fields_parse_text(&msg_resources_table, payload, &resources, FIELD_UNKNOWN_ERROR,
			      &err) < 0)
		fail_msg("%s", err.msg);
	kit->n_beats++;
	if (resources.n_instances)
		kit->measured = resources.instances[resources.n_instances - 1];
	fields_fini(&msg_resources_table, &resources);
}

static void on_message(void *arg, const char *topic, const char *payload, size_t len)
{
	struct kit *kit = arg;

	if (str_ends(topic, "/job"))
		on_job(kit, payload);
	if (str_ends(topic, "/jobs/resources"))
		on_resources(kit, payload);
	kit->n_asked += str_ends(topic, "/net/subnet");
	if (str_ends(topic, "/register"))
		on_register(kit, payload);
}

static void on_ready(void *arg, const struct err *err)
{
	struct kit *kit = arg;

	kit->ready_err = *err;
	kit->n_ready++;
}

struct net_probe {
	struct timer *timer;
	net_probe_fn done;
	void *arg;
	struct net_probe_answer answer;
};

static void on_probed(void *arg)
{
	struct net_probe *probe = arg;

	probe->done(probe->arg, &probe->answer);
	free(probe);
}

static struct net_probe *prober_begin(struct loop *loop, const struct net_probe_target *target,
				      net_probe_fn done, void *arg)
{
	struct net_probe *probe = NEW(struct net_probe);
	char ip[IPV4_STR_MAX];
	auto_free char *address = xasprintf("%s:%u", format_ipv4(target->ip, ip), target->port);
	unsigned status = (unsigned)(uintptr_t)map_find(&the_kit->ports, address);

	the_kit->n_asked_by_probes++;
	probe->done = done;
	probe->arg = arg;
	if (status == KIT_CLOSED)
		err_set(&probe->answer.err, -ECONNREFUSED, "connect: Connection refused");
	else if (status == KIT_SILENT)
		err_set(&probe->answer.err, -ETIMEDOUT, "no answer within 1.0 s");
	else if (target->request)
		probe->answer.status = status;
	probe->timer = timer_start(loop, status == KIT_SILENT ? target->timeout_ms : PROBE_MS,
				   on_probed, probe);
	return probe;
}

static struct net_probe *prober_free(struct net_probe *probe)
{
	free(probe);
	return NULL;
}

static struct net_probe *prober_cancel(struct net_probe *probe)
{
	if (probe)
		timer_cancel(probe->timer);
	return prober_free(probe);
}

static const struct prober prober = { prober_begin, prober_cancel, prober_free };

void kit_port(struct kit *kit, const char *address, unsigned status)
{
	map_set(&kit->ports, address, (void *)(uintptr_t)status);
}

static void nothing(void *arg)
{
}

static struct worker_config config_of(struct kit *kit)
{
	return (struct worker_config){
		.loop = kit->loop,
		.bus = kit->bus,
		.store = &store_mem,
		.store_where = store_mem_where(kit->disk),
		.prober = &prober,
		.overlay = &kit->overlay,
		.overlay_config = { .node_id = NODE,
				    .state_dir = fake_network_dir(kit->network),
				    .namespace_pool = "10.18.0.0-10.29.255.255",
				    .service_pool = "10.30.0.0/16",
				    .domain = "holm" },
		.runtimes = { { kit->driver ? kit->driver : &fake_driver,
				{ .node_id = NODE, .data_dir = fake_host_dir(kit->host) } },
			      { kit->other,
				{ .node_id = NODE, .data_dir = fake_host_dir(kit->host) } } },
		.n_runtimes = kit->other ? 2 : 1,
		.images = { .local_root = kit->dir, .store_dir = kit->dir, .archive_max = 1 << 20 },
		.image_gc_high = kit->image_gc_high,
		.image_gc_low = kit->image_gc_low,
		.streams = kit->streams,
		.data_dir = kit->dir,
		.secrets = { .root = kit->secrets_dir, .is_plain = true },
		.value_key_path = kit->key_path,
		.node_id = NODE,
		.hostname = "edge",
		.address = "10.99.0.1",
		.arch = "amd64",
		.cpus = 8,
		.memory_mib = 8192,
		.offer = kit->offer,
		.warm_mib = kit->warm_mib,
		.ready = on_ready,
		.arg = kit,
	};
}

void kit_boot(struct kit *kit)
{
	struct err err = { 0 };

	kit->loop = kit->is_real ? loop_new() : loop_sim_new(++kit->n_boots);
	if (!kit->is_real) {
		timer_start(kit->loop, kit->n_boots * KIT_BOOT_MS, nothing, NULL);
		loop_sim_run(kit->loop, kit->n_boots * KIT_BOOT_MS);
	}
	kit->bus = bus_local_new(kit->loop);
	bus_subscribe(kit->bus, "nodes/#", on_message, kit);
	kit->config = config_of(kit);
	kit->n_registered = kit->n_ready = 0;
	kit->is_down = false;
	kit->worker = worker_new(&kit->config, &err);
	if (!kit->worker)
		fail_msg("%s", err.msg);
}

void kit_crash(struct kit *kit)
{
	if (!kit->loop)
		return;
	kit->bus = bus_free(kit->bus);
	kit->loop = loop_free(kit->loop);
	kit->worker = worker_free(kit->worker);
}

void kit_run(struct kit *kit, uint64_t for_ms)
{
	loop_sim_run(kit->loop, loop_now_ms(kit->loop) + for_ms);
}

void kit_say(struct kit *kit, const char *what, const char *payload)
{
	auto_free char *topic = xasprintf("nodes/" NODE "/%s", what);

	assert_int_equal(bus_publish(kit->bus, topic, payload, strlen(payload)), 0);
}

static char *wish_json(const struct wish *wish, uint64_t revision)
{
	const char *more = wish->spec ? wish->spec : "";

	return xasprintf("{\"instance_id\":\"%s\",\"_id\":\"" OTHER "\",\"job_name\":\"a.t.web.t\","
			 "\"instance_number\":%c,\"generation\":%u,\"revision\":%lu,"
			 "\"restarts\":%u,\"is_paused\":%s,"
			 "\"RR_ip\":\"10.30.0.1\",\"instance_ip\":\"10.30.0.1%c\",\"spec\":{"
			 "\"microservice_name\":\"web\",\"microservice_namespace\":\"t\"%s%s%s}}",
			 wish->id, wish->id[0], wish->generation ? wish->generation : 1, revision,
			 wish->restarts, wish->is_paused ? "true" : "false", wish->id[0],
			 strstr(more, "virtualization") ? "" : ",\"virtualization\":\"docker\"",
			 strstr(more, "\"code\"") ? "" : ",\"code\":\"registry.example/web:1\"",
			 more);
}

void kit_deploy(struct kit *kit, const struct wish *wish)
{
	if (!wish->revision)
		kit->revision++;
	auto_free char *payload = wish_json(wish, wish->revision ? wish->revision : kit->revision);

	kit_say(kit, "control/deploy", payload);
}

void kit_delete(struct kit *kit, const char *id)
{
	auto_free char *payload = xasprintf("{\"instance_id\":\"%s\",\"revision\":%lu}", id,
					    ++kit->revision);

	kit_say(kit, "control/delete", payload);
}

void kit_sync(struct kit *kit, const struct wish *wishes, size_t n)
{
	auto_buf struct buf text;

	buf_init(&text, 1 << 20);
	buf_addf(&text, "{\"revision\":%lu,\"instance_list\":[", ++kit->revision);
	for (size_t i = 0; i < n; i++) {
		auto_free char *one = wish_json(&wishes[i], 0);

		buf_addf(&text, "%s%s", i ? "," : "", one);
	}
	buf_add_str(&text, "]}");
	kit_say(kit, "control/sync", text.data);
}

void kit_accept(struct kit *kit, const char *blocks)
{
	auto_free char *payload = xasprintf("{\"subnets\":[%s]}", blocks);

	kit_say(kit, "control/accept", payload);
}

const struct instance_status *kit_status(const struct kit *kit, const char *id)
{
	for (size_t i = kit->n_told; i > 0; i--)
		if (str_eq(kit->told[i - 1].instance_id, id))
			return &kit->told[i - 1];
	return NULL;
}

char *kit_states(const struct kit *kit, const char *id)
{
	auto_buf struct buf out;
	enum instance_state last = STATE_N;

	buf_init(&out, 1 << 16);
	for (size_t i = 0; i < kit->n_told; i++) {
		const struct instance_status *s = &kit->told[i];

		if (!str_eq(s->instance_id, id) || s->state == last)
			continue;
		last = s->state;
		buf_addf(&out, "%s%s", out.len ? " " : "", state_name(last));
	}
	return buf_take(&out);
}

bool kit_has_told(const struct kit *kit, const char *id, const char *detail_part)
{
	for (size_t i = 0; i < kit->n_told; i++)
		if (str_eq(kit->told[i].instance_id, id) &&
		    strstr(kit->told[i].detail, detail_part))
			return true;
	return false;
}

void kit_forget(struct kit *kit)
{
	free(TAKE(kit->told));
	kit->n_told = 0;
}

void kit_await(struct kit *kit, const char *id, enum instance_state state)
{
	uint64_t until_ms = loop_now_ms(kit->loop) + 3600000;

	for (;;) {
		const struct instance_status *s = kit_status(kit, id);

		if (s && s->state == state)
			return;
		if (loop_now_ms(kit->loop) > until_ms || !loop_sim_step(kit->loop))
			fail_msg("%s is %s (%s), not %s", id, s ? state_name(s->state) : "unknown",
				 s ? s->detail : "", state_name(state));
	}
}

#define LOOK_MS 2

struct look {
	struct kit *kit;
	bool (*is_met)(void *arg);
	void *arg;
	uint64_t until_ms;
};

static void on_look(void *arg)
{
	struct look *look = arg;
	struct loop *loop = look->kit->loop;

	if (look->is_met(look->arg)) {
		loop_stop(loop);
		return;
	}
	if (loop_now_ms(loop) > look->until_ms)
		fail_msg("nothing more happened for %d ms", KIT_DEADLINE_MS);
	timer_start(loop, LOOK_MS, on_look, look);
}

void kit_await_met(struct kit *kit, bool (*is_met)(void *arg), void *arg)
{
	struct look look = { kit, is_met, arg, loop_now_ms(kit->loop) + KIT_DEADLINE_MS };

	timer_start(kit->loop, 0, on_look, &look);
	loop_run(kit->loop);
}

static int count(void *arg, const char *kind, const char *id, const char *body, struct err *err)
{
	/* The node's blocks stay. */
	*(size_t *)arg += !str_eq(kind, "subnets");
	return 0;
}

size_t kit_n_stored(struct kit *kit)
{
	void *state;
	struct err err;
	size_t n = 0;

	assert_int_equal(store_mem.open(store_mem_where(kit->disk), &state, &err), 0);
	assert_int_equal(store_mem.load(state, count, &n, &err), 0);
	store_mem.close(state);
	return n;
}
