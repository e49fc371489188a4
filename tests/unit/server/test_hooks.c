/* Hooks as objects: what may be one, what is shown of it, and what becomes of its secret. */
#include "hook_kit.h"

#define TOLD HOOK("told", "applications", "\"post_create\"", "")

static void refused(struct hook_test *t, const char *text, int code, const char *words)
{
	assert_int_equal(hook_ask(t, server_hook_create_begin, NULL, text), code);
	assert_null(t->json);
	assert_err(t->kit, code, words);
}

static void a_hook_is_what_was_sent(void **state)
{
	struct hook_test *t = *state;
	struct err err;
	char id[ID_SIZE];

	hook_make(t,
		  HOOK("told", "jobs", "\"post_create\",\"post_delete\"",
		       ",\"on_failure\":\"closed\""),
		  id);
	auto_free char *shown = server_hook_show(t->kit->server, id, &err);
	auto_free char *start =
		xasprintf("{\"_id\":\"%s\",\"hook_name\":\"told\","
			  "\"webhook_url\":\"http://hooks.example/told\",\"entity\":\"jobs\","
			  "\"events\":[\"post_create\",\"post_delete\"],\"on_failure\":\"closed\",",
			  id);
	assert_true(str_starts(shown, start));
	auto_free char *list = server_hook_list(t->kit->server);
	auto_free char *expected = xasprintf("[%s]", shown);
	assert_string_equal(list, expected);
	assert_null(server_hook_show(t->kit->server, "0123456789abcdef01234567", &err));
	assert_int_equal(err.code, -ENOENT);
}

static int find_secret(void *arg, const char *kind, const char *id, const char *body,
		       struct err *err)
{
	size_t *n = arg;

	*n += str_eq(kind, "hook");
	if (strstr(body, HOOK_SECRET))
		fail_msg("%s %s: %s", kind, id, body);
	return 0;
}

static void its_secret_is_told_once_and_sealed(void **state)
{
	struct hook_test *t = *state;
	struct err err;
	char id[ID_SIZE];
	size_t n = 0;

	hook_make(t, TOLD, id);
	auto_free char *secret = hook_member(t, "secret");
	assert_string_equal(secret, HOOK_SECRET);
	auto_free char *shown = server_hook_show(t->kit->server, id, &err);
	auto_free char *list = server_hook_list(t->kit->server);
	assert_null(strstr(shown, "secret"));
	assert_null(strstr(list, "secret"));
	kit_crash(t->kit);
	void *disk;
	assert_int_equal(store_mem.open(t->kit->config.store_where, &disk, &err), 0);
	assert_int_equal(store_mem.load(disk, find_secret, &n, &err), 0);
	store_mem.close(disk);
	assert_int_equal(n, 1);
}

static void without_a_secret_one_is_made(void **state)
{
	struct hook_test *t = *state;

	assert_int_equal(hook_ask(t, server_hook_create_begin, NULL,
				  "{\"hook_name\":\"a\",\"webhook_url\":\"http://h.example\","
				  "\"entity\":\"jobs\",\"events\":[\"post_create\"]}"),
			 0);
	auto_free char *first = hook_member(t, "secret");
	assert_int_equal(strlen(first), 64);
	assert_true(is_hex(first, 64));
	assert_int_equal(hook_ask(t, server_hook_create_begin, NULL,
				  "{\"hook_name\":\"b\",\"webhook_url\":\"http://h.example/b\","
				  "\"entity\":\"jobs\",\"events\":[\"post_create\"]}"),
			 0);
	auto_free char *second = hook_member(t, "secret");
	assert_string_not_equal(first, second);
}

static void what_can_be_no_hook(void **state)
{
	struct hook_test *t = *state;

	refused(t, HOOK("a b", "jobs", "\"post_create\"", ""), -EINVAL, "hook_name: expected");
	refused(t, HOOK("a", "jobs", "\"created\"", ""), -EINVAL,
		"events[0]: expected pre_ or post_ with create, update or delete, got \"created\"");
	refused(t, HOOK("a", "jobs", "", ""), -EINVAL, "events: expected at least one");
	refused(t, HOOK("a", "jobs", "\"post_create\",\"post_create\"", ""), -EINVAL,
		"post_create is there twice");
	refused(t, HOOK("a", "job", "\"post_create\"", ""), -EINVAL, "there is no type job");
	refused(t,
		"{\"hook_name\":\"a\",\"webhook_url\":\"http://h\",\"entity\":\"jobs\","
		"\"events\":[\"post_create\"],\"secret\":\"short\"}",
		-EINVAL, "secret: expected 16 to 256 bytes, got 5");
	const char *const urls[] = { "",       "ftp://h/",     "http://",       "http:///a",
				     "h",      "http://a b/",  "file:///etc",   "http://u@h/",
				     "http:/", "https://?a=b", "http://u:p@h/a" };
	for (size_t i = 0; i < ARRAY_LEN(urls); i++) {
		auto_free char *text =
			xasprintf("{\"hook_name\":\"a\",\"webhook_url\":\"%s\","
				  "\"entity\":\"jobs\",\"events\":[\"post_create\"]}",
				  urls[i]);

		refused(t, text, -EINVAL, "webhook_url: ");
	}
}

static void names_and_urls_are_unique(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	hook_make(t, TOLD, id);
	refused(t, HOOK("told", "jobs", "\"post_create\"", ""), -EEXIST, "there is a hook told");
	refused(t,
		"{\"hook_name\":\"other\",\"webhook_url\":\"http://hooks.example/told\","
		"\"entity\":\"applications\",\"events\":[\"post_create\"]}",
		-EEXIST, "hook told has this webhook_url for applications already");
	hook_make(t,
		  "{\"hook_name\":\"other\",\"webhook_url\":\"http://hooks.example/told\","
		  "\"entity\":\"jobs\",\"events\":[\"post_create\"]}",
		  id);
	assert_int_equal(hook_ask(t, server_hook_update_begin, id, "{\"entity\":\"applications\"}"),
			 -EEXIST);
	for (int i = 2; i < HOOKS_MAX; i++) {
		auto_free char *text =
			xasprintf("{\"hook_name\":\"n%d\",\"webhook_url\":\"http://h.example/%d\","
				  "\"entity\":\"jobs\",\"events\":[\"post_create\"]}",
				  i, i);

		hook_make(t, text, id);
	}
	refused(t, HOOK("more", "jobs", "\"post_create\"", ""), -ENOSPC, "there are 50 hooks");
	/* Which one may still be changed. */
	assert_int_equal(hook_ask(t, server_hook_update_begin, id, "{\"hook_name\":\"m\"}"), 0);
}

static void a_patch_changes_what_it_has(void **state)
{
	struct hook_test *t = *state;
	struct err err;
	char id[ID_SIZE];

	hook_make(t, TOLD, id);
	assert_int_equal(hook_ask(t, server_hook_update_begin, id,
				  "{\"events\":[\"post_delete\"],\"webhook_url\":\"https://h\"}"),
			 0);
	assert_null(hook_member(t, "secret"));
	auto_free char *shown = server_hook_show(t->kit->server, id, &err);
	assert_non_null(strstr(shown, "\"hook_name\":\"told\",\"webhook_url\":\"https://h\","
				      "\"entity\":\"applications\",\"events\":[\"post_delete\"]"));
	assert_int_equal(hook_ask(t, server_hook_update_begin, id,
				  "{\"secret\":\"another secret of it\"}"),
			 0);
	auto_free char *secret = hook_member(t, "secret");
	assert_string_equal(secret, "another secret of it");
	assert_int_equal(hook_ask(t, server_hook_update_begin, id, "{\"events\":[]}"), -EINVAL);
	assert_int_equal(hook_ask(t, server_hook_update_begin, "none", "{}"), -ENOENT);
}

static void hooks_outlive_a_crash_and_go(void **state)
{
	struct hook_test *t = *state;
	struct err err;
	char id[ID_SIZE];

	hook_make(t, TOLD, id);
	auto_free char *before = server_hook_show(t->kit->server, id, &err);
	kit_crash(t->kit);
	kit_boot(t->kit);
	auto_free char *after = server_hook_show(t->kit->server, id, &err);
	assert_string_equal(before, after);
	assert_int_equal(hook_ask(t, server_hook_delete_begin, id, NULL), 0);
	assert_null(server_hook_show(t->kit->server, id, &err));
	assert_int_equal(hook_ask(t, server_hook_delete_begin, id, NULL), -ENOENT);
}

/* What it sealed would be lost. */
static void a_lost_key_is_not_made_anew(void **state)
{
	struct hook_test *t = *state;
	char id[ID_SIZE];

	hook_make(t, TOLD, id);
	assert_int_equal(unlink(t->key), 0);
	refused(t, HOOK("b", "jobs", "\"post_create\"", ""), -ENOENT,
		"is missing, and 1 secret is sealed by it");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOOK_TEST(a_hook_is_what_was_sent),
		HOOK_TEST(its_secret_is_told_once_and_sealed),
		HOOK_TEST(without_a_secret_one_is_made),
		HOOK_TEST(what_can_be_no_hook),
		HOOK_TEST(names_and_urls_are_unique),
		HOOK_TEST(a_patch_changes_what_it_has),
		HOOK_TEST(hooks_outlive_a_crash_and_go),
		HOOK_TEST(a_lost_key_is_not_made_anew),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/hooks", tests, NULL, NULL);
}
