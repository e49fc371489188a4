/* Hooks that are asked: about what, what they may say, and what a change goes by without an answer. */
#include "hook_kit.h"
#include "server/oakestra.h"

#define ALL_PRE  "\"pre_create\",\"pre_update\",\"pre_delete\""
#define GATE     HOOK("gate", "jobs", ALL_PRE, "")
#define SHUT     HOOK("gate", "jobs", ALL_PRE, ",\"on_failure\":\"closed\"")
#define WEB      APP("a", SERVICE("web", ""))
#define WEB_LESS APP("a", SERVICE("web", ",\"memory\":64"))

static void set_up_gate(struct hook_test *t, const char *text)
{
	char id[ID_SIZE];

	kit_register(t->kit, NODE_A, 4096);
	hook_make(t, text, id);
}

/* "pre_create jobs, ..." since the last time; forgets them. */
static void assert_asked(struct hook_test *t, const char *expected)
{
	auto_strv struct strv all = { 0 };

	for (size_t i = 0; i < t->n_sent; i++)
		strv_add(&all, t->sent[i].what);
	auto_free char *is = strv_join(&all, ", ");
	assert_string_equal(is, expected);
	hook_forget(t);
}

static void a_hook_refuses(void **state)
{
	struct hook_test *t = *state;

	set_up_gate(t, GATE);
	t->status = 403;
	t->answer = "{\"message\":\"not on a Friday\"}";
	assert_int_equal(kit_apply(t->kit, WEB), -EACCES);
	assert_string_equal(t->kit->err.msg, "hook gate refuses: not on a Friday");
	assert_int_equal(kit_n(t->kit, "apps"), 0);
	t->answer = NULL;
	assert_int_equal(kit_apply(t->kit, WEB), -EACCES);
	assert_string_equal(t->kit->err.msg, "hook gate refuses: status 403");
	t->status = 503;
	t->answer = "{\"message\":\"closed for today\"}";
	assert_int_equal(kit_apply(t->kit, WEB), -EACCES);
	assert_string_equal(t->kit->err.msg, "hook gate refuses: closed for today");
	t->status = 204;
	t->answer = NULL;
	kit_must_apply(t->kit, WEB);
	assert_int_equal(kit_n(t->kit, "services"), 1);
}

static void what_it_is_asked(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	set_up_gate(t, GATE);
	hook_make(t, HOOK("apps", "applications", ALL_PRE, ""), id);
	kit_must_apply(t->kit, WEB_LESS);
	assert_int_equal(t->n_sent, 2);
	assert_string_equal(t->sent[0].body,
			    "{\"application_name\":\"a\",\"application_namespace\":\"t\","
			    "\"owner\":\"Admin\",\"application_desc\":\"\"}");
	assert_true(str_starts(t->sent[1].body,
			       "{\"application_name\":\"a\",\"application_namespace\":\"t\","
			       "\"owner\":\"Admin\",\"microservice_name\":\"web\","));
	assert_non_null(strstr(t->sent[1].body, "\"memory\":64"));
	assert_non_null(t->sent[1].signature);
	assert_asked(t, "pre_create applications, pre_create jobs");
	kit_must_apply(t->kit, WEB_LESS);
	assert_asked(t, "");
	assert_int_equal(kit_plan(t->kit, WEB), 0);
	assert_asked(t, "");
	/* A field that nobody knows is one of its, too. */
	kit_must_apply(t->kit, SLA("{\"application_name\":\"a\",\"application_namespace\":\"t\","
				   "\"team\":\"b\",\"microservices\":[" SERVICE(
					   "web", ",\"memory\":64") "]}"));
	assert_asked(t, "pre_update applications");
	kit_must_apply(t->kit, WEB_LESS);
	assert_asked(t, "pre_update applications");
	kit_must_apply(t->kit, APP("a", SERVICE("web", ",\"memory\":65") "," SERVICE("db", "")));
	auto_free char *web = kit_value(t->kit, "services", "a.t.web.t", "id");
	auto_free char *start = xasprintf("{\"_id\":\"%s\",\"application_name\":\"a\"", web);
	assert_true(str_starts(t->sent[0].body, start));
	assert_asked(t, "pre_update jobs, pre_create jobs");
	kit_must_apply(t->kit, APP("a", SERVICE("db", "")));
	assert_asked(t, "pre_delete jobs");
	assert_int_equal(kit_delete(t->kit, "a.t"), 0);
	assert_asked(t, "pre_delete applications, pre_delete jobs");
	assert_int_equal(kit_delete(t->kit, "a.t"), -ENOENT);
	assert_asked(t, "");
}

static void what_it_answers_is_what_is_made(void **state)
{
	struct hook_test *t = *state;

	set_up_gate(t, GATE);
	t->answer = SERVICE("web", ",\"memory\":256,\"owner\":\"x\",\"application_name\":\"y\"");
	kit_must_apply(t->kit, WEB);
	assert_int_equal(kit_number(t->kit, "services", "a.t.web.t", "memory_mib"), 256);
	t->answer = " ";
	kit_must_apply(t->kit, WEB_LESS);
	assert_int_equal(kit_number(t->kit, "services", "a.t.web.t", "memory_mib"), 64);
}

static void what_it_answers_is_checked(void **state)
{
	struct hook_test *t = *state;

	set_up_gate(t, SHUT);
	t->answer = SERVICE("web", ",\"port\":\"no\"");
	assert_int_equal(kit_apply(t->kit, WEB), -EINVAL);
	assert_err(t->kit, -EINVAL, "hook gate refuses: its answer: ");
	assert_err(t->kit, -EINVAL, "port");
	t->answer = SERVICE("other", "");
	assert_int_equal(kit_apply(t->kit, WEB), -EINVAL);
	assert_err(t->kit, -EINVAL, "expected web.t, the service keeps its name");
	t->answer = "[1]";
	assert_int_equal(kit_apply(t->kit, WEB), -EHOSTUNREACH);
	t->answer = "{";
	assert_int_equal(kit_apply(t->kit, WEB), -EHOSTUNREACH);
	assert_int_equal(kit_n(t->kit, "services"), 0);
}

static void who_is_open_lets_go_on(void **state)
{
	struct hook_test *t = *state;

	log_set_level(LOG_LEVEL_ERROR);
	set_up_gate(t, GATE);
	t->status = 0;
	kit_must_apply(t->kit, WEB);
	assert_asked(t, "pre_create jobs");
	t->status = 502;
	t->answer = "<html>";
	kit_must_apply(t->kit, WEB_LESS);
	assert_asked(t, "pre_update jobs");
	t->status = 302;
	kit_must_apply(t->kit, WEB);
}

static void who_is_closed_does_not(void **state)
{
	struct hook_test *t = *state;

	set_up_gate(t, SHUT);
	t->status = 0;
	assert_int_equal(kit_apply(t->kit, WEB), -EHOSTUNREACH);
	assert_string_equal(t->kit->err.msg, "hook gate could not be asked");
	t->status = 502;
	assert_int_equal(kit_apply(t->kit, WEB), -EHOSTUNREACH);
	assert_int_equal(kit_n(t->kit, "apps"), 0);
}

static void hooks_are_asked_by_name_and_see_what_was_made(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	set_up_gate(t, HOOK("b", "jobs", "\"pre_create\"", ""));
	hook_make(t, HOOK("a", "jobs", "\"pre_create\"", ""), id);
	hook_make(t, HOOK("c", "jobs", "\"pre_update\"", ""), id);
	t->answer = SERVICE("web", ",\"memory\":256");
	kit_must_apply(t->kit, WEB);
	assert_int_equal(t->n_sent, 2);
	assert_string_equal(t->sent[0].url, "http://hooks.example/a");
	assert_null(strstr(t->sent[0].body, "\"memory\":256"));
	assert_string_equal(t->sent[1].url, "http://hooks.example/b");
	assert_non_null(strstr(t->sent[1].body, "\"memory\":256"));
}

static void what_it_said_is_kept(void **state)
{
	struct hook_test *t = *state;
	struct err err;
	char id[ID_SIZE];

	kit_register(t->kit, NODE_A, 4096);
	hook_make(t, GATE, id);
	t->status = 403;
	kit_apply(t->kit, WEB);
	t->status = 200;
	kit_must_apply(t->kit, WEB);
	kit_crash(t->kit);
	kit_boot(t->kit);
	auto_free char *shown = server_hook_show(t->kit->server, id, &err);
	assert_non_null(strstr(shown, "\"outcome\":\"refused\""));
	assert_non_null(strstr(shown, "\"event\":\"pre_create\",\"number\":1,\"status\":403,"
				      "\"message\":\"status 403\"},"));
	assert_non_null(strstr(shown, "\"outcome\":\"agreed\""));
}

static void nothing(void *arg)
{
}

/* All threads have something else to do. */
static void who_answers_late_has_failed(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	set_up_gate(t, SHUT);
	for (int i = 0; i < 20000; i++)
		work_begin(t->kit->loop, EXECUTOR_HOOK, nothing, nothing, NULL);
	uint64_t began_ms = loop_now_ms(t->kit->loop);
	assert_int_equal(kit_apply(t->kit, WEB), -EHOSTUNREACH);
	assert_in_range(loop_now_ms(t->kit->loop) - began_ms, 30000, 31000);
	/* And is not called any more. */
	kit_run(t->kit, 60000);
	assert_int_equal(t->n_sent, 0);
	assert_int_equal(hook_ask(t, server_hook_create_begin, NULL,
				  HOOK("other", "jobs", "\"pre_create\"", "")),
			 0);
	auto_free char *other = hook_member(t, "_id");
	str_copy(id, sizeof(id), other);
	assert_int_equal(hook_ask(t, server_hook_delete_begin, id, NULL), 0);
	kit_must_apply(t->kit, WEB);
}

static void on_never(void *arg, const struct plan_view *plan, const struct err *err)
{
	fail_msg("%s", err->msg);
}

static void the_server_ends_meanwhile(void **state)
{
	struct hook_test *t = *state;
	struct sla sla = { 0 };
	struct err err;

	set_up_gate(t, GATE);
	assert_int_equal(sla_parse(WEB, strlen(WEB), &sla, NULL, &err), 0);
	const struct server_apply request = { .take_sla = &sla };
	server_apply_begin(t->kit->server, &request, on_never, t);
	kit_crash(t->kit);
	kit_boot(t->kit);
	assert_int_equal(kit_n(t->kit, "apps"), 0);
}

static void a_hook_goes_while_it_is_asked(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];
	struct sla sla = { 0 };
	struct err err;

	hook_make(t, SHUT, id);
	t->status = 403;
	const char *text = APP("a", SERVICE("web", ",\"replicas\":0"));
	assert_int_equal(sla_parse(text, strlen(text), &sla, NULL, &err), 0);
	const struct server_apply request = { .take_sla = &sla };
	server_apply_begin(t->kit->server, &request, hook_on_plan, t);
	for (int i = 0; i < 2000; i++)
		work_begin(t->kit->loop, EXECUTOR_HOOK, nothing, nothing, NULL);
	assert_int_equal(hook_ask(t, server_hook_delete_begin, id, NULL), 0);
	kit_run(t->kit, 20000);
	assert_int_equal(kit_n(t->kit, "services"), 1);
}

static void who_is_not_asked(void **state)
{
	struct hook_test *t = *state;

	assert_int_equal(hook_ask(t, server_hook_create_begin, NULL,
				  HOOK("a", "instances", "\"pre_create\"", "")),
			 -EINVAL);
	assert_err(t->kit, -EINVAL, "events: pre_create is not possible for instances");
	assert_int_equal(hook_ask(t, server_hook_create_begin, NULL,
				  HOOK("a", "resources", "\"pre_delete\"", "")),
			 -EINVAL);
}

/* Oakestra's requests. */

struct oakestra_answer {
	bool is_there;
	char id[ID_SIZE];
	struct err err;
	struct err service;
};

static void on_oakestra(void *arg, const struct oakestra_result *result, const struct err *err)
{
	struct oakestra_answer *answer = arg;

	answer->is_there = true;
	answer->err = *err;
	if (!result)
		return;
	STR_COPY(answer->id, result->id);
	if (result->n_services)
		answer->service = result->services[0].reason;
}

typedef void (*oakestra_begin_fn)(struct server *server, const struct oakestra_change *change);

static int oakestra(struct hook_test *t, oakestra_begin_fn begin, const char *id, const char *text,
		    struct oakestra_answer *ret)
{
	struct sla sla = { 0 };
	struct err err;
	struct oakestra_change change = {
		.user = { .name = "Admin", .is_admin = true },
		.id = id,
		.desc = "described",
		.take_sla = text ? &sla : NULL,
		.done = on_oakestra,
		.arg = ret,
	};

	*ret = (struct oakestra_answer){ 0 };
	if (text && sla_parse(text, strlen(text), &sla, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	begin(t->kit->server, &change);
	while (!ret->is_there && loop_sim_step(t->kit->loop))
		continue;
	return ret->err.code;
}

static void oakestras_requests_ask_too(void **state)
{
	struct hook_test *t = *state;
	struct oakestra_answer a;
	char id[ID_SIZE];

	set_up_gate(t, GATE);
	hook_make(t, HOOK("apps", "applications", ALL_PRE, ""), id);
	t->status = 400;
	assert_int_equal(oakestra(t, oakestra_create_apps_begin, NULL, WEB, &a), -EACCES);
	assert_asked(t, "pre_create applications");
	t->status = 200;
	assert_int_equal(oakestra(t, oakestra_create_apps_begin, NULL, WEB, &a), 0);
	assert_asked(t, "pre_create applications, pre_create jobs");
	auto_free char *app = kit_value(t->kit, "apps", "a.t", "id");
	auto_free char *web = kit_value(t->kit, "services", "a.t.web.t", "id");
	assert_int_equal(
		oakestra(t, oakestra_add_services_begin, app, APP("a", SERVICE("db", "")), &a), 0);
	assert_asked(t, "pre_create jobs");
	t->status = 403;
	assert_int_equal(oakestra(t, oakestra_add_services_begin, app, APP("a", SERVICE("x", "")),
				  &a),
			 -EACCES);
	t->status = 200;
	hook_forget(t);
	t->answer = SERVICE("web", ",\"memory\":77");
	assert_int_equal(oakestra(t, oakestra_replace_service_begin, web, WEB_LESS, &a), 0);
	assert_asked(t, "pre_update jobs");
	assert_int_equal(kit_number(t->kit, "services", "a.t.web.t", "memory_mib"), 77);
	t->answer = "{\"application_desc\":\"as the hook wishes\",\"application_name\":\"z\"}";
	assert_int_equal(oakestra(t, oakestra_describe_app_begin, app, NULL, &a), 0);
	assert_asked(t, "pre_update applications");
	assert_value(t->kit, "apps", "a.t", "description", "as the hook wishes");
	assert_int_equal(oakestra(t, oakestra_delete_service_begin, web, NULL, &a), 0);
	assert_asked(t, "pre_delete jobs");
	assert_int_equal(oakestra(t, oakestra_delete_app_begin, app, NULL, &a), 0);
	assert_asked(t, "pre_delete applications, pre_delete jobs");
}

/* Custom resources. */

static void on_custom(void *arg, const char *json, const struct err *err)
{
	struct hook_test *t = arg;

	t->is_answered = true;
	free(t->json);
	t->json = xstrdup(json);
	t->kit->err = *err;
}

static int custom(struct hook_test *t,
		  void (*begin)(struct server *server, const struct server_custom *custom),
		  const char *id, const char *text)
{
	const struct server_custom asked = {
		.type = "disk",
		.id = id,
		.text = text,
		.len = text ? strlen(text) : 0,
		.done = on_custom,
		.arg = t,
	};

	t->is_answered = false;
	begin(t->kit->server, &asked);
	while (!t->is_answered && loop_sim_step(t->kit->loop))
		continue;
	return t->kit->err.code;
}

static void custom_resources_ask_too(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	custom(t, server_custom_define_begin, NULL,
	       "{\"properties\":{\"size\":{\"type\":\"integer\"}},\"required\":[\"size\"]}");
	hook_make(t, HOOK("disks", "disk", ALL_PRE, ""), id);
	t->answer = "{\"size\":2,\"old\":1}";
	assert_int_equal(custom(t, server_custom_create_begin, NULL, "{\"size\":1,\"a\":1}"), 0);
	assert_string_equal(t->sent[0].body, "{\"size\":1,\"a\":1}");
	auto_free char *object = hook_member(t, "_id");
	auto_free char *size = hook_member(t, "size");
	assert_string_equal(size, "2");
	assert_null(hook_member(t, "a"));
	assert_asked(t, "pre_create disk");
	t->answer = "{\"size\":\"many\"}";
	assert_int_equal(custom(t, server_custom_update_begin, object, "{\"b\":3}"), -EINVAL);
	assert_err(t->kit, -EINVAL, "size: expected integer, got string");
	auto_free char *sent = xasprintf("{\"_id\":\"%s\",\"size\":2,\"old\":1,\"b\":3}", object);
	assert_string_equal(t->sent[0].body, sent);
	t->answer = "{\"size\":4,\"_id\":\"x\"}";
	assert_int_equal(custom(t, server_custom_update_begin, object, "{\"b\":3}"), 0);
	assert_null(hook_member(t, "b"));
	assert_null(hook_member(t, "old"));
	hook_forget(t);
	t->status = 403;
	assert_int_equal(custom(t, server_custom_delete_begin, object, NULL), -EACCES);
	assert_asked(t, "pre_delete disk");
	t->status = 200;
	assert_int_equal(custom(t, server_custom_delete_begin, object, NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOOK_TEST(a_hook_refuses),
		HOOK_TEST(what_it_is_asked),
		HOOK_TEST(what_it_answers_is_what_is_made),
		HOOK_TEST(what_it_answers_is_checked),
		HOOK_TEST(who_is_open_lets_go_on),
		HOOK_TEST(who_is_closed_does_not),
		HOOK_TEST(hooks_are_asked_by_name_and_see_what_was_made),
		HOOK_TEST(what_it_said_is_kept),
		HOOK_TEST(who_answers_late_has_failed),
		HOOK_TEST(the_server_ends_meanwhile),
		HOOK_TEST(a_hook_goes_while_it_is_asked),
		HOOK_TEST(who_is_not_asked),
		HOOK_TEST(oakestras_requests_ask_too),
		HOOK_TEST(custom_resources_ask_too),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/hook_pre", tests, NULL, NULL);
}
