/* Words of the command line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "cli/private.h"

#define WORDS_MAX 16

static int run_up(const struct cli_call *call)
{
	return 7;
}

static const struct cli_option up_options[] = { { "detach", 'd', NULL, "return once it runs" } };
static const struct cli_command disk_subs[] = {
	{ .name = "disk ls",
	  .args = "[NAME]",
	  .options = up_options,
	  .n_options = 1,
	  .max_args = 1,
	  .run = run_up },
};
static const struct cli_command extra[] = {
	{ .name = "up",
	  .args = "",
	  .summary = "run",
	  .options = up_options,
	  .n_options = 1,
	  .run = run_up },
	{ .name = "run",
	  .args = "WHERE WHAT...",
	  .options = up_options,
	  .n_options = 1,
	  .min_args = 2,
	  .max_args = 9,
	  .verbatim = 1,
	  .run = run_up },
	{ .name = "disk", .args = "ls|rm", .summary = "disks", .subs = disk_subs, .n_subs = 1 },
};
static const struct cli_extension extension = { .commands = extra, .n_commands = ARRAY_LEN(extra) };

/* Parses "holm LINE", split at blanks. The words live until the next call. */
static int parse(const char *line, struct args *ret, struct err *err)
{
	static char text[256];
	static char *argv[WORDS_MAX];
	int argc = 0;

	snprintf(text, sizeof(text), "holm %s", line);
	for (char *p = text; *p;) {
		argv[argc++] = p;
		p += strcspn(p, " ");
		while (*p == ' ')
			*p++ = '\0';
	}
	return args_parse(argc, argv, &extension, ret, err);
}

static const char *value_of(const struct args *args, const char *name)
{
	const struct cli_call call = { .command = args->command, .values = args->values };

	return cli_value(&call, name);
}

static void fails_with(const char *line, const char *expected)
{
	struct args args;
	struct err err = { 0 };

	assert_int_equal(parse(line, &args, &err), -EINVAL);
	assert_string_equal(err.msg, expected);
	args_fini(&args);
}

static void options_stand_anywhere(void **state)
{
	static const char *const lines[] = {
		"--data-dir /d apply f.json --wait --timeout 5 -q",
		"apply --wait --timeout=5 --data-dir=/d -q f.json",
		"apply -q --timeout 5 f.json --wait --data-dir /d",
	};

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		struct args args;
		struct err err;

		assert_int_equal(parse(lines[i], &args, &err), 0);
		assert_string_equal(args.command->name, "apply");
		assert_string_equal(value_of(&args, "wait"), "");
		assert_string_equal(value_of(&args, "timeout"), "5");
		assert_string_equal(value_of(&args, "quiet"), "");
		assert_null(value_of(&args, "dry-run"));
		assert_string_equal(args.globals[GLOBAL_DATA_DIR], "/d");
		assert_int_equal(args.n_words, 1);
		assert_string_equal(args.words[0], "f.json");
		args_fini(&args);
	}
}

static void letters_may_be_joined(void **state)
{
	struct args args;
	struct err err;

	assert_int_equal(parse("get -ojson instances", &args, &err), 0);
	assert_string_equal(value_of(&args, "output"), "json");
	args_fini(&args);
	assert_int_equal(parse("logs -f -- -x", &args, &err), 0);
	assert_string_equal(value_of(&args, "follow"), "");
	assert_string_equal(args.words[0], "-x");
	args_fini(&args);
	assert_int_equal(parse("apply -", &args, &err), 0);
	assert_string_equal(args.words[0], "-");
	args_fini(&args);
}

static void commands_of_the_daemon_are_known(void **state)
{
	struct args args;
	struct err err;

	assert_int_equal(parse("up -d", &args, &err), 0);
	assert_ptr_equal(args.command, &extra[0]);
	args_fini(&args);
	fails_with("upp", "unknown command upp: did you mean up?");
}

static void words_of_another_program(void **state)
{
	static const char *const lines[] = { "run -d box ls -l --detach",
					     "run box -d ls -l --detach",
					     "run -d box -- ls -l --detach" };
	struct args args;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(lines); i++) {
		if (parse(lines[i], &args, &err) < 0)
			fail_msg("%s: %s", lines[i], err.msg);
		assert_int_equal(args.n_words, 4);
		assert_string_equal(args.words[1], "ls");
		assert_string_equal(args.words[2], "-l");
		assert_string_equal(args.words[3], "--detach");
		assert_int_equal(args.n_given, 1);
		args_fini(&args);
	}
	assert_int_equal(parse("run box -- -- x", &args, &err), 0);
	assert_string_equal(args.words[1], "--");
	args_fini(&args);
	assert_int_equal(parse("run box -x", &args, &err), -EINVAL);
	args_fini(&args);
}

static void options_that_are_repeated(void **state)
{
	struct args args;
	struct err err;
	size_t at = 0;

	assert_int_equal(parse("get instances --app a -o json --app b", &args, &err), 0);
	const struct cli_call call = { .command = args.command,
				       .values = args.values,
				       .given = args.given,
				       .n_given = args.n_given };
	assert_string_equal(cli_next(&call, "app", &at), "a");
	assert_string_equal(cli_next(&call, "app", &at), "b");
	assert_null(cli_next(&call, "app", &at));
	assert_string_equal(value_of(&args, "app"), "b");
	args_fini(&args);
}

static void mistakes_are_named(void **state)
{
	fails_with("aply f", "unknown command aply: did you mean apply?");
	fails_with("frobnicate", "unknown command frobnicate");
	fails_with("apply f --dryrun",
		   "unknown option --dryrun of holm apply: did you mean --dry-run?");
	fails_with("--wait apply f", "unknown option --wait");
	fails_with("get apps -x", "unknown option -x of holm get");
	fails_with("apply f --timeout", "option --timeout needs a value: --timeout S");
	fails_with("apply f --wait=1", "option --wait takes no value");
	fails_with("apply", "holm apply needs FILE|-");
	fails_with("scale a", "holm scale needs SERVICE N");
	fails_with(
		"get apps nodes",
		"unexpected word nodes behind holm get apps|services|instances|nodes|secrets|configs");
}

static void help_needs_no_words(void **state)
{
	struct args args;
	struct err err;

	assert_int_equal(parse("apply --help", &args, &err), 0);
	assert_non_null(args.globals[GLOBAL_HELP]);
	args_fini(&args);
	assert_int_equal(parse("", &args, &err), 0);
	assert_null(args.command);
	args_fini(&args);
}

static void commands_of_two_words(void **state)
{
	struct args args;
	struct err err;

	assert_int_equal(parse("disk ls -d x", &args, &err), 0);
	assert_string_equal(args.command->name, "disk ls");
	assert_string_equal(value_of(&args, "detach"), "");
	assert_int_equal(args.n_words, 1);
	assert_string_equal(args.words[0], "x");
	args_fini(&args);
	fails_with("disk", "holm disk needs ls|rm");
	fails_with("disk sl", "holm disk knows no sl: it has ls|rm");
	fails_with("disk ls a b", "unexpected word b behind holm disk ls [NAME]");
	assert_int_equal(parse("disk -h", &args, &err), 0);
	args_fini(&args);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(options_stand_anywhere),
		cmocka_unit_test(letters_may_be_joined),
		cmocka_unit_test(commands_of_the_daemon_are_known),
		cmocka_unit_test(commands_of_two_words),
		cmocka_unit_test(words_of_another_program),
		cmocka_unit_test(options_that_are_repeated),
		cmocka_unit_test(mistakes_are_named),
		cmocka_unit_test(help_needs_no_words),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
