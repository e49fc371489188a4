/* Users and tokens as they may be seen: nothing that proves anything. */
#include "server/account/private.h"

#define LIST_MAX (8u << 20)

static const struct organization *organization_of(const struct server *server, const char *id)
{
	return id ? state_get(server, KIND_ORGANIZATION, id)
		  : organization_find(server, ORGANIZATION_ROOT, false);
}

static void view_user(const struct user *user, const struct organization *organization,
		      struct user_view *ret)
{
	const struct member *member = organization ? member_find(organization, user->id) : NULL;

	*ret = (struct user_view){ .has_default_password = !user->hash };
	STR_COPY(ret->id, user->id);
	ret->name = xstrdup(user->name);
	ret->email = xstrdup(user->email ? user->email : "");
	ret->created_at = user->created_at ? xstrdup(user->created_at) : xcalloc(1, 32);
	if (!user->created_at)
		format_rfc3339(user->created_ms, ret->created_at);
	if (member)
		strv_copy(&ret->roles, &member->roles);
}

bool server_user_view(struct server *server, const char *name, const char *organization,
		      struct user_view *ret)
{
	const struct user *user = user_find(server, name, false);

	if (user)
		view_user(user, organization_of(server, organization), ret);
	return user;
}

bool server_user_is_member(struct server *server, const char *name, const char *organization)
{
	const struct user *user = user_find(server, name, false);
	const struct organization *of = organization_of(server, organization);

	return user && of && member_find(of, user->id);
}

int server_user_views(struct server *server, const char *organization, struct user_views *ret,
		      struct err *err)
{
	const struct organization *of = organization_of(server, organization);
	struct user_views views = { 0 };

	if (organization && !of)
		return err_set(err, -ENOENT, "no organization %.*s", ID_LEN, organization);
	state_for_each(server, KIND_USER, struct user, user)
	{
		if (!organization || member_find(of, user->id))
			view_user(user, of, ARRAY_ADD(views.items, views.n));
	}
	*ret = views;
	return 0;
}

void user_views_fini(struct user_views *views)
{
	for (size_t i = 0; i < views->n; i++)
		fields_fini(&user_view_table, &views->items[i]);
	free(views->items);
	*views = (struct user_views){ 0 };
}

/* Members who are no users any more are left out. */
static void view_members(const struct server *server, const struct organization *organization,
			 struct organization_view *view)
{
	view->members = xcalloc(organization->n_members, sizeof(*view->members));
	for (size_t i = 0; i < organization->n_members; i++) {
		const struct member *member = &organization->members[i];
		const struct user *user = state_get(server, KIND_USER, member->user_id);

		if (user)
			view->members[view->n_members++] =
				(struct member_view){ .user = user->name, .roles = member->roles };
	}
}

char *server_list_organizations(struct server *server)
{
	auto_json_out struct json_out out;
	char *text;
	struct err err;

	json_out_init(&out, LIST_MAX);
	json_out_array(&out, NULL);
	state_for_each(server, KIND_ORGANIZATION, struct organization, organization)
	{
		struct organization_view view = { .name = organization->name };

		STR_COPY(view.id, organization->id);
		view_members(server, organization, &view);
		fields_emit(&organization_view_table, &view, &out, NULL);
		/* The texts are the state's. */
		free(view.members);
	}
	json_out_array_end(&out);
	return json_out_finish(&out, &text, &err) < 0 ? xstrdup("[]") : text;
}

char *server_list_tokens(struct server *server)
{
	uint64_t now_ms = loop_wall_ms(server->config.loop);
	auto_json_out struct json_out out;
	char *text;
	struct err err;

	json_out_init(&out, LIST_MAX);
	json_out_array(&out, NULL);
	state_for_each(server, KIND_TOKEN, struct machine_token, token)
	{
		const struct user *user = state_get(server, KIND_USER, token->user_id);
		struct machine_token_view view = { .name = token->name };

		STR_COPY(view.id, token->id);
		view.user = user ? user->name : NULL;
		format_rfc3339(token->created_ms, view.created_at);
		if (token->expires_ms)
			format_rfc3339(token->expires_ms, view.expires_at);
		view.is_expired = token->expires_ms && token->expires_ms <= now_ms;
		fields_emit(&machine_token_view_table, &view, &out, NULL);
	}
	json_out_array_end(&out);
	return json_out_finish(&out, &text, &err) < 0 ? xstrdup("[]") : text;
}
