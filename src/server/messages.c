/* The bus: nodes' facts in, wishes and the service table out. */
#include "server/private.h"

#define LIVENESS_EVERY_MS 5000
#define SILENT_AFTER_MS   20000
#define TABLE_EVERY_MS    100

void messages_send(struct server *server, const char *node_id, const char *what, char *take_payload)
{
	char topic[TOPIC_MAX];

	snprintf(topic, sizeof(topic), "nodes/%s/%s", node_id, what);
	bus_publish(server->config.bus, topic, take_payload, strlen(take_payload));
	secret_free_text(take_payload);
}

/* Borrows everything from the state. */
static bool fill_deploy(const struct server *server, const struct instance *inst,
			struct msg_deploy *deploy)
{
	const struct service *service = state_get(server, KIND_SERVICE, inst->service_id);

	if (!service)
		return false;
	const struct service_version *version = rollout_version(service, inst);
	*deploy = (struct msg_deploy){
		.sname = service->name,
		.instance_number = inst->number,
		.generation = service->generation,
		.restarts = inst->restarts,
		.is_paused = inst->is_paused,
		.rr_ip = service->rr_ip,
		.instance_ip = inst->instance_ip,
		.spec = service->spec,
	};
	if (version) {
		deploy->generation = version->generation;
		deploy->spec = version->spec;
	}
	deploy->spec.unknown = NULL; /* of no use to a node */
	STR_COPY(deploy->instance_id, inst->id);
	STR_COPY(deploy->service_id, service->id);
	return true;
}

void messages_deploy(struct server *server, const struct instance *inst)
{
	struct msg_deploy deploy;

	if (!fill_deploy(server, inst, &deploy))
		return;
	messages_values(server, inst->node_id, &deploy.spec, NULL);
	deploy.revision = ++live_get(server, inst->node_id)->revision;
	messages_send(server, inst->node_id, "control/deploy",
		      fields_format(&msg_deploy_table, &deploy));
}

void messages_delete(struct server *server, const struct instance *inst)
{
	struct msg_delete del = { .revision = ++live_get(server, inst->node_id)->revision };

	STR_COPY(del.instance_id, inst->id);
	messages_send(server, inst->node_id, "control/delete",
		      fields_format(&msg_delete_table, &del));
}

static void send_sync(struct server *server, const char *node_id)
{
	struct msg_sync sync = { .revision = live_get(server, node_id)->revision };
	struct msg_deploy deploy;
	struct map values = { 0 };

	state_for_each(server, KIND_INSTANCE, struct instance,
		       inst) if (str_eq(inst->node_id, node_id) && !inst->is_removed &&
				 fill_deploy(server, inst, &deploy)) *
		ARRAY_ADD(sync.instances, sync.n_instances) = deploy;
	for (size_t i = 0; i < sync.n_instances; i++)
		messages_values(server, node_id, &sync.instances[i].spec, &values);
	map_fini(&values);
	messages_send(server, node_id, "control/sync", fields_format(&msg_sync_table, &sync));
	free(sync.instances);
	/* It may have told that it removed one while nobody could note it: asked again, it tells
	 * again. */
	state_for_each(server, KIND_INSTANCE, struct instance, inst)
	{
		if (str_eq(inst->node_id, node_id) && inst->is_removed)
			messages_delete(server, inst);
	}
}

static void add_backends(const struct server *server, const struct service *service,
			 struct msg_table_service *row)
{
	family_for_each(server, KIND_SERVICE, service->id, struct instance, inst)
	{
		const struct fact *fact = fact_find(server, inst->id);

		if (inst->is_removed)
			continue;
		struct msg_backend *b = ARRAY_ADD(row->backends, row->n_backends);
		STR_COPY(b->instance_id, inst->id);
		STR_COPY(b->node_id, inst->node_id);
		b->instance_number = inst->number;
		b->instance_ip = inst->instance_ip;
		b->namespace_ip = (char *)(fact ? fact->status.namespace_ip : "");
		b->is_ready = fact && fact->status.is_ready;
	}
}

static char *format_table(const struct server *server)
{
	struct msg_table table = { 0 };

	state_for_each(server, KIND_SERVICE, struct service, service)
	{
		struct msg_table_service *row = ARRAY_ADD(table.services, table.n_services);

		row->sname = service->name;
		row->rr_ip = service->rr_ip;
		row->port = service->spec.port;
		add_backends(server, service, row);
	}
	char *text = fields_format(&msg_table_table, &table);
	for (size_t i = 0; i < table.n_services; i++)
		free(table.services[i].backends);
	free(table.services);
	return text;
}

void messages_table(struct server *server)
{
	auto_free char *text = format_table(server);

	map_for_each(&server->lives, i, e) {
		const struct node_live *live = e->value;

		if (live->is_alive)
			messages_send(server, e->key, "net/table", xstrdup(text));
	}
}

static void send_table(void *arg)
{
	struct server *server = arg;

	server->table_timer = NULL;
	server->table_ms = loop_now_ms(server->config.loop);
	messages_table(server);
}

/* At once, and then once for all that is reported in a while: a table is about all services. */
static void table_soon(struct server *server)
{
	uint64_t since_ms = loop_now_ms(server->config.loop) - server->table_ms;

	if (server->table_timer)
		return;
	server->table_timer = timer_start(server->config.loop,
					  since_ms < TABLE_EVERY_MS ? TABLE_EVERY_MS - since_ms : 0,
					  send_table, server);
}

/* A node came, or came back: its document, then its whole wish. */
struct registration {
	struct node node;
	bool wants_subnet;
};

static int run_register(struct server *server, void *arg, struct err *err)
{
	struct registration *reg = arg;
	const struct node *old = next_get(server, KIND_NODE, reg->node.id);
	struct node *node = object_copy(KIND_NODE, &reg->node);
	char *subnet;

	/* Blocks are the server's to grant: what the node says of them is not asked for. */
	strv_fini(&node->subnets);
	node->is_cordoned = old && old->is_cordoned;
	if (old)
		strv_copy(&node->subnets, &old->subnets);
	if (!node->subnets.n || reg->wants_subnet) {
		int r = address_pick_subnet(server, &subnet, err);

		if (r < 0) {
			object_free(KIND_NODE, node);
			return r;
		}
		strv_take(&node->subnets, subnet);
	}
	if (old && fields_equal(&node_table, old, node))
		object_free(KIND_NODE, node);
	else
		next_put(server, KIND_NODE, reg->node.id, node);
	return 0;
}

static void send_accept(struct server *server, const struct node *node)
{
	struct msg_accept accept = { .subnets = node->subnets };

	messages_send(server, node->id, "control/accept",
		      fields_format(&msg_accept_table, &accept));
}

/* A node that is there, perhaps again: it gets its whole wish, and work that waits for a node. */
static void welcome(struct server *server, const struct node *node)
{
	struct node_live *live = live_get(server, node->id);

	live->is_alive = true;
	live->seen_ms = loop_now_ms(server->config.loop);
	send_accept(server, node);
	send_sync(server, node->id);
	messages_table(server);
	watch_changed(server, KIND_NODE, node->id);
	settle_begin(server);
}

static void register_done(struct server *server, void *arg, const struct err *err)
{
	struct registration *reg = arg;
	const struct node *node = state_get(server, KIND_NODE, reg->node.id);

	if (err->code && err->code != -ESHUTDOWN)
		log_error("node %s: %s", reg->node.id, err->msg);
	if (node && !err->code) {
		if (reg->wants_subnet)
			send_accept(server, node);
		else
			welcome(server, node);
	}
	fields_fini(&node_table, &reg->node);
	free(reg);
}

static void on_register(struct server *server, const char *node_id, const char *payload)
{
	struct registration *reg = NEW(struct registration);
	struct err err;
	int r = fields_parse_text(&node_table, payload, &reg->node, FIELD_UNKNOWN_IGNORE, &err);

	if (r == 0 && !str_eq(reg->node.id, node_id))
		r = err_set(&err, -EINVAL, "it names node %s", reg->node.id);
	if (r < 0) {
		log_error("node %s: bad registration: %s", node_id, err.msg);
		fields_fini(&node_table, &reg->node);
		free(reg);
		return;
	}
	log_info("node %s (%s): registers", node_id, reg->node.hostname);
	request_begin(server, run_register, register_done, reg);
}

static void on_subnet(struct server *server, const char *node_id, const char *payload)
{
	const struct node *node = state_get(server, KIND_NODE, node_id);

	if (!node)
		return;
	struct registration *reg = NEW(struct registration);
	fields_copy(&node_table, node, &reg->node);
	reg->wants_subnet = true;
	request_begin(server, run_register, register_done, reg);
}

static void on_job(struct server *server, const char *node_id, const char *payload)
{
	struct instance_status status = { 0 };
	struct err err;

	if (fields_parse_text(&instance_status_table, payload, &status, FIELD_UNKNOWN_IGNORE,
			      &err) < 0) {
		log_error("node %s: bad status: %s", node_id, err.msg);
		return;
	}
	const struct instance *inst = state_get(server, KIND_INSTANCE, status.instance_id);
	if (!inst || !str_eq(inst->node_id, node_id))
		return;
	struct fact *fact = fact_get(server, status.instance_id);
	bool is_net_changed = fact->status.is_ready != status.is_ready ||
			      !str_eq(fact->status.namespace_ip, status.namespace_ip);
	fact->status = status;
	watch_changed(server, KIND_INSTANCE, inst->id);
	if (is_net_changed)
		table_soon(server);
	if ((inst->is_removed && fact_is_gone(fact)) || rollout_goes_on(server, inst))
		settle_begin(server);
}

static void on_resources(struct server *server, const char *node_id, const char *payload)
{
	struct msg_resources resources = { 0 };
	const struct node *node = state_get(server, KIND_NODE, node_id);
	struct err err;

	if (!node)
		return; /* it registers again until it is accepted */
	struct node_live *live = live_get(server, node_id);
	live->seen_ms = loop_now_ms(server->config.loop);
	if (!live->is_alive)
		welcome(server, node);
	if (fields_parse_text(&msg_resources_table, payload, &resources, FIELD_UNKNOWN_IGNORE,
			      &err) < 0) {
		log_error("node %s: bad resources: %s", node_id, err.msg);
		return;
	}
	live->used = resources.used;
	live->warm = resources.warm;
	for (size_t i = 0; i < resources.n_instances; i++) {
		const struct instance *inst = state_get(server, KIND_INSTANCE,
							resources.instances[i].instance_id);

		if (inst && str_eq(inst->node_id, node_id))
			stats_take(server, &resources.instances[i]);
	}
	fields_fini(&msg_resources_table, &resources);
}

static void on_message(void *arg, const char *topic, const char *payload, size_t len)
{
	static const struct {
		const char *suffix;
		void (*handle)(struct server *server, const char *node_id, const char *payload);
	} handlers[] = {
		{ "/register", on_register },
		{ "/net/subnet", on_subnet },
		{ "/job", on_job },
		{ "/jobs/resources", on_resources },
	};
	char node_id[ID_SIZE];

	if (!bus_topic_level(topic, 1, node_id, sizeof(node_id)) || !id_is_valid(node_id))
		return;
	for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
		if (str_eq(topic + strlen("nodes/") + ID_LEN, handlers[i].suffix))
			handlers[i].handle(arg, node_id, payload);
}

static void on_liveness(void *arg)
{
	struct server *server = arg;
	uint64_t now_ms = loop_now_ms(server->config.loop);

	map_for_each(&server->lives, i, e) {
		struct node_live *live = e->value;
		bool is_alive = live->is_alive && now_ms - live->seen_ms < SILENT_AFTER_MS;

		if (is_alive == live->is_alive)
			continue;
		live->is_alive = is_alive;
		log_warning("node %s: silent for %u s", e->key, SILENT_AFTER_MS / 1000);
		watch_changed(server, KIND_NODE, e->key);
	}
	stats_note_nodes(server);
	server->liveness = timer_start(server->config.loop, LIVENESS_EVERY_MS, on_liveness, server);
}

void messages_begin_server(struct server *server)
{
	server->messages = bus_subscribe(server->config.bus, "nodes/#", on_message, server);
	server->liveness = timer_start(server->config.loop, LIVENESS_EVERY_MS, on_liveness, server);
}
