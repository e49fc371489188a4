/* The worker's life: load, open drivers, adopt what runs, register, converge; see instance.c for
 * what happens to one instance. */
#include "worker/private.h"
#include "worker/worker.h"

struct runtime_slot *worker_find_slot(struct worker *worker, const char *virtualization)
{
	for (size_t i = 0; i < worker->config.n_runtimes; i++) {
		struct runtime_slot *slot = &worker->slots[i];

		if (slot->state && strv_has(&slot->info.virtualization, virtualization))
			return slot;
	}
	return NULL;
}

bool worker_is_pending(const struct worker *worker, const char *virtualization)
{
	for (size_t i = 0; i < worker->config.n_runtimes; i++)
		if (strv_has(&worker->slots[i].info.pending, virtualization))
			return true;
	return false;
}

bool worker_is_probing(const struct worker *worker)
{
	for (size_t i = 0; i < worker->config.n_runtimes; i++)
		if (worker->slots[i].is_probing)
			return true;
	return false;
}

void worker_tell_ready(struct worker *worker, const struct err *err)
{
	static const struct err none = { 0 };

	if (worker->is_ready_told)
		return;
	worker->is_ready_told = true;
	if (worker->config.ready)
		worker->config.ready(worker->config.arg, err ? err : &none);
}

void worker_check_ready(struct worker *worker)
{
	if (!worker->is_accepted || !worker->is_synced || !worker->is_setup)
		return;
	map_for_each(&worker->instances, i, e) {
		const struct winst *inst = e->value;

		if (inst->run == RUN_ALIVE && inst->record.is_wished && !inst->is_draining &&
		    inst->life.is_ready && inst->state != STATE_RUNNING)
			return;
	}
	worker_tell_ready(worker, NULL);
}

struct worker *worker_new(const struct worker_config *config, struct err *err)
{
	struct worker *worker = NEW(struct worker);

	worker->config = *config;
	worker->config.images.tokens = image_tokens_new();
	worker->nameserver_fd = -1;
	network_init(worker);
	list_init(&worker->ops);
	list_init(&worker->saves);
	list_init(&worker->logs);
	list_init(&worker->calls);
	list_init(&worker->execs.list);
	list_init(&worker->attaches.list);
	list_init(&worker->copies.list);
	worker->store = store_open(config->loop, config->store, config->store_where, err);
	if (!worker->store || records_load(worker, err) < 0 || volumes_load(worker, err) < 0) {
		worker_free(worker);
		return NULL;
	}
	messages_begin(worker);
	worker->images = images_new(worker);
	values_loaded(worker);
	streams_begin(worker);
	open_begin(worker);
	return worker;
}

static void close_drivers(struct worker *worker)
{
	for (size_t i = 0; i < worker->config.n_runtimes; i++) {
		struct runtime_slot *slot = &worker->slots[i];

		if (slot->state)
			slot->driver->close(slot->state);
		runtime_info_fini(&slot->info);
	}
	if (worker->overlay)
		worker->config.overlay->close(worker->overlay);
}

void worker_leave(struct worker *worker)
{
	volumes_cancel_all(worker);
	copy_leave_all(worker);
	op_cancel_all(&worker->ops, EXECUTOR_TRANSFER);
	op_cancel_all(&worker->ops, EXECUTOR_PROBE);
}

struct worker *worker_free(struct worker *worker)
{
	if (!worker)
		return NULL;
	fetch_free_all(worker);
	images_free(worker->images);
	op_free_all(&worker->ops);
	streams_free_all(worker);
	records_free_all(worker);
	map_for_each(&worker->instances, i, e)
		winst_free(e->value);
	map_fini(&worker->instances);
	close_drivers(worker);
	volumes_close(worker->volumes);
	volume_info_fini(&worker->volume_info);
	store_close(worker->store);
	network_fini(worker);
	image_tokens_free(worker->config.images.tokens);
	strv_fini(&worker->subnets);
	strv_fini(&worker->problems);
	if (worker->nameserver_fd >= 0)
		close(worker->nameserver_fd);
	fields_fini(&msg_table_table, &worker->table);
	values_free_all(worker);
	free(worker);
	return NULL;
}
