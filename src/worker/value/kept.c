/* What the server has sent: sealed in memory and on disk. */
#include "base/base64.h"
#include "wire/secretbox/secretbox.h"
#include "worker/private.h"
#include "worker/value/private.h"

static const struct field kept_fields[] = {
	FIELD(struct kept_value, revision, "revision", F_U64),
	FIELD(struct kept_value, sealed, "sealed", F_STR, .flags = F_REQUIRED),
};
static FIELD_TABLE(kept_table, struct kept_value, "value", kept_fields);

char *values_key(enum value_kind kind, const char *name)
{
	return xasprintf("%s/%s", value_kind_names[kind], name);
}

char *values_label(const char *key, uint64_t revision)
{
	return xasprintf("%s revision %lu", key, revision);
}

static void kept_free(struct kept_value *kept)
{
	if (!kept)
		return;
	free(kept->error);
	fields_fini(&kept_table, kept);
	free(kept);
}

int values_load_one(struct worker *worker, const char *key, const char *body, struct err *err)
{
	struct kept_value *kept = NEW(struct kept_value);
	int r = fields_parse_text(&kept_table, body, kept, FIELD_UNKNOWN_IGNORE, err);

	if (r < 0)
		kept_free(kept);
	else
		map_set(&worker->values, key, kept);
	return r;
}

void values_loaded(struct worker *worker)
{
	auto_strv struct strv ids = { 0 };
	struct err err;

	if (secrets_list(&worker->config.secrets, &ids, &err) < 0)
		log_warning("%s", err.msg);
	for (size_t i = 0; i < ids.n; i++)
		if (!map_find(&worker->instances, ids.items[i]) &&
		    secrets_remove(&worker->config.secrets, ids.items[i], &err) < 0)
			log_warning("%s", err.msg);
}

void values_free_all(struct worker *worker)
{
	map_for_each(&worker->values, i, e)
		kept_free(e->value);
	map_fini(&worker->values);
}

static void on_noted(void *arg, const struct err *err)
{
	if (err->code)
		log_warning("keep secrets and configuration: %s", err->msg);
}

static void save(struct worker *worker, const char *key, const struct kept_value *kept)
{
	struct store_batch batch = { 0 };

	if (kept)
		store_batch_put(&batch, KIND_VALUE, key, fields_format(&kept_table, kept));
	else
		store_batch_delete(&batch, KIND_VALUE, key);
	store_commit_begin(worker->store, &batch, on_noted, worker);
}

static void drop(struct worker *worker, const char *key)
{
	struct kept_value *kept = map_remove(&worker->values, key);

	if (kept)
		save(worker, key, NULL);
	kept_free(kept);
}

static bool is_wanted_by(const struct service_spec *spec, const char *key)
{
	const char *name = strchr(key, '/') + 1;

	return value_is_wanted(spec, str_starts(key, "secret/") ? VALUE_SECRET : VALUE_CONFIG,
			       name);
}

static bool instance_wants(const struct winst *inst, const char *key)
{
	return is_wanted_by(&inst->wish.spec, key) || is_wanted_by(&inst->current.spec, key);
}

static bool is_wanted(const struct worker *worker, const char *key)
{
	map_for_each(&worker->instances, i, e)
		if (instance_wants(e->value, key))
			return true;
	return false;
}

void values_prune(struct worker *worker)
{
	map_for_each(&worker->values, i, e) {
		auto_free char *key = xstrdup(e->key);

		if (!is_wanted(worker, key))
			drop(worker, key);
	}
}

/* What waits for it need not wait any longer, and files that can change do. */
static void tell_instances(struct worker *worker, const char *key)
{
	map_for_each(&worker->instances, i, e) {
		struct winst *inst = e->value;

		if (!instance_wants(inst, key))
			continue;
		if (inst->run == RUN_ABSENT)
			inst->retry = timer_cancel(inst->retry);
		values_refresh(inst);
		winst_tick(inst);
	}
}

static bool is_the_same(const struct secretbox *box, const struct kept_value *kept, const char *key,
			const struct secret *bytes)
{
	auto_free char *label = values_label(key, kept->revision);
	auto_secret struct secret had = { 0 };
	struct err ignored;

	return kept->sealed && secretbox_unseal(box, label, kept->sealed, &had, &ignored) == 0 &&
	       secret_equal(&had, bytes);
}

/* The node's copies can be had again: so a key file that was lost is made anew. */
static int open_box(const struct worker *worker, struct secretbox **ret, struct err *err)
{
	const char *path = worker->config.value_key_path;
	int r = 0;

	if (!path)
		return err_set(err, -ENOTSUP, "this node was given no key file");
	if (!path_exists(path))
		r = secretbox_make_key(path, err);
	return r < 0 ? r : secretbox_open(path, ret, err);
}

/* 1: it is new. */
static int keep(const struct worker *worker, struct kept_value *kept, const char *key,
		const struct msg_value *message, struct err *err)
{
	auto_(secretbox_close) struct secretbox *box = NULL;
	auto_free char *label = values_label(key, message->revision);
	auto_secret struct secret bytes = { 0 };

	if (message->error)
		return err_set(err, -EIO, "the server cannot read it: %s", message->error);
	if (!message->body || base64_parse(message->body, &bytes) < 0)
		return err_set(err, -EBADMSG, "it came damaged");
	int r = open_box(worker, &box, err);
	if (r < 0)
		return r;
	if (kept->revision == message->revision && is_the_same(box, kept, key, &bytes))
		return 0;
	free(kept->sealed);
	kept->sealed = secretbox_seal(box, label, &bytes);
	kept->revision = message->revision;
	return 1;
}

static void take(struct worker *worker, const char *key, const struct msg_value *message)
{
	struct kept_value *kept = map_find(&worker->values, key);
	struct err err;

	if (!kept) {
		kept = NEW(struct kept_value);
		map_set(&worker->values, key, kept);
	}
	free(TAKE(kept->error));
	int r = keep(worker, kept, key, message, &err);
	if (r < 0) {
		log_warning("%s: %s", key, err.msg);
		kept->error = xstrdup(err.msg);
	}
	if (r <= 0)
		return;
	worker->value_seq++;
	save(worker, key, kept);
	tell_instances(worker, key);
}

void values_on_message(struct worker *worker, const char *payload)
{
	struct msg_value message = { 0 };
	struct err err;

	if (fields_parse_text(&msg_value_table, payload, &message, FIELD_UNKNOWN_IGNORE, &err) <
	    0) {
		log_error("value message: not understood"); /* what it says may be the secret */
		return;
	}
	auto_free char *key = values_key(message.kind, message.name);
	if (!value_name_is_valid(message.name))
		log_error("value message: bad name");
	else if (message.is_removed)
		drop(worker, key);
	else
		take(worker, key, &message);
	secret_free_text(TAKE(message.body));
	fields_fini(&msg_value_table, &message);
}
