/* The routes, and what their handlers share. */
#include "api/account/private.h"

#define V1       "/api/v1"
#define LIST_MAX (8u << 20)

static const struct route routes[] = {
	{ "POST", "/api/auth/login", account_post_login, .id = "login",
	  .body = &account_login_table, .answer = &account_tokens_table, .access = ROUTE_PUBLIC,
	  .changes_nothing = true,
	  .summary = "tokens for {\"username\", \"password\", \"organization_name\"}" },
	{ "POST", "/api/auth/refresh", account_post_refresh, .id = "refreshToken",
	  .answer = &account_token_table, .access = ROUTE_REFRESH, .changes_nothing = true,
	  .summary = "another access token for a refresh token" },
	{ "POST", "/api/auth/register", account_post_register, ROUTE_MANAGER, .id = "registerUser",
	  .body = &account_new_user_table, .answer = &account_user_table,
	  .summary = "a new user: {\"name\", \"password\", \"email\", \"created_at\", \"roles\"}" },
	{ "GET", "/api/permission/{username}", account_get_permission, .id = "getRoles",
	  .answer = &account_roles_table, .access = ROUTE_USER, .summary = "one's own roles" },
	{ "POST", "/api/user", account_reset_password, .id = "requestPasswordReset",
	  .body = &account_reset_table, .form = ROUTE_NEVER, .access = ROUTE_PUBLIC,
	  .summary = "refused: this server sends no mail" },
	{ "PUT", "/api/user", account_reset_password, .id = "resetPassword",
	  .body = &account_reset_table, .form = ROUTE_NEVER, .access = ROUTE_PUBLIC,
	  .summary = "refused: this server sends no mail" },
	{ "GET", "/api/settings", account_get_settings, .id = "getMailSettings",
	  .answer = &account_mail_table, .summary = "settings of mail: there is none" },
	{ "PUT", "/api/settings", account_put_settings, .id = "setMailSettings",
	  .body = &account_mail_table, .answer = &account_mail_table, .changes_nothing = true,
	  .summary = "takes {\"type\": \"None\"} alone: this server sends no mail" },
	/* As the dashboard writes it. */
	{ "PUT", "/apisettings", account_put_settings, .id = "setMailSettingsToo",
	  .body = &account_mail_table, .answer = &account_mail_table, .changes_nothing = true,
	  .summary = "the same as PUT /api/settings" },
	{ "GET", "/api/user/{username}", account_get_user, .id = "getUser",
	  .answer = &account_user_table, .access = ROUTE_USER, .summary = "one's own account" },
	{ "PUT", "/api/user/{username}", account_put_user, .id = "changeUser",
	  .body = &account_user_change_table, .form = ROUTE_STRING, .access = ROUTE_USER,
	  .summary =
		  "changes an account; roles and other people's are an administrator's to change" },
	{ "DELETE", "/api/user/{username}", account_delete_user, ROUTE_MANAGER, .id = "deleteUser",
	  .answer = &account_user_table, .form = ROUTE_LIST,
	  .summary = "removes a user who owns no application; answers with those left" },
	{ "POST", "/api/user/{username}", account_post_user, .id = "changePassword",
	  .body = &account_password_change_table, .answer = &account_nothing_table,
	  .access = ROUTE_USER,
	  .summary = "changes one's own password: {\"oldPassword\", \"newPassword\"}" },
	{ "GET", "/api/users", account_get_users, ROUTE_MANAGER, .id = "listUsers",
	  .answer = &account_user_table, .form = ROUTE_LIST,
	  .summary = "all users; a manager's: members of his organization" },
	{ "GET", "/api/users/{organization}", account_get_users, ROUTE_MANAGER, .id = "listMembers",
	  .answer = &account_user_table, .form = ROUTE_LIST,
	  .summary = "members of an organization, with their roles in it" },
	{ "GET", "/api/organization", account_get_organizations, ROUTE_MANAGER,
	  .id = "listOrganizations", .answer = &account_organization_table, .form = ROUTE_LIST,
	  .summary = "all organizations; a manager's: his own" },
	{ "POST", "/api/organization", account_post_organization, .id = "createOrganization",
	  .body = &account_organization_body_table, .form = ROUTE_STRING,
	  .summary = "a new organization: {\"name\", \"member\": [{\"user_id\", \"roles\"}]}" },
	{ "PUT", "/api/organization/{id}", account_put_organization, ROUTE_MANAGER,
	  .id = "changeOrganization", .body = &account_organization_body_table,
	  .answer = &api_message_table, .summary = "changes its name or members" },
	{ "DELETE", "/api/organization/{id}", account_delete_organization,
	  .id = "deleteOrganization", .answer = &api_message_table,
	  .summary = "removes an organization" },
	{ "GET", V1 "/users", account_list_users, .id = "listAccounts", .answer = &user_view_table,
	  .form = ROUTE_LIST, .summary = "all users" },
	{ "POST", V1 "/users", account_add_user, .id = "createAccount",
	  .body = &account_new_user_table, .answer = &plan_view_table,
	  .summary = "a new user: {\"name\", \"password\", \"email\", \"roles\"}" },
	{ "DELETE", V1 "/users/{name}", account_remove_user, .id = "deleteAccount",
	  .answer = &plan_view_table, .summary = "removes a user who owns no application" },
	{ "POST", V1 "/users/{name}/password", account_set_password, .id = "setAccountPassword",
	  .body = &account_password_table, .answer = &plan_view_table,
	  .summary = "gives a user another password: {\"password\"}; logins with the old one end" },
	{ "GET", V1 "/organizations", account_list_organizations, .id = "listOrganizationsByName",
	  .answer = &organization_view_table, .form = ROUTE_LIST,
	  .summary = "all organizations, with their members by name" },
	{ "POST", V1 "/organizations", account_add_organization, .id = "createOrganizationByName",
	  .body = &account_organization_name_table, .answer = &plan_view_table,
	  .summary = "a new organization without members: {\"name\"}" },
	{ "DELETE", V1 "/organizations/{organization}", account_remove_organization,
	  .id = "deleteOrganizationByName", .answer = &plan_view_table,
	  .summary = "removes an organization, by name or id, that has no applications" },
	{ "PUT", V1 "/organizations/{organization}/members/{username}", account_put_member,
	  .id = "setMember", .body = &account_member_roles_table, .answer = &plan_view_table,
	  .summary = "makes a user a member with these {\"roles\"} there" },
	{ "DELETE", V1 "/organizations/{organization}/members/{username}", account_remove_member,
	  .id = "removeMember", .answer = &plan_view_table,
	  .summary = "a user is no member any more" },
	{ "GET", V1 "/tokens", account_get_tokens, .id = "listTokens",
	  .answer = &machine_token_view_table, .form = ROUTE_LIST,
	  .summary = "tokens of machines, without their texts" },
	{ "POST", V1 "/tokens", account_post_token, .id = "createToken",
	  .body = &account_new_token_table, .answer = &account_token_table,
	  .summary = "a new one: {\"name\", \"user\", \"lifetime_s\"}; its text is told once" },
	{ "DELETE", V1 "/tokens/{name}", account_delete_token, .id = "deleteToken",
	  .answer = &plan_view_table, .summary = "revokes one" },
	{ "POST", V1 "/tokens/rotate", account_rotate, .id = "rotateKey",
	  .body = &account_rotate_table, .answer = &plan_view_table,
	  .summary = "another key signs from now on: {\"sudden\": false}" },
};
const struct route_group account_routes = { routes, ARRAY_LEN(routes) };

static const struct field user_fields[] = {
	SHAPE("_id", F_OBJECT, .table = &oakestra_oid_table),
	SHAPE("name", F_STR),
	{ .name = "email", .type = F_STR },
	SHAPE("password", F_STR, .help = "always empty"),
	{ .name = "created_at", .type = F_STR },
	SHAPE("roles", F_STRV, .help = "in the organization that the token is of"),
};
SHAPE_TABLE(account_user_table, "oakestra user", user_fields);

static void refuse_body(struct api_request *request, const struct field_table *table)
{
	auto_strv struct strv names = { 0 };

	for (size_t i = 0; i < table->n; i++)
		strv_addf(&names, "%s%s", table->fields[i].name,
			  table->fields[i].flags & F_REQUIRED ? "" : " (optional)");
	auto_free char *list = strv_join(&names, ", ");
	auto_free char *message = xasprintf("the body has to be a JSON object of %s", list);
	api_reply_error(request, 400, message);
}

bool account_parse(struct api_request *request, const struct field_table *table, void *ret)
{
	const char *body = http_request_body(request->http, NULL);
	struct err err;
	int r = fields_parse_text(table, body, ret, FIELD_UNKNOWN_IGNORE, &err);

	http_request_wipe_body(request->http);
	if (r < 0)
		refuse_body(request, table);
	return r == 0;
}

void account_fini(const struct field_table *table, void *object, char *const *passwords, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (passwords[i])
			explicit_bzero(passwords[i], strlen(passwords[i]));
	fields_fini(table, object);
}

/* The dashboard shows the text as it is; its own ones are of this form. */
static void put_date(struct json_out *out, const char *text)
{
	char date[24];

	if (strlen(text) < strlen("2026-11-29T03:09") || text[4] != '-' || text[10] != 'T') {
		json_out_str(out, "created_at", text);
		return;
	}
	snprintf(date, sizeof(date), "%.2s/%.2s/%.4s %.5s", text + 8, text + 5, text, text + 11);
	json_out_str(out, "created_at", date);
}

void account_emit_user(const struct user_view *view, struct json_out *out)
{
	json_out_object(out, NULL);
	json_out_object(out, "_id");
	json_out_str(out, "$oid", view->id);
	json_out_object_end(out);
	json_out_str(out, "name", view->name);
	json_out_str(out, "email", view->email);
	json_out_str(out, "password", "");
	put_date(out, view->created_at);
	json_out_strv(out, "roles", &view->roles);
	json_out_object_end(out);
}

void account_reply(struct api_request *request, struct json_out *out)
{
	struct err err;
	char *text;

	if (json_out_finish(out, &text, &err) < 0)
		api_reply_err(request, &err);
	else
		api_reply_json(request, text);
}

const char *account_organization(const struct api_request *request)
{
	return request->who.organization[0] ? request->who.organization : NULL;
}

const char *account_manager_of(const struct api_request *request)
{
	return request->who.is_admin ? NULL : request->who.organization;
}
