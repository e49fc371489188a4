/* Life of the accounts, slow work, and who a token is of. */
#include "server/account/private.h"

#define NAMES_MAX          4096
#define FORGET_MS          (15 * 60 * 1000)
#define CHANGES_KEPT       5000
#define REFUSALS_KEPT      500
#define FIRST_WAIT_MS      1000
#define USER_TRIES         5
#define USER_CAP_MS        30000
#define ADDRESS_TRIES      20
#define ADDRESS_CAP_MS     60000
#define BOOTSTRAP_AGAIN_MS 5000

/* Rings of keys that work under way may still look at. */
struct retired {
	struct list node;
	struct keys *keys;
};

static void retired_free(struct retired *retired)
{
	list_remove(&retired->node);
	keys_free(retired->keys);
	free(retired);
}

static void wait_for_turn(void *arg)
{
}

static void on_unused(void *arg)
{
	retired_free(arg);
}

/* The executor has one thread: when this has had its turn, all work that was begun before is done. */
static void retire(struct server *server, struct keys *take_keys)
{
	struct retired *retired = NEW(struct retired);

	retired->keys = take_keys;
	list_push(&server->accounts->retired, &retired->node);
	work_begin(server->config.loop, EXECUTOR_ACCOUNT, wait_for_turn, on_unused, retired);
}

static void job_run(void *arg)
{
	struct job *job = arg;

	job->run(job);
}

static void job_done(void *arg)
{
	struct job *job = arg;
	struct accounts *accounts = job->server->accounts;

	list_remove(&job->node);
	list_init(&job->node);
	if (job->new_keys) {
		retire(job->server, accounts->keys);
		accounts->keys = TAKE(job->new_keys);
	}
	job->done(job);
}

void job_begin(struct server *server, struct job *job)
{
	job->server = server;
	job->keys = server->accounts->keys;
	job->keys_dir = server->config.keys_dir;
	job->now_ms = loop_wall_ms(server->config.loop);
	list_push(&server->accounts->jobs, &job->node);
	work_begin(server->config.loop, EXECUTOR_ACCOUNT, job_run, job_done, job);
}

const struct keys *job_need_keys(struct job *job)
{
	if (keys_count(job->keys))
		return job->keys;
	if (keys_make(job->keys_dir, job->now_ms, false, &job->err) < 0 ||
	    keys_load(job->keys_dir, job->now_ms, &job->new_keys, &job->err) < 0)
		return NULL;
	return job->new_keys;
}

static int run_bootstrap(struct server *server, void *arg, struct err *err)
{
	auto_strv struct strv roles = { 0 };

	next_for_each(server, KIND_USER, struct user, any) return 0;
	next_for_each(server, KIND_ORGANIZATION, struct organization, any) return 0;
	struct user *user = NEW(struct user);
	struct organization *root = NEW(struct organization);
	id_new(server, user->id);
	id_new(server, root->id);
	user->name = xstrdup(DEFAULT_USER);
	user->version = 1;
	user->created_ms = loop_wall_ms(server->config.loop);
	root->name = xstrdup(ORGANIZATION_ROOT);
	root->created_ms = user->created_ms;
	strv_split(&roles, ROLES_ALL, ",");
	organization_set_member(root, user->id, &roles);
	next_put(server, KIND_USER, user->id, user);
	next_put(server, KIND_ORGANIZATION, root->id, root);
	return 0;
}

static void on_again(void *arg);

static void bootstrap_done(struct server *server, void *arg, const struct err *err)
{
	if (err->code && err->code != -ESHUTDOWN)
		timer_start(server->config.loop, BOOTSTRAP_AGAIN_MS, on_again, server);
}

static void on_again(void *arg)
{
	request_begin(arg, run_bootstrap, bootstrap_done, NULL);
}

void accounts_new(struct server *server)
{
	const struct limit_config users = { NAMES_MAX, USER_TRIES, FIRST_WAIT_MS, USER_CAP_MS,
					    FORGET_MS };
	const struct limit_config addresses = { NAMES_MAX, ADDRESS_TRIES, FIRST_WAIT_MS,
						ADDRESS_CAP_MS, FORGET_MS };
	struct accounts *accounts = NEW(struct accounts);

	list_init(&accounts->retired);
	list_init(&accounts->jobs);
	accounts->users = limit_new(&users);
	accounts->addresses = limit_new(&addresses);
	accounts->rings[RING_CHANGES] = (struct audit_ring){ .kind = "audit", .max = CHANGES_KEPT };
	accounts->rings[RING_REFUSALS] = (struct audit_ring){ .kind = "audit-refused",
							      .max = REFUSALS_KEPT };
	server->accounts = accounts;
}

int accounts_begin(struct server *server, struct err *err)
{
	const char *dir = server->config.keys_dir;
	uint64_t now_ms = loop_wall_ms(server->config.loop);

	if (dir && keys_load(dir, now_ms, &server->accounts->keys, err) < 0)
		return err_wrap(err, "keys that sign tokens");
	if (dir)
		request_begin(server, run_bootstrap, bootstrap_done, NULL);
	return 0;
}

void accounts_free(struct server *server)
{
	struct accounts *accounts = server->accounts;

	if (!accounts)
		return;
	for (struct list *l; (l = list_pop(&accounts->jobs));) {
		struct job *job = container_of(l, struct job, node);

		list_init(&job->node);
		keys_free(TAKE(job->new_keys));
		job->free(job);
	}
	while (!list_is_empty(&accounts->retired))
		retired_free(container_of(accounts->retired.next, struct retired, node));
	keys_free(accounts->keys);
	limit_free(accounts->users);
	limit_free(accounts->addresses);
	audit_fini(accounts);
	free(accounts);
	server->accounts = NULL;
}

void identity_fini(struct identity *who)
{
	free(who->user);
	strv_fini(&who->roles);
	*who = (struct identity){ 0 };
}

void identity_fill(const struct server *server, const struct user *user,
		   const struct organization *organization, struct identity *ret)
{
	const struct member *member = organization ? member_find(organization, user->id) : NULL;

	*ret = (struct identity){ .user = xstrdup(user->name) };
	STR_COPY(ret->user_id, user->id);
	if (!organization)
		return;
	STR_COPY(ret->organization, organization->id);
	if (member)
		strv_copy(&ret->roles, &member->roles);
	bool is_root = str_eq(organization->name, ORGANIZATION_ROOT);
	if (!is_root)
		STR_COPY(ret->scope, organization->id);
	ret->is_admin = is_root && member_is_admin(member);
	ret->is_manager = member_is_manager(member);
	ret->is_member = member;
}

void server_identify_local(struct server *server, struct identity *ret)
{
	const struct user *user = user_find(server, DEFAULT_USER, false);
	const struct organization *root = organization_find(server, ORGANIZATION_ROOT, false);

	*ret = (struct identity){ .user = xstrdup(DEFAULT_USER),
				  .is_admin = true,
				  .is_manager = true,
				  .is_member = true,
				  .is_local = true };
	if (user)
		STR_COPY(ret->user_id, user->id);
	if (root)
		STR_COPY(ret->organization, root->id);
	strv_split(&ret->roles, ROLES_ALL, ",");
}

int server_identify(struct server *server, const char *text, struct identity *ret, struct err *err)
{
	const struct accounts *accounts = server->accounts;
	auto_token struct token token = { 0 };

	if (str_starts(text, MACHINE_TOKEN_PREFIX))
		return machine_token_identify(server, text, ret, err);
	if (!accounts->keys)
		return err_set(err, -EBADMSG, "this server has no users");
	int r = token_check(accounts->keys, text, loop_wall_ms(server->config.loop) / 1000, &token,
			    err);
	if (r < 0)
		return r;
	const struct user *user = state_get(server, KIND_USER, token.user_id);
	if (!user || !str_eq(user->name, token.user))
		return err_set(err, -ENOENT, "the token's user is gone");
	if (user->version != token.version)
		return err_set(err, -ENOENT, "the token's user has another password since");
	const struct organization *organization = state_get(server, KIND_ORGANIZATION,
							    token.organization);
	if (!organization)
		return err_set(err, -ENOENT, "the token's organization is gone");
	identity_fill(server, user, organization, ret);
	ret->is_refresh = token.type == TOKEN_REFRESH;
	return 0;
}
