/* `holm get`. */
#include "cli/columns.h"
#include "cli/private.h"
#include "cli/remote.h"

#define CELL_MAX 8192 /* bytes */

static bool is_shown(const struct column *column, bool is_wide)
{
	return is_wide || !column->is_wide;
}

static void add_row(struct table *table, const struct listing *listing,
		    const struct listing_output *output, const void *view)
{
	auto_buf struct buf text;

	buf_init(&text, CELL_MAX);
	for (size_t c = 0; c < listing->n_columns; c++) {
		const struct column *column = &listing->columns[c];

		if (!is_shown(column, output->is_wide))
			continue;
		buf_reset(&text);
		column->text(view, output->now_ms, &text);
		table_cell(table, text.data, column->style ? column->style(view) : STYLE_NONE);
	}
}

static int add_rows(struct table *table, const struct listing *listing, const struct json *array,
		    const struct listing_output *output, struct err *err)
{
	auto_free void *view = xcalloc(1, listing->table->size);

	for (size_t i = 0; i < json_count(array); i++) {
		memset(view, 0, listing->table->size);
		int r = fields_parse(listing->table, json_at(array, i), view, FIELD_UNKNOWN_IGNORE,
				     err);

		if (r < 0)
			return r;
		add_row(table, listing, output, view);
		fields_fini(listing->table, view);
	}
	return 0;
}

int listing_print(const struct listing *listing, const char *text,
		  const struct listing_output *output, struct err *err)
{
	const char *titles[32];
	bool is_optional[32];
	struct table table = { .titles = titles,
			       .is_optional = is_optional,
			       .is_colored = output->is_colored };
	struct json *json = NULL;

	assert(listing->n_columns <= ARRAY_LEN(titles));
	for (size_t c = 0; c < listing->n_columns; c++) {
		if (!is_shown(&listing->columns[c], output->is_wide))
			continue;
		is_optional[table.n_columns] = listing->columns[c].is_optional;
		titles[table.n_columns++] = listing->columns[c].title;
	}
	int r = json_parse(text, strlen(text), &json, err);
	if (r == 0)
		r = add_rows(&table, listing, json, output, err);
	if (r == 0 && table.n_cells)
		table_print(&table, output->out);
	else if (r == 0)
		fprintf(output->out, "no %s\n", listing->name);
	table_fini(&table);
	json_free(json);
	return r;
}

/* One object per line. */
static int print_json(const char *text, FILE *out, struct err *err)
{
	struct json *json = NULL;
	int r = json_parse(text, strlen(text), &json, err);

	if (r < 0)
		return r;
	size_t n = json_count(json);
	fprintf(out, "[");
	for (size_t i = 0; i < n; i++) {
		auto_free char *object = json_format(json_at(json, i));

		fprintf(out, "%s%s", i ? ",\n " : "", object);
	}
	fprintf(out, "]\n");
	json_free(json);
	return 0;
}

int listing_show(const struct cli_call *call, const struct listing *listing, const char *format,
		 const char *text)
{
	struct listing_output output = {
		.is_wide = str_eq(format, "wide"),
		.is_colored = call->is_colored,
		.now_ms = (uint64_t)time(NULL) * 1000,
		.out = call->out,
	};
	struct err err;
	int r = str_eq(format, "json") ? print_json(text, call->out, &err)
				       : listing_print(listing, text, &output, &err);

	if (r < 0)
		return cli_error(call, CLI_FAILED, "read the answer: %s", err.msg);
	return CLI_OK;
}

int listing_check_format(const struct cli_call *call, const char *format)
{
	if (!format || str_eq(format, "table") || str_eq(format, "wide") || str_eq(format, "json"))
		return CLI_OK;
	return cli_error(call, CLI_USAGE, "--output: expected table, wide or json, got \"%s\"",
			 format);
}

static int fail_unknown(const struct cli_call *call, const char *name)
{
	const char *names[8];
	size_t n = 0;

	for (const struct listing *l; n < ARRAY_LEN(names) && (l = listing_at(n));)
		names[n++] = l->name;
	const char *nearest = str_nearest(name, names, n);
	return cli_error(call, CLI_USAGE, "holm get knows no %s: %s%s", name,
			 nearest ? "did you mean " : "it lists ",
			 nearest ? nearest
				 : "apps, services, instances, nodes, secrets and configs");
}

int listing_fetch(const struct cli_call *call, const struct listing *listing, const char *path)
{
	const struct question question = { .method = "GET", .path = path };
	const char *format = cli_value(call, "output");
	auto_reply struct reply reply = { 0 };
	struct remote remote;

	if (listing_check_format(call, format) != CLI_OK)
		return CLI_USAGE;
	int code = remote_open(call, &remote);
	if (code == CLI_OK)
		code = remote_ask(&remote, &question, &reply);
	if (code == CLI_OK)
		code = listing_show(call, listing, format, reply.body);
	remote_close(&remote);
	return code;
}

int run_get(const struct cli_call *call)
{
	const char *app = cli_value(call, "app");
	const struct listing *listing = listing_find(call->args[0]);
	auto_buf struct buf path;

	buf_init(&path, 4096);
	if (!listing)
		return fail_unknown(call, call->args[0]);
	if (app && !listing->has_app)
		return cli_error(call, CLI_USAGE, "--app: %s do not belong to an application",
				 listing->name);
	buf_addf(&path, "/api/v1/%s", listing->name);
	if (app) {
		buf_add_str(&path, "?app=");
		url_add(&path, app);
	}
	return listing_fetch(call, listing, path.data);
}
