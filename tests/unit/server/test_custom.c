/* Custom resources: types by their schemas, objects that fit them, and what is left after a crash. */
#include "kit.h"
#include "model/custom.h"
#include "server/extend.h"

#define SCHEMA                                                                                    \
	"{\"type\":\"object\",\"properties\":{\"size\":{\"type\":\"integer\",\"minimum\":1},"     \
	"\"place\":{\"type\":\"object\"},\"tags\":{\"type\":\"array\"}},\"required\":[\"size\"]," \
	"\"additionalProperties\":false}"

typedef void (*begin_fn)(struct server *server, const struct server_custom *custom);

struct answer {
	bool is_there;
	char *json;
	struct err err;
};

static void on_answer(void *arg, const char *json, const struct err *err)
{
	struct answer *answer = arg;

	assert_false(answer->is_there);
	assert_int_equal(!json, err->code != 0 || !json);
	answer->is_there = true;
	answer->json = xstrdup(json);
	answer->err = *err;
}

/* What it answers, the caller's; the error is left in the kit. */
static char *ask(struct kit *kit, begin_fn begin, const char *type, const char *id,
		 const char *text)
{
	struct answer answer = { 0 };
	const struct server_custom custom = {
		.type = type,
		.id = id,
		.text = text,
		.len = text ? strlen(text) : 0,
		.done = on_answer,
		.arg = &answer,
	};

	begin(kit->server, &custom);
	assert_false(answer.is_there);
	while (!answer.is_there && loop_sim_step(kit->loop))
		continue;
	kit->err = answer.err;
	return answer.json;
}

static void define(struct kit *kit, const char *type, const char *schema)
{
	auto_free char *json = ask(kit, server_custom_define_begin, type, NULL, schema);

	if (!json)
		fail_msg("%s", kit->err.msg);
}

static void refused(struct kit *kit, begin_fn begin, const char *type, const char *id,
		    const char *text)
{
	auto_free char *json = ask(kit, begin, type, id, text);

	if (json)
		fail_msg("%s", json);
}

/* Its id. */
static void create(struct kit *kit, const char *type, const char *text, char ret_id[ID_SIZE])
{
	auto_free char *json = ask(kit, server_custom_create_begin, type, NULL, text);

	if (!json)
		fail_msg("%s", kit->err.msg);
	assert_true(str_starts(json, "{\"_id\":\""));
	str_copy(ret_id, ID_SIZE, json + strlen("{\"_id\":\""));
	assert_true(id_is_valid(ret_id));
}

static void assert_shown(struct kit *kit, const char *id, const char *body)
{
	struct err err = { 0 };
	auto_free char *json = server_custom_show(kit->server, "disk", id, &err);

	if (!json)
		fail_msg("%s", err.msg);
	assert_string_equal(json + strlen("{\"_id\":\"") + ID_LEN, body);
}

/* The sizes of those that the filter leaves, "1 3". */
static void assert_listed(struct kit *kit, const char *filter, const char *sizes)
{
	auto_strv struct strv pairs = { 0 };
	auto_strv struct strv found = { 0 };
	auto_(json_free) struct json *list = NULL;
	struct err err = { 0 };

	strv_split(&pairs, filter, " ");
	auto_free char *json = server_custom_list(kit->server, "disk", &pairs, &err);
	assert_non_null(json);
	assert_int_equal(json_parse(json, strlen(json), &list, &err), 0);
	for (size_t i = 0; i < json_count(list); i++)
		strv_addf(&found, "%ld", json_get_int(json_at(list, i), "size", 0));
	auto_free char *text = strv_join(&found, " ");
	assert_string_equal(text, sizes);
}

static void objects_fit_their_type(void **state)
{
	struct kit *kit = *state;
	char id[ID_SIZE];

	refused(kit, server_custom_create_begin, "disk", NULL, "{\"size\":1}");
	assert_err(kit, -ENOENT, "no custom resource type disk");
	define(kit, "disk", SCHEMA);
	refused(kit, server_custom_create_begin, "disk", NULL, "{\"size\":0}");
	assert_err(kit, -EINVAL, "size: expected a number of at least 1");
	refused(kit, server_custom_create_begin, "disk", NULL, "{}");
	assert_err(kit, -EINVAL, "the object: size is missing");
	refused(kit, server_custom_create_begin, "disk", NULL, "[1]");
	assert_err(kit, -EINVAL, "expected a JSON object");
	refused(kit, server_custom_create_begin, "disk", NULL, "{");
	assert_err(kit, -EINVAL, "line 1");
	/* An id is ours to give. */
	create(kit, "disk", "{\"size\":3,\"_id\":\"x\"}", id);
	assert_shown(kit, id, "\",\"size\":3}");
}

static void a_patch_is_judged_with_the_rest(void **state)
{
	struct kit *kit = *state;
	char id[ID_SIZE];

	define(kit, "disk", SCHEMA);
	create(kit, "disk", "{\"size\":3,\"place\":{\"rack\":1}}", id);
	auto_free char *json = ask(kit, server_custom_update_begin, "disk", id,
				   "{\"place\":{\"row\":2},\"tags\":[]}");
	assert_non_null(json);
	assert_shown(kit, id, "\",\"size\":3,\"place\":{\"row\":2},\"tags\":[]}");
	refused(kit, server_custom_update_begin, "disk", id, "{\"size\":\"4\"}");
	assert_err(kit, -EINVAL, "size: expected integer, got string");
	refused(kit, server_custom_update_begin, "disk", id, "{\"colour\":4}");
	assert_err(kit, -EINVAL, "colour: is not allowed");
	assert_shown(kit, id, "\",\"size\":3,\"place\":{\"row\":2},\"tags\":[]}");
	refused(kit, server_custom_update_begin, "disk", "0123456789abcdef01234567", "{}");
	assert_err(kit, -ENOENT, "no disk 0123456789abcdef01234567");
}

static void filters(void **state)
{
	struct kit *kit = *state;
	char id[ID_SIZE];

	define(kit, "disk", SCHEMA);
	define(kit, "other", NULL);
	create(kit, "other", "{\"size\":9}", id);
	create(kit, "disk", "{\"size\":1,\"place\":{\"rack\":\"a\",\"row\":7}}", id);
	create(kit, "disk",
	       "{\"size\":2,\"place\":{\"rack\":\"b\",\"row\":7},\"tags\":[\"x\",\"y\"]}", id);
	create(kit, "disk", "{\"size\":3}", id);
	assert_listed(kit, "", "1 2 3");
	assert_listed(kit, "place.rack a", "1");
	assert_listed(kit, "place.row 7", "1 2");
	assert_listed(kit, "place.row 7 place.rack b", "2");
	assert_listed(kit, "tags y", "2");
	assert_listed(kit, "size 3", "3");
	assert_listed(kit, "size 4", "");
	assert_listed(kit, "place.rack.deep a", "");
	auto_free char *filter = xasprintf("_id %s", id);
	assert_listed(kit, filter, "3");
}

static void a_type_goes_with_its_objects(void **state)
{
	struct kit *kit = *state;
	char id[ID_SIZE];
	char other[ID_SIZE];
	struct err err;

	define(kit, "disk", SCHEMA);
	define(kit, "other", NULL);
	create(kit, "disk", "{\"size\":1}", id);
	create(kit, "other", "{}", other);
	refused(kit, server_custom_undefine_begin, "another", NULL, NULL);
	assert_err(kit, -ENOENT, "no custom resource type another");
	free(ask(kit, server_custom_undefine_begin, "disk", NULL, NULL));
	assert_int_equal(kit->err.code, 0);
	assert_null(server_custom_show(kit->server, "disk", id, &err));
	/* One of the same name begins empty. */
	define(kit, "disk", SCHEMA);
	assert_listed(kit, "", "");
	auto_free char *left = server_custom_show(kit->server, "other", other, &err);
	assert_non_null(left);
}

static void objects_go(void **state)
{
	struct kit *kit = *state;
	char id[ID_SIZE];

	define(kit, "disk", SCHEMA);
	define(kit, "other", NULL);
	create(kit, "disk", "{\"size\":1}", id);
	refused(kit, server_custom_delete_begin, "other", id, NULL);
	assert_err(kit, -ENOENT, "no other");
	assert_listed(kit, "", "1");
	free(ask(kit, server_custom_delete_begin, "disk", id, NULL));
	assert_int_equal(kit->err.code, 0);
	assert_listed(kit, "", "");
}

static void types_that_are_refused(void **state)
{
	struct kit *kit = *state;
	auto_free char *json = NULL;

	refused(kit, server_custom_define_begin, "a", NULL, "{\"dependentSchemas\":{}}");
	assert_err(kit, -EINVAL, "schema: dependentSchemas: this keyword is not supported");
	refused(kit, server_custom_define_begin, "../a", NULL, "{}");
	assert_err(kit, -EINVAL, "resource_type \"../a\"");
	json = ask(kit, server_custom_define_begin, "a", NULL, "{\"title\":\"t\"}");
	assert_non_null(strstr(json, "\"resource_type\":\"a\",\"schema\":{\"title\":\"t\"}}"));
	refused(kit, server_custom_define_begin, "a", NULL, "{}");
	assert_err(kit, -EEXIST, "there is a custom resource type a already");
}

static void sizes_are_bounded(void **state)
{
	struct kit *kit = *state;
	auto_free char *large = xcalloc(1, CUSTOM_SIZE_MAX + 100);
	char id[ID_SIZE];

	define(kit, "any", NULL);
	memset(large, 'x', CUSTOM_SIZE_MAX);
	memcpy(large, "{\"a\":\"", 6);
	memcpy(large + CUSTOM_SIZE_MAX - 2, "\"}", 3);
	create(kit, "any", large, id);
	memcpy(large + CUSTOM_SIZE_MAX - 2, "x\"}", 4);
	refused(kit, server_custom_create_begin, "any", NULL, large);
	assert_err(kit, -E2BIG, "more than 65536 bytes");
	refused(kit, server_custom_update_begin, "any", id, "{\"b\":1}");
	assert_err(kit, -E2BIG, "more than 65536 bytes");
	memcpy(large + CUSTOM_SIZE_MAX - 2, "\"}", 3);
	/* The sixteen mebibytes of all of them. */
	for (int i = 1; i < 256; i++)
		create(kit, "any", large, id);
	refused(kit, server_custom_create_begin, "any", NULL, large);
	assert_err(kit, -ENOSPC, "all custom resources together");
	free(ask(kit, server_custom_update_begin, "any", id, "{\"a\":1}"));
	assert_int_equal(kit->err.code, 0);
	create(kit, "any", "{}", id);
}

static void they_are_there_after_a_crash(void **state)
{
	struct kit *kit = *state;
	char id[ID_SIZE];

	define(kit, "disk", SCHEMA);
	create(kit, "disk", "{\"size\":5}", id);
	kit_crash(kit);
	kit_boot(kit);
	assert_shown(kit, id, "\",\"size\":5}");
	refused(kit, server_custom_update_begin, "disk", id, "{\"size\":0}");
	assert_err(kit, -EINVAL, "size: expected a number of at least 1");
}

static void nothing_is_made_on_a_full_disk(void **state)
{
	struct kit *kit = *state;

	define(kit, "disk", SCHEMA);
	store_mem_fail(kit->disk, 1);
	refused(kit, server_custom_create_begin, "disk", NULL, "{\"size\":1}");
	assert_int_equal(kit->err.code, -ENOSPC);
	assert_listed(kit, "", "");
}

struct seen {
	size_t n;
	size_t n_gone;
	char *last;
};

static void on_event(void *arg, const struct server_event *event)
{
	struct seen *seen = arg;

	if (!str_eq(event->kind, "custom"))
		return;
	seen->n++;
	seen->n_gone += event->is_gone;
	free(seen->last);
	seen->last = xstrdup(event->json);
}

static void watchers_are_told(void **state)
{
	struct kit *kit = *state;
	struct seen seen = { 0 };
	char id[ID_SIZE];

	define(kit, "disk", SCHEMA);
	struct server_watch *watch = server_watch_begin(kit->server, 0, on_event, &seen);
	create(kit, "disk", "{\"size\":5}", id);
	assert_int_equal(seen.n, 1);
	assert_non_null(strstr(seen.last, "\"resource_type\":\"disk\",\"object\":{\"size\":5}}"));
	free(ask(kit, server_custom_delete_begin, "disk", id, NULL));
	assert_int_equal(seen.n, 2);
	assert_int_equal(seen.n_gone, 1);
	server_watch_end(kit->server, watch);
	free(seen.last);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(objects_fit_their_type),
		KIT_TEST(a_patch_is_judged_with_the_rest),
		KIT_TEST(filters),
		KIT_TEST(a_type_goes_with_its_objects),
		KIT_TEST(objects_go),
		KIT_TEST(types_that_are_refused),
		KIT_TEST(sizes_are_bounded),
		KIT_TEST(they_are_there_after_a_crash),
		KIT_TEST(nothing_is_made_on_a_full_disk),
		KIT_TEST(watchers_are_told),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/custom", tests, NULL, NULL);
}
