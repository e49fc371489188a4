/* "+ create service hybrid.demo.web.demo: unikernel, 1 instance" */
#include "cli/plan.h"
#include "cli/remote.h"
#include "cli/table.h"

#define LINE_BYTES_MAX 4096

static const struct {
	const char *action;
	const char *mark;
	enum style style;
} actions[] = {
	{ "create", "+", STYLE_GOOD },  { "update", "~", STYLE_BUSY },
	{ "replace", "~", STYLE_BUSY }, { "scale", "~", STYLE_BUSY },
	{ "delete", "-", STYLE_BAD },   { "unchanged", " ", STYLE_DIM },
	{ "restart", "~", STYLE_BUSY }, { "pause", "~", STYLE_BUSY },
	{ "resume", "~", STYLE_BUSY },
};

bool plan_has_changes(const struct plan_view *plan)
{
	for (size_t i = 0; i < plan->n_items; i++)
		if (!str_eq(plan->items[i].action, "unchanged"))
			return true;
	return false;
}

static void print_item(const struct cli_call *call, const struct plan_item_view *item)
{
	auto_free char *what = xasprintf("%s %s", item->action, item->kind);
	const char *mark = "·";
	enum style style = STYLE_NONE;
	auto_buf struct buf line;

	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (str_eq(actions[i].action, item->action)) {
			mark = actions[i].mark;
			style = call->is_colored ? actions[i].style : STYLE_NONE;
		}
	}
	buf_init(&line, LINE_BYTES_MAX);
	text_add(&line, mark, SIZE_MAX, style);
	buf_add_str(&line, " ");
	text_add(&line, what, SIZE_MAX, style);
	for (size_t w = text_width(what); w < strlen("unchanged service"); w++)
		buf_add_str(&line, " ");
	buf_add_str(&line, " ");
	text_add(&line, item->name, SIZE_MAX, STYLE_NONE);
	if (!str_is_empty(item->detail)) {
		buf_add_str(&line, ": ");
		text_add(&line, item->detail, SIZE_MAX, STYLE_NONE);
	}
	fprintf(call->out, "%s\n", line.data);
}

static void print_warning(const struct cli_call *call, const char *warning)
{
	auto_buf struct buf line;

	buf_init(&line, LINE_BYTES_MAX);
	text_add(&line, warning, SIZE_MAX, STYLE_NONE);
	fprintf(call->err, "warning: %s\n", line.data);
}

void plan_print(const struct cli_call *call, const struct plan_view *plan)
{
	for (size_t i = 0; i < plan->warnings.n; i++)
		print_warning(call, plan->warnings.items[i]);
	for (size_t i = 0; i < plan->n_items; i++)
		print_item(call, &plan->items[i]);
	if (plan->is_dry_run)
		fprintf(call->out, plan_has_changes(plan)
					   ? "dry run: nothing was changed\n"
					   : "dry run: there is nothing to change\n");
}

int plan_ask(const struct cli_call *call, const struct question *question)
{
	auto_reply struct reply reply = { 0 };
	struct plan_view plan = { 0 };
	struct remote remote;
	struct err err;
	int code = remote_open(call, &remote);

	if (code == CLI_OK)
		code = remote_ask(&remote, question, &reply);
	remote_close(&remote);
	if (code != CLI_OK)
		return code;
	if (fields_parse_text(&plan_view_table, reply.body, &plan, FIELD_UNKNOWN_IGNORE, &err) < 0)
		return cli_error(call, CLI_FAILED, "read the answer: %s", err.msg);
	plan_print(call, &plan);
	fields_fini(&plan_view_table, &plan);
	return CLI_OK;
}
