/* Words of the command line by the tables of options. Options stand anywhere behind the command,
 * global ones in front of it too; "--" ends them. */
#include "cli/private.h"

struct parser {
	int argc;
	char **argv;
	int next; /* index of the next word */
	const struct cli_extension *extension;
	struct args *args;
	struct err *err;
};

/* An option as it was found: where its value goes. */
struct match {
	const struct cli_option *option;
	const char **slot;
};

static bool option_is(const struct cli_option *option, const char *name, char letter)
{
	return name ? str_eq(option->name, name) : option->letter == letter;
}

static struct match find_option(struct args *args, const char *name, char letter)
{
	const struct cli_command *command = args->command;

	for (size_t i = 0; command && i < command->n_options; i++)
		if (option_is(&command->options[i], name, letter))
			return (struct match){ &command->options[i], &args->values[i] };
	for (size_t i = 0; i < GLOBAL_N; i++)
		if (option_is(&global_options[i], name, letter))
			return (struct match){ &global_options[i], &args->globals[i] };
	return (struct match){ 0 };
}

static int fail_unknown(struct parser *p, const char *name)
{
	const struct cli_command *command = p->args->command;
	const char *names[CLI_OPTIONS_MAX + GLOBAL_N];
	size_t n = 0;

	for (size_t i = 0; command && i < command->n_options; i++)
		names[n++] = command->options[i].name;
	for (size_t i = 0; i < GLOBAL_N; i++)
		names[n++] = global_options[i].name;
	const char *nearest = str_nearest(name, names, n);
	auto_free char *of = command ? xasprintf(" of holm %s", command->name) : xstrdup("");

	if (nearest)
		return err_set(p->err, -EINVAL, "unknown option --%s%s: did you mean --%s?", name,
			       of, nearest);
	return err_set(p->err, -EINVAL, "unknown option --%s%s", name, of);
}

static void note(struct parser *p, const struct cli_option *option, const char *value)
{
	struct args *args = p->args;

	*ARRAY_ADD(args->given, args->n_given) = (struct cli_given){ option, value };
}

/* `inline_value`: what followed the name in the same word, or NULL. */
static int take_value(struct parser *p, const struct match *match, const char *inline_value)
{
	const struct cli_option *option = match->option;

	if (!option->value) {
		*match->slot = "";
		note(p, option, "");
		return 0;
	}
	if (!inline_value && p->next >= p->argc)
		return err_set(p->err, -EINVAL, "option --%s needs a value: --%s %s", option->name,
			       option->name, option->value);
	*match->slot = inline_value ? inline_value : p->argv[p->next++];
	note(p, option, *match->slot);
	return 0;
}

static int parse_long(struct parser *p, const char *word)
{
	const char *equals = strchr(word, '=');
	auto_free char *name = xstrndup(word, equals ? (size_t)(equals - word) : strlen(word));
	struct match match = find_option(p->args, name, '\0');

	if (!match.option)
		return fail_unknown(p, name);
	if (equals && !match.option->value)
		return err_set(p->err, -EINVAL, "option --%s takes no value", name);
	return take_value(p, &match, equals ? equals + 1 : NULL);
}

/* "-f", "-qf", "-o json" or "-ojson". */
static int parse_short(struct parser *p, const char *letters)
{
	for (const char *c = letters; *c; c++) {
		struct match match = find_option(p->args, NULL, *c);

		if (!match.option)
			return err_set(p->err, -EINVAL, "unknown option -%c%s%s", *c,
				       p->args->command ? " of holm " : "",
				       p->args->command ? p->args->command->name : "");
		if (match.option->value)
			return take_value(p, &match, c[1] ? c + 1 : NULL);
		take_value(p, &match, NULL);
	}
	return 0;
}

static int parse_sub(struct parser *p, const char *word)
{
	const struct cli_command *command = p->args->command;
	const struct cli_command *sub = command_find_sub(command, word);

	if (!sub)
		return err_set(p->err, -EINVAL, "holm %s knows no %s: it has %s", command->name,
			       word, command->args);
	p->args->command = sub;
	return 0;
}

static int parse_word(struct parser *p, const char *word)
{
	struct args *args = p->args;

	if (args->command && args->command->n_subs)
		return parse_sub(p, word);
	if (args->command) {
		*ARRAY_ADD(args->words, args->n_words) = word;
		return 0;
	}
	args->command = command_find(p->extension, word);
	if (args->command) {
		assert(args->command->n_options <= CLI_OPTIONS_MAX);
		return 0;
	}
	const char *nearest = command_nearest(p->extension, word);
	if (nearest)
		return err_set(p->err, -EINVAL, "unknown command %s: did you mean %s?", word,
			       nearest);
	return err_set(p->err, -EINVAL, "unknown command %s", word);
}

static int check_count(struct parser *p)
{
	const struct cli_command *command = p->args->command;
	size_t n = p->args->n_words;

	if (!command || p->args->globals[GLOBAL_HELP])
		return 0;
	if (n < command->min_args || command->n_subs)
		return err_set(p->err, -EINVAL, "holm %s needs %s", command->name, command->args);
	if (n > command->max_args)
		return err_set(p->err, -EINVAL, "unexpected word %s behind holm %s %s",
			       p->args->words[command->max_args], command->name, command->args);
	return 0;
}

/* "exec web.0 ls -l": the -l is not ours. */
static bool is_verbatim(const struct args *args)
{
	return args->command && args->command->verbatim && args->n_words > args->command->verbatim;
}

int args_parse(int argc, char **argv, const struct cli_extension *extension, struct args *ret,
	       struct err *err)
{
	struct parser p = { argc, argv, 1, extension, ret, err };
	bool is_over = false; /* "--" was seen */
	int r = 0;

	*ret = (struct args){ 0 };
	while (r == 0 && p.next < argc) {
		const char *word = argv[p.next++];

		is_over = is_over || is_verbatim(ret);
		if (is_over || word[0] != '-' || !word[1])
			r = parse_word(&p, word);
		else if (word[1] != '-')
			r = parse_short(&p, word + 1);
		else if (word[2])
			r = parse_long(&p, word + 2);
		else
			is_over = true;
	}
	return r < 0 ? r : check_count(&p);
}

void args_fini(struct args *args)
{
	free(args->given);
	free(args->words);
	*args = (struct args){ 0 };
}
