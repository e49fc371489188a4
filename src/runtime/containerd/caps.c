/* Which OCI runtimes work here: each one runs a container of one small program through containerd, in a
 * network namespace and with limits, as instances do. One proof takes up to a second, so a call makes
 * at most one, and the worker calls again. */
#include "base/base.h"
#include "base/clock.h"
#include "runtime/containerd/caps.h"
#include "runtime/containerd/image/image.h"
#include "runtime/containerd/probe/probe.h"
#include "wire/digest/digest.h"
#include "wire/netlink/netlink.h"

#define END_MS     10000
#define AGAIN_MS   250
#define EXEC_MS    10000
#define MEMORY_MIB 64
#define PIDS       64

int caps_prepare(struct driver *d, const char *runtimes_path, struct err *err)
{
	return oci_runtimes_load(runtimes_path, d->dir, &d->runtimes, err);
}

int caps_binary(const struct driver *d, const char *word, char **ret_binary, struct err *err)
{
	const struct oci_runtime *runtime = oci_runtimes_find(&d->runtimes, word);

	if (!runtime)
		return err_set(err, -ENOTSUP, "find runtime %s: it is not on this node",
			       str_is_empty(word) ? "docker" : word);
	*ret_binary = runtime->binary ? xstrdup(runtime->binary) : NULL;
	return 0;
}

/* An id that no instance has, the same at each probe, so that a broken-off one is found again. */
static void probe_id(const struct driver *d, const char *name, char out[ID_SIZE])
{
	auto_free char *text = xasprintf("probe %s %s", d->node_id, name);
	char digest[DIGEST_TEXT_MAX];

	digest_of(text, strlen(text), digest);
	str_copy(out, ID_SIZE, strchr(digest, ':') + 1);
}

static char *netns_path(const struct driver *d)
{
	return xasprintf("/run/netns/holm-%.8s-probe", d->node_id);
}

/* As instances have one, with the loopback device alone. */
static int make_netns(const char *path, struct err *err)
{
	auto_(netlink_close) struct netlink *nl = NULL;
	struct netlink_link lo;
	int r = netns_make(path, err);

	if (r == 0)
		r = netlink_open(path, &nl, err);
	if (r == 0)
		r = netlink_link_find(nl, "lo", &lo, err);
	if (r == 0)
		r = netlink_link_change(nl, lo.index, &(struct netlink_change){ .is_up = true },
					err);
	return r;
}

static bool can_exec(struct driver *d, const char *id)
{
	auto_strv struct strv cmd = { 0 };
	struct runtime_exec exec = { .instance_id = id,
				     .id = id,
				     .cmd = &cmd,
				     .timeout_ms = EXEC_MS };
	struct runtime_exec_result result = { 0 };
	struct err err;

	strv_add(&cmd, PROBE_PROGRAM);
	strv_add(&cmd, "exec");
	int r = runtime_exec_run(&containerd_driver, d, &exec, &result, &err);
	if (r < 0)
		log_debug("probe: %s", err.msg);
	return r == 0 && result.exit_code == PROBE_EXEC_CODE;
}

/* A limit that was asked for is there, and so are the processes. */
static int check_limits(const struct driver *d, const char *id, struct err *err)
{
	auto_free char *group = container_cgroup(d, id);
	struct cgroup_stats stats = { 0 };
	int r = cgroup_stats(&d->cgroups, group, &stats, err);

	if (r < 0)
		return r;
	if (cgroup_memory_limit(&d->cgroups, group) == (uint64_t)MEMORY_MIB << 20 && stats.pids)
		return 0;
	return err_set(err, -EIO, "a test container has no limit of %d MiB in its control group",
		       MEMORY_MIB);
}

/* The first process of a namespace does not see a signal that comes before it waits for it. */
static int end_test(struct driver *d, const char *id, struct runtime_status *status,
		    struct err *err)
{
	auto_client struct client client = client_open(d, NULL);
	uint64_t end = clock_monotonic_ms() + END_MS;
	int r = status->phase == RUNTIME_RUNNING ? -ETIMEDOUT : 0;

	while (r == -ETIMEDOUT && clock_monotonic_ms() < end) {
		r = instance_terminate(d, status, err);
		if (r == 0)
			r = proc_wait(&status->proc, AGAIN_MS, err);
	}
	if (r == 0 && status->phase == RUNTIME_RUNNING)
		r = container_find(&client, id, status, NULL, err);
	return r < 0 ? r : 0;
}

static int judge_end(const struct runtime_status *status, struct err *err)
{
	if (status->phase == RUNTIME_ENDED && status->exit_code == PROBE_EXIT_CODE)
		return 0;
	if (status->phase == RUNTIME_ENDED && status->exit_code == PROBE_LONELY_CODE)
		return err_set(err, -EIO, "a test container has no network");
	return err_set(err, -EIO, "a test container ended with \"%s\", not exit code %d",
		       status->detail, PROBE_EXIT_CODE);
}

static int try(struct driver *d, const struct runtime_spec *spec, struct strv *ret_can,
	       struct err *err)
{
	bool has_limits = spec->memory_mib > 0;
	struct runtime_status status;
	int r = container_start(d, spec, NULL, &status, err);

	if (r == 0 && has_limits)
		r = check_limits(d, spec->instance_id, err);
	if (r < 0)
		return r;
	bool has_exec = can_exec(d, spec->instance_id);
	r = end_test(d, spec->instance_id, &status, err);
	if (r == 0)
		r = judge_end(&status, err);
	if (r < 0)
		return r;
	strv_add(ret_can, "network");
	if (has_exec)
		strv_add(ret_can, "exec");
	if (has_limits)
		strv_add(ret_can, "limits");
	return 0;
}

/* Removes what a probe has made, also one that was broken off. */
static void clean(struct driver *d, const char *id)
{
	auto_free char *netns = netns_path(d);
	struct err err;

	if (container_stop(d, id, NULL, NULL, &err) < 0 || netns_remove(netns, &err) < 0)
		log_debug("after a probe: %s", err.msg);
}

void caps_clean(struct driver *d)
{
	for (size_t i = 0; i < d->runtimes.n; i++) {
		char id[ID_SIZE];

		probe_id(d, d->runtimes.items[i].name, id);
		clean(d, id);
	}
}

/* Its id says nothing to anybody. */
static const char *without_id(const char *message, const char *id)
{
	const char *p = strstr(message, id);

	return p && str_starts(p + strlen(id), ": ") ? p + strlen(id) + 2 : message;
}

static void prove(struct driver *d, struct oci_runtime *runtime)
{
	auto_free char *netns = netns_path(d);
	bool has_memory = cgroup_has_controller(&d->cgroups, "memory");
	char id[ID_SIZE];
	struct runtime_spec spec = {
		.instance_id = id,
		.name = PROBE_NAME,
		.runtime = runtime->name,
		.image = PROBE_IMAGE_NAME,
		.digest = "",
		.memory_mib = has_memory ? MEMORY_MIB : 0,
		.pids = cgroup_has_controller(&d->cgroups, "pids") ? PIDS : 0,
		.net = { .netns_path = netns },
	};
	struct err err;

	probe_id(d, runtime->name, id);
	int r = make_netns(netns, &err);
	if (r == 0)
		r = try(d, &spec, &runtime->can, &err);
	clean(d, id);
	runtime->proof = r < 0 ? PROOF_BROKEN : PROOF_WORKS;
	if (r < 0)
		runtime->problem = xstrdup(without_id(err.msg, id));
}

static int fetch_probe(struct driver *d, struct err *err)
{
	struct image_source *source = probe_image_new();
	char digest[DIGEST_SIZE];
	int r = image_has(d, PROBE_IMAGE_NAME, digest, err);

	if (r < 0 || !str_eq(digest, source->manifest.digest))
		r = image_fetch(d, source, NULL, err);
	probe_image_free(source);
	return r < 0 ? err_wrap(err, "probe containerd") : 0;
}

/* The next one to try: of those that failed, after all others, each again. */
static struct oci_runtime *next_of(struct oci_runtimes *runtimes)
{
	for (size_t i = 0; i < runtimes->n; i++)
		if (runtimes->items[i].proof == PROOF_NONE)
			return &runtimes->items[i];
	for (size_t i = 0; i < runtimes->n; i++) {
		struct oci_runtime *r = &runtimes->items[i];

		if (r->proof != PROOF_BROKEN)
			continue;
		r->proof = PROOF_NONE;
		free(TAKE(r->problem));
	}
	for (size_t i = 0; i < runtimes->n; i++)
		if (runtimes->items[i].proof == PROOF_NONE)
			return &runtimes->items[i];
	return NULL;
}

/* What a proof depends on beside the runtime itself. */
static int circumstances(struct driver *d, char **ret, struct err *err)
{
	auto_client struct client client = client_open(d, NULL);
	struct image_source *source = probe_image_new();
	auto_free char *version = NULL;
	int r = containerd_version(&client.api, &version, err);

	if (r == 0)
		daemon_note_version(d, version);
	if (r == 0)
		*ret = xasprintf("containerd %s, holm " HOLM_VERSION " %s", version,
				 source->manifest.digest);
	probe_image_free(source);
	return r < 0 ? err_wrap(err, "probe containerd") : 0;
}

static void describe(const struct oci_runtimes *runtimes, struct runtime_info *info)
{
	for (size_t i = 0; i < runtimes->n; i++) {
		const struct oci_runtime *r = &runtimes->items[i];
		struct node_runtime *told = ARRAY_ADD(info->runtimes, info->n_runtimes);

		*told = (struct node_runtime){ .name = xstrdup(r->name),
					       .path = xstrdup(r->path),
					       .is_pending = r->proof == PROOF_NONE,
					       .problem = xstrdup(r->problem) };
		strv_copy(&told->can, &r->can);
		if (r->proof == PROOF_WORKS)
			oci_runtime_words(r, &info->virtualization);
		else if (r->proof == PROOF_NONE)
			oci_runtime_words(r, &info->pending);
		else
			strv_addf(&info->problems, "%s: %s", r->name, r->problem);
	}
}

/* True if something can be told before any of the rest is tried. */
static bool has_working(const struct oci_runtimes *runtimes)
{
	for (size_t i = 0; i < runtimes->n; i++)
		if (runtimes->items[i].proof == PROOF_WORKS)
			return true;
	return false;
}

int caps_probe(void *state, struct runtime_info *ret, struct err *err)
{
	struct driver *d = state;
	auto_free char *path = path_join(d->dir, "probes.json");
	auto_free char *around = NULL;
	struct runtime_info info = { 0 };
	bool had_working = has_working(&d->runtimes);
	int r = circumstances(d, &around, err);

	if (r < 0)
		return r;
	caps_cache_read(path, around, &d->runtimes);
	struct oci_runtime *next = next_of(&d->runtimes);
	/* What is known from before is told at once. */
	if (next && (had_working || !has_working(&d->runtimes))) {
		r = fetch_probe(d, err);
		if (r < 0)
			return r;
		prove(d, next);
		caps_cache_write(path, around, &d->runtimes);
	}
	describe(&d->runtimes, &info);
	*ret = info;
	return 0;
}
