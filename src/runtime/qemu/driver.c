/* The table: unikernels on QEMU. */
#include <dirent.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/stat.h>

#include "runtime/group_stats.h"
#include "runtime/qemu/caps.h"
#include "runtime/qemu/console.h"
#include "runtime/qemu/instance.h"
#include "runtime/qemu/machine.h"
#include "runtime/qemu/pause.h"
#include "runtime/qemu/snapshot.h"
#include "runtime/qemu/warm.h"

#define CGROUP_ROOT "/sys/fs/cgroup"

static void driver_close(void *state)
{
	struct qemu *qemu = state;

	if (!qemu)
		return;
	qemu->warm = warm_free(qemu);
	pthread_mutex_destroy(&qemu->probe_lock);
	pthread_mutex_destroy(&qemu->snapshot_lock);
	free(qemu->dir);
	free(qemu->helper_path);
	free(qemu->cgroup_parent);
	free(qemu);
}

/* What an earlier Holm was in the middle of. */
static void recover(const struct qemu *qemu)
{
	DIR *dir = opendir(qemu->dir);

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		if (!id_is_valid(e->d_name))
			continue;
		auto_free char *path = instance_path(qemu, e->d_name);
		snapshot_recover(path);
		pause_recover(path);
	}
	closedir(dir);
}

static int driver_open(const struct runtime_config *config, void **ret, struct err *err)
{
	struct qemu *qemu = NEW(struct qemu);
	struct err ignored;

	auto_free char *dir = path_join(config->data_dir, "qemu");
	qemu->helper_path = xstrdup(config->helper_path);
	qemu->cgroup_parent = xstrdup(config->cgroup_parent);
	qemu->log_max_bytes = config->log_max_bytes;
	qemu->first_user = config->first_user;
	qemu->n_users = geteuid() == 0 ? config->n_users : 0;
	qemu->can_jail = geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) == 1;
	pthread_mutex_init(&qemu->probe_lock, NULL);
	pthread_mutex_init(&qemu->snapshot_lock, NULL);
	if (cgroup_detect(CGROUP_ROOT, &qemu->cgroups, &ignored) < 0)
		qemu->cgroups.layout = CGROUP_NONE;
	/* Supervisors have a working directory of their own. */
	if (dir_make(dir, 0700, err) == 0 && !(qemu->dir = realpath(dir, NULL)))
		err_errno(err, "resolve %s", dir);
	if (!qemu->dir) {
		driver_close(qemu);
		return err->code;
	}
	qemu->warm = warm_new();
	warm_sweep(qemu);
	recover(qemu);
	snapshot_prune(qemu);
	*ret = qemu;
	return 0;
}

static int driver_shutdown(void *state, struct err *err)
{
	warm_empty(state);
	return 0;
}

/* Users of their own still keep machines apart from each other and from Holm. */
static void describe_isolation(const struct qemu *qemu, struct runtime_info *info)
{
	if (!info->virtualization.n || qemu->can_jail)
		return;
	strv_add(&info->problems, qemu->n_users ? "unikernels: without CAP_SYS_ADMIN qemu has no "
						  "namespaces of its own, only a user of its own"
						: "unikernels: qemu runs as our own user");
}

static int driver_probe(void *state, struct runtime_info *ret, struct err *err)
{
	struct qemu *qemu = state;
	struct qemu_probe probe;

	if (qemu_caps_probe(qemu, &probe, err) < 0)
		return err->code;
	qemu_caps_describe(&probe, ret);
	describe_isolation(qemu, ret);
	return 0;
}

static int driver_check_image(void *state, const char *dir, struct err *err)
{
	return machine_check(state, dir, err);
}

/* 1 if it runs already as asked, 0 if it may be started. */
static int check_present(const struct qemu *qemu, const struct runtime_spec *spec,
			 struct runtime_status *ret, struct err *err)
{
	auto_free char *path = instance_path(qemu, spec->instance_id);
	struct stat st;
	struct err ignored;

	/* What is left of an instance has its name until all else has gone. */
	if (lstat(path, &st) < 0 && errno == ENOENT)
		return 0;
	int r = instance_status(qemu, spec->instance_id, ret, &ignored);
	if (r == -ENOENT || (r == 0 && ret->phase == RUNTIME_ENDED))
		return machine_remove(qemu, spec->instance_id, err);
	if (r < 0)
		return err_copy(err, &ignored);
	/* Without an incarnation: its folder is there, and its record not yet. */
	if (ret->phase == RUNTIME_STARTING &&
	    (!ret->incarnation || ret->incarnation == spec->incarnation))
		return err_set(err, -EBUSY, "instance %s is being started", spec->instance_id);
	if (ret->phase == RUNTIME_STARTING || ret->incarnation != spec->incarnation)
		return err_set(err, -EEXIST, "instance %s runs as incarnation %u",
			       spec->instance_id, ret->incarnation);
	return 1;
}

static int driver_start(void *state, const struct runtime_spec *spec, const struct runtime_ctx *ctx,
			struct runtime_status *ret, struct err *err)
{
	struct qemu *qemu = state;
	struct runtime_status status;
	int r;

	if (!id_is_valid(spec->instance_id))
		return err_set(err, -EINVAL, "%s is no instance id", spec->instance_id);
	r = check_present(qemu, spec, &status, err);
	if (r == 0)
		r = machine_start(qemu, spec, ctx, err);
	if (r == 0)
		r = instance_status(qemu, spec->instance_id, &status, err);
	if (r < 0)
		return r;
	*ret = status;
	return 0;
}

static int driver_set_paused(void *state, const char *id, bool is_paused, struct err *err)
{
	const struct qemu *qemu = state;
	const char *what = is_paused ? "pause" : "resume";
	struct runtime_status status;

	if (!id_is_valid(id))
		return err_set(err, -EINVAL, "%s is no instance id", id);
	int r = instance_status(qemu, id, &status, err);
	if (r < 0)
		return r;
	if (status.phase != RUNTIME_RUNNING)
		return err_set(err, -ENOENT, "%s unikernel: it does not run", what);
	auto_free char *path = instance_path(qemu, id);
	return pause_set(path, is_paused, err) < 0 ? err_wrap(err, "%s unikernel", what) : 0;
}

static int end(const struct qemu *qemu, const char *id, struct err *err)
{
	auto_free char *path = instance_path(qemu, id);

	return instance_mark_stopping(path, err) < 0 ? err->code : machine_end(path, err);
}

static int driver_stop(void *state, const char *id, const struct runtime_ctx *ctx,
		       struct runtime_status *ret, struct err *err)
{
	const struct qemu *qemu = state;
	struct runtime_status status = { .phase = RUNTIME_ENDED,
					 .end = RUNTIME_END_UNKNOWN,
					 .detail = "not there",
					 .kind = "unikernel" };
	struct err ignored;

	if (!id_is_valid(id))
		return err_set(err, -EINVAL, "%s is no instance id", id);
	STR_COPY(status.instance_id, id);
	if (instance_status(qemu, id, &status, &ignored) == 0 && status.phase != RUNTIME_ENDED) {
		if (end(qemu, id, err) < 0)
			return err_wrap(err, "stop instance %s", id);
		instance_status(qemu, id, &status, &ignored);
	}
	if (machine_remove(qemu, id, err) < 0)
		return err->code;
	if (ret)
		*ret = status;
	return 0;
}

static int add_one(const struct qemu *qemu, const char *id, struct runtime_list *list,
		   struct err *err)
{
	struct runtime_status status;
	int r = instance_status(qemu, id, &status, err);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	*ARRAY_ADD(list->items, list->n) = status;
	return 0;
}

static int add_all(const struct qemu *qemu, struct runtime_list *list, struct err *err)
{
	DIR *dir = opendir(qemu->dir);
	int r = 0;

	if (!dir)
		return err_errno(err, "list %s", qemu->dir);
	for (struct dirent *e; r == 0 && (e = readdir(dir));)
		if (id_is_valid(e->d_name))
			r = add_one(qemu, e->d_name, list, err);
	closedir(dir);
	return r;
}

static int driver_list(void *state, const char *id, struct runtime_list *ret, struct err *err)
{
	const struct qemu *qemu = state;
	struct runtime_list list = { 0 };
	int r = 0;

	if (!id)
		r = add_all(qemu, &list, err);
	else if (id_is_valid(id))
		r = add_one(qemu, id, &list, err);
	if (r < 0) {
		runtime_list_fini(&list);
		return r;
	}
	*ret = list;
	return 0;
}

static int driver_stats(void *state, const char *id, struct runtime_stats *ret, struct err *err)
{
	const struct qemu *qemu = state;
	struct cgroup_stats stats;

	if (!id_is_valid(id))
		return err_set(err, -EINVAL, "%s is no instance id", id);
	if (qemu->cgroups.layout == CGROUP_NONE)
		return err_set(err, -ENOTSUP, "this machine has no control groups");
	auto_free char *cgroup = instance_cgroup(qemu, id);
	if (cgroup_stats(&qemu->cgroups, cgroup, &stats, err) < 0)
		return err->code;
	*ret = group_stats(&stats);
	return 0;
}

const struct runtime_driver qemu_driver = {
	.name = "qemu",
	.caps = RUNTIME_CAP_BOOT,
	.open = driver_open,
	.close = driver_close,
	.shutdown = driver_shutdown,
	.probe = driver_probe,
	.check_image = driver_check_image,
	.start = driver_start,
	.set_paused = driver_set_paused,
	.stop = driver_stop,
	.list = driver_list,
	.stats = driver_stats,
	.exec = &qemu_console_ops,
	.warm = &qemu_warm_ops,
};
