/* Stopping an instance and removing all of it. Every step is repeatable, and what is gone counts as
 * done: the collector or another try may have been first. */
#include <signal.h>

#include "base/base.h"
#include "base/clock.h"
#include "loop/loop.h"
#include "runtime/containerd/driver.h"
#include "runtime/containerd/ending.h"
#include "runtime/containerd/shim.h"

#define LOOK_MS   100   /* how soon a cancel token shortens the grace */
#define KILL_MS   10000 /* from SIGKILL to the end */
#define NOTICE_MS 5000  /* from the end to containerd's knowing it */
#define BUSY_MS   20    /* between two looks at a control group that is in use */
#define DELETE_MS 20000 /* the shim unmounts and removes */
#define TRIES     3

/* By the kernel if containerd cannot. What is paused goes on first: it could not take a signal, and a
 * runsc that is killed meanwhile cannot be deleted. */
static void send_signal(struct client *client, struct runtime_status *status, int sig)
{
	struct containerd api = client_with(client, CALL_MS, NULL);
	struct err err;

	if (status->is_paused &&
	    containerd_task_set_paused(&api, status->instance_id, false, &err) < 0)
		log_warning("container %s: resume it for its end: %s", status->instance_id,
			    err.msg);
	status->is_paused = false;
	if (containerd_task_kill(&api, status->instance_id, sig, &err) < 0)
		proc_kill(&status->proc, sig, &err);
}

/* True once the process has ended. */
static bool wait_end(const struct proc_id *proc, uint32_t wait_ms, const struct cancel *cancel)
{
	uint64_t end = clock_monotonic_ms() + wait_ms;
	struct err err;

	for (;;) {
		uint64_t now = clock_monotonic_ms();
		uint64_t left = now < end ? end - now : 0;

		if (proc_wait(proc, left < LOOK_MS ? (unsigned)left : LOOK_MS, &err) == 0)
			return true;
		if (!left || cancel_is_set(cancel))
			return false;
	}
}

/* One stop. */
struct stop {
	struct client *client;
	const struct runtime_ctx *ctx;
	int sig;
	bool was_forced;
	struct runtime_status status;
};

static bool end_gently(struct stop *s)
{
	const struct cancel *cancel = s->ctx ? s->ctx->cancel : NULL;
	uint32_t grace_ms = s->ctx ? s->ctx->grace_ms : 0;

	if (!grace_ms || cancel_is_set(cancel))
		return false;
	send_signal(s->client, &s->status, s->sig);
	return wait_end(&s->status.proc, grace_ms, cancel);
}

static int end_by_force(struct stop *s, struct err *err)
{
	struct driver *d = s->client->driver;
	auto_free char *cgroup = container_cgroup(d, s->status.instance_id);
	struct err ignored;

	s->was_forced = true;
	send_signal(s->client, &s->status, SIGKILL);
	if (wait_end(&s->status.proc, KILL_MS / 2, NULL))
		return 0;
	cgroup_kill(&d->cgroups, cgroup, &ignored);
	proc_kill(&s->status.proc, SIGKILL, &ignored);
	if (wait_end(&s->status.proc, KILL_MS / 2, NULL))
		return 0;
	return err_set(err, -ETIMEDOUT, "process %d does not end %d ms after SIGKILL",
		       (int)s->status.proc.pid, KILL_MS);
}

/* A task that was created and never started has a process too, and so for a moment has one that lost its
 * shim (shim/orphan.c). */
static void kill_remaining(struct client *client, const char *instance_id)
{
	struct containerd api = client_with(client, CALL_MS, NULL);
	auto_free char *cgroup = container_cgroup(client->driver, instance_id);
	struct containerd_process process = { 0 };
	struct proc_id proc;
	struct err err;

	if (containerd_task_get(&api, instance_id, &process, &err) < 0) {
		cgroup_kill(&client->driver->cgroups, cgroup, &err);
		return;
	}
	if (process.state != CONTAINERD_TASK_STOPPED) {
		if (containerd_task_kill(&api, instance_id, SIGKILL, &err) < 0 &&
		    proc_identify(process.pid, &proc, &err) == 0)
			proc_kill(&proc, SIGKILL, &err);
	}
	containerd_process_fini(&process);
}

static int delete_task(struct client *client, const char *instance_id, struct err *err)
{
	struct containerd api = client_with(client, DELETE_MS, NULL);
	struct containerd waiting = client_with(client, NOTICE_MS, NULL);
	uint32_t exit_code;
	struct err ignored;
	int r = 0;

	for (int i = 0; i < TRIES; i++) {
		r = containerd_task_delete(&api, instance_id, &exit_code, err);
		if (r == 0)
			return 0;
		/* A start that was broken off may have left one, and the next would talk to it and never
		 * get an answer. */
		if (r == -ENOENT)
			return shim_kill(instance_id, err);
		if (r == -ETIMEDOUT)
			shim_kill(instance_id, &ignored);
		kill_remaining(client, instance_id);
		containerd_task_wait(&waiting, instance_id, &exit_code, &ignored);
	}
	return r;
}

/* A runtime that was broken off may still be in it. */
static int remove_cgroup(struct driver *d, const char *instance_id, struct err *err)
{
	auto_free char *cgroup = container_cgroup(d, instance_id);
	uint64_t end = clock_monotonic_ms() + NOTICE_MS;
	struct err ignored;

	for (;;) {
		int r = cgroup_remove(&d->cgroups, cgroup, err);

		if (r != -EBUSY || clock_monotonic_ms() >= end)
			return r;
		cgroup_kill(&d->cgroups, cgroup, &ignored);
		clock_poll(NULL, 0, clock_monotonic_ms() + BUSY_MS);
	}
}

int container_remove(struct client *client, const char *instance_id, struct err *err)
{
	struct driver *d = client->driver;
	struct containerd api = client_with(client, CALL_MS, NULL);
	auto_free char *dir = container_dir(d, instance_id);

	kill_remaining(client, instance_id);
	int r = delete_task(client, instance_id, err);
	if (r == 0)
		r = containerd_container_delete(&api, instance_id, err);
	if (r == 0)
		r = containerd_snapshot_remove(&api, instance_id, err);
	if (r == 0)
		atomic_store(&d->removed_ms, clock_monotonic_ms());
	if (r == 0)
		r = remove_cgroup(d, instance_id, err);
	if (r == 0)
		r = daemon_remove_bundle(d, instance_id, err);
	if (r == 0)
		shim_remove_socket(d->socket, instance_id);
	return r < 0 ? r : path_remove(dir, err);
}

static int end_running(struct stop *s, struct err *err)
{
	struct containerd waiting = client_with(s->client, NOTICE_MS, NULL);
	struct runtime_status *status = &s->status;
	uint32_t exit_code = 0;
	struct err ignored;

	if (!end_gently(s)) {
		int r = end_by_force(s, err);

		if (r < 0)
			return r;
	}
	containerd_task_wait(&waiting, status->instance_id, &exit_code, &ignored);
	status->phase = RUNTIME_ENDED;
	status->end = RUNTIME_END_STOPPED;
	status->exit_code = (int)exit_code;
	ending_stopped(exit_code, s->was_forced, status->detail, sizeof(status->detail));
	return 0;
}

int container_stop(void *state, const char *instance_id, const struct runtime_ctx *ctx,
		   struct runtime_status *ret, struct err *err)
{
	auto_client struct client client = client_open(state, NULL);
	struct stop s = { .client = &client,
			  .ctx = ctx,
			  .sig = SIGTERM,
			  .status = { .phase = RUNTIME_ENDED, .end = RUNTIME_END_UNKNOWN } };

	STR_COPY(s.status.instance_id, instance_id);
	STR_COPY(s.status.detail, "it was gone already");
	int r = container_find(&client, instance_id, &s.status, &s.sig, err);
	if (r > 0 && s.status.phase == RUNTIME_RUNNING)
		r = end_running(&s, err);
	if (r >= 0)
		r = container_remove(&client, instance_id, err);
	if (r < 0)
		return err_wrap(err, "stop container %s", instance_id);
	if (ret)
		*ret = s.status;
	return 0;
}

int instance_terminate(void *state, const struct runtime_status *last, struct err *err)
{
	auto_client struct client client = client_open(state, NULL);
	struct runtime_status status = { 0 };
	struct err ignored;
	int sig = SIGTERM;
	int r = container_find(&client, last->instance_id, &status, &sig, err);

	if (r > 0 && status.phase == RUNTIME_RUNNING)
		send_signal(&client, &status, sig);
	else if (r > 0 && last->proc.pid) /* unless it has ended, it lost its shim */
		proc_kill(&last->proc, sig, &ignored);
	return r < 0 ? err_wrap(err, "stop container %s", last->instance_id) : 0;
}
