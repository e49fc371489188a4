/* `holm stats`: what instances use, once or again and again. */
#include "base/clock.h"
#include "cli/columns.h"
#include "cli/private.h"
#include "cli/remote.h"
#include "json/json.h"
#include "model/stats_view.h"

#define AGAIN_MS      2000
#define TEXT_MAX      ((size_t)16 << 20)
#define URL_BYTES_MAX 4096

static bool fits(const struct json *json, const char *name)
{
	struct stats_view view = { 0 };
	struct err ignored;
	bool is_view = fields_parse(&stats_view_table, json, &view, FIELD_UNKNOWN_IGNORE,
				    &ignored) == 0;
	bool does = is_view && view.app && view.service && stats_view_fits(&view, name);

	fields_fini(&stats_view_table, &view);
	return does;
}

static bool is_wanted(const struct cli_call *call, const struct json *view)
{
	for (size_t i = 0; i < call->n_args; i++)
		if (fits(view, call->args[i]))
			return true;
	return call->n_args == 0;
}

/* Names that fit nothing that runs are mistakes. */
static int check_names(const struct cli_call *call, const struct json *all)
{
	for (size_t i = 0; i < call->n_args; i++) {
		bool is_found = false;

		for (size_t k = 0; k < json_count(all); k++)
			is_found = is_found || fits(json_at(all, k), call->args[i]);
		if (!is_found)
			return cli_error(call, CLI_FAILED,
					 "nothing that runs, and was measured yet, is called %s",
					 call->args[i]);
	}
	return CLI_OK;
}

/* The objects that are wanted, as an array again. */
static void choose(const struct cli_call *call, const struct json *all, bool is_json,
		   struct buf *out)
{
	size_t n = 0;

	buf_add_str(out, "[");
	for (size_t i = 0; i < json_count(all); i++) {
		if (!is_wanted(call, json_at(all, i)))
			continue;
		auto_free char *text = json_format(json_at(all, i));
		buf_addf(out, "%s", n++ ? is_json ? ",\n " : "," : "");
		buf_add_str(out, text);
	}
	buf_add_str(out, "]");
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return n;
}

/* On a terminal in place of the last one. */
static int show_table(const struct cli_call *call, const char *json, size_t *n_drawn)
{
	auto_free char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	const struct listing_output output = { .is_colored = call->is_colored, .out = out };
	struct err err;

	if (!out)
		abort();
	int r = listing_print(listing_find("stats"), json, &output, &err);
	fclose(out);
	if (r < 0)
		return cli_error(call, CLI_FAILED, "read the answer: %s", err.msg);
	if (call->is_tty && *n_drawn)
		fprintf(call->out, "\033[%zuA\033[J", *n_drawn);
	fputs(text, call->out);
	*n_drawn = count_lines(text);
	return CLI_OK;
}

/* What is drawn again and again. */
struct screen {
	const struct cli_call *call;
	size_t n_turns;
	size_t n_drawn; /* lines, of the last turn */
};

static int show(struct screen *screen, const struct reply *reply)
{
	const struct cli_call *call = screen->call;
	bool is_json = str_eq(cli_value(call, "output"), "json");
	auto_(json_free) struct json *all = NULL;
	auto_buf struct buf chosen;
	struct err err;

	buf_init(&chosen, TEXT_MAX);
	if (json_parse(reply->body, strlen(reply->body), &all, &err) < 0)
		return cli_error(call, CLI_FAILED, "read the answer: %s", err.msg);
	/* Later, one that is missing is on its way back. */
	int code = screen->n_turns++ ? CLI_OK : check_names(call, all);
	if (code != CLI_OK)
		return code;
	choose(call, all, is_json, &chosen);
	if (is_json)
		fprintf(call->out, "%s\n", chosen.data);
	else
		code = show_table(call, chosen.data, &screen->n_drawn);
	return fflush(call->out) == 0 ? code : CLI_FAILED;
}

static int show_once(struct screen *screen, const struct remote *remote)
{
	const struct cli_call *call = screen->call;
	auto_reply struct reply reply = { 0 };
	auto_buf struct buf path;

	buf_init(&path, URL_BYTES_MAX);
	buf_add_str(&path, "/api/v1/stats");
	if (call->n_args == 1) { /* of several it has to be told which one is missing */
		buf_add_str(&path, "?name=");
		url_add(&path, call->args[0]);
	}
	const struct question question = { .method = "GET", .path = path.data };
	int code = remote_ask(remote, &question, &reply);

	return code == CLI_OK ? show(screen, &reply) : code;
}

int run_stats(const struct cli_call *call)
{
	const char *format = cli_value(call, "output");
	bool is_once = cli_value(call, "no-stream");
	struct remote remote;
	struct screen screen = { .call = call };

	if (format && !str_eq(format, "table") && !str_eq(format, "json"))
		return cli_error(call, CLI_USAGE, "--output: expected table or json, got \"%s\"",
				 format);
	int code = remote_open(call, &remote);
	if (code == CLI_OK)
		code = show_once(&screen, &remote);
	while (code == CLI_OK && !is_once) {
		clock_poll(NULL, 0, clock_monotonic_ms() + AGAIN_MS);
		code = show_once(&screen, &remote);
	}
	remote_close(&remote);
	return code;
}
