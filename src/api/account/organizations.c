/* Organizations: Oakestra's calls, by id, and our own, by name. */
#include "api/account/private.h"

#define LIST_MAX (64u << 20)

struct organization_body {
	char *name;
	bool has_members;
	struct member *members;
	size_t n_members;
};

static const struct field member_fields[] = {
	FIELD(struct member, user_id, "user_id", F_CHARS, .flags = F_REQUIRED),
	FIELD(struct member, roles, "roles", F_STRV, .max = ROLES_MAX),
};
static FIELD_TABLE(member_table, struct member, "member", member_fields);

static const struct field body_fields[] = {
	FIELD(struct organization_body, name, "name", F_STR, .flags = F_REQUIRED),
	FIELD_ARRAY(struct organization_body, members, n_members, "member", &member_table,
		    .max = MEMBERS_MAX, .flags = F_GIVEN,
		    .given_offset = offsetof(struct organization_body, has_members)),
};
FIELD_TABLE(account_organization_body_table, struct organization_body, "organization", body_fields);

static const struct field organization_fields[] = {
	SHAPE("_id", F_OBJECT, .table = &oakestra_oid_table),
	SHAPE("name", F_STR),
	SHAPE("member", F_ARRAY, .table = &member_table),
};
SHAPE_TABLE(account_organization_table, "organization", organization_fields);

static const struct field name_fields[] = {
	FIELD(struct organization_body, name, "name", F_STR, .flags = F_REQUIRED),
};
FIELD_TABLE(account_organization_name_table, struct organization_body, "organization name",
	    name_fields);

static const struct field roles_fields[] = {
	FIELD(struct member, roles, "roles", F_STRV, .max = ROLES_MAX, .flags = F_REQUIRED),
};
FIELD_TABLE(account_member_roles_table, struct member, "member roles", roles_fields);

static void emit(const struct organization *organization, struct json_out *out)
{
	json_out_object(out, NULL);
	json_out_object(out, "_id");
	json_out_str(out, "$oid", organization->id);
	json_out_object_end(out);
	json_out_str(out, "name", organization->name);
	json_out_array(out, "member");
	for (size_t i = 0; i < organization->n_members; i++)
		fields_emit(&member_table, &organization->members[i], out, NULL);
	json_out_array_end(out);
	json_out_object_end(out);
}

void account_get_organizations(struct api_request *request)
{
	struct server *server = request->api->config.server;
	const char *own = account_manager_of(request);
	const struct organization *organization;
	auto_json_out struct json_out out;
	size_t at = 0;

	json_out_init(&out, LIST_MAX);
	json_out_array(&out, NULL);
	while ((organization = server_organization_next(server, &at)))
		if (!own || str_eq(organization->id, own))
			emit(organization, &out);
	json_out_array_end(&out);
	account_reply(request, &out);
}

static const struct organization *find(struct api_request *request, const char *id,
				       const char *name)
{
	struct server *server = request->api->config.server;
	const struct organization *organization;
	size_t at = 0;

	while ((organization = server_organization_next(server, &at)))
		if (str_eq(organization->id, id) || str_eq(organization->name, name))
			return organization;
	return NULL;
}

/* The dashboard takes a text in a text here, and only here. */
static void on_created(void *arg, const struct plan_view *plan, const struct err *err)
{
	struct api_request *request = arg;
	const struct organization *made;

	if (err->code) {
		api_reply_err(request, err);
		return;
	}
	made = find(request, NULL, plan->items[0].name);
	if (made)
		api_reply_json(request, xasprintf("\"\\\"%s\\\"\"", made->id));
	else
		api_reply_error(request, 409, "the organization was removed meanwhile");
}

static void on_changed(void *arg, const struct plan_view *plan, const struct err *err)
{
	if (err->code)
		api_reply_err(arg, err);
	else
		api_reply_message(arg, "organization updated");
}

static void on_deleted(void *arg, const struct plan_view *plan, const struct err *err)
{
	if (err->code)
		api_reply_err(arg, err);
	else
		api_reply_message(arg, "organization deleted");
}

static void put(struct api_request *request, const char *id, server_done_fn done)
{
	const struct organization *old = id ? find(request, id, NULL) : NULL;
	struct organization_body body = { 0 };

	if (id && !old) {
		api_reply_error(request, 404, "there is no such organization");
		return;
	}
	if (!account_parse(request, &account_organization_body_table, &body))
		return;
	struct organization wanted = { .name = body.name,
				       .members = body.members,
				       .n_members = body.n_members };
	if (old)
		STR_COPY(wanted.id, old->id);
	if (old && !body.has_members) {
		wanted.members = old->members;
		wanted.n_members = old->n_members;
	}
	server_organization_put_begin(request->api->config.server, &wanted,
				      account_manager_of(request), done, request);
	fields_fini(&account_organization_body_table, &body);
}

void account_post_organization(struct api_request *request)
{
	put(request, NULL, on_created);
}

void account_put_organization(struct api_request *request)
{
	put(request, request->match.params[0], on_changed);
}

void account_delete_organization(struct api_request *request)
{
	const struct organization *organization = find(request, request->match.params[0], NULL);

	if (organization)
		server_organization_remove_begin(request->api->config.server, organization->id,
						 on_deleted, request);
	else
		api_reply_error(request, 404, "there is no such organization");
}

void account_list_organizations(struct api_request *request)
{
	api_reply_json(request, server_list_organizations(request->api->config.server));
}

void account_add_organization(struct api_request *request)
{
	struct organization_body body = { 0 };

	if (!account_parse(request, &account_organization_name_table, &body))
		return;
	const struct organization wanted = { .name = body.name };
	server_organization_put_begin(request->api->config.server, &wanted, NULL, api_on_planned,
				      request);
	fields_fini(&account_organization_name_table, &body);
}

/* By its id, too: a name may hold what no path can. NULL: answered. */
static const char *named(struct api_request *request)
{
	const char *name = request->match.params[0];
	const struct organization *organization = find(request, name, name);

	if (organization)
		return organization->id;
	auto_free char *message = xasprintf("there is no organization %.*s", USER_NAME_MAX, name);
	api_reply_error(request, 404, message);
	return NULL;
}

void account_remove_organization(struct api_request *request)
{
	const char *id = named(request);

	if (id)
		server_organization_remove_begin(request->api->config.server, id, api_on_planned,
						 request);
}

static void put_member(struct api_request *request, const struct strv *roles)
{
	const struct server_member member = { .organization = named(request),
					      .user = request->match.params[1],
					      .roles = roles };

	if (member.organization)
		server_member_put_begin(request->api->config.server, &member, api_on_planned,
					request);
}

void account_put_member(struct api_request *request)
{
	struct member body = { 0 };

	if (!account_parse(request, &account_member_roles_table, &body))
		return;
	put_member(request, &body.roles);
	fields_fini(&account_member_roles_table, &body);
}

void account_remove_member(struct api_request *request)
{
	put_member(request, NULL);
}
