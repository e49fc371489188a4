/* Members of organizations, one at a time. */
#include "server/account/private.h"

struct member_put {
	char organization[ID_SIZE];
	char *user;
	bool is_removal;
	struct strv roles;
	struct organization_put *put;
};

/* The others are as they are now, not as they were when it was asked. */
static int run(struct server *server, void *arg, struct err *err)
{
	struct member_put *member = arg;
	struct organization *wanted = &member->put->wanted;
	const struct organization *old = next_get(server, KIND_ORGANIZATION, member->organization);
	const struct user *user = user_find(server, member->user, true);

	if (!old)
		return err_set(err, -ENOENT, "no organization %s", member->organization);
	if (!user)
		return err_set(err, -ENOENT, "no user %.*s", USER_NAME_MAX, member->user);
	if (member->is_removal && !member_find(old, user->id))
		return err_set(err, -ENOENT, "%s is no member of organization %s", user->name,
			       old->name);
	fields_copy(&organization_table, old, wanted);
	if (member->is_removal)
		organization_drop_member(wanted, user->id);
	else
		organization_set_member(wanted, user->id, &member->roles);
	return organization_run_put(server, member->put, err);
}

static void done(struct server *server, void *arg, const struct err *err)
{
	struct member_put *member = arg;

	organization_put_done(server, member->put, err);
	free(member->user);
	strv_fini(&member->roles);
	free(member);
}

void server_member_put_begin(struct server *server, const struct server_member *wanted,
			     server_done_fn done_fn, void *arg)
{
	struct member_put *member = NEW(struct member_put);

	STR_COPY(member->organization, wanted->organization);
	member->user = xstrdup(wanted->user);
	member->is_removal = !wanted->roles;
	if (wanted->roles)
		strv_copy(&member->roles, wanted->roles);
	member->put = NEW(struct organization_put);
	member->put->answer.done = done_fn;
	member->put->answer.arg = arg;
	request_begin(server, run, done, member);
}
