/* What a hook may be, and its tables. */
#include <strings.h>

#include "base/base.h"
#include "base/secret.h"
#include "model/custom.h"
#include "model/hook.h"

static const char *const failure_names[] = { "open", "closed", NULL };
static_assert(ARRAY_LEN(failure_names) == HOOK_FAILURE_N + 1, "a name per setting");

static const char *const event_names[] = {
	[HOOK_PRE_CREATE] = "pre_create",
	[HOOK_PRE_UPDATE] = "pre_update",
	[HOOK_PRE_DELETE] = "pre_delete",
	[HOOK_POST_CREATE] = "post_create",
	[HOOK_POST_UPDATE] = "post_update",
	[HOOK_POST_DELETE] = "post_delete",
	NULL,
};
static_assert(ARRAY_LEN(event_names) == HOOK_EVENT_N + 1, "a name per event");

static const char *const outcome_names[] = {
	[HOOK_DELIVERED] = "delivered", [HOOK_FAILED] = "failed",
	[HOOK_GIVEN_UP] = "given up",   [HOOK_DROPPED] = "dropped",
	[HOOK_AGREED] = "agreed",       [HOOK_CHANGED] = "changed",
	[HOOK_REFUSED] = "refused",     NULL,
};
static_assert(ARRAY_LEN(outcome_names) == HOOK_OUTCOME_N + 1, "a name per outcome");

#define S(member, ...) FIELD(struct STRUCT, member, __VA_ARGS__)

#define STRUCT hook
static const struct field hook_fields[] = {
	S(id, "id", F_CHARS, .flags = F_REQUIRED),
	S(name, "name", F_STR, .flags = F_REQUIRED),
	S(url, "url", F_STR, .flags = F_REQUIRED),
	S(entity, "entity", F_STR, .flags = F_REQUIRED),
	S(events, "events", F_STRV, .flags = F_REQUIRED),
	S(on_failure, "on_failure", F_ENUM, .names = failure_names),
	S(secret, "secret", F_STR, .flags = F_REQUIRED),
	S(created_ms, "created_ms", F_U64),
	S(changed_ms, "changed_ms", F_U64),
};
#undef STRUCT
FIELD_TABLE(hook_table, struct hook, "hook", hook_fields);

#define STRUCT hook_delivery
static const struct field delivery_fields[] = {
	S(id, "id", F_CHARS, .flags = F_REQUIRED),
	S(hook_id, "hook_id", F_CHARS, .flags = F_REQUIRED),
	S(event, "event", F_ENUM, .names = event_names, .flags = F_REQUIRED),
	S(entity, "entity", F_STR, .flags = F_REQUIRED),
	S(object_id, "object_id", F_CHARS, .flags = F_REQUIRED),
	S(at_ms, "at_ms", F_U64),
	S(tries, "tries", F_U32),
};
#undef STRUCT
FIELD_TABLE(hook_delivery_table, struct hook_delivery, "delivery", delivery_fields);

#define STRUCT hook_message
static const struct field message_fields[] = {
	S(id, "id", F_CHARS),       S(event, "event", F_ENUM, .names = event_names),
	S(entity, "entity", F_STR), S(object_id, "entity_id", F_CHARS),
	S(at, "time", F_CHARS),
};
#undef STRUCT
FIELD_TABLE(hook_message_table, struct hook_message, "message to a hook", message_fields);

#define STRUCT hook_result
static const struct field result_fields[] = {
	S(at, "at", F_CHARS),
	S(outcome, "outcome", F_ENUM, .names = outcome_names),
	S(delivery, "delivery", F_CHARS, .flags = F_OMIT_EMPTY),
	S(event, "event", F_STR, .flags = F_OMIT_EMPTY),
	S(object_id, "entity_id", F_STR, .flags = F_OMIT_EMPTY),
	S(number, "number", F_U32, .help = "of the try, or how many were dropped"),
	S(status, "status", F_U32, .flags = F_OMIT_EMPTY),
	S(message, "message", F_STR, .flags = F_OMIT_EMPTY),
};
#undef STRUCT
static FIELD_TABLE(result_table, struct hook_result, "result", result_fields);

#define STRUCT hook_log
#define LOG_FIELDS                                                            \
	S(n_delivered, "delivered", F_U64), S(n_given_up, "given_up", F_U64), \
		S(n_dropped, "dropped", F_U64),                               \
		FIELD_ARRAY(struct hook_log, results, n_results, "results", &result_table)
static const struct field log_fields[] = {
	S(id, "id", F_CHARS, .flags = F_REQUIRED),
	LOG_FIELDS,
};
static const struct field deliveries_fields[] = { LOG_FIELDS };
#undef STRUCT
FIELD_TABLE(hook_log_table, struct hook_log, "log of a hook", log_fields);
static FIELD_TABLE(deliveries_table, struct hook_log, "deliveries", deliveries_fields);

#define STRUCT hook_body
#define BODY(required)                                                                           \
	{                                                                                        \
		S(name, "hook_name", F_STR, .flags = (required), .help = "unique"),              \
			S(url, "webhook_url", F_STR, .flags = (required),                        \
			  .help = "http or https, unique for an entity"),                        \
			S(entity, "entity", F_STR, .flags = (required),                          \
			  .help = "applications, jobs, instances, resources, or a custom type"), \
			S(events, "events", F_STRV, .flags = (required) | F_GIVEN,               \
			  .given_offset = offsetof(struct hook_body, has_events),                \
			  .max = HOOK_EVENT_N,                                                   \
			  .help = "pre_ or post_ with create, update, delete"),                  \
			S(on_failure, "on_failure", F_ENUM, .names = failure_names,              \
			  .flags = F_GIVEN,                                                      \
			  .given_offset = offsetof(struct hook_body, has_on_failure),            \
			  .help = "what a change goes by that could not be asked about"),        \
			S(secret, "secret", F_STR,                                               \
			  .help = "signs what is sent; without, one is made"),                   \
	}
static const struct field body_fields[] = BODY(F_REQUIRED);
static const struct field patch_fields[] = BODY(0);
#undef BODY
#undef STRUCT
FIELD_TABLE(hook_body_table, struct hook_body, "new hook", body_fields);
FIELD_TABLE(hook_patch_table, struct hook_body, "change of a hook", patch_fields);

#define STRUCT hook_view
static const struct field view_fields[] = {
	S(id, "_id", F_CHARS),
	S(name, "hook_name", F_STR),
	S(url, "webhook_url", F_STR),
	S(entity, "entity", F_STR),
	S(events, "events", F_STRV),
	S(on_failure, "on_failure", F_ENUM, .names = failure_names),
	S(created_at, "created_at", F_CHARS),
	S(n_waiting, "waiting", F_U32, .help = "deliveries"),
	S(log, "deliveries", F_OBJECT, .table = &deliveries_table),
	S(secret, "secret", F_STR, .flags = F_OMIT_EMPTY,
	  .help = "only in the answer to who made it, or gave it this one"),
};
#undef STRUCT
FIELD_TABLE(hook_view_table, struct hook_view, "hook", view_fields);

void hook_body_fini(struct hook_body *body)
{
	secret_free_text(TAKE(body->secret));
	fields_fini(&hook_body_table, body);
}

void hook_view_fini(struct hook_view *view)
{
	secret_free_text(TAKE(view->secret));
	fields_fini(&hook_view_table, view);
}

const char *hook_event_name(enum hook_event event)
{
	return event_names[event];
}

bool hook_event_is_pre(enum hook_event event)
{
	return event < HOOK_POST_CREATE;
}

bool hook_has_event(const struct hook *hook, enum hook_event event)
{
	return strv_has(&hook->events, event_names[event]);
}

void hook_result_fini(struct hook_result *result)
{
	fields_fini(&result_table, result);
}

void hook_log_add(struct hook_log *log, const struct hook_result *take_result)
{
	size_t n_old = log->n_results < HOOK_RESULTS_MAX ? 0 : 1;
	size_t n_kept = log->n_results - n_old;
	/* A copied list has room for itself alone. */
	struct hook_result *results = xcalloc(n_kept + 1, sizeof(*results));

	if (n_old)
		fields_fini(&result_table, &log->results[0]);
	if (n_kept)
		memcpy(results, log->results + n_old, n_kept * sizeof(*results));
	results[n_kept] = *take_result;
	free(log->results);
	log->results = results;
	log->n_results = n_kept + 1;
}

static bool is_visible(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text <= ' ' || (unsigned char)*text == 0x7f)
			return false;
	return true;
}

static int check_name(const char *name, struct err *err)
{
	if (*name && strlen(name) <= HOOK_NAME_MAX && is_visible(name))
		return 0;
	return err_set(err, -EINVAL,
		       "hook_name: expected 1 to %d bytes without spaces and control characters",
		       HOOK_NAME_MAX);
}

/* Who it is and what for would be seen by whoever may list hooks: there is a signature for that. */
static int check_url(const char *url, struct err *err)
{
	size_t scheme = strncasecmp(url, "http://", 7) == 0    ? 7
			: strncasecmp(url, "https://", 8) == 0 ? 8
							       : 0;
	const char *host = url + scheme;
	size_t len = strcspn(host, "/?#");

	if (!scheme || !len || strlen(url) > HOOK_URL_MAX || !is_visible(url))
		return err_set(err, -EINVAL,
			       "webhook_url: expected http://… or https://… of at most %d bytes",
			       HOOK_URL_MAX);
	if (memchr(host, '@', len))
		return err_set(err, -EINVAL, "webhook_url: it must not have a user or password");
	return 0;
}

static int check_events(const struct strv *events, struct err *err)
{
	if (!events->n)
		return err_set(err, -EINVAL, "events: expected at least one");
	for (size_t i = 0; i < events->n; i++) {
		bool is_known = false;

		for (size_t e = 0; e < HOOK_EVENT_N; e++)
			is_known |= str_eq(events->items[i], event_names[e]);
		if (!is_known)
			return err_set(err, -EINVAL,
				       "events[%zu]: expected pre_ or post_ with create, update or "
				       "delete, got \"%.40s\"",
				       i, events->items[i]);
		for (size_t k = 0; k < i; k++)
			if (str_eq(events->items[i], events->items[k]))
				return err_set(err, -EINVAL, "events: %s is there twice",
					       events->items[i]);
	}
	return 0;
}

static int check_secret(const char *secret, struct err *err)
{
	size_t len = strlen(secret);

	if (len >= HOOK_SECRET_MIN && len <= HOOK_SECRET_MAX)
		return 0;
	return err_set(err, -EINVAL, "secret: expected %d to %d bytes, got %zu", HOOK_SECRET_MIN,
		       HOOK_SECRET_MAX, len);
}

static int check_entity(const char *entity, struct err *err)
{
	if (custom_name_is_valid(entity))
		return 0;
	return err_set(err, -EINVAL,
		       "entity: expected " HOOK_APPLICATIONS ", " HOOK_JOBS ", " HOOK_INSTANCES
		       ", " HOOK_RESOURCES " or a type of custom resources, got \"%.40s\"",
		       entity);
}

int hook_body_check(const struct hook_body *body, bool is_whole, struct err *err)
{
	int r = 0;

	assert(!is_whole || (body->name && body->url && body->entity && body->has_events));
	if (body->name)
		r = check_name(body->name, err);
	if (r == 0 && body->url)
		r = check_url(body->url, err);
	if (r == 0 && body->entity)
		r = check_entity(body->entity, err);
	if (r == 0 && body->has_events)
		r = check_events(&body->events, err);
	if (r == 0 && body->secret)
		r = check_secret(body->secret, err);
	return r;
}
