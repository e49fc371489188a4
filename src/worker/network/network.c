/* The node's network: blocks, links of instances, and the table of services that the kernel
 * resolves. The table is made of what the server told (services, instances of other nodes)
 * and of our own instances, whose facts here are newer than the server's. */
#include "worker/private.h"

/* Publishing and removing links walk the kernel's tables of rules, links and connections, and cost
 * about as much for many instances as for one: while many are under way, they are done for several at
 * a time. Somebody waits for a publication. */
#define BURST                4
#define SETUP_RETRY_MS       5000
#define PUBLISH_RETRY_MS     1000
#define NAMESERVER_FIRST_MS  100
#define NAMESERVER_CAP_MS    30000
#define NAMESERVER_STEADY_MS 60000 /* an end after so long is no failure from the start */
static const struct pace publish_pace = { .interval_ms = 100, .burst = 1 };
static const struct pace detach_pace = { .interval_ms = 250, .burst = 1 };

struct net_op {
	struct op op;
	struct overlay *overlay;
	const struct overlay_driver *driver;
	struct winst *inst;
	struct overlay_link_spec spec;
	struct runtime_slot slot; /* whose machines wait, if one of them may be had */
	char *warm_label;
	struct overlay_link link;
	struct overlay_leaver *leavers; /* parallel to leaving, which are busy until it is done */
	struct winst **leaving;
	size_t n_leavers;
	struct strv blocks;
	struct proc_id nameserver; /* after setup */
	uint64_t seq;
	struct overlay_table table;
	struct strv names; /* of the table's services */
};

static void net_op_fini(struct op *op)
{
	struct net_op *n = container_of(op, struct net_op, op);

	strv_fini(&n->blocks);
	free(n->warm_label);
	free(n->leavers);
	free(n->leaving);
	for (size_t i = 0; i < n->table.n_services; i++)
		free(n->table.services[i].backends);
	strv_fini(&n->names);
	free(n->table.services);
}

static struct net_op *net_op_new(struct worker *worker, struct winst *inst,
				 void (*run)(struct op *op), void (*done)(struct op *op))
{
	struct net_op *n = NEW(struct net_op);

	n->op = (struct op){ .run = run, .done = done, .fini = net_op_fini };
	n->overlay = worker->overlay;
	n->driver = worker->config.overlay;
	n->inst = inst;
	return n;
}

static void publish_begin(void *arg);

static void setup_run(struct op *op)
{
	struct net_op *n = container_of(op, struct net_op, op);

	op->result = n->driver->setup(n->overlay, &n->blocks, &op->err);
	if (op->result == 0 && n->driver->nameserver)
		n->driver->nameserver(n->overlay, &n->nameserver);
}

static void on_setup_due(void *arg)
{
	struct worker *worker = arg;

	worker->setup_timer = NULL;
	network_setup(worker);
}

/* However many ask for it. */
static void setup_later(struct worker *worker, uint64_t delay_ms)
{
	timer_cancel(worker->setup_timer);
	worker->setup_timer = timer_start(worker->config.loop, delay_ms, on_setup_due, worker);
}

/* One that ends again and again is started less and less often. */
static void nameserver_ended(struct worker *worker)
{
	if (worker->is_down)
		return;
	log_warning("the name server ended: starting it again");
	if (loop_now_ms(worker->config.loop) >= worker->nameserver_ms + NAMESERVER_STEADY_MS)
		worker->nameserver_ends = 0;
	setup_later(worker, retry_delay_ms(worker->config.loop, worker->nameserver_ends++,
					   NAMESERVER_FIRST_MS, NAMESERVER_CAP_MS));
}

static void on_nameserver_end(void *arg, unsigned events)
{
	struct worker *worker = arg;

	worker->nameserver_watch = io_cancel(worker->nameserver_watch);
	close(TAKE_FD(worker->nameserver_fd));
	nameserver_ended(worker);
}

static void watch_nameserver(struct worker *worker, const struct proc_id *proc)
{
	struct err err;

	if (worker->nameserver_watch || !proc->pid)
		return;
	worker->nameserver_ms = loop_now_ms(worker->config.loop);
	worker->nameserver_fd = proc_open(proc, &err);
	if (worker->nameserver_fd >= 0)
		worker->nameserver_watch = io_watch(worker->config.loop, worker->nameserver_fd,
						    IO_READ, on_nameserver_end, worker);
	else
		nameserver_ended(worker);
}

static void setup_done(struct op *op)
{
	const struct net_op *n = container_of(op, struct net_op, op);
	struct worker *worker = op->worker;

	worker->is_setting_up = false;
	if (op->result < 0) {
		log_error("overlay: %s", op->err.msg);
		worker_tell_ready(worker, &op->err);
		setup_later(worker, SETUP_RETRY_MS);
		if (worker->is_down)
			down_check(worker);
		return;
	}
	worker->is_setup = true;
	watch_nameserver(worker, &n->nameserver);
	if (worker->needs_setup) {
		network_setup(worker);
		return;
	}
	publish_begin(worker);
	winst_tick_all(worker);
	worker_check_ready(worker);
}

void network_setup(struct worker *worker)
{
	if (worker->is_setting_up || !worker->overlay || worker->is_down) {
		worker->needs_setup = true;
		return;
	}
	worker->needs_setup = false;
	worker->is_setting_up = true;
	struct net_op *n = net_op_new(worker, NULL, setup_run, setup_done);
	strv_copy(&n->blocks, &worker->subnets);
	op_begin(worker, EXECUTOR_NETWORK, &n->op);
}

bool network_pick_ip(struct winst *inst)
{
	struct worker *worker = inst->worker;
	auto_free uint32_t *used = xcalloc(worker->instances.n, sizeof(*used));
	size_t n_used = 0;

	if (inst->record.namespace_ip[0])
		return true;
	map_for_each(&worker->instances, i, e) {
		const struct winst *other = e->value;

		if (parse_ipv4(other->record.namespace_ip, &used[n_used]) == 0)
			n_used++;
	}
	uint32_t ip = overlay_pick_ip(&worker->subnets, used, n_used);
	if (!ip)
		return false;
	format_ipv4(ip, inst->record.namespace_ip);
	return true;
}

/* A machine that waits has its namespace already, which becomes the instance's. */
static void attach_run(struct op *op)
{
	struct net_op *n = container_of(op, struct net_op, op);

	if (n->warm_label)
		n->spec.pid = n->slot.driver->warm->reserve(n->slot.state, n->warm_label,
							    n->spec.instance_id);
	op->result = n->driver->attach(n->overlay, &n->spec, &n->link, &op->err);
}

static void attach_done(struct op *op)
{
	struct net_op *n = container_of(op, struct net_op, op);
	struct winst *inst = n->inst;

	if (op->result < 0) {
		winst_fail(inst, &op->err);
		inst->is_busy = false;
		if (!inst->record.is_wished) /* nothing to wait for */
			winst_tick(inst);
		return;
	}
	inst->is_attached = true;
	inst->link = n->link;
	if (inst->run == RUN_ALIVE && n->link.is_new)
		life_condemn(inst, life_is_long(inst), "its network device was removed");
	if (inst->run == RUN_ALIVE) { /* an adopted one: its addresses lead to it again */
		inst->publish_after = network_publish(inst->worker);
		probes_begin(inst);
	}
	winst_step_done(inst);
}

/* The address is on disk before anything has it: the next tick attaches. */
static void attach_with_ip_first(struct winst *inst)
{
	struct err err;

	inst->is_busy = false;
	if (network_pick_ip(inst)) {
		records_save(inst);
		return;
	}
	/* The block that is asked for comes with a tick for everyone. */
	messages_ask_subnet(inst->worker);
	err_set(&err, -EADDRNOTAVAIL, "attach: no free address in this node's blocks");
	winst_fail(inst, &err);
}

/* QEMU itself has a namespace of its own with nothing in it: its supervisor is where the tap is. */
static pid_t pid_inside(const struct winst *inst, const struct overlay_link_spec *spec)
{
	const struct runtime_status *status = &inst->status;

	if (!spec->is_inner)
		return status->proc.pid;
	return status->watch.pid != status->proc.pid ? status->watch.pid : 0;
}

void network_attach(struct winst *inst)
{
	const struct runtime_slot *slot = worker_find_slot(inst->worker,
							   inst->current.spec.virtualization);

	if (!inst->record.namespace_ip[0]) {
		attach_with_ip_first(inst);
		return;
	}
	struct net_op *n = net_op_new(inst->worker, inst, attach_run, attach_done);
	inst->may_have_link = true;
	STR_COPY(n->spec.instance_id, inst->id);
	n->spec.is_tap = slot && !(slot->driver->caps & RUNTIME_CAP_NETNS);
	n->spec.is_inner = n->spec.is_tap && spec_is_from_snapshot(&inst->current.spec);
	n->spec.tap_uid = slot ? slot->info.guest_uid : 0;
	if (slot && slot->driver->warm && inst->run == RUN_ABSENT &&
	    spec_is_warm(&inst->current.spec)) {
		n->slot = *slot;
		n->warm_label = xstrdup(inst->current.sname);
	}
	n->spec.pid = inst->run == RUN_ALIVE ? pid_inside(inst, &n->spec) : 0;
	parse_ipv4(inst->record.namespace_ip, &n->spec.ip);
	op_begin(inst->worker, EXECUTOR_NETWORK, &n->op);
}

static void detach_run(struct op *op)
{
	struct net_op *n = container_of(op, struct net_op, op);

	op->result = n->driver->detach(n->overlay, n->leavers, n->n_leavers, &op->err);
}

static void detached(struct winst *inst, const struct op *op)
{
	if (op->result < 0) {
		log_warning("instance %s: %s", inst->id, op->err.msg);
		winst_fail(inst, &op->err);
		inst->is_busy = false;
		return;
	}
	inst->is_attached = false;
	inst->may_have_link = false;
	winst_step_done(inst);
}

static void detach_begin(void *arg);

static void detach_done(struct op *op)
{
	struct net_op *n = container_of(op, struct net_op, op);
	struct worker *worker = op->worker;

	worker->is_detaching = false;
	detach_begin(worker);
	for (size_t i = 0; i < n->n_leavers; i++)
		detached(n->leaving[i], op);
}

/* How long to wait for others that are under way. */
static uint64_t wait_for_others(const struct worker *worker, struct pace *pace)
{
	unsigned n_busy = 0;

	map_for_each(&worker->instances, i, e) {
		const struct winst *inst = e->value;

		n_busy += inst->is_busy;
	}
	return n_busy < BURST ? 0 : pace_take(pace, loop_now_ms(worker->config.loop));
}

static void on_detach_due(void *arg)
{
	struct worker *worker = arg;

	worker->detach_timer = NULL;
	detach_begin(worker);
}

/* All that wait, in one step. */
static void detach_begin(void *arg)
{
	struct worker *worker = arg;

	if (worker->is_detaching || worker->detach_timer || !worker->n_leaving)
		return; /* detach_done or on_detach_due comes back to it */
	uint64_t wait_ms = wait_for_others(worker, &worker->detach_pace);
	if (wait_ms) {
		worker->detach_timer = timer_start(worker->config.loop, wait_ms, on_detach_due,
						   worker);
		return;
	}
	struct net_op *n = net_op_new(worker, NULL, detach_run, detach_done);

	n->leaving = TAKE(worker->leaving);
	n->n_leavers = worker->n_leaving;
	worker->n_leaving = 0;
	n->leavers = xcalloc(n->n_leavers, sizeof(*n->leavers));
	for (size_t i = 0; i < n->n_leavers; i++) {
		STR_COPY(n->leavers[i].instance_id, n->leaving[i]->id);
		parse_ipv4(n->leaving[i]->record.namespace_ip, &n->leavers[i].ip);
	}
	worker->is_detaching = true;
	op_begin(worker, EXECUTOR_NETWORK, &n->op);
}

void network_detach(struct winst *inst)
{
	struct worker *worker = inst->worker;

	if (!worker->overlay) { /* it could not be opened: there is nothing of ours to find */
		inst->is_attached = false;
		inst->may_have_link = false;
		winst_step_done(inst);
		return;
	}
	*ARRAY_ADD(worker->leaving, worker->n_leaving) = inst;
	detach_begin(worker);
}

/* 0 where there is none. */
static uint32_t addr_of(const char *text)
{
	uint32_t addr = 0;

	return text && parse_ipv4(text, &addr) == 0 ? addr : 0;
}

static struct overlay_service *table_service(struct net_op *n, struct map *by_name,
					     const char *sname, const char *rr_ip, const char *port)
{
	size_t at = (size_t)(uintptr_t)map_find(by_name, sname);
	struct err err;

	if (at)
		return &n->table.services[at - 1];
	struct overlay_service *s = ARRAY_ADD(n->table.services, n->table.n_services);
	strv_add(&n->names, sname);
	s->sname = n->names.items[n->names.n - 1];
	s->rr_ip = addr_of(rr_ip);
	if (port && ports_parse(port, s->ports, &s->n_ports, &err) < 0)
		s->n_ports = 0;
	map_set(by_name, sname, (void *)(uintptr_t)n->table.n_services);
	return s;
}

static void add_told(struct worker *worker, struct net_op *n, struct map *by_name)
{
	for (size_t i = 0; i < worker->table.n_services; i++) {
		const struct msg_table_service *told = &worker->table.services[i];
		struct overlay_service *s = table_service(n, by_name, told->sname, told->rr_ip,
							  told->port);

		for (size_t k = 0; k < told->n_backends; k++) {
			const struct msg_backend *b = &told->backends[k];

			if (map_find(&worker->instances, b->instance_id) ||
			    str_eq(b->node_id, worker->config.node_id))
				continue;
			struct overlay_backend *o = ARRAY_ADD(s->backends, s->n_backends);
			STR_COPY(o->instance_id, b->instance_id);
			o->number = b->instance_number;
			o->is_ready = b->is_ready;
			o->namespace_ip = addr_of(b->namespace_ip);
			o->instance_ip = addr_of(b->instance_ip);
		}
	}
}

static bool is_serving(const struct winst *inst)
{
	return inst->run == RUN_ALIVE && !inst->is_draining && inst->life.is_ready &&
	       !pause_keeps_traffic_away(inst);
}

static void add_own(struct worker *worker, struct net_op *n, struct map *by_name)
{
	map_for_each(&worker->instances, i, e) {
		const struct winst *inst = e->value;
		const struct msg_deploy *d = inst->current.generation ? &inst->current
								      : &inst->wish;

		/* One that nobody remembers has no service, and the mapping of one that stops must not
		 * outlive its wish. */
		if (!d->sname || (!inst->record.is_wished && inst->run != RUN_ALIVE))
			continue;
		struct overlay_service *s = table_service(n, by_name, d->sname, d->rr_ip,
							  d->spec.port);
		struct overlay_backend *o = ARRAY_ADD(s->backends, s->n_backends);
		STR_COPY(o->instance_id, inst->id);
		o->number = d->instance_number;
		o->is_local = true;
		o->is_ready = is_serving(inst);
		if (inst->run == RUN_ALIVE)
			o->namespace_ip = addr_of(inst->record.namespace_ip);
		o->instance_ip = addr_of(d->instance_ip);
	}
}

/* By an instance of another node, as the server told last. */
static bool is_served_elsewhere(const struct worker *worker, const struct msg_table_service *told)
{
	for (size_t i = 0; i < told->n_backends; i++)
		if (told->backends[i].is_ready &&
		    !str_eq(told->backends[i].node_id, worker->config.node_id))
			return true;
	return false;
}

bool network_has_others(const struct winst *inst)
{
	const struct worker *worker = inst->worker;
	const char *sname = inst->current.sname;

	map_for_each(&worker->instances, i, e) {
		const struct winst *other = e->value;

		if (other != inst && is_serving(other) && str_eq(other->current.sname, sname))
			return true;
	}
	for (size_t i = 0; i < worker->table.n_services; i++)
		if (str_eq(worker->table.services[i].sname, sname))
			return is_served_elsewhere(worker, &worker->table.services[i]);
	return false;
}

static void publish_run(struct op *op)
{
	struct net_op *n = container_of(op, struct net_op, op);

	op->result = n->driver->publish(n->overlay, &n->table, &op->err);
}

static void on_publish_retry(void *arg)
{
	struct worker *worker = arg;

	worker->publish_retry = NULL;
	network_publish(worker);
}

/* One may have ended already, and its end not been looked at yet. (A simulated process belongs to no
 * boot.) */
static bool is_running(const struct winst *inst)
{
	const struct proc_id *proc = &inst->status.proc;

	return inst->run == RUN_ALIVE && inst->status.phase == RUNTIME_RUNNING &&
	       !inst->is_draining && (!proc->boot_id[0] || proc_is_alive(proc));
}

static void tell_running(struct worker *worker, uint64_t seq)
{
	bool is_told = false;

	map_for_each(&worker->instances, i, e) {
		struct winst *inst = e->value;

		if (!inst->publish_after || inst->publish_after > seq)
			continue;
		inst->publish_after = 0;
		if (!is_running(inst))
			continue;
		if (inst->status.is_paused)
			pause_tell(inst);
		else if (inst->life.is_ready && !pause_keeps_traffic_away(inst))
			winst_set_state(inst, STATE_RUNNING, "%s", "");
		else
			continue;
		is_told = true;
	}
	if (is_told)
		stats_soon(worker);
	worker_check_ready(worker);
}

static void publish_done(struct op *op)
{
	struct net_op *n = container_of(op, struct net_op, op);
	struct worker *worker = op->worker;

	worker->is_publishing = false;
	if (op->result < 0) {
		log_error("overlay: publish addresses: %s", op->err.msg);
		timer_cancel(worker->publish_retry);
		worker->publish_retry = timer_start(worker->config.loop, PUBLISH_RETRY_MS,
						    on_publish_retry, worker);
	} else {
		tell_running(worker, n->seq);
	}
	drain_published(worker, n->seq);
	if (worker->needs_publish)
		publish_begin(worker);
	if (worker->is_down)
		down_check(worker);
}

static void on_publish_due(void *arg)
{
	struct worker *worker = arg;

	worker->publish_timer = NULL;
	publish_begin(worker);
}

static void publish_begin(void *arg)
{
	struct worker *worker = arg;
	struct map by_name = { 0 };

	if (worker->is_publishing || worker->publish_timer || !worker->is_setup ||
	    worker->is_closing_down || !worker->overlay)
		return; /* publish_done, on_publish_due or setup_done comes back to it */
	uint64_t wait_ms = wait_for_others(worker, &worker->publish_pace);
	if (wait_ms) {
		worker->publish_timer = timer_start(worker->config.loop, wait_ms, on_publish_due,
						    worker);
		return;
	}
	worker->needs_publish = false;
	worker->is_publishing = true;
	struct net_op *n = net_op_new(worker, NULL, publish_run, publish_done);
	n->seq = ++worker->publish_seq;
	add_told(worker, n, &by_name);
	add_own(worker, n, &by_name);
	map_fini(&by_name);
	op_begin(worker, EXECUTOR_NETWORK, &n->op);
}

uint64_t network_publish(struct worker *worker)
{
	/* Begun in a later turn, so that a burst of changes is one publication. */
	if (!worker->needs_publish) {
		worker->needs_publish = true;
		loop_post(worker->config.loop, publish_begin, worker);
	}
	return worker->publish_seq + 1;
}

void network_init(struct worker *worker)
{
	worker->publish_pace = publish_pace;
	worker->detach_pace = detach_pace;
}

/* Its timers are the loop's, and gone with it. */
void network_fini(struct worker *worker)
{
	free(worker->leaving);
}
