/* What Oakestra's users change: whose objects they are, and how many instances there are of what. */
#include "kit.h"
#include "server/oakestra.h"

#define WEB SERVICE("web", "")
#define DB  SERVICE("db", "")

struct answer {
	struct err err;
	char id[ID_SIZE];
	size_t n_made;
	size_t n_refused;
	char reason[ERR_MSG_MAX];
	unsigned n; /* answers so far */
};

static void on_done(void *arg, const struct oakestra_result *result, const struct err *err)
{
	struct answer *answer = arg;

	answer->n++;
	answer->err = *err;
	assert_int_equal(!result, err->code != 0);
	if (!result)
		return;
	STR_COPY(answer->id, result->id);
	for (size_t i = 0; i < result->n_services; i++) {
		const struct oakestra_service_result *service = &result->services[i];

		assert_int_equal(service->reason.code == 0, service->id[0] != '\0');
		answer->n_made += service->reason.code == 0;
		answer->n_refused += service->reason.code != 0;
		if (service->reason.code)
			STR_COPY(answer->reason, service->reason.msg);
	}
}

typedef void (*begin_fn)(struct server *server, const struct oakestra_change *change);

/* Of "NAME", "NAME@ORGANIZATION", "NAME@ORGANIZATION*" for a manager of it, and "NAME@ORGANIZATION-" for
 * no member; "root" administrates. The texts are gone with the next one. */
static struct oakestra_user user_of(const char *text)
{
	static char name[32], organization[ID_SIZE];
	const char *at = strchr(text, '@');
	size_t len = at ? strcspn(at + 1, "*-") : 0;

	snprintf(name, sizeof(name), "%.*s", (int)(at ? at - text : (long)strlen(text)), text);
	snprintf(organization, sizeof(organization), "%.*s", (int)len, at ? at + 1 : "");
	return (struct oakestra_user){ .name = name,
				       .organization = at ? organization : NULL,
				       .is_admin = str_eq(text, "root"),
				       .is_manager = at && at[1 + len] == '*',
				       .is_stranger = at && at[1 + len] == '-' };
}

/* Asks as the user and waits for the answer. */
static struct answer ask(struct kit *kit, const char *user, begin_fn begin,
			 struct oakestra_change change)
{
	struct answer answer = { 0 };

	change.user = user_of(user);
	change.done = on_done;
	change.arg = &answer;
	begin(kit->server, &change);
	while (!answer.n && loop_sim_step(kit->loop))
		continue;
	assert_int_equal(answer.n, 1);
	kit_run(kit, 200);
	return answer;
}

static struct answer send(struct kit *kit, const char *user, begin_fn begin, const char *id,
			  const char *descriptor)
{
	struct sla sla = { 0 };
	struct err err;

	if (sla_parse(descriptor, strlen(descriptor), &sla, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	struct answer answer = ask(kit, user, begin,
				   (struct oakestra_change){ .id = id, .take_sla = &sla });
	sla_fini(&sla);
	return answer;
}

static struct answer create(struct kit *kit, const char *user, const char *descriptor)
{
	return send(kit, user, oakestra_create_apps_begin, NULL, descriptor);
}

static struct json *parsed(char *take_text)
{
	auto_free char *text = take_text;
	struct json *json = NULL;
	struct err err;

	assert_non_null(text);
	assert_int_equal(json_parse(text, strlen(text), &json, &err), 0);
	return json;
}

static struct json *services_of(struct kit *kit, const char *user)
{
	const struct oakestra_user who = user_of(user);
	struct err err;

	return parsed(server_list_text(oakestra_list_services(kit->server, &who, NULL, &err)));
}

/* The id of the n-th service that the user sees. */
static char *service_id(struct kit *kit, const char *user, size_t n)
{
	auto_(json_free) struct json *list = services_of(kit, user);

	return xstrdup(json_get_str(json_at(list, n), "microserviceID"));
}

static struct answer deploy(struct kit *kit, const char *user, const char *id)
{
	return ask(kit, user, oakestra_deploy_begin, (struct oakestra_change){ .id = id });
}

static struct answer undeploy(struct kit *kit, const char *user, const char *id, int64_t number)
{
	return ask(kit, user, oakestra_undeploy_begin,
		   (struct oakestra_change){ .id = id, .number = number });
}

/* "0 1 2": numbers of the first service's instances. */
static char *numbers(struct kit *kit, const char *user)
{
	auto_(json_free) struct json *list = services_of(kit, user);
	const struct json *instances = json_get(json_at(list, 0), "instance_list");
	auto_buf struct buf out;

	buf_init(&out, 1 << 16);
	for (size_t i = 0; i < json_count(instances); i++)
		buf_addf(&out, "%s%ld", i ? " " : "",
			 json_get_int(json_at(instances, i), "instance_number", -1));
	return buf_take(&out);
}

static void a_new_application_has_no_instances(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	assert_int_equal(create(kit, "ann", APP("a", WEB "," DB)).err.code, 0);
	assert_int_equal(kit_n(kit, "services"), 2);
	assert_int_equal(kit_n(kit, "instances"), 0);
	/* A wish that is said counts. */
	assert_int_equal(create(kit, "ann", APP("b", SERVICE("w", ",\"replicas\":2"))).err.code, 0);
	assert_int_equal(kit_n(kit, "instances"), 2);
	assert_int_equal(create(kit, "ann", APP("a", WEB)).err.code, -EEXIST);
}

static void services_are_listed_as_the_descriptor_has_them(void **state)
{
	struct kit *kit = *state;
	static const char *const names[] = { "web", "db", "c" };

	create(kit, "ann", APP("a", WEB "," DB "," SERVICE("c", "")));
	auto_(json_free) struct json *list = services_of(kit, "ann");
	assert_int_equal(json_count(list), 3);
	for (size_t i = 0; i < 3; i++)
		assert_string_equal(json_get_str(json_at(list, i), "service_name"), names[i]);
}

static void several_applications_or_none(void **state)
{
	struct kit *kit = *state;
	struct answer answer;

	answer = create(kit, "ann",
			SLA(APPLICATION("a", WEB) "," APPLICATION(
				"b", SERVICE("web", ",\"addresses\":{\"rr_ip\":\"10.30.0.9\"}"))));
	assert_int_equal(answer.err.code, 0);
	assert_int_equal(kit_n(kit, "apps"), 2);
	answer = create(kit, "ann",
			SLA(APPLICATION("c", WEB) "," APPLICATION(
				"d", SERVICE("web", ",\"addresses\":{\"rr_ip\":\"10.30.0.9\"}"))));
	assert_int_equal(answer.err.code, -EEXIST);
	assert_non_null(strstr(answer.err.msg, "10.30.0.9"));
	assert_int_equal(kit_n(kit, "apps"), 2);
	assert_int_equal(kit_n(kit, "services"), 2);
}

static void equal_names_of_two_users(void **state)
{
	struct kit *kit = *state;
	const struct oakestra_user ann = { "ann", false };
	const struct oakestra_user bob = { "bob", false };
	struct err err;

	kit_register(kit, NODE_A, 1000);
	assert_int_equal(create(kit, "ann", APP("a", WEB)).err.code, 0);
	assert_int_equal(create(kit, "bob", APP("a", WEB)).err.code, 0);
	auto_free char *hers = service_id(kit, "ann", 0);
	auto_free char *his = service_id(kit, "bob", 0);
	assert_string_not_equal(hers, his);
	assert_int_equal(deploy(kit, "ann", hers).err.code, 0);

	/* Each under its own name and address, also to nodes. */
	auto_(json_free) struct json *list = kit_list(kit, "services");
	const char *first = json_get_str(json_at(list, 0), "name");
	const char *second = json_get_str(json_at(list, 1), "name");
	assert_string_not_equal(first, second);
	assert_string_not_equal(json_get_str(json_at(list, 0), "service_address"),
				json_get_str(json_at(list, 1), "service_address"));
	assert_true(str_eq(first, "a.t.web.t") != str_eq(second, "a.t.web.t"));
	auto_(json_free) struct json *shown =
		parsed(oakestra_show_service(kit->server, &bob, his, NULL, &err));
	assert_string_equal(json_get_str(shown, "job_name"), "a.t.web.t");
	assert_string_equal(json_get_str(shown, "app_name"), "a");
	assert_int_equal(json_count(json_get(shown, "instance_list")), 0);

	/* What is another's is not there. */
	assert_null(oakestra_show_service(kit->server, &bob, hers, NULL, &err));
	assert_int_equal(err.code, -ENOENT);
	assert_int_equal(deploy(kit, "bob", hers).err.code, -ENOENT);
	assert_int_equal(undeploy(kit, "bob", hers, -1).err.code, -ENOENT);
	assert_int_equal(
		send(kit, "bob", oakestra_replace_service_begin, hers, APP("a", WEB)).err.code,
		-ENOENT);
	assert_int_equal(ask(kit, "bob", oakestra_delete_service_begin,
			     (struct oakestra_change){ .id = hers })
				 .err.code,
			 -ENOENT);
	auto_(json_free) struct json *apps =
		parsed(server_list_text(oakestra_list_apps(kit->server, &ann, true)));
	assert_int_equal(json_count(apps), 1);
	const char *her_app = json_get_str(json_at(apps, 0), "applicationID");
	assert_null(oakestra_show_app(kit->server, &bob, her_app, &err));
	assert_null(oakestra_list_services(kit->server, &bob, her_app, &err));
	const struct oakestra_change app = { .id = her_app, .desc = "mine now" };
	assert_int_equal(ask(kit, "bob", oakestra_describe_app_begin, app).err.code, -ENOENT);
	assert_int_equal(ask(kit, "bob", oakestra_delete_app_begin, app).err.code, -ENOENT);
	assert_int_equal(
		send(kit, "bob", oakestra_add_services_begin, her_app, APP("a", DB)).err.code,
		-ENOENT);
	auto_free char *text = oakestra_show_app(kit->server, &ann, her_app, &err);
	assert_non_null(text);
	assert_null(strstr(text, "mine now"));
	/* But an administrator's, too. */
	assert_int_equal(ask(kit, "root", oakestra_delete_app_begin, app).err.code, 0);
	assert_null(oakestra_show_service(kit->server, &ann, hers, NULL, &err));
}

static size_t n_apps(struct kit *kit, const char *user, bool is_own)
{
	const struct oakestra_user who = user_of(user);
	auto_(json_free) struct json *apps =
		parsed(server_list_text(oakestra_list_apps(kit->server, &who, is_own)));

	return json_count(apps);
}

static void organizations_see_their_own(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	assert_int_equal(create(kit, "ann", APP("a", WEB)).err.code, 0);
	/* The same user's, of the same name, in another organization. */
	assert_int_equal(create(kit, "ann@acme", APP("a", WEB)).err.code, 0);
	assert_int_equal(create(kit, "ann@acme", APP("a", WEB)).err.code, -EEXIST);
	assert_int_equal(create(kit, "bob@acme", APP("b", WEB)).err.code, 0);
	assert_int_equal(create(kit, "eve@acme-", APP("c", WEB)).err.code, -EACCES);

	assert_int_equal(n_apps(kit, "ann", false), 1);
	assert_int_equal(n_apps(kit, "ann@acme", false), 1);
	assert_int_equal(n_apps(kit, "ann@other", false), 0);
	assert_int_equal(n_apps(kit, "ann@acme-", false), 0); /* he left */
	assert_int_equal(n_apps(kit, "ann@acme-", true), 0);
	assert_int_equal(n_apps(kit, "cy@acme*", false), 2);
	assert_int_equal(n_apps(kit, "cy@acme*", true), 0);
	assert_int_equal(n_apps(kit, "cy@other*", false), 0);
	assert_int_equal(n_apps(kit, "root", false), 3);

	auto_free char *hers = service_id(kit, "ann", 0);
	auto_free char *at_acme = service_id(kit, "ann@acme", 0);
	assert_string_not_equal(hers, at_acme);
	assert_int_equal(deploy(kit, "ann@acme", hers).err.code, -ENOENT);
	assert_int_equal(deploy(kit, "ann", at_acme).err.code, -ENOENT);
	assert_int_equal(deploy(kit, "bob@acme", at_acme).err.code, -ENOENT);
	assert_int_equal(deploy(kit, "ann@acme-", at_acme).err.code, -ENOENT);
	assert_int_equal(deploy(kit, "cy@other*", at_acme).err.code, -ENOENT);
	assert_int_equal(deploy(kit, "cy@acme*", at_acme).err.code, 0);
	assert_int_equal(deploy(kit, "ann@acme", at_acme).err.code, 0);
}

static void on_one_of_many(void *arg, const struct oakestra_result *result, const struct err *err)
{
	assert_int_equal(err->code, 0);
	++*(unsigned *)arg;
}

static void fifty_at_once_have_fifty_numbers(void **state)
{
	struct kit *kit = *state;
	unsigned n_done = 0;
	auto_buf struct buf expected;

	kit_register(kit, NODE_A, 100000);
	create(kit, "ann", APP("a", WEB));
	auto_free char *id = service_id(kit, "ann", 0);
	const struct oakestra_change change = { .user = { "ann" },
						.id = id,
						.done = on_one_of_many,
						.arg = &n_done };
	buf_init(&expected, 1 << 16);
	for (int i = 0; i < 50; i++) {
		oakestra_deploy_begin(kit->server, &change);
		buf_addf(&expected, "%s%d", i ? " " : "", i);
		if (i % 7 == 0)
			loop_sim_step(kit->loop); /* some of them during a commit */
	}
	kit_run(kit, 1000);
	assert_int_equal(n_done, 50);
	auto_free char *got = numbers(kit, "ann");
	assert_string_equal(got, expected.data);
}

static void instances_one_by_one(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	create(kit, "ann", APP("a", WEB));
	auto_free char *id = service_id(kit, "ann", 0);
	for (int i = 0; i < 4; i++)
		assert_int_equal(deploy(kit, "ann", id).err.code, 0);
	assert_int_equal(undeploy(kit, "ann", id, 1).err.code, 0);
	auto_free char *three = numbers(kit, "ann");
	assert_string_equal(three, "0 2 3");
	assert_int_equal(undeploy(kit, "ann", id, 1).err.code, -ENOENT);
	deploy(kit, "ann", id);
	auto_free char *again = numbers(kit, "ann");
	assert_string_equal(again, "0 2 3 4"); /* no number twice */
	kit_forget(kit);
	assert_int_equal(undeploy(kit, "ann", id, -1).err.code, 0);
	auto_free char *none = numbers(kit, "ann");
	assert_string_equal(none, "");
	assert_int_equal(kit_count(kit, NODE_A, "control/delete"), 4);
	assert_int_equal(undeploy(kit, "ann", id, -1).err.code, 0);
	assert_int_equal(deploy(kit, "ann", "0123456789abcdef01234567").err.code, -ENOENT);
}

static void a_deleted_service_takes_all_its_instances(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	create(kit, "ann", APP("a", WEB));
	auto_free char *id = service_id(kit, "ann", 0);
	for (int i = 0; i < 4; i++)
		deploy(kit, "ann", id);
	kit_forget(kit);
	assert_int_equal(ask(kit, "ann", oakestra_delete_service_begin,
			     (struct oakestra_change){ .id = id })
				 .err.code,
			 0);
	assert_int_equal(kit_count(kit, NODE_A, "control/delete"), 4);
	assert_int_equal(kit_n(kit, "services"), 0);
	assert_int_equal(kit_n(kit, "apps"), 1);
}

static void each_added_service_has_its_own_answer(void **state)
{
	struct kit *kit = *state;
	struct answer answer = create(kit, "ann", APP("a", ""));
	auto_free char *app = xstrdup(answer.id);

	answer = send(kit, "ann", oakestra_add_services_begin, app,
		      APP("a", WEB "," SERVICE("api", ",\"addresses\":{\"rr_ip\":\"10.30.0.7\"}")));
	assert_int_equal(answer.err.code, 0);
	assert_int_equal(answer.n_made, 2);
	answer = send(kit, "ann", oakestra_add_services_begin, app,
		      APP("a", DB "," SERVICE("x", ",\"addresses\":{\"rr_ip\":\"10.30.0.7\"}")));
	assert_int_equal(answer.n_made, 1);
	assert_int_equal(answer.n_refused, 1);
	assert_non_null(strstr(answer.reason, "10.30.0.7"));
	assert_int_equal(kit_n(kit, "services"), 3);
	/* None at all is no success. */
	answer = send(kit, "ann", oakestra_add_services_begin, app, APP("a", DB));
	assert_int_equal(answer.err.code, -EEXIST);
	answer = send(kit, "ann", oakestra_add_services_begin, app,
		      APP("a", "{\"microservice_name\":\"u\",\"microservice_namespace\":\"t\","
			       "\"virtualization\":\"unikernel\","
			       "\"code\":\"http://10.99.0.1/u.tar.gz\"}"));
	assert_int_equal(answer.err.code, -EINVAL);
	assert_non_null(strstr(answer.err.msg, "arch"));
	assert_int_equal(kit_n(kit, "services"), 3);
}

static void adding_when_the_server_ends(void **state)
{
	struct kit *kit = *state;
	struct answer told = { 0 };
	struct sla sla = { 0 };
	struct err err;
	const char *text = APP("a", WEB "," DB);

	create(kit, "ann", APP("a", ""));
	assert_int_equal(sla_parse(text, strlen(text), &sla, NULL, &err), 0);
	oakestra_add_services_begin(kit->server, &(struct oakestra_change){ .user = { "ann" },
									    .id = "x",
									    .take_sla = &sla,
									    .done = on_done,
									    .arg = &told });
	kit_crash(kit); /* the sanitizer sees what is lost */
	assert_int_equal(told.n, 0);
	kit_boot(kit);
}

static void a_service_is_replaced(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	create(kit, "ann", APP("a", WEB));
	auto_free char *id = service_id(kit, "ann", 0);
	deploy(kit, "ann", id);
	struct answer answer = send(kit, "ann", oakestra_replace_service_begin, id,
				    APP("a", SERVICE("web", ",\"memory\":50")));
	assert_int_equal(answer.err.code, 0);
	assert_string_equal(answer.id, id);
	assert_int_equal(kit_number(kit, "services", "a.t.web.t", "memory_mib"), 50);
	assert_int_equal(kit_number(kit, "services", "a.t.web.t", "generation"), 2);
	auto_free char *same = numbers(kit, "ann");
	assert_string_equal(same, "0");
	answer = send(kit, "ann", oakestra_replace_service_begin, id, APP("a", DB));
	assert_int_equal(answer.err.code, -EINVAL);
	answer = send(kit, "ann", oakestra_replace_service_begin, id, APP("a", WEB "," DB));
	assert_int_equal(answer.err.code, -EINVAL);
}

static void report_generation(struct kit *kit, uint32_t number, uint32_t generation,
			      enum instance_state state)
{
	struct instance_status status = { .state = state, .generation = generation };
	auto_free char *name = xasprintf("web.%u", number);
	auto_free char *id = kit_value(kit, "instances", name, "id");

	STR_COPY(status.instance_id, id);
	auto_free char *payload = fields_format(&instance_status_table, &status);
	kit_say(kit, NODE_A, "job", payload);
	kit_run(kit, 500);
}

/* What the node was told last of each instance: "2 1 1". */
static char *told_generations(struct kit *kit, uint32_t n)
{
	auto_buf struct buf out;

	buf_init(&out, 1000);
	for (uint32_t number = 0; number < n; number++) {
		int64_t last = 0;

		for (size_t i = 0; i < kit->n_messages; i++) {
			const struct json *json = kit->messages[i].json;

			if (str_eq(kit->messages[i].topic, "control/deploy") &&
			    json_get_int(json, "instance_number", -1) == number)
				last = json_get_int(json, "generation", -1);
		}
		buf_addf(&out, "%s%ld", number ? " " : "", last);
	}
	return buf_take(&out);
}

#define assert_told(kit, expected)                                  \
	do {                                                        \
		auto_free char *told_ = told_generations((kit), 3); \
		assert_string_equal(told_, (expected));             \
	} while (0)

static void begin_replacement(struct kit *kit, char **ret_id)
{
	kit_register(kit, NODE_A, 1000);
	create(kit, "ann", APP("a", WEB));
	char *id = service_id(kit, "ann", 0);
	for (uint32_t i = 0; i < 3; i++)
		deploy(kit, "ann", id);
	for (uint32_t i = 0; i < 3; i++)
		report_generation(kit, i, 1, STATE_RUNNING);
	assert_int_equal(send(kit, "ann", oakestra_replace_service_begin, id,
			      APP("a", SERVICE("web", ",\"memory\":50")))
				 .err.code,
			 0);
	*ret_id = id;
}

static void instances_are_replaced_one_by_one(void **state)
{
	struct kit *kit = *state;
	auto_free char *id = NULL;

	begin_replacement(kit, &id);
	assert_told(kit, "2 1 1");
	report_generation(kit, 0, 2, STATE_CREATED);
	assert_told(kit, "2 1 1");
	/* The server's end does not hurry it: those that wait are told what they have. */
	kit_forget(kit);
	kit_crash(kit);
	kit_boot(kit);
	kit_register(kit, NODE_A, 1000);
	const struct json *sync = kit_last(kit, NODE_A, "control/sync");
	int64_t sum = 0;
	for (size_t i = 0; i < json_count(json_get(sync, "instance_list")); i++) {
		const struct json *one = json_at(json_get(sync, "instance_list"), i);
		bool is_new = json_get_int(one, "generation", 0) == 2;

		sum += json_get_int(one, "generation", 0);
		assert_int_equal(json_get_int(json_get(one, "spec"), "memory", -1),
				 is_new ? 50 : 0);
	}
	assert_int_equal(sum, 4);
	report_generation(kit, 0, 2, STATE_RUNNING);
	assert_told(kit, "0 2 0");
	report_generation(kit, 1, 2, STATE_RUNNING);
	assert_told(kit, "0 2 2");
	report_generation(kit, 2, 2, STATE_RUNNING);
	/* A new one is as the others. */
	deploy(kit, "ann", id);
	assert_int_equal(json_get_int(kit_last(kit, NODE_A, "control/deploy"), "generation", 0), 2);
}

static void what_does_not_run_holds_the_others(void **state)
{
	struct kit *kit = *state;
	auto_free char *id = NULL;

	begin_replacement(kit, &id);
	report_generation(kit, 0, 2, STATE_FAILED);
	report_generation(kit, 1, 1, STATE_RUNNING);
	assert_told(kit, "2 1 1");
	/* The next one goes on from there. */
	send(kit, "ann", oakestra_replace_service_begin, id,
	     APP("a", SERVICE("web", ",\"memory\":60")));
	assert_told(kit, "3 1 1");
	report_generation(kit, 0, 3, STATE_RUNNING);
	assert_told(kit, "3 3 1");
	/* One that is taken away holds nobody. */
	undeploy(kit, "ann", id, 1);
	report_generation(kit, 0, 3, STATE_RUNNING);
	assert_told(kit, "3 3 3");
}

static void replace(struct kit *kit, const char *id, const char *descriptor, int code)
{
	assert_int_equal(send(kit, "ann", oakestra_replace_service_begin, id, descriptor).err.code,
			 code);
}

/* "50 0 60": the memory of each instance in the last sync. */
static char *synced_memory(struct kit *kit, uint32_t n)
{
	const struct json *list = json_get(kit_last(kit, NODE_A, "control/sync"), "instance_list");
	auto_buf struct buf out;

	buf_init(&out, 1000);
	for (uint32_t number = 0; number < n; number++)
		for (size_t i = 0; i < json_count(list); i++)
			if (json_get_int(json_at(list, i), "instance_number", -1) == number)
				buf_addf(&out, "%s%ld", number ? " " : "",
					 json_get_int(json_get(json_at(list, i), "spec"), "memory",
						      -1));
	return buf_take(&out);
}

/* What runs stays at what it has, be it of the first version or of the one that came in between. */
static void a_second_replacement_supersedes_the_first(void **state)
{
	struct kit *kit = *state;
	auto_free char *id = NULL;

	begin_replacement(kit, &id);
	report_generation(kit, 0, 2, STATE_RUNNING);
	assert_told(kit, "2 2 1");
	replace(kit, id, APP("a", SERVICE("web", ",\"memory\":60")), 0);
	assert_told(kit, "2 3 1");
	kit_forget(kit);
	kit_crash(kit);
	kit_boot(kit);
	kit_register(kit, NODE_A, 1000);
	auto_free char *memory = synced_memory(kit, 3);
	assert_string_equal(memory, "50 60 0");
	report_generation(kit, 0, 2, STATE_RUNNING);
	report_generation(kit, 2, 1, STATE_RUNNING);
	assert_told(kit, "0 0 0");
	report_generation(kit, 1, 3, STATE_RUNNING);
	assert_told(kit, "3 0 0");
	report_generation(kit, 0, 3, STATE_RUNNING);
	assert_told(kit, "3 0 3");
	report_generation(kit, 2, 3, STATE_RUNNING);
	auto_free char *same = numbers(kit, "ann");
	assert_string_equal(same, "0 1 2");
	/* It is over: the next one begins as the first did. */
	kit_forget(kit);
	replace(kit, id, APP("a", SERVICE("web", ",\"memory\":70")), 0);
	assert_told(kit, "4 3 3");
}

/* A new version that never runs takes the place of what did not run, and of nothing else. */
static void a_failing_one_in_between_costs_no_instance(void **state)
{
	struct kit *kit = *state;
	auto_free char *id = NULL;

	begin_replacement(kit, &id);
	report_generation(kit, 0, 2, STATE_RUNNING);
	report_generation(kit, 1, 2, STATE_FAILED);
	for (uint32_t generation = 3; generation < 6; generation++) {
		auto_free char *again = xasprintf(APP("a", SERVICE("web", ",\"memory\":%u")),
						  57 + generation);

		replace(kit, id, again, 0);
		report_generation(kit, 1, generation, STATE_FAILED);
		report_generation(kit, 0, 2, STATE_RUNNING);
		report_generation(kit, 2, 1, STATE_RUNNING);
	}
	assert_told(kit, "2 5 1");
	/* Without it the next one's turn has come. */
	undeploy(kit, "ann", id, 1);
	report_generation(kit, 0, 2, STATE_RUNNING);
	assert_told(kit, "5 5 1");
	auto_free char *left = numbers(kit, "ann");
	assert_string_equal(left, "0 2");
}

static void on_plan(void *arg, const struct plan_view *plan, const struct err *err)
{
	*(int *)arg = err->code;
}

static int put_config(struct kit *kit, const char *bytes)
{
	int code = 1;

	server_set_value_begin(kit->server,
			       &(struct server_value){ .kind = VALUE_CONFIG,
						       .name = "page",
						       .bytes = bytes,
						       .len = strlen(bytes) },
			       on_plan, &code);
	kit_run(kit, 200);
	return code;
}

static int remove_config(struct kit *kit)
{
	int code = 1;

	server_remove_value_begin(kit->server,
				  &(struct server_value){ .kind = VALUE_CONFIG, .name = "page" },
				  on_plan, &code);
	kit_run(kit, 200);
	return code;
}

/* What only an earlier version wants is in use as long as an instance has that. */
static void what_waits_keeps_its_configuration(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	assert_int_equal(put_config(kit, "one"), 0);
	assert_int_equal(
		create(kit, "root",
		       APP("a",
			   SERVICE("web", ",\"replicas\":2,\"configs\":[{\"name\":\"page\"}]")))
			.err.code,
		0);
	auto_free char *id = service_id(kit, "root", 0);
	for (uint32_t i = 0; i < 2; i++)
		report_generation(kit, i, 1, STATE_RUNNING);
	assert_int_equal(
		send(kit, "root", oakestra_replace_service_begin, id, APP("a", WEB)).err.code, 0);
	kit_forget(kit);
	assert_int_equal(put_config(kit, "two"), 0);
	assert_int_equal(kit_count(kit, NODE_A, "control/value"), 1);
	assert_int_equal(remove_config(kit), -EBUSY);
	report_generation(kit, 0, 2, STATE_RUNNING);
	report_generation(kit, 1, 2, STATE_RUNNING);
	assert_int_equal(remove_config(kit), 0);
}

/* Nobody has said yet how the instances are: all but one may run, and wait. */
static void a_replacement_before_the_node_has_told(void **state)
{
	struct kit *kit = *state;
	auto_free char *id = NULL;

	begin_replacement(kit, &id);
	report_generation(kit, 0, 2, STATE_RUNNING);
	kit_crash(kit);
	kit_boot(kit);
	replace(kit, id, APP("a", SERVICE("web", ",\"memory\":60")), 0);
	kit_register(kit, NODE_A, 1000);
	auto_free char *memory = synced_memory(kit, 3);
	assert_string_equal(memory, "60 50 0");
}

/* The first one never runs, and each change finds one more that runs at what it follows. */
static void versions_are_bounded(void **state)
{
	struct kit *kit = *state;
	struct answer answer = { 0 };
	uint32_t n = 0;

	kit_register(kit, NODE_A, 100000);
	create(kit, "ann", APP("a", WEB));
	auto_free char *id = service_id(kit, "ann", 0);
	deploy(kit, "ann", id);
	while (!answer.err.code && n < 30) {
		auto_free char *next = xasprintf(APP("a", SERVICE("web", ",\"memory\":%u")),
						 50 + n);

		deploy(kit, "ann", id);
		report_generation(kit, 0, n, STATE_FAILED);
		report_generation(kit, n + 1, n + 1, STATE_RUNNING);
		answer = send(kit, "ann", oakestra_replace_service_begin, id, next);
		n += answer.err.code == 0;
	}
	assert_int_equal(answer.err.code, -EBUSY);
	assert_non_null(strstr(answer.err.msg, "16 versions"));
	assert_int_equal(n, SERVICE_VERSIONS_MAX);
	assert_int_equal(kit_number(kit, "services", "a.t.web.t", "generation"), n + 1);
	assert_int_equal(kit_n(kit, "instances"), n + 2);
}

static void an_applied_descriptor_is_for_all(void **state)
{
	struct kit *kit = *state;
	auto_free char *id = NULL;

	kit_register(kit, NODE_A, 1000);
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"replicas\":3")));
	for (uint32_t i = 0; i < 3; i++)
		report_generation(kit, i, 1, STATE_RUNNING);
	id = service_id(kit, "root", 0);
	send(kit, "root", oakestra_replace_service_begin, id,
	     APP("a", SERVICE("web", ",\"memory\":50")));
	assert_told(kit, "2 1 1");
	kit_must_apply(kit, APP("a", SERVICE("web", ",\"memory\":70")));
	assert_told(kit, "3 3 3");
}

static char *app_member(struct kit *kit, const char *id, const char *member)
{
	const struct oakestra_user ann = { "ann", false };
	struct err err;
	auto_(json_free) struct json *app = parsed(oakestra_show_app(kit->server, &ann, id, &err));

	return xstrdup(json_get_str(app, member));
}

static void an_application_is_described_and_renamed(void **state)
{
	struct kit *kit = *state;
	struct answer answer = create(kit, "ann", APP("a", ""));
	auto_free char *id = xstrdup(answer.id);
	const struct oakestra_change say = { .id = id, .desc = "a \"b\"" };
	const struct oakestra_change rename = { .id = id, .name = "b", .ns = "t" };

	assert_int_equal(ask(kit, "ann", oakestra_describe_app_begin, say).err.code, 0);
	auto_free char *desc = app_member(kit, id, "application_desc");
	assert_string_equal(desc, "a \"b\"");
	assert_int_equal(ask(kit, "ann", oakestra_describe_app_begin, rename).err.code, 0);
	auto_free char *name = app_member(kit, id, "application_name");
	assert_string_equal(name, "b");
	auto_free char *kept = app_member(kit, id, "application_desc");
	assert_string_equal(kept, "a \"b\"");
	create(kit, "ann", APP("c", ""));
	const struct oakestra_change taken = { .id = id, .name = "c" };
	assert_int_equal(ask(kit, "ann", oakestra_describe_app_begin, taken).err.code, -EEXIST);
	const struct oakestra_change wrong = { .id = id, .name = "no-name" };
	assert_int_equal(ask(kit, "ann", oakestra_describe_app_begin, wrong).err.code, -EINVAL);
	send(kit, "ann", oakestra_add_services_begin, id, APP("b", WEB));
	const struct oakestra_change back = { .id = id, .name = "a" };
	assert_int_equal(ask(kit, "ann", oakestra_describe_app_begin, back).err.code, -EBUSY);
}

static void owners_and_labels_survive_a_crash(void **state)
{
	struct kit *kit = *state;

	create(kit, "ann", APP("a", WEB));
	create(kit, "bob", APP("a", WEB));
	auto_free char *before = service_id(kit, "bob", 0);
	kit_crash(kit);
	kit_boot(kit);
	auto_free char *after = service_id(kit, "bob", 0);
	assert_string_equal(after, before);
	assert_int_equal(create(kit, "bob", APP("a", WEB)).err.code, -EEXIST);
	/* An application of the command line is its own, too. */
	kit_must_apply(kit, APP("a", WEB));
	assert_int_equal(kit_n(kit, "apps"), 3);
	assert_int_equal(kit_n(kit, "services"), 3);
	kit_must_apply(kit, APP("a", WEB));
	assert_int_equal(kit_n(kit, "services"), 3);
	assert_value(kit, "services", "a.t.web.t", "replicas", "0");
}

static struct json *first_of(char *take_list)
{
	auto_(json_free) struct json *list = parsed(take_list);
	auto_free char *text = json_format(json_at(list, 0));

	return parsed(TAKE(text));
}

/* Its own keys are the server's to tell, unknown ones the descriptor's. */
static void assert_unknown_are_kept(struct kit *kit)
{
	const struct oakestra_user ann = { "ann", false };
	struct err err;
	auto_(json_free) struct json *app =
		first_of(server_list_text(oakestra_list_apps(kit->server, &ann, true)));
	auto_(json_free) struct json *service =
		first_of(server_list_text(oakestra_list_services(kit->server, &ann, NULL, &err)));

	assert_string_equal(json_get_str(json_get(app, "labels"), "tier"), "front");
	assert_string_equal(json_get_str(app, "userId"), "ann");
	assert_null(json_get(app, "action"));
	assert_int_equal(json_count(json_get(service, "latencies")), 2);
	assert_string_equal(json_get_str(service, "unknown_fields"), "u");
	assert_null(json_get(service, "status"));
	assert_true(json_is_array(json_get(service, "instance_list")));
	assert_string_equal(json_get_str(service, "service_name"), "web");
}

#define STRANGE                                                         \
	SERVICE("web", ",\"latencies\":[1,2],\"unknown_fields\":\"u\"," \
		       "\"status\":\"RUNNING\",\"instance_list\":{},\"service_name\":\"x\"")

static void unknown_fields_are_kept(void **state)
{
	struct kit *kit = *state;
	struct answer answer =
		create(kit, "ann",
		       SLA("{\"labels\":{\"tier\":\"front\"},\"application_name\":\"a\","
			   "\"application_namespace\":\"t\",\"userId\":\"bob\",\"action\":\"x\","
			   "\"microservices\":[" STRANGE "]}"));

	assert_int_equal(answer.err.code, 0);
	assert_unknown_are_kept(kit);
	kit_crash(kit);
	kit_boot(kit);
	assert_unknown_are_kept(kit);
	const struct oakestra_change say = { .id = answer.id, .desc = "other" };
	assert_int_equal(ask(kit, "ann", oakestra_describe_app_begin, say).err.code, 0);
	assert_unknown_are_kept(kit);

	/* They are nothing to a node, and no reason to replace an instance. */
	auto_free char *id = service_id(kit, "ann", 0);
	kit_register(kit, NODE_A, 1000);
	deploy(kit, "ann", id);
	const struct json *spec = json_get(kit_last(kit, NODE_A, "control/deploy"), "spec");
	assert_non_null(spec);
	assert_null(json_get(spec, "unknown_fields"));
	assert_int_equal(
		send(kit, "ann", oakestra_replace_service_begin, id, APP("a", WEB)).err.code, 0);
	assert_int_equal(kit_number(kit, "services", "a.t.web.t", "generation"), 1);
	auto_(json_free) struct json *list = services_of(kit, "ann");
	assert_null(json_get(json_at(list, 0), "latencies"));
}

/* What reaches beyond an instance is an administrator's, at creation and later. */
static void privileges_are_refused(void **state)
{
	struct kit *kit = *state;
	struct answer answer = create(kit, "ann", APP("a", SERVICE("web", ",\"privileged\":true")));

	assert_int_equal(answer.err.code, -EACCES);
	assert_non_null(strstr(answer.err.msg, "web.t: privileged"));
	answer = create(kit, "root", APP("a", SERVICE("web", ",\"privileged\":true")));
	assert_int_equal(answer.err.code, 0);
	assert_int_equal(create(kit, "ann", APP("a", WEB)).err.code, 0);
	auto_free char *id = service_id(kit, "ann", 0);
	answer = send(kit, "ann", oakestra_replace_service_begin, id,
		      APP("a", SERVICE("web", ",\"cap_add\":[\"SYS_ADMIN\"]")));
	assert_int_equal(answer.err.code, -EACCES);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(a_new_application_has_no_instances),
		KIT_TEST(services_are_listed_as_the_descriptor_has_them),
		KIT_TEST(several_applications_or_none),
		KIT_TEST(equal_names_of_two_users),
		KIT_TEST(organizations_see_their_own),
		KIT_TEST(fifty_at_once_have_fifty_numbers),
		KIT_TEST(instances_one_by_one),
		KIT_TEST(a_deleted_service_takes_all_its_instances),
		KIT_TEST(each_added_service_has_its_own_answer),
		KIT_TEST(adding_when_the_server_ends),
		KIT_TEST(a_service_is_replaced),
		KIT_TEST(instances_are_replaced_one_by_one),
		KIT_TEST(what_does_not_run_holds_the_others),
		KIT_TEST(a_second_replacement_supersedes_the_first),
		KIT_TEST(a_failing_one_in_between_costs_no_instance),
		KIT_TEST(what_waits_keeps_its_configuration),
		KIT_TEST(a_replacement_before_the_node_has_told),
		KIT_TEST(versions_are_bounded),
		KIT_TEST(an_applied_descriptor_is_for_all),
		KIT_TEST(an_application_is_described_and_renamed),
		KIT_TEST(owners_and_labels_survive_a_crash),
		KIT_TEST(unknown_fields_are_kept),
		KIT_TEST(privileges_are_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
