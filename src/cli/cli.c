/* From main()'s words to a command and back to an exit code. */
#include <stdarg.h>

#include "cli/private.h"

const struct cli_option global_options[GLOBAL_N] = {
	[GLOBAL_DATA_DIR] = { "data-dir", 0, "DIR",
			      "where holm keeps its data (HOLM_DATA_DIR, default " CLI_DATA_DIR
			      ")" },
	[GLOBAL_API] = { "api", 0, "ADDR:PORT",
			 "a holm elsewhere (HOLM_API), with TLS: https://ADDR:PORT; its token in "
			 "HOLM_TOKEN" },
	[GLOBAL_CA] = { "ca", 0, "FILE", "trust what this authority certified, PEM (HOLM_CA)" },
	[GLOBAL_PIN] = { "pin", 0, "sha256//HASH", "trust this key of the server (HOLM_PIN)" },
	[GLOBAL_COLOR] = { "color", 0, "WHEN", "auto (default), always or never (NO_COLOR)" },
	[GLOBAL_HELP] = { "help", 'h', NULL, "this text" },
	[GLOBAL_VERSION] = { "version", 0, NULL, "print the version of this program" },
};

const char *cli_value(const struct cli_call *call, const char *name)
{
	for (size_t i = 0; i < call->command->n_options; i++)
		if (str_eq(call->command->options[i].name, name))
			return call->values[i];
	assert(!"an option of this command");
	return NULL;
}

int cli_error(const struct cli_call *call, enum cli_exit code, const char *fmt, ...)
{
	va_list ap;

	fprintf(call->err, "holm: ");
	va_start(ap, fmt);
	vfprintf(call->err, fmt, ap);
	va_end(ap);
	fprintf(call->err, "\n");
	return code;
}

const char *cli_next(const struct cli_call *call, const char *name, size_t *at)
{
	while (*at < call->n_given) {
		const struct cli_given *given = &call->given[(*at)++];

		if (str_eq(given->option->name, name))
			return given->value;
	}
	return NULL;
}

int cli_number(const struct cli_call *call, const char *name, uint32_t otherwise, uint32_t *ret)
{
	const char *text = cli_value(call, name);

	if (!text) {
		*ret = otherwise;
		return 0;
	}
	if (parse_u32(text, 0, UINT32_MAX, ret) == 0)
		return 0;
	cli_error(call, CLI_USAGE, "--%s: expected a whole number, got \"%s\"", name, text);
	return -EINVAL;
}

static const char *from_env(const char *name)
{
	const char *value = getenv(name);

	return str_is_empty(value) ? NULL : value;
}

static const char *first(const char *a, const char *b, const char *c)
{
	return a ? a : b ? b : c;
}

/* -EINVAL for a word that is none. */
static int choose_colors(struct cli_call *call, const char *when)
{
	const char *term = getenv("TERM");

	call->is_tty = isatty(fileno(call->out)) && !str_eq(term, "dumb");
	if (str_eq(when, "always"))
		call->is_colored = true;
	else if (!when || str_eq(when, "auto"))
		call->is_colored = call->is_tty && !from_env("NO_COLOR");
	else if (!str_eq(when, "never"))
		return -EINVAL;
	return 0;
}

static int run(const struct args *args, struct cli_call *call)
{
	if (args->globals[GLOBAL_VERSION] && !args->command)
		return run_version(call);
	if (!args->command) {
		bool is_asked = args->globals[GLOBAL_HELP];

		help_print_overview(call->extension, is_asked ? call->out : call->err);
		return is_asked ? CLI_OK : CLI_USAGE;
	}
	if (args->globals[GLOBAL_HELP]) {
		help_print_command(args->command, call->out);
		return CLI_OK;
	}
	if (choose_colors(call, args->globals[GLOBAL_COLOR]) < 0)
		return cli_error(call, CLI_USAGE,
				 "--color: expected auto, always or never, got \"%s\"",
				 args->globals[GLOBAL_COLOR]);
	return args->command->run(call);
}

/* Help and mistakes are told from the whole table of commands. */
static bool is_for_whole(const struct args *args, const struct cli_call *call)
{
	return !args->command || args->globals[GLOBAL_HELP] || args->command->needs_whole ||
	       call->api;
}

int cli_run(int argc, char **argv, struct cli_call *call)
{
	struct args args;
	struct err err = { 0 };
	int code = args_parse(argc, argv, call->extension, &args, &err);

	call->command = args.command;
	call->values = args.values;
	call->given = args.given;
	call->n_given = args.n_given;
	call->args = args.words;
	call->n_args = args.n_words;
	call->data_dir = first(args.globals[GLOBAL_DATA_DIR], from_env("HOLM_DATA_DIR"),
			       CLI_DATA_DIR);
	call->api = first(args.globals[GLOBAL_API], from_env("HOLM_API"), NULL);
	call->ca = first(args.globals[GLOBAL_CA], from_env("HOLM_CA"), NULL);
	call->pin = first(args.globals[GLOBAL_PIN], from_env("HOLM_PIN"), NULL);
	if (call->extension && call->extension->become && (code < 0 || is_for_whole(&args, call))) {
		args_fini(&args);
		return call->extension->become(argc, argv);
	}
	if (code < 0) {
		code = cli_error(call, CLI_USAGE, "%s", err.msg);
		fprintf(call->err, "Try `holm help%s%s`.\n", args.command ? " " : "",
			args.command ? args.command->name : "");
	} else
		code = run(&args, call);
	args_fini(&args);
	/* A reader that has gone (a closed pipe) is not our failure; a full disk is. */
	if (fflush(call->out) != 0 && errno != EPIPE && code == CLI_OK)
		return cli_error(call, CLI_FAILED, "write output: %s", strerror(errno));
	return code;
}

int cli_main(int argc, char **argv, const struct cli_extension *extension)
{
	struct cli_call call = { .out = stdout, .err = stderr, .extension = extension };

	return cli_run(argc, argv, &call);
}
