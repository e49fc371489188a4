/* `holm audit`. */
#include "cli/account/account.h"
#include "cli/columns.h"
#include "cli/private.h"
#include "model/account.h"

#define LIMIT_DEFAULT 50
#define LIMIT_MAX     10000
#define BAD_STATUS    400

static void audit_time(const void *object, uint64_t now_ms, struct buf *out)
{
	buf_add_str(out, ((const struct audit_view *)object)->at);
}

static void audit_user(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct audit_view *v = object;

	buf_add_str(out, v->user ? v->user : "");
}

static void audit_from(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct audit_view *v = object;

	buf_add_str(out, v->from ? v->from : "");
}

static void audit_what(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct audit_view *v = object;

	buf_addf(out, "%s %s", v->method ? v->method : "", v->path ? v->path : "");
}

static void audit_result(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct audit_view *v = object;

	buf_addf(out, "%u%s%s", v->status, str_is_empty(v->message) ? "" : " ",
		 v->message ? v->message : "");
}

static enum style audit_style(const void *object)
{
	return ((const struct audit_view *)object)->status >= BAD_STATUS ? STYLE_BAD : STYLE_NONE;
}

static const struct column audit_columns[] = {
	{ "TIME", .text = audit_time },
	{ "USER", .text = audit_user },
	{ "FROM", .text = audit_from },
	{ "REQUEST", .text = audit_what },
	{ "RESULT", .text = audit_result, .style = audit_style },
};

static const struct listing audit_listing = { "changes", &audit_view_table, false, audit_columns,
					      ARRAY_LEN(audit_columns) };

int run_audit(const struct cli_call *call)
{
	uint32_t limit = 0;

	if (cli_number(call, "limit", LIMIT_DEFAULT, &limit) < 0)
		return CLI_USAGE;
	if (limit < 1 || limit > LIMIT_MAX)
		return cli_error(call, CLI_USAGE, "--limit: expected 1 to %d, got %u", LIMIT_MAX,
				 limit);
	auto_free char *path = xasprintf("/api/v1/audit?limit=%u", limit);
	return listing_fetch(call, &audit_listing, path);
}
