/* What the files of the command line share. */
#ifndef HOLM_CLI_PRIVATE_H
#define HOLM_CLI_PRIVATE_H

#include "base/base.h"
#include "cli/cli.h"

#define CLI_OPTIONS_MAX 32 /* of one command */

/* Options that every command takes, in front of it or behind. */
enum global_option {
	GLOBAL_DATA_DIR,
	GLOBAL_API,
	GLOBAL_CA,
	GLOBAL_PIN,
	GLOBAL_COLOR,
	GLOBAL_HELP,
	GLOBAL_VERSION,
	GLOBAL_N
};
extern const struct cli_option global_options[GLOBAL_N];

/* The command table: the client's commands, then those of the extension (may be NULL). */
const struct cli_command *command_at(const struct cli_extension *extension, size_t index);
const struct cli_command *command_find(const struct cli_extension *extension, const char *name);
/* The nearest name of a command, or NULL. */
const char *command_nearest(const struct cli_extension *extension, const char *name);

/* One of a command's own by its second word, or NULL. */
const struct cli_command *command_find_sub(const struct cli_command *command, const char *word);

/* args.c: words to a call, without I/O. */
struct args {
	const struct cli_command *command; /* NULL: none was named */
	const char *values[CLI_OPTIONS_MAX];
	const char *globals[GLOBAL_N];
	struct cli_given *given; /* the array is owned, and the next, too */
	size_t n_given;
	const char **words;
	size_t n_words;
};
/* -EINVAL with a sentence; ret->command is set if it was found before. */
int args_parse(int argc, char **argv, const struct cli_extension *extension, struct args *ret,
	       struct err *err);
void args_fini(struct args *args);

/* cli_main() with `out`, `err` and `extension` given; the rest of the call is filled in. */
int cli_run(int argc, char **argv, struct cli_call *call);

/* help.c */
void help_print_overview(const struct cli_extension *extension, FILE *out);
void help_print_command(const struct cli_command *command, FILE *out);

/* value.c: "secret …" and "config …". */
#define SECRET_COMMANDS_N 3
#define CONFIG_COMMANDS_N 4
extern const struct cli_command secret_commands[SECRET_COMMANDS_N];
extern const struct cli_command config_commands[CONFIG_COMMANDS_N];

/* node/: "node …", "registry …" and "volume …". */
#define NODE_COMMANDS_N     3
#define REGISTRY_COMMANDS_N 3
#define VOLUME_COMMANDS_N   3
extern const struct cli_command node_commands[NODE_COMMANDS_N];
extern const struct cli_command registry_commands[REGISTRY_COMMANDS_N];
extern const struct cli_command volume_commands[VOLUME_COMMANDS_N];

/* The commands. */
int run_apply(const struct cli_call *call);
int run_get(const struct cli_call *call);
int run_stats(const struct cli_call *call);
int run_copy(const struct cli_call *call);
int run_attach(const struct cli_call *call);
int run_exec(const struct cli_call *call);
int run_logs(const struct cli_call *call);
int run_delete(const struct cli_call *call);
int run_pause(const struct cli_call *call); /* and "resume" */
int run_restart(const struct cli_call *call);
int run_scale(const struct cli_call *call);
int run_down(const struct cli_call *call);
int run_image_ls(const struct cli_call *call);
int run_image_pull(const struct cli_call *call);
int run_image_rm(const struct cli_call *call);
int run_image_prune(const struct cli_call *call);
int run_image_build(const struct cli_call *call);
int run_version(const struct cli_call *call);
int run_help(const struct cli_call *call);

#endif
