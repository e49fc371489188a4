/* What a manager of an organization may do, who is no administrator of the server: what is the
 * organization's alone. */
#include "server/account/private.h"

static bool is_root(const struct organization *organization)
{
	return str_eq(organization->name, ORGANIZATION_ROOT);
}

static const struct organization *organization_elsewhere(const struct server *server,
							 const char *user_id, const char *here)
{
	next_for_each(server, KIND_ORGANIZATION, struct organization, organization)
	{
		if (!str_eq(organization->id, here) && member_find(organization, user_id))
			return organization;
	}
	return NULL;
}

int manager_check_user(const struct server *server, const char *organization_id,
		       const struct user *user, struct err *err)
{
	const struct organization *here = next_get(server, KIND_ORGANIZATION, organization_id);
	const struct member *member = here ? member_find(here, user->id) : NULL;

	if (!member)
		return err_set(err, -ENOENT, "no user %s in this organization", user->name);
	if (is_root(here) && member_is_admin(member))
		return err_set(err, -EACCES, "user %s is an administrator of the server",
			       user->name);
	if (organization_elsewhere(server, user->id, here->id))
		return err_set(err, -EACCES,
			       "user %s is in other organizations, too: only an administrator of "
			       "the server may change him",
			       user->name);
	return 0;
}

int manager_check_roles(const struct organization *organization, const struct strv *before,
			const struct strv *after, struct err *err)
{
	bool was_admin = before && strv_has(before, ROLE_ADMIN);

	if (!is_root(organization) || was_admin == strv_has(after, ROLE_ADMIN))
		return 0;
	return err_set(err, -EACCES,
		       "role " ROLE_ADMIN " in organization " ORGANIZATION_ROOT
		       ": only an administrator of the server may change it");
}

int manager_check_members(const struct server *server, const struct organization *before,
			  const struct organization *after, struct err *err)
{
	static const struct strv none;
	int r = 0;

	for (size_t i = 0; r == 0 && i < after->n_members; i++) {
		const struct member *member = &after->members[i];
		const struct member *old = member_find(before, member->user_id);

		r = manager_check_roles(before, old ? &old->roles : NULL, &member->roles, err);
		if (r == 0 && !old && organization_elsewhere(server, member->user_id, before->id))
			r = err_set(err, -EACCES,
				    "user %s is in another organization: only an administrator of "
				    "the server may add him",
				    member->user_id);
	}
	for (size_t i = 0; r == 0 && i < before->n_members; i++)
		if (!member_find(after, before->members[i].user_id))
			r = manager_check_roles(before, &before->members[i].roles, &none, err);
	return r;
}
