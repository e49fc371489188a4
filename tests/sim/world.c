/* Building, crashing and looking at the simulated machine. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "world.h"

#define NODE_ID "0123456789abcdef01234567"

void world_init(struct world *world, uint64_t seed)
{
	*world = (struct world){ .seed = seed };
	world->host = fake_host_new();
	world->server_disk = store_mem_new();
	world->worker_disk = store_mem_new();
	world->network = fake_network_new();
}

void world_fini(struct world *world)
{
	world_crash(world);
	fake_network_free(world->network);
	fake_host_free(world->host);
	store_mem_free(world->server_disk);
	store_mem_free(world->worker_disk);
}

static void on_ready(void *arg, const struct err *err)
{
	struct world *world = arg;

	assert_int_equal(err->code, 0);
	world->is_ready = true;
}

static void boot_server(struct world *world)
{
	struct server_config config = {
		.loop = world->loop,
		.bus = world->bus,
		.store = &store_mem,
		.store_where = store_mem_where(world->server_disk),
		.namespace_pool = "10.18.0.0-10.29.255.255",
		.service_pool = "10.30.0.0/16",
	};
	struct err err = { 0 };

	world->server = server_new(&config, &err);
	if (!world->server)
		fail_msg("%s", err.msg);
}

static void boot_worker(struct world *world)
{
	struct worker_config config = {
		.loop = world->loop,
		.bus = world->bus,
		.store = &store_mem,
		.store_where = store_mem_where(world->worker_disk),
		.prober = world->prober,
		.overlay = &overlay_fake,
		.overlay_config = { .node_id = NODE_ID,
				    .state_dir = fake_network_dir(world->network),
				    .namespace_pool = "10.18.0.0-10.29.255.255",
				    .service_pool = "10.30.0.0/16",
				    .domain = "holm" },
		.runtimes = { { &fake_driver,
				{ .node_id = NODE_ID, .data_dir = fake_host_dir(world->host) } } },
		.n_runtimes = 1,
		.data_dir = "/nonexistent",
		.node_id = NODE_ID,
		.hostname = "sim",
		.address = "10.99.0.1",
		.arch = "amd64",
		.cpus = 8,
		.memory_mib = 8192,
		.ready = on_ready,
		.arg = world,
	};
	struct err err = { 0 };

	world->worker = worker_new(&config, &err);
	if (!world->worker)
		fail_msg("%s", err.msg);
}

void world_boot(struct world *world)
{
	world->is_ready = false;
	world->loop = loop_sim_new(world->seed++);
	world->bus = bus_local_new(world->loop);
	boot_server(world);
	boot_worker(world);
}

void world_crash(struct world *world)
{
	if (!world->loop)
		return;
	world->past_ms = world_now_ms(world);
	world->bus = bus_free(world->bus);
	world->loop = loop_free(world->loop);
	world->worker = worker_free(world->worker);
	world->server = server_free(world->server);
}

void world_step(struct world *world, unsigned n)
{
	for (unsigned i = 0; i < n; i++)
		if (!loop_sim_step(world->loop))
			return;
}

void world_run(struct world *world, uint64_t for_ms)
{
	loop_sim_run(world->loop, loop_now_ms(world->loop) + for_ms);
}

uint64_t world_now_ms(struct world *world)
{
	return world->past_ms + (world->loop ? loop_now_ms(world->loop) : 0);
}

unsigned world_random(struct world *world, unsigned max)
{
	uint16_t number;

	loop_random(world->loop, &number, sizeof(number));
	return number % max;
}

struct answer {
	bool is_there;
	struct err err;
};

static void on_answer(void *arg, const struct plan_view *plan, const struct err *err)
{
	struct answer *answer = arg;

	answer->is_there = true;
	answer->err = *err;
}

static void on_no_answer(void *arg, const struct plan_view *plan, const struct err *err)
{
}

static void begin(struct world *world, const char *descriptor, server_done_fn done, void *arg)
{
	struct sla sla = { 0 };
	auto_strv struct strv warnings = { 0 };
	struct err err = { 0 };

	if (sla_parse(descriptor, strlen(descriptor), &sla, &warnings, &err) < 0)
		fail_msg("%s", err.msg);
	struct server_apply request = { .take_sla = &sla };
	server_apply_begin(world->server, &request, done, arg);
}

void world_apply_begin(struct world *world, const char *descriptor)
{
	begin(world, descriptor, on_no_answer, NULL);
}

void world_apply(struct world *world, const char *descriptor)
{
	struct answer answer = { 0 };

	begin(world, descriptor, on_answer, &answer);
	while (!answer.is_there && loop_sim_step(world->loop))
		continue;
	if (!answer.is_there || answer.err.code)
		fail_msg("apply: %s", answer.err.msg);
}

static void for_each_instance(struct world *world, void (*fn)(const struct json *inst, void *arg),
			      void *arg)
{
	auto_free char *text =
		server_list_text(server_list_begin(world->server, SERVER_INSTANCES, NULL));
	auto_(json_free) struct json *list = NULL;
	struct err err;

	assert_int_equal(json_parse(text, strlen(text), &list, &err), 0);
	for (size_t i = 0; i < json_count(list); i++)
		fn(json_at(list, i), arg);
}

struct count {
	struct world *world;
	const char *state;
	unsigned n;
	unsigned most;
};

static void count_state(const struct json *inst, void *arg)
{
	struct count *count = arg;

	count->n += str_eq(json_get_str(inst, "state"), count->state);
}

unsigned world_count(struct world *world, const char *state)
{
	struct count count = { .state = state };

	for_each_instance(world, count_state, &count);
	return count.n;
}

static void count_running(const struct json *inst, void *arg)
{
	struct count *count = arg;
	unsigned n = fake_host_running(count->world->host, json_get_str(inst, "id"));

	count->n += n;
	if (n > count->most)
		count->most = n;
}

unsigned world_most_running(struct world *world)
{
	struct count count = { .world = world };

	for_each_instance(world, count_running, &count);
	return count.most;
}

unsigned world_running(struct world *world)
{
	struct count count = { .world = world };

	for_each_instance(world, count_running, &count);
	return count.n;
}
