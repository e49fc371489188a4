/* Changes of custom resources: types with their schemas, and objects, each of which fits the schema of its
 * type at the time it is written. */
#include "json/schema.h"
#include "server/custom/private.h"

struct custom_change;
typedef int (*change_fn)(struct server *server, struct custom_change *change, struct err *err);

struct custom_change {
	change_fn run;
	char *type;
	char id[ID_SIZE];
	char *body;
	bool is_whole;      /* the body is all of the object, not what replaces members of it */
	struct err refusal; /* what is wrong with the text */
	char *result;       /* JSON */
	server_extend_fn done;
	void *arg;
};

static int run_define(struct server *server, struct custom_change *change, struct err *err)
{
	auto_(schema_free) struct schema *schema = NULL;
	struct err ignored;

	if (!custom_name_is_valid(change->type))
		return err_set(
			err, -EINVAL,
			"resource_type \"%.*s\": expected a letter, then letters, digits and "
			". _ - up to %d",
			CUSTOM_NAME_MAX, change->type, CUSTOM_NAME_MAX);
	if (custom_type_find(server, change->type, true, &ignored))
		return err_set(err, -EEXIST, "there is a custom resource type %s already",
			       change->type);
	if (server->docs[KIND_CUSTOM_TYPE].n >= CUSTOM_TYPES_MAX)
		return err_set(err, -ENOSPC,
			       "there are %d custom resource types, which is the most",
			       CUSTOM_TYPES_MAX);
	int r = schema_parse(change->body, strlen(change->body), &schema, err);
	if (r < 0)
		return err_wrap(err, "schema");
	struct custom_type *type = NEW(struct custom_type);
	id_new(server, type->id);
	type->name = xstrdup(change->type);
	type->schema = xstrdup(change->body);
	type->created_ms = loop_wall_ms(server->config.loop);
	change->result = custom_type_show(type);
	next_put(server, KIND_CUSTOM_TYPE, type->id, type);
	return 0;
}

static int run_undefine(struct server *server, struct custom_change *change, struct err *err)
{
	const struct custom_type *type = custom_type_find(server, change->type, true, err);

	if (!type)
		return err->code;
	next_for_each(server, KIND_CUSTOM, struct custom, custom)
	{
		if (str_eq(custom->type_id, type->id))
			next_put(server, KIND_CUSTOM, custom->id, NULL);
	}
	next_put(server, KIND_CUSTOM_TYPE, type->id, NULL);
	return 0;
}

static int check_fit(const struct custom_type *type, const char *body, struct err *err)
{
	auto_(schema_free) struct schema *schema = NULL;
	auto_(json_free) struct json *value = NULL;
	int r = schema_parse(type->schema, strlen(type->schema), &schema, err);

	if (r < 0)
		return err_wrap(err, "schema of %s", type->name);
	r = json_parse(body, strlen(body), &value, err);
	return r < 0 ? r : schema_check(schema, value, err);
}

/* With one of `size` more, in place of what has `before` bytes. */
static int check_room(const struct server *server, size_t size, size_t before, struct err *err)
{
	size_t n = before == 0;
	uint64_t bytes = size - before;

	next_for_each(server, KIND_CUSTOM, struct custom, custom)
	{
		n++;
		bytes += strlen(custom->body);
	}
	if (n > CUSTOMS_MAX)
		return err_set(err, -ENOSPC, "there are %d custom resources, which is the most",
			       CUSTOMS_MAX);
	if (bytes > CUSTOM_BYTES_MAX)
		return err_set(err, -ENOSPC,
			       "all custom resources together would be %lu bytes, at most %u are "
			       "kept",
			       bytes, CUSTOM_BYTES_MAX);
	return 0;
}

static void put(struct server *server, struct custom_change *change, struct custom *take_custom,
		const char *body)
{
	take_custom->body = xstrdup(body);
	take_custom->changed_ms = loop_wall_ms(server->config.loop);
	change->result = custom_body_show(body, take_custom->id);
	next_put(server, KIND_CUSTOM, take_custom->id, take_custom);
}

static int run_create(struct server *server, struct custom_change *change, struct err *err)
{
	const struct custom_type *type = custom_type_find(server, change->type, true, err);

	if (!type)
		return err->code;
	int r = check_room(server, strlen(change->body), 0, err);
	if (r == 0)
		r = check_fit(type, change->body, err);
	if (r < 0)
		return r;
	struct custom *custom = NEW(struct custom);
	id_new(server, custom->id);
	STR_COPY(custom->type_id, type->id);
	custom->created_ms = loop_wall_ms(server->config.loop);
	put(server, change, custom, change->body);
	return 0;
}

static const struct custom *find_object(struct server *server, const struct custom_change *change,
					struct err *err)
{
	const struct custom_type *type = custom_type_find(server, change->type, true, err);

	return type ? custom_find(server, type, change->id, true, err) : NULL;
}

static int merge(const struct custom *old, const struct custom_change *change, char **ret,
		 struct err *err)
{
	if (!change->is_whole)
		return custom_body_merge(old->body, change->body, ret, err);
	*ret = xstrdup(change->body);
	return 0;
}

static int run_update(struct server *server, struct custom_change *change, struct err *err)
{
	const struct custom *old = find_object(server, change, err);
	auto_free char *body = NULL;

	if (!old)
		return err->code;
	int r = merge(old, change, &body, err);
	if (r == 0)
		r = check_room(server, strlen(body), strlen(old->body), err);
	if (r == 0)
		r = check_fit(next_get(server, KIND_CUSTOM_TYPE, old->type_id), body, err);
	if (r < 0)
		return r;
	struct custom *custom = object_copy(KIND_CUSTOM, old);
	free(TAKE(custom->body));
	put(server, change, custom, body);
	return 0;
}

static int run_delete(struct server *server, struct custom_change *change, struct err *err)
{
	const struct custom *old = find_object(server, change, err);

	if (!old)
		return err->code;
	next_put(server, KIND_CUSTOM, old->id, NULL);
	return 0;
}

static void change_free(struct custom_change *change)
{
	free(change->type);
	free(change->body);
	free(change->result);
	free(change);
}

static int run(struct server *server, void *arg, struct err *err)
{
	struct custom_change *change = arg;

	return change->run(server, change, err);
}

static void on_run(struct server *server, void *arg, const struct err *err)
{
	struct custom_change *change = arg;

	if (err->code != -ESHUTDOWN)
		change->done(change->arg, err->code ? NULL : change->result, err);
	change_free(change);
}

/* What is wrong with the text is told like all else, later. */
static int refuse(struct server *server, struct custom_change *change, struct err *err)
{
	return err_copy(err, &change->refusal);
}

static int take_body(void *target, const char *text, struct err *err)
{
	struct custom_change *change = target;
	char *body = NULL;
	int r = custom_body_parse(text, strlen(text), &body, err);

	if (r < 0)
		return r;
	free(change->body);
	change->body = body;
	change->is_whole = true;
	return 0;
}

/* As it would be, or is before it goes; NULL: there is none. */
static char *object_of(struct server *server, const struct custom_change *change)
{
	struct err ignored;
	auto_free char *body = NULL;

	if (change->run == run_create)
		return xstrdup(change->body);
	const struct custom *old = find_object(server, change, &ignored);
	if (!old || change->run == run_delete)
		return old ? custom_body_show(old->body, old->id) : NULL;
	return merge(old, change, &body, &ignored) == 0 ? custom_body_show(body, old->id) : NULL;
}

static void ask_hooks(struct server *server, struct custom_change *change,
		      struct hook_inquiry *inquiry)
{
	const struct {
		change_fn run;
		enum hook_event event;
	} events[] = {
		{ run_create, HOOK_PRE_CREATE },
		{ run_update, HOOK_PRE_UPDATE },
		{ run_delete, HOOK_PRE_DELETE },
	};

	for (size_t i = 0; i < ARRAY_LEN(events); i++) {
		char *object = events[i].run == change->run ? object_of(server, change) : NULL;

		if (object)
			hook_inquiry_add(inquiry,
					 &(struct hook_question){
						 .event = events[i].event,
						 .entity = change->type,
						 .take_object = object,
						 .take = events[i].run == run_delete ? NULL
										     : take_body,
						 .target = change,
					 });
	}
}

static void begin(struct server *server, const struct server_custom *custom, change_fn fn)
{
	struct custom_change *change = NEW(struct custom_change);
	struct hook_inquiry *inquiry = hook_inquiry_new(server);

	change->run = fn;
	change->type = xstrdup(custom->type);
	if (custom->id && id_is_valid(custom->id)) /* else: no object */
		STR_COPY(change->id, custom->id);
	change->done = custom->done;
	change->arg = custom->arg;
	if (fn == run_define)
		change->body = custom->text ? xstrndup(custom->text, custom->len) : xstrdup("{}");
	else if (custom->text &&
		 custom_body_parse(custom->text, custom->len, &change->body, &change->refusal) < 0)
		change->run = refuse;
	if (hooks_ask(server))
		ask_hooks(server, change, inquiry);
	hook_inquiry_then(inquiry, run, on_run, change);
}

void server_custom_define_begin(struct server *server, const struct server_custom *custom)
{
	begin(server, custom, run_define);
}

void server_custom_undefine_begin(struct server *server, const struct server_custom *custom)
{
	begin(server, custom, run_undefine);
}

void server_custom_create_begin(struct server *server, const struct server_custom *custom)
{
	begin(server, custom, run_create);
}

void server_custom_update_begin(struct server *server, const struct server_custom *custom)
{
	begin(server, custom, run_update);
}

void server_custom_delete_begin(struct server *server, const struct server_custom *custom)
{
	begin(server, custom, run_delete);
}
