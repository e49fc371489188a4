/* Starting an instance: record, snapshot, task; all of it or nothing. */
#include <signal.h>
#include <sys/stat.h>

#include "base/base.h"
#include "base/disk.h"
#include "base/signals.h"
#include "runtime/containerd/driver.h"
#include "runtime/containerd/exec/exec.h"
#include "runtime/containerd/host.h"
#include "runtime/containerd/image/image.h"
#include "runtime/containerd/output.h"

#define SHIM "io.containerd.runc.v2"

/* One start. */
struct start {
	struct client *client;
	const struct runtime_spec *spec;
	const struct runtime_ctx *ctx;
	struct oci_image image;
	struct spec_host host;
	struct host_devices devices;
	struct spec_volume *volumes;
	struct containerd_mounts rootfs;
	struct containerd_record record;
	pid_t pid;
	char *chain;  /* snapshot of the image's layers */
	char *dir;    /* files of the instance */
	char *binary; /* OCI runtime, NULL: containerd's default */
	char *text;   /* OCI spec */
};

static void start_fini(struct start *s)
{
	oci_image_fini(&s->image);
	host_devices_fini(&s->devices);
	free(s->volumes);
	containerd_mounts_fini(&s->rootfs);
	containerd_record_fini(&s->record);
	free(s->chain);
	free(s->dir);
	free(s->binary);
	free(s->text);
}

/* False if another thread starts it at this moment. */
static bool starting_begin(struct driver *driver, const char *instance_id)
{
	pthread_mutex_lock(&driver->lock);
	bool is_free = !strv_has(&driver->starting, instance_id);
	if (is_free)
		strv_add(&driver->starting, instance_id);
	pthread_mutex_unlock(&driver->lock);
	return is_free;
}

static void starting_end(struct driver *driver, const char *instance_id)
{
	struct strv rest = { 0 };

	pthread_mutex_lock(&driver->lock);
	for (size_t i = 0; i < driver->starting.n; i++)
		if (!str_eq(driver->starting.items[i], instance_id))
			strv_add(&rest, driver->starting.items[i]);
	strv_fini(&driver->starting);
	driver->starting = rest;
	pthread_mutex_unlock(&driver->lock);
}

/* Not durable, and need not be: a start that was interrupted begins anew. */
static int write_file(const char *dir, const char *name, const char *text, struct err *err)
{
	auto_free char *path = path_join(dir, name);
	FILE *f = fopen(path, "we");

	if (!f)
		return err_errno(err, "create %s", path);
	bool is_written = fputs(text, f) >= 0 && fchmod(fileno(f), 0644) == 0;
	if (fclose(f) != 0 || !is_written)
		return err_errno(err, "write %s", path);
	return 0;
}

static int write_files(struct start *s, struct err *err)
{
	auto_free char *resolv = spec_resolv_conf(&s->spec->net);
	auto_free char *hosts = spec_hosts(s->spec);
	auto_free char *name = xasprintf("%s\n", spec_hostname(s->spec));
	int r = dir_make(s->dir, 0711, err);

	if (r == 0)
		r = write_file(s->dir, "resolv.conf", resolv, err);
	if (r == 0)
		r = write_file(s->dir, "hosts", hosts, err);
	if (r == 0)
		r = write_file(s->dir, "hostname", name, err);
	return r < 0 ? r : output_note(s->client->driver, s->dir, s->spec->log_path, err);
}

static int make_log_dir(const char *log_path, struct err *err)
{
	const char *slash = log_path ? strrchr(log_path, '/') : NULL;

	if (!slash || slash == log_path)
		return 0;
	auto_free char *dir = xstrndup(log_path, (size_t)(slash - log_path));
	return dir_make(dir, 0755, err);
}

static int look_at_host(struct start *s, struct err *err)
{
	int r = host_find_devices(s->spec->container, &s->devices, err);

	if (r == 0 && s->spec->is_privileged)
		r = host_list_devices("/dev", &s->devices, err);
	if (r < 0)
		return r;
	host_fill(s->client->driver, &s->host);
	s->host.instance_dir = s->dir;
	s->host.devices = s->devices.items;
	s->host.n_devices = s->devices.n;
	user_needs_files(spec_user(s->spec, &s->image), &s->host.user);
	return 0;
}

/* By digest: its name may lead to a newer image by now. */
static int load_image(struct start *s, struct err *err)
{
	auto_containerd_image struct containerd_image image = { 0 };
	const char *digest = s->spec->digest;
	int r = 0;

	if (str_is_empty(digest)) {
		r = containerd_image_get(&s->client->api, s->spec->image, &image, err);
		digest = image.digest;
	}
	if (r == 0)
		r = image_load(s->client, digest, &s->image, &s->chain, err);
	return r < 0 ? err_wrap(err, "use image %s", s->spec->image) : 0;
}

static int prepare(struct start *s, struct err *err)
{
	struct driver *d = s->client->driver;
	int r = caps_binary(d, s->spec->runtime, &s->binary, err);

	if (r == 0)
		r = load_image(s, err);
	if (r == 0)
		r = write_files(s, err);
	if (r == 0)
		r = make_log_dir(s->spec->log_path, err);
	if (r == 0)
		r = look_at_host(s, err);
	return r < 0 ? r : spec_build(s->spec, &s->image, &s->host, &s->text, err);
}

static int create_record(struct start *s, struct err *err)
{
	const struct runtime_spec *spec = s->spec;
	char incarnation[16];
	char generation[16];
	char stop_signal[16];
	int sig = SIGTERM;

	signal_parse(spec_stop_signal(spec, &s->image), &sig);
	snprintf(incarnation, sizeof(incarnation), "%u", spec->incarnation);
	snprintf(generation, sizeof(generation), "%u", spec->generation);
	snprintf(stop_signal, sizeof(stop_signal), "%d", sig);
	struct containerd_label labels[] = {
		{ LABEL_NODE, s->client->driver->node_id },
		{ LABEL_NAME, spec->name },
		{ LABEL_DIGEST, spec->digest },
		{ LABEL_RUNTIME, spec->runtime },
		{ LABEL_INCARNATION, incarnation },
		{ LABEL_GENERATION, generation },
		{ LABEL_STOP_SIGNAL, stop_signal },
	};
	struct containerd_container record = {
		.id = spec->instance_id,
		.labels = { labels, ARRAY_LEN(labels) },
		.image = spec->image,
		.runtime = atomic_load(&s->client->driver->takes_shim) ? s->client->driver->shim
								       : SHIM,
		.options = { s->binary, s->client->driver->runtime_root },
		.spec = s->text,
	};
	return containerd_container_create(&s->client->api, &record, &s->record, err);
}

static int create_snapshot(struct start *s, struct err *err)
{
	struct containerd_label label = { LABEL_NODE, s->client->driver->node_id };
	struct containerd_snapshot snapshot = { s->spec->instance_id, s->chain, { &label, 1 } };
	int r = containerd_snapshot_prepare(&s->client->api, &snapshot, &s->rootfs, err);

	if (r == -ENOENT)
		return err_wrap(err, "use image %s: its layers are incomplete", s->spec->image);
	return r;
}

/* Names are known to the image's files alone, which exist as mounts only now. */
static int find_user(struct start *s, const char *user, struct err *err)
{
	return user_needs_files(user, &s->host.user)
		       ? rootfs_user(&s->rootfs, user, &s->host.user, err)
		       : 0;
}

/* The device under the container's writable layer. */
static int find_disk(struct start *s, struct err *err)
{
	auto_free char *dir = rootfs_upper_dir(&s->rootfs);
	struct disk disk;

	if (!dir)
		return err_set(err, -ENOTSUP, "limit i/o: the container has no layer of its own");
	int r = disk_find("/sys", "/proc/self/mountinfo", dir, &disk, err);
	if (r < 0)
		return err_wrap(err, "limit i/o");
	s->host.disk_major = disk.major;
	s->host.disk_minor = disk.minor;
	return 0;
}

static bool is_read_only(const struct start *s)
{
	return s->spec->container && s->spec->container->is_read_only;
}

/* Owner and mode of the folders that are writable in a container that else is not. */
static void find_volumes(struct start *s)
{
	const struct strv *paths = &s->image.volumes;
	size_t n = 0;

	if (!is_read_only(s) || !paths->n)
		return;
	s->volumes = xcalloc(paths->n, sizeof(*s->volumes));
	for (size_t i = 0; i < paths->n; i++) {
		struct stat st;

		if (rootfs_find_folder(&s->rootfs, paths->items[i], &st))
			s->volumes[n++] = (struct spec_volume){ paths->items[i], st.st_mode & 07777,
								st.st_uid, st.st_gid };
	}
	s->host.volumes = s->volumes;
	s->host.n_volumes = n;
}

/* What only the snapshot shows: the record, which protects it from containerd's collector, came first. */
static int complete_spec(struct start *s, struct err *err)
{
	const char *user = spec_user(s->spec, &s->image);
	bool has_io = s->spec->container && !sla_io_is_empty(&s->spec->container->io);
	struct oci_user ignored;
	int r = 0;

	if (!has_io && !user_needs_files(user, &ignored) && !is_read_only(s))
		return 0;
	find_volumes(s);
	r = find_user(s, user, err);
	if (r == 0 && has_io)
		r = find_disk(s, err);
	if (r < 0)
		return r;
	free(TAKE(s->text));
	r = spec_build(s->spec, &s->image, &s->host, &s->text, err);
	if (r < 0)
		return r;
	return containerd_container_set_spec(&s->client->api, s->spec->instance_id, s->text, err);
}

static int open_stdio(const struct start *s, struct stdio *ret, struct err *err)
{
	auto_free char *target = NULL;

	if (!stdio_is_wanted(s->spec))
		return 0;
	target = output_target(s->client->driver, s->spec->log_path);
	return stdio_open(s->client->driver, s->spec, target, ret, err);
}

/* Not cancelled half-way: a runtime that is broken off may go on for a while and make what we have
 * just cleaned up. */
static int create_task(struct start *s, struct err *err)
{
	struct containerd api = client_with(s->client, START_MS, NULL);
	auto_free char *output = output_uri(s->client->driver, s->spec->log_path);
	struct stdio stdio = STDIO_NONE;
	struct containerd_task task = {
		.id = s->spec->instance_id,
		.rootfs = &s->rootfs,
		.output = output,
		.error = output,
		.options = { s->binary, s->client->driver->runtime_root },
	};
	int r = open_stdio(s, &stdio, err);

	if (stdio.out) {
		task.input = stdio.in;
		task.output = stdio.out;
		task.error = stdio.err;
		task.is_terminal = s->spec->container->has_terminal;
	}
	if (r == 0)
		r = containerd_task_create(&api, &task, &s->pid, err);
	stdio_close(&stdio);
	if (r == 0)
		r = check_cancel(s->ctx, err);
	return r < 0 ? r : containerd_task_start(&api, s->spec->instance_id, err);
}

static int start_steps(struct start *s, struct err *err)
{
	int r = prepare(s, err);

	tell_phase(s->ctx, "creating", 0, 0);
	if (r == 0)
		r = check_cancel(s->ctx, err);
	if (r == 0)
		r = create_record(s, err);
	if (r == 0)
		r = create_snapshot(s, err);
	if (r == 0)
		r = complete_spec(s, err);
	if (r == 0)
		r = check_cancel(s->ctx, err);
	if (r < 0)
		return r;
	tell_phase(s->ctx, "starting", 0, 0);
	return create_task(s, err);
}

static int start_new(struct client *client, const struct runtime_spec *spec,
		     const struct runtime_ctx *ctx, struct runtime_status *ret, struct err *err)
{
	struct start s = { .client = client,
			   .spec = spec,
			   .ctx = ctx,
			   .dir = container_dir(client->driver, spec->instance_id) };
	struct err cleanup;
	int r = start_steps(&s, err);

	if (r == 0)
		container_started(client, &s.record, s.pid, ret);
	start_fini(&s);
	if (r < 0 && container_remove(client, spec->instance_id, &cleanup) < 0)
		log_debug("after a failed start: %s", cleanup.msg);
	return r;
}

/* 1: it runs already as wanted, 0: nothing of it is there. */
static int settle_existing(struct client *client, const struct runtime_spec *spec,
			   struct runtime_status *ret, struct err *err)
{
	struct runtime_status found;
	int r = container_find(client, spec->instance_id, &found, NULL, err);

	if (r == 0)
		return daemon_remove_bundle(client->driver, spec->instance_id, err);
	if (r < 0)
		return r;
	if (found.phase == RUNTIME_RUNNING && found.incarnation != spec->incarnation)
		return err_set(err, -EEXIST, "incarnation %u runs already, not %u",
			       found.incarnation, spec->incarnation);
	if (found.phase == RUNTIME_RUNNING) {
		*ret = found;
		return 1;
	}
	return container_remove(client, spec->instance_id, err);
}

int container_start(void *state, const struct runtime_spec *spec, const struct runtime_ctx *ctx,
		    struct runtime_status *ret, struct err *err)
{
	auto_client struct client client = client_open(state, ctx ? ctx->cancel : NULL);
	struct runtime_status status = { 0 };

	if (!starting_begin(state, spec->instance_id))
		return err_set(err, -EBUSY, "start container %s: it is being started",
			       spec->instance_id);
	int r = settle_existing(&client, spec, &status, err);
	if (r == 0)
		r = start_new(&client, spec, ctx, &status, err);
	starting_end(state, spec->instance_id);
	if (r < 0)
		return err_wrap(err, "start container %s", spec->instance_id);
	*ret = status;
	return 0;
}
