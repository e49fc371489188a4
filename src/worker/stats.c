/* Statistics of all instances, and with them the heartbeat. */
#include "base/netdev.h"
#include "worker/private.h"

#define STATS_EVERY_MS 5000
#define STATS_LEAST_MS 1000 /* between two; each looks at all instances */

struct stats_item {
	struct runtime_slot slot;
	struct instance_stats stats;
	uint64_t oom_kills;
	char *ifname; /* the host's end of its link */
	bool is_known;
};

struct stats_op {
	struct op op;
	struct stats_item *items;
	size_t n;
	const char *data_dir;
	struct machine_use use;
};

static void stats_fini(struct op *op)
{
	struct stats_op *s = container_of(op, struct stats_op, op);

	for (size_t i = 0; i < s->n; i++)
		free(s->items[i].ifname);
	free(s->items);
}

/* What the host's end has received, the instance has sent. */
static void measure_net(struct stats_item *item, const char *interfaces)
{
	if (!interfaces || str_is_empty(item->ifname))
		return;
	item->stats.has_net = netdev_find(interfaces, item->ifname, &item->stats.net_out_bytes,
					  &item->stats.net_in_bytes);
}

static void measure(const struct loop *loop, struct stats_item *item, const char *interfaces)
{
	struct instance_stats *s = &item->stats;
	struct runtime_stats now = { 0 };
	struct err err;

	if (item->slot.driver->stats(item->slot.state, s->instance_id, &now, &err) < 0)
		return;
	item->is_known = true;
	s->memory_bytes = now.memory_bytes;
	s->memory_limit_bytes = now.memory_limit_bytes;
	s->cpu_ns = now.cpu_ns;
	s->read_bytes = now.read_bytes;
	s->written_bytes = now.written_bytes;
	s->has_io = now.has_io;
	s->pids = now.pids;
	item->oom_kills = now.oom_kills;
	s->measured_ms = loop_now_ms(loop);
	measure_net(item, interfaces);
}

static void stats_run(struct op *op)
{
	struct stats_op *s = container_of(op, struct stats_op, op);
	auto_free char *interfaces = s->n ? netdev_read() : NULL;

	machine_look(s->data_dir, &s->use);
	for (size_t i = 0; i < s->n; i++)
		measure(op->worker->config.loop, &s->items[i], interfaces);
}

static void note_kills(struct worker *worker, const struct stats_item *item)
{
	struct winst *inst = map_find(&worker->instances, item->stats.instance_id);

	if (inst && inst->run == RUN_ALIVE && inst->status.incarnation == item->stats.incarnation)
		ending_note_kills(inst, item->oom_kills);
}

/* Cores in use since the last reading, the rest as it is. */
static struct resources used_since(struct worker *worker, const struct machine_use *now)
{
	const struct machine_use *before = &worker->use;
	struct resources used = now->used;
	uint64_t all = now->all_ticks - before->all_ticks;

	if (before->all_ticks && now->all_ticks > before->all_ticks)
		used.cpu_millis = (now->busy_ticks - before->busy_ticks) * 1000 *
				  worker->config.cpus / all;
	worker->use = *now;
	worker->use.used = used;
	return used;
}

static void stats_done(struct op *op)
{
	struct stats_op *s = container_of(op, struct stats_op, op);
	struct msg_resources message = { 0 };

	op->worker->is_measuring = false;
	message.used = used_since(op->worker, &s->use);
	message.warm = warm_held(op->worker);
	for (size_t i = 0; i < s->n; i++) {
		if (!s->items[i].is_known)
			continue;
		*ARRAY_ADD(message.instances, message.n_instances) = s->items[i].stats;
		note_kills(op->worker, &s->items[i]);
	}
	messages_resources(op->worker, &message);
	free(message.instances);
}

static void on_heartbeat(void *arg)
{
	struct worker *worker = arg;

	worker->heartbeat = NULL;
	/* What was not answered by now is asked again. */
	worker->is_asking_subnet = false;
	if (!worker->is_accepted)
		messages_register(worker);
	stats_begin(worker);
	look_begin(worker);
	warm_tend(worker);
}

/* A runtime that does not answer does not make the node look dead. */
static void beat_alone(struct worker *worker)
{
	const struct msg_resources none = { .used = worker->use.used, .warm = warm_held(worker) };

	messages_resources(worker, &none);
}

void stats_begin(struct worker *worker)
{
	if (worker->is_down)
		return;
	worker->measured_ms = loop_now_ms(worker->config.loop);
	if (!worker->heartbeat)
		worker->heartbeat = timer_start(worker->config.loop, STATS_EVERY_MS, on_heartbeat,
						worker);
	if (worker->is_measuring) {
		beat_alone(worker);
		return;
	}
	worker->is_measuring = true;
	struct stats_op *s = NEW(struct stats_op);
	s->op = (struct op){ .run = stats_run, .done = stats_done, .fini = stats_fini };
	s->data_dir = worker->config.data_dir;
	map_for_each(&worker->instances, i, e) {
		const struct winst *inst = e->value;

		if (inst->run != RUN_ALIVE)
			continue;
		struct stats_item *item = ARRAY_ADD(s->items, s->n);
		item->slot = *inst->slot;
		item->ifname = xstrdup(inst->link.ifname);
		STR_COPY(item->stats.instance_id, inst->id);
		item->stats.incarnation = inst->status.incarnation;
	}
	op_begin(worker, EXECUTOR_RUNTIME, &s->op);
}

static void on_stats_due(void *arg)
{
	struct worker *worker = arg;

	worker->stats_timer = NULL;
	stats_soon(worker);
}

void stats_soon(struct worker *worker)
{
	struct loop *loop = worker->config.loop;
	uint64_t since_ms = loop_now_ms(loop) - worker->measured_ms;

	if (worker->is_down || worker->stats_timer)
		return;
	if (since_ms >= STATS_LEAST_MS && !worker->is_measuring) {
		stats_begin(worker);
		return;
	}
	worker->stats_timer = timer_start(
		loop, since_ms < STATS_LEAST_MS ? STATS_LEAST_MS - since_ms : STATS_LEAST_MS,
		on_stats_due, worker);
}
