/* Users: made, changed, removed, looked at. */
#include "server/account/private.h"

#define USERS_MAX 10000

const struct user *user_find(const struct server *server, const char *name, bool is_next)
{
	map_for_each(&server->docs[KIND_USER], i, e) {
		const struct doc *doc = e->value;
		const struct user *user = is_next ? doc_next(doc) : doc->cur;

		if (user && str_eq(user->name, name))
			return user;
	}
	return NULL;
}

bool user_password_matches(bool is_default, const char *hash, const char *password)
{
	/* What everybody knows is compared without taking its time. */
	return is_default ? str_eq(password, DEFAULT_PASSWORD) : password_matches(hash, password);
}

struct user_put {
	struct job job;
	char *name;
	bool is_new;
	char *email;
	char *created_at;
	struct secret password; /* empty: none is given */
	struct secret old_password;
	bool has_old_password;
	bool has_roles;
	struct strv roles;
	char organization[ID_SIZE];
	/* As he was when the work on the executor began. */
	char *hash;
	bool is_default;
	uint32_t version;
	unsigned char salt[PASSWORD_SALT_LEN];
	char *new_hash;
	uint64_t wait_ms; /* until the next old password is looked at */
	bool is_busy;     /* too many passwords are */
	char manager_of[ID_SIZE];
	struct plan_answer answer;
};

static void put_free(struct job *job)
{
	struct user_put *put = (struct user_put *)job;

	free(put->name);
	free(put->email);
	free(put->created_at);
	secret_fini(&put->password);
	secret_fini(&put->old_password);
	strv_fini(&put->roles);
	free(put->hash);
	free(put->new_hash);
	fields_fini(&plan_view_table, &put->answer.plan);
	free(put);
}

static int check_texts(const struct user_put *put, struct err *err)
{
	if (!account_name_is_valid(put->name))
		return err_set(err, -EINVAL,
			       "user name \"%.*s\": expected 1 to %d letters, digits and . _ - @",
			       USER_NAME_MAX, put->name, USER_NAME_MAX);
	if ((put->email && strlen(put->email) > USER_TEXT_MAX) ||
	    (put->created_at && strlen(put->created_at) > USER_TEXT_MAX))
		return err_set(err, -EINVAL, "user %s: e-mail and date have at most %d bytes",
			       put->name, USER_TEXT_MAX);
	return put->has_roles ? roles_check(&put->roles, err) : 0;
}

static int put_roles(struct server *server, const struct user_put *put, const char *user_id,
		     struct err *err)
{
	const struct organization *organization =
		put->organization[0] ? next_get(server, KIND_ORGANIZATION, put->organization)
				     : organization_find(server, ORGANIZATION_ROOT, true);

	if (!organization)
		return err_set(err, -ENOENT, "no organization %s", put->organization);
	const struct member *member = member_find(organization, user_id);
	if (member && strv_eq(&member->roles, &put->roles))
		return 0;
	if (put->manager_of[0] &&
	    manager_check_roles(organization, member ? &member->roles : NULL, &put->roles, err) < 0)
		return err->code;
	if (!member && organization->n_members >= MEMBERS_MAX)
		return err_set(err, -ENOSPC, "organization %s has %d members, which is the most",
			       organization->name, MEMBERS_MAX);
	struct organization *copy = object_copy(KIND_ORGANIZATION, organization);
	organization_set_member(copy, user_id, &put->roles);
	next_put(server, KIND_ORGANIZATION, copy->id, copy);
	return admin_check_left(server, err);
}

static void set_text(char **text, const char *wanted)
{
	if (!wanted)
		return;
	free(*text);
	*text = xstrdup(wanted);
}

static int find_old(struct server *server, const struct user_put *put, const struct user **ret,
		    struct err *err)
{
	const struct user *old = user_find(server, put->name, true);

	if (put->is_new && old)
		return err_set(err, -EEXIST, "there is a user %s already", put->name);
	if (!put->is_new && !old)
		return err_set(err, -ENOENT, "no user %.*s", USER_NAME_MAX, put->name);
	if (put->is_new && server->docs[KIND_USER].n >= USERS_MAX)
		return err_set(err, -ENOSPC, "there are %d users, which is the most", USERS_MAX);
	if (put->new_hash && old && old->version != put->version)
		return err_set(err, -EAGAIN, "the password of %s was changed meanwhile", old->name);
	*ret = old;
	return old && put->manager_of[0] ? manager_check_user(server, put->manager_of, old, err)
					 : 0;
}

static int run_put(struct server *server, void *arg, struct err *err)
{
	struct user_put *put = arg;
	const struct user *old = NULL;
	int r = check_texts(put, err);

	if (r == 0)
		r = find_old(server, put, &old, err);
	if (r < 0)
		return r;
	struct user *user = old ? object_copy(KIND_USER, old) : NEW(struct user);
	char id[ID_SIZE];
	if (!old) {
		id_new(server, user->id);
		user->name = xstrdup(put->name);
		user->created_ms = loop_wall_ms(server->config.loop);
	}
	STR_COPY(id, user->id);
	set_text(&user->email, put->email);
	set_text(&user->created_at, put->created_at);
	set_text(&user->hash, put->new_hash);
	user->version += put->new_hash != NULL;
	plan_add(&put->answer.plan, old ? "update" : "create", "user", user->name);
	next_put(server, KIND_USER, id, user);
	return put->has_roles ? put_roles(server, put, id, err) : 0;
}

static void put_done(struct server *server, void *arg, const struct err *err)
{
	struct user_put *put = arg;

	plan_tell(server, &put->answer, err);
	put_free(&put->job);
}

/* On the executor: is the old one right, is the new one another, and its hash. */
static void run_hash(struct job *job)
{
	struct user_put *put = (struct user_put *)job;
	const char *password = (const char *)put->password.bytes;
	const char *old = put->has_old_password ? (const char *)put->old_password.bytes : "";

	if (put->has_old_password &&
	    !user_password_matches(put->is_default, put->hash, old ? old : "")) {
		err_set(&job->err, -EACCES, "the old password is another");
		return;
	}
	if (put->has_old_password && !put->password.len) {
		err_set(&job->err, -EINVAL, "the new password is empty");
		return;
	}
	bool is_same = !put->is_new && user_password_matches(put->is_default, put->hash, password);
	if (is_same && put->has_old_password)
		err_set(&job->err, -EINVAL, "the new password is the old one");
	else if (!is_same && str_eq(put->name, DEFAULT_USER) && str_eq(password, DEFAULT_PASSWORD))
		err_set(&job->err, -EINVAL, "that is the password that everybody knows");
	else if (!is_same)
		password_hash(password, put->salt, &put->new_hash, &job->err);
}

static void on_hashed(struct job *job)
{
	struct user_put *put = (struct user_put *)job;

	job->server->accounts->n_hashes--;
	if (put->has_old_password && job->err.code != -EACCES)
		limit_passed(job->server->accounts->users, put->name);
	if (job->err.code)
		put_done(job->server, put, &job->err);
	else
		request_begin(job->server, run_put, put_done, put);
}

static void hash_begin(struct server *server, struct user_put *put)
{
	const struct user *user = user_find(server, put->name, false);

	/* A failure until it has passed: others may be asked at the same time. */
	if (put->has_old_password)
		limit_failed(server->accounts->users, put->name, loop_now_ms(server->config.loop));
	if (user) {
		put->hash = xstrdup(user->hash);
		put->is_default = !user->hash;
		put->version = user->version;
	}
	loop_random(server->config.loop, put->salt, sizeof(put->salt));
	put->job.run = run_hash;
	put->job.done = on_hashed;
	put->job.free = put_free;
	server->accounts->n_hashes++;
	job_begin(server, &put->job);
}

static int run_refuse(struct server *server, void *arg, struct err *err)
{
	const struct user_put *put = arg;

	if (put->wait_ms)
		return err_set(err, -EBUSY, "too many failed passwords: wait %lu s",
			       (put->wait_ms + 999) / 1000);
	if (put->is_busy)
		return err_set(err, -EAGAIN, "%d other passwords are looked at right now",
			       HASHES_MAX);
	return err_set(err, -EINVAL, "user %s: a password is needed", put->name);
}

void server_user_put_begin(struct server *server, const struct server_user *user,
			   server_done_fn done, void *arg)
{
	struct user_put *put = NEW(struct user_put);

	list_init(&put->job.node);
	put->answer.done = done;
	put->answer.arg = arg;
	put->name = xstrdup(user->name);
	put->is_new = user->is_new;
	put->email = xstrdup(user->email);
	put->created_at = xstrdup(user->created_at);
	if (user->organization)
		STR_COPY(put->organization, user->organization);
	if (user->manager_of)
		STR_COPY(put->manager_of, user->manager_of);
	put->has_roles = user->roles || user->is_new;
	if (user->roles)
		strv_copy(&put->roles, user->roles);
	if (!str_is_empty(user->password))
		secret_set(&put->password, user->password, strlen(user->password));
	put->has_old_password = user->old_password;
	if (user->old_password)
		secret_set(&put->old_password, user->old_password, strlen(user->old_password));
	if (put->has_old_password)
		put->wait_ms = limit_wait_ms(server->accounts->users, put->name,
					     loop_now_ms(server->config.loop));
	bool is_slow = put->password.len || put->has_old_password;
	put->is_busy = is_slow && server->accounts->n_hashes >= HASHES_MAX;
	if (put->wait_ms || put->is_busy)
		request_begin(server, run_refuse, put_done, put);
	else if (is_slow)
		hash_begin(server, put);
	else
		request_begin(server, put->is_new ? run_refuse : run_put, put_done, put);
}

struct user_remove {
	char *name;
	char manager_of[ID_SIZE];
	struct plan_answer answer;
};

/* His applications would be those of the next one of his name. */
static int check_owns_nothing(const struct server *server, const char *name, struct err *err)
{
	size_t n = 0;
	const struct app *first = NULL;

	next_for_each(server, KIND_APP, struct app, app)
	{
		if (!str_eq(app->owner, name))
			continue;
		first = first ? first : app;
		n++;
	}
	if (!n)
		return 0;
	return err_set(err, -EBUSY, "user %s owns %zu application%s (%s.%s%s): delete them first",
		       name, n, n == 1 ? "" : "s", first->name, first->ns, n == 1 ? "" : ", …");
}

static void leave_organizations(struct server *server, const char *user_id)
{
	next_for_each(server, KIND_ORGANIZATION, struct organization, organization)
	{
		if (!member_find(organization, user_id))
			continue;
		struct organization *copy = object_copy(KIND_ORGANIZATION, organization);
		organization_drop_member(copy, user_id);
		next_put(server, KIND_ORGANIZATION, copy->id, copy);
	}
}

static int run_remove(struct server *server, void *arg, struct err *err)
{
	struct user_remove *removal = arg;
	const struct user *user = user_find(server, removal->name, true);
	char id[ID_SIZE];

	if (!user)
		return err_set(err, -ENOENT, "no user %.*s", USER_NAME_MAX, removal->name);
	int r = removal->manager_of[0] ? manager_check_user(server, removal->manager_of, user, err)
				       : 0;
	if (r == 0)
		r = check_owns_nothing(server, user->name, err);
	if (r < 0)
		return r;
	STR_COPY(id, user->id);
	plan_add(&removal->answer.plan, "delete", "user", user->name);
	leave_organizations(server, id);
	next_for_each(server, KIND_TOKEN, struct machine_token, token)
	{
		if (str_eq(token->user_id, id))
			next_put(server, KIND_TOKEN, token->id, NULL);
	}
	next_put(server, KIND_USER, id, NULL);
	return admin_check_left(server, err);
}

static void remove_done(struct server *server, void *arg, const struct err *err)
{
	struct user_remove *removal = arg;

	plan_tell(server, &removal->answer, err);
	free(removal->name);
	free(removal);
}

void server_user_remove_begin(struct server *server, const char *name, const char *manager_of,
			      server_done_fn done, void *arg)
{
	struct user_remove *removal = NEW(struct user_remove);

	if (manager_of)
		STR_COPY(removal->manager_of, manager_of);
	removal->name = xstrdup(name);
	removal->answer.done = done;
	removal->answer.arg = arg;
	request_begin(server, run_remove, remove_done, removal);
}
