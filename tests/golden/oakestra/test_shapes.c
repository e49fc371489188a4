/* What Oakestra's clients read, against files, and as strictly as a struct of Go decodes it: a number
 * where a text was expected makes a whole list unreadable there. HOLM_UPDATE_GOLDEN=1 rewrites. */
#include <time.h>

#include "kit.h"
#include "server/oakestra.h"

#define FILE_MAX ((size_t)4 << 20)

enum type { TEXT, INT, NUMBER, BOOL, TEXTS, OBJECTS, OID };

struct key {
	const char *name;
	enum type type;
	bool is_optional;
	const struct key *element; /* of OBJECTS, ended by a key without a name */
};

static const struct key point_keys[] = { { "value", TEXT }, { "timestamp", TEXT }, { NULL } };

static const struct key instance_keys[] = {
	{ "instance_number", INT },
	{ "status", TEXT },
	{ "status_detail", TEXT },
	{ "publicip", TEXT },
	{ "cluster_id", TEXT },
	{ "cluster_location", TEXT },
	{ "host_ip", TEXT },
	{ "host_port", INT },
	{ "worker_id", TEXT },
	{ "disk", TEXT, .is_optional = true },
	{ "cpu_percent", TEXT, .is_optional = true },
	{ "memory_percent", TEXT, .is_optional = true },
	{ "last_modified_timestamp", NUMBER, .is_optional = true },
	{ "cpu_history", OBJECTS, .element = point_keys },
	{ "memory_history", OBJECTS, .element = point_keys },
	{ "logs", TEXT },
	{ NULL },
};

static const struct key service_keys[] = {
	{ "_id", OID },
	{ "microserviceID", TEXT },
	{ "microservice_name", TEXT },
	{ "microservice_namespace", TEXT },
	{ "applicationID", TEXT },
	{ "app_name", TEXT },
	{ "app_ns", TEXT },
	{ "service_name", TEXT },
	{ "service_ns", TEXT },
	{ "job_name", TEXT },
	{ "instance_list", OBJECTS, .element = instance_keys },
	{ "next_instance_progressive_number", INT },
	{ "status", TEXT, .is_optional = true },
	{ "status_detail", TEXT, .is_optional = true },
	{ "port", TEXT, .is_optional = true },
	{ "code", TEXT },
	{ "image", TEXT },
	{ "virtualization", TEXT },
	{ "memory", INT },
	{ "vcpus", INT },
	{ "vgpus", INT },
	{ "environment", TEXTS, .is_optional = true },
	{ "cmd", TEXTS, .is_optional = true },
	{ "RR_ip", TEXT },
	{ NULL },
};

static const struct key app_keys[] = {
	{ "_id", OID },
	{ "applicationID", TEXT },
	{ "application_name", TEXT },
	{ "application_namespace", TEXT },
	{ "application_desc", TEXT },
	{ "microservices", TEXTS },
	{ "userId", TEXT },
	{ NULL },
};

static const struct key cluster_point_keys[] = { { "timestamp", NUMBER },
						 { "value", NUMBER },
						 { NULL } };

static const struct key cluster_keys[] = {
	{ "_id", TEXT },
	{ "cluster_name", TEXT },
	{ "candidate_name", TEXT },
	{ "cluster_location", TEXT },
	{ "candidate_location", TEXT },
	{ "ip", TEXT },
	{ "port", TEXT },
	{ "active", BOOL },
	{ "active_nodes", INT },
	{ "total_cpu_cores", INT },
	{ "total_gpu_cores", INT },
	{ "vcpus", INT },
	{ "vgpus", INT },
	{ "memory", INT },
	{ "memory_in_mb", INT },
	{ "vram", INT },
	{ "cpu_percent", NUMBER },
	{ "aggregated_cpu_percent", NUMBER },
	{ "memory_percent", NUMBER },
	{ "gpu_percent", NUMBER },
	{ "gpu_temp", NUMBER },
	{ "vram_percent", NUMBER },
	{ "virtualization", TEXTS },
	{ "csi_drivers", TEXTS },
	{ "supported_addons", TEXTS },
	{ "gpu_drivers", TEXTS },
	{ "last_modified_timestamp", NUMBER },
	{ "cpu_history", OBJECTS, .element = cluster_point_keys },
	{ "memory_history", OBJECTS, .element = cluster_point_keys },
	{ NULL },
};

static bool is_number(const struct json *value, const char *rejected)
{
	auto_free char *text = json_format(value);

	return strspn(text, "-0123456789.eE+") == strlen(text) && !strpbrk(text, rejected);
}

static bool is_of(const struct json *value, enum type type)
{
	switch (type) {
	case TEXT:
		return json_is_string(value);
	case INT:
		return is_number(value, ".eE");
	case NUMBER:
		return is_number(value, "");
	case BOOL: {
		auto_free char *text = json_format(value);
		return str_eq(text, "true") || str_eq(text, "false");
	}
	case TEXTS:
		for (size_t i = 0; i < json_count(value); i++)
			if (!json_is_string(json_at(value, i)))
				return false;
		return json_is_array(value);
	case OBJECTS:
		return json_is_array(value);
	case OID:
		return id_is_valid(json_get_str(value, "$oid"));
	}
	return false;
}

static void check_object(const struct json *object, const struct key *keys)
{
	for (; keys->name; keys++) {
		const struct json *value = json_get(object, keys->name);

		if (!value && keys->is_optional)
			continue;
		if (!value || !is_of(value, keys->type)) {
			auto_free char *text = value ? json_format(value) : xstrdup("missing");
			fail_msg("%s is %s", keys->name, text);
		}
		for (size_t i = 0; keys->type == OBJECTS && i < json_count(value); i++)
			check_object(json_at(value, i), keys->element);
	}
}

/* A line for each member of the outermost objects, so that a difference is seen. */
static char *broken_into_lines(const struct json *list)
{
	auto_buf struct buf out;

	buf_init(&out, FILE_MAX);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *object = json_at(list, i);

		for (const char *k = json_key_next(object, NULL); k; k = json_key_next(object, k)) {
			auto_free char *value = json_format(json_get(object, k));

			buf_addf(&out, "%s: %s\n", k, value);
		}
		buf_add_str(&out, "\n");
	}
	return buf_take(&out);
}

/* Types of all objects in the text, and the whole of it. `file` may be NULL. */
static void compare(char *take_text, const struct key *keys, const char *file)
{
	auto_free char *text = take_text;
	auto_(json_free) struct json *list = NULL;
	auto_free char *expected = NULL;
	struct err err;

	assert_int_equal(json_parse(text, strlen(text), &list, &err), 0);
	for (size_t i = 0; i < json_count(list); i++)
		check_object(json_at(list, i), keys);
	if (!file)
		return;
	assert_non_null(getenv("HOLM_SOURCE"));
	auto_free char *path = xasprintf("%s/tests/golden/oakestra/%s", getenv("HOLM_SOURCE"),
					 file);
	auto_free char *lines = broken_into_lines(list);
	if (getenv("HOLM_UPDATE_GOLDEN"))
		assert_int_equal(file_write_atomic(path, lines, strlen(lines), 0644, &err), 0);
	assert_int_equal(file_read(path, FILE_MAX, &expected, NULL, &err), 0);
	assert_string_equal(lines, expected);
}

static const struct oakestra_user admin = { "Admin", true };

static char *services(struct kit *kit)
{
	struct err err;

	return server_list_text(oakestra_list_services(kit->server, &admin, NULL, &err));
}

static void on_done(void *arg, const struct oakestra_result *result, const struct err *err)
{
	assert_int_equal(err->code, 0);
}

static void deploy(struct kit *kit, const char *name)
{
	auto_free char *id = kit_value(kit, "services", name, "id");

	oakestra_deploy_begin(
		kit->server, &(struct oakestra_change){ .user = admin, .id = id, .done = on_done });
	kit_run(kit, 200);
}

static void create(struct kit *kit, const char *descriptor)
{
	struct sla sla = { 0 };
	struct err err;

	if (sla_parse(descriptor, strlen(descriptor), &sla, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	oakestra_create_apps_begin(kit->server, &(struct oakestra_change){ .user = admin,
									   .take_sla = &sla,
									   .done = on_done });
	kit_run(kit, 200);
}

/* As the example that comes with Oakestra. */
static const char descriptor[] =
	"{\"sla_version\":\"v2.0\",\"customerID\":\"Admin\",\"applications\":[{\"applicationID\":\"\","
	"\"application_name\":\"clientsrvr\",\"application_namespace\":\"test\","
	"\"application_desc\":\"Simple demo\",\"microservices\":[{\"microserviceID\":\"\","
	"\"microservice_name\":\"nginx\",\"microservice_namespace\":\"test\","
	"\"virtualization\":\"container\",\"cmd\":[],\"memory\":100,\"vcpus\":1.0,\"vgpus\":0,"
	"\"vtpus\":0,\"bandwidth_in\":0,\"bandwidth_out\":0,\"storage\":0,"
	"\"code\":\"docker.io/library/nginx:latest\",\"state\":\"\",\"port\":\"6080:80/tcp\","
	"\"addresses\":{\"rr_ip\":\"10.30.30.30\"},\"environment\":[\"A=b\"],"
	"\"added_files\":[]}]}]}";

static void applications(void **state)
{
	struct kit *kit = *state;

	compare(server_list_text(oakestra_list_apps(kit->server, &admin, false)), app_keys, NULL);
	create(kit, descriptor);
	create(kit, APP("empty", ""));
	compare(server_list_text(oakestra_list_apps(kit->server, &admin, true)), app_keys,
		"apps.txt");
	const struct oakestra_user somebody = { "somebody" };
	auto_free char *others =
		server_list_text(oakestra_list_apps(kit->server, &somebody, false));
	assert_string_equal(others, "[]");
}

static void a_service_that_was_never_deployed(void **state)
{
	create(*state, descriptor);
	compare(services(*state), service_keys, "service_fresh.txt");
}

static void an_instance_without_a_node(void **state)
{
	create(*state, descriptor);
	deploy(*state, "clientsrvr.test.nginx.test");
	compare(services(*state), service_keys, "service_waiting.txt");
}

static void an_instance_that_never_reported(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	create(kit, descriptor);
	deploy(kit, "clientsrvr.test.nginx.test");
	compare(services(kit), service_keys, "service_scheduled.txt");
}

/* Measured `n` times, a second apart, each second of half a core. */
static void measure(struct kit *kit, const char *id, unsigned n)
{
	for (unsigned i = 1; i <= n; i++) {
		auto_free char *text =
			xasprintf("{\"services\":[{\"instance_id\":\"%s\",\"memory_bytes\":%u,"
				  "\"cpu_ns\":%lu,\"measured_ms\":%u}],"
				  "\"used\":{\"memory_mib\":250,\"cpu_millis\":2000}}",
				  id, 1048576 + i, i * 500000000ul, 1000 * i);

		kit_say(kit, NODE_A, "jobs/resources", text);
		kit_run(kit, 1000);
	}
}

static void an_instance_that_runs(void **state)
{
	struct kit *kit = *state;
	struct map logs = { 0 };
	struct err err;

	kit_register(kit, NODE_A, 1000);
	create(kit, descriptor);
	deploy(kit, "clientsrvr.test.nginx.test");
	auto_free char *id = kit_value(kit, "instances", "nginx.0", "id");
	auto_free char *service = kit_value(kit, "services", "clientsrvr.test.nginx.test", "id");
	kit_report(kit, NODE_A, id, STATE_RUNNING, "");
	strv_fini(&kit->beating); /* its own heartbeats tell nothing of it */
	measure(kit, id, 4);
	map_set(&logs, id, (void *)(uintptr_t) "last \x1b[1mline\n");
	char *text = oakestra_show_service(kit->server, &admin, service, &logs, &err);
	auto_free char *list = xasprintf("[%s]", text);
	free(text);
	map_fini(&logs);
	compare(TAKE(list), service_keys, "service_running.txt");
}

static void a_history_keeps_its_last_hundred_points(void **state)
{
	struct kit *kit = *state;
	auto_(json_free) struct json *list = NULL;
	struct err err;

	kit_register(kit, NODE_A, 1000);
	create(kit, descriptor);
	deploy(kit, "clientsrvr.test.nginx.test");
	auto_free char *id = kit_value(kit, "instances", "nginx.0", "id");
	kit_report(kit, NODE_A, id, STATE_RUNNING, "");
	measure(kit, id, 131);
	compare(services(kit), service_keys, NULL);
	auto_free char *text = services(kit);
	assert_int_equal(json_parse(text, strlen(text), &list, &err), 0);
	const struct json *instance = json_at(json_get(json_at(list, 0), "instance_list"), 0);
	const struct json *memory = json_get(instance, "memory_history");
	assert_int_equal(json_count(memory), 100);
	assert_int_equal(json_count(json_get(instance, "cpu_history")), 100);
	assert_string_equal(json_get_str(json_at(memory, 99), "value"), "1048707");
	assert_string_equal(json_get_str(json_at(memory, 0), "value"), "1048608");
	/* Half a core of eight. */
	assert_string_equal(json_get_str(instance, "cpu_percent"), "6.250000");
}

static void what_its_state_and_detail_say(void **state)
{
	struct kit *kit = *state;

	kit_register(kit, NODE_A, 1000);
	create(kit, descriptor);
	deploy(kit, "clientsrvr.test.nginx.test");
	auto_free char *id = kit_value(kit, "instances", "nginx.0", "id");
	kit_report(kit, NODE_A, id, STATE_DEAD, "exit code 3; started again in 20 s (attempt 4)");
	compare(services(kit), service_keys, "service_dead.txt");
	strv_fini(&kit->beating);
	kit_run(kit, 40000);
	auto_free char *text = services(kit);
	assert_non_null(strstr(text, "its node has been silent"));
	kit_register(kit, NODE_A, 1000);
	/* Gone at once for its user, though its node is not done yet. */
	auto_free char *service = kit_value(kit, "services", "clientsrvr.test.nginx.test", "id");
	oakestra_undeploy_begin(kit->server, &(struct oakestra_change){ .user = admin,
									.id = service,
									.number = 0,
									.done = on_done });
	kit_run(kit, 200);
	compare(services(kit), service_keys, "service_undeployed.txt");
}

static void clusters(void **state)
{
	struct kit *kit = *state;

	compare(oakestra_list_clusters(kit->server, false), cluster_keys, "cluster_fresh.txt");
	auto_free char *none = oakestra_list_clusters(kit->server, true);
	assert_string_equal(none, "[]");
	kit_crash(kit);
	kit->config.cluster_id = "cccccccccccccccccccccccc";
	kit->config.cluster_name = "hall";
	kit->config.cluster_location = "48.1,11.5,1000";
	kit_boot(kit);
	kit_register(kit, NODE_A, 1000);
	kit_register(kit, NODE_B, 3000);
	for (int i = 0; i < 3; i++) {
		kit_say(kit, NODE_A, "jobs/resources",
			"{\"services\":[],\"used\":{\"memory_mib\":250,\"cpu_millis\":2000}}");
		kit_run(kit, 1000);
	}
	compare(oakestra_list_clusters(kit->server, true), cluster_keys, "cluster.txt");
	strv_fini(&kit->beating);
	kit_run(kit, 40000);
	auto_free char *silent = oakestra_list_clusters(kit->server, true);
	assert_string_equal(silent, "[]");
	compare(oakestra_list_clusters(kit->server, false), cluster_keys, "cluster_silent.txt");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(applications),
		KIT_TEST(a_service_that_was_never_deployed),
		KIT_TEST(an_instance_without_a_node),
		KIT_TEST(an_instance_that_never_reported),
		KIT_TEST(an_instance_that_runs),
		KIT_TEST(a_history_keeps_its_last_hundred_points),
		KIT_TEST(what_its_state_and_detail_say),
		KIT_TEST(clusters),
	};

	setenv("TZ", "UTC", 1);
	tzset();
	return cmocka_run_group_tests(tests, NULL, NULL);
}
