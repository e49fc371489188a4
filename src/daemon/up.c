/* Options of `holm up`; in the foreground or as a process of its own. */
#include <fcntl.h>
#include <limits.h>
#include <poll.h>
#include <sys/stat.h>

#include "base/base.h"
#include "daemon/build.h"
#include "daemon/copy.h"
#include "daemon/listen.h"
#include "daemon/roles.h"
#include "daemon/up.h"
#include "loop/child.h"
#include "server/server.h"
#include "wire/http_client/http_client.h"

#define IMAGE_GC_HIGH       85
#define IMAGE_GC_LOW        80
#define WARM_MEMORY_MIB     "256"
#define WARM_MEMORY_MAX_MIB (1u << 24)
#define USERS_LEAST         65536 /* below are people, services and nobody */
#define READY_WITHIN_MS     90000
#define GONE_WITHIN_MS      10000
#define LOG_KEPT_MAX        (4 << 20)
#define CLUSTER_NAME_MAX    63
#define NOTIFY_FD           "3" /* where child_spawn() puts the first kept descriptor */

static const struct cli_option up_options[] = {
	{ "detach", 'd', NULL, "run in the background; returns when ready" },
	{ "image-root", 0, "DIR",
	  "where oci:, oci-archive: and file: images may lie "
	  "(default DATA_DIR/images)" },
	{ "insecure-registry", 0, "HOST[:PORT],…", "registries spoken to by plain HTTP" },
	{ "volume-root", 0, "DIR",
	  "volumes may be paths of this host below DIR (default: none may)" },
	{ "csi", 0, "NAME=SOCKET,…", "storage drivers (CSI node plugins) and their unix sockets" },
	{ "overcommit", 0, "KIND=FACTOR,…",
	  "how much of memory, cpu, pids and disk is promised: times what there is, or none for "
	  "without bound (default memory=1,pids=1,disk=1,cpu=none)" },
	{ "reserve", 0, "KIND=N,…",
	  "kept back from that: memory (MiB), cpu (cores), pids, disk (MiB)" },
	{ "allow-default-password", 0, NULL,
	  "take the password of user Admin that everybody knows, which is Admin until it is changed, "
	  "from other machines too (default: from this one alone)" },
	{ "tls-certificate", 0, "FILE",
	  "certificate of the API on https://ADDRESS:PORT, with those that lead to its issuer (PEM); "
	  "read again when it changes (default: the server is its own authority, DATA_DIR/tls)" },
	{ "tls-key", 0, "FILE", "its private key (PEM), for root alone to read" },
	{ "tls-name", 0, "NAME,…",
	  "further names and addresses that the server is called by, for its own authority" },
	{ "warm-memory", 0, "MIB",
	  "most memory of halted unikernels that wait for starts of `start: warm`, from what nobody is "
	  "promised (default 256, 0: none)" },
	{ "node-name", 0, "NAME", "name of this node (default: the host's)" },
	{ "cluster-name", 0, "NAME",
	  "name of this server and its nodes as a cluster (default " SERVER_CLUSTER_NAME ")" },
	{ "cluster-location", 0, "LAT,LON,RADIUS", "where it is, for maps; radius in km" },
	{ "namespace-pool", 0, "FIRST-LAST",
	  "addresses of instances (default " ROLES_NAMESPACE_POOL ")" },
	{ "service-pool", 0, "CIDR", "addresses of services (default " ROLES_SERVICE_POOL ")" },
	{ "unikernel-users", 0, "FIRST-LAST",
	  "numbers of users that each unikernel's QEMU gets one of to itself "
	  "(default " ROLES_UNIKERNEL_USERS ")" },
	{ "image-gc-high", 0, "PERCENT",
	  "of a disk: from here on unused images are pruned (default 85, 0: never)" },
	{ "image-gc-low", 0, "PERCENT", "down to here (default 80)" },
	{ "log-level", 0, "LEVEL", "error, warning, info or debug" },
	{ "notify-fd", 0, "N", "descriptor that is told when ready, or what is wrong" },
};

/* Tells a waiting parent, service manager or test how the start went. */
struct notify {
	int fd; /* -1: nobody */
};

static void on_ready(void *arg, const struct err *err)
{
	struct notify *notify = arg;

	if (err->code)
		log_error("not ready: %s", err->msg);
	else
		log_info("ready");
	if (notify->fd < 0)
		return;
	dprintf(notify->fd, "%s\n", err->code ? err->msg : "ready");
	close(notify->fd);
	notify->fd = -1;
}

/* Reads one line of the child's start; returns the exit code. */
static int wait_ready(const struct cli_call *call, int fd, const char *log_path)
{
	struct pollfd poll_fd = { .fd = fd, .events = POLLIN };
	char line[ERR_MSG_MAX] = "";

	if (poll(&poll_fd, 1, READY_WITHIN_MS) == 0)
		return cli_error(call, CLI_TIMEOUT, "not ready after %d s, see %s",
				 READY_WITHIN_MS / 1000, log_path);
	ssize_t n = read(fd, line, sizeof(line) - 1);
	if (n <= 0)
		return cli_error(call, CLI_FAILED, "it ended before it was ready, see %s",
				 log_path);
	line[strcspn(line, "\n")] = '\0';
	if (!str_eq(line, "ready"))
		return cli_error(call, CLI_FAILED, "%s", line);
	return CLI_OK;
}

static void add_option(struct strv *argv, const struct cli_call *call, const char *name)
{
	const char *value = cli_value(call, name);

	if (value)
		strv_addf(argv, "--%s=%s", name, value);
}

static void build_argv(struct strv *argv, const struct cli_call *call, const char *data_dir)
{
	static const char *const passed[] = {
		"image-root",      "insecure-registry", "node-name",    "namespace-pool",
		"service-pool",    "log-level",         "volume-root",  "csi",
		"image-gc-high",   "image-gc-low",      "overcommit",   "reserve",
		"unikernel-users", "warm-memory",       "cluster-name", "cluster-location",
		"tls-certificate", "tls-key",           "tls-name"
	};

	/* So that its command line tells what it is. */
	char *program = realpath("/proc/self/exe", NULL);

	strv_take(argv, program ? program : xstrdup("/proc/self/exe"));
	strv_add(argv, "up");
	strv_addf(argv, "--data-dir=%s", data_dir);
	if (call->api)
		strv_addf(argv, "--api=%s", call->api);
	for (size_t i = 0; i < ARRAY_LEN(passed); i++)
		add_option(argv, call, passed[i]);
	if (cli_value(call, "allow-default-password"))
		strv_add(argv, "--allow-default-password");
	strv_add(argv, "--notify-fd=" NOTIFY_FD);
}

/* A log that nobody reads must not fill the disk. */
static void turn_log(const char *path)
{
	struct stat st;
	auto_free char *older = xasprintf("%s.1", path);

	if (stat(path, &st) == 0 && st.st_size > LOG_KEPT_MAX)
		rename(path, older);
}

static int detach(const struct cli_call *call)
{
	char data_dir[PATH_MAX];
	auto_strv struct strv argv = { 0 };
	struct proc_id proc;
	struct err err;
	int ends[2];

	if (dir_make(call->data_dir, 0711, &err) < 0)
		return cli_error(call, CLI_FAILED, "%s", err.msg);
	if (!realpath(call->data_dir, data_dir) || pipe2(ends, O_CLOEXEC) < 0)
		return cli_error(call, CLI_FAILED, "%s: %s", call->data_dir, strerror(errno));
	auto_close int from_child = ends[0];
	auto_close int to_us = ends[1];
	auto_free char *log_path = path_join(data_dir, "holm.log");
	turn_log(log_path);
	build_argv(&argv, call, data_dir);
	struct child_spec spec = {
		.argv = argv.items,
		.env = environ,
		.output_path = log_path,
		.keep_fds = &to_us,
		.n_keep_fds = 1,
		.is_detached = true,
	};
	if (child_spawn(&spec, &proc, &err) < 0)
		return cli_error(call, CLI_FAILED, "start in the background: %s", err.msg);
	close(TAKE_FD(to_us));
	int code = wait_ready(call, from_child, log_path);
	/* What failed has told so before its end; until that, it holds the data directory. */
	if (code == CLI_FAILED)
		proc_wait(&proc, GONE_WITHIN_MS, &err);
	if (code == CLI_OK)
		fprintf(call->out, "holm runs in the background (process %d), log in %s\n",
			(int)proc.pid, log_path);
	return code;
}

/* The low mark follows a high one that is below its default. */
static int parse_marks(const struct cli_call *call, struct roles_options *options)
{
	uint32_t high, low;

	if (cli_number(call, "image-gc-high", IMAGE_GC_HIGH, &high) < 0 ||
	    cli_number(call, "image-gc-low", high < IMAGE_GC_LOW ? high : IMAGE_GC_LOW, &low) < 0)
		return CLI_USAGE;
	if (high > 100 || low > (high ? high : 100))
		return cli_error(
			call, CLI_USAGE,
			"--image-gc-high %u, --image-gc-low %u: expected percents, the low "
			"mark at most the high one",
			high, low);
	options->image_gc_high = high;
	options->image_gc_low = low;
	return CLI_OK;
}

static const char *value_or(const struct cli_call *call, const char *name, const char *otherwise)
{
	const char *value = cli_value(call, name);

	return value ? value : otherwise;
}

static int parse_users(const struct cli_call *call, struct roles_options *options)
{
	const char *text = value_or(call, "unikernel-users", ROLES_UNIKERNEL_USERS);
	const char *dash = strchr(text, '-');
	auto_free char *first = xstrndup(text, dash ? (size_t)(dash - text) : 0);
	uint32_t last;

	if (!dash || parse_u32(first, USERS_LEAST, UINT32_MAX - 2, &options->first_user) < 0 ||
	    parse_u32(dash + 1, options->first_user, UINT32_MAX - 2, &last) < 0)
		return cli_error(call, CLI_USAGE,
				 "--unikernel-users %s: expected FIRST-LAST, both from %u up", text,
				 USERS_LEAST);
	options->n_users = last - options->first_user + 1;
	return CLI_OK;
}

static int set_log_level(const struct cli_call *call)
{
	const char *name = cli_value(call, "log-level");
	enum log_level level;

	if (!name)
		return 0;
	if (log_level_parse(name, &level) < 0)
		return cli_error(call, CLI_USAGE,
				 "--log-level %s: expected error, warning, info or debug", name);
	log_set_level(level);
	return 0;
}

static int parse_resources(const struct cli_call *call, struct roles_options *options)
{
	struct resource_settings *ret = &options->resources;
	const char *warm = value_or(call, "warm-memory", WARM_MEMORY_MIB);
	struct err err;

	if (parse_u32(warm, 0, WARM_MEMORY_MAX_MIB, &options->warm_mib) < 0)
		return cli_error(call, CLI_USAGE, "--warm-memory %s: expected MiB, 0 to %u", warm,
				 WARM_MEMORY_MAX_MIB);
	if (resources_parse_overcommit(cli_value(call, "overcommit"), ret, &err) < 0)
		return cli_error(call, CLI_USAGE, "--overcommit %s", err.msg);
	if (resources_parse_reserve(cli_value(call, "reserve"), ret, &err) < 0)
		return cli_error(call, CLI_USAGE, "--reserve %s", err.msg);
	return 0;
}

/* As JSON has it, without an exponent. */
static bool is_decimal(const char *text)
{
	static const char digits[] = "0123456789";

	text += *text == '-';
	size_t n = strspn(text, digits);
	if (!n || !text[n])
		return n;
	text += n + 1;
	n = strspn(text, digits);
	return text[-1] == '.' && n && !text[n];
}

/* A name that constraints can list, and what a map can show. */
static int check_cluster(const struct cli_call *call)
{
	static const char letters[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				      "0123456789._-";
	const char *name = value_or(call, "cluster-name", SERVER_CLUSTER_NAME);
	const char *location = value_or(call, "cluster-location", "0,0,0");
	auto_strv struct strv parts = { 0 };
	bool is_good = true;

	if (!*name || strlen(name) > CLUSTER_NAME_MAX || strspn(name, letters) != strlen(name))
		return cli_error(call, CLI_USAGE,
				 "--cluster-name %s: expected 1 to %d letters, digits and any of "
				 "._-",
				 name, CLUSTER_NAME_MAX);
	strv_split(&parts, location, ",");
	for (size_t i = 0; i < parts.n; i++)
		is_good &= is_decimal(parts.items[i]);
	if (parts.n == 3 && is_good)
		return CLI_OK;
	return cli_error(call, CLI_USAGE,
			 "--cluster-location %s: expected LAT,LON,RADIUS such as 48.1,11.5,10",
			 location);
}

/* Everything that can be wrong with them, so that it is told before a daemon is begun. */
static int parse_options(const struct cli_call *call, struct roles_options *options,
			 char **ret_address)
{
	int code = parse_marks(call, options);

	if (code == CLI_OK)
		code = check_cluster(call);
	if (code == CLI_OK)
		code = parse_users(call, options);
	if (code == CLI_OK)
		code = listen_parse(call, options, ret_address);
	return code == CLI_OK ? parse_resources(call, options) : code;
}

static int run(const struct cli_call *call, int notify_fd)
{
	char data_dir[PATH_MAX];
	auto_free char *address = NULL;
	struct notify notify = { .fd = notify_fd };
	struct roles_options options = {
		.image_root = cli_value(call, "image-root"),
		.volume_root = cli_value(call, "volume-root"),
		.node_name = cli_value(call, "node-name"),
		.allow_default_password = cli_value(call, "allow-default-password"),
		.cluster_name = cli_value(call, "cluster-name"),
		.cluster_location = cli_value(call, "cluster-location"),
		.namespace_pool = value_or(call, "namespace-pool", ROLES_NAMESPACE_POOL),
		.service_pool = value_or(call, "service-pool", ROLES_SERVICE_POOL),
		.resources = RESOURCE_SETTINGS_DEFAULT,
		.ready = on_ready,
		.arg = &notify,
	};
	struct err err;

	int code = parse_options(call, &options, &address);
	if (code)
		return code;
	options.api_address = address;
	strv_split(&options.tls_names, value_or(call, "tls-name", ""), ",");
	strv_split(&options.insecure, value_or(call, "insecure-registry", ""), ",");
	strv_split(&options.csi, value_or(call, "csi", ""), ",");
	/* Absolute, since children and kernel records refer to it from elsewhere. */
	int r = dir_make(call->data_dir, 0711, &err);
	if (r == 0 && !realpath(call->data_dir, data_dir))
		r = err_errno(&err, "%s", call->data_dir);
	options.data_dir = data_dir;
	if (r == 0)
		r = roles_run(&options, &err);
	strv_fini(&options.tls_names);
	strv_fini(&options.insecure);
	strv_fini(&options.csi);
	if (r == 0)
		return CLI_OK;
	if (notify.fd >= 0)
		on_ready(&notify, &err);
	return cli_error(call, CLI_FAILED, "%s", err.msg);
}

static int up(const struct cli_call *call)
{
	struct roles_options checked = { .resources = RESOURCE_SETTINGS_DEFAULT };
	auto_free char *address = NULL;
	uint32_t notify_fd;

	if (geteuid() != 0)
		return cli_error(call, CLI_FAILED, "up: needs root (namespaces, bridge, runtimes)");
	if (set_log_level(call) || cli_number(call, "notify-fd", UINT32_MAX, &notify_fd) < 0)
		return CLI_USAGE;
	if (parse_options(call, &checked, &address))
		return CLI_USAGE;
	if (cli_value(call, "detach"))
		return detach(call);
	return run(call, notify_fd > INT_MAX ? -1 : (int)notify_fd);
}

/* What a daemon would do on `down`, done by this process. */
static int down_offline(const struct cli_call *call, bool is_purge)
{
	char data_dir[PATH_MAX];
	struct roles_options options = {
		.data_dir = data_dir,
		.namespace_pool = ROLES_NAMESPACE_POOL,
		.service_pool = ROLES_SERVICE_POOL,
		.is_going_down = true,
		.is_purge = is_purge,
	};
	struct err err;

	if (geteuid() != 0)
		return cli_error(call, CLI_FAILED, "down: needs root");
	if (!realpath(call->data_dir, data_dir)) {
		fprintf(call->out, "nothing to take down: %s does not exist\n", call->data_dir);
		return CLI_OK;
	}
	log_set_level(LOG_LEVEL_WARNING);
	if (roles_run(&options, &err) < 0)
		return cli_error(call, CLI_FAILED, "%s", err.msg);
	fprintf(call->out, "everything is down\n");
	return CLI_OK;
}

static const struct cli_command commands[] = {
	{
		.name = "up",
		.args = "",
		.summary = "run a server and a worker on this machine",
		.details = "Keeps its state below --data-dir and answers on --api ADDRESS:PORT\n"
			   "(default 127.0.0.1:10000), or with TLS on --api https://ADDRESS:PORT.\n"
			   "SIGTERM and Ctrl-C end holm itself:\n"
			   "instances go on and are adopted by the next `holm up`.\n",
		.options = up_options,
		.n_options = ARRAY_LEN(up_options),
		.run = up,
	},
};

const struct cli_extension up_extension = {
	.commands = commands,
	.n_commands = ARRAY_LEN(commands),
	.down_offline = down_offline,
	.perform = http_client_perform,
	.upgrade = http_client_upgrade,
	.pack = copy_pack,
	.unpack = copy_unpack,
	.build = build_unikernel,
};
