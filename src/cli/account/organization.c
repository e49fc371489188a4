/* `holm org`. */
#include "cli/account/account.h"
#include "cli/columns.h"
#include "cli/plan.h"
#include "cli/private.h"
#include "cli/remote.h"
#include "model/account.h"

#define PATH           "/api/v1/organizations"
#define PATH_BYTES_MAX 4096
#define BODY_BYTES_MAX (1u << 16)

static void org_name(const void *object, uint64_t now_ms, struct buf *out)
{
	buf_add_str(out, ((const struct organization_view *)object)->name);
}

/* "ann (Admin), bob" */
static void org_members(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct organization_view *view = object;

	for (size_t i = 0; i < view->n_members; i++) {
		auto_free char *roles = strv_join(&view->members[i].roles, ", ");

		buf_addf(out, "%s%s", i ? ", " : "", view->members[i].user);
		if (!str_is_empty(roles))
			buf_addf(out, " (%s)", roles);
	}
}

static void org_id(const void *object, uint64_t now_ms, struct buf *out)
{
	buf_add_str(out, ((const struct organization_view *)object)->id);
}

static const struct column org_columns[] = {
	{ "ORGANIZATION", .text = org_name },
	{ "MEMBERS", .text = org_members },
	{ "ID", .is_wide = true, .text = org_id },
};

static const struct listing org_listing = { "organizations", &organization_view_table, false,
					    org_columns, ARRAY_LEN(org_columns) };

static int run_org_ls(const struct cli_call *call)
{
	return listing_fetch(call, &org_listing, PATH);
}

static int ask(const struct cli_call *call, const char *method, const char *path,
	       struct json_out *body)
{
	auto_free char *text = NULL;
	struct err ignored;

	if (body && json_out_finish(body, &text, &ignored) < 0)
		return cli_error(call, CLI_USAGE, "holm %s: too much was given",
				 call->command->name);
	const struct question question = { .method = method, .path = path, .body = text };
	return plan_ask(call, &question);
}

static int run_org_add(const struct cli_call *call)
{
	auto_json_out struct json_out body;

	json_out_init(&body, BODY_BYTES_MAX);
	json_out_object(&body, NULL);
	json_out_str(&body, "name", call->args[0]);
	json_out_object_end(&body);
	return ask(call, "POST", PATH, &body);
}

/* …/ORGANIZATION, and with a second argument …/members/USER. */
static void add_path(const struct cli_call *call, struct buf *path)
{
	buf_init(path, PATH_BYTES_MAX);
	buf_add_str(path, PATH "/");
	url_add(path, call->args[0]);
	if (call->n_args < 2)
		return;
	buf_add_str(path, "/members/");
	url_add(path, call->args[1]);
}

static int run_org_rm(const struct cli_call *call)
{
	auto_buf struct buf path = { 0 };

	add_path(call, &path);
	return ask(call, "DELETE", path.data, NULL);
}

static int run_org_join(const struct cli_call *call)
{
	auto_strv struct strv roles = { 0 };
	auto_json_out struct json_out body;
	auto_buf struct buf path = { 0 };
	const char *role;

	for (size_t at = 0; (role = cli_next(call, "role", &at));)
		strv_add(&roles, role);
	json_out_init(&body, BODY_BYTES_MAX);
	json_out_object(&body, NULL);
	json_out_strv(&body, "roles", &roles);
	json_out_object_end(&body);
	add_path(call, &path);
	return ask(call, "PUT", path.data, &body);
}

static const struct cli_option org_ls_options[] = {
	{ "output", 'o', "FORMAT", "table (default), wide or json" },
};

static const struct cli_option org_join_options[] = {
	{ "role", 'r', "ROLE",
	  "there: Admin, Organization_Admin, Application_Provider, Infrastructure_Provider; may be "
	  "given several times" },
};

const struct cli_command org_commands[ORG_COMMANDS_N] = {
	{
		.name = "org ls",
		.args = "",
		.summary = "list organizations and their members",
		.options = org_ls_options,
		.n_options = ARRAY_LEN(org_ls_options),
		.run = run_org_ls,
	},
	{
		.name = "org add",
		.args = "NAME",
		.summary = "a new organization",
		.min_args = 1,
		.max_args = 1,
		.run = run_org_add,
	},
	{
		.name = "org rm",
		.args = "NAME",
		.summary = "remove an organization that has no applications",
		.min_args = 1,
		.max_args = 1,
		.run = run_org_rm,
	},
	{
		.name = "org join",
		.args = "NAME USER",
		.summary = "make a user a member, with these roles and no others",
		.options = org_join_options,
		.n_options = ARRAY_LEN(org_join_options),
		.min_args = 2,
		.max_args = 2,
		.run = run_org_join,
	},
	{
		.name = "org leave",
		.args = "NAME USER",
		.summary = "a user is no member any more",
		.min_args = 2,
		.max_args = 2,
		.run = run_org_rm,
	},
};
