/* `holm token`: of machines, and the key that signs those of users. */
#include "cli/account/account.h"
#include "cli/columns.h"
#include "cli/plan.h"
#include "cli/private.h"
#include "cli/remote.h"
#include "model/account.h"

#define PATH_BYTES_MAX 4096
#define BODY_BYTES_MAX (1u << 16)
#define LIFETIME       "90d"

static void token_name(const void *object, uint64_t now_ms, struct buf *out)
{
	buf_add_str(out, ((const struct machine_token_view *)object)->name);
}

static void token_user(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct machine_token_view *v = object;

	buf_add_str(out, v->user ? v->user : "");
}

static void token_age(const void *object, uint64_t now_ms, struct buf *out)
{
	age_add(out, ((const struct machine_token_view *)object)->created_at, now_ms);
}

static void token_end(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct machine_token_view *v = object;

	buf_add_str(out, v->is_expired ? "expired" : v->expires_at[0] ? v->expires_at : "never");
}

static enum style token_style(const void *object)
{
	return ((const struct machine_token_view *)object)->is_expired ? STYLE_BAD : STYLE_NONE;
}

static const struct column token_columns[] = {
	{ "TOKEN", .text = token_name },
	{ "USER", .text = token_user },
	{ "AGE", .text = token_age },
	{ "EXPIRES", .text = token_end, .style = token_style },
};

static const struct listing token_listing = { "tokens", &machine_token_view_table, false,
					      token_columns, ARRAY_LEN(token_columns) };

static int run_token_ls(const struct cli_call *call)
{
	return listing_fetch(call, &token_listing, "/api/v1/tokens");
}

static char *body_of(const struct cli_call *call, uint32_t lifetime_s)
{
	const char *user = cli_value(call, "user");
	auto_json_out struct json_out out;
	struct err ignored;
	char *text = NULL;

	json_out_init(&out, BODY_BYTES_MAX);
	json_out_object(&out, NULL);
	json_out_str(&out, "name", call->args[0]);
	if (user)
		json_out_str(&out, "user", user);
	json_out_int(&out, "lifetime_s", lifetime_s);
	json_out_object_end(&out);
	json_out_finish(&out, &text, &ignored);
	return text;
}

/* The text alone goes to standard output, so that a script can take it. */
static int print_token(const struct cli_call *call, const char *answer)
{
	auto_(json_free) struct json *json = NULL;
	struct err err;

	if (json_parse(answer, strlen(answer), &json, &err) < 0 || !json_get_str(json, "token"))
		return cli_error(call, CLI_FAILED, "read the answer: it is not understood");
	fprintf(call->out, "%s\n", json_get_str(json, "token"));
	fprintf(call->err, "It is not shown again; `holm token rm %s` revokes it.\n",
		call->args[0]);
	return CLI_OK;
}

static int run_token_create(const struct cli_call *call)
{
	const char *lifetime = cli_value(call, "lifetime");
	auto_reply struct reply reply = { 0 };
	struct remote remote;
	uint32_t seconds = 0;

	lifetime = lifetime ? lifetime : LIFETIME;
	if (!str_eq(lifetime, "none") && (parse_duration_s(lifetime, &seconds) < 0 || seconds == 0))
		return cli_error(call, CLI_USAGE,
				 "--lifetime: expected 30m, 24h, 90d or none, got \"%s\"",
				 lifetime);
	auto_free char *body = body_of(call, seconds);
	if (!body)
		return cli_error(call, CLI_USAGE, "holm %s: too much was given",
				 call->command->name);
	const struct question question = { .method = "POST",
					   .path = "/api/v1/tokens",
					   .body = body };
	int code = remote_open(call, &remote);
	if (code == CLI_OK)
		code = remote_ask(&remote, &question, &reply);
	remote_close(&remote);
	if (code == CLI_OK) {
		code = print_token(call, reply.body);
		explicit_bzero(reply.body, strlen(reply.body));
	}
	return code;
}

static int run_token_rm(const struct cli_call *call)
{
	auto_buf struct buf path;

	buf_init(&path, PATH_BYTES_MAX);
	buf_add_str(&path, "/api/v1/tokens/");
	url_add(&path, call->args[0]);
	const struct question question = { .method = "DELETE", .path = path.data };
	return plan_ask(call, &question);
}

static int run_token_rotate(const struct cli_call *call)
{
	const struct question question = {
		.method = "POST",
		.path = "/api/v1/tokens/rotate",
		.body = cli_value(call, "sudden") ? "{\"sudden\":true}" : "{\"sudden\":false}",
	};

	return plan_ask(call, &question);
}

static const struct cli_option token_ls_options[] = {
	{ "output", 'o', "FORMAT", "table (default) or json" },
};

static const struct cli_option token_create_options[] = {
	{ "user", 'u', "USER", "whose rights it has (default: those of who asks)" },
	{ "lifetime", 0, "TIME", "30m, 24h, 90d (default), or none: until it is revoked" },
};

static const struct cli_option token_rotate_options[] = {
	{ "sudden", 0, NULL, "what the earlier keys signed is worth nothing any more" },
};

const struct cli_command token_commands[TOKEN_COMMANDS_N] = {
	{
		.name = "token create",
		.args = "NAME",
		.summary = "a token for a machine; prints it, once",
		.options = token_create_options,
		.n_options = ARRAY_LEN(token_create_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_token_create,
	},
	{
		.name = "token ls",
		.args = "",
		.summary = "list tokens of machines, without their texts",
		.options = token_ls_options,
		.n_options = ARRAY_LEN(token_ls_options),
		.run = run_token_ls,
	},
	{
		.name = "token rm",
		.args = "NAME",
		.summary = "revoke a token",
		.min_args = 1,
		.max_args = 1,
		.run = run_token_rm,
	},
	{
		.name = "token rotate",
		.args = "",
		.summary = "have another key sign the tokens of users",
		.details =
			"What the earlier key signed stays valid until it expires. --sudden ends all of it at\n"
			"once: for a key that may be in other hands.\n",
		.options = token_rotate_options,
		.n_options = ARRAY_LEN(token_rotate_options),
		.run = run_token_rotate,
	},
};
