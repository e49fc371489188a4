/* Secrets and configuration objects: kept sealed, given to those that ask for them. */
#include <sys/stat.h>

#include "base/base64.h"
#include "kit.h"

#define WORD       "correct horse"
#define OTHER      "battery staple"
#define USES(more) APP("a", SERVICE("web", more))

struct test {
	struct kit *kit;
	char dir[64];
	char *key;
};

static int set_up(void **state)
{
	struct test *t = NEW(struct test);

	kit_setup((void **)&t->kit);
	STR_COPY(t->dir, "/tmp/holm-values-XXXXXX");
	assert_non_null(mkdtemp(t->dir));
	t->key = path_join(t->dir, "secrets.key");
	kit_crash(t->kit);
	t->kit->config.key_path = t->key;
	kit_boot(t->kit);
	*state = t;
	return 0;
}

static int tear_down(void **state)
{
	struct test *t = *state;
	struct err err;

	kit_teardown((void **)&t->kit);
	path_remove(t->dir, &err);
	free(t->key);
	free(t);
	return 0;
}

static void on_answer(void *arg, const struct plan_view *plan, const struct err *err)
{
	struct kit *kit = arg;
	struct err ignored;

	kit->is_answered = true;
	kit->err = *err;
	kit->plan = json_free(kit->plan);
	if (!plan)
		return;
	auto_free char *text = fields_format(&plan_view_table, plan);
	assert_int_equal(json_parse(text, strlen(text), &kit->plan, &ignored), 0);
}

static int finish(struct kit *kit)
{
	while (!kit->is_answered && loop_sim_step(kit->loop))
		continue;
	kit_run(kit, 200);
	return kit->err.code;
}

static int set(struct test *t, enum value_kind kind, const char *name, const char *word)
{
	const struct server_value value = { .kind = kind,
					    .name = name,
					    .bytes = word,
					    .len = strlen(word) };

	t->kit->is_answered = false;
	server_set_value_begin(t->kit->server, &value, on_answer, t->kit);
	return finish(t->kit);
}

static void must_set(struct test *t, enum value_kind kind, const char *name, const char *word)
{
	if (set(t, kind, name, word) < 0)
		fail_msg("%s", t->kit->err.msg);
}

static int rm(struct test *t, enum value_kind kind, const char *name, bool is_forced)
{
	const struct server_value value = { .kind = kind, .name = name, .is_forced = is_forced };

	t->kit->is_answered = false;
	server_remove_value_begin(t->kit->server, &value, on_answer, t->kit);
	return finish(t->kit);
}

static void assert_actions(struct test *t, const char *expected)
{
	auto_free char *actions = kit_actions(t->kit);

	assert_string_equal(actions, expected);
}

/* The last value that the node was sent. */
static void assert_sent(struct test *t, const char *name, const char *word)
{
	const struct json *last = kit_last(t->kit, NODE_A, "control/value");
	auto_secret struct secret bytes = { 0 };

	assert_non_null(last);
	assert_string_equal(json_get_str(last, "name"), name);
	assert_non_null(json_get_str(last, "body"));
	assert_int_equal(base64_parse(json_get_str(last, "body"), &bytes), 0);
	assert_string_equal((char *)bytes.bytes, word);
}

struct search {
	const char *word;
	size_t n; /* documents that have it */
	size_t n_docs;
};

static int look(void *arg, const char *kind, const char *id, const char *body, struct err *err)
{
	struct search *search = arg;

	search->n += strstr(body, search->word) != NULL;
	search->n_docs++;
	return 0;
}

/* How many documents on disk hold the text. */
static size_t n_on_disk(struct test *t, const char *word)
{
	struct search search = { .word = word };
	void *store;
	struct err err;

	assert_int_equal(store_mem.open(store_mem_where(t->kit->disk), &store, &err), 0);
	assert_int_equal(store_mem.load(store, look, &search, &err), 0);
	store_mem.close(store);
	assert_true(search.n_docs > 0);
	return search.n;
}

static void a_secret_is_on_disk_sealed_only(void **state)
{
	struct test *t = *state;
	auto_free char *plain = base64_format(WORD, strlen(WORD));

	must_set(t, VALUE_SECRET, "db", WORD);
	assert_actions(t, "create secret db");
	assert_int_equal(n_on_disk(t, "\"db\""), 1);
	assert_int_equal(n_on_disk(t, WORD) + n_on_disk(t, plain), 0);
	must_set(t, VALUE_CONFIG, "db", WORD);
	assert_int_equal(n_on_disk(t, plain), 1);
	struct stat st;
	assert_int_equal(stat(t->key, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void lists_show_no_value(void **state)
{
	struct test *t = *state;
	auto_free char *plain = base64_format(WORD, strlen(WORD));

	must_set(t, VALUE_SECRET, "db", WORD);
	auto_free char *text =
		server_list_text(server_list_begin(t->kit->server, SERVER_SECRETS, NULL));
	auto_(json_free) struct json *list = NULL;
	assert_int_equal(json_parse(text, strlen(text), &list, &t->kit->err), 0);
	const struct json *view = json_at(list, 0);
	assert_string_equal(json_get_str(view, "name"), "db");
	assert_int_equal(json_get_int(view, "size", 0), strlen(WORD));
	assert_int_equal(json_get_int(view, "revision", 0), 1);
	assert_null(strstr(text, WORD));
	assert_null(strstr(text, plain));
	assert_null(strstr(text, "body"));
	auto_secret struct secret bytes = { 0 };
	assert_int_equal(server_read_config(t->kit->server, "db", &bytes, &t->kit->err), -ENOENT);
	must_set(t, VALUE_CONFIG, "app.conf", "a=1\n");
	assert_int_equal(server_read_config(t->kit->server, "app.conf", &bytes, &t->kit->err), 0);
	assert_string_equal((char *)bytes.bytes, "a=1\n");
}

static void the_same_value_is_no_change(void **state)
{
	struct test *t = *state;

	must_set(t, VALUE_SECRET, "db", WORD);
	must_set(t, VALUE_SECRET, "db", WORD);
	assert_actions(t, "unchanged secret db");
	must_set(t, VALUE_SECRET, "db", OTHER);
	assert_actions(t, "update secret db");
	auto_free char *text =
		server_list_text(server_list_begin(t->kit->server, SERVER_SECRETS, NULL));
	assert_non_null(strstr(text, "\"revision\":2,"));
}

static void what_cannot_be_set(void **state)
{
	struct test *t = *state;
	auto_free char *large = xcalloc(1, VALUE_SIZE_MAX + 2);

	assert_int_equal(set(t, VALUE_SECRET, "a/b", WORD), -EINVAL);
	assert_int_equal(set(t, VALUE_SECRET, "db", ""), -EINVAL);
	memset(large, 'x', VALUE_SIZE_MAX + 1);
	assert_int_equal(set(t, VALUE_CONFIG, "db", large), -E2BIG);
	large[VALUE_SIZE_MAX] = '\0';
	must_set(t, VALUE_CONFIG, "c0", large);
	for (int i = 1; i < 64; i++) {
		auto_free char *name = xasprintf("c%d", i);

		must_set(t, VALUE_CONFIG, name, large);
	}
	assert_int_equal(set(t, VALUE_SECRET, "db", WORD), -ENOSPC);
	assert_err(t->kit, -ENOSPC, "at most 67108864 are kept");
	assert_int_equal(rm(t, VALUE_CONFIG, "c1", false), 0);
	must_set(t, VALUE_SECRET, "db", WORD);
}

static void an_unknown_one_is_refused_at_apply(void **state)
{
	struct test *t = *state;

	kit_register(t->kit, NODE_A, 1000);
	assert_int_equal(kit_apply(t->kit, USES(",\"secrets\":[{\"name\":\"db\"}]")), -ENOENT);
	assert_err(t->kit, -ENOENT, "a.t.web.t: there is no secret db: make it by");
	must_set(t, VALUE_SECRET, "db", WORD);
	kit_must_apply(t->kit, USES(",\"secrets\":[{\"name\":\"db\"}]"));
	/* A configuration object of that name is another thing. */
	assert_int_equal(kit_apply(t->kit, USES(",\"configs\":[{\"name\":\"db\"}]")), -ENOENT);
}

static void what_cannot_be_in_the_environment(void **state)
{
	struct test *t = *state;
	const struct server_value binary = { .name = "bin", .bytes = "a\0b", .len = 3 };
	auto_free char *large = xcalloc(1, VALUE_ENV_SIZE_MAX);

	t->kit->is_answered = false;
	server_set_value_begin(t->kit->server, &binary, on_answer, t->kit);
	assert_int_equal(finish(t->kit), 0);
	memset(large, 'x', VALUE_ENV_SIZE_MAX - 1);
	must_set(t, VALUE_SECRET, "large", large);
	assert_int_equal(kit_apply(t->kit, USES(",\"secrets\":[{\"name\":\"bin\",\"env\":\"B\"}]")),
			 -EINVAL);
	assert_int_equal(kit_apply(t->kit,
				   USES(",\"secrets\":[{\"name\":\"large\",\"env\":\"B\"}]")),
			 -E2BIG);
	kit_must_apply(t->kit, USES(",\"secrets\":[{\"name\":\"bin\"},{\"name\":\"large\"}]"));
}

static void a_node_gets_what_its_instances_want(void **state)
{
	struct test *t = *state;

	kit_register(t->kit, NODE_A, 1000);
	kit_register(t->kit, NODE_B, 10);
	must_set(t, VALUE_SECRET, "db", WORD);
	must_set(t, VALUE_SECRET, "mail", WORD);
	kit_forget(t->kit);
	kit_must_apply(t->kit, USES(",\"memory\":100,\"replicas\":2,"
				    "\"secrets\":[{\"name\":\"db\"}]"));
	assert_sent(t, "db", WORD);
	assert_int_equal(kit_count(t->kit, NODE_A, "control/value"), 2);
	assert_int_equal(kit_count(t->kit, NODE_B, "control/value"), 0);
	/* The value is there before the instance that wants it. */
	assert_string_equal(t->kit->messages[0].topic, "control/value");
	assert_string_equal(t->kit->messages[1].topic, "control/deploy");
	kit_forget(t->kit);
	must_set(t, VALUE_SECRET, "mail", OTHER);
	assert_int_equal(kit_count(t->kit, NODE_A, "control/value"), 0);
	must_set(t, VALUE_SECRET, "db", OTHER);
	assert_sent(t, "db", OTHER);
	assert_int_equal(kit_count(t->kit, NODE_A, "control/value"), 1);
	/* And all of them once when the node comes back. */
	kit_crash(t->kit);
	kit_boot(t->kit);
	kit_forget(t->kit);
	kit_register(t->kit, NODE_A, 1000);
	assert_sent(t, "db", OTHER);
	assert_int_equal(kit_count(t->kit, NODE_A, "control/value"), 1);
	assert_string_equal(t->kit->messages[1].topic, "control/value");
	assert_string_equal(t->kit->messages[2].topic, "control/sync");
}

static void who_sees_a_change_late_is_told(void **state)
{
	struct test *t = *state;

	must_set(t, VALUE_SECRET, "db", WORD);
	kit_must_apply(t->kit, USES(",\"secrets\":[{\"name\":\"db\"},{\"name\":\"db\",\"env\":"
				    "\"DB\"},{\"name\":\"db\",\"file\":\"/etc/db\"}]"));
	must_set(t, VALUE_SECRET, "db", OTHER);
	const struct json *warnings = json_get(t->kit->plan, "warnings");
	assert_int_equal(json_count(warnings), 2);
	assert_string_equal(json_str(json_at(warnings, 0)),
			    "a.t.web.t has it as DB: what runs keeps the earlier value until its "
			    "next start");
	assert_non_null(strstr(json_str(json_at(warnings, 1)), "/etc/db"));
}

static void one_in_use_is_not_removed(void **state)
{
	struct test *t = *state;

	kit_register(t->kit, NODE_A, 1000);
	must_set(t, VALUE_SECRET, "db", WORD);
	kit_must_apply(t->kit, USES(",\"secrets\":[{\"name\":\"db\"}]"));
	assert_int_equal(rm(t, VALUE_SECRET, "db", false), -EBUSY);
	assert_err(t->kit, -EBUSY, "secret db is used by a.t.web.t: ");
	kit_forget(t->kit);
	assert_int_equal(rm(t, VALUE_SECRET, "db", true), 0);
	const struct json *last = kit_last(t->kit, NODE_A, "control/value");
	assert_true(json_bool(json_get(last, "is_removed"), false));
	assert_null(json_get(last, "body"));
	assert_int_equal(rm(t, VALUE_SECRET, "db", true), -ENOENT);
	/* What nobody uses goes without force. */
	must_set(t, VALUE_CONFIG, "x", WORD);
	assert_int_equal(rm(t, VALUE_CONFIG, "x", false), 0);
	assert_actions(t, "delete config x");
}

static void a_restart_keeps_them(void **state)
{
	struct test *t = *state;

	must_set(t, VALUE_SECRET, "db", WORD);
	kit_crash(t->kit);
	kit_boot(t->kit);
	must_set(t, VALUE_SECRET, "db", WORD);
	assert_actions(t, "unchanged secret db");
	/* One of the same name that was removed is another one. */
	assert_int_equal(rm(t, VALUE_SECRET, "db", false), 0);
	must_set(t, VALUE_SECRET, "db", OTHER);
	assert_actions(t, "create secret db");
}

static void a_lost_key_is_named_and_the_rest_works(void **state)
{
	struct test *t = *state;
	auto_free char *kept = xasprintf("%s.kept", t->key);

	kit_register(t->kit, NODE_A, 1000);
	must_set(t, VALUE_SECRET, "db", WORD);
	kit_must_apply(t->kit, USES(",\"secrets\":[{\"name\":\"db\"}]"));
	kit_crash(t->kit);
	assert_int_equal(rename(t->key, kept), 0);
	kit_boot(t->kit);
	assert_int_equal(set(t, VALUE_SECRET, "new", WORD), -ENOENT);
	assert_err(t->kit, -ENOENT, "is missing, and 1 secret is sealed by it");
	assert_non_null(strstr(t->kit->err.msg, t->key));
	assert_false(path_exists(t->key)); /* and not made anew */
	assert_int_equal(kit_apply(t->kit, APP("b", SERVICE("web", ",\"secrets\":[{\"name\":"
								   "\"db\"}]"))),
			 -ENOENT);
	assert_non_null(strstr(t->kit->err.msg, t->key));
	kit_forget(t->kit);
	kit_register(t->kit, NODE_A, 1000);
	const struct json *last = kit_last(t->kit, NODE_A, "control/value");
	assert_non_null(strstr(json_get_str(last, "error"), t->key));
	assert_null(json_get(last, "body"));
	/* Everything else works, and so does this once the file is back. */
	must_set(t, VALUE_CONFIG, "x", WORD);
	kit_must_apply(t->kit, APP("b", SERVICE("web", "")));
	assert_int_equal(rename(kept, t->key), 0);
	must_set(t, VALUE_SECRET, "new", WORD);
	kit_register(t->kit, NODE_A, 1000);
	assert_sent(t, "db", WORD);
}

static void another_key_is_told(void **state)
{
	struct test *t = *state;

	must_set(t, VALUE_SECRET, "db", WORD);
	kit_crash(t->kit);
	assert_int_equal(file_write_atomic(t->key, "0123456789abcdef0123456789abcdef", 32, 0600,
					   &t->kit->err),
			 0);
	kit_boot(t->kit);
	assert_int_equal(kit_apply(t->kit, USES(",\"secrets\":[{\"name\":\"db\"}]")),
			 -EKEYREJECTED);
	assert_non_null(strstr(t->kit->err.msg, t->key));
	/* Set anew it is good again. */
	must_set(t, VALUE_SECRET, "db", OTHER);
	kit_must_apply(t->kit, USES(",\"secrets\":[{\"name\":\"db\"}]"));
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(a_secret_is_on_disk_sealed_only),
		T(lists_show_no_value),
		T(the_same_value_is_no_change),
		T(what_cannot_be_set),
		T(an_unknown_one_is_refused_at_apply),
		T(what_cannot_be_in_the_environment),
		T(a_node_gets_what_its_instances_want),
		T(who_sees_a_change_late_is_told),
		T(one_in_use_is_not_removed),
		T(a_restart_keeps_them),
		T(a_lost_key_is_named_and_the_rest_works),
		T(another_key_is_told),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/values", tests, NULL, NULL);
}
