/* Tokens of machines ("holm_ID_SECRET"), of which the digest alone is kept, and the rotation of keys. */
#include "base/base64.h"
#include "server/account/private.h"
#include "wire/digest/digest.h"

#define SECRET_LEN 32
#define TOKENS_MAX 1000

static const struct machine_token *token_find(const struct server *server, const char *name,
					      bool is_next)
{
	map_for_each(&server->docs[KIND_TOKEN], i, e) {
		const struct doc *doc = e->value;
		const struct machine_token *token = is_next ? doc_next(doc) : doc->cur;

		if (token && str_eq(token->name, name))
			return token;
	}
	return NULL;
}

static bool is_digest(const struct machine_token *token, const char *text)
{
	auto_secret struct secret given = { 0 };
	auto_secret struct secret kept = { 0 };
	char digest[DIGEST_TEXT_MAX];

	digest_of(text, strlen(text), digest);
	secret_set(&given, digest, strlen(digest));
	secret_set(&kept, token->digest, strlen(token->digest));
	return secret_equal(&given, &kept);
}

int machine_token_identify(struct server *server, const char *text, struct identity *ret,
			   struct err *err)
{
	const struct organization *root = organization_find(server, ORGANIZATION_ROOT, false);
	const char *rest = text + strlen(MACHINE_TOKEN_PREFIX);
	char id[ID_SIZE];

	if (strnlen(text, TOKEN_LEN_MAX + 1) > TOKEN_LEN_MAX || strcspn(rest, "_") != ID_LEN)
		return err_set(err, -EBADMSG, "the token is not of the form of ours");
	STR_COPY(id, rest);
	const struct machine_token *token = state_get(server, KIND_TOKEN, id);
	if (!token || !is_digest(token, text))
		return err_set(err, -EKEYREJECTED, "the token is not known, or was revoked");
	if (token->expires_ms && token->expires_ms <= loop_wall_ms(server->config.loop))
		return err_set(err, -ETIME, "token %s has expired", token->name);
	const struct user *user = state_get(server, KIND_USER, token->user_id);
	if (!user)
		return err_set(err, -ENOENT, "the user of token %s is gone", token->name);
	identity_fill(server, user, root, ret);
	return 0;
}

struct token_change {
	char *name;
	char *user;
	uint32_t lifetime_s;
	struct secret text;
	server_token_fn created;
	void *arg;
	struct plan_answer answer;
};

static int check_new(const struct server *server, const struct token_change *change,
		     struct err *err)
{
	if (!account_name_is_valid(change->name))
		return err_set(err, -EINVAL,
			       "token name \"%.*s\": expected 1 to %d letters, digits and . _ - @",
			       TOKEN_NAME_MAX, change->name, TOKEN_NAME_MAX);
	if (token_find(server, change->name, true))
		return err_set(err, -EEXIST, "there is a token %s already", change->name);
	if (server->docs[KIND_TOKEN].n >= TOKENS_MAX)
		return err_set(err, -ENOSPC, "there are %d tokens, which is the most", TOKENS_MAX);
	if (!user_find(server, change->user, true))
		return err_set(err, -ENOENT, "no user %.*s", USER_NAME_MAX, change->user);
	return 0;
}

static int run_create(struct server *server, void *arg, struct err *err)
{
	struct token_change *change = arg;
	uint8_t random[SECRET_LEN];
	int r = check_new(server, change, err);

	if (r < 0)
		return r;
	struct machine_token *token = NEW(struct machine_token);
	id_new(server, token->id);
	loop_random(server->config.loop, random, sizeof(random));
	auto_free char *secret = base64url_format(random, sizeof(random));
	char *text = xasprintf(MACHINE_TOKEN_PREFIX "%s_%s", token->id, secret);
	secret_set(&change->text, text, strlen(text));
	digest_of(text, strlen(text), token->digest);
	secret_free_text(text);
	explicit_bzero(secret, strlen(secret));
	explicit_bzero(random, sizeof(random));
	token->name = xstrdup(change->name);
	STR_COPY(token->user_id, user_find(server, change->user, true)->id);
	token->created_ms = loop_wall_ms(server->config.loop);
	if (change->lifetime_s)
		token->expires_ms = token->created_ms + (uint64_t)change->lifetime_s * 1000;
	next_put(server, KIND_TOKEN, token->id, token);
	return 0;
}

static void change_free(struct token_change *change)
{
	free(change->name);
	free(change->user);
	secret_fini(&change->text);
	free(change);
}

static void create_done(struct server *server, void *arg, const struct err *err)
{
	struct token_change *change = arg;

	if (err->code != -ESHUTDOWN)
		change->created(change->arg, err->code ? NULL : (char *)change->text.bytes, err);
	change_free(change);
}

void server_token_create_begin(struct server *server, const struct server_token_request *request,
			       server_token_fn done, void *arg)
{
	struct token_change *change = NEW(struct token_change);

	change->name = xstrdup(request->name);
	change->user = xstrdup(request->user);
	change->lifetime_s = request->lifetime_s;
	change->created = done;
	change->arg = arg;
	request_begin(server, run_create, create_done, change);
}

static int run_remove(struct server *server, void *arg, struct err *err)
{
	struct token_change *change = arg;
	const struct machine_token *token = token_find(server, change->name, true);

	if (!token)
		return err_set(err, -ENOENT, "no token %.*s", TOKEN_NAME_MAX, change->name);
	plan_add(&change->answer.plan, "delete", "token", token->name);
	next_put(server, KIND_TOKEN, token->id, NULL);
	return 0;
}

static void remove_done(struct server *server, void *arg, const struct err *err)
{
	struct token_change *change = arg;

	plan_tell(server, &change->answer, err);
	change_free(change);
}

void server_token_remove_begin(struct server *server, const char *name, server_done_fn done,
			       void *arg)
{
	struct token_change *change = NEW(struct token_change);

	change->name = xstrdup(name);
	change->answer.done = done;
	change->answer.arg = arg;
	request_begin(server, run_remove, remove_done, change);
}

struct rotation {
	struct job job;
	bool is_sudden;
	struct plan_answer answer;
};

static void run_rotation(struct job *job)
{
	const struct rotation *rotation = (struct rotation *)job;

	if (!job->keys_dir)
		err_set(&job->err, -ENOTSUP, "this server has no users");
	else if (keys_make(job->keys_dir, job->now_ms, rotation->is_sudden, &job->err) == 0)
		keys_load(job->keys_dir, job->now_ms, &job->new_keys, &job->err);
}

static void rotation_free(struct job *job)
{
	struct rotation *rotation = (struct rotation *)job;

	fields_fini(&plan_view_table, &rotation->answer.plan);
	free(rotation);
}

static void on_rotated(struct job *job)
{
	struct rotation *rotation = (struct rotation *)job;

	plan_add(&rotation->answer.plan, "replace", "key", "that signs tokens");
	plan_tell(job->server, &rotation->answer, &job->err);
	rotation_free(job);
}

void server_rotate_begin(struct server *server, bool is_sudden, server_done_fn done, void *arg)
{
	struct rotation *rotation = NEW(struct rotation);

	rotation->job.run = run_rotation;
	rotation->job.done = on_rotated;
	rotation->job.free = rotation_free;
	rotation->is_sudden = is_sudden;
	rotation->answer.done = done;
	rotation->answer.arg = arg;
	job_begin(server, &rotation->job);
}
