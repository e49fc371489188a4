/* Oakestra's calls about users. */
#include "api/account/private.h"

#define LIST_MAX (64u << 20)

struct user_body {
	char *name;
	char *password;
	char *email;
	char *created_at;
	bool has_roles;
	struct strv roles;
};

#define BODY(member, name, ...) FIELD(struct user_body, member, name, __VA_ARGS__)
static const struct field new_fields[] = {
	BODY(name, "name", F_STR, .flags = F_REQUIRED),
	BODY(password, "password", F_STR, .flags = F_REQUIRED),
	BODY(email, "email", F_STR),
	BODY(created_at, "created_at", F_STR),
	BODY(roles, "roles", F_STRV, .max = ROLES_MAX, .flags = F_GIVEN,
	     .given_offset = offsetof(struct user_body, has_roles)),
};
FIELD_TABLE(account_new_user_table, struct user_body, "new user", new_fields);

/* Not when he was made: the dashboard's dialog sends the time of the change as that. */
static const struct field change_fields[] = {
	BODY(name, "name", F_STR),
	BODY(password, "password", F_STR),
	BODY(email, "email", F_STR),
	BODY(roles, "roles", F_STRV, .max = ROLES_MAX, .flags = F_GIVEN,
	     .given_offset = offsetof(struct user_body, has_roles)),
};
FIELD_TABLE(account_user_change_table, struct user_body, "user change", change_fields);

static const struct field roles_fields[] = { SHAPE("roles", F_STRV) };
SHAPE_TABLE(account_roles_table, "roles", roles_fields);

const struct field_table account_nothing_table = { .name = "nothing" };

static const struct field reset_fields[] = {
	SHAPE_MAY("username", F_STR),
	SHAPE_MAY("domain", F_STR),
	SHAPE_MAY("token", F_STR),
	SHAPE_MAY("password", F_STR),
};
SHAPE_TABLE(account_reset_table, "password reset", reset_fields);

static void reply_users(struct api_request *request, const struct user_views *views)
{
	auto_json_out struct json_out out;

	json_out_init(&out, LIST_MAX);
	json_out_array(&out, NULL);
	for (size_t i = 0; i < views->n; i++)
		account_emit_user(&views->items[i], &out);
	json_out_array_end(&out);
	account_reply(request, &out);
}

void account_get_users(struct api_request *request)
{
	const char *asked = request->match.params[0];
	const char *own = account_manager_of(request);
	const char *organization = *asked ? asked : own;
	auto_user_views struct user_views views = { 0 };
	struct err err;

	if (own && !str_eq(organization, own))
		api_reply_error(request, 403, "that is another organization");
	else if (server_user_views(request->api->config.server, organization, &views, &err) < 0)
		api_reply_err(request, &err);
	else
		reply_users(request, &views);
}

/* Of the user as his organization has him; answered if there is none. */
static bool view_user(struct api_request *request, const char *name, struct user_view *ret)
{
	if (server_user_view(request->api->config.server, name, account_organization(request), ret))
		return true;
	api_reply_error(request, 404, "there is no such user");
	return false;
}

static void reply_user(struct api_request *request, const char *name)
{
	struct user_view view;
	struct json_out out;

	if (!view_user(request, name, &view))
		return;
	json_out_init(&out, LIST_MAX);
	account_emit_user(&view, &out);
	fields_fini(&user_view_table, &view);
	account_reply(request, &out);
	json_out_fini(&out);
}

/* The user of the path is who asks, or who asks may look at others of his organization, what of them he
 * may change the server knows; else it has been answered. */
static bool check_own(struct api_request *request)
{
	const char *name = request->match.params[0];

	if (request->who.is_admin || str_eq(name, request->who.user) ||
	    (request->who.is_manager &&
	     server_user_is_member(request->api->config.server, name, request->who.organization)))
		return true;
	api_reply_error(request, 403, "that is another user's account");
	return false;
}

void account_get_user(struct api_request *request)
{
	if (check_own(request))
		reply_user(request, request->match.params[0]);
}

void account_get_permission(struct api_request *request)
{
	struct user_view view;
	struct json_out out;

	if (!check_own(request) || !view_user(request, request->match.params[0], &view))
		return;
	json_out_init(&out, LIST_MAX);
	json_out_object(&out, NULL);
	json_out_strv(&out, "roles", &view.roles);
	json_out_object_end(&out);
	fields_fini(&user_view_table, &view);
	account_reply(request, &out);
	json_out_fini(&out);
}

static void on_registered(void *arg, const struct plan_view *plan, const struct err *err)
{
	if (err->code)
		api_reply_err(arg, err);
	else
		reply_user(arg, plan->items[0].name);
}

void account_register(struct api_request *request, const char *organization, server_done_fn done)
{
	struct user_body body = { 0 };

	if (!account_parse(request, &account_new_user_table, &body))
		return;
	const struct server_user user = {
		.name = body.name,
		.is_new = true,
		.password = body.password,
		.email = body.email,
		.created_at = body.created_at,
		.roles = body.has_roles ? &body.roles : NULL,
		.organization = organization,
		.manager_of = account_manager_of(request),
	};
	server_user_put_begin(request->api->config.server, &user, done, request);
	account_fini(&account_new_user_table, &body, &body.password, 1);
}

void account_post_register(struct api_request *request)
{
	account_register(request, account_organization(request), on_registered);
}

static void on_changed(void *arg, const struct plan_view *plan, const struct err *err)
{
	if (err->code)
		api_reply_err(arg, err);
	else
		api_reply_json(arg, xstrdup("\"ok\""));
}

static bool has_roles(struct api_request *request, const struct strv *roles)
{
	struct user_view view;
	bool is_same = true;

	if (!server_user_view(request->api->config.server, request->match.params[0],
			      account_organization(request), &view))
		return false;
	for (size_t i = 0; i < roles->n; i++)
		is_same = is_same && strv_has(&view.roles, roles->items[i]);
	is_same = is_same && roles->n == view.roles.n;
	fields_fini(&user_view_table, &view);
	return is_same;
}

/* Of somebody else, or as an administrator. */
static bool is_managed(const struct api_request *request)
{
	return request->who.is_admin ||
	       (request->who.is_manager && !str_eq(request->match.params[0], request->who.user));
}

/* What clients send back unchanged is no change: the profile page sends all of it. */
static const char *refusal(struct api_request *request, const struct user_body *body)
{
	if (body->name && !str_eq(body->name, request->match.params[0]))
		return "a user's name never changes";
	if (is_managed(request))
		return NULL;
	if (body->has_roles && !has_roles(request, &body->roles))
		return "only an administrator may change roles";
	if (!str_is_empty(body->password))
		return "one's own password is changed with the old one: POST";
	return NULL;
}

void account_put_user(struct api_request *request)
{
	struct user_body body = { 0 };

	if (!check_own(request) || !account_parse(request, &account_user_change_table, &body))
		return;
	const char *why = refusal(request, &body);
	if (why) {
		api_reply_error(request, 403, why);
	} else {
		const struct server_user user = {
			.name = request->match.params[0],
			.password = body.password,
			.email = body.email,
			.roles = is_managed(request) && body.has_roles ? &body.roles : NULL,
			.organization = account_organization(request),
			.manager_of = is_managed(request) ? account_manager_of(request) : NULL,
		};
		server_user_put_begin(request->api->config.server, &user, on_changed, request);
	}
	account_fini(&account_user_change_table, &body, &body.password, 1);
}

static void on_removed(void *arg, const struct plan_view *plan, const struct err *err)
{
	struct api_request *request = arg;
	auto_user_views struct user_views views = { 0 };
	struct err ignored;

	if (err->code) {
		api_reply_err(request, err);
		return;
	}
	server_user_views(request->api->config.server, account_manager_of(request), &views,
			  &ignored);
	reply_users(request, &views);
}

void account_delete_user(struct api_request *request)
{
	server_user_remove_begin(request->api->config.server, request->match.params[0],
				 account_manager_of(request), on_removed, request);
}

struct password_body {
	char *old_password;
	char *new_password;
};

static const struct field password_fields[] = {
	FIELD(struct password_body, old_password, "oldPassword", F_STR, .flags = F_REQUIRED),
	FIELD(struct password_body, new_password, "newPassword", F_STR, .flags = F_REQUIRED),
};
FIELD_TABLE(account_password_change_table, struct password_body, "password change",
	    password_fields);

static void on_password(void *arg, const struct plan_view *plan, const struct err *err)
{
	if (err->code == -EACCES || err->code == -EBUSY)
		api_reply_error(arg, err->code == -EACCES ? 400 : 429, err->msg);
	else if (err->code)
		api_reply_err(arg, err);
	else
		api_reply_json(arg, xstrdup("{}"));
}

void account_post_user(struct api_request *request)
{
	struct password_body body = { 0 };

	if (!str_eq(request->match.params[0], request->who.user)) {
		api_reply_error(request, 403, "that is another user's password");
		return;
	}
	if (!account_parse(request, &account_password_change_table, &body))
		return;
	const struct server_user user = {
		.name = request->match.params[0],
		.password = body.new_password,
		.old_password = body.old_password,
	};
	char *const passwords[] = { body.old_password, body.new_password };
	server_user_put_begin(request->api->config.server, &user, on_password, request);
	account_fini(&account_password_change_table, &body, passwords, ARRAY_LEN(passwords));
}
