/* Logging in: the password is looked at on the executor, and tries are counted before it is, so that
 * many at once count as many. */
#include <arpa/inet.h>

#include "server/account/private.h"

#define N_RANDOM 64

struct login {
	struct job job;
	struct secret password;
	char *hash;
	bool is_default;
	bool may_use_default;
	bool is_right;
	char name[USER_NAME_MAX + 1]; /* as far as tries are counted by it */
	char address[INET6_ADDRSTRLEN];
	struct token token;
	unsigned char random[N_RANDOM];
	struct server_tokens tokens;
	server_login_fn done;
	void *arg;
};

static void login_free(struct job *job)
{
	struct login *login = (struct login *)job;

	secret_fini(&login->password);
	free(login->hash);
	token_fini(&login->token);
	free(login->tokens.access);
	free(login->tokens.refresh);
	free(login);
}

/* Whoever has an IPv6 address has at least all of its /64. */
static void address_group(const char *address, char out[INET6_ADDRSTRLEN])
{
	unsigned char v6[16];

	str_copy(out, INET6_ADDRSTRLEN, address);
	if (inet_pton(AF_INET6, address, v6) != 1)
		return;
	memset(v6 + 8, 0, 8);
	inet_ntop(AF_INET6, v6, out, INET6_ADDRSTRLEN);
}

static void run_login(struct job *job)
{
	struct login *login = (struct login *)job;

	login->is_right = user_password_matches(login->is_default, login->hash,
						(const char *)login->password.bytes);
	if (!login->is_right || (login->is_default && !login->may_use_default))
		return;
	const struct keys *keys = job_need_keys(job);
	if (!keys)
		return;
	login->token.type = TOKEN_ACCESS;
	login->tokens.access = token_issue(keys, &login->token, login->random);
	login->token.type = TOKEN_REFRESH;
	login->tokens.refresh = token_issue(keys, &login->token, login->random + N_RANDOM / 2);
}

static int judge(struct login *login, struct err *err)
{
	struct server *server = login->job.server;
	const struct user *user = state_get(server, KIND_USER, login->token.user_id);

	if (login->job.err.code)
		return err_copy(err, &login->job.err);
	if (!login->is_right || !user || user->version != login->token.version)
		return err_set(err, -EACCES, "no such user, or another password");
	if (login->is_default && !login->may_use_default)
		return err_set(
			err, -EPERM,
			"the password of %s has never been changed: it is taken on the "
			"server's own machine alone; change it there by `holm user passwd %s`",
			user->name, user->name);
	return 0;
}

static void on_login(struct job *job)
{
	struct login *login = (struct login *)job;
	struct accounts *accounts = job->server->accounts;
	struct err err = { 0 };

	accounts->n_hashes--;
	int r = judge(login, &err);
	if (job->err.code)
		log_error("login: %s", job->err.msg);
	if (r == 0) {
		limit_passed(accounts->users, login->name);
		limit_passed(accounts->addresses, login->address);
	}
	login->done(login->arg, r < 0 ? NULL : &login->tokens, &err);
	login_free(job);
}

static uint64_t wait_ms(const struct server *server, const struct login *login)
{
	const struct accounts *accounts = server->accounts;
	uint64_t now_ms = loop_now_ms(server->config.loop);
	uint64_t user = limit_wait_ms(accounts->users, login->name, now_ms);
	uint64_t address = limit_wait_ms(accounts->addresses, login->address, now_ms);

	return user > address ? user : address;
}

/* What is asked for, as the documents have it; what is refused at once. */
static int prepare(struct server *server, const struct server_login *request, struct login *login,
		   struct err *err)
{
	const char *name = request->organization;
	const struct organization *organization =
		organization_find(server, str_is_empty(name) ? ORGANIZATION_ROOT : name, false);
	const struct user *user = user_find(server, request->user, false);
	const struct member *member;

	if (!server->accounts->keys)
		return err_set(err, -ENOTSUP, "this server has no users");
	if (server->accounts->n_hashes >= HASHES_MAX)
		return err_set(err, -EAGAIN, "%d others log in right now", HASHES_MAX);
	login->tokens.wait_ms = wait_ms(server, login);
	if (login->tokens.wait_ms)
		return err_set(err, -EBUSY, "too many failed logins: wait %lu s",
			       (login->tokens.wait_ms + 999) / 1000);
	if (!organization)
		return err_set(err, -ENOENT, "no organization %.*s", USER_NAME_MAX, name);
	STR_COPY(login->token.organization, organization->id);
	if (!user)
		return 0;
	login->hash = xstrdup(user->hash);
	login->is_default = !user->hash;
	login->token.user = xstrdup(user->name);
	login->token.version = user->version;
	STR_COPY(login->token.user_id, user->id);
	member = member_find(organization, user->id);
	if (member)
		strv_copy(&login->token.roles, &member->roles);
	return 0;
}

/* `done` never runs inside the call that begins the work. */
static void refuse(void *arg)
{
	struct login *login = arg;

	list_remove(&login->job.node);
	login->done(login->arg, &login->tokens, &login->job.err);
	login_free(&login->job);
}

void server_login_begin(struct server *server, const struct server_login *request,
			server_login_fn done, void *arg)
{
	struct login *login = NEW(struct login);
	struct accounts *accounts = server->accounts;
	uint64_t now_ms = loop_now_ms(server->config.loop);

	login->job.run = run_login;
	login->job.done = on_login;
	login->job.free = login_free;
	login->may_use_default = request->may_use_default;
	login->done = done;
	login->arg = arg;
	STR_COPY(login->name, request->user);
	address_group(request->address, login->address);
	int r = prepare(server, request, login, &login->job.err);
	/* Each is a failure until it has passed. */
	if (r == 0 || r == -ENOENT) {
		limit_failed(accounts->users, login->name, now_ms);
		if (login->address[0])
			limit_failed(accounts->addresses, login->address, now_ms);
	}
	if (r < 0) {
		list_push(&accounts->jobs, &login->job.node);
		loop_post(server->config.loop, refuse, login);
		return;
	}
	secret_set(&login->password, request->password, strlen(request->password));
	login->token.issued_s = loop_wall_ms(server->config.loop) / 1000;
	loop_random(server->config.loop, login->random, sizeof(login->random));
	accounts->n_hashes++;
	job_begin(server, &login->job);
}

char *server_refresh(struct server *server, const struct identity *who)
{
	const struct user *user = state_get(server, KIND_USER, who->user_id);
	struct token token = { .user = who->user,
			       .roles = who->roles,
			       .type = TOKEN_ACCESS,
			       .issued_s = loop_wall_ms(server->config.loop) / 1000 };
	unsigned char random[32];

	STR_COPY(token.user_id, who->user_id);
	STR_COPY(token.organization, who->organization);
	token.version = user ? user->version : 0;
	loop_random(server->config.loop, random, sizeof(random));
	return token_issue(server->accounts->keys, &token, random);
}
