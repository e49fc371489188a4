/* Instances that are entries of a table. The table belongs to a host, which outlives the driver's
 * state as processes outlive their supervisor; so a crash is simulated by dropping the state.
 *
 * The host is found through config->data_dir, which carries its address: the one thing that a
 * driver is given and a simulation may choose. */
#include <inttypes.h>
#include <stdatomic.h>

#include "base/base.h"
#include "loop/loop.h"
#include "runtime/runtime.h"

struct fake_instance {
	struct runtime_status status;
	unsigned oom_kills;
	unsigned running; /* starts without an end: never more than 1 */
};

struct fake_host {
	char dir[32];
	atomic_flag lock;     /* driver functions run on several executor threads; all are short */
	struct map instances; /* id → struct fake_instance */
	int64_t next_pid;
	unsigned n_failures; /* starts that are still to fail */
	bool is_silent;
	bool is_pause_denied;
	char *hidden; /* part of the names of images that are not there, or NULL */
};

struct fake_host *fake_host_new(void)
{
	struct fake_host *host = NEW(struct fake_host);

	host->next_pid = 1000;
	snprintf(host->dir, sizeof(host->dir), "%" PRIuPTR, (uintptr_t)host);
	return host;
}

struct fake_host *fake_host_free(struct fake_host *host)
{
	if (!host)
		return NULL;
	map_for_each(&host->instances, i, e)
		free(e->value);
	map_fini(&host->instances);
	free(host->hidden);
	free(host);
	return NULL;
}

const char *fake_host_dir(struct fake_host *host)
{
	return host->dir;
}

unsigned fake_host_running(const struct fake_host *host, const char *instance_id)
{
	const struct fake_instance *inst = map_find(&host->instances, instance_id);

	return inst ? inst->running : 0;
}

static void lock(struct fake_host *host)
{
	while (atomic_flag_test_and_set(&host->lock))
		continue;
}

static void unlock(struct fake_host *host)
{
	atomic_flag_clear(&host->lock);
}

void fake_host_fail_starts(struct fake_host *host, unsigned n)
{
	lock(host);
	host->n_failures = n;
	unlock(host);
}

void fake_host_hide_images(struct fake_host *host, const char *part)
{
	lock(host);
	free(host->hidden);
	host->hidden = xstrdup(part);
	unlock(host);
}

void fake_host_end(struct fake_host *host, const char *instance_id, enum runtime_end end)
{
	lock(host);
	struct fake_instance *inst = map_find(&host->instances, instance_id);
	if (inst) {
		inst->running = 0;
		inst->status.is_paused = false;
		inst->status.phase = RUNTIME_ENDED;
		inst->status.end = end;
		inst->status.exit_code = end == RUNTIME_END_CLEAN ? 0 : 1;
		snprintf(inst->status.detail, sizeof(inst->status.detail), "exit code %d",
			 inst->status.exit_code);
	}
	unlock(host);
}

void fake_host_silence(struct fake_host *host, bool is_silent)
{
	lock(host);
	host->is_silent = is_silent;
	map_for_each(&host->instances, i, e)
		((struct fake_instance *)e->value)->status.is_silent = is_silent;
	unlock(host);
}

void fake_host_deny_pauses(struct fake_host *host, bool is_denied)
{
	lock(host);
	host->is_pause_denied = is_denied;
	unlock(host);
}

void fake_host_oom(struct fake_host *host, const char *instance_id)
{
	lock(host);
	struct fake_instance *inst = map_find(&host->instances, instance_id);
	if (inst)
		inst->oom_kills++;
	unlock(host);
}

static int fake_open(const struct runtime_config *config, void **ret, struct err *err)
{
	uint64_t address;

	if (parse_u64(config->data_dir, 1, UINTPTR_MAX, &address) < 0)
		return err_set(err, -EINVAL, "open fake runtime: %s is no host's address",
			       config->data_dir);
	*ret = (void *)(uintptr_t)address;
	return 0;
}

static void fake_close(void *state)
{
}

static int fake_shutdown(void *state, struct err *err)
{
	return 0;
}

static int fake_probe(void *state, struct runtime_info *ret, struct err *err)
{
	strv_add(&ret->virtualization, "docker");
	strv_add(&ret->virtualization, "fake");
	return 0;
}

static int fake_has_image(void *state, const char *name, char digest[DIGEST_SIZE], struct err *err)
{
	struct fake_host *host = state;
	int r = 0;

	lock(host);
	if (host->hidden && strstr(name, host->hidden))
		r = err_set(err, -ENOENT, "image %s: not there", name);
	else
		str_copy(digest, DIGEST_SIZE, "sha256:fake");
	unlock(host);
	return r;
}

static int fake_fetch(void *state, struct image_source *source, const struct runtime_ctx *ctx,
		      struct err *err)
{
	return 0;
}

static void begin_run(struct fake_host *host, struct fake_instance *inst,
		      const struct runtime_spec *spec)
{
	inst->running++;
	inst->status = (struct runtime_status){
		.phase = RUNTIME_RUNNING,
		.is_silent = host->is_silent,
		.proc = { .pid = (pid_t)host->next_pid++ },
		.incarnation = spec->incarnation,
		.generation = spec->generation,
	};
	STR_COPY(inst->status.instance_id, spec->instance_id);
	STR_COPY(inst->status.kind, "fake");
	STR_COPY(inst->status.digest, spec->digest);
}

static int fake_start(void *state, const struct runtime_spec *spec, const struct runtime_ctx *ctx,
		      struct runtime_status *ret, struct err *err)
{
	struct fake_host *host = state;
	int r = 0;

	if (ctx && cancel_is_set(ctx->cancel))
		return err_set(err, -ECANCELED, "start %s: cancelled", spec->instance_id);
	lock(host);
	struct fake_instance *inst = map_find(&host->instances, spec->instance_id);
	if (inst && inst->status.phase == RUNTIME_ENDED) { /* in nobody's way */
		free(map_remove(&host->instances, spec->instance_id));
		inst = NULL;
	}
	if (!inst && host->n_failures) {
		host->n_failures--;
		r = err_set(err, -EIO, "start %s: a failure on purpose", spec->instance_id);
	} else if (!inst) {
		inst = NEW(struct fake_instance);
		map_set(&host->instances, spec->instance_id, inst);
		begin_run(host, inst, spec);
	} else if (inst->status.incarnation != spec->incarnation) {
		r = err_set(err, -EEXIST, "start %s: it exists with incarnation %u",
			    spec->instance_id, inst->status.incarnation);
	}
	if (r == 0)
		*ret = inst->status;
	unlock(host);
	return r;
}

static int fake_set_paused(void *state, const char *instance_id, bool is_paused, struct err *err)
{
	struct fake_host *host = state;
	int r = 0;

	lock(host);
	struct fake_instance *inst = map_find(&host->instances, instance_id);
	if (!inst || inst->status.phase != RUNTIME_RUNNING)
		r = err_set(err, -ENOENT, "pause %s: it does not run", instance_id);
	else if (host->is_pause_denied)
		r = err_set(err, -ENOTSUP, "pause %s: denied on purpose", instance_id);
	else
		inst->status.is_paused = is_paused;
	unlock(host);
	return r;
}

static int fake_stop(void *state, const char *instance_id, const struct runtime_ctx *ctx,
		     struct runtime_status *ret, struct err *err)
{
	struct fake_host *host = state;

	lock(host);
	struct fake_instance *inst = map_remove(&host->instances, instance_id);
	if (inst && ret) {
		*ret = inst->status;
		if (ret->phase != RUNTIME_ENDED)
			ret->end = RUNTIME_END_STOPPED;
		ret->phase = RUNTIME_ENDED;
	}
	free(inst);
	unlock(host);
	return 0;
}

static int fake_list(void *state, const char *instance_id, struct runtime_list *ret,
		     struct err *err)
{
	struct fake_host *host = state;

	lock(host);
	if (instance_id) {
		const struct fake_instance *inst = map_find(&host->instances, instance_id);

		if (inst)
			*ARRAY_ADD(ret->items, ret->n) = inst->status;
	} else {
		map_for_each(&host->instances, i, e)
			*ARRAY_ADD(ret->items, ret->n) = ((struct fake_instance *)e->value)->status;
	}
	unlock(host);
	return 0;
}

static int fake_stats(void *state, const char *instance_id, struct runtime_stats *ret,
		      struct err *err)
{
	struct fake_host *host = state;

	lock(host);
	const struct fake_instance *inst = map_find(&host->instances, instance_id);
	bool is_there = inst;
	if (inst)
		*ret = (struct runtime_stats){ .memory_bytes = 1 << 20,
					       .oom_kills = inst->oom_kills };
	unlock(host);
	if (!is_there)
		return err_set(err, -ENOENT, "measure %s: it is not there", instance_id);
	return 0;
}

const struct runtime_driver fake_driver = {
	.name = "fake",
	.caps = RUNTIME_CAP_IMAGES | RUNTIME_CAP_NETNS,
	.open = fake_open,
	.close = fake_close,
	.shutdown = fake_shutdown,
	.probe = fake_probe,
	.has_image = fake_has_image,
	.fetch = fake_fetch,
	.start = fake_start,
	.set_paused = fake_set_paused,
	.stop = fake_stop,
	.list = fake_list,
	.stats = fake_stats,
};
