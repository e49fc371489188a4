/* Scaling and deleting by name, and the names of instances. */
#include "kit.h"

static void setup_two(struct kit *kit)
{
	kit_register(kit, NODE_A, 10000);
	kit_must_apply(
		kit, SLA(APPLICATION("a", SERVICE("web", "") "," SERVICE("db", "")) "," APPLICATION(
			     "b", SERVICE("web", ""))));
}

static void scaling_adds_and_takes_the_highest(void **state)
{
	struct kit *kit = *state;

	setup_two(kit);
	kit_forget(kit);
	assert_int_equal(kit_scale(kit, "db", 3), 0);
	assert_int_equal(kit_count(kit, NODE_A, "control/deploy"), 2);
	auto_free char *second = kit_value(kit, "instances", "db.2", "id");
	kit_forget(kit);
	assert_int_equal(kit_scale(kit, "db", 2), 0);
	assert_string_equal(json_get_str(kit_last(kit, NODE_A, "control/delete"), "instance_id"),
			    second);
	kit_report(kit, NODE_A, second, STATE_UNDEPLOYED, "removed");
	/* Numbers are never used again. */
	assert_int_equal(kit_scale(kit, "db", 3), 0);
	assert_null(kit_value(kit, "instances", "db.2", "id"));
	assert_value(kit, "instances", "db.3", "number", "3");
	kit_forget(kit);
	assert_int_equal(kit_scale(kit, "db", 3), 0);
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "unchanged service a.t.db.t");
	assert_int_equal(kit->n_messages, 0);
	assert_int_equal(kit_scale(kit, "db", 0), 0);
	assert_int_equal(kit_count(kit, NODE_A, "control/delete"), 3);
	assert_int_equal(kit_scale(kit, "db", 1001), -EINVAL);
}

static void services_by_short_names(void **state)
{
	struct kit *kit = *state;

	setup_two(kit);
	assert_int_equal(kit_scale(kit, "db", 2), 0);
	assert_int_equal(kit_scale(kit, "db.t", 1), 0);
	assert_int_equal(kit_scale(kit, "a.t.db.t", 2), 0);
	auto_free char *id = kit_value(kit, "services", "a.t.db.t", "id");
	assert_int_equal(kit_scale(kit, id, 1), 0);
	kit_scale(kit, "web", 2);
	assert_err(kit, -EEXIST, "several fit (a.t.web.t, b.t.web.t), name it in full");
	kit_scale(kit, "web.t", 2);
	assert_err(kit, -EEXIST, "several fit");
	assert_int_equal(kit_scale(kit, "b.t.web.t", 2), 0);
	kit_scale(kit, "we", 2);
	assert_err(kit, -ENOENT, "no service we: there are a.t.web.t, a.t.db.t, b.t.web.t");
	kit_scale(kit, "", 2);
	assert_err(kit, -ENOENT, "no service ");
	kit_scale(kit, "t", 2);
	assert_err(kit, -ENOENT, "no service t");
}

static void applications_by_short_names(void **state)
{
	struct kit *kit = *state;

	setup_two(kit);
	kit_must_apply(kit, SLA("{\"application_name\":\"a\",\"application_namespace\":\"u\","
				"\"microservices\":[]}"));
	kit_delete(kit, "a");
	assert_err(kit, -EEXIST, "several fit (a.t, a.u)");
	kit_delete(kit, "c");
	assert_err(kit, -ENOENT, "no application c: there are a.t, b.t, a.u");
	assert_int_equal(kit_delete(kit, "b"), 0);
	auto_free char *actions = kit_actions(kit);
	assert_string_equal(actions, "delete service b.t.web.t, delete app b.t");
	auto_free char *id = kit_value(kit, "apps", "a.u", "id");
	assert_int_equal(kit_delete(kit, id), 0);
	assert_int_equal(kit_delete(kit, "a.t"), 0);
	kit_delete(kit, "a.t");
	assert_err(kit, -ENOENT, "there is none at all");
	assert_int_equal(kit_n(kit, "services"), 0);
}

static void assert_finds(struct kit *kit, const char *name, const char *id)
{
	struct server_instance_ref ref = { 0 };
	struct err err = { 0 };

	if (server_find_instance(kit->server, name, &ref, &err) < 0)
		fail_msg("%s: %s", name, err.msg);
	assert_string_equal(ref.id, id);
	assert_string_equal(ref.node_id, NODE_A);
}

static void instances_by_short_names(void **state)
{
	struct kit *kit = *state;
	struct server_instance_ref ref = { 0 };
	struct err err = { 0 };

	setup_two(kit);
	auto_free char *id = kit_value(kit, "instances", "db.0", "id");
	auto_free char *prefix = xstrndup(id, 12);
	assert_finds(kit, id, id);
	assert_finds(kit, prefix, id);
	assert_finds(kit, "db.0", id);
	assert_finds(kit, "db.t.0", id);
	assert_finds(kit, "a.t.db.t.0", id);
	assert_int_equal(server_find_instance(kit->server, "web.0", &ref, &err), -EEXIST);
	assert_non_null(strstr(err.msg, "several fit (a.t.web.t.0, b.t.web.t.0)"));
	assert_int_equal(server_find_instance(kit->server, "db.1", &ref, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "there are a.t.web.t.0"));
	assert_finds(kit, "db", id); /* its only one */
	assert_int_equal(server_find_instance(kit->server, "web", &ref, &err), -EEXIST);
	prefix[3] = '\0'; /* too short to be meant */
	assert_int_equal(server_find_instance(kit->server, prefix, &ref, &err), -ENOENT);
}

static void one_on_its_way_out_gives_way(void **state)
{
	struct kit *kit = *state;

	setup_two(kit);
	auto_free char *old = kit_value(kit, "instances", "db.0", "id");
	assert_int_equal(kit_delete(kit, "a"), 0);
	assert_finds(kit, "db.0", old);
	kit_must_apply(kit, APP("a", SERVICE("db", "")));
	auto_(json_free) struct json *list = kit_list(kit, "instances");
	const char *new = NULL;
	for (size_t i = 0; i < json_count(list); i++)
		if (str_eq(json_get_str(json_at(list, i), "service"), "db.t") &&
		    !str_eq(json_get_str(json_at(list, i), "id"), old))
			new = json_get_str(json_at(list, i), "id");
	assert_finds(kit, "db.0", new);
	assert_finds(kit, old, old);
}

static void lists_filter_by_application(void **state)
{
	struct kit *kit = *state;

	setup_two(kit);
	auto_free char *text = server_list_text(server_list_begin(
		kit->server, SERVER_INSTANCES, &(struct server_filter){ .app = "a.t" }));
	auto_free char *none = server_list_text(server_list_begin(
		kit->server, SERVER_SERVICES, &(struct server_filter){ .app = "nobody.t" }));
	auto_(json_free) struct json *list = NULL;
	struct err err;
	assert_int_equal(json_parse(text, strlen(text), &list, &err), 0);
	assert_int_equal(json_count(list), 2);
	assert_string_equal(none, "[]");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(scaling_adds_and_takes_the_highest), KIT_TEST(services_by_short_names),
		KIT_TEST(applications_by_short_names),        KIT_TEST(instances_by_short_names),
		KIT_TEST(one_on_its_way_out_gives_way),       KIT_TEST(lists_filter_by_application),
	};

	log_set_level(LOG_LEVEL_ERROR);
	return cmocka_run_group_tests_name("server/names", tests, NULL, NULL);
}
