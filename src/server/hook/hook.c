/* Hooks made, changed and deleted. The secret that signs what is sent to one is sealed like other secrets,
 * and told once: in the answer to who made the hook or gave it this secret. */
#include "server/hook/private.h"

struct hook_change;
typedef int (*change_fn)(struct server *server, struct hook_change *change, struct err *err);

struct hook_change {
	change_fn run;
	char id[ID_SIZE];
	struct hook_body body;
	char *result; /* JSON, with the secret */
	server_extend_fn done;
	void *arg;
};

char *hook_secret_label(const struct hook *hook)
{
	return xasprintf("secret of hook %s", hook->id);
}

static const struct hook *find(const struct server *server, const char *id, struct err *err)
{
	const struct hook *hook = next_get(server, KIND_HOOK, id);

	if (!hook)
		err_set(err, -ENOENT, "no hook %.40s", id);
	return hook;
}

/* What a type of custom resources is called, or one of ours. */
static int check_entity(const struct server *server, const struct hook *hook, struct err *err)
{
	static const char *const own[] = { HOOK_APPLICATIONS, HOOK_JOBS, HOOK_INSTANCES,
					   HOOK_RESOURCES };

	for (size_t i = 0; i < ARRAY_LEN(own); i++)
		if (str_eq(hook->entity, own[i]))
			return 0;
	next_for_each(server, KIND_CUSTOM_TYPE, struct custom_type, type)
	{
		if (str_eq(type->name, hook->entity))
			return 0;
	}
	return err_set(err, -EINVAL,
		       "entity: expected " HOOK_APPLICATIONS ", " HOOK_JOBS ", " HOOK_INSTANCES
		       ", " HOOK_RESOURCES
		       " or a type of custom resources, and there is no type %s",
		       hook->entity);
}

/* Nobody wishes for what these do; it happens. */
static int check_events(const struct hook *hook, struct err *err)
{
	bool is_wished = !str_eq(hook->entity, HOOK_INSTANCES) &&
			 !str_eq(hook->entity, HOOK_RESOURCES);

	for (enum hook_event event = 0; event < HOOK_EVENT_N; event++)
		if (!is_wished && hook_event_is_pre(event) && hook_has_event(hook, event))
			return err_set(
				err, -EINVAL,
				"events: %s is not possible for %s: hooks are told of them, not "
				"asked",
				hook_event_name(event), hook->entity);
	return 0;
}

/* What it may not have in common with others. */
static int check_others(const struct server *server, const struct hook *hook, struct err *err)
{
	size_t n = 0;

	next_for_each(server, KIND_HOOK, struct hook, other)
	{
		if (str_eq(other->id, hook->id))
			continue;
		n++;
		if (str_eq(other->name, hook->name))
			return err_set(err, -EEXIST, "there is a hook %s already", hook->name);
		if (str_eq(other->url, hook->url) && str_eq(other->entity, hook->entity))
			return err_set(err, -EEXIST, "hook %s has this webhook_url for %s already",
				       other->name, other->entity);
	}
	if (n >= HOOKS_MAX)
		return err_set(err, -ENOSPC, "there are %d hooks, which is the most", HOOKS_MAX);
	return 0;
}

static void replace(char **text, const char *given)
{
	if (!given)
		return;
	free(*text);
	*text = xstrdup(given);
}

static void take(struct hook *hook, const struct hook_body *body)
{
	replace(&hook->name, body->name);
	replace(&hook->url, body->url);
	replace(&hook->entity, body->entity);
	if (body->has_on_failure)
		hook->on_failure = body->on_failure;
	if (!body->has_events)
		return;
	strv_fini(&hook->events);
	strv_copy(&hook->events, &body->events);
}

static void make_secret(struct server *server, struct secret *ret)
{
	uint8_t random[HOOK_SECRET_RANDOM];
	char text[2 * HOOK_SECRET_RANDOM + 1];

	loop_random(server->config.loop, random, sizeof(random));
	for (size_t i = 0; i < sizeof(random); i++)
		snprintf(text + 2 * i, 3, "%02x", random[i]);
	secret_set(ret, text, strlen(text));
	explicit_bzero(random, sizeof(random));
	explicit_bzero(text, sizeof(text));
}

static int seal(struct server *server, struct hook *hook, const struct secret *secret,
		struct err *err)
{
	auto_free char *label = hook_secret_label(hook);
	char *sealed = NULL;
	int r = values_seal(server, label, secret, &sealed, err);

	if (r < 0)
		return r;
	free(hook->secret);
	hook->secret = sealed;
	return 0;
}

/* Takes `take_hook`, which has all but what the body says. */
static int put(struct server *server, struct hook_change *change, struct hook *take_hook,
	       struct err *err)
{
	struct hook *hook = take_hook;
	auto_secret struct secret secret = { 0 };

	take(hook, &change->body);
	hook->changed_ms = loop_wall_ms(server->config.loop);
	if (change->body.secret)
		secret_set(&secret, change->body.secret, strlen(change->body.secret));
	else if (!hook->secret)
		make_secret(server, &secret);
	int r = change->body.entity ? check_entity(server, hook, err) : 0;
	if (r == 0)
		r = check_events(hook, err);
	if (r == 0)
		r = check_others(server, hook, err);
	if (r == 0 && secret.len)
		r = seal(server, hook, &secret, err);
	if (r < 0) {
		object_free(KIND_HOOK, hook);
		return r;
	}
	change->result = hook_show(server, hook, &secret);
	next_put(server, KIND_HOOK, hook->id, hook);
	return 0;
}

static int run_create(struct server *server, struct hook_change *change, struct err *err)
{
	int r = hook_body_check(&change->body, true, err);

	if (r < 0)
		return r;
	struct hook *hook = NEW(struct hook);
	id_new(server, hook->id);
	hook->created_ms = loop_wall_ms(server->config.loop);
	return put(server, change, hook, err);
}

static int run_update(struct server *server, struct hook_change *change, struct err *err)
{
	const struct hook *old = find(server, change->id, err);

	if (!old)
		return err->code;
	int r = hook_body_check(&change->body, false, err);
	return r < 0 ? r : put(server, change, object_copy(KIND_HOOK, old), err);
}

static int run_delete(struct server *server, struct hook_change *change, struct err *err)
{
	if (!find(server, change->id, err))
		return err->code;
	next_for_each(server, KIND_DELIVERY, struct hook_delivery, delivery)
	{
		if (str_eq(delivery->hook_id, change->id))
			next_put(server, KIND_DELIVERY, delivery->id, NULL);
	}
	if (next_get(server, KIND_HOOK_LOG, change->id))
		next_put(server, KIND_HOOK_LOG, change->id, NULL);
	next_put(server, KIND_HOOK, change->id, NULL);
	return 0;
}

static int run(struct server *server, void *arg, struct err *err)
{
	struct hook_change *change = arg;

	return change->run(server, change, err);
}

static void on_run(struct server *server, void *arg, const struct err *err)
{
	struct hook_change *change = arg;

	if (err->code != -ESHUTDOWN)
		change->done(change->arg, err->code ? NULL : change->result, err);
	hook_body_fini(&change->body);
	secret_free_text(change->result);
	free(change);
}

static void begin(struct server *server, const struct server_hook *hook, change_fn fn)
{
	struct hook_change *change = NEW(struct hook_change);

	change->run = fn;
	if (hook->id && id_is_valid(hook->id)) /* else: no object */
		STR_COPY(change->id, hook->id);
	if (hook->body)
		fields_copy(&hook_body_table, hook->body, &change->body);
	change->done = hook->done;
	change->arg = hook->arg;
	request_begin(server, run, on_run, change);
}

void server_hook_create_begin(struct server *server, const struct server_hook *hook)
{
	begin(server, hook, run_create);
}

void server_hook_update_begin(struct server *server, const struct server_hook *hook)
{
	begin(server, hook, run_update);
}

void server_hook_delete_begin(struct server *server, const struct server_hook *hook)
{
	begin(server, hook, run_delete);
}
