/* `holm node show`: a table of resources, what the node can run, and what runs on it. */
#include "cli/node/node.h"
#include "cli/private.h"
#include "cli/remote.h"
#include "model/view.h"

#define URL_BYTES_MAX  4096
#define CELL_MAX       512
#define LINE_BYTES_MAX 4096

struct row {
	const char *title;
	uint64_t (*get)(const struct resources *r);
	bool is_cores;
	const char *unit;
};

static uint64_t memory(const struct resources *r)
{
	return r->memory_mib;
}

static uint64_t cores(const struct resources *r)
{
	return r->cpu_millis;
}

static uint64_t pids(const struct resources *r)
{
	return r->pids;
}

static uint64_t disk(const struct resources *r)
{
	return r->disk_mib;
}

static const struct row rows[] = {
	{ "memory", memory, false, " MiB" },
	{ "cpu", cores, true, " cores" },
	{ "processes", pids, false, "" },
	{ "disk", disk, false, " MiB" },
};

static void cell(struct table *table, const struct row *row, const struct resources *r,
		 const char *of_none)
{
	uint64_t n = row->get(r);
	char text[64];

	if (!n && of_none)
		str_copy(text, sizeof(text), of_none);
	else if (row->is_cores)
		snprintf(text, sizeof(text), "%lu.%02lu%s", n / 1000, n % 1000 / 10, row->unit);
	else
		snprintf(text, sizeof(text), "%lu%s", n, row->unit);
	table_cell(table, text, STYLE_NONE);
}

static void print_resources(const struct node_view *view, bool is_colored, FILE *out)
{
	static const char *const titles[] = { "RESOURCE", "CAPACITY", "OFFERED", "PROMISED",
					      "USED" };
	struct table table = { .n_columns = ARRAY_LEN(titles),
			       .titles = titles,
			       .is_colored = is_colored };

	for (size_t i = 0; i < ARRAY_LEN(rows); i++) {
		table_cell(&table, rows[i].title, STYLE_NONE);
		cell(&table, &rows[i], &view->capacity, "unknown");
		cell(&table, &rows[i], &view->offer, "no bound");
		cell(&table, &rows[i], &view->promised, NULL);
		cell(&table, &rows[i], &view->used, NULL);
	}
	table_print(&table, out);
	table_fini(&table);
}

static void print_line(FILE *out, const char *title, const char *text)
{
	auto_buf struct buf line;

	buf_init(&line, LINE_BYTES_MAX);
	text_add(&line, text, SIZE_MAX, STYLE_NONE);
	fprintf(out, "%-10s %s\n", title, line.data);
}

static void print_warm(const struct node_view *view, FILE *out)
{
	auto_free char *text = xasprintf("%u %s, %lu of %lu MiB", view->warm.machines,
					 view->warm.machines == 1 ? "unikernel waits"
								  : "unikernels wait",
					 view->warm.bytes >> 20, view->warm.max_bytes >> 20);

	if (view->warm.machines || view->warm.max_bytes)
		print_line(out, "warm", text);
}

static void print_head(const struct node_view *view, FILE *out)
{
	auto_free char *runtimes = strv_join(&view->virtualization, ", ");
	auto_free char *subnets = strv_join(&view->subnets, ", ");
	auto_free char *what = xasprintf("%s, %s, holm %s", view->address ? view->address : "",
					 view->arch ? view->arch : "",
					 view->version ? view->version : "");
	auto_free char *can = xasprintf("%s%s", runtimes, view->has_kvm ? " (KVM)" : "");

	print_line(out, "node", view->hostname ? view->hostname : view->id);
	print_line(out, "id", view->id);
	print_line(out, "state", view->is_alive ? "READY" : "LOST");
	print_line(out, "machine", what);
	print_line(out, "runtimes", *can ? can : "none");
	print_line(out, "addresses", *subnets ? subnets : "none yet");
	print_warm(view, out);
	for (size_t i = 0; i < view->problems.n; i++)
		print_line(out, i ? "" : "problems", view->problems.items[i]);
}

/* Memory of one instance: what it is promised and what it uses. */
static void add_instance(struct table *table, const struct instance_view *v)
{
	char text[CELL_MAX];

	snprintf(text, sizeof(text), "%.400s.%u", v->service ? v->service : "", v->number);
	table_cell(table, text, STYLE_NONE);
	table_cell(table, v->state ? v->state : "", style_of_state(v->state ? v->state : ""));
	table_cell(table, v->runtime ? v->runtime : "", STYLE_NONE);
	if (v->memory_limit_mib)
		snprintf(text, sizeof(text), "%u MiB", v->memory_limit_mib);
	else
		str_copy(text, sizeof(text), "none");
	table_cell(table, text, STYLE_NONE);
	snprintf(text, sizeof(text), "%.1f MiB", v->memory_mib);
	table_cell(table, text, STYLE_NONE);
}

static int add_instances(struct table *table, const struct json *list, const char *hostname,
			 struct err *err)
{
	for (size_t i = 0; i < json_count(list); i++) {
		struct instance_view view = { 0 };
		int r = fields_parse(&instance_view_table, json_at(list, i), &view,
				     FIELD_UNKNOWN_IGNORE, err);

		if (r < 0)
			return r;
		if (str_eq(view.node, hostname))
			add_instance(table, &view);
		fields_fini(&instance_view_table, &view);
	}
	return 0;
}

static int print_instances(const char *text, const char *hostname, bool is_colored, FILE *out,
			   struct err *err)
{
	static const char *const titles[] = { "INSTANCE", "STATE", "RUNTIME", "MEMORY PROMISED",
					      "USED" };
	struct table table = { .n_columns = ARRAY_LEN(titles),
			       .titles = titles,
			       .is_colored = is_colored };
	auto_(json_free) struct json *list = NULL;
	int r = json_parse(text, strlen(text), &list, err);

	if (r == 0)
		r = add_instances(&table, list, hostname, err);
	if (r == 0 && table.n_cells)
		table_print(&table, out);
	else if (r == 0)
		fprintf(out, "no instances\n");
	table_fini(&table);
	return r;
}

int node_print(const char *node, const char *instances, bool is_colored, FILE *out, struct err *err)
{
	struct node_view view = { 0 };
	int r = fields_parse_text(&node_view_table, node, &view, FIELD_UNKNOWN_IGNORE, err);

	if (r < 0)
		return r;
	print_head(&view, out);
	fprintf(out, "\n");
	print_resources(&view, is_colored, out);
	fprintf(out, "\n");
	r = print_instances(instances, view.hostname, is_colored, out, err);
	fields_fini(&node_view_table, &view);
	return r;
}

/* Name of the only node, if none is given; the caller's. */
static int only_node(const struct cli_call *call, const struct remote *remote, char **ret)
{
	const struct question question = { .method = "GET", .path = "/api/v1/nodes" };
	auto_reply struct reply reply = { 0 };
	auto_(json_free) struct json *list = NULL;
	struct err err;
	int code = remote_ask(remote, &question, &reply);

	if (code != CLI_OK)
		return code;
	if (json_parse(reply.body, strlen(reply.body), &list, &err) < 0)
		return cli_error(call, CLI_FAILED, "read the answer: %s", err.msg);
	if (json_count(list) != 1 || !json_get_str(json_at(list, 0), "id"))
		return cli_error(call, CLI_FAILED,
				 "there are %zu nodes: name one, `holm get nodes` lists them",
				 json_count(list));
	*ret = xstrdup(json_get_str(json_at(list, 0), "id"));
	return CLI_OK;
}

static int ask(const struct remote *remote, const char *name, struct reply *ret_node,
	       struct reply *ret_instances)
{
	const struct question list = { .method = "GET", .path = "/api/v1/instances" };
	auto_buf struct buf path;

	buf_init(&path, URL_BYTES_MAX);
	buf_add_str(&path, "/api/v1/nodes/");
	url_add(&path, name);
	const struct question question = { .method = "GET", .path = path.data };
	int code = remote_ask(remote, &question, ret_node);
	return code == CLI_OK ? remote_ask(remote, &list, ret_instances) : code;
}

static int print(const struct cli_call *call, const char *node, const char *instances)
{
	const char *format = cli_value(call, "output");
	struct err err;

	if (str_eq(format, "json")) {
		fprintf(call->out, "%s\n", node);
		return CLI_OK;
	}
	if (node_print(node, instances, call->is_colored, call->out, &err) < 0)
		return cli_error(call, CLI_FAILED, "read the answer: %s", err.msg);
	return CLI_OK;
}

static int run_show(const struct cli_call *call)
{
	const char *format = cli_value(call, "output");
	auto_free char *name = xstrdup(call->n_args ? call->args[0] : NULL);
	auto_reply struct reply node = { 0 };
	auto_reply struct reply instances = { 0 };
	struct remote remote;

	if (format && !str_eq(format, "table") && !str_eq(format, "json"))
		return cli_error(call, CLI_USAGE, "--output: expected table or json, got \"%s\"",
				 format);
	int code = remote_open(call, &remote);
	if (code == CLI_OK && !name)
		code = only_node(call, &remote, &name);
	if (code == CLI_OK)
		code = ask(&remote, name, &node, &instances);
	if (code == CLI_OK)
		code = print(call, node.body, instances.body);
	remote_close(&remote);
	return code;
}

static int set_cordon(const struct cli_call *call, const char *verb)
{
	auto_reply struct reply reply = { 0 };
	auto_buf struct buf path;
	struct remote remote;

	buf_init(&path, URL_BYTES_MAX);
	buf_add_str(&path, "/api/v1/nodes/");
	url_add(&path, call->args[0]);
	buf_addf(&path, "/%s", verb);
	const struct question question = { .method = "POST", .path = path.data };
	int code = remote_open(call, &remote);
	if (code == CLI_OK)
		code = remote_ask(&remote, &question, &reply);
	remote_close(&remote);
	return code;
}

static int run_cordon(const struct cli_call *call)
{
	return set_cordon(call, "cordon");
}

static int run_uncordon(const struct cli_call *call)
{
	return set_cordon(call, "uncordon");
}

static const struct cli_option show_options[] = {
	{ "output", 'o', "FORMAT", "table (default) or json" },
};

const struct cli_command node_commands[] = {
	{
		.name = "node show",
		.args = "[NAME]",
		.summary = "what a node has, offers, has promised and uses",
		.details =
			"Offered is what may be promised to instances: what there is times the factors of\n"
			"`holm up --overcommit`, less --reserve. What an instance does not declare counts\n"
			"for nothing. Used is what the whole machine uses.\n",
		.options = show_options,
		.n_options = ARRAY_LEN(show_options),
		.max_args = 1,
		.run = run_show,
	},
	{
		.name = "node cordon",
		.args = "NAME",
		.summary = "give a node no more instances",
		.details =
			"What runs there goes on, and is restarted and replaced there. New instances go to other\n"
			"nodes, or wait; `holm get nodes` tells. It stays so, over restarts too, until\n"
			"`holm node uncordon`.\n",
		.min_args = 1,
		.max_args = 1,
		.run = run_cordon,
	},
	{
		.name = "node uncordon",
		.args = "NAME",
		.summary = "give a node instances again",
		.min_args = 1,
		.max_args = 1,
		.run = run_uncordon,
	},
};
static_assert(ARRAY_LEN(node_commands) == NODE_COMMANDS_N, "as declared");
