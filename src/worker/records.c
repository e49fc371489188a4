/* The worker's state on disk: per instance the wish, the spec it runs by and a small record; the
 * node's address blocks; unikernels that were had. */
#include "worker/private.h"

#define KIND_WISH      "wish"
#define KIND_CURRENT   "current"
#define KIND_RECORD    "record"
#define KIND_SUBNETS   "subnets"
#define KIND_UNIKERNEL "unikernel"

static const struct field record_fields[] = {
	FIELD(struct run_record, is_wished, "is_wished", F_BOOL, .flags = F_REQUIRED),
	FIELD(struct run_record, namespace_ip, "namespace_ip", F_CHARS),
	FIELD(struct run_record, incarnation, "incarnation", F_U32),
	FIELD(struct run_record, digest, "digest", F_CHARS),
	FIELD(struct run_record, restarts, "restarts", F_U32),
	FIELD(struct run_record, started_incarnation, "started_incarnation", F_U32),
	FIELD(struct run_record, ready_incarnation, "ready_incarnation", F_U32),
	FIELD(struct run_record, is_completed, "is_completed", F_BOOL),
	FIELD(struct run_record, is_failed, "is_failed", F_BOOL),
	FIELD(struct run_record, detail, "detail", F_CHARS),
	FIELD(struct run_record, failures, "failures", F_U32),
	FIELD(struct run_record, retry_at_ms, "retry_at_ms", F_U64),
	FIELD(struct run_record, run_ms, "run_ms", F_U64),
	FIELD(struct run_record, previous_ms, "previous_ms", F_U64),
};
static FIELD_TABLE(record_table, struct run_record, "record", record_fields);

static int load_instance(struct worker *worker, const char *kind, const char *id, const char *body,
			 struct err *err)
{
	struct winst *inst = map_find(&worker->instances, id);

	if (!inst)
		inst = winst_new(worker, id);
	if (str_eq(kind, KIND_RECORD)) {
		int r = fields_parse_text(&record_table, body, &inst->record, FIELD_UNKNOWN_IGNORE,
					  err);

		inst->may_have_link = inst->record.namespace_ip[0] != '\0';
		winst_resume_back_off(inst);
		return r;
	}
	if (str_eq(kind, KIND_CURRENT)) /* a start or stop of it may have been broken off */
		inst->may_have_run = true;
	return fields_parse_text(&msg_deploy_table, body,
				 str_eq(kind, KIND_WISH) ? &inst->wish : &inst->current,
				 FIELD_UNKNOWN_IGNORE, err);
}

static int load_subnets(struct worker *worker, const char *body, struct err *err)
{
	struct msg_accept accept = { 0 };
	int r = fields_parse_text(&msg_accept_table, body, &accept, FIELD_UNKNOWN_IGNORE, err);

	if (r == 0)
		worker->subnets = accept.subnets;
	return r;
}

static int on_document(void *arg, const char *kind, const char *id, const char *body,
		       struct err *err)
{
	struct worker *worker = arg;

	if (str_eq(kind, KIND_WISH) || str_eq(kind, KIND_CURRENT) || str_eq(kind, KIND_RECORD))
		return load_instance(worker, kind, id, body, err);
	if (str_eq(kind, KIND_SUBNETS))
		return load_subnets(worker, body, err);
	if (str_eq(kind, "value"))
		return values_load_one(worker, id, body, err);
	if (str_eq(kind, KIND_UNIKERNEL))
		fetch_load_unikernel(worker, id, body);
	return 0;
}

int records_load(struct worker *worker, struct err *err)
{
	int r = store_load(worker->store, on_document, worker, err);

	return r < 0 ? err_wrap(err, "load the worker's state") : 0;
}

/* A commit under way: one of the worker's, freed with it if the store never answers. */
struct save {
	struct list node;
	struct worker *worker;
	char id[ID_SIZE];
};

static struct save *save_new(struct winst *inst)
{
	struct save *save = NEW(struct save);

	save->worker = inst->worker;
	STR_COPY(save->id, inst->id);
	list_push(&inst->worker->saves, &save->node);
	return save;
}

static void save_free(struct save *save)
{
	list_remove(&save->node);
	free(save);
}

void records_free_all(struct worker *worker)
{
	while (!list_is_empty(&worker->saves))
		save_free(container_of(worker->saves.next, struct save, node));
}

static void on_saved(void *arg, const struct err *err)
{
	struct save *save = arg;
	struct winst *inst = map_find(&save->worker->instances, save->id);

	save_free(save);
	if (!inst)
		return;
	inst->n_saving--;
	if (err->code) {
		winst_save_fail(inst, err);
		return;
	}
	winst_tick(inst);
}

void records_save(struct winst *inst)
{
	struct store_batch batch = { 0 };

	inst->needs_save = false;
	store_batch_put(&batch, KIND_WISH, inst->id, fields_format(&msg_deploy_table, &inst->wish));
	store_batch_put(&batch, KIND_RECORD, inst->id, fields_format(&record_table, &inst->record));
	if (inst->current.generation)
		store_batch_put(&batch, KIND_CURRENT, inst->id,
				fields_format(&msg_deploy_table, &inst->current));
	inst->n_saving++;
	store_commit_begin(inst->worker->store, &batch, on_saved, save_new(inst));
}

static void on_forgotten(void *arg, const struct err *err)
{
	struct save *save = arg;
	struct winst *inst = map_find(&save->worker->instances, save->id);
	struct worker *worker = save->worker;

	save_free(save);
	if (!inst)
		return;
	inst->is_busy = false;
	if (err->code) {
		winst_fail(inst, err);
		return;
	}
	images_left(worker->images, inst);
	map_remove(&worker->instances, inst->id);
	timer_cancel(inst->retry);
	timer_cancel(inst->update_retry);
	winst_free(inst);
	values_prune(worker);
	network_publish(worker);
	if (worker->is_down)
		down_check(worker);
}

/* The log goes first: once the record is gone nobody knows of it. */
void records_forget(struct winst *inst)
{
	auto_free char *log = logs_path(inst->worker, inst->id);
	struct store_batch batch = { 0 };

	logs_remove(log);

	store_batch_delete(&batch, KIND_WISH, inst->id);
	store_batch_delete(&batch, KIND_RECORD, inst->id);
	store_batch_delete(&batch, KIND_CURRENT, inst->id);
	store_commit_begin(inst->worker->store, &batch, on_forgotten, save_new(inst));
}

static void on_noted(void *arg, const struct err *err)
{
	if (err->code)
		log_warning("worker state: %s", err->msg);
}

void records_note(struct winst *inst)
{
	struct store_batch batch = { 0 };

	store_batch_put(&batch, KIND_RECORD, inst->id, fields_format(&record_table, &inst->record));
	store_commit_begin(inst->worker->store, &batch, on_noted, inst->worker);
}

void records_save_subnets(struct worker *worker)
{
	struct store_batch batch = { 0 };
	struct msg_accept accept = { .subnets = worker->subnets };

	store_batch_put(&batch, KIND_SUBNETS, "node", fields_format(&msg_accept_table, &accept));
	store_commit_begin(worker->store, &batch, on_noted, worker);
}

void records_forget_unikernel(struct worker *worker, const char *url)
{
	struct store_batch batch = { 0 };

	store_batch_delete(&batch, KIND_UNIKERNEL, url);
	store_commit_begin(worker->store, &batch, on_noted, worker);
}

void records_save_unikernel(struct worker *worker, const char *url,
			    const struct unikernel_image *image)
{
	struct store_batch batch = { 0 };
	auto_json_out struct json_out out;
	char *body;
	struct err err;

	json_out_init(&out, 1 << 16);
	json_out_object(&out, NULL);
	json_out_str(&out, "dir", image->dir);
	json_out_str(&out, "digest", image->digest);
	json_out_str(&out, "platform", image->platform);
	json_out_object_end(&out);
	if (json_out_finish(&out, &body, &err) < 0)
		return;
	store_batch_put(&batch, KIND_UNIKERNEL, url, body);
	store_commit_begin(worker->store, &batch, on_noted, worker);
}
