/* `holm registry`: who a node is to the registries that it pulls from. */
#include "base/secret.h"
#include "cli/password.h"
#include "cli/private.h"
#include "cli/remote.h"
#include "cli/table.h"
#include "json/json.h"

#define PATH_BYTES_MAX 4096
#define PATIENCE_MS    150000 /* a registry and its token server may be slow */

static int read_password(const struct cli_call *call, struct secret *ret)
{
	const char *given = cli_value(call, "password");
	bool is_stdin = cli_value(call, "password-stdin");

	if (given && is_stdin)
		return cli_error(call, CLI_USAGE,
				 "holm %s: --password or --password-stdin, not both",
				 call->command->name);
	if (!given)
		return password_read(call, "Password: ", ret);
	fprintf(call->err, "holm: warning: others can read a password on the command line: use "
			   "--password-stdin\n");
	secret_set(ret, given, strlen(given));
	return CLI_OK;
}

static void build_path(const struct cli_call *call, const char *what, struct buf *path)
{
	buf_init(path, PATH_BYTES_MAX);
	buf_addf(path, "/api/v1/registries%s", what);
	url_add_node(call, path);
}

/* The answer as JSON, which is NULL after a failure that has been told. */
static int ask(const struct cli_call *call, const char *what, const char *body, struct json **ret)
{
	auto_reply struct reply reply = { 0 };
	auto_buf struct buf path = { 0 };
	struct remote remote;
	struct err err;

	build_path(call, what, &path);
	const struct question question = { body ? "POST" : "GET", path.data, body,
					   .patience_ms = PATIENCE_MS };
	int code = remote_open(call, &remote);
	if (code == CLI_OK)
		code = remote_ask(&remote, &question, &reply);
	remote_close(&remote);
	if (code != CLI_OK)
		return code;
	if (json_parse(reply.body, strlen(reply.body), ret, &err) < 0)
		return cli_error(call, CLI_FAILED, "read the answer: %s", err.msg);
	return CLI_OK;
}

static char *body_of(const struct cli_call *call, const char *user, const struct secret *password)
{
	auto_json_out struct json_out out;
	struct err ignored;
	char *text = NULL;

	json_out_init(&out, 8 * PASSWORD_LINE_MAX);
	json_out_object(&out, NULL);
	json_out_str(&out, "host", call->args[0]);
	if (user) {
		json_out_str(&out, "user", user);
		json_out_str(&out, "password", (const char *)password->bytes);
	}
	json_out_object_end(&out);
	json_out_finish(&out, &text, &ignored);
	return text;
}

static int run_registry_login(const struct cli_call *call)
{
	const char *user = cli_value(call, "username");
	auto_secret struct secret password = { 0 };
	auto_(json_free) struct json *answer = NULL;

	if (!user)
		return cli_error(call, CLI_USAGE, "holm %s: -u USER is missing",
				 call->command->name);
	int code = read_password(call, &password);
	if (code != CLI_OK)
		return code;
	char *body = body_of(call, user, &password);
	code = ask(call, "/login", body ? body : "", &answer);
	secret_free_text(body);
	if (code != CLI_OK)
		return code;
	fprintf(call->out, "logged in to %s as %s\n", call->args[0], user);
	if (!json_bool(json_get(answer, "verified"), false))
		fprintf(call->out, "(stored, but not proved: %s lets anybody in)\n", call->args[0]);
	return CLI_OK;
}

static int run_registry_logout(const struct cli_call *call)
{
	auto_(json_free) struct json *answer = NULL;
	auto_free char *body = body_of(call, NULL, NULL);
	int code = ask(call, "/logout", body, &answer);

	if (code == CLI_OK)
		fprintf(call->out, "logged out of %s\n", call->args[0]);
	return code;
}

static void add_row(struct table *table, const struct json *one)
{
	const struct json *list = json_get(one, "mirrors");
	auto_strv struct strv mirrors = { 0 };

	for (size_t i = 0; i < json_count(list); i++)
		strv_add(&mirrors, json_str(json_at(list, i)));
	auto_free char *text = mirrors.n ? strv_join(&mirrors, ", ") : xstrdup("");
	bool is_plain = json_bool(json_get(one, "plain_http"), false);
	const char *ca_file = json_get_str(one, "ca_file");
	table_cell(table, json_get_str(one, "host"), STYLE_NONE);
	table_cell(table, json_get_str(one, "user"), STYLE_NONE);
	table_cell(table,
		   is_plain                ? "none"
		   : str_is_empty(ca_file) ? "system"
					   : ca_file,
		   is_plain ? STYLE_BAD : STYLE_NONE);
	table_cell(table, text, STYLE_NONE);
}

static int run_registry_ls(const struct cli_call *call)
{
	static const char *const titles[] = { "REGISTRY", "USER", "TLS", "MIRRORS" };
	const char *format = cli_value(call, "output");
	auto_(json_free) struct json *list = NULL;
	bool is_json = str_eq(format, "json");

	if (format && !is_json && !str_eq(format, "table"))
		return cli_error(call, CLI_USAGE, "holm %s: --output is table or json",
				 call->command->name);
	int code = ask(call, "", NULL, &list);
	if (code != CLI_OK)
		return code;
	if (is_json) {
		auto_free char *text = json_format(list);

		fprintf(call->out, "%s\n", text);
		return CLI_OK;
	}
	struct table table = { .n_columns = ARRAY_LEN(titles),
			       .titles = titles,
			       .is_colored = call->is_colored };
	for (size_t i = 0; i < json_count(list); i++)
		add_row(&table, json_at(list, i));
	table_print(&table, call->out);
	table_fini(&table);
	return CLI_OK;
}

#define REGISTRY_NODE                                                             \
	{                                                                         \
		"node", 0, "NODE", "of this node; needed where there are several" \
	}

static const struct cli_option registry_login_options[] = {
	{ "username", 'u', "USER", "who to be" },
	{ "password-stdin", 0, NULL, "read the password from standard input" },
	{ "password", 'p', "PASSWORD", "where nobody else can read the command line" },
	REGISTRY_NODE,
};

static const struct cli_option registry_logout_options[] = { REGISTRY_NODE };

static const struct cli_option registry_ls_options[] = {
	{ "output", 'o', "FORMAT", "table (default) or json" },
	REGISTRY_NODE,
};

const struct cli_command registry_commands[REGISTRY_COMMANDS_N] = {
	{
		.name = "registry login",
		.args = "HOST -u USER",
		.summary = "be somebody to a registry, for all pulls of a node",
		.details =
			"Asks for the password, unless --password-stdin is given. The registry is asked before\n"
			"anything is stored; only root of the node can read what is. docs/registries.md tells\n"
			"of mirrors and certificates.\n",
		.options = registry_login_options,
		.n_options = ARRAY_LEN(registry_login_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_registry_login,
	},
	{
		.name = "registry logout",
		.args = "HOST",
		.summary = "be nobody to it again",
		.options = registry_logout_options,
		.n_options = ARRAY_LEN(registry_logout_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_registry_logout,
	},
	{
		.name = "registry ls",
		.args = "",
		.summary = "list registries, users and mirrors, without passwords",
		.options = registry_ls_options,
		.n_options = ARRAY_LEN(registry_ls_options),
		.run = run_registry_ls,
	},
};
