/* The routes, and what their handlers share. */
#include "api/account/private.h"

#define V1       "/api/v1"
#define LIST_MAX (8u << 20)

static const struct route routes[] = {
	{ "POST", "/api/auth/login", account_post_login, .access = ROUTE_PUBLIC, .has_body = true,
	  .changes_nothing = true,
	  .summary = "tokens for {\"username\", \"password\", \"organization_name\"}" },
	{ "POST", "/api/auth/refresh", account_post_refresh, .access = ROUTE_REFRESH,
	  .changes_nothing = true, .summary = "another access token for a refresh token" },
	{ "POST", "/api/auth/register", account_post_register, ROUTE_MANAGER, .has_body = true,
	  .summary = "a new user: {\"name\", \"password\", \"email\", \"created_at\", \"roles\"}" },
	{ "GET", "/api/permission/{username}", account_get_permission, .access = ROUTE_USER,
	  .summary = "one's own roles" },
	{ "POST", "/api/user", account_reset_password, .access = ROUTE_PUBLIC, .has_body = true,
	  .summary = "refused: this server sends no mail" },
	{ "PUT", "/api/user", account_reset_password, .access = ROUTE_PUBLIC, .has_body = true,
	  .summary = "refused: this server sends no mail" },
	{ "GET", "/api/settings", account_get_settings,
	  .summary = "settings of mail: there is none" },
	{ "PUT", "/api/settings", account_put_settings, .has_body = true, .changes_nothing = true,
	  .summary = "takes {\"type\": \"None\"} alone: this server sends no mail" },
	/* As the dashboard writes it. */
	{ "PUT", "/apisettings", account_put_settings, .has_body = true, .changes_nothing = true,
	  .summary = "the same as PUT /api/settings" },
	{ "GET", "/api/user/{username}", account_get_user, .access = ROUTE_USER,
	  .summary = "one's own account" },
	{ "PUT", "/api/user/{username}", account_put_user, .access = ROUTE_USER, .has_body = true,
	  .summary =
		  "changes an account; roles and other people's are an administrator's to change" },
	{ "DELETE", "/api/user/{username}", account_delete_user, ROUTE_MANAGER,
	  .summary = "removes a user who owns no application; answers with those left" },
	{ "POST", "/api/user/{username}", account_post_user, .access = ROUTE_USER, .has_body = true,
	  .summary = "changes one's own password: {\"oldPassword\", \"newPassword\"}" },
	{ "GET", "/api/users", account_get_users, ROUTE_MANAGER,
	  .summary = "all users; a manager's: members of his organization" },
	{ "GET", "/api/users/{organization}", account_get_users, ROUTE_MANAGER,
	  .summary = "members of an organization, with their roles in it" },
	{ "GET", "/api/organization", account_get_organizations, ROUTE_MANAGER,
	  .summary = "all organizations; a manager's: his own" },
	{ "POST", "/api/organization", account_post_organization, .has_body = true,
	  .summary = "a new organization: {\"name\", \"member\": [{\"user_id\", \"roles\"}]}" },
	{ "PUT", "/api/organization/{id}", account_put_organization, ROUTE_MANAGER,
	  .has_body = true, .summary = "changes its name or members" },
	{ "DELETE", "/api/organization/{id}", account_delete_organization,
	  .summary = "removes an organization" },
	{ "GET", V1 "/users", account_list_users, .summary = "all users" },
	{ "POST", V1 "/users", account_add_user, .has_body = true,
	  .summary = "a new user: {\"name\", \"password\", \"email\", \"roles\"}" },
	{ "DELETE", V1 "/users/{name}", account_remove_user,
	  .summary = "removes a user who owns no application" },
	{ "POST", V1 "/users/{name}/password", account_set_password, .has_body = true,
	  .summary = "gives a user another password: {\"password\"}; logins with the old one end" },
	{ "GET", V1 "/tokens", account_get_tokens,
	  .summary = "tokens of machines, without their texts" },
	{ "POST", V1 "/tokens", account_post_token, .has_body = true,
	  .summary = "a new one: {\"name\", \"user\", \"lifetime_s\"}; its text is told once" },
	{ "DELETE", V1 "/tokens/{name}", account_delete_token, .summary = "revokes one" },
	{ "POST", V1 "/tokens/rotate", account_rotate, .has_body = true,
	  .summary = "another key signs from now on: {\"sudden\": false}" },
};
const struct route_group account_routes = { routes, ARRAY_LEN(routes) };

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
