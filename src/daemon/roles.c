/* Building the roles, running the loop, taking them apart again in the right order. */
#include <signal.h>

#include "api/api.h"
#include "base/cgroup.h"
#include "base/secret.h"
#include "daemon/authority.h"
#include "daemon/hook.h"
#include "daemon/keeper.h"
#include "daemon/roles.h"
#include "loop/loop.h"
#include "server/server.h"
#include "wire/certificate/certificate.h"
#include "wire/stream.h"
#include "worker/worker.h"

#define LOG_MAX_BYTES     (2u << 20)
#define ARCHIVE_MAX_BYTES (4ull << 30)
#define IDLE_CHECK_MS     5
#define CGROUP_ROOT       "/sys/fs/cgroup"

struct roles {
	const struct roles_options *options;
	struct host_facts host;
	char node_id[ID_SIZE];
	char cgroup_parent[32];
	char *token;
	char *helper_path;
	char *shim_path;
	char *socket;
	char *server_db;
	char *server_key;
	char *server_keys;
	char *worker_key;
	char *tls_dir;
	char *ca_file;
	char secrets_root[48];
	char *worker_dir;
	char *worker_db;
	char *overlay_dir;
	char *runtimes_path;
	char *image_dir;
	char *image_root;
	char *registries_file;
	char *credentials_file;
	struct loop *loop;
	struct bus *bus;
	struct stream_hub *streams;
	struct server *server;
	struct worker *worker;
	struct api *api;
	struct keeper *keeper; /* of its certificate; NULL: without TLS */
	bool is_purge;
	api_done_fn down_done;
	void *down_arg;
	bool is_down;      /* all of it */
	struct err result; /* of starting, or of going down */
};

static void on_signal(void *arg, int signum)
{
	struct roles *roles = arg;

	log_info("signal %d: leaving, instances go on", signum);
	loop_stop(roles->loop);
}

/* A node that cannot work is no node: the process ends with the reason. */
static void on_ready(void *arg, const struct err *err)
{
	struct roles *roles = arg;

	if (roles->options->is_going_down)
		return;
	if (roles->options->ready)
		roles->options->ready(roles->options->arg, err);
	if (!err->code)
		return;
	roles->result = *err;
	loop_stop(roles->loop);
}

/* The answer to the request that took us down has to leave first. */
static void on_idle_check(void *arg)
{
	struct roles *roles = arg;

	if (!roles->api || api_is_flushed(roles->api))
		loop_stop(roles->loop);
	else
		timer_start(roles->loop, IDLE_CHECK_MS, on_idle_check, roles);
}

/* The group above those of the instances, which both runtimes share. */
static int remove_cgroup(const struct roles *roles, struct err *err)
{
	struct cgroup_fs fs;

	if (cgroup_detect(CGROUP_ROOT, &fs, err) < 0 || fs.layout == CGROUP_NONE)
		return 0;
	return cgroup_remove(&fs, roles->cgroup_parent, err);
}

/* All instances are in one group: on each processor they weigh as much as any process there, and not on
 * all of them together (decision 0035). */
static void weigh_instances(const struct roles *roles)
{
	struct cgroup_fs fs;
	struct err err;

	if (roles->options->is_going_down || cgroup_detect(CGROUP_ROOT, &fs, &err) < 0)
		return;
	if (cgroup_weigh(&fs, roles->cgroup_parent, roles->host.cpus, &err) < 0)
		log_warning("instances together weigh as much as one process: %s", err.msg);
}

static void on_down(void *arg, const struct err *err)
{
	struct roles *roles = arg;

	roles->result = *err;
	roles->is_down = err->code == 0 && remove_cgroup(roles, &roles->result) == 0;
	if (roles->is_down)
		log_info("everything is down");
	else
		log_error("down: %s", roles->result.msg);
	if (roles->down_done)
		roles->down_done(roles->down_arg, &roles->result);
	on_idle_check(roles);
}

static void down(void *arg, bool is_purge, api_done_fn done, void *done_arg)
{
	struct roles *roles = arg;
	struct err err;

	if (roles->down_done) {
		err_set(&err, -EALREADY, "down: already on the way");
		done(done_arg, &err);
		return;
	}
	log_info("going down");
	roles->is_purge = is_purge;
	roles->down_done = done;
	roles->down_arg = done_arg;
	worker_down_begin(roles->worker, on_down, roles);
}

static int make_paths(struct roles *roles, struct err *err)
{
	const char *dir = roles->options->data_dir;
	const char *root = roles->options->image_root;

	roles->socket = path_join(dir, "holm.sock");
	roles->server_db = path_join(dir, "server.db");
	roles->server_key = path_join(dir, "secrets.key");
	roles->server_keys = path_join(dir, "token-keys");
	roles->tls_dir = path_join(dir, "tls");
	roles->ca_file = path_join(roles->tls_dir, AUTHORITY_CA);
	roles->worker_dir = path_join(dir, "worker");
	roles->worker_db = path_join(roles->worker_dir, "worker.db");
	roles->worker_key = path_join(roles->worker_dir, "secrets.key");
	roles->overlay_dir = path_join(dir, "overlay");
	roles->runtimes_path = path_join(dir, "runtimes.json");
	roles->image_dir = path_join(dir, "unikernels");
	roles->image_root = root ? xstrdup(root) : path_join(dir, "images");
	roles->registries_file = path_join(dir, "registries.json");
	roles->credentials_file = path_join(dir, "registry-credentials.json");
	auto_free char *logs = path_join(roles->worker_dir, "logs");
	const char *const dirs[] = { logs, roles->overlay_dir, roles->image_dir };
	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		int r = dir_make(dirs[i], 0700, err);

		if (r < 0)
			return r;
	}
	return root ? 0 : dir_make(roles->image_root, 0755, err);
}

static int prepare(struct roles *roles, struct err *err)
{
	const char *dir = roles->options->data_dir;
	int r = make_paths(roles, err);

	if (r == 0)
		r = host_node_id(dir, roles->node_id, err);
	if (r == 0)
		r = host_token(dir, &roles->token, err);
	if (r == 0)
		r = host_program_path("holm-helper", &roles->helper_path, err);
	if (r == 0)
		r = host_program_path("holm-shim", &roles->shim_path, err);
	snprintf(roles->cgroup_parent, sizeof(roles->cgroup_parent), "holm-%.8s", roles->node_id);
	snprintf(roles->secrets_root, sizeof(roles->secrets_root), "/run/holm-%.8s/secrets",
		 roles->node_id);
	host_look(&roles->host);
	return r;
}

static int start_server(struct roles *roles, struct err *err)
{
	struct server_config config = {
		.loop = roles->loop,
		.bus = roles->bus,
		.store = &store_sqlite,
		.store_where = roles->server_db,
		.namespace_pool = roles->options->namespace_pool,
		.service_pool = roles->options->service_pool,
		.own_port = roles->options->api_port,
		.cluster_id = roles->node_id,
		.cluster_name = roles->options->cluster_name,
		.cluster_location = roles->options->cluster_location,
		.key_path = roles->server_key,
		.keys_dir = roles->server_keys,
		.call_hook = hook_post,
	};

	roles->server = server_new(&config, err);
	return roles->server ? 0 : err->code;
}

static int start_worker(struct roles *roles, struct err *err)
{
	const struct roles_options *o = roles->options;
	struct runtime_config runtime = {
		.node_id = roles->node_id,
		.data_dir = roles->worker_dir,
		.helper_path = roles->helper_path,
		.shim_path = roles->shim_path,
		.cgroup_parent = roles->cgroup_parent,
		.runtimes_path = roles->runtimes_path,
		.log_max_bytes = LOG_MAX_BYTES,
		.first_user = o->first_user,
		.n_users = o->n_users,
	};
	const struct resources capacity = { roles->host.memory_mib,
					    1000 * (uint64_t)roles->host.cpus, roles->host.pids,
					    host_disk_mib(roles->worker_dir) };
	struct worker_config config = {
		.loop = roles->loop,
		.bus = roles->bus,
		.streams = roles->streams,
		.store = &store_sqlite,
		.store_where = roles->worker_db,
		.overlay = &overlay_linux,
		.overlay_config = { .node_id = roles->node_id,
				    .state_dir = roles->overlay_dir,
				    .namespace_pool = o->namespace_pool,
				    .service_pool = o->service_pool,
				    .domain = "holm" },
		.runtimes = { { &containerd_driver, runtime }, { &qemu_driver, runtime } },
		.n_runtimes = 2,
		.images = { .store_dir = roles->image_dir,
			    .local_root = roles->image_root,
			    .insecure = o->insecure,
			    .archive_max = ARCHIVE_MAX_BYTES,
			    .registries_file = roles->registries_file,
			    .credentials_file = roles->credentials_file },
		.image_gc_high = o->image_gc_high,
		.image_gc_low = o->image_gc_low,
		.volumes = { .host_root = o->volume_root, .csi = &o->csi },
		.data_dir = roles->worker_dir,
		.secrets = { .root = roles->secrets_root },
		.value_key_path = roles->worker_key,
		.node_id = roles->node_id,
		.hostname = o->node_name ? o->node_name : roles->host.hostname,
		.address = roles->host.address,
		.arch = roles->host.arch,
		.cpus = roles->host.cpus,
		.memory_mib = roles->host.memory_mib,
		.pids = roles->host.pids,
		.disk_mib = capacity.disk_mib,
		.offer = resources_offer(&capacity, &o->resources),
		.warm_mib = o->warm_mib,
		.ready = on_ready,
		.arg = roles,
	};

	weigh_instances(roles);
	roles->worker = worker_new(&config, err);
	return roles->worker ? 0 : err->code;
}

/* Anybody on the way can read what goes over the network, tokens too. */
static void warn_of_readers(const struct roles_options *o)
{
	if (!o->is_tls && !str_starts(o->api_address, "127.") && !str_eq(o->api_address, "::1"))
		log_warning("the API on %s port %u is without TLS: tokens and passwords can be "
			    "read on the way (--api https://ADDRESS:PORT)",
			    o->api_address, o->api_port);
}

static int show_certificate(void *arg, const struct secret *certificates, const struct secret *key,
			    struct err *err)
{
	return api_set_identity(((struct roles *)arg)->api, certificates, key, err);
}

static void tell_certificate(const struct roles *roles, const struct secret *certificates)
{
	const struct roles_options *o = roles->options;
	auto_certificate_facts struct certificate_facts facts = { 0 };
	struct err err;

	if (certificate_read(certificates, &facts, &err) == 0)
		log_info("certificate of the API: %s%s, key %s",
			 o->tls_certificate ? "" : "issued by ",
			 o->tls_certificate ? o->tls_certificate : roles->ca_file, facts.pin);
}

static int load_certificate(struct roles *roles, struct secret *ret_certificates,
			    struct secret *ret_key, struct err *err)
{
	const struct roles_options *o = roles->options;
	const struct keeper_config config = {
		.loop = roles->loop,
		.certificate_file = o->tls_certificate,
		.key_file = o->tls_key,
		.authority_dir = o->tls_certificate ? NULL : roles->tls_dir,
		.authority_id = roles->node_id,
		.hostname = roles->host.hostname,
		.address = o->api_address,
		.more_names = &o->tls_names,
		.show = show_certificate,
		.arg = roles,
	};

	if (!o->is_tls)
		return 0;
	roles->keeper = keeper_new(&config);
	int r = keeper_load(roles->keeper, ret_certificates, ret_key, err);
	if (r == 0)
		tell_certificate(roles, ret_certificates);
	return r;
}

static int start_api(struct roles *roles, struct err *err)
{
	auto_secret struct secret certificates = { 0 };
	auto_secret struct secret key = { 0 };
	int r = load_certificate(roles, &certificates, &key, err);
	struct api_config config = {
		.loop = roles->loop,
		.server = roles->server,
		.streams = roles->streams,
		.address = roles->options->api_address,
		.port = roles->options->api_port,
		.socket = roles->socket,
		.certificates = roles->keeper ? &certificates : NULL,
		.key = roles->keeper ? &key : NULL,
		.token = roles->token,
		.version = HOLM_VERSION,
		.allow_default_password = roles->options->allow_default_password,
		.down = down,
		.arg = roles,
	};

	if (r < 0)
		return r;
	roles->api = api_new(&config, err);
	if (!roles->api)
		return err->code;
	if (roles->keeper)
		keeper_begin(roles->keeper);
	warn_of_readers(roles->options);
	return 0;
}

static int start(struct roles *roles, struct err *err)
{
	int r = prepare(roles, err);

	if (r < 0)
		return r;
	roles->loop = loop_new();
	roles->bus = bus_local_new(roles->loop);
	roles->streams = stream_hub_new();
	signal_watch(roles->loop, SIGTERM, on_signal, roles);
	signal_watch(roles->loop, SIGINT, on_signal, roles);
	if (roles->options->is_going_down) {
		r = start_worker(roles, err);
		if (r == 0)
			worker_down_begin(roles->worker, on_down, roles);
		return r;
	}
	/* The API first: an address in use is told before anything is touched. */
	r = start_server(roles, err);
	if (r == 0)
		r = start_api(roles, err);
	return r < 0 ? r : start_worker(roles, err);
}

static void stop(struct roles *roles)
{
	keeper_free(roles->keeper);
	api_free(roles->api);
	if (roles->bus)
		bus_free(roles->bus);
	if (roles->worker)
		worker_leave(roles->worker);
	server_leave(roles->server);
	if (roles->loop)
		loop_free(roles->loop);
	worker_free(roles->worker);
	server_free(roles->server);
	stream_hub_free(roles->streams);
	char *const strings[] = { roles->token,           roles->helper_path,
				  roles->shim_path,       roles->socket,
				  roles->server_db,       roles->worker_dir,
				  roles->worker_db,       roles->overlay_dir,
				  roles->runtimes_path,   roles->image_dir,
				  roles->image_root,      roles->registries_file,
				  roles->credentials_file };
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		free(strings[i]);
	free(roles->server_key);
	free(roles->server_keys);
	free(roles->worker_key);
	free(roles->tls_dir);
	free(roles->ca_file);
}

int roles_run(const struct roles_options *options, struct err *err)
{
	struct roles roles = { .options = options, .is_purge = options->is_purge };
	auto_close int lock = -1;
	int r = dir_make(options->data_dir, 0711, err);

	if (r == 0)
		r = lock = host_lock(options->data_dir, err);
	if (r < 0)
		return r;
	signal(SIGPIPE, SIG_IGN);
	r = start(&roles, err);
	if (r == 0)
		loop_run(roles.loop);
	stop(&roles);
	if (r == 0 && roles.result.code)
		r = err_copy(err, &roles.result);
	if (r == 0 && roles.is_purge && roles.is_down)
		r = path_remove(options->data_dir, err);
	return r;
}
