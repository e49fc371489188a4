/* Making and changing hooks. */
#include "hook_kit.h"

static char *header_of(const struct server_hook_call *call, const char *start)
{
	for (size_t i = 0; i < call->headers->n; i++)
		if (str_starts(call->headers->items[i], start))
			return xstrdup(call->headers->items[i] + strlen(start));
	return NULL;
}

static int on_call(void *arg, const struct server_hook_call *call, struct server_hook_answer *ret,
		   struct err *err)
{
	struct hook_test *t = arg;
	auto_free char *event = header_of(call, "Holm-Event: ");
	auto_free char *entity = header_of(call, "Holm-Entity: ");

	assert_int_equal(strlen(call->body), call->len);
	*ARRAY_ADD(t->sent, t->n_sent) = (struct hook_sent){
		.url = xstrdup(call->url),
		.body = xstrdup(call->body),
		.signature = header_of(call, "Holm-Signature: "),
		.delivery = header_of(call, "Holm-Delivery: "),
		.what = xasprintf("%s %s", event, entity),
		.at_ms = loop_now_ms(t->kit->loop),
	};
	if (!t->status)
		return err_set(err, -ECONNREFUSED, "POST %s: connection refused", call->url);
	ret->status = t->status;
	ret->body = xstrdup(t->answer ? t->answer : "");
	ret->len = strlen(ret->body);
	return 0;
}

void hook_forget(struct hook_test *t)
{
	for (size_t i = 0; i < t->n_sent; i++) {
		free(t->sent[i].url);
		free(t->sent[i].body);
		free(t->sent[i].signature);
		free(t->sent[i].delivery);
		free(t->sent[i].what);
	}
	free(TAKE(t->sent));
	t->n_sent = 0;
}

char *hook_sent(const struct hook_test *t, const char *member)
{
	auto_strv struct strv all = { 0 };

	for (size_t i = 0; i < t->n_sent; i++) {
		auto_(json_free) struct json *json = NULL;
		struct err err;

		if (json_parse(t->sent[i].body, strlen(t->sent[i].body), &json, &err) < 0)
			fail_msg("%s: %s", t->sent[i].body, err.msg);
		strv_add(&all, json_get_str(json, member) ? json_get_str(json, member) : "none");
	}
	return strv_join(&all, ", ");
}

int hook_set_up(void **state)
{
	struct hook_test *t = NEW(struct hook_test);

	kit_setup((void **)&t->kit);
	STR_COPY(t->dir, "/tmp/holm-hooks-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	t->key = path_join(t->dir, "secrets.key");
	kit_crash(t->kit);
	t->kit->config.key_path = t->key;
	t->kit->config.call_hook = on_call;
	t->kit->config.hook_arg = t;
	t->status = 200;
	kit_boot(t->kit);
	*state = t;
	return 0;
}

int hook_tear_down(void **state)
{
	struct hook_test *t = *state;
	struct err err;

	kit_teardown((void **)&t->kit);
	path_remove(t->dir, &err);
	free(t->key);
	free(t->json);
	hook_forget(t);
	free(t);
	return 0;
}

static void on_answer(void *arg, const char *json, const struct err *err)
{
	struct hook_test *t = arg;

	assert_false(t->is_answered);
	t->is_answered = true;
	free(t->json);
	t->json = xstrdup(json);
	t->kit->err = *err;
}

int hook_ask(struct hook_test *t, hook_begin_fn begin, const char *id, const char *text)
{
	struct hook_body body = { 0 };
	const struct field_table *table = id ? &hook_patch_table : &hook_body_table;
	const struct server_hook hook = {
		.id = id,
		.body = text ? &body : NULL,
		.done = on_answer,
		.arg = t,
	};
	struct err err;

	if (text && fields_parse_text(table, text, &body, FIELD_UNKNOWN_ERROR, &err) < 0)
		fail_msg("%s", err.msg);
	t->is_answered = false;
	begin(t->kit->server, &hook);
	hook_body_fini(&body);
	assert_false(t->is_answered);
	while (!t->is_answered && loop_sim_step(t->kit->loop))
		continue;
	assert_true(t->is_answered);
	return t->kit->err.code;
}

void hook_on_plan(void *arg, const struct plan_view *plan, const struct err *err)
{
}

char *hook_member(const struct hook_test *t, const char *member)
{
	auto_(json_free) struct json *json = NULL;
	struct err err;

	assert_non_null(t->json);
	assert_int_equal(json_parse(t->json, strlen(t->json), &json, &err), 0);
	const struct json *value = json_get(json, member);
	if (!value)
		return NULL;
	return json_is_string(value) ? xstrdup(json_str(value)) : json_format(value);
}

void hook_make(struct hook_test *t, const char *text, char ret_id[ID_SIZE])
{
	if (hook_ask(t, server_hook_create_begin, NULL, text) < 0)
		fail_msg("%s", t->kit->err.msg);
	auto_free char *id = hook_member(t, "_id");
	assert_true(id_is_valid(id));
	str_copy(ret_id, ID_SIZE, id);
}
