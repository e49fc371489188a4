/* Accounts over real sockets: Oakestra's calls, and ours. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/world.h"
#include "base/base.h"
#include "base/base64.h"

#define V1           "/api/v1"
#define TRIES_MAX    30
#define BOB          "{\"name\":\"bob\",\"password\":\"builder\",\"email\":\"b@x\",\"created_at\":\"now\","
#define BOB_PROVIDES BOB "\"roles\":[\"Application_Provider\"]}"

/* A request over TCP with a token (NULL: none), "POST /path"; its answer as JSON, the caller's, NULL if it is
 * none. */
static struct json *call_with(struct world *w, const char *what, const char *token,
			      const char *body, unsigned status)
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
	if (ask.response.body)
		json_parse(ask.response.body, ask.response.body_len, &json, &err);
	return json;
}

static void call(struct world *w, const char *what, const char *token, const char *body,
		 unsigned status)
{
	json_free(call_with(w, what, token, body, status));
}

static char *login_text(const char *user, const char *password, const char *organization)
{
	return organization
		       ? xasprintf("{\"username\":\"%s\",\"password\":\"%s\","
				   "\"organization_name\":\"%s\"}",
				   user, password, organization)
		       : xasprintf("{\"username\":\"%s\",\"password\":\"%s\"}", user, password);
}

static struct json *login_as(struct world *w, const char *user, const char *password,
			     const char *organization, unsigned status)
{
	auto_free char *body = login_text(user, password, organization);

	return call_with(w, "POST /api/auth/login", NULL, body, status);
}

/* The access token. */
static char *login(struct world *w, const char *user, const char *password)
{
	auto_(json_free) struct json *json = login_as(w, user, password, NULL, 200);

	return xstrdup(json_get_str(json, "token"));
}

static void refuse_login(struct world *w, const char *user, const char *password, unsigned status)
{
	json_free(login_as(w, user, password, NULL, status));
}

static char *user_id(struct world *w, const char *admin, const char *name)
{
	auto_(json_free) struct json *list = call_with(w, "GET /api/users/", admin, NULL, 200);

	for (size_t i = 0; i < json_count(list); i++)
		if (str_eq(json_get_str(json_at(list, i), "name"), name))
			return xstrdup(json_get_str(json_get(json_at(list, i), "_id"), "$oid"));
	fail_msg("there is no user %s", name);
	return NULL;
}

static void admin_logs_in(void **state)
{
	auto_(json_free) struct json *tokens = login_as(*state, "Admin", "Admin", NULL, 200);
	const char *token = json_get_str(tokens, "token");
	auto_(json_free) struct json *user = call_with(*state, "GET /api/user/Admin/?", token, NULL,
						       200);
	auto_(json_free) struct json *list = call_with(*state, "GET /api/organization/", token,
						       NULL, 200);

	assert_non_null(json_get_str(tokens, "refresh_token"));
	assert_string_equal(json_get_str(user, "name"), "Admin");
	assert_string_equal(json_get_str(user, "password"), "");
	assert_int_equal(strlen(json_get_str(json_get(user, "_id"), "$oid")), 24);
	assert_int_equal(json_count(json_get(user, "roles")), 4);
	assert_int_equal(json_count(list), 1);
	assert_string_equal(json_get_str(json_at(list, 0), "name"), "root");
	const struct json *member = json_at(json_get(json_at(list, 0), "member"), 0);
	assert_string_equal(json_get_str(member, "user_id"),
			    json_get_str(json_get(user, "_id"), "$oid"));
	call(*state, "HEAD /api/user/Admin", token, NULL, 200);
	/* Ours is open to the same token. */
	call(*state, "GET " V1 "/version", token, NULL, 200);
}

static void wrong_logins(void **state)
{
	auto_(json_free) struct json *wrong = login_as(*state, "Admin", "admin", NULL, 401);
	auto_(json_free) struct json *unknown = login_as(*state, "nobody", "Admin", NULL, 401);

	assert_string_equal(json_get_str(wrong, "message"), json_get_str(unknown, "message"));
	json_free(login_as(*state, "Admin", "Admin", "nowhere", 404));
	call(*state, "POST /api/auth/login", NULL, "no json", 400);
	auto_(json_free) struct json *missing = call_with(*state, "POST /api/auth/login", NULL,
							  "{\"username\":\"x\",\"password\":12345}",
							  400);
	assert_null(strstr(json_get_str(missing, "message"), "12345"));
	free(login(*state, "Admin", "Admin"));
}

/* A page of another site, looked at on this machine. */
static void the_default_password_is_for_this_machine(void **state)
{
	auto_free char *body = login_text("Admin", "Admin", NULL);
	auto_ask struct ask ask = { .method = "POST",
				    .path = "/api/auth/login",
				    .body = body,
				    .is_tcp = true,
				    .header = "Origin: http://evil.example" };

	world_ask(*state, &ask, 403);
	assert_non_null(strstr(ask.response.body, "never been changed"));
	/* Of a name that was rebound to us, without an Origin even. */
	ask.header = "Host: evil.example";
	world_ask(*state, &ask, 403);
	ask.header = "Origin: null";
	world_ask(*state, &ask, 403);
	/* Nor by a proxy on it. */
	ask.header = "X-Forwarded-For: 203.0.113.5";
	world_ask(*state, &ask, 403);
	ask.header = "Origin: http://localhost";
	world_ask(*state, &ask, 200);
}

static void the_default_password_ends(void **state)
{
	auto_free char *token = login(*state, "Admin", "Admin");
	static const char change[] = "{\"oldPassword\":\"Admin\",\"newPassword\":\"long enough\"}";

	call(*state, "POST /api/user/Admin", token,
	     "{\"oldPassword\":\"Admin\",\"newPassword\":\"Admin\"}", 400);
	call(*state, "POST /api/user/Admin", token,
	     "{\"oldPassword\":\"wrong\",\"newPassword\":\"long enough\"}", 400);
	call(*state, "POST /api/user/Admin", token, change, 200);
	call(*state, "GET /api/user/Admin", token, NULL, 401);
	refuse_login(*state, "Admin", "Admin", 401);
	auto_free char *again = login(*state, "Admin", "long enough");
	call(*state, "POST /api/user/Admin", again,
	     "{\"oldPassword\":\"long enough\",\"newPassword\":\"Admin\"}", 400);
	/* What the dashboard sends back of a profile changes nothing. */
	call(*state, "PUT /api/user/Admin", again,
	     "{\"_id\":{\"$oid\":\"x\"},\"name\":\"Admin\",\"email\":\"a@x\",\"password\":\"\"}",
	     200);
	call(*state, "PUT /api/user/Admin", again, "{\"password\":\"long enough\"}", 200);
	call(*state, "GET /api/user/Admin", again, NULL, 200);
}

static void a_user_has_his_own(void **state)
{
	auto_free char *admin = login(*state, "Admin", "Admin");

	call(*state, "POST /api/auth/register", admin, BOB_PROVIDES, 200);
	call(*state, "POST /api/auth/register", admin, BOB_PROVIDES, 409);
	call(*state, "POST /api/auth/register", admin, "{\"name\":\"a b\",\"password\":\"x\"}",
	     400);
	call(*state, "POST /api/auth/register", admin, "{\"name\":\"eve\",\"password\":\"\"}", 400);
	auto_free char *bob = login(*state, "bob", "builder");
	call(*state, "GET /api/users/", bob, NULL, 403);
	call(*state, "GET /api/organization/", bob, NULL, 403);
	call(*state, "GET /api/user/Admin", bob, NULL, 403);
	call(*state, "GET " V1 "/version", bob, NULL, 403);
	call(*state, "POST /api/auth/register", bob, "{\"name\":\"eve\",\"password\":\"x\"}", 403);
	auto_(json_free) struct json *roles = call_with(*state, "GET /api/permission/bob", bob,
							NULL, 200);
	assert_string_equal(json_str(json_at(json_get(roles, "roles"), 0)), "Application_Provider");
	call(*state, "PUT /api/user/bob", bob,
	     "{\"email\":\"new@x\",\"password\":\"\",\"roles\":[\"Application_Provider\"]}", 200);
	call(*state, "PUT /api/user/bob", bob, "{\"roles\":[\"Admin\"]}", 403);
	call(*state, "PUT /api/user/bob", bob, "{\"password\":\"another\"}", 403);
	call(*state, "PUT /api/user/bob", bob, "{\"name\":\"Admin\"}", 403);
	call(*state, "PUT /api/user/Admin", bob, "{\"email\":\"x\"}", 403);
	call(*state, "DELETE /api/user/bob", bob, NULL, 403);
	auto_(json_free) struct json *user = call_with(*state, "GET /api/user/bob", bob, NULL, 200);
	assert_string_equal(json_get_str(user, "email"), "new@x");
	assert_string_equal(json_get_str(user, "created_at"), "now");
}

static void rights_are_those_of_now(void **state)
{
	auto_free char *admin = login(*state, "Admin", "Admin");

	call(*state, "POST /api/auth/register", admin, BOB_PROVIDES, 200);
	auto_free char *bob = login(*state, "bob", "builder");
	call(*state, "GET /api/users", bob, NULL, 403);
	call(*state, "PUT /api/user/bob", admin, "{\"roles\":[\"Admin\"]}", 200);
	call(*state, "GET /api/users", bob, NULL, 200);
	call(*state, "PUT /api/user/bob", admin, "{\"roles\":[]}", 200);
	call(*state, "GET /api/users", bob, NULL, 403);
	call(*state, "PUT /api/user/bob", admin, "{\"roles\":[\"King\"]}", 400);
	auto_(json_free) struct json *left = call_with(*state, "DELETE /api/user/bob", admin, NULL,
						       200);
	assert_int_equal(json_count(left), 1);
	call(*state, "GET /api/user/bob", bob, NULL, 401);
	/* A successor of the same name is another. */
	call(*state, "POST /api/auth/register", admin, BOB_PROVIDES, 200);
	call(*state, "GET /api/user/bob", bob, NULL, 401);
	auto_free char *successor = login(*state, "bob", "builder");
	call(*state, "GET /api/user/bob", successor, NULL, 200);
}

static void tokens_are_refreshed(void **state)
{
	auto_(json_free) struct json *tokens = login_as(*state, "Admin", "Admin", NULL, 200);
	const char *access = json_get_str(tokens, "token");
	const char *refresh = json_get_str(tokens, "refresh_token");
	auto_(json_free) struct json *fresh = call_with(*state, "POST /api/auth/refresh", refresh,
							"{}", 200);

	call(*state, "GET /api/users", json_get_str(fresh, "token"), NULL, 200);
	auto_(json_free) struct json *wrong = call_with(*state, "POST /api/auth/refresh", access,
							"{}", 422);
	assert_string_equal(json_get_str(wrong, "msg"), "only refresh tokens are allowed");
	auto_(json_free) struct json *none = call_with(*state, "POST /api/auth/refresh", NULL, "{}",
						       401);
	assert_non_null(json_get_str(none, "msg"));
	call(*state, "GET /api/users", refresh, NULL, 422);
	call(*state, "GET /api/users", "nonsense", NULL, 422);
	call(*state, "GET " V1 "/version", "nonsense", NULL, 401);
	auto_free char *longer = xasprintf("%sA", access);
	call(*state, "GET /api/users", longer, NULL, 401);
}

/* What the dashboard does with an id that came as a text in a text. */
static char *unwrap(const struct json *text)
{
	struct json *inner = NULL;
	struct err err;

	assert_non_null(json_str(text));
	auto_free char *list = xasprintf("[%s]", json_str(text));
	assert_int_equal(json_parse(list, strlen(list), &inner, &err), 0);
	char *id = xstrdup(json_str(json_at(inner, 0)));
	json_free(inner);
	return id;
}

static void organizations_are_apart(void **state)
{
	auto_free char *admin = login(*state, "Admin", "Admin");

	call(*state, "POST /api/auth/register", admin, BOB_PROVIDES, 200);
	auto_free char *bob_id = user_id(*state, admin, "bob");
	auto_free char *body =
		xasprintf("{\"name\":\"new Organization\",\"member\":[{\"user_id\":\"%s\","
			  "\"roles\":[\"Admin\"]}]}",
			  bob_id);
	auto_(json_free) struct json *text = call_with(*state, "POST /api/organization/", admin,
						       body, 200);
	auto_free char *id = unwrap(text);
	assert_int_equal(strlen(id), 24);
	call(*state, "POST /api/organization", admin, body, 409);
	/* Admin there is no administrator of the server. */
	auto_(json_free) struct json *tokens = login_as(*state, "bob", "builder",
							"new Organization", 200);
	const char *bob = json_get_str(tokens, "token");
	auto_(json_free) struct json *user = call_with(*state, "GET /api/user/bob", bob, NULL, 200);
	assert_string_equal(json_str(json_at(json_get(user, "roles"), 0)), "Admin");
	call(*state, "GET " V1 "/users", bob, NULL, 403);
	/* Who is no member still logs in, without roles. */
	json_free(login_as(*state, "Admin", "Admin", "new Organization", 200));
	auto_free char *members = xasprintf("GET /api/users/%s", id);
	auto_(json_free) struct json *list = call_with(*state, members, admin, NULL, 200);
	assert_int_equal(json_count(list), 1);
	auto_free char *put = xasprintf("PUT /api/organization/%s", id);
	call(*state, put, admin, "{\"name\":\"acme\"}", 200);
	json_free(login_as(*state, "bob", "builder", "acme", 200));
	auto_free char *del = xasprintf("DELETE /api/organization/%s", id);
	call(*state, del, admin, NULL, 200);
	call(*state, del, admin, NULL, 404);
	call(*state, "GET /api/permission/bob", bob, NULL, 401);
}

/* An organization with one member, who has the role in it; its id, the caller's. */
static char *found(struct world *w, const char *admin, const char *name, const char *member,
		   const char *role)
{
	auto_free char *id = user_id(w, admin, member);
	auto_free char *body =
		xasprintf("{\"name\":\"%s\",\"member\":[{\"user_id\":\"%s\",\"roles\":[\"%s\"]}]}",
			  name, id, role);
	auto_(json_free) struct json *text = call_with(w, "POST /api/organization/", admin, body,
						       200);

	return unwrap(text);
}

static void register_user(struct world *w, const char *token, const char *name, const char *role,
			  unsigned status)
{
	auto_free char *body = xasprintf(
		"{\"name\":\"%s\",\"password\":\"builder\",\"roles\":[\"%s\"]}", name, role);

	call(w, "POST /api/auth/register", token, body, status);
}

static char *login_at(struct world *w, const char *user, const char *organization)
{
	auto_(json_free) struct json *tokens = login_as(w, user, "builder", organization, 200);

	return xstrdup(json_get_str(tokens, "token"));
}

/* What `holm org` asks. */
static void organizations_by_name(void **state)
{
	auto_free char *admin = login(*state, "Admin", "Admin");
	const char *const builder = "PUT " V1 "/organizations/the%20builders/members/bob";

	call(*state, "POST /api/auth/register", admin, BOB_PROVIDES, 200);
	call(*state, "POST " V1 "/organizations", admin, "{\"name\":\"the builders\"}", 200);
	call(*state, "POST " V1 "/organizations", admin, "{\"name\":\"the builders\"}", 409);
	call(*state, "POST " V1 "/organizations", admin, "{\"name\":\"\"}", 400);
	call(*state, builder, admin, "{\"roles\":[\"Organization_Admin\"]}", 200);
	call(*state, builder, admin, "{\"roles\":[\"Owner\"]}", 400);
	call(*state, "PUT " V1 "/organizations/the%20builders/members/Admin", admin,
	     "{\"roles\":[]}", 200);
	call(*state, "PUT " V1 "/organizations/the%20builders/members/eve", admin, "{\"roles\":[]}",
	     404);
	call(*state, "PUT " V1 "/organizations/nobody/members/bob", admin, "{\"roles\":[]}", 404);
	auto_ask struct ask list = { .path = V1 "/organizations" };
	world_ask(*state, &list, 200);
	assert_non_null(strstr(list.response.body,
			       "\"name\":\"the builders\",\"members\":[{\"user\":\"bob\","
			       "\"roles\":[\"Organization_Admin\"]},{\"user\":\"Admin\","
			       "\"roles\":[]}]"));
	/* He manages his own, which is not to make others. */
	auto_free char *bob = login_at(*state, "bob", "the builders");
	call(*state, "GET " V1 "/organizations", bob, NULL, 403);
	call(*state, "DELETE " V1 "/organizations/the%20builders/members/bob", admin, NULL, 200);
	call(*state, "DELETE " V1 "/organizations/the%20builders/members/bob", admin, NULL, 404);
	call(*state, "DELETE " V1 "/organizations/root/members/Admin", admin, NULL, 409);
	call(*state, "DELETE " V1 "/organizations/root", admin, NULL, 409);
	call(*state, "DELETE " V1 "/organizations/the%20builders", admin, NULL, 200);
	call(*state, "DELETE " V1 "/organizations/the%20builders", admin, NULL, 404);
}

static size_t count(struct world *w, const char *what, const char *token)
{
	auto_(json_free) struct json *list = call_with(w, what, token, NULL, 200);

	return json_count(list);
}

static void managers_manage_their_own(void **state)
{
	auto_free char *admin = login(*state, "Admin", "Admin");

	register_user(*state, admin, "bob", "Application_Provider", 200);
	auto_free char *acme = found(*state, admin, "acme", "bob", "Organization_Admin");
	auto_free char *other = found(*state, admin, "other", "Admin", "Admin");
	auto_free char *bob = login_at(*state, "bob", "acme");

	/* His users are those of his organization, and new ones are its members. */
	assert_int_equal(count(*state, "GET /api/users", bob), 1);
	assert_int_equal(count(*state, "GET /api/organization", bob), 1);
	register_user(*state, bob, "cy", "Application_Provider", 200);
	register_user(*state, bob, "Admin", "Admin", 409);
	assert_int_equal(count(*state, "GET /api/users/", bob), 2);
	auto_free char *members = xasprintf("GET /api/users/%s", acme);
	auto_free char *others = xasprintf("GET /api/users/%s", other);
	assert_int_equal(count(*state, members, bob), 2);
	call(*state, others, bob, NULL, 403);
	call(*state, "GET /api/user/cy", bob, NULL, 200);
	call(*state, "GET /api/user/Admin", bob, NULL, 403);
	call(*state, "PUT /api/user/cy", bob, "{\"password\":\"builder\",\"roles\":[\"Admin\"]}",
	     200);
	call(*state, "PUT /api/user/cy", bob, "{\"roles\":[\"Application_Provider\"]}", 200);

	/* Nobody else's: he himself is in root, too. */
	call(*state, "PUT /api/user/Admin", bob, "{\"password\":\"taken over\"}", 403);
	call(*state, "DELETE /api/user/Admin", bob, NULL, 404);
	call(*state, "DELETE /api/user/bob", bob, NULL, 403);
	call(*state, "POST /api/organization", bob, "{\"name\":\"mine\",\"member\":[]}", 403);
	auto_free char *del = xasprintf("DELETE /api/organization/%s", acme);
	call(*state, del, bob, NULL, 403);
	auto_free char *put_other = xasprintf("PUT /api/organization/%s", other);
	call(*state, put_other, bob, "{\"name\":\"taken\"}", 403);
	auto_free char *put = xasprintf("PUT /api/organization/%s", acme);
	auto_free char *admin_id = user_id(*state, admin, "Admin");
	auto_free char *with_admin = xasprintf(
		"{\"name\":\"acme\",\"member\":[{\"user_id\":\"%s\",\"roles\":[]}]}", admin_id);
	call(*state, put, bob, with_admin, 403);
	call(*state, put, bob, "{\"name\":\"ACME\"}", 200);

	/* A plain member is no manager, and another organization's is none here. */
	auto_free char *cy = login_at(*state, "cy", "ACME");
	call(*state, "GET /api/users", cy, NULL, 403);
	auto_free char *cy_outside = login_at(*state, "cy", "other");
	call(*state, "GET /api/users", cy_outside, NULL, 403);
	auto_free char *bob_outside = login_at(*state, "bob", NULL);
	call(*state, "GET /api/users", bob_outside, NULL, 403);
	call(*state, "DELETE /api/user/cy", bob, NULL, 200);
	call(*state, "GET /api/user/cy", cy, NULL, 401);
}

static void managers_of_root_are_no_administrators(void **state)
{
	auto_free char *admin = login(*state, "Admin", "Admin");

	register_user(*state, admin, "bob", "Organization_Admin", 200);
	register_user(*state, admin, "dan", "Application_Provider", 200);
	auto_free char *bob = login(*state, "bob", "builder");
	call(*state, "GET " V1 "/users", bob, NULL, 403);
	register_user(*state, bob, "eve", "Admin", 403);
	call(*state, "PUT /api/user/dan", bob, "{\"roles\":[\"Admin\"]}", 403);
	call(*state, "PUT /api/user/bob", bob, "{\"roles\":[\"Admin\"]}", 403);
	call(*state, "PUT /api/user/Admin", bob, "{\"password\":\"taken over\"}", 403);
	call(*state, "DELETE /api/user/Admin", bob, NULL, 403);
	call(*state, "PUT /api/user/dan", bob, "{\"roles\":[\"Infrastructure_Provider\"]}", 200);
	auto_(json_free) struct json *list = call_with(*state, "GET /api/organization", bob, NULL,
						       200);
	const struct json *root = json_at(list, 0);
	auto_free char *put = xasprintf("PUT /api/organization/%s",
					json_get_str(json_get(root, "_id"), "$oid"));
	call(*state, put, bob, "{\"name\":\"root\",\"member\":[]}", 403);
	auto_free char *id = user_id(*state, admin, "bob");
	auto_free char *body = xasprintf(
		"{\"name\":\"root\",\"member\":[{\"user_id\":\"%s\",\"roles\":[\"Admin\"]}]}", id);
	call(*state, put, bob, body, 403);
	call(*state, "DELETE /api/user/dan", bob, NULL, 200);
}

static void an_organization_with_applications_stays(void **state)
{
	auto_free char *admin = login(*state, "Admin", "Admin");
	static const char app[] =
		"{\"sla_version\":\"v2.0\",\"customerID\":\"x\",\"applications\":["
		"{\"application_name\":\"a\",\"application_namespace\":\"t\","
		"\"microservices\":[]}]}";

	register_user(*state, admin, "bob", "Application_Provider", 200);
	auto_free char *acme = found(*state, admin, "acme", "bob", "Application_Provider");
	auto_free char *bob = login_at(*state, "bob", "acme");
	auto_(json_free) struct json *made = call_with(*state, "POST /api/application", bob, app,
						       200);
	auto_(json_free) struct json *stranger = login_as(*state, "Admin", "Admin", "acme", 200);
	call(*state, "POST /api/application", json_get_str(stranger, "token"), app, 403);
	assert_int_equal(count(*state, "GET /api/applications", json_get_str(stranger, "token")),
			 0);
	assert_int_equal(count(*state, "GET /api/applications", admin), 1);
	auto_free char *bob_at_root = login(*state, "bob", "builder");
	assert_int_equal(count(*state, "GET /api/applications", bob_at_root), 0);
	auto_free char *del = xasprintf("DELETE /api/organization/%s", acme);
	call(*state, del, admin, NULL, 409);
	auto_free char *remove = xasprintf("DELETE /api/application/%s",
					   json_get_str(json_at(made, 0), "applicationID"));
	call(*state, remove, bob_at_root, NULL, 404);
	call(*state, remove, bob, NULL, 200);
	call(*state, del, admin, NULL, 200);
}

static void somebody_stays_administrator(void **state)
{
	auto_free char *admin = login(*state, "Admin", "Admin");
	auto_ask struct ask ask = { .method = "POST",
				    .path = V1 "/apply",
				    .body = world_descriptor };
	auto_(json_free) struct json *list = call_with(*state, "GET /api/organization", admin, NULL,
						       200);
	const char *root = json_get_str(json_get(json_at(list, 0), "_id"), "$oid");
	auto_free char *put = xasprintf("PUT /api/organization/%s", root);
	auto_free char *del = xasprintf("DELETE /api/organization/%s", root);

	call(*state, "DELETE /api/user/Admin", admin, NULL, 409);
	call(*state, "PUT /api/user/Admin", admin, "{\"roles\":[]}", 409);
	call(*state, put, admin, "{\"name\":\"root\",\"member\":[]}", 409);
	call(*state, put, admin, "{\"name\":\"other\"}", 409);
	call(*state, del, admin, NULL, 409);
	call(*state, "POST /api/auth/register", admin, BOB "\"roles\":[\"Admin\"]}", 200);
	/* What somebody owns does not go to the next one of his name. */
	world_ask(*state, &ask, 200);
	auto_(json_free) struct json *owner = call_with(*state, "DELETE /api/user/Admin", admin,
							NULL, 409);
	assert_non_null(strstr(json_get_str(owner, "message"), "owns 1 application (hybrid.demo)"));
	call(*state, "DELETE /api/user/bob", admin, NULL, 200);
}

static void tries_are_limited(void **state)
{
	auto_free char *token = login(*state, "Admin", "Admin");
	auto_free char *body = login_text("Admin", "wrong", NULL);
	auto_ask struct ask ask = { .method = "POST",
				    .path = "/api/auth/login",
				    .body = body,
				    .is_tcp = true };
	auto_ask struct ask change = {
		.method = "POST",
		.path = "/api/user/Admin",
		.body = "{\"oldPassword\":\"wrong\",\"newPassword\":\"x\"}",
		.is_tcp = true,
		.bearer = token,
	};

	/* Nor can a password be guessed by who found a token. */
	for (size_t i = 0; i < TRIES_MAX && change.response.status != 429; i++)
		world_perform(*state, &change);
	assert_int_equal(change.response.status, 429);
	for (size_t i = 0; i < TRIES_MAX && ask.response.status != 429; i++)
		world_perform(*state, &ask);
	assert_int_equal(ask.response.status, 429);
	assert_non_null(http_client_header(&ask.response, "Retry-After"));
	assert_non_null(strstr(ask.response.body, "too many failed logins"));
}

static void machines_have_tokens(void **state)
{
	auto_free char *admin = login(*state, "Admin", "Admin");
	auto_(json_free) struct json *made = call_with(*state, "POST " V1 "/tokens", admin,
						       "{\"name\":\"ci\"}", 200);
	const char *token = json_get_str(made, "token");

	call(*state, "POST " V1 "/tokens", admin, "{\"name\":\"ci\"}", 409);
	call(*state, "POST " V1 "/tokens", admin, "{\"name\":\"x\",\"user\":\"nobody\"}", 404);
	call(*state, "GET " V1 "/apps", token, NULL, 200);
	call(*state, "GET /api/user/Admin", token, NULL, 200);
	auto_free char *other = xstrdup(token);
	other[strlen(other) - 1] = other[strlen(other) - 1] == 'A' ? 'B' : 'A';
	call(*state, "GET " V1 "/apps", other, NULL, 401);
	call(*state, "GET /api/users", "holm_x", NULL, 422);
	auto_ask struct ask list = { .path = V1 "/tokens" };
	world_ask(*state, &list, 200);
	/* Its secret part, which may have such a letter, too. */
	assert_null(strstr(list.response.body, token + strlen("holm__") + ID_LEN));
	assert_non_null(strstr(list.response.body, "\"name\":\"ci\",\"user\":\"Admin\""));
	call(*state, "DELETE " V1 "/tokens/ci", token, NULL, 200);
	call(*state, "GET " V1 "/apps", token, NULL, 401);
	call(*state, "DELETE " V1 "/tokens/ci", admin, NULL, 404);
}

static void keys_are_rotated(void **state)
{
	auto_free char *old = login(*state, "Admin", "Admin");

	call(*state, "POST " V1 "/tokens/rotate", old, NULL, 200);
	call(*state, "GET /api/users", old, NULL, 200);
	auto_free char *young = login(*state, "Admin", "Admin");
	call(*state, "POST " V1 "/tokens/rotate", young, "{\"sudden\":true}", 200);
	call(*state, "GET /api/users", old, NULL, 401);
	call(*state, "GET /api/users", young, NULL, 401);
	auto_free char *now = login(*state, "Admin", "Admin");
	call(*state, "GET /api/users", now, NULL, 200);
}

/* An entry of the audit log, "USER FROM METHOD PATH STATUS". */
static bool has_entry(struct world *w, const char *expected)
{
	auto_ask struct ask ask = { .path = V1 "/audit" };
	struct json *list = NULL;
	struct err err;
	bool is_found = false;

	world_ask(w, &ask, 200);
	assert_null(strstr(ask.response.body, "builder"));
	assert_int_equal(json_parse(ask.response.body, ask.response.body_len, &list, &err), 0);
	for (size_t i = 0; i < json_count(list); i++) {
		const struct json *e = json_at(list, i);
		auto_free char *text = xasprintf("%s %s %s %s %d", json_get_str(e, "user"),
						 json_get_str(e, "from"), json_get_str(e, "method"),
						 json_get_str(e, "path"),
						 (int)json_get_int(e, "status", 0));

		is_found = is_found || str_eq(text, expected);
	}
	json_free(list);
	return is_found;
}

static void changes_are_logged(void **state)
{
	auto_free char *admin = login(*state, "Admin", "Admin");
	auto_ask struct ask ask = { .method = "DELETE", .path = V1 "/apps/none" };

	call(*state, "POST /api/auth/register", admin, BOB_PROVIDES, 200);
	auto_free char *bob = login(*state, "bob", "builder");
	call(*state, "DELETE /api/user/Admin", bob, NULL, 403);
	refuse_login(*state, "bob", "guess", 401);
	call(*state, "DELETE /api/user/Admin", NULL, NULL, 401);
	world_ask(*state, &ask, 404);
	assert_true(has_entry(*state, "Admin 127.0.0.1 POST /api/auth/register 200"));
	assert_true(has_entry(*state, "bob 127.0.0.1 DELETE /api/user/Admin 403"));
	assert_true(has_entry(*state, "bob 127.0.0.1 POST /api/auth/login 401"));
	assert_true(has_entry(*state, "Admin local DELETE /api/v1/apps/none 404"));
	/* Neither what changes nothing nor what nobody asked for. */
	assert_false(has_entry(*state, "bob 127.0.0.1 POST /api/auth/login 200"));
	assert_false(has_entry(*state, " 127.0.0.1 DELETE /api/user/Admin 401"));
	ask = (struct ask){ .path = V1 "/audit?limit=1", .response = ask.response };
	world_ask(*state, &ask, 200);
	assert_non_null(strstr(ask.response.body, "apps/none"));
	assert_null(strstr(ask.response.body, "register"));
	ask.path = V1 "/audit?limit=0";
	world_ask(*state, &ask, 400);
}

static void ours_are_for_the_command(void **state)
{
	auto_ask struct ask ask = { .method = "POST",
				    .path = V1 "/users",
				    .body = "{\"name\":\"bob\",\"password\":\"builder\","
					    "\"roles\":[\"Admin\"]}" };

	world_ask(*state, &ask, 200);
	assert_non_null(strstr(ask.response.body, "\"action\":\"create\",\"kind\":\"user\""));
	auto_free char *bob = login(*state, "bob", "builder");
	ask.path = V1 "/users/bob/password";
	ask.body = "{\"password\":\"another\"}";
	world_ask(*state, &ask, 200);
	call(*state, "GET /api/user/bob", bob, NULL, 401);
	free(login(*state, "bob", "another"));
	ask = (struct ask){ .path = V1 "/users", .response = ask.response };
	world_ask(*state, &ask, 200);
	assert_null(strstr(ask.response.body, "scrypt"));
	assert_non_null(strstr(ask.response.body, "\"name\":\"Admin\""));
	assert_non_null(strstr(ask.response.body, "\"has_default_password\":true"));
	ask.method = "DELETE";
	ask.path = V1 "/users/bob";
	world_ask(*state, &ask, 200);
	call(*state, "POST /api/user", NULL, "{\"username\":\"Admin\",\"domain\":\"x\"}", 501);
}

/* What the dashboard's page of mail asks, and how it writes the path. */
static void there_is_no_mail(void **state)
{
	static const char custom[] = "{\"type\":\"Custom\",\"address\":\"mail.example\","
				     "\"port\":\"25\",\"username\":\"\",\"password\":\"\","
				     "\"ssl\":false}";
	static const char *const paths[] = { "PUT /api/settings", "PUT /apisettings" };
	auto_free char *admin = login(*state, "Admin", "Admin");
	auto_(json_free) struct json *json = call_with(*state, "GET /api/settings", admin, NULL,
						       200);

	assert_string_equal(json_get_str(json, "type"), "None");
	call(*state, "GET /api/settings", NULL, NULL, 401);
	for (size_t i = 0; i < ARRAY_LEN(paths); i++) {
		call(*state, paths[i], admin, "{\"type\":\"None\"}", 200);
		call(*state, paths[i], admin, custom, 501);
		call(*state, paths[i], NULL, custom, 401);
	}
}

/* The dialog of users sends the time of the change as that of the registration. */
static void when_a_user_was_made_stays(void **state)
{
	static const char text[] = "{\"_id\":{\"$oid\":\"0123456789abcdef01234567\"},"
				   "\"created_at\":\"29/11/2030 05:31\",\"email\":\"a@x\","
				   "\"password\":\"\",\"name\":\"Admin\"}";
	auto_free char *admin = login(*state, "Admin", "Admin");
	auto_(json_free) struct json *before = call_with(*state, "GET /api/user/Admin", admin, NULL,
							 200);
	const char *date = json_get_str(before, "created_at");

	assert_int_equal(strlen(date), strlen("29/11/2026 03:09"));
	assert_int_equal(date[2], '/');
	call(*state, "PUT /api/user/Admin", admin, text, 200);
	auto_(json_free) struct json *after = call_with(*state, "GET /api/user/Admin", admin, NULL,
							200);
	assert_string_equal(json_get_str(after, "email"), "a@x");
	assert_string_equal(json_get_str(after, "created_at"), date);
}

static int make_keys_dir(void **state)
{
	static char dir[] = "/tmp/holm-api-keys-XXXXXX";

	*state = mkdtemp(dir);
	return *state ? setenv(WORLD_KEYS, dir, 1) : -1;
}

static int remove_keys_dir(void **state)
{
	struct err err;

	return path_remove(getenv(WORLD_KEYS), &err);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(admin_logs_in),
		WORLD_TEST(wrong_logins),
		WORLD_TEST(the_default_password_is_for_this_machine),
		WORLD_TEST(the_default_password_ends),
		WORLD_TEST(a_user_has_his_own),
		WORLD_TEST(rights_are_those_of_now),
		WORLD_TEST(tokens_are_refreshed),
		WORLD_TEST(organizations_are_apart),
		WORLD_TEST(organizations_by_name),
		WORLD_TEST(managers_manage_their_own),
		WORLD_TEST(managers_of_root_are_no_administrators),
		WORLD_TEST(an_organization_with_applications_stays),
		WORLD_TEST(somebody_stays_administrator),
		WORLD_TEST(tries_are_limited),
		WORLD_TEST(machines_have_tokens),
		WORLD_TEST(keys_are_rotated),
		WORLD_TEST(changes_are_logged),
		WORLD_TEST(ours_are_for_the_command),
		WORLD_TEST(there_is_no_mail),
		WORLD_TEST(when_a_user_was_made_stays),
	};

	return cmocka_run_group_tests_name("api/accounts", tests, make_keys_dir, remove_keys_dir);
}
