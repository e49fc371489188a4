/* Placement: a snapshot of the nodes with what is promised on them, and the scheduler's answer. */
#include "model/volume.h"
#include "sched/sched.h"
#include "server/private.h"

struct candidates {
	struct sched_node *nodes;
	struct strv *volumes; /* of each */
	size_t n;
	struct map by_id; /* node id → index + 1 */
};

static void candidates_fini(struct candidates *c)
{
	for (size_t i = 0; i < c->n; i++) {
		free((void *)c->nodes[i].ports);
		strv_fini(&c->volumes[i]);
	}
	free(c->nodes);
	free(c->volumes);
	map_fini(&c->by_id);
}

static void add_ports(struct sched_node *node, const struct service *service)
{
	struct port_mapping ports[PORTS_MAX];
	struct sched_port *taken = (struct sched_port *)node->ports;
	struct err err;
	size_t n = 0;

	if (!service || !service->spec.port || ports_parse(service->spec.port, ports, &n, &err) < 0)
		return;
	for (size_t i = 0; i < n; i++)
		*ARRAY_ADD(taken, node->n_ports) = (struct sched_port){
			.host = ports[i].host,
			.is_udp = ports[i].is_udp,
		};
	node->ports = taken;
}

/* The first instance decides where a named volume will be. */
static void add_volumes(struct strv *volumes, const struct service *service)
{
	for (size_t i = 0; service && i < service->spec.n_volumes; i++) {
		const struct sla_volume *volume = &service->spec.volumes[i];

		if (volume_kind(volume) == VOLUME_NAMED && !strv_has(volumes, volume->volume_id))
			strv_add(volumes, volume->volume_id);
	}
}

static void count_instances(struct server *server, const char *service_id, struct candidates *c)
{
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		size_t at = (size_t)(uintptr_t)map_find(&c->by_id, inst->node_id);

		if (!at)
			continue;
		struct sched_node *node = &c->nodes[at - 1];
		const struct service *service = next_get(server, KIND_SERVICE, inst->service_id);
		add_volumes(&c->volumes[at - 1], service);
		node->memory_mib += inst->memory_mib;
		node->cpu_millis += inst->cpu_millis;
		node->pids += inst->pids;
		node->disk_mib += inst->disk_mib;
		node->n_instances++;
		/* Instances of one service share its mapped ports. */
		if (str_eq(inst->service_id, service_id))
			node->n_same++;
		else
			add_ports(node, service);
	}
}

struct resources place_offer(const struct node *node)
{
	struct resources offer = node->offer;

	if (!offer.memory_mib) /* one of an earlier release */
		offer.memory_mib = node->memory_mib;
	return offer;
}

static void candidates_init(struct server *server, const char *service_id, struct candidates *c)
{
	*c = (struct candidates){ 0 };
	next_for_each(server, KIND_NODE, struct node, node)
	{
		*ARRAY_ADD(c->nodes, c->n) = (struct sched_node){
			.facts = node,
			.is_alive = live_is_alive(server, node->id),
			.is_cordoned = node->is_cordoned,
			.offer = place_offer(node),
		};
		map_set(&c->by_id, node->id, (void *)(uintptr_t)c->n);
	}
	c->volumes = xcalloc(c->n, sizeof(*c->volumes));
	for (size_t i = 0; i < c->n; i++)
		c->nodes[i].volumes = &c->volumes[i];
	count_instances(server, service_id, c);
}

int place_check(struct server *server, const struct service *service, struct err *err)
{
	struct candidates c;

	candidates_init(server, service->id, &c);
	struct sched_snapshot snapshot = { .nodes = c.nodes,
					   .n_nodes = c.n,
					   .cluster = server_cluster_name(server) };
	int r = sched_ever_fits(&snapshot, &service->spec, err);
	candidates_fini(&c);
	return r;
}

void place_instance(struct server *server, struct instance *inst, const struct service *service)
{
	struct candidates c;
	auto_free char *reason = NULL;

	candidates_init(server, service->id, &c);
	struct sched_snapshot snapshot = { .nodes = c.nodes,
					   .n_nodes = c.n,
					   .cluster = server_cluster_name(server) };
	int found = sched_pick(&snapshot, &service->spec, &reason);
	struct fact *fact = fact_get(server, inst->id);
	if (found >= 0) {
		STR_COPY(inst->node_id, c.nodes[found].facts->id);
		fact->status.state = STATE_NODE_SCHEDULED;
		fact->status.detail[0] = '\0';
	} else {
		fact->status.state = found == -EAGAIN ? STATE_REQUESTED : STATE_NO_WORKER_CAPACITY;
		STR_COPY(fact->status.detail, reason);
	}
	candidates_fini(&c);
}

void place_pending(struct server *server)
{
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		const struct service *service = next_get(server, KIND_SERVICE, inst->service_id);

		if (inst->node_id[0] || inst->is_removed || !service)
			continue;
		struct instance *placed = object_copy(KIND_INSTANCE, inst);
		place_instance(server, placed, service);
		if (placed->node_id[0])
			next_put(server, KIND_INSTANCE, placed->id, placed);
		else
			object_free(KIND_INSTANCE, placed);
	}
}

/* `inst` with its new share beside all others of the node; those that are being removed make room by
 * themselves. */
static int check_node(const struct server *server, const struct node *node,
		      const struct instance *inst, struct err *err)
{
	const struct resources offer = place_offer(node);
	const struct resources ask = { inst->memory_mib, inst->cpu_millis, inst->pids,
				       inst->disk_mib };
	struct resources promised = { 0 };
	auto_buf struct buf why;

	buf_init(&why, 200);
	next_for_each(server, KIND_INSTANCE, struct instance, other)
	{
		if (str_eq(other->node_id, node->id) && !other->is_removed &&
		    !str_eq(other->id, inst->id))
			resources_add(&promised,
				      &(struct resources){ other->memory_mib, other->cpu_millis,
							   other->pids, other->disk_mib });
	}
	if (resources_fit(&offer, &promised, &ask, &why))
		return 0;
	return err_set(err, -ENOSPC, "node %s: %s", node->hostname, why.data);
}

static bool is_same_share(const struct instance *a, const struct instance *b)
{
	return a->memory_mib == b->memory_mib && a->cpu_millis == b->cpu_millis &&
	       a->pids == b->pids && a->disk_mib == b->disk_mib;
}

static bool is_larger(const struct instance *a, const struct instance *b)
{
	return a->memory_mib > b->memory_mib || a->cpu_millis > b->cpu_millis ||
	       a->pids > b->pids || a->disk_mib > b->disk_mib;
}

void place_reserve(struct instance *inst, const struct service_spec *spec)
{
	inst->memory_mib = spec->memory_mib;
	inst->cpu_millis = spec_cpu_millis(spec);
	inst->pids = spec->pids;
	inst->disk_mib = spec->storage_mib;
}

int place_resize(struct server *server, const struct service *service, struct err *err)
{
	next_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		const struct node *node = next_get(server, KIND_NODE, inst->node_id);

		if (!str_eq(inst->service_id, service->id) || inst->is_removed)
			continue;
		struct instance *resized = object_copy(KIND_INSTANCE, inst);
		place_reserve(resized, &service->spec);
		if (is_same_share(resized, inst)) {
			object_free(KIND_INSTANCE, resized);
			continue;
		}
		bool is_growing = is_larger(resized, inst);
		next_put(server, KIND_INSTANCE, resized->id, resized);
		if (is_growing && node && check_node(server, node, resized, err) < 0)
			return err->code;
	}
	return 0;
}
