/* What one instance gets of secrets and configuration: sealed on the loop, opened on an executor,
 * wiped with the step that needed it. */
#include "wire/secretbox/secretbox.h"
#include "worker/private.h"
#include "worker/value/private.h"

/* One reference of a spec, which outlives it. */
struct values_item {
	const struct sla_value *ref;
	char *path;   /* below the instance's folder; NULL: environment */
	char *key;    /* "secret/NAME" */
	char *label;  /* of the sealed text */
	char *sealed; /* NULL: it is not here */
	char *error;  /* why */
};

void values_given_fini(struct values_given *given)
{
	for (size_t i = 0; i < given->n; i++) {
		struct values_item *item = &given->items[i];
		char *const strings[] = { item->path, item->key, item->label, item->sealed,
					  item->error };

		for (size_t k = 0; k < ARRAY_LEN(strings); k++)
			free(strings[k]);
	}
	free(given->items);
	secrets_files_fini(&given->files);
	for (size_t i = 0; i < given->env.n; i++)
		secret_free_text(TAKE(given->env.items[i]));
	free(given->env.items);
	strv_fini(&given->mount_paths);
	*given = (struct values_given){ 0 };
}

/* "/run/secrets/db" is secrets/db, other files have a number. A unikernel sees whole folders, which
 * are below the instance's where they are to be in the guest: run/secrets/db. */
static char *path_of(const struct service_spec *spec, const struct sla_value *ref, size_t index)
{
	const char *dir;
	const char *rest = ref->file ? value_path_in_dir(ref->file, &dir) : NULL;

	if (!ref->file)
		return NULL;
	if (spec_is_unikernel(spec))
		return xstrdup(ref->file + 1);
	if (rest)
		return xasprintf("%s/%s", strrchr(dir, '/') + 1, rest);
	return xasprintf("files/%zu", index);
}

static void add_item(struct worker *worker, enum value_kind kind, const struct sla_value *ref,
		     struct values_given *given)
{
	struct values_item *item = ARRAY_ADD(given->items, given->n);

	item->ref = ref;
	item->path = path_of(given->spec, ref, given->n);
	item->key = values_key(kind, ref->name);
	given->has_files |= item->path != NULL;
	const struct kept_value *kept = map_find(&worker->values, item->key);
	if (kept && kept->sealed) {
		item->sealed = xstrdup(kept->sealed);
		item->label = values_label(item->key, kept->revision);
		return;
	}
	item->error = xstrdup(kept && kept->error
				      ? kept->error
				      : "it is not on this node: removed, or not sent yet");
	given->is_lacking = true;
}

void values_give(struct worker *worker, const struct service_spec *spec, bool is_update,
		 struct values_given *ret)
{
	*ret = (struct values_given){ .spec = spec,
				      .key_path = worker->config.value_key_path,
				      .place = worker->config.secrets,
				      .seq = worker->value_seq };
	strv_copy(&ret->env, &spec->environment);
	for (enum value_kind kind = 0; kind < VALUE_KIND_N; kind++) {
		size_t n;
		const struct sla_value *refs = value_refs(spec, kind, &n);

		for (size_t i = 0; i < n; i++) {
			const char *dir;
			bool may_change = refs[i].file && value_path_in_dir(refs[i].file, &dir);

			if (!is_update || may_change)
				add_item(worker, kind, &refs[i], ret);
		}
	}
}

static void add_mount(struct values_given *given, const char *source, const char *target,
		      struct runtime_mount **mounts, size_t *n_mounts)
{
	strv_add(&given->mount_paths, source);
	*ARRAY_ADD(*mounts, *n_mounts) = (struct runtime_mount){
		.source = given->mount_paths.items[given->mount_paths.n - 1],
		.target = target,
		.is_read_only = true,
		.is_given = true,
	};
}

static bool has_target(const struct runtime_mount *mounts, size_t n, const char *target)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq(mounts[i].target, target))
			return true;
	return false;
}

static void add_folder(struct values_given *given, const char *root, const struct sla_value *ref,
		       struct runtime_mount **mounts, size_t *n_mounts)
{
	auto_free char *dir = value_unikernel_dir(given->spec, ref);

	if (has_target(*mounts, *n_mounts, dir))
		return;
	auto_free char *source = path_join(root, dir + 1);
	strv_add(&given->mount_paths, dir);
	add_mount(given, source, given->mount_paths.items[given->mount_paths.n - 1], mounts,
		  n_mounts);
}

void values_add_mounts(struct values_given *given, const char *instance_id,
		       struct runtime_mount **mounts, size_t *n_mounts)
{
	if (!given->has_files || !given->place.root)
		return;
	auto_free char *root = secrets_path(&given->place, instance_id);
	for (size_t i = 0; i < given->n; i++) {
		const struct values_item *item = &given->items[i];
		const char *target = NULL;

		if (!item->path)
			continue;
		if (spec_is_unikernel(given->spec)) {
			add_folder(given, root, item->ref, mounts, n_mounts);
		} else if (!value_path_in_dir(item->ref->file, &target)) {
			auto_free char *source = path_join(root, item->path);

			add_mount(given, source, item->ref->file, mounts, n_mounts);
		} else if (!has_target(*mounts, *n_mounts, target)) {
			auto_free char *source = path_join(root, strrchr(target, '/') + 1);

			add_mount(given, source, target, mounts, n_mounts);
		}
	}
}

static int add_env(struct values_given *given, const struct values_item *item,
		   const struct secret *bytes, struct err *err)
{
	if (!secret_is_text(bytes))
		return err_set(err, -EINVAL, "%s has a NUL byte: it can be a file, not variable %s",
			       item->key, item->ref->env);
	if (bytes->len + strlen(item->ref->env) + 2 > VALUE_ENV_SIZE_MAX)
		return err_set(err, -E2BIG, "%s of %zu bytes is too large for variable %s",
			       item->key, bytes->len, item->ref->env);
	strv_take(&given->env, xasprintf("%s=%s", item->ref->env,
					 bytes->bytes ? (const char *)bytes->bytes : ""));
	return 0;
}

static int open_item(struct values_given *given, const struct secretbox *box,
		     const struct values_item *item, struct err *err)
{
	auto_secret struct secret bytes = { 0 };

	if (item->error)
		return err_set(err, -ENOENT, "%s: %s", item->key, item->error);
	int r = secretbox_unseal(box, item->label, item->sealed, &bytes, err);
	if (r == 0 && !item->path)
		r = add_env(given, item, &bytes, err);
	if (r < 0 || !item->path)
		return r;
	/* Its QEMU reads as anybody; who else there is does not get to the folder above. */
	bool is_unikernel = spec_is_unikernel(given->spec);
	*ARRAY_ADD(given->files.items, given->files.n) = (struct secrets_file){
		.path = xstrdup(item->path),
		.bytes = bytes,
		.mode = is_unikernel ? VALUE_MODE_UNIKERNEL : value_mode(item->ref),
		.uid = is_unikernel ? 0 : item->ref->uid,
		.gid = is_unikernel ? 0 : item->ref->gid,
	};
	bytes = (struct secret){ 0 };
	return 0;
}

static int open_all(struct values_given *given, struct err *err)
{
	auto_(secretbox_close) struct secretbox *box = NULL;
	int r = 0;

	for (size_t i = 0; i < given->n; i++)
		if (given->items[i].error)
			return open_item(given, NULL, &given->items[i], err);
	if (given->n)
		r = secretbox_open(given->key_path, &box, err);
	for (size_t i = 0; r == 0 && i < given->n; i++)
		r = open_item(given, box, &given->items[i], err);
	if (r == -ENOENT || r == -EKEYREJECTED || r == -EBADMSG)
		given->is_lacking = true; /* the node's copy is of no use: the server has another */
	return r;
}

int values_put(struct values_given *given, const char *instance_id, struct err *err)
{
	int r = open_all(given, err);

	if (r == 0 && given->files.n && !given->place.root)
		r = err_set(err, -ENOTSUP, "this node has no place for files of secrets");
	if (r == 0 && given->files.n)
		r = secrets_put(&given->place, instance_id, &given->files, err);
	return r;
}

struct refresh_op {
	struct op op;
	char id[ID_SIZE];
	struct msg_deploy deploy;
	struct values_given given;
};

static void refresh_fini(struct op *op)
{
	struct refresh_op *r = container_of(op, struct refresh_op, op);

	values_given_fini(&r->given);
	fields_fini(&msg_deploy_table, &r->deploy);
}

static void refresh_run(struct op *op)
{
	struct refresh_op *r = container_of(op, struct refresh_op, op);

	op->result = open_all(&r->given, &op->err);
	if (op->result == 0)
		op->result = secrets_update(&r->given.place, r->id, &r->given.files, &op->err);
}

static void refresh_done(struct op *op)
{
	struct refresh_op *r = container_of(op, struct refresh_op, op);
	struct winst *inst = map_find(&op->worker->instances, r->id);

	if (op->result < 0 && op->result != -ENOENT && op->result != -ECANCELED)
		log_warning("instance %s: renew secrets and configuration: %s", r->id, op->err.msg);
	if (!inst)
		return;
	inst->is_refreshing = false;
	if (inst->needs_refresh)
		values_refresh(inst);
}

void values_refresh(struct winst *inst)
{
	inst->needs_refresh = inst->is_refreshing;
	if (inst->is_refreshing || inst->run != RUN_ALIVE)
		return;
	struct refresh_op *r = NEW(struct refresh_op);
	r->op = (struct op){ .run = refresh_run, .done = refresh_done, .fini = refresh_fini };
	STR_COPY(r->id, inst->id);
	fields_copy(&msg_deploy_table, &inst->current, &r->deploy);
	values_give(inst->worker, &r->deploy.spec, true, &r->given);
	if (!r->given.n || !r->given.place.root) {
		refresh_fini(&r->op);
		free(r);
		return;
	}
	inst->is_refreshing = true;
	op_begin(inst->worker, EXECUTOR_RUNTIME, &r->op);
}
