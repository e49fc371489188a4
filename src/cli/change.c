/* `holm apply`, `scale`, `restart`, `pause`, `resume` and `delete`: a request, its plan, and the wait for it. */
#include "cli/plan.h"
#include "cli/private.h"
#include "cli/watch/watch.h"

#define TIMEOUT_S     300
#define URL_BYTES_MAX 4096

struct change {
	const struct cli_call *call;
	struct remote remote;
	uint32_t timeout_s;
	uint32_t settle_s;
	uint64_t started_ms;
	bool is_narrow; /* one of several restarts */
	bool is_waiting;
	bool is_quiet;
};

/* Exit code. */
static int change_begin(const struct cli_call *call, struct change *ret)
{
	*ret = (struct change){
		.call = call,
		.started_ms = now_ms(),
		.is_waiting = cli_value(call, "wait") != NULL,
		.is_quiet = cli_value(call, "quiet") != NULL,
	};
	if (cli_number(call, "timeout", TIMEOUT_S, &ret->timeout_s) < 0)
		return CLI_USAGE;
	return remote_open(call, &ret->remote);
}

/* The same for what brings instances about. */
static int change_begin_start(const struct cli_call *call, struct change *ret)
{
	uint32_t settle_s;

	*ret = (struct change){ 0 };
	if (cli_number(call, "settle", 0, &settle_s) < 0)
		return CLI_USAGE;
	int code = change_begin(call, ret);
	ret->settle_s = settle_s;
	return code;
}

static int wait_for_plan(const struct change *change, const struct plan_view *plan,
			 const char *before)
{
	const struct waiting waiting = {
		.remote = &change->remote,
		.plan = plan,
		.before = before,
		.started_ms = change->started_ms,
		.timeout_s = change->timeout_s,
		.settle_s = change->settle_s,
		.is_narrow = change->is_narrow,
		.is_quiet = change->is_quiet,
	};

	return wait_for(&waiting);
}

static void point_further(const struct change *change, const struct plan_view *plan)
{
	if (change->is_quiet || plan->is_dry_run)
		return;
	if (plan_has_changes(plan))
		fprintf(change->call->out, "accepted; `holm get instances` shows how it stands\n");
	else
		fprintf(change->call->out, "nothing to change\n");
}

static int take_plan(const struct change *change, const char *text, const char *before)
{
	struct plan_view plan = { 0 };
	struct err err;
	int code = CLI_OK;

	if (fields_parse_text(&plan_view_table, text, &plan, FIELD_UNKNOWN_IGNORE, &err) < 0)
		return cli_error(change->call, CLI_FAILED, "read the answer: %s", err.msg);
	if (!change->is_quiet || plan.is_dry_run)
		plan_print(change->call, &plan);
	if (change->is_waiting && !plan.is_dry_run)
		code = wait_for_plan(change, &plan, before);
	else
		point_further(change, &plan);
	fields_fini(&plan_view_table, &plan);
	return code;
}

/* Sends the request and does what the options say. */
static int change_make(const struct change *change, const struct question *question)
{
	const struct question list = { .method = "GET", .path = "/api/v1/instances" };
	auto_reply struct reply before = { 0 };
	auto_reply struct reply reply = { 0 };
	int code = change->is_waiting ? remote_ask(&change->remote, &list, &before) : CLI_OK;

	if (code == CLI_OK)
		code = remote_ask(&change->remote, question, &reply);
	if (code == CLI_OK)
		code = take_plan(change, reply.body, before.body);
	return code;
}

static int read_descriptor(const struct cli_call *call, const char *path, char **ret)
{
	bool is_stdin = str_eq(path, "-");
	struct err err;
	int r = file_read(is_stdin ? "/dev/stdin" : path, SLA_TEXT_MAX, ret, NULL, &err);

	if (r == -EFBIG)
		return cli_error(call, CLI_FAILED,
				 "%s is larger than a descriptor may be (%u bytes)", path,
				 SLA_TEXT_MAX);
	return r < 0 ? cli_error(call, CLI_FAILED, "%s", err.msg) : CLI_OK;
}

int run_apply(const struct cli_call *call)
{
	bool is_dry_run = cli_value(call, "dry-run");
	auto_free char *text = NULL;
	struct change change;
	int code = read_descriptor(call, call->args[0], &text);

	if (code != CLI_OK)
		return code;
	code = change_begin_start(call, &change);
	if (is_dry_run)
		change.is_waiting = false;
	if (code == CLI_OK) {
		const struct question question = {
			.method = "POST",
			.path = is_dry_run ? "/api/v1/apply?dry_run=1" : "/api/v1/apply",
			.body = text,
		};

		code = change_make(&change, &question);
	}
	remote_close(&change.remote);
	return code;
}

int run_scale(const struct cli_call *call)
{
	struct change change;
	uint32_t replicas;
	auto_buf struct buf path;

	buf_init(&path, URL_BYTES_MAX);
	if (parse_u32(call->args[1], 0, SLA_REPLICAS_MAX, &replicas) < 0)
		return cli_error(call, CLI_USAGE, "holm scale: expected a number 0..%d, got \"%s\"",
				 SLA_REPLICAS_MAX, call->args[1]);
	buf_add_str(&path, "/api/v1/services/");
	url_add(&path, call->args[0]);
	buf_add_str(&path, "/scale");
	auto_free char *body = xasprintf("{\"replicas\":%u}", replicas);
	int code = change_begin_start(call, &change);
	if (code == CLI_OK) {
		const struct question question = { .method = "POST",
						   .path = path.data,
						   .body = body };

		code = change_make(&change, &question);
	}
	remote_close(&change.remote);
	return code;
}

/* "restart", "pause", "resume" */
static int post_verb(const struct change *change, const char *verb, const char *name)
{
	auto_buf struct buf path;

	buf_init(&path, URL_BYTES_MAX);
	buf_addf(&path, "/api/v1/%s/", verb);
	url_add(&path, name);
	const struct question question = { .method = "POST", .path = path.data };
	return change_make(change, &question);
}

/* Which instances the name is about. */
static int plan_restart(const struct change *change, struct plan_view *ret)
{
	auto_reply struct reply reply = { 0 };
	auto_buf struct buf path;
	struct err err;

	buf_init(&path, URL_BYTES_MAX);
	buf_add_str(&path, "/api/v1/restart/");
	url_add(&path, change->call->args[0]);
	buf_add_str(&path, "?dry_run=1");
	const struct question question = { .method = "POST", .path = path.data };
	int code = remote_ask(&change->remote, &question, &reply);
	if (code == CLI_OK &&
	    fields_parse_text(&plan_view_table, reply.body, ret, FIELD_UNKNOWN_IGNORE, &err) < 0)
		code = cli_error(change->call, CLI_FAILED, "read the answer: %s", err.msg);
	return code;
}

/* Each is awaited before the next one is touched; the first that does not come back ends it. */
static int restart_in_turn(const struct change *change, const struct plan_view *plan)
{
	const struct cli_call *call = change->call;
	int code = CLI_OK;

	for (size_t i = 0; i < plan->n_items && code == CLI_OK; i++) {
		struct change one = *change;

		one.started_ms = now_ms();
		one.is_narrow = one.is_waiting = one.is_quiet = true;
		code = post_verb(&one, "restart", plan->items[i].name);
		if (code == CLI_OK && !change->is_quiet)
			fprintf(call->out, "restarted %s (%zu of %zu)\n", plan->items[i].name,
				i + 1, plan->n_items);
		else if (code != CLI_OK)
			cli_error(call, code, "%s did not come back: %zu of %zu were not restarted",
				  plan->items[i].name, plan->n_items - i - 1, plan->n_items);
		fflush(call->out);
	}
	return code;
}

int run_restart(const struct cli_call *call)
{
	struct plan_view plan = { 0 };
	struct change change;
	int code = change_begin_start(call, &change);
	bool is_at_once = cli_value(call, "all-at-once");

	if (code == CLI_OK && !is_at_once)
		code = plan_restart(&change, &plan);
	if (code == CLI_OK)
		code = plan.n_items > 1 ? restart_in_turn(&change, &plan)
					: post_verb(&change, "restart", call->args[0]);
	fields_fini(&plan_view_table, &plan);
	remote_close(&change.remote);
	return code;
}

int run_pause(const struct cli_call *call)
{
	struct change change;
	int code = change_begin(call, &change);

	if (code == CLI_OK)
		code = post_verb(&change, call->command->name, call->args[0]);
	remote_close(&change.remote);
	return code;
}

int run_delete(const struct cli_call *call)
{
	struct change change;
	auto_buf struct buf path;

	buf_init(&path, URL_BYTES_MAX);
	if (!str_eq(call->args[0], "app"))
		return cli_error(call, CLI_USAGE,
				 "holm delete takes an application: holm delete app %s",
				 call->args[1]);
	buf_add_str(&path, "/api/v1/apps/");
	url_add(&path, call->args[1]);
	int code = change_begin(call, &change);
	if (code == CLI_OK) {
		const struct question question = { .method = "DELETE", .path = path.data };

		code = change_make(&change, &question);
	}
	remote_close(&change.remote);
	return code;
}
