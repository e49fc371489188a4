/* The command table: what is parsed, run and printed as help. */
#include "cli/account/account.h"
#include "cli/private.h"
#include "model/session.h"

#define WAIT_OPTIONS                                                                   \
	{ "wait", 0, NULL, "return when all of it runs, or tell what failed" },        \
		{ "timeout", 0, "S",                                                   \
		  "with --wait: give up after S seconds (default 300, exit code 4)" }, \
	{                                                                              \
		"quiet", 'q', NULL, "print errors only"                                \
	}

#define SETTLE_OPTION                                                                         \
	{                                                                                     \
		"settle", 0, "S",                                                             \
			"with --wait: all of it has to run on for S seconds more (default 0)" \
	}

static const struct cli_option apply_options[] = {
	WAIT_OPTIONS,
	SETTLE_OPTION,
	{ "dry-run", 0, NULL, "print what would change, and change nothing" },
};

static const struct cli_option wait_options[] = { WAIT_OPTIONS };

static const struct cli_option scale_options[] = { WAIT_OPTIONS, SETTLE_OPTION };

static const struct cli_option restart_options[] = {
	WAIT_OPTIONS,
	SETTLE_OPTION,
	{ "all-at-once", 0, NULL, "all instances of the service at the same time" },
};

static const struct cli_option get_options[] = {
	{ "output", 'o', "FORMAT", "table (default), wide (more columns) or json" },
	{ "app", 0, "APP", "only what belongs to this application (services, instances)" },
};

static const struct cli_option logs_options[] = {
	{ "follow", 'f', NULL, "print what comes, until interrupted" },
	{ "tail", 0, "N", "begin with the last N lines (default: all that is kept)" },
	{ "previous", 'p', NULL,
	  "what the run before this one printed; of one that has ended, that" },
	{ "since", 0, "TIME", "begin at this time: 10m (ago), 2h, 2026-11-23T13:18:02Z" },
	{ "until", 0, "TIME", "end at this time" },
	{ "stdout", 0, NULL, "only what was written to standard output" },
	{ "stderr", 0, NULL, "only what was written to standard error" },
	{ "timestamps", 't', NULL, "print the time in front of each line" },
};

static const struct cli_option attach_options[] = {
	{ "no-stdin", 0, NULL, "send nothing, only show what it prints" },
};

static const struct cli_option stats_options[] = {
	{ "no-stream", 0, NULL, "print once and end" },
	{ "output", 'o', "FORMAT", "table (default) or json" },
};

static const struct cli_option exec_options[] = {
	{ "interactive", 'i', NULL, "pass standard input on" },
	{ "tty", 't', NULL, "give the command a terminal (with -i: this one)" },
	{ "user", 'u', "USER[:GROUP]", "run it as this user of the container, name or number" },
	{ "workdir", 'w', "DIR", "run it in this folder of the container" },
	{ "env", 'e', "K=V", "add to its environment; may be given several times" },
};

static const struct cli_option audit_options[] = {
	{ "limit", 0, "N", "the newest N (default 50)" },
	{ "output", 'o', "FORMAT", "table (default) or json" },
};

static const struct cli_option down_options[] = {
	{ "purge", 0, NULL, "forget applications, images and named volumes too" },
};

#define NODE_OPTION                                                       \
	{                                                                 \
		"node", 0, "NAME", "on this node (default: the only one)" \
	}

static const struct cli_option image_ls_options[] = {
	{ "output", 'o', "FORMAT", "table (default), wide (more columns) or json" },
	NODE_OPTION,
};

static const struct cli_option image_pull_options[] = {
	{ "platform", 0, "OS/ARCH",
	  "of an image: linux/amd64, qemu/arm64, … (default: this machine's)" },
	{ "quiet", 'q', NULL, "print errors only" },
	NODE_OPTION,
};

static const struct cli_option image_rm_options[] = { NODE_OPTION };

static const struct cli_option image_prune_options[] = {
	{ "all", 'a', NULL, "every image that no instance uses or wants, not only earlier ones" },
	{ "older-than", 0, "TIME", "only what was not used for this long: 90s, 30m, 24h, 7d" },
	NODE_OPTION,
};

static const struct cli_option image_build_options[] = {
	{ "kernel", 0, "FILE", "kernel, built for the platform qemu" },
	{ "rootfs", 0, "DIR|CPIO", "what becomes its initrd: a folder, or a cpio file (newc)" },
	{ "cmd", 0, "WORD", "an argument of the application; may be given several times" },
	{ "env", 0, "K=V", "a variable of its environment; may be given several times" },
	{ "arch", 0, "ARCH", "amd64 or arm64, to be sure (default: the kernel's)" },
	{ "insecure-registry", 0, "HOST[:PORT],…", "registries spoken to by plain HTTP" },
};

static const struct cli_command image_commands[] = {
	{
		.name = "image ls",
		.args = "",
		.summary = "list the images on a node, their size and use",
		.options = image_ls_options,
		.n_options = ARRAY_LEN(image_ls_options),
		.run = run_image_ls,
	},
	{
		.name = "image pull",
		.args = "REF",
		.summary = "have an image, or its newest version",
		.details =
			"REF is an image reference (docker.io/library/nginx:latest, oci:/PATH) or the URL\n"
			"of a unikernel. What runs keeps the image it was started from.\n",
		.options = image_pull_options,
		.n_options = ARRAY_LEN(image_pull_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_image_pull,
	},
	{
		.name = "image rm",
		.args = "REF...",
		.summary = "remove images that no instance uses or wants",
		.details =
			"REF is a name as `holm image ls` prints it, or a digest or the first digits of\n"
			"one. If one of them is in use, none is removed.\n",
		.options = image_rm_options,
		.n_options = ARRAY_LEN(image_rm_options),
		.min_args = 1,
		.max_args = 256,
		.run = run_image_rm,
	},
	{
		.name = "image prune",
		.args = "",
		.summary = "remove earlier images that nothing uses, or all unused ones",
		.details =
			"An earlier image is one whose name leads to a newer one by now. Images that an\n"
			"instance uses or wants stay in any case.\n",
		.options = image_prune_options,
		.n_options = ARRAY_LEN(image_prune_options),
		.run = run_image_prune,
	},
	{
		.name = "image build-unikernel",
		.args = "REF",
		.summary = "pack a kernel as an image and push it",
		.details =
			"REF is a name in a registry (HOST[:PORT]/NAME[:TAG]), who you are there being what\n"
			"`holm registry login` has stored on this node, or oci:/PATH[:NAME], a folder. The same\n"
			"files make the same image; what the name has for other platforms stays.\n",
		.options = image_build_options,
		.n_options = ARRAY_LEN(image_build_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_image_build,
		.needs_whole = true,
	},
};

static const struct cli_command commands[] = {
	{
		.name = "apply",
		.args = "FILE|-",
		.summary = "make the applications of a descriptor what it says",
		.details =
			"FILE is a deployment descriptor (SLA v2.0, JSON), - reads standard input. A service\n"
			"that is missing from a re-applied application is deleted; other applications stay\n"
			"as they are. --wait takes for good what runs (and is ready, by its probe); a program\n"
			"without a probe that ends soon is noticed with --settle.\n",
		.options = apply_options,
		.n_options = ARRAY_LEN(apply_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_apply,
	},
	{
		.name = "get",
		.args = "apps|services|instances|nodes|secrets|configs",
		.summary = "list what there is and how it stands",
		.options = get_options,
		.n_options = ARRAY_LEN(get_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_get,
	},
	{
		.name = "logs",
		.args = "INSTANCE|SERVICE",
		.summary = "print the output of an instance, or of all of a service",
		.details =
			"INSTANCE is a name as `holm get instances` prints it (service.N), its full name, or\n"
			"the beginning of its id. What it wrote to standard error goes to standard error. With\n"
			"SERVICE, each line begins with the instance's name.\n",
		.options = logs_options,
		.n_options = ARRAY_LEN(logs_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_logs,
	},
	{
		.name = "attach",
		.args = "INSTANCE",
		.summary = "be connected to an instance: what it prints from now on, and its input",
		.details =
			"A service with \"tty\" has a terminal, which becomes this one: ctrl-p ctrl-q leaves it. To\n"
			"one with \"stdin\" goes what comes here, and the end of that is the end of its input for\n"
			"good; leaving without an end (ctrl-c, say) keeps it open for the next one. A unikernel's\n"
			"serial console is a terminal, too. All others show their output only. The instance\n"
			"goes on in any case; if it ends, its exit code is this command's.\n",
		.options = attach_options,
		.n_options = ARRAY_LEN(attach_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_attach,
	},
	{
		.name = "cp",
		.args = "FROM TO",
		.summary = "copy files and folders to or from an instance",
		.details =
			"One of both is INSTANCE:PATH, an absolute path in an instance that runs; the other is a\n"
			"path here, or -, a tar archive on standard input or output. What is copied goes into\n"
			"the target if that is a folder, else it takes its place. Owners stay numbers. Nothing\n"
			"has to be installed in the container, and links in it lead nowhere outside of it. Of a\n"
			"unikernel the files of its volumes can be reached, and get the owner of the volume.\n",
		.min_args = 2,
		.max_args = 2,
		.needs_whole = true,
		.run = run_copy,
	},
	{
		.name = "stats",
		.args = "[INSTANCE|SERVICE...]",
		.summary = "show what instances use: processor, memory, disk, network",
		.details =
			"Measured every five seconds. CPU CORES is the mean over that time, 1 being one core all\n"
			"the time; memory is without file cache that can be dropped; disk and network count\n"
			"from the instance's start. What is not measured is a dash.\n",
		.options = stats_options,
		.n_options = ARRAY_LEN(stats_options),
		.max_args = 64,
		.run = run_stats,
	},
	{
		.name = "exec",
		.args = "INSTANCE [--] COMMAND...",
		.summary = "run a command in an instance",
		.details =
			"The command's exit code is this one's: 127 if there is no such command, 126 if it\n"
			"cannot be executed. If this is interrupted, the command ends, too. A unikernel has\n"
			"no commands, but a console: holm attach.\n",
		.options = exec_options,
		.n_options = ARRAY_LEN(exec_options),
		.min_args = 2,
		.max_args = SESSION_WORDS_MAX + 1,
		.verbatim = 1,
		.run = run_exec,
	},
	{
		.name = "scale",
		.args = "SERVICE N",
		.summary = "set the number of a service's instances",
		.details =
			"SERVICE is app.appns.service.servicens, or service.servicens or service where that\n"
			"is unique. 0 stops all of them and keeps the service.\n",
		.options = scale_options,
		.n_options = ARRAY_LEN(scale_options),
		.min_args = 2,
		.max_args = 2,
		.run = run_scale,
	},
	{
		.name = "restart",
		.args = "INSTANCE|SERVICE",
		.summary = "stop an instance, or all of a service, and start them again",
		.details =
			"Numbers and addresses stay. What had ended for good, by its restart policy, runs\n"
			"again. INSTANCE and SERVICE are named as for `holm logs` and `holm scale`. Of a service\n"
			"one instance after the other: each has to run (and be ready, by its probe) before the\n"
			"next one is touched, --timeout is for each, and the first that fails ends it. It is\n"
			"this command that goes on to the next: interrupted, it leaves the rest as it was.\n",
		.options = restart_options,
		.n_options = ARRAY_LEN(restart_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_restart,
	},
	{
		.name = "pause",
		.args = "INSTANCE|SERVICE",
		.summary = "halt an instance, or all of a service, where they are",
		.details =
			"It keeps its memory, its number and its addresses, and gets no processor, no traffic and\n"
			"no probes, until `holm resume`; also over an end of Holm. A newer version, or what is\n"
			"started after an end, is paused as soon as it runs. Connections stay open as long as the\n"
			"other side waits. INSTANCE and SERVICE are named as for `holm restart`, which ends a\n"
			"pause, too.\n",
		.options = wait_options,
		.n_options = ARRAY_LEN(wait_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_pause,
	},
	{
		.name = "resume",
		.args = "INSTANCE|SERVICE",
		.summary = "let what is paused go on",
		.options = wait_options,
		.n_options = ARRAY_LEN(wait_options),
		.min_args = 1,
		.max_args = 1,
		.run = run_pause,
	},
	{
		.name = "delete",
		.args = "app NAME",
		.summary = "delete an application and all its instances",
		.options = wait_options,
		.n_options = ARRAY_LEN(wait_options),
		.min_args = 2,
		.max_args = 2,
		.run = run_delete,
	},
	{
		.name = "node",
		.args = "show",
		.summary = "tell what a node has, has promised and uses",
		.subs = node_commands,
		.n_subs = NODE_COMMANDS_N,
	},
	{
		.name = "secret",
		.args = "set|ls|rm",
		.summary = "keep secrets for services, sealed",
		.subs = secret_commands,
		.n_subs = SECRET_COMMANDS_N,
	},
	{
		.name = "config",
		.args = "set|get|ls|rm",
		.summary = "keep configuration for services",
		.subs = config_commands,
		.n_subs = CONFIG_COMMANDS_N,
	},
	{
		.name = "image",
		.args = "ls|pull|rm|prune|build-unikernel",
		.summary = "images on a node, and making some",
		.subs = image_commands,
		.n_subs = ARRAY_LEN(image_commands),
	},
	{
		.name = "volume",
		.args = "ls|create|rm",
		.summary = "named volumes on a node",
		.subs = volume_commands,
		.n_subs = ARRAY_LEN(volume_commands),
	},
	{
		.name = "registry",
		.args = "login|logout|ls",
		.summary = "log in to the registries that images come from",
		.subs = registry_commands,
		.n_subs = REGISTRY_COMMANDS_N,
	},
	{
		.name = "user",
		.args = "ls|add|rm|passwd",
		.summary = "who may use holm over the network",
		.subs = user_commands,
		.n_subs = USER_COMMANDS_N,
	},
	{
		.name = "org",
		.args = "ls|add|rm|join|leave",
		.summary = "organizations, which see nothing of each other, and their members",
		.subs = org_commands,
		.n_subs = ORG_COMMANDS_N,
	},
	{
		.name = "token",
		.args = "create|ls|rm|rotate",
		.summary = "tokens of machines, and the key that signs those of users",
		.subs = token_commands,
		.n_subs = TOKEN_COMMANDS_N,
	},
	{
		.name = "audit",
		.args = "",
		.summary = "tell who changed what, when and from where, and who was refused",
		.options = audit_options,
		.n_options = ARRAY_LEN(audit_options),
		.run = run_audit,
	},
	{
		.name = "down",
		.args = "",
		.summary = "stop everything that runs here, and holm",
		.details =
			"Removes instances and all that holm has set up on this machine, and keeps what is\n"
			"wished: `holm up` brings it back. A stopped or killed holm leaves instances running;\n"
			"this works then, too.\n",
		.options = down_options,
		.n_options = ARRAY_LEN(down_options),
		.run = run_down,
		.needs_whole = true,
	},
	{
		.name = "version",
		.args = "",
		.summary = "print the versions of this program and of the holm that runs",
		.run = run_version,
	},
	{
		.name = "help",
		.args = "[COMMAND]",
		.summary = "explain a command, or list them",
		.max_args = 2,
		.run = run_help,
		.needs_whole = true,
	},
};

const struct cli_command *command_at(const struct cli_extension *extension, size_t index)
{
	size_t n_extra = extension ? extension->n_commands : 0;

	/* The daemon's come first: nothing works before one of them has. */
	if (index < n_extra)
		return &extension->commands[index];
	index -= n_extra;
	return index < ARRAY_LEN(commands) ? &commands[index] : NULL;
}

const struct cli_command *command_find(const struct cli_extension *extension, const char *name)
{
	const struct cli_command *command;

	for (size_t i = 0; (command = command_at(extension, i)); i++)
		if (str_eq(command->name, name))
			return command;
	return NULL;
}

const char *command_nearest(const struct cli_extension *extension, const char *name)
{
	const char *names[64];
	size_t n = 0;

	for (const struct cli_command *c; n < ARRAY_LEN(names) && (c = command_at(extension, n));)
		names[n++] = c->name;
	return str_nearest(name, names, n);
}

/* Behind "image " of "image ls". */
static const char *second_word(const struct cli_command *command, const struct cli_command *sub)
{
	return sub->name + strlen(command->name) + 1;
}

const struct cli_command *command_find_sub(const struct cli_command *command, const char *word)
{
	for (size_t i = 0; i < command->n_subs; i++)
		if (str_eq(second_word(command, &command->subs[i]), word))
			return &command->subs[i];
	return NULL;
}
