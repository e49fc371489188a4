/* `holm image`: the images of a node. */
#include "cli/columns.h"
#include "cli/private.h"
#include "cli/remote.h"
#include "model/image_view.h"

#define PATH_BYTES_MAX 4096
#define BODY_BYTES_MAX ((size_t)2 << 20)
#define LINE_BYTES_MAX ((size_t)1 << 20) /* of an answer in lines */
#define PATIENCE_MS    300000            /* the collector may have much to do */
#define DIGEST_SHOWN   12                /* digits */

/* An earlier one is told by its name without the digest, which has a column. */
static void image_name(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct image_view *v = object;
	const char *at = v->is_earlier ? strrchr(v->name, '@') : NULL;

	if (at) {
		buf_add(out, v->name, (size_t)(at - v->name));
		buf_add_str(out, " (earlier)");
	} else {
		buf_add_str(out, v->is_earlier ? "(no name)" : v->name);
	}
}

static void image_kind(const void *object, uint64_t now_ms, struct buf *out)
{
	buf_add_str(out, ((const struct image_view *)object)->kind);
}

static void image_platform_cell(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct image_view *v = object;

	buf_add_str(out, v->platform ? v->platform : "");
}

static void image_short_digest(const void *object, uint64_t now_ms, struct buf *out)
{
	const char *digest = ((const struct image_view *)object)->digest;
	const char *colon = strchr(digest, ':');

	buf_addf(out, "%.*s", DIGEST_SHOWN, colon ? colon + 1 : digest);
}

static void image_digest(const void *object, uint64_t now_ms, struct buf *out)
{
	buf_add_str(out, ((const struct image_view *)object)->digest);
}

static void image_size(const void *object, uint64_t now_ms, struct buf *out)
{
	char text[SIZE_STR_MAX];

	buf_add_str(out, format_size(((const struct image_view *)object)->size_bytes, text));
}

static void image_pulled(const void *object, uint64_t now_ms, struct buf *out)
{
	age_add(out, ((const struct image_view *)object)->created_at, now_ms);
}

static void image_used(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct image_view *v = object;

	if (v->instances)
		buf_add_str(out, "now");
	else
		age_add(out, v->last_used_at, now_ms);
}

static void image_users(const void *object, uint64_t now_ms, struct buf *out)
{
	const struct image_view *v = object;

	if (v->instances)
		buf_addf(out, "%u instance%s", v->instances, v->instances == 1 ? "" : "s");
}

static void image_user_names(const void *object, uint64_t now_ms, struct buf *out)
{
	auto_free char *text = strv_join(&((const struct image_view *)object)->used_by, ", ");

	buf_add_str(out, text);
}

static const struct column image_columns[] = {
	{ "IMAGE", .text = image_name },
	{ "KIND", .text = image_kind },
	{ "PLATFORM", .text = image_platform_cell },
	{ "DIGEST", .text = image_short_digest },
	{ "SIZE", .text = image_size },
	{ "PULLED", .text = image_pulled },
	{ "LAST USED", .text = image_used },
	{ "IN USE BY", .text = image_users },
	{ "FULL DIGEST", .is_wide = true, .text = image_digest },
	{ "INSTANCES", .is_wide = true, .text = image_user_names },
};

const struct listing image_listing = { "images", &image_view_table, false, image_columns,
				       ARRAY_LEN(image_columns) };

static void build_path(const struct cli_call *call, const char *what, struct buf *path)
{
	buf_init(path, PATH_BYTES_MAX);
	buf_addf(path, "/api/v1/images%s", what);
	url_add_node(call, path);
}

static int ask(const struct cli_call *call, const char *what, const char *body, struct reply *reply)
{
	struct remote remote;
	auto_buf struct buf path = { 0 };

	build_path(call, what, &path);
	int code = remote_open(call, &remote);
	if (code == CLI_OK) {
		const struct question question = { .method = body ? "POST" : "GET",
						   .path = path.data,
						   .body = body,
						   .patience_ms = PATIENCE_MS };

		code = remote_ask(&remote, &question, reply);
	}
	remote_close(&remote);
	return code;
}

int run_image_ls(const struct cli_call *call)
{
	const char *format = cli_value(call, "output");
	auto_reply struct reply reply = { 0 };
	auto_(json_free) struct json *json = NULL;
	struct err err;

	int code = listing_check_format(call, format);
	if (code == CLI_OK)
		code = ask(call, "", NULL, &reply);
	if (code != CLI_OK)
		return code;
	if (json_parse(reply.body, strlen(reply.body), &json, &err) < 0)
		return cli_error(call, CLI_FAILED, "read the answer: %s", err.msg);
	auto_free char *images = json_format(json_get(json, "images"));
	return listing_show(call, &image_listing, format, images);
}

/* What went, and the bytes that became free. */
static int print_removed(const struct cli_call *call, const char *text)
{
	struct image_removed_view view = { 0 };
	char size[SIZE_STR_MAX];
	struct err err;

	if (fields_parse_text(&image_removed_view_table, text, &view, FIELD_UNKNOWN_IGNORE, &err) <
	    0)
		return cli_error(call, CLI_FAILED, "read the answer: %s", err.msg);
	for (size_t i = 0; i < view.n_removed; i++)
		fprintf(call->out, "removed %s\n", view.removed[i].name);
	fprintf(call->out, "%s%s freed\n", view.n_removed ? "" : "nothing to remove, ",
		format_size(view.freed_bytes, size));
	fields_fini(&image_removed_view_table, &view);
	return CLI_OK;
}

int run_image_rm(const struct cli_call *call)
{
	struct image_remove_request request = { 0 };
	auto_reply struct reply reply = { 0 };

	for (size_t i = 0; i < call->n_args; i++)
		strv_add(&request.names, call->args[i]);
	auto_free char *body = fields_format(&image_remove_request_table, &request);
	fields_fini(&image_remove_request_table, &request);
	int code = ask(call, "/remove", body, &reply);
	return code == CLI_OK ? print_removed(call, reply.body) : code;
}

int run_image_prune(const struct cli_call *call)
{
	const char *age = cli_value(call, "older-than");
	struct image_prune_request request = { .is_all = cli_value(call, "all") };
	auto_reply struct reply reply = { 0 };

	if (age && parse_duration_s(age, &request.older_than_s) < 0)
		return cli_error(call, CLI_USAGE,
				 "--older-than: expected a time like 90s, 30m, 24h or 7d, got "
				 "\"%s\"",
				 age);
	auto_free char *body = fields_format(&image_prune_request_table, &request);
	int code = ask(call, "/prune", body, &reply);
	return code == CLI_OK ? print_removed(call, reply.body) : code;
}

/* An answer in lines: steps, then a result or an error. */
struct pulling {
	const struct cli_call *call;
	const char *ref;
	bool is_quiet;
	bool is_drawn; /* the line on the terminal is replaced next */
	char phase[32];
	struct buf line;
	int code; /* -1: no end has come yet */
};

static void clear_line(struct pulling *p)
{
	if (p->is_drawn)
		fprintf(p->call->out, "\r\033[K");
	p->is_drawn = false;
}

static void show_step(struct pulling *p, const struct json *step)
{
	const char *phase = json_get_str(step, "phase");
	int64_t done = json_get_int(step, "done", 0);
	int64_t total = json_get_int(step, "total", 0);
	bool is_news = phase && !str_eq(phase, p->phase);
	auto_buf struct buf out = { 0 };

	if (p->is_quiet || !phase)
		return;
	STR_COPY(p->phase, phase);
	buf_init(&out, PATH_BYTES_MAX);
	buf_addf(&out, "%s %.200s", phase, p->ref);
	if (!p->call->is_tty) {
		if (is_news)
			fprintf(p->call->out, "%s\n", out.data);
	} else {
		clear_line(p);
		buf_add_str(&out, "  ");
		if (total > 0)
			text_add_bar(&out, (uint32_t)(100 * done / total));
		fputs(out.data, p->call->out);
		p->is_drawn = true;
	}
	fflush(p->call->out);
}

static void show_result(struct pulling *p, const struct json *result)
{
	bool was_here = json_bool(json_get(result, "was_here"), false);
	const char *name = json_get_str(result, "name");
	const char *digest = json_get_str(result, "digest");

	clear_line(p);
	p->code = CLI_OK;
	if (p->is_quiet)
		return;
	fprintf(p->call->out, "%s %s\n", was_here ? "up to date:" : "pulled", name ? name : "");
	fprintf(p->call->out, "%s\n", digest ? digest : "");
}

static void take_line(struct pulling *p, const char *line, size_t len)
{
	auto_(json_free) struct json *json = NULL;
	struct err err;

	if (json_parse(line, len, &json, &err) < 0)
		return;
	const struct json *error = json_get(json, "error");
	if (json_get(json, "progress")) {
		show_step(p, json_get(json, "progress"));
	} else if (json_get(json, "result")) {
		show_result(p, json_get(json, "result"));
	} else if (error) {
		const char *message = json_get_str(error, "message");

		clear_line(p);
		p->code = cli_error(p->call, CLI_FAILED, "%s", message ? message : "failed");
	}
}

static int on_piece(void *arg, const char *data, size_t len)
{
	struct pulling *p = arg;
	const char *end;

	if (buf_add(&p->line, data, len) < 0)
		return -1;
	while ((end = memchr(p->line.data, '\n', p->line.len))) {
		size_t n = (size_t)(end - p->line.data);
		auto_free char *rest = xstrdup(end + 1);

		take_line(p, p->line.data, n);
		buf_reset(&p->line);
		buf_add_str(&p->line, rest);
	}
	return 0;
}

static int listen_to(struct pulling *p, const char *body)
{
	struct remote remote;
	auto_buf struct buf path = { 0 };

	build_path(p->call, "/pull", &path);
	buf_addf(&path, "%sprogress=1", strchr(path.data, '?') ? "&" : "?");
	int code = remote_open(p->call, &remote);
	if (code == CLI_OK) {
		const struct listening listening = {
			.path = path.data,
			.body = body,
			.take = on_piece,
			.arg = p,
		};

		code = remote_listen(&remote, &listening);
	}
	remote_close(&remote);
	return code;
}

int run_image_pull(const struct cli_call *call)
{
	struct image_pull_request request = { (char *)(uintptr_t)call->args[0],
					      (char *)(uintptr_t)cli_value(call, "platform") };
	struct pulling p = { .call = call,
			     .ref = call->args[0],
			     .is_quiet = cli_value(call, "quiet"),
			     .code = -1 };
	auto_free char *body = fields_format(&image_pull_request_table, &request);

	buf_init(&p.line, LINE_BYTES_MAX);
	int code = listen_to(&p, body);
	clear_line(&p);
	buf_fini(&p.line);
	if (code != CLI_OK)
		return code;
	if (p.code < 0)
		return cli_error(call, CLI_FAILED, "pull %s: the answer ended early", p.ref);
	return p.code;
}

int run_image_build(const struct cli_call *call)
{
	assert(call->extension && call->extension->build); /* the whole program's */
	return call->extension->build(call);
}
