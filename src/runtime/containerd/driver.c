/* The containerd driver: containers through containerd's API, any OCI runtime below it. */
#include "base/base.h"
#include "loop/loop.h"
#include "runtime/containerd/driver.h"
#include "runtime/containerd/exec/exec.h"
#include "runtime/containerd/image/image.h"
#include "wire/grpc/grpc.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

struct client client_open(struct driver *driver, const struct cancel *cancel)
{
	struct grpc_conn *conn = NULL;

	for (size_t i = 0; !conn && i < CONNS_MAX; i++)
		conn = atomic_exchange(&driver->conns[i], NULL);
	if (!conn)
		conn = grpc_conn_new(driver->socket);
	daemon_revive(driver, conn);
	return (struct client){ .driver = driver,
				.api = { .grpc = conn,
					 .ns = NAMESPACE,
					 .snapshotter = SNAPSHOTTER,
					 .timeout_ms = CALL_MS,
					 .cancel = cancel } };
}

void client_close(struct client *client)
{
	struct grpc_conn *conn = TAKE(client->api.grpc);

	for (size_t i = 0; conn && i < CONNS_MAX; i++) {
		struct grpc_conn *none = NULL;

		if (atomic_compare_exchange_strong(&client->driver->conns[i], &none, conn))
			conn = NULL;
	}
	grpc_conn_free(conn);
}

void client_drop_idle(struct driver *driver)
{
	for (size_t i = 0; i < CONNS_MAX; i++)
		grpc_conn_free(atomic_exchange(&driver->conns[i], NULL));
}

struct containerd client_with(const struct client *client, unsigned timeout_ms,
			      const struct cancel *cancel)
{
	struct containerd api = client->api;

	api.timeout_ms = timeout_ms;
	api.cancel = cancel;
	return api;
}

int check_cancel(const struct runtime_ctx *ctx, struct err *err)
{
	if (ctx && cancel_is_set(ctx->cancel))
		return err_set(err, -ECANCELED, "cancelled");
	return 0;
}

void tell_phase(const struct runtime_ctx *ctx, const char *phase, uint64_t done, uint64_t total)
{
	if (ctx && ctx->progress)
		ctx->progress(ctx->arg, phase, done, total);
}

static void driver_close(void *state)
{
	struct driver *d = state;

	client_drop_idle(d);
	pthread_mutex_destroy(&d->lock);
	strv_fini(&d->starting);
	oci_runtimes_fini(&d->runtimes);
	strv_fini(&d->fetching);
	image_configs_fini(&d->configs);
	free(d->node_id);
	free(d->dir);
	free(d->helper);
	free(d->shim);
	free(d->instances_dir);
	free(d->cgroup_parent);
	free(d->socket);
	free(d->daemon_dir);
	free(d->state_dir);
	free(d->runtime_root);
	free(d);
}

/* Without swap accounting in the kernel, runc fails to set a limit; on v2 it copes. */
static bool has_swap_limit(const struct cgroup_fs *fs)
{
	auto_free char *file = path_join(fs->root, "memory/memory.memsw.limit_in_bytes");

	return fs->layout == CGROUP_V2 || path_exists(file);
}

static int driver_open(const struct runtime_config *config, void **ret, struct err *err)
{
	struct driver *d = NEW(struct driver);

	pthread_mutex_init(&d->lock, NULL);
	d->node_id = xstrdup(config->node_id);
	d->dir = path_join(config->data_dir, "containerd");
	d->helper = xstrdup(config->helper_path);
	d->shim = xstrdup(config->shim_path);
	d->cgroup_parent = xstrdup(config->cgroup_parent);
	d->log_max = config->log_max_bytes;
	int r = dir_make(d->dir, 0711, err);
	if (r == 0)
		r = cgroup_detect(CGROUP_ROOT, &d->cgroups, err);
	if (r == 0)
		r = caps_prepare(d, config->runtimes_path, err);
	if (r == 0)
		r = daemon_open(d, config->containerd_address, err);
	if (r < 0) {
		driver_close(d);
		return r;
	}
	d->has_swap_limit = has_swap_limit(&d->cgroups);
	exec_sweep(d);
	*ret = d;
	return 0;
}

static int driver_shutdown(void *state, struct err *err)
{
	caps_clean(state);
	return daemon_shutdown(state, err);
}

const struct runtime_driver containerd_driver = {
	.name = "containerd",
	.caps = RUNTIME_CAP_IMAGES | RUNTIME_CAP_NETNS,
	.open = driver_open,
	.close = driver_close,
	.shutdown = driver_shutdown,
	.probe = caps_probe,
	.images = &image_store_ops,
	.has_image = image_has,
	.fetch = image_fetch,
	.start = container_start,
	.set_paused = container_set_paused,
	.terminate = instance_terminate,
	.stop = container_stop,
	.list = container_list,
	.stats = container_stats,
	.exec = &containerd_exec_ops,
};
