/* What runs: container records and tasks, put together; how an ended one ended, in words. */
#include "base/base.h"
#include "runtime/containerd/driver.h"
#include "runtime/containerd/ending.h"
#include "runtime/containerd/output.h"
#include "runtime/containerd/shim.h"
#include "runtime/group_stats.h"

#define NOTICE_MS 3000 /* for containerd to notice the end of a process that we saw end */

char *container_cgroup(const struct driver *driver, const char *instance_id)
{
	return xasprintf("%s/%s", driver->cgroup_parent, instance_id);
}

char *container_dir(const struct driver *driver, const char *instance_id)
{
	return path_join(driver->instances_dir, instance_id);
}

static bool is_starting(struct driver *driver, const char *instance_id)
{
	pthread_mutex_lock(&driver->lock);
	bool is = strv_has(&driver->starting, instance_id);
	pthread_mutex_unlock(&driver->lock);
	return is;
}

static uint32_t label_u32(const struct containerd_record *record, const char *key)
{
	uint32_t v = 0;

	parse_u32(containerd_record_label(record, key), 0, UINT32_MAX, &v);
	return v;
}

static void fill_labels(const struct containerd_record *record, struct runtime_status *status)
{
	const char *runtime = containerd_record_label(record, LABEL_RUNTIME);
	bool is_plain = str_eq(runtime, "docker") || str_eq(runtime, "runc") || !*runtime;

	STR_COPY(status->instance_id, record->id);
	STR_COPY(status->kind, is_plain ? "container" : runtime);
	STR_COPY(status->digest, containerd_record_label(record, LABEL_DIGEST));
	status->incarnation = label_u32(record, LABEL_INCARNATION);
	status->generation = label_u32(record, LABEL_GENERATION);
	status->started_ms = record->created_ms;
}

static void fill_ended(const struct driver *driver, uint32_t exit_code,
		       struct runtime_status *status)
{
	auto_free char *cgroup = container_cgroup(driver, status->instance_id);
	struct cgroup_stats stats = { 0 };
	struct err ignored;

	cgroup_stats(&driver->cgroups, cgroup, &stats, &ignored);
	status->phase = RUNTIME_ENDED;
	status->exit_code = (int)exit_code;
	status->end = ending_of(exit_code, stats.oom_kills, status->detail, sizeof(status->detail));
}

/* The kernel may have told us of the end before the shim told containerd. */
static void fill_running(struct client *client, const struct containerd_process *process,
			 struct runtime_status *status)
{
	struct containerd api = client_with(client, NOTICE_MS, NULL);
	uint32_t exit_code = 0;
	struct err err;

	if (proc_identify(process->pid, &status->proc, &err) == 0) {
		status->watch = status->proc;
		status->phase = RUNTIME_RUNNING;
		shim_find(process->pid, status->instance_id, &status->keeper);
		status->is_paused = process->state == CONTAINERD_TASK_PAUSED;
	} else if (containerd_task_wait(&api, status->instance_id, &exit_code, &err) == 0) {
		fill_ended(client->driver, exit_code, status);
	} else {
		status->phase = RUNTIME_ENDED;
		status->end = RUNTIME_END_UNKNOWN;
		snprintf(status->detail, sizeof(status->detail),
			 "process %d is gone, containerd does not know how", (int)process->pid);
	}
}

static void fill_lost(struct runtime_status *status)
{
	status->phase = RUNTIME_ENDED;
	status->end = RUNTIME_END_UNKNOWN;
	STR_COPY(status->detail, "ended while nobody watched (its shim ended, or the machine)");
}

/* `process` may be NULL: no task. */
static void fill_status(struct client *client, const struct containerd_record *record,
			const struct containerd_process *process, struct runtime_status *status)
{
	*status = (struct runtime_status){ .phase = RUNTIME_STARTING };
	fill_labels(record, status);
	bool is_begun = process && process->state != CONTAINERD_TASK_CREATED;
	if (!is_begun && is_starting(client->driver, record->id))
		return;
	if (!is_begun)
		fill_lost(status);
	else if (process->state == CONTAINERD_TASK_STOPPED)
		fill_ended(client->driver, process->exit_code, status);
	else
		fill_running(client, process, status);
}

void container_started(struct client *client, const struct containerd_record *record, pid_t pid,
		       struct runtime_status *ret)
{
	struct containerd_process process = { .pid = pid, .state = CONTAINERD_TASK_RUNNING };

	fill_status(client, record, &process, ret);
}

static int task_of(struct client *client, const struct containerd_record *record,
		   struct runtime_status *ret, struct err *err)
{
	struct containerd_process process = { 0 };
	int r = containerd_task_get(&client->api, record->id, &process, err);

	if (r < 0 && r != -ENOENT)
		return r;
	fill_status(client, record, r == 0 ? &process : NULL, ret);
	containerd_process_fini(&process);
	return 0;
}

int container_find(struct client *client, const char *instance_id, struct runtime_status *ret,
		   int *ret_stop_signal, struct err *err)
{
	auto_containerd_record struct containerd_record record = { 0 };
	uint32_t stop_signal = 0;
	int r = containerd_container_get(&client->api, instance_id, &record, err);

	if (r < 0)
		return r == -ENOENT ? 0 : r;
	const char *owner = containerd_record_label(&record, LABEL_NODE);
	if (!str_eq(owner, client->driver->node_id))
		return err_set(err, -EPERM, "it belongs to node %s", *owner ? owner : "unknown");
	r = task_of(client, &record, ret, err);
	if (r < 0)
		return r;
	parse_u32(containerd_record_label(&record, LABEL_STOP_SIGNAL), 1, 64, &stop_signal);
	if (ret_stop_signal && stop_signal)
		*ret_stop_signal = (int)stop_signal;
	return 1;
}

static int list_all(struct client *client, struct runtime_list *ret, struct err *err)
{
	auto_containerd_records struct containerd_records records = { 0 };
	auto_containerd_processes struct containerd_processes processes = { 0 };
	auto_free char *filter = xasprintf("labels.\"" LABEL_NODE "\"==\"%s\"",
					   client->driver->node_id);
	struct map by_id = { 0 };
	int r = containerd_container_list(&client->api, filter, &records, err);

	if (r == 0)
		r = containerd_task_list(&client->api, &processes, err);
	if (r < 0)
		return r;
	for (size_t i = 0; i < processes.n; i++)
		map_set(&by_id, processes.items[i].id, &processes.items[i]);
	*ret = (struct runtime_list){ 0 };
	for (size_t i = 0; i < records.n; i++) {
		const struct containerd_record *record = &records.items[i];

		if (!str_eq(containerd_record_label(record, LABEL_NAME), PROBE_NAME))
			fill_status(client, record, map_find(&by_id, record->id),
				    ARRAY_ADD(ret->items, ret->n));
	}
	map_fini(&by_id);
	return 0;
}

int container_list(void *state, const char *instance_id, struct runtime_list *ret, struct err *err)
{
	auto_client struct client client = client_open(state, NULL);
	struct runtime_status status;
	int r;

	if (!instance_id) {
		r = list_all(&client, ret, err);
		return r < 0 ? err_wrap(err, "list containers") : 0;
	}
	r = container_find(&client, instance_id, &status, NULL, err);
	if (r < 0 && r != -EPERM)
		return err_wrap(err, "look up container %s", instance_id);
	*ret = (struct runtime_list){ 0 };
	if (r > 0)
		*ARRAY_ADD(ret->items, ret->n) = status;
	return 0;
}

int container_stats(void *state, const char *instance_id, struct runtime_stats *ret,
		    struct err *err)
{
	struct driver *d = state;
	auto_free char *cgroup = container_cgroup(d, instance_id);
	struct cgroup_stats stats;
	struct err ignored;

	daemon_revive_dead(d); /* this is called at regular times */
	int r = cgroup_stats(&d->cgroups, cgroup, &stats, err);

	if (r < 0)
		return err_wrap(err, "measure container %s", instance_id);
	if (output_tend(d, instance_id, &ignored) < 0)
		log_debug("%s", ignored.msg);
	*ret = group_stats(&stats);
	return 0;
}
