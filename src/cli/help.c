/* Help, printed from the tables. */
#include "cli/private.h"

#define COLUMN 26 /* where explanations begin */

static const char *const exit_codes[] = {
	[CLI_OK] = "done",
	[CLI_FAILED] = "refused, or something failed to run (--wait)",
	[CLI_USAGE] = "wrong use of the command line",
	[CLI_UNREACHABLE] = "holm is not running or cannot be reached",
	[CLI_TIMEOUT] = "--wait gave up: it may still come",
};
static_assert(ARRAY_LEN(exit_codes) == CLI_EXIT_N, "a sentence per exit code");

static void print_entry(FILE *out, const char *left, const char *right)
{
	if (strlen(left) + 2 > COLUMN - 2)
		fprintf(out, "  %s\n%*s%s\n", left, COLUMN, "", right);
	else
		fprintf(out, "  %-*s%s\n", COLUMN - 2, left, right);
}

static void print_options(FILE *out, const struct cli_option *options, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct cli_option *o = &options[i];
		char letter[8] = "    ";

		if (o->letter)
			snprintf(letter, sizeof(letter), "-%c, ", o->letter);
		auto_free char *left = xasprintf("%s--%s%s%s", letter, o->name, o->value ? " " : "",
						 o->value ? o->value : "");
		print_entry(out, left, o->help);
	}
}

static void print_common(FILE *out)
{
	fprintf(out, "\nOptions of every command:\n");
	print_options(out, global_options, GLOBAL_N);
	fprintf(out, "\nExit codes:\n");
	for (size_t i = 0; i < ARRAY_LEN(exit_codes); i++)
		fprintf(out, "  %zu  %s\n", i, exit_codes[i]);
}

void help_print_overview(const struct cli_extension *extension, FILE *out)
{
	const struct cli_command *c;

	fprintf(out,
		"holm runs applications of containers and unikernels on the machines of an edge.\n"
		"\nUsage: holm COMMAND [OPTIONS] [WORDS]\n\nCommands:\n");
	for (size_t i = 0; (c = command_at(extension, i)); i++) {
		auto_free char *left = xasprintf("%s %s", c->name, c->args);

		print_entry(out, left, c->summary);
	}
	fprintf(out, "\n`holm help COMMAND` tells more.\n");
	print_common(out);
}

void help_print_command(const struct cli_command *c, FILE *out)
{
	fprintf(out, "holm %s: %s\n\nUsage: holm %s%s%s%s\n", c->name, c->summary, c->name,
		c->n_options ? " [OPTIONS]" : "", *c->args ? " " : "", c->args);
	if (c->details)
		fprintf(out, "\n%s", c->details);
	if (c->n_subs)
		fprintf(out, "\nCommands:\n");
	for (size_t i = 0; i < c->n_subs; i++) {
		auto_free char *left = xasprintf("%s %s", c->subs[i].name, c->subs[i].args);

		print_entry(out, left, c->subs[i].summary);
	}
	if (c->n_options) {
		fprintf(out, "\nOptions:\n");
		print_options(out, c->options, c->n_options);
	}
	print_common(out);
}

int run_help(const struct cli_call *call)
{
	if (!call->n_args) {
		help_print_overview(call->extension, call->out);
		return CLI_OK;
	}
	const struct cli_command *command = command_find(call->extension, call->args[0]);
	if (command && call->n_args > 1 && !command_find_sub(command, call->args[1]))
		return cli_error(call, CLI_USAGE, "unknown command %s %s", call->args[0],
				 call->args[1]);
	if (command && call->n_args > 1)
		command = command_find_sub(command, call->args[1]);
	if (command) {
		help_print_command(command, call->out);
		return CLI_OK;
	}
	const char *nearest = command_nearest(call->extension, call->args[0]);
	return cli_error(call, CLI_USAGE, "unknown command %s%s%s%s", call->args[0],
			 nearest ? ": did you mean " : "", nearest ? nearest : "",
			 nearest ? "?" : "");
}
