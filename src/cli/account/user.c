/* `holm user`. */
#include "cli/account/account.h"
#include "cli/columns.h"
#include "cli/password.h"
#include "cli/plan.h"
#include "cli/private.h"
#include "cli/remote.h"
#include "model/account.h"

#define PATH_BYTES_MAX 4096
#define BODY_BYTES_MAX (1u << 18)
#define LIST_OPTION                                                      \
	{                                                                \
		"output", 'o', "FORMAT", "table (default), wide or json" \
	}

static void user_name(const void *object, uint64_t now_ms, struct buf *out)
{
	buf_add_str(out, ((const struct user_view *)object)->name);
}

static void user_roles(const void *object, uint64_t now_ms, struct buf *out)
{
	auto_free char *text = strv_join(&((const struct user_view *)object)->roles, ", ");

	buf_add_str(out, text);
}

static void user_password(const void *object, uint64_t now_ms, struct buf *out)
{
	bool is_default = ((const struct user_view *)object)->has_default_password;

	buf_add_str(out, is_default ? "never changed" : "set");
}

static enum style user_style(const void *object)
{
	return ((const struct user_view *)object)->has_default_password ? STYLE_BAD : STYLE_NONE;
}

static void user_email(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct user_view *v = object;

	buf_add_str(out, v->email ? v->email : "");
}

static void user_id(const void *object, uint64_t now_ms, struct buf *out)
{
	buf_add_str(out, ((const struct user_view *)object)->id);
}

static const struct column user_columns[] = {
	{ "USER", .text = user_name },
	{ "ROLES", .text = user_roles },
	{ "PASSWORD", .text = user_password, .style = user_style },
	{ "E-MAIL", .is_optional = true, .text = user_email },
	{ "ID", .is_wide = true, .text = user_id },
};

static const struct listing user_listing = { "users", &user_view_table, false, user_columns,
					     ARRAY_LEN(user_columns) };

static int run_user_ls(const struct cli_call *call)
{
	return listing_fetch(call, &user_listing, "/api/v1/users");
}

/* {"name": …, "password": …, …}; the caller's, to be wiped. */
static char *body_of(const struct cli_call *call, const struct secret *password, bool is_new)
{
	auto_strv struct strv roles = { 0 };
	auto_json_out struct json_out out;
	struct err ignored;
	const char *role;
	char *text = NULL;

	json_out_init(&out, BODY_BYTES_MAX);
	json_out_object(&out, NULL);
	json_out_str(&out, "password", (const char *)password->bytes);
	if (is_new) {
		json_out_str(&out, "name", call->args[0]);
		json_out_str(&out, "email", cli_value(call, "email"));
		for (size_t at = 0; (role = cli_next(call, "role", &at));)
			strv_add(&roles, role);
		json_out_strv(&out, "roles", &roles);
	}
	json_out_object_end(&out);
	json_out_finish(&out, &text, &ignored);
	return text;
}

static int post(const struct cli_call *call, const char *path, bool is_new)
{
	auto_secret struct secret password = { 0 };
	int code = password_read(call, "Password: ", &password);

	if (code != CLI_OK)
		return code;
	char *body = body_of(call, &password, is_new);
	const struct question question = { .method = "POST", .path = path, .body = body };
	code = body ? plan_ask(call, &question)
		    : cli_error(call, CLI_USAGE, "holm %s: too much was given",
				call->command->name);
	secret_free_text(body);
	return code;
}

static int run_user_add(const struct cli_call *call)
{
	return post(call, "/api/v1/users", true);
}

static void user_path(const struct cli_call *call, struct buf *path)
{
	buf_init(path, PATH_BYTES_MAX);
	buf_add_str(path, "/api/v1/users/");
	url_add(path, call->args[0]);
}

static int run_user_passwd(const struct cli_call *call)
{
	auto_buf struct buf path = { 0 };

	user_path(call, &path);
	buf_add_str(&path, "/password");
	return post(call, path.data, false);
}

static int run_user_rm(const struct cli_call *call)
{
	auto_buf struct buf path = { 0 };

	user_path(call, &path);
	const struct question question = { .method = "DELETE", .path = path.data };
	return plan_ask(call, &question);
}

static const struct cli_option user_ls_options[] = { LIST_OPTION };

#define STDIN_OPTION                                                                       \
	{                                                                                  \
		"password-stdin", 0, NULL, "read the password from standard input, a line" \
	}

static const struct cli_option user_add_options[] = {
	STDIN_OPTION,
	{ "role", 'r', "ROLE",
	  "in organization root: Admin, Organization_Admin, Application_Provider, "
	  "Infrastructure_Provider; may be given several times" },
	{ "email", 0, "ADDRESS", "kept with the user" },
};

static const struct cli_option user_passwd_options[] = { STDIN_OPTION };

const struct cli_command user_commands[USER_COMMANDS_N] = {
	{
		.name = "user ls",
		.args = "",
		.summary = "list users and their roles",
		.options = user_ls_options,
		.n_options = ARRAY_LEN(user_ls_options),
		.run = run_user_ls,
	},
	{
		.name = "user add",
		.args = "NAME",
		.summary = "a new user; asks for the password",
		.options = user_add_options,
		.n_options = ARRAY_LEN(user_add_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_user_add,
	},
	{
		.name = "user rm",
		.args = "NAME",
		.summary = "remove a user who owns no application",
		.min_args = 1,
		.max_args = 1,
		.run = run_user_rm,
	},
	{
		.name = "user passwd",
		.args = "NAME",
		.summary = "give a user another password; logins with the old one end",
		.options = user_passwd_options,
		.n_options = ARRAY_LEN(user_passwd_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_user_passwd,
	},
};
