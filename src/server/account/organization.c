/* Organizations and their members. */
#include "server/account/private.h"

#define ORGANIZATIONS_MAX 1000

const struct organization *organization_find(const struct server *server, const char *name,
					     bool is_next)
{
	map_for_each(&server->docs[KIND_ORGANIZATION], i, e) {
		const struct doc *doc = e->value;
		const struct organization *o = is_next ? doc_next(doc) : doc->cur;

		if (o && str_eq(o->name, name))
			return o;
	}
	return NULL;
}

const struct member *member_find(const struct organization *organization, const char *user_id)
{
	for (size_t i = 0; i < organization->n_members; i++)
		if (str_eq(organization->members[i].user_id, user_id))
			return &organization->members[i];
	return NULL;
}

bool member_is_admin(const struct member *member)
{
	return member && strv_has(&member->roles, ROLE_ADMIN);
}

bool member_is_manager(const struct member *member)
{
	return member_is_admin(member) ||
	       (member && strv_has(&member->roles, ROLE_ORGANIZATION_ADMIN));
}

int roles_check(const struct strv *roles, struct err *err)
{
	auto_strv struct strv known = { 0 };

	strv_split(&known, ROLES_ALL, ",");
	for (size_t i = 0; i < roles->n; i++)
		if (!strv_has(&known, roles->items[i]))
			return err_set(err, -EINVAL, "role \"%.*s\" is none of " ROLES_ALL,
				       ROLE_NAME_MAX, roles->items[i]);
	return 0;
}

/* Somebody has to be able to give rights back. */
int admin_check_left(const struct server *server, struct err *err)
{
	const struct organization *root = organization_find(server, ORGANIZATION_ROOT, true);

	for (size_t i = 0; root && i < root->n_members; i++)
		if (member_is_admin(&root->members[i]) &&
		    next_get(server, KIND_USER, root->members[i].user_id))
			return 0;
	return err_set(err, -EBUSY,
		       "nobody would be left with role " ROLE_ADMIN
		       " in organization " ORGANIZATION_ROOT);
}

void organization_set_member(struct organization *organization, const char *user_id,
			     const struct strv *roles)
{
	struct member *member = (struct member *)(uintptr_t)member_find(organization, user_id);

	if (!member) {
		/* A copy's array has room for what it holds and no more. */
		organization->members =
			xrealloc(organization->members,
				 (organization->n_members + 1) * sizeof(*organization->members));
		member = &organization->members[organization->n_members++];
		*member = (struct member){ 0 };
		STR_COPY(member->user_id, user_id);
	}
	strv_fini(&member->roles);
	for (size_t i = 0; i < roles->n; i++)
		if (!strv_has(&member->roles, roles->items[i]))
			strv_add(&member->roles, roles->items[i]);
}

void organization_drop_member(struct organization *organization, const char *user_id)
{
	size_t kept = 0;

	for (size_t i = 0; i < organization->n_members; i++) {
		if (str_eq(organization->members[i].user_id, user_id))
			strv_fini(&organization->members[i].roles);
		else
			organization->members[kept++] = organization->members[i];
	}
	organization->n_members = kept;
}

const struct organization *server_organization_next(struct server *server, size_t *at)
{
	const struct map *docs = &server->docs[KIND_ORGANIZATION];

	while (*at < docs->n_entries) {
		const struct map_entry *entry = &docs->entries[(*at)++];
		const struct doc *doc = entry->key ? entry->value : NULL;

		if (doc && doc->cur)
			return doc->cur;
	}
	return NULL;
}

/* It is no part of a path. */
static bool name_is_valid(const char *name)
{
	size_t len = strlen(name);

	for (size_t i = 0; i < len; i++)
		if ((unsigned char)name[i] < ' ')
			return false;
	return len >= 1 && len <= USER_NAME_MAX;
}

static int check_name(const struct server *server, const struct organization *wanted,
		      const struct organization *old, struct err *err)
{
	const struct organization *other;

	if (!name_is_valid(wanted->name))
		return err_set(err, -EINVAL,
			       "organization name: expected 1 to %d bytes, no control characters",
			       USER_NAME_MAX);
	if (old && str_eq(old->name, ORGANIZATION_ROOT) && !str_eq(wanted->name, old->name))
		return err_set(err, -EBUSY, "organization %s keeps its name", old->name);
	other = organization_find(server, wanted->name, true);
	if (other && other != old)
		return err_set(err, -EEXIST, "there is an organization %s already", wanted->name);
	if (!old && server->docs[KIND_ORGANIZATION].n >= ORGANIZATIONS_MAX)
		return err_set(err, -ENOSPC, "there are %d organizations, which is the most",
			       ORGANIZATIONS_MAX);
	return 0;
}

static int take_members(struct server *server, const struct organization_put *put,
			struct organization *organization, struct strv *warnings, struct err *err)
{
	const struct organization *wanted = &put->wanted;

	for (size_t i = 0; i < wanted->n_members; i++) {
		const struct member *member = &wanted->members[i];
		int r = roles_check(&member->roles, err);

		if (r < 0)
			return r;
		if (next_get(server, KIND_USER, member->user_id))
			organization_set_member(organization, member->user_id, &member->roles);
		else
			strv_addf(warnings, "there is no user %s", member->user_id);
	}
	return 0;
}

static int check_manager(const struct server *server, const struct organization_put *put,
			 const struct organization *old, struct err *err)
{
	if (!old || !str_eq(old->id, put->manager_of))
		return err_set(err, -EACCES, "only an administrator of the server may do this");
	return manager_check_members(server, old, &put->wanted, err);
}

int organization_run_put(struct server *server, void *arg, struct err *err)
{
	struct organization_put *put = arg;
	const struct organization *old = NULL;

	if (put->wanted.id[0]) {
		old = next_get(server, KIND_ORGANIZATION, put->wanted.id);
		if (!old)
			return err_set(err, -ENOENT, "no organization %s", put->wanted.id);
	}
	int r = check_name(server, &put->wanted, old, err);
	if (r == 0 && put->manager_of[0])
		r = check_manager(server, put, old, err);
	if (r < 0)
		return r;
	struct organization *organization = NEW(struct organization);
	organization->name = xstrdup(put->wanted.name);
	organization->created_ms = old ? old->created_ms : loop_wall_ms(server->config.loop);
	if (old)
		STR_COPY(organization->id, old->id);
	else
		id_new(server, organization->id);
	r = take_members(server, put, organization, &put->answer.plan.warnings, err);
	if (r < 0) {
		object_free(KIND_ORGANIZATION, organization);
		return r;
	}
	plan_add(&put->answer.plan, old ? "update" : "create", "organization", organization->name);
	next_put(server, KIND_ORGANIZATION, organization->id, organization);
	return admin_check_left(server, err);
}

static int check_empty(const struct server *server, const struct organization *organization,
		       struct err *err)
{
	next_for_each(server, KIND_APP, struct app, app)
	{
		if (str_eq(app->organization, organization->id))
			return err_set(err, -EBUSY,
				       "organization %s has applications (%s.%s of %s): delete "
				       "them first",
				       organization->name, app->name, app->ns, app->owner);
	}
	return 0;
}

static int run_remove(struct server *server, void *arg, struct err *err)
{
	struct organization_put *put = arg;
	const struct organization *old = next_get(server, KIND_ORGANIZATION, put->wanted.id);

	if (!old)
		return err_set(err, -ENOENT, "no organization %s", put->wanted.id);
	if (str_eq(old->name, ORGANIZATION_ROOT))
		return err_set(err, -EBUSY, "organization %s cannot be deleted", old->name);
	int r = check_empty(server, old, err);
	if (r < 0)
		return r;
	plan_add(&put->answer.plan, "delete", "organization", old->name);
	next_put(server, KIND_ORGANIZATION, put->wanted.id, NULL);
	return 0;
}

void organization_put_done(struct server *server, void *arg, const struct err *err)
{
	struct organization_put *put = arg;

	plan_tell(server, &put->answer, err);
	fields_fini(&organization_table, &put->wanted);
	free(put);
}

void server_organization_put_begin(struct server *server, const struct organization *organization,
				   const char *manager_of, server_done_fn done, void *arg)
{
	struct organization_put *put = NEW(struct organization_put);

	if (manager_of)
		STR_COPY(put->manager_of, manager_of);
	fields_copy(&organization_table, organization, &put->wanted);
	put->answer.done = done;
	put->answer.arg = arg;
	request_begin(server, organization_run_put, organization_put_done, put);
}

void server_organization_remove_begin(struct server *server, const char *id, server_done_fn done,
				      void *arg)
{
	struct organization_put *put = NEW(struct organization_put);

	STR_COPY(put->wanted.id, id);
	put->answer.done = done;
	put->answer.arg = arg;
	request_begin(server, run_remove, organization_put_done, put);
}
