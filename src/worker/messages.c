/* The bus: wishes in, facts out. A wish is on disk before it is acted on. */
#include "worker/private.h"

static void publish(struct worker *worker, const char *what, char *take_payload)
{
	char topic[TOPIC_MAX];

	snprintf(topic, sizeof(topic), "nodes/%s/%s", worker->config.node_id, what);
	bus_publish(worker->config.bus, topic, take_payload, strlen(take_payload));
	free(take_payload);
}

static void add_all(struct strv *to, const struct strv *from)
{
	for (size_t i = 0; i < from->n; i++)
		strv_add(to, from->items[i]);
}

static void add_info(struct node *node, const struct runtime_info *info)
{
	node->has_kvm |= info->has_kvm;
	add_all(&node->virtualization, &info->virtualization);
	add_all(&node->pending, &info->pending);
	add_all(&node->problems, &info->problems);
	add_all(&node->emulated, &info->emulated);
	for (size_t i = 0; i < info->n_runtimes && node->n_runtimes < NODE_RUNTIMES_MAX; i++)
		node->runtimes[node->n_runtimes++] = info->runtimes[i];
}

void messages_register(struct worker *worker)
{
	struct node_runtime runtimes[NODE_RUNTIMES_MAX]; /* borrowed */
	struct node node = {
		.runtimes = runtimes,
		.hostname = (char *)worker->config.hostname,
		.address = (char *)worker->config.address,
		.arch = (char *)worker->config.arch,
		.cpus = worker->config.cpus,
		.memory_mib = worker->config.memory_mib,
		.pids = worker->config.pids,
		.disk_mib = worker->config.disk_mib,
		.offer = worker->config.offer,
		.subnets = worker->subnets,
		.version = (char *)HOLM_VERSION,
		.csi_drivers = worker->volume_info.drivers,
		.volumes = worker->volume_info.names,
		.volume_root = (char *)worker->config.volumes.host_root,
	};

	if (!worker->is_probed) /* a runtime that nothing is known of would seem to be missing */
		return;
	STR_COPY(node.id, worker->config.node_id);
	for (size_t i = 0; i < worker->config.n_runtimes; i++)
		add_info(&node, &worker->slots[i].info);
	add_all(&node.problems, &worker->problems);
	add_all(&node.problems, &worker->volume_info.problems);
	if (images_problem(worker->images)[0])
		strv_add(&node.problems, images_problem(worker->images));
	publish(worker, "register", fields_format(&node_table, &node));
	strv_fini(&node.virtualization);
	strv_fini(&node.pending);
	strv_fini(&node.problems);
	strv_fini(&node.emulated);
}

void messages_ask_subnet(struct worker *worker)
{
	if (worker->is_asking_subnet)
		return;
	worker->is_asking_subnet = true;
	publish(worker, "net/subnet", xstrdup("{}"));
}

void messages_resources(struct worker *worker, const struct msg_resources *resources)
{
	publish(worker, "jobs/resources", fields_format(&msg_resources_table, resources));
}

static void fill_detail(const struct winst *inst, struct instance_status *s)
{
	bool is_alive = state_is_alive(s->state);

	if (s->progress_percent && s->state == STATE_CREATING)
		snprintf(s->detail, sizeof(s->detail), "pulling %u %%", s->progress_percent);
	else if (inst->life.pause.error[0] && is_alive)
		STR_COPY(s->detail, inst->life.pause.error);
	else if (inst->update_error[0] && is_alive)
		STR_COPY(s->detail, inst->update_error);
	else if (inst->fetching_generation && is_alive)
		STR_COPY(s->detail, "fetching the new version");
	else if (s->state == STATE_RUNNING && !inst->detail[0])
		ending_format_kills(inst, s->detail);
	else
		STR_COPY(s->detail, inst->detail);
}

static void put_in_front(const char *words, struct instance_status *s)
{
	char detail[DETAIL_MAX];

	STR_COPY(detail, s->detail);
	snprintf(s->detail, sizeof(s->detail), "%s%.*s", words,
		 (int)(sizeof(s->detail) - strlen(words) - 1), detail);
}

void messages_report(struct winst *inst)
{
	struct instance_status s = {
		.state = inst->state,
		.incarnation = inst->record.incarnation,
		.progress_percent = fetch_percent(inst),
		.is_update_failed = inst->update_error[0] && !inst->lacks_space,
	};

	STR_COPY(s.instance_id, inst->id);
	STR_COPY(s.namespace_ip, inst->record.namespace_ip);
	if (inst->run == RUN_ALIVE) {
		s.generation = inst->status.generation;
		s.is_paused = inst->status.is_paused;
		s.is_pause_failed = inst->life.pause.error[0] != '\0';
		s.is_ready = s.state == STATE_RUNNING && !s.is_paused;
		s.pid = inst->status.proc.pid;
		s.started_ms = inst->status.started_ms;
		STR_COPY(s.runtime, inst->status.kind);
		STR_COPY(s.digest, inst->status.digest);
	}
	fill_detail(inst, &s);
	if (s.is_paused && state_is_alive(s.state) && !str_starts(s.detail, "paused"))
		put_in_front("paused; ", &s);
	if (memcmp(&s, &inst->told, sizeof(s)) == 0)
		return;
	if (s.state != inst->told.state)
		log_info("instance %s of %s: %s%s%s", inst->id, inst->wish.sname,
			 state_name(s.state), s.detail[0] ? ": " : "", s.detail);
	inst->told = s;
	publish(inst->worker, "job", fields_format(&instance_status_table, &s));
}

/* The same generation: what differs needs no other run (a port mapping, say). */
static void refresh(struct winst *inst, struct msg_deploy *deploy)
{
	if (inst->wish.restarts != deploy->restarts) /* no time to wait */
		inst->update_retry = timer_cancel(inst->update_retry);
	if (!fields_equal(&msg_deploy_table, &inst->wish, deploy)) {
		fields_fini(&msg_deploy_table, &inst->wish);
		fields_copy(&msg_deploy_table, deploy, &inst->wish);
		if (inst->current.generation == deploy->generation) {
			fields_fini(&msg_deploy_table, &inst->current);
			fields_copy(&msg_deploy_table, deploy, &inst->current);
			ending_reconsider(inst);
			probes_change(inst);
		}
		records_save(inst);
		network_publish(inst->worker);
	}
	/* How it stands is known once the runtimes have been asked, and told then. */
	if (!inst->worker->is_open)
		return;
	inst->told = (struct instance_status){ 0 };
	messages_report(inst);
}

/* A new wish, or a changed one. Takes what `deploy` owns. */
static void wish(struct worker *worker, struct msg_deploy *deploy)
{
	struct winst *inst = map_find(&worker->instances, deploy->instance_id);

	if (!id_is_valid(deploy->instance_id) || !deploy->generation) {
		log_error("wish for instance \"%s\": bad id or generation", deploy->instance_id);
		fields_fini(&msg_deploy_table, deploy);
		return;
	}
	deploy->revision = 0; /* of the message, not of the wish */
	if (inst && inst->wish.is_paused != deploy->is_paused)
		pause_again(inst);
	if (inst && inst->record.is_wished && inst->wish.generation == deploy->generation) {
		refresh(inst, deploy);
		fields_fini(&msg_deploy_table, deploy);
		return;
	}
	if (!inst)
		inst = winst_new(worker, deploy->instance_id);
	fields_fini(&msg_deploy_table, &inst->wish);
	inst->wish = *deploy;
	*deploy = (struct msg_deploy){ 0 };
	inst->record.is_wished = true;
	volumes_cancel(inst);
	inst->update_retry = timer_cancel(inst->update_retry);
	inst->update_failures = 0;
	inst->update_error[0] = '\0';
	network_pick_ip(inst);
	records_save(inst);
	if (!inst->current.generation)
		winst_set_state(inst, STATE_CREATING, "accepted");
}

static void unwish(struct worker *worker, struct winst *inst)
{
	if (!inst->record.is_wished)
		return;
	inst->record.is_wished = false;
	fetch_cancel(inst);
	volumes_cancel(inst);
	records_save(inst);
}

/* False for a message that is older than what is known: one that came twice, or late. After a gap, and
 * where the server's count has gone back, the whole wish is asked for. */
static bool is_news(struct worker *worker, uint64_t revision)
{
	if (revision == worker->revision)
		return false;
	if (revision != worker->revision + 1)
		messages_register(worker);
	if (revision < worker->revision)
		return false;
	worker->revision = revision;
	return true;
}

static void on_deploy(struct worker *worker, const char *payload)
{
	struct msg_deploy deploy = { 0 };
	struct err err;

	if (fields_parse_text(&msg_deploy_table, payload, &deploy, FIELD_UNKNOWN_IGNORE, &err) <
	    0) {
		log_error("deploy message: %s", err.msg);
		return;
	}
	if (is_news(worker, deploy.revision))
		wish(worker, &deploy);
	fields_fini(&msg_deploy_table, &deploy);
}

static void tell_gone(struct worker *worker, const char *id)
{
	struct instance_status gone = { .state = STATE_UNDEPLOYED, .detail = "removed" };

	STR_COPY(gone.instance_id, id);
	publish(worker, "job", fields_format(&instance_status_table, &gone));
}

static void on_delete(struct worker *worker, const char *payload)
{
	struct msg_delete del = { 0 };
	struct err err;

	if (fields_parse_text(&msg_delete_table, payload, &del, FIELD_UNKNOWN_IGNORE, &err) < 0) {
		log_error("delete message: %s", err.msg);
		return;
	}
	/* Late or twice makes no difference here: an id is never used again. */
	is_news(worker, del.revision);
	struct winst *inst = map_find(&worker->instances, del.instance_id);
	if (inst)
		unwish(worker, inst);
	else
		tell_gone(worker, del.instance_id);
}

static void on_sync(struct worker *worker, const char *payload)
{
	struct msg_sync sync = { 0 };
	struct map told = { 0 };
	struct err err;

	if (fields_parse_text(&msg_sync_table, payload, &sync, FIELD_UNKNOWN_IGNORE, &err) < 0) {
		log_error("sync message: %s", err.msg);
		return;
	}
	worker->revision = sync.revision;
	for (size_t i = 0; i < sync.n_instances; i++) {
		map_set(&told, sync.instances[i].instance_id, worker);
		wish(worker, &sync.instances[i]);
	}
	map_for_each(&worker->instances, i, e)
		if (!map_find(&told, e->key))
			unwish(worker, e->value);
	map_fini(&told);
	fields_fini(&msg_sync_table, &sync);
	worker->is_synced = true;
	worker_check_ready(worker);
}

static void on_accept(struct worker *worker, const char *payload)
{
	struct msg_accept accept = { 0 };
	struct err err;

	if (fields_parse_text(&msg_accept_table, payload, &accept, FIELD_UNKNOWN_IGNORE, &err) <
	    0) {
		log_error("accept message: %s", err.msg);
		return;
	}
	worker->is_accepted = true;
	worker->is_asking_subnet = false;
	bool is_same = strv_eq(&accept.subnets, &worker->subnets);
	if (!is_same && accept.subnets.n) {
		strv_fini(&worker->subnets);
		worker->subnets = accept.subnets;
		records_save_subnets(worker);
		network_setup(worker);
	} else {
		fields_fini(&msg_accept_table, &accept);
	}
	worker_check_ready(worker);
}

static void on_control(void *arg, const char *topic, const char *payload, size_t len)
{
	static const struct {
		const char *name;
		void (*handle)(struct worker *worker, const char *payload);
	} handlers[] = {
		{ "accept", on_accept },        { "sync", on_sync },
		{ "deploy", on_deploy },        { "delete", on_delete },
		{ "value", values_on_message },
	};
	char name[16];
	struct worker *worker = arg;

	if (worker->is_down || !bus_topic_level(topic, 3, name, sizeof(name)))
		return;
	for (size_t i = 0; i < ARRAY_LEN(handlers); i++)
		if (str_eq(handlers[i].name, name))
			handlers[i].handle(worker, payload);
}

static void on_table(void *arg, const char *topic, const char *payload, size_t len)
{
	struct worker *worker = arg;
	struct msg_table table = { 0 };
	struct err err;

	if (fields_parse_text(&msg_table_table, payload, &table, FIELD_UNKNOWN_IGNORE, &err) < 0) {
		log_error("service table: %s", err.msg);
		return;
	}
	fields_fini(&msg_table_table, &worker->table);
	worker->table = table;
	network_publish(worker);
}

void messages_begin(struct worker *worker)
{
	char filter[TOPIC_MAX];

	snprintf(filter, sizeof(filter), "nodes/%s/control/+", worker->config.node_id);
	worker->control = bus_subscribe(worker->config.bus, filter, on_control, worker);
	snprintf(filter, sizeof(filter), "nodes/%s/net/table", worker->config.node_id);
	worker->net = bus_subscribe(worker->config.bus, filter, on_table, worker);
}
