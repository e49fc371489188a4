/* Secrets and configuration objects: set, removed, looked at. A secret is sealed before it becomes part
 * of the state, under its name and revision; only the key file opens it again. */
#include "base/base64.h"
#include "model/hook.h"
#include "server/private.h"
#include "wire/secretbox/secretbox.h"

#define VALUES_MAX       1000 /* of each kind */
#define VALUES_BYTES_MAX (64u << 20)
#define USERS_SHOWN_MAX  3
#define NO_KEY_FILE      "this server keeps no secrets: it was given no key file"

struct setting {
	enum value_kind kind;
	char *name;
	struct secret bytes;
	bool is_forced;
	struct plan_answer answer;
};

static enum kind kind_of(enum value_kind kind)
{
	return kind == VALUE_SECRET ? KIND_SECRET : KIND_CONFIG;
}

static enum value_kind value_kind_of(enum kind kind)
{
	return kind == KIND_SECRET ? VALUE_SECRET : VALUE_CONFIG;
}

const struct value *values_find(const struct server *server, enum value_kind kind, const char *name,
				bool is_next)
{
	map_for_each(&server->docs[kind_of(kind)], i, e) {
		const struct doc *doc = e->value;
		const struct value *value = is_next ? doc_next(doc) : doc->cur;

		if (value && str_eq(value->name, name))
			return value;
	}
	return NULL;
}

/* The id tells it from one of the same name that was removed. */
static char *label_of(const struct value *value)
{
	return xasprintf("secret %s %s revision %lu", value->name, value->id, value->revision);
}

int values_unseal(const struct server *server, const char *label, const char *sealed,
		  struct secret *ret, struct err *err)
{
	auto_(secretbox_close) struct secretbox *box = NULL;

	if (!server->config.key_path)
		return err_set(err, -ENOTSUP, NO_KEY_FILE);
	if (secretbox_open(server->config.key_path, &box, err) < 0)
		return err_wrap(err, "unseal %s", label);
	return secretbox_unseal(box, label, sealed, ret, err);
}

int values_open(const struct server *server, enum value_kind kind, const struct value *value,
		struct secret *ret, struct err *err)
{
	if (kind == VALUE_CONFIG) {
		if (base64_parse(value->body, ret) == 0)
			return 0;
		return err_set(err, -EBADMSG, "config %s: it is damaged", value->name);
	}
	auto_free char *label = label_of(value);
	return values_unseal(server, label, value->body, ret, err);
}

static size_t count(const struct server *server, enum value_kind kind)
{
	size_t n = 0;

	next_for_each(server, kind_of(kind), struct value, value) n += value->name != NULL;
	return n;
}

/* A lost key file is never replaced by a new one while something sealed by it is there: the old one
 * may yet be found. */
static int open_to_seal(struct server *server, struct secretbox **ret, struct err *err)
{
	const char *path = server->config.key_path;
	size_t n_sealed = count(server, VALUE_SECRET);

	next_for_each(server, KIND_HOOK, struct hook, hook) n_sealed += hook->secret != NULL;
	if (!path)
		return err_set(err, -ENOTSUP, NO_KEY_FILE);
	if (!path_exists(path) && n_sealed)
		return err_set(
			err, -ENOENT,
			"key file %s is missing, and %zu secret%s sealed by it: put it back, "
			"or remove them (holm secret rm --force; hooks) and set them anew",
			path, n_sealed, n_sealed == 1 ? " is" : "s are");
	int r = path_exists(path) ? 0 : secretbox_make_key(path, err);
	return r < 0 ? r : secretbox_open(path, ret, err);
}

int values_seal(struct server *server, const char *label, const struct secret *plain, char **ret,
		struct err *err)
{
	auto_(secretbox_close) struct secretbox *box = NULL;
	int r = open_to_seal(server, &box, err);

	if (r == 0)
		*ret = secretbox_seal(box, label, plain);
	return r;
}

/* `value` has everything but its body. */
static int seal(struct server *server, const struct setting *setting, struct value *value,
		struct err *err)
{
	auto_free char *label = label_of(value);

	if (setting->kind == VALUE_CONFIG) {
		value->body = base64_format(setting->bytes.bytes, setting->bytes.len);
		return 0;
	}
	return values_seal(server, label, &setting->bytes, &value->body, err);
}

static int check_room(const struct server *server, const struct setting *setting, bool is_new,
		      struct err *err)
{
	uint64_t bytes = setting->bytes.len;

	if (is_new && count(server, setting->kind) >= VALUES_MAX)
		return err_set(err, -ENOSPC, "there are %d %ss already, which is the most",
			       VALUES_MAX, value_kind_names[setting->kind]);
	for (enum value_kind kind = 0; kind < VALUE_KIND_N; kind++)
		next_for_each(server, kind_of(kind), struct value, value) bytes += value->size;
	if (bytes > VALUES_BYTES_MAX)
		return err_set(err, -ENOSPC,
			       "all secrets and configuration together would be %lu bytes, at most "
			       "%u are kept",
			       bytes, VALUES_BYTES_MAX);
	return 0;
}

static int check_value(const struct setting *setting, struct err *err)
{
	const char *kind = value_kind_names[setting->kind];

	if (!value_name_is_valid(setting->name))
		return err_set(err, -EINVAL,
			       "%s name \"%.100s\": expected 1 to %d letters, digits, dots, dashes "
			       "and underscores",
			       kind, setting->name, VALUE_NAME_MAX);
	if (setting->bytes.len > VALUE_SIZE_MAX)
		return err_set(err, -E2BIG, "%s %s of %zu bytes: at most %u are kept", kind,
			       setting->name, setting->bytes.len, VALUE_SIZE_MAX);
	if (!setting->bytes.len && setting->kind == VALUE_SECRET)
		return err_set(err, -EINVAL, "secret %s: its value is empty", setting->name);
	return 0;
}

/* Who sees the change only after a start, so that nobody waits for it in vain. */
static void warn_of_late(struct server *server, struct setting *setting)
{
	next_for_each(server, KIND_SERVICE, struct service, service)
	{
		size_t n;
		const struct sla_value *refs = value_refs(&service->spec, setting->kind, &n);

		for (size_t i = 0; i < n; i++) {
			const char *dir;

			if (!str_eq(refs[i].name, setting->name) ||
			    (refs[i].file && value_path_in_dir(refs[i].file, &dir)))
				continue;
			strv_addf(&setting->answer.plan.warnings,
				  "%s has it as %s: what runs keeps the earlier value until its "
				  "next start",
				  service->name, refs[i].env ? refs[i].env : refs[i].file);
		}
	}
}

static struct value *value_new(struct server *server, const struct setting *setting)
{
	struct value *value = NEW(struct value);
	uint8_t random[12];

	loop_random(server->config.loop, random, sizeof(random));
	id_format(random, value->id);
	value->name = xstrdup(setting->name);
	value->created_ms = loop_wall_ms(server->config.loop);
	return value;
}

static int put(struct server *server, struct setting *setting, const struct value *old,
	       struct err *err)
{
	enum kind kind = kind_of(setting->kind);
	int r = check_room(server, setting, !old, err);

	if (r < 0)
		return r;
	struct value *value = old ? object_copy(kind, old) : value_new(server, setting);
	free(TAKE(value->body));
	value->revision++;
	value->size = setting->bytes.len;
	value->is_text = secret_is_text(&setting->bytes);
	value->changed_ms = loop_wall_ms(server->config.loop);
	r = seal(server, setting, value, err);
	if (r < 0)
		object_free(kind, value);
	else
		next_put(server, kind, value->id, value);
	return r;
}

static bool has_it(const struct server *server, const struct setting *setting,
		   const struct value *old)
{
	auto_secret struct secret before = { 0 };
	struct err ignored;

	return old && values_open(server, setting->kind, old, &before, &ignored) == 0 &&
	       secret_equal(&before, &setting->bytes);
}

static int run_set(struct server *server, void *arg, struct err *err)
{
	struct setting *setting = arg;
	const struct value *old = values_find(server, setting->kind, setting->name, true);
	bool is_same = has_it(server, setting, old);
	int r = check_value(setting, err);

	if (r == 0 && !is_same)
		r = put(server, setting, old, err);
	if (r < 0)
		return r;
	plan_add(&setting->answer.plan,
		 is_same ? "unchanged"
		 : old   ? "update"
			 : "create",
		 value_kind_names[setting->kind], setting->name);
	if (old && !is_same)
		warn_of_late(server, setting);
	return 0;
}

/* "a.t.web.t, a.t.db.t and 2 more", "" if there are none; the caller's. */
static char *users_of(struct server *server, enum value_kind kind, const char *name)
{
	auto_strv struct strv users = { 0 };
	size_t n = 0;

	next_for_each(server, KIND_SERVICE, struct service, service)
	{
		if (service_wants(service, kind, name) && ++n <= USERS_SHOWN_MAX)
			strv_add(&users, service->name);
	}
	auto_free char *list = strv_join(&users, ", ");
	if (n <= USERS_SHOWN_MAX)
		return TAKE(list);
	return xasprintf("%s and %zu more", list, n - USERS_SHOWN_MAX);
}

static int no_such(struct err *err, enum value_kind kind, const char *name)
{
	const char *word = value_kind_names[kind];

	return err_set(err, -ENOENT, "no %s %.100s: `holm %s ls` lists what there is", word, name,
		       word);
}

static int run_remove(struct server *server, void *arg, struct err *err)
{
	struct setting *setting = arg;
	const char *kind = value_kind_names[setting->kind];
	const struct value *value = values_find(server, setting->kind, setting->name, true);

	if (!value)
		return no_such(err, setting->kind, setting->name);
	auto_free char *users = users_of(server, setting->kind, setting->name);
	if (*users && !setting->is_forced)
		return err_set(err, -EBUSY,
			       "%s %s is used by %s: take it out of there first, or use --force",
			       kind, setting->name, users);
	if (*users)
		strv_addf(&setting->answer.plan.warnings,
			  "used by %s: what runs keeps it, no instance starts without it", users);
	plan_add(&setting->answer.plan, "delete", kind, setting->name);
	next_put(server, kind_of(setting->kind), value->id, NULL);
	return 0;
}

static void setting_done(struct server *server, void *arg, const struct err *err)
{
	struct setting *setting = arg;

	plan_tell(server, &setting->answer, err);
	secret_fini(&setting->bytes);
	free(setting->name);
	free(setting);
}

static struct setting *setting_new(const struct server_value *value, server_done_fn done, void *arg)
{
	struct setting *setting = NEW(struct setting);

	setting->kind = value->kind;
	setting->name = xstrdup(value->name);
	setting->is_forced = value->is_forced;
	secret_set(&setting->bytes, value->bytes, value->len);
	setting->answer.done = done;
	setting->answer.arg = arg;
	return setting;
}

void server_set_value_begin(struct server *server, const struct server_value *value,
			    server_done_fn done, void *arg)
{
	request_begin(server, run_set, setting_done, setting_new(value, done, arg));
}

void server_remove_value_begin(struct server *server, const struct server_value *value,
			       server_done_fn done, void *arg)
{
	request_begin(server, run_remove, setting_done, setting_new(value, done, arg));
}

int server_read_config(struct server *server, const char *name, struct secret *ret, struct err *err)
{
	const struct value *value = values_find(server, VALUE_CONFIG, name, false);

	if (!value)
		return no_such(err, VALUE_CONFIG, name);
	return values_open(server, VALUE_CONFIG, value, ret, err);
}

static int check_ref(struct server *server, enum value_kind kind, const struct sla_value *ref,
		     struct err *err)
{
	auto_secret struct secret bytes = { 0 };
	const char *word = value_kind_names[kind];
	const struct value *value = values_find(server, kind, ref->name, true);

	if (!value)
		return err_set(err, -ENOENT, "there is no %s %s: make it by `holm %s set %s`", word,
			       ref->name, word, ref->name);
	if (ref->env && !value->is_text)
		return err_set(
			err, -EINVAL,
			"%s %s has a NUL byte: it can be a file, not environment variable %s", word,
			ref->name, ref->env);
	if (ref->env && value->size + strlen(ref->env) + 2 > VALUE_ENV_SIZE_MAX)
		return err_set(
			err, -E2BIG,
			"%s %s of %lu bytes is too large for environment variable %s: it can "
			"be a file",
			word, ref->name, value->size, ref->env);
	return values_open(server, kind, value, &bytes, err);
}

int values_check(struct server *server, const struct service_spec *spec, struct err *err)
{
	for (enum value_kind kind = 0; kind < VALUE_KIND_N; kind++) {
		size_t n;
		const struct sla_value *refs = value_refs(spec, kind, &n);

		for (size_t i = 0; i < n; i++) {
			int r = check_ref(server, kind, &refs[i], err);

			if (r < 0)
				return r;
		}
	}
	return 0;
}

void values_view(const struct server *server, enum kind kind, const struct value *value, void *out,
		 struct view_made *made)
{
	struct value_view *view = out;

	STR_COPY(view->id, value->id);
	view->name = value->name;
	view->revision = value->revision;
	view->size = value->size;
	format_rfc3339(value->created_ms, view->created_at);
	format_rfc3339(value->changed_ms, view->changed_at);
	state_for_each(server, KIND_SERVICE, struct service, service)
	{
		if (value_is_wanted(&service->spec, value_kind_of(kind), value->name))
			strv_add(&made->texts, service->name);
	}
	view->used_by = made->texts;
}
