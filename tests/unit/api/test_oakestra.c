/* Oakestra's API as its clients use it, over real sockets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/world.h"
#include "base/base.h"
#include "wire/stream.h"

#define SERVICE(name, more)                                                     \
	"{\"microserviceID\":\"\",\"microservice_name\":\"" name "\","          \
	"\"microservice_namespace\":\"test\",\"virtualization\":\"container\"," \
	"\"memory\":10,\"vcpus\":1.0,\"code\":\"docker.io/library/" name ":1\"" more "}"
#define SLA(id, app, services)                                                   \
	"{\"sla_version\":\"v2.0\",\"customerID\":\"Admin\",\"applications\":[{" \
	"\"applicationID\":\"" id "\",\"application_name\":\"" app "\","         \
	"\"application_namespace\":\"test\",\"application_desc\":\"d\","         \
	"\"microservices\":[" services "]}]}"
#define NOBODY "0123456789abcdef01234567"

/* Asks as a client with a token; the answer's JSON, the caller's. */
static struct json *ask(struct world *w, const char *method, const char *path, const char *body,
			unsigned status)
{
	auto_ask struct ask ask = { .method = method,
				    .path = path,
				    .body = body,
				    .is_tcp = true,
				    .has_token = true };
	struct json *json = NULL;
	struct err err;

	world_ask(w, &ask, status);
	assert_string_equal(http_client_header(&ask.response, "Content-Type"), "application/json");
	if (json_parse(ask.response.body, ask.response.body_len, &json, &err) < 0)
		fail_msg("%s: %s", ask.response.body, err.msg);
	if (status != 200) {
		assert_int_equal(json_get_int(json, "code", 0), status);
		assert_non_null(json_get_str(json, "message"));
	}
	return json;
}

/* The same where only the status is looked at. */
static void try(struct world *w, const char *method, const char *path, const char *body,
		unsigned status)
{
	json_free(ask(w, method, path, body, status));
}

static char *create(struct world *w, const char *descriptor)
{
	auto_(json_free) struct json *apps = ask(w, "POST", "/api/application", descriptor, 200);
	const struct json *last = json_at(apps, json_count(apps) - 1);

	return xstrdup(json_get_str(last, "applicationID"));
}

/* Of the application's n-th service. */
static char *service_of(struct world *w, const char *app_id, size_t n)
{
	auto_free char *path = xasprintf("/api/application/%s", app_id);
	auto_(json_free) struct json *app = ask(w, "GET", path, NULL, 200);

	return xstrdup(json_str(json_at(json_get(app, "microservices"), n)));
}

static size_t count(struct world *w, const char *path)
{
	auto_(json_free) struct json *list = ask(w, "GET", path, NULL, 200);

	assert_true(json_is_array(list));
	return json_count(list);
}

static size_t n_instances(struct world *w, const char *service)
{
	auto_free char *path = xasprintf("/api/service/%s", service);
	auto_(json_free) struct json *json = ask(w, "GET", path, NULL, 200);

	return json_count(json_get(json, "instance_list"));
}

static void an_application_and_its_life(void **state)
{
	struct world *w = *state;
	static const char descriptor[] = SLA("", "shop", SERVICE("web", "") "," SERVICE("db", ""));
	auto_free char *id = create(w, descriptor);
	auto_free char *path = xasprintf("/api/application/%s", id);

	try(w, "POST", "/api/application/", descriptor, 409);
	assert_int_equal(count(w, "/api/applications"), 1);
	assert_int_equal(count(w, "/api/applications/?"), 1);
	assert_int_equal(count(w, "/api/services/"), 2);
	auto_free char *services = xasprintf("/api/services/%s?x=1", id);
	assert_int_equal(count(w, services), 2);
	/* Only an id leads to an application: clients take the name next, from the list. */
	try(w, "GET", "/api/application/shop", NULL, 404);
	try(w, "GET", "/api/application/" NOBODY, NULL, 404);
	try(w, "GET", "/api/service/" NOBODY, NULL, 404);
	try(w, "GET", "/api/service/we", NULL, 404);
	try(w, "GET", "/api/services/" NOBODY, NULL, 404);

	try(w, "PUT", path,
	    "{\"_id\":{\"$oid\":\"x\"},\"application_name\":\"shop\",\"application_namespace\":"
	    "\"test\",\"application_desc\":\"new\",\"microservices\":[],\"userId\":\"other\"}",
	    200);
	auto_(json_free) struct json *app = ask(w, "GET", path, NULL, 200);
	assert_string_equal(json_get_str(app, "application_desc"), "new");
	assert_string_equal(json_get_str(app, "userId"), "Admin");
	assert_int_equal(json_count(json_get(app, "microservices")), 2);

	try(w, "DELETE", path, NULL, 200);
	try(w, "DELETE", path, NULL, 404);
	assert_int_equal(count(w, "/api/applications/"), 0);
	assert_int_equal(count(w, "/api/services"), 0);
}

static void descriptors_that_are_refused(void **state)
{
	static const struct {
		const char *body;
		unsigned status;
	} cases[] = {
		{ "{", 400 },
		{ "{}", 422 },
		{ "{\"sla_version\":\"v2.0\",\"applications\":[]}", 422 },
		{ "{\"sla_version\":\"v1.0\",\"customerID\":\"A\",\"applications\":[]}", 422 },
		{ SLA("", "a-b", ""), 422 },
		{ SLA("", "", ""), 422 },
		{ SLA("", "a123456789012345678901234567890", ""), 422 },
		{ SLA("", "a", SERVICE("web", ",\"vgpus\":0.5")), 422 },
		{ SLA("", "a", SERVICE("web", ",\"vgpus\":-1")), 422 },
		{ SLA("", "a", SERVICE("web", "") "," SERVICE("web", "")), 422 },
		{ SLA("", "a", SERVICE("web", ",\"addresses\":{\"rr_ip\":\"10.31.0.1\"}")), 422 },
		{ SLA("", "a", SERVICE("web", ",\"addresses\":{\"rr_ip\":\"10.30.999.1\"}")), 422 },
		{ SLA("", "a",
		      "{\"microservice_name\":\"u\",\"microservice_namespace\":\"t\","
		      "\"virtualization\":\"unikernel\",\"code\":\"http://x.example/u.tar.gz\"}"),
		  422 },
		{ SLA("", "a",
		      "{\"microserviceID\":\"1\",\"microservice_name\":\"u\","
		      "\"microservice_namespace\":\"t\",\"virtualization\":\"container\","
		      "\"code\":\"docker.io/library/x:1\"}"),
		  422 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++)
		try(*state, "POST", "/api/application", cases[i].body, cases[i].status);
	assert_int_equal(count(*state, "/api/applications"), 0);
	/* Whose it is need not be said. */
	try(*state, "POST", "/api/application",
	    "{\"sla_version\":\"v2.0\",\"customerID\":\"\",\"applications\":[]}", 200);
	/* Thirty letters are enough for anybody; what nobody knows does no harm. */
	free(create(*state,
		    SLA("", "a12345678901234567890123456789", SERVICE("web", ",\"unknown\":[1]"))));
	assert_int_equal(count(*state, "/api/services"), 1);
}

static void services_one_by_one(void **state)
{
	struct world *w = *state;
	auto_free char *app = create(w, SLA("", "shop", ""));
	auto_free char *good = xasprintf(SLA("%s", "shop",
					     SERVICE("web", ",\"addresses\":{\"rr_ip\":"
							    "\"10.30.0.9\"}")),
					 app);
	auto_free char *half = xasprintf(
		SLA("%s", "shop",
		    SERVICE("api", "") "," SERVICE("db",
						   ",\"addresses\":{\"rr_ip\":\"10.30.0.9\"}")),
		app);

	auto_(json_free) struct json *made = ask(w, "POST", "/api/service", good, 200);
	auto_free char *id = service_of(w, app, 0);
	assert_string_equal(json_get_str(made, "job_id"), id);
	assert_int_equal(json_count(json_get(made, "deployed_services")), 1);
	assert_int_equal(json_count(json_get(made, "failed_services")), 0);

	auto_(json_free) struct json *mixed = ask(w, "POST", "/api/service/", half, 200);
	const struct json *failed = json_at(json_get(mixed, "failed_services"), 0);
	assert_int_equal(json_count(json_get(mixed, "deployed_services")), 1);
	assert_string_equal(json_get_str(failed, "service_name"), "db");
	assert_int_equal(json_get_int(failed, "status", 0), 409);
	assert_non_null(strstr(json_get_str(failed, "message"), "10.30.0.9"));
	/* Nothing done is no success. */
	try(w, "POST", "/api/service", good, 409);
	try(w, "POST", "/api/service", SLA("", "shop", SERVICE("x", "")), 422);
	try(w, "POST", "/api/service", SLA(NOBODY, "shop", SERVICE("x", "")), 404);

	auto_free char *path = xasprintf("/api/service/%s", id);
	try(w, "PUT", path, SLA("", "shop", SERVICE("web", ",\"port\":\"8080:80\"")), 200);
	auto_(json_free) struct json *changed = ask(w, "GET", path, NULL, 200);
	assert_string_equal(json_get_str(changed, "port"), "8080:80");
	try(w, "PUT", path, SLA("", "shop", SERVICE("other", "")), 422);
	try(w, "DELETE", path, NULL, 200);
	try(w, "DELETE", path, NULL, 404);
	try(w, "GET", path, NULL, 404);
	assert_int_equal(count(w, "/api/services"), 1);
}

static void instances_one_by_one(void **state)
{
	struct world *w = *state;
	auto_free char *app = create(w, SLA("", "shop", SERVICE("web", "")));
	auto_free char *id = service_of(w, app, 0);
	auto_free char *deploy = xasprintf("/api/service/%s/instance", id);
	auto_free char *first = xasprintf("%s/0", deploy);
	auto_free char *all = xasprintf("%s/-1", deploy);
	auto_free char *word = xasprintf("%s/x", deploy);

	assert_int_equal(n_instances(w, id), 0);
	for (int i = 0; i < 3; i++)
		try(w, "POST", deploy, NULL, 200);
	assert_int_equal(n_instances(w, id), 3);
	try(w, "DELETE", first, NULL, 200);
	try(w, "DELETE", first, NULL, 404);
	assert_int_equal(n_instances(w, id), 2);
	try(w, "DELETE", word, NULL, 400);
	try(w, "DELETE", all, NULL, 200);
	assert_int_equal(n_instances(w, id), 0);
	try(w, "POST", "/api/service/" NOBODY "/instance", NULL, 404);
}

static void a_deployment_may_bring_megabytes(void **state)
{
	struct world *w = *state;
	auto_free char *app = create(w, SLA("", "shop", SERVICE("web", "")));
	auto_free char *id = service_of(w, app, 0);
	auto_free char *deploy = xasprintf("/api/service/%s/instance/", id);
	size_t len = (size_t)3 << 20;
	auto_free char *body = xmalloc(len + 1);

	memset(body, 'x', len);
	body[len] = '\0';
	try(w, "POST", deploy, body, 200);
	assert_int_equal(n_instances(w, id), 1);
	/* Where it is looked at there is a limit. */
	try(w, "POST", "/api/application", body, 413);
}

static void clusters(void **state)
{
	struct world *w = *state;

	auto_(json_free) struct json *list = ask(w, "GET", "/api/clusters/active", NULL, 200);
	assert_int_equal(json_count(list), 1);
	assert_string_equal(json_get_str(json_at(list, 0), "cluster_name"), "holm");
	assert_int_equal(json_get_int(json_at(list, 0), "total_cpu_cores", 0), 4);
	assert_int_equal(count(w, "/api/clusters/"), 1);
	auto_ask struct ask stranger = { .path = "/api/clusters/", .is_tcp = true };
	world_ask(w, &stranger, 401);
}

/* A node that has a log for every instance. */
struct log_node {
	struct loop *loop;
	struct stream *stream;
	bool is_silent;
	bool is_long;
	unsigned n_asked;
	unsigned n_gone;
};

static void on_reader_gone(void *arg)
{
	struct log_node *node = arg;

	node->n_gone++;
	node->stream = NULL;
}

static void answer(void *arg)
{
	static const char head[] = "2026-11-23T13:18:02.000000000Z stdout F ";
	struct log_node *node = arg;
	struct err none = { 0 };

	for (int i = 0; i < (node->is_long ? 100 : 1); i++) {
		auto_free char *line = xasprintf("%sline %d of a log\n", head, i);

		stream_send(node->stream, line, strlen(line));
	}
	stream_end(TAKE(node->stream), &none);
}

static void on_open(void *arg, struct stream *stream, const char *request)
{
	struct log_node *node = arg;

	assert_non_null(strstr(request, "\"logs\""));
	node->n_asked++;
	node->stream = stream;
	stream_serve(stream, on_reader_gone, node);
	if (!node->is_silent)
		loop_post(node->loop, answer, node);
}

static char *log_of(struct world *w, const char *service)
{
	auto_free char *path = xasprintf("/api/service/%s", service);
	auto_(json_free) struct json *json = ask(w, "GET", path, NULL, 200);
	const struct json *instance = json_at(json_get(json, "instance_list"), 0);

	return xstrdup(json_get_str(instance, "logs"));
}

static void the_last_lines_come_from_the_node(void **state)
{
	struct world *w = *state;
	struct log_node node = { .loop = w->loop };
	auto_free char *app = create(w, SLA("", "shop", SERVICE("web", "")));
	auto_free char *id = service_of(w, app, 0);
	auto_free char *deploy = xasprintf("/api/service/%s/instance", id);

	try(w, "POST", deploy, NULL, 200);
	auto_free char *none = log_of(w, id); /* the node is not reached */
	assert_string_equal(none, "");
	stream_hub_register(w->hub, WORLD_NODE, on_open, &node);
	auto_free char *one = log_of(w, id);
	assert_string_equal(one, "line 0 of a log\n");
	/* As `oak service logs web 0` asks. */
	auto_free char *named = log_of(w, "web");
	assert_string_equal(named, "line 0 of a log\n");
	node.is_long = true;
	auto_free char *many = log_of(w, id);
	assert_in_range(strlen(many), 900, 1024);
	assert_true(str_starts(many, "line "));
	assert_true(str_ends(many, "line 99 of a log\n"));
	/* Nobody waits for one that does not answer. */
	node.is_silent = true;
	auto_free char *late = log_of(w, id);
	assert_string_equal(late, "");
	assert_int_equal(node.n_asked, 4);
	assert_int_equal(node.n_gone, 1);
	/* A list asks no node. */
	assert_int_equal(count(w, "/api/services"), 1);
	assert_int_equal(node.n_asked, 4);
	stream_hub_unregister(w->hub, WORLD_NODE);
}

/* Registers the user and logs him in: his token. */
static char *make_user(struct world *w, const char *name)
{
	auto_free char *user = xasprintf("{\"name\":\"%s\",\"password\":\"long enough\","
					 "\"email\":\"\",\"created_at\":\"\",\"roles\":"
					 "[\"Application_Provider\"]}",
					 name);
	auto_free char *login = xasprintf("{\"username\":\"%s\",\"password\":\"long enough\"}",
					  name);

	try(w, "POST", "/api/auth/register", user, 200);
	auto_(json_free) struct json *tokens = ask(w, "POST", "/api/auth/login", login, 200);
	return xstrdup(json_get_str(tokens, "token"));
}

static struct json *ask_as(struct world *w, const char *token, const char *what, const char *body,
			   unsigned status)
{
	const char *space = strchr(what, ' ');
	auto_free char *method = xstrndup(what, (size_t)(space - what));
	auto_ask struct ask ask = { .method = method,
				    .path = space + 1,
				    .body = body,
				    .is_tcp = true,
				    .bearer = token };
	struct json *json = NULL;
	struct err err;

	world_ask(w, &ask, status);
	if (json_parse(ask.response.body, ask.response.body_len, &json, &err) < 0)
		fail_msg("%s: %s", ask.response.body, err.msg);
	return json;
}

static void try_as(struct world *w, const char *token, const char *what, unsigned status)
{
	json_free(ask_as(w, token, what, NULL, status));
}

static size_t count_as(struct world *w, const char *token, const char *what)
{
	auto_(json_free) struct json *list = ask_as(w, token, what, NULL, 200);

	return json_count(list);
}

static void users_see_their_own(void **state)
{
	struct world *w = *state;
	static const char descriptor[] = SLA("", "shop", SERVICE("web", ""));
	auto_free char *ann = make_user(w, "ann");
	auto_free char *bob = make_user(w, "bob");

	auto_(json_free) struct json *hers = ask_as(w, ann, "POST /api/application", descriptor,
						    200);
	auto_(json_free) struct json *his = ask_as(w, bob, "POST /api/application", descriptor,
						   200);
	assert_int_equal(json_count(hers), 1);
	assert_int_equal(json_count(his), 1);
	assert_string_equal(json_get_str(json_at(his, 0), "userId"), "bob");
	const char *her_app = json_get_str(json_at(hers, 0), "applicationID");
	const char *her_service = json_str(json_at(json_get(json_at(hers, 0), "microservices"), 0));

	/* Lists of one's own, and an administrator's of all. */
	assert_int_equal(count_as(w, ann, "GET /api/applications"), 1);
	assert_int_equal(count_as(w, bob, "GET /api/services/"), 1);
	assert_int_equal(count(w, "/api/applications/"), 2);
	assert_int_equal(count(w, "/api/services"), 2);

	/* A name leads to a service while it is the only one of that name that one sees. */
	auto_(json_free) struct json *by_name = ask_as(w, ann, "GET /api/service/web", NULL, 200);
	assert_string_equal(json_get_str(by_name, "microserviceID"), her_service);
	try(w, "GET", "/api/service/web", NULL, 404);

	/* What is another's is not there, whatever is asked of it. */
	auto_free char *app = xasprintf("GET /api/application/%s", her_app);
	auto_free char *take = xasprintf("PUT /api/application/%s", her_app);
	auto_free char *drop = xasprintf("DELETE /api/application/%s", her_app);
	auto_free char *services = xasprintf("GET /api/services/%s", her_app);
	auto_free char *service = xasprintf("GET /api/service/%s", her_service);
	auto_free char *deploy = xasprintf("POST /api/service/%s/instance", her_service);
	auto_free char *undeploy = xasprintf("DELETE /api/service/%s/instance/-1", her_service);
	auto_free char *drop_service = xasprintf("DELETE /api/service/%s", her_service);
	const char *const others[] = {
		app, drop, services, service, deploy, undeploy, drop_service
	};
	for (size_t i = 0; i < ARRAY_LEN(others); i++)
		try_as(w, bob, others[i], 404);
	json_free(ask_as(w, bob, take, "{\"application_desc\":\"his\"}", 404));
	try_as(w, ann, service, 200);
	try_as(w, ann, deploy, 200);
	try_as(w, ann, undeploy, 200);

	/* By the user's id, and nobody else's. */
	auto_(json_free) struct json *me = ask_as(w, ann, "GET /api/user/ann", NULL, 200);
	auto_free char *mine = xasprintf("GET /api/applications/%s",
					 json_get_str(json_get(me, "_id"), "$oid"));
	assert_int_equal(count_as(w, ann, mine), 1);
	try_as(w, bob, mine, 403);
	try_as(w, ann, drop, 200);
	assert_int_equal(count(w, "/api/applications"), 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(an_application_and_its_life),
		WORLD_TEST(descriptors_that_are_refused),
		WORLD_TEST(services_one_by_one),
		WORLD_TEST(instances_one_by_one),
		WORLD_TEST(a_deployment_may_bring_megabytes),
		WORLD_TEST(clusters),
		WORLD_TEST(users_see_their_own),
		WORLD_TEST(the_last_lines_come_from_the_node),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
