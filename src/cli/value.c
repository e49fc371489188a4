/* `holm secret` and `holm config`. A value never stands on the command line, where every process can
 * read it. */
#include "base/base64.h"
#include "cli/columns.h"
#include "cli/plan.h"
#include "cli/private.h"
#include "cli/remote.h"
#include "model/value.h"

#define URL_BYTES_MAX 4096

static bool is_config(const struct cli_call *call)
{
	return str_starts(call->command->name, "config ");
}

/* "/api/v1/secrets/NAME" */
static void add_path(const struct cli_call *call, const char *name, struct buf *path)
{
	buf_addf(path, "/api/v1/%ss/", is_config(call) ? "config" : "secret");
	url_add(path, name);
}

static int read_value(const struct cli_call *call, struct secret *ret)
{
	const char *file = cli_value(call, "from-file");
	bool is_stdin = call->n_args > 1;
	char *text = NULL;
	struct err err;
	size_t len;

	if (is_stdin && !str_eq(call->args[1], "-"))
		return cli_error(call, CLI_USAGE,
				 "holm %s: a value is not given on the command line, where others "
				 "can read it: use --from-file FILE, or - for standard input",
				 call->command->name);
	if (!is_stdin == !file)
		return cli_error(call, CLI_USAGE,
				 "holm %s takes the value from --from-file FILE, or with - from "
				 "standard input",
				 call->command->name);
	int r = file_read(file ? file : "/dev/stdin", VALUE_SIZE_MAX, &text, &len, &err);
	if (r == -EFBIG)
		return cli_error(call, CLI_FAILED, "%s is larger than a value may be (%u bytes)",
				 file ? file : "standard input", VALUE_SIZE_MAX);
	if (r < 0)
		return cli_error(call, CLI_FAILED, "%s", err.msg);
	secret_set(ret, text, len);
	explicit_bzero(text, len);
	free(text);
	return CLI_OK;
}

static int run_set(const struct cli_call *call)
{
	auto_secret struct secret bytes = { 0 };
	auto_buf struct buf path;
	int code = read_value(call, &bytes);

	buf_init(&path, URL_BYTES_MAX);
	if (code != CLI_OK)
		return code;
	add_path(call, call->args[0], &path);
	const struct question question = { .method = "PUT", .path = path.data, .bytes = &bytes };
	return plan_ask(call, &question);
}

static int run_rm(const struct cli_call *call)
{
	auto_buf struct buf path;

	buf_init(&path, URL_BYTES_MAX);
	add_path(call, call->args[0], &path);
	if (cli_value(call, "force"))
		buf_add_str(&path, "?force=1");
	const struct question question = { .method = "DELETE", .path = path.data };
	return plan_ask(call, &question);
}

static int run_ls(const struct cli_call *call)
{
	const char *name = is_config(call) ? "configs" : "secrets";
	auto_free char *path = xasprintf("/api/v1/%s", name);

	return listing_fetch(call, listing_find(name), path);
}

static int write_value(const struct cli_call *call, const char *answer)
{
	auto_(json_free) struct json *json = NULL;
	auto_secret struct secret bytes = { 0 };
	struct err err = { 0 };

	if (json_parse(answer, strlen(answer), &json, &err) < 0 || !json_get_str(json, "base64") ||
	    base64_parse(json_get_str(json, "base64"), &bytes) < 0)
		return cli_error(call, CLI_FAILED, "read the answer: it is not understood");
	fwrite(bytes.bytes, 1, bytes.len, call->out);
	return CLI_OK;
}

static int run_value(const struct cli_call *call)
{
	auto_reply struct reply reply = { 0 };
	struct remote remote;
	auto_buf struct buf path;

	buf_init(&path, URL_BYTES_MAX);
	add_path(call, call->args[0], &path);
	const struct question question = { .method = "GET", .path = path.data };
	int code = remote_open(call, &remote);
	if (code == CLI_OK)
		code = remote_ask(&remote, &question, &reply);
	if (code == CLI_OK)
		code = write_value(call, reply.body);
	remote_close(&remote);
	return code;
}

static const struct cli_option set_options[] = {
	{ "from-file", 0, "FILE", "the value: the bytes of this file" },
};

static const struct cli_option ls_options[] = {
	{ "output", 'o', "FORMAT", "table (default), wide (more columns) or json" },
};

static const struct cli_option rm_options[] = {
	{ "force", 0, NULL, "though services use it: their instances do not start without it" },
};

#define SET(kind, text)                                                                             \
	{                                                                                           \
		.name = kind " set", .args = "NAME [-]", .summary = text,                           \
		.details =                                                                          \
			"The value is the bytes of --from-file FILE, or with - of standard input: " \
			"at most\n1 MiB, taken as they are, a last end of line too. Files below "   \
			"/run/" kind "s of\nrunning instances change with it; other files and "     \
			"environment variables at the\nnext start.\n",                              \
		.options = set_options, .n_options = ARRAY_LEN(set_options), .min_args = 1,         \
		.max_args = 2, .run = run_set,                                                      \
	}
#define LS(kind, text)                                                                  \
	{                                                                               \
		.name = kind " ls", .args = "", .summary = text, .options = ls_options, \
		.n_options = ARRAY_LEN(ls_options), .run = run_ls,                      \
	}
#define RM(kind, text)                                                                           \
	{                                                                                        \
		.name = kind " rm", .args = "NAME", .summary = text, .options = rm_options,      \
		.n_options = ARRAY_LEN(rm_options), .min_args = 1, .max_args = 1, .run = run_rm, \
	}

const struct cli_command secret_commands[] = {
	SET("secret", "give a secret a value"),
	LS("secret", "list secrets, without their values"),
	RM("secret", "remove a secret that no service uses"),
};
static_assert(ARRAY_LEN(secret_commands) == SECRET_COMMANDS_N, "as declared");

const struct cli_command config_commands[] = {
	SET("config", "give a configuration object a value"),
	{
		.name = "config get",
		.args = "NAME",
		.summary = "print the value of a configuration object",
		.min_args = 1,
		.max_args = 1,
		.run = run_value,
	},
	LS("config", "list configuration objects"),
	RM("config", "remove a configuration object that no service uses"),
};
static_assert(ARRAY_LEN(config_commands) == CONFIG_COMMANDS_N, "as declared");
