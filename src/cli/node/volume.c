/* `holm volume`: the named volumes of a node. */
#include "cli/columns.h"
#include "cli/private.h"
#include "cli/remote.h"
#include "model/volume_view.h"

#define PATH_BYTES_MAX 4096
#define PATIENCE_MS    300000 /* a big volume takes a while to remove */

static void volume_name(const void *object, uint64_t now_ms, struct buf *out)
{
	buf_add_str(out, ((const struct volume_view *)object)->name);
}

static void volume_age(const void *object, uint64_t now_ms, struct buf *out)
{
	age_add(out, ((const struct volume_view *)object)->created_at, now_ms);
}

static void volume_users(const void *object, uint64_t now_ms, struct buf *out)
{
	auto_free char *text = strv_join(&((const struct volume_view *)object)->used_by, ", ");

	buf_add_str(out, text);
}

static void volume_path(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct volume_view *v = object;

	buf_add_str(out, v->path ? v->path : "");
}

static const struct column volume_columns[] = {
	{ "VOLUME", .text = volume_name },
	{ "AGE", .text = volume_age },
	{ "IN USE BY", .text = volume_users },
	{ "PATH", .is_wide = true, .text = volume_path },
};

static const struct listing volume_listing = { "volumes", &volume_view_table, false, volume_columns,
					       ARRAY_LEN(volume_columns) };

static int ask(const struct cli_call *call, struct question *question, const char *name,
	       struct reply *reply)
{
	struct remote remote;
	auto_buf struct buf path;

	buf_init(&path, PATH_BYTES_MAX);
	buf_add_str(&path, "/api/v1/volumes");
	if (name) {
		buf_add_str(&path, "/");
		url_add(&path, name);
	}
	url_add_node(call, &path);
	question->path = path.data;
	question->patience_ms = PATIENCE_MS;
	int code = remote_open(call, &remote);
	if (code == CLI_OK)
		code = remote_ask(&remote, question, reply);
	remote_close(&remote);
	return code;
}

static int run_volume_ls(const struct cli_call *call)
{
	const char *format = cli_value(call, "output");
	struct question question = { .method = "GET" };
	auto_reply struct reply reply = { 0 };
	auto_(json_free) struct json *json = NULL;
	struct err err;

	int code = listing_check_format(call, format);
	if (code == CLI_OK)
		code = ask(call, &question, NULL, &reply);
	if (code != CLI_OK)
		return code;
	if (json_parse(reply.body, strlen(reply.body), &json, &err) < 0)
		return cli_error(call, CLI_FAILED, "read the answer: %s", err.msg);
	auto_free char *volumes = json_format(json_get(json, "volumes"));
	return listing_show(call, &volume_listing, format, volumes);
}

/* "UID" or "UID:GID"; without a group that of the same number. */
static int parse_owner(const char *text, struct volume_create_request *ret)
{
	auto_strv struct strv parts = { 0 };

	strv_split(&parts, text, ":");
	if (parts.n < 1 || parts.n > 2 || parse_u32(parts.items[0], 0, INT32_MAX, &ret->uid) < 0)
		return -EINVAL;
	return parse_u32(parts.items[parts.n - 1], 0, INT32_MAX, &ret->gid);
}

static int run_volume_create(const struct cli_call *call)
{
	const char *owner = cli_value(call, "owner");
	struct volume_create_request create = { .name = (char *)call->args[0] };
	auto_reply struct reply reply = { 0 };

	if (owner && parse_owner(owner, &create) < 0)
		return cli_error(call, CLI_USAGE, "--owner: expected UID or UID:GID, got \"%s\"",
				 owner);
	auto_free char *body = fields_format(&volume_create_request_table, &create);
	struct question question = { .method = "POST", .body = body };
	int code = ask(call, &question, NULL, &reply);
	if (code == CLI_OK)
		fprintf(call->out, "created %s\n", call->args[0]);
	return code;
}

static int run_volume_rm(const struct cli_call *call)
{
	int code = CLI_OK;

	for (size_t i = 0; i < call->n_args && code == CLI_OK; i++) {
		struct question question = { .method = "DELETE" };
		auto_reply struct reply reply = { 0 };

		code = ask(call, &question, call->args[i], &reply);
		if (code == CLI_OK)
			fprintf(call->out, "removed %s\n", call->args[i]);
	}
	return code;
}

#define NODE_OPTION                                                       \
	{                                                                 \
		"node", 0, "NAME", "on this node (default: the only one)" \
	}

static const struct cli_option ls_options[] = {
	{ "output", 'o', "FORMAT", "table (default), wide (more columns) or json" },
	NODE_OPTION,
};

static const struct cli_option create_options[] = {
	{ "owner", 0, "UID[:GID]", "whom its folder belongs to (default: root)" },
	NODE_OPTION,
};

static const struct cli_option rm_options[] = { NODE_OPTION };

const struct cli_command volume_commands[VOLUME_COMMANDS_N] = {
	{
		.name = "volume ls",
		.args = "",
		.summary = "list the named volumes on a node, and who uses them",
		.options = ls_options,
		.n_options = ARRAY_LEN(ls_options),
		.run = run_volume_ls,
	},
	{
		.name = "volume create",
		.args = "NAME",
		.summary = "make a named volume",
		.details =
			"A service that names one which does not exist makes it, too, for root. The files stay\n"
			"until `holm volume rm` or `holm down --purge`.\n",
		.options = create_options,
		.n_options = ARRAY_LEN(create_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_volume_create,
	},
	{
		.name = "volume rm",
		.args = "NAME…",
		.summary = "remove named volumes with their files",
		.details =
			"One that an instance has or wants is not removed; the instance is named.\n",
		.options = rm_options,
		.n_options = ARRAY_LEN(rm_options),
		.min_args = 1,
		.max_args = 100,
		.run = run_volume_rm,
	},
};
