/* Start: examine, fill the folder, limit, launch, wait for QMP. Stop: quit, signal, remove. Unikraft
 * ignores the power button, so there is nothing for a grace period to wait for. */
#include <fcntl.h>
#include <poll.h>
#include <sys/mman.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "runtime/qemu/build.h"
#include "runtime/qemu/caps.h"
#include "runtime/qemu/defaults.h"
#include "runtime/qemu/end.h"
#include "runtime/qemu/files.h"
#include "runtime/qemu/instance.h"
#include "runtime/qemu/machine.h"
#include "runtime/qemu/process.h"
#include "runtime/qemu/snapshot.h"
#include "runtime/qemu/warm.h"
#include "wire/qmp/qmp.h"

#define KERNEL_MAX        ((off_t)1 << 30)
#define READY_MS          10000 /* from launch to QMP's greeting */
#define ANSWER_MS         5000
#define LOAD_MS           5000 /* of a saved state, and longer by its size */
#define LOAD_BYTES_PER_MS (8 << 10)
#define EVENT_MS          5
#define QUIT_MS           3000
#define KILL_MS           5000
#define OFF_MS            2000 /* from a guest's power off to QEMU's end */
#define REMOVE_MS         10000
#define REMOVE_STEP_MS    200
#define CGROUP_STEP_MS    5

/* Memory that QEMU needs beyond the guest's (`bench/run overhead`): measured 13 to 25 MiB at most, 22
 * of its own text where it is the first to read it, and at most 32 of translated code, of which small guests
 * make little; per GiB of the guest 2 MiB of tables, measured. */
#define OVERHEAD_MIB  96
#define OVERHEAD_PART 256
/* Threads of QEMU, which a limit meant for processes must not be below. */
#define PIDS_MIN 128

void build_fini(struct build *b)
{
	qemu_files_fini(&b->files);
	qemu_defaults_fini(&b->defaults);
	strv_fini(&b->argv);
	vm_dir_fini(&b->dir);
	free(b->cgroup);
	if (b->state >= 0)
		close(b->state);
}

static int check_cancel(const struct build *b, struct err *err)
{
	if (b->ctx && cancel_is_set(b->ctx->cancel))
		return err_set(err, -ECANCELED, "start of %s cancelled", b->spec->instance_id);
	return 0;
}

static void tell(const struct build *b, const char *phase)
{
	if (b->ctx && b->ctx->progress)
		b->ctx->progress(b->ctx->arg, phase, 0, 0);
}

static int parse_kernel(const char *path, struct qemu_kernel *ret, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "open %s", path);
	if (st.st_size == 0 || st.st_size > KERNEL_MAX)
		return err_set(err, -ENOEXEC, "kernel has %lld bytes", (long long)st.st_size);
	void *data = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, fd, 0);
	if (data == MAP_FAILED)
		return err_errno(err, "map %s", path);
	int r = qemu_kernel_parse(data, (size_t)st.st_size, ret, err);
	munmap(data, (size_t)st.st_size);
	return r;
}

static int examine_image(struct qemu *qemu, const char *image, struct qemu_files *files,
			 struct qemu_vm *vm, struct err *err)
{
	if (qemu_files_find(image, files, err) < 0 ||
	    parse_kernel(files->kernel, &vm->kernel, err) < 0 ||
	    qemu_caps_accel(qemu, &vm->kernel, &vm->accel, err) < 0)
		return err->code;
	return 0;
}

int machine_check(struct qemu *qemu, const char *image, struct err *err)
{
	struct qemu_files files = { 0 };
	struct qemu_vm vm = { 0 };
	int r = examine_image(qemu, image, &files, &vm, err);

	qemu_files_fini(&files);
	return r;
}

/* From here on the spec is what was asked and what the image brings. */
static int complete_spec(struct build *b, struct err *err)
{
	int r = qemu_defaults_read(b->spec->image, &b->defaults, err);

	if (r < 0)
		return r;
	/* Nobody asked for what an image has by habit and its kernel cannot take. */
	if (!qemu_kernel_may_have(&b->vm.kernel, QEMU_LIB_ENVIRON))
		strv_fini(&b->defaults.env);
	qemu_defaults_merge(&b->defaults, b->spec->cmd, b->spec->env);
	b->vm.variables_max = b->defaults.variables_max;
	b->vm.words_max = b->defaults.words_max;
	b->vm.n_image_variables = b->defaults.n_own_variables;
	b->whole = *b->spec;
	b->whole.cmd = &b->defaults.cmd;
	b->whole.env = &b->defaults.env;
	b->spec = &b->whole;
	return 0;
}

/* By the arguments of a boot without random numbers, which are no part of the key. */
static int find_state(struct build *b, struct err *err)
{
	auto_strv struct strv argv = { 0 };
	struct err why;

	if (snapshot_check(b->spec, &b->vm, err) < 0 ||
	    qemu_args_build(b->spec, &b->vm, &argv, err) < 0)
		return err->code;
	snapshot_key(b->qemu, b->spec, &argv, b->key);
	if (b->is_cold || b->is_key_only)
		return 0;
	b->state = snapshot_open(b->qemu, b->key, &why);
	b->vm.is_restored = b->state >= 0;
	if (b->state < 0 && b->state != -ENOENT)
		log_warning("instance %s: saved state %.12s: %s: it is made anew",
			    b->spec->instance_id, b->key, why.msg);
	return 0;
}

int build_examine(struct build *b, struct err *err)
{
	struct qemu_vm *vm = &b->vm;

	if (examine_image(b->qemu, b->spec->image, &b->files, vm, err) < 0 ||
	    complete_spec(b, err) < 0)
		return err->code;
	vm->machine = qemu_machine_for(&vm->kernel, vm->accel);
	vm->has_initrd = b->files.initrd != NULL;
	vm->has_files = b->files.tree != NULL;
	b->needs_root = qemu_needs_root(b->spec, vm);
	vm->has_initrd |= b->needs_root;
	vm->has_tap = b->spec->net.tap != NULL;
	vm->has_vhost = vm->has_tap && vm->accel == QEMU_ACCEL_KVM &&
			access("/dev/vhost-net", R_OK | W_OK) == 0;
	if (b->spec->is_from_snapshot && find_state(b, err) < 0)
		return err->code;
	if (b->is_for_pool && !vm->is_restored)
		return err_set(err, -ENOENT, "no saved state yet");
	vm->is_halted = b->is_for_pool;
	if (b->is_key_only)
		return 0;
	if (getrandom(vm->seed, sizeof(vm->seed), 0) != (ssize_t)sizeof(vm->seed))
		return err_errno(err, "get random numbers");
	return qemu_args_build(b->spec, vm, &b->argv, err);
}

static int fill_folder(struct build *b, struct err *err)
{
	auto_free char *kernel = path_join(b->dir.vm, "kernel");
	auto_free char *initrd = path_join(b->dir.vm, "initrd");
	auto_free char *files = path_join(b->dir.vm, "files");

	if (qemu_file_link(b->files.kernel, kernel, err) < 0 ||
	    (b->files.initrd && qemu_file_link(b->files.initrd, initrd, err) < 0) ||
	    (b->needs_root && qemu_empty_initrd(initrd, err) < 0) ||
	    (b->files.tree && qemu_tree_copy(b->files.tree, files, b->dir.user,
					     b->ctx ? b->ctx->cancel : NULL, err) < 0))
		return err->code;
	return 0;
}

static uint64_t memory_limit(uint32_t guest_mib)
{
	uint64_t mib = (uint64_t)guest_mib + OVERHEAD_MIB + guest_mib / OVERHEAD_PART;

	return guest_mib ? mib << 20 : 0;
}

int build_limit(struct build *b, struct err *err)
{
	const struct runtime_spec *spec = b->spec;
	const struct cgroup_limits limits = {
		.memory_bytes = memory_limit(spec->memory_mib),
		.cpu_millis = spec->cpu_millis,
		.pids = spec->pids && spec->pids < PIDS_MIN ? PIDS_MIN : spec->pids,
	};
	bool is_limited = limits.memory_bytes || limits.cpu_millis || limits.pids;

	if (b->qemu->cgroups.layout == CGROUP_NONE)
		return is_limited ? err_set(err, -ENOTSUP,
					    "this machine has no control groups: "
					    "limits cannot be kept")
				  : 0;
	free(b->cgroup);
	b->cgroup = instance_cgroup(b->qemu, b->name);
	return cgroup_make(&b->qemu->cgroups, b->cgroup, &limits, err);
}

int build_write_record(const struct build *b, struct err *err)
{
	static const char *const accels[] = { "tcg", "kvm" };
	char boot_id[BOOT_ID_SIZE];
	struct timespec now;

	static_assert(ARRAY_LEN(accels) == QEMU_ACCEL_N, "one per accelerator");
	clock_gettime(CLOCK_REALTIME, &now);
	proc_boot_id(boot_id);
	const struct qemu_record record = {
		.boot_id = boot_id,
		.digest = (char *)(b->spec->digest ? b->spec->digest : ""),
		.started_ms = (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000,
		.incarnation = b->spec->incarnation,
		.generation = b->spec->generation,
		.accel = (char *)accels[b->vm.accel],
		.arch = (char *)qemu_arch(b->vm.kernel.kind),
		.cgroup = b->cgroup,
	};
	return instance_write(b->dir.path, &record, err);
}

/* The SHUTDOWN event is the guest's power off. QEMU 7.2 can hang then, in monitor_cleanup(): it waits for
 * the command that it will never execute. */
static int wait_for_off(const struct build *b, const struct proc_id *helper, struct err *err)
{
	struct err late;

	if (proc_wait(helper, OFF_MS, &late) == 0)
		return 0;
	if (instance_mark_off(b->dir.path, err) < 0 || vm_kill(b->dir.path, KILL_MS, err) < 0)
		return err->code;
	return proc_wait(helper, KILL_MS, err);
}

/* QEMU ended before it answered: a guest may be as fast as that, anything else is a failure, with
 * QEMU's own words as the reason. */
static int explain_end(const struct build *b, const struct proc_id *helper, struct err *err)
{
	struct runtime_status status;

	if (wait_for_off(b, helper, err) < 0 || instance_status(b->qemu, b->name, &status, err) < 0)
		return err->code;
	if (status.end == RUNTIME_END_CLEAN || status.end == RUNTIME_END_CRASH)
		return 0;
	auto_free char *words = vm_supervisor_words(b->dir.path);
	auto_free char *line = qemu_last_line(words);
	return err_set(err, -EIO, "%s",
		       line               ? line
		       : status.detail[0] ? status.detail
					  : "the supervisor ended without a word");
}

/* From a slow disk. */
static unsigned load_time_ms(int state)
{
	struct stat st;

	return LOAD_MS + (fstat(state, &st) < 0 ? 0 : (unsigned)(st.st_size / LOAD_BYTES_PER_MS));
}

/* A restored guest runs when all of its state is loaded. Of that an event tells, unless it came
 * with the answer before. */
static int wait_until_loaded(struct qmp *qmp, unsigned load_ms, char state[QMP_STATUS_SIZE],
			     struct err *err)
{
	uint64_t end_ms = clock_monotonic_ms() + load_ms;

	while (str_eq(state, "inmigrate")) {
		auto_free char *data = NULL;

		if (clock_monotonic_ms() >= end_ms)
			return err_set(err, -ETIMEDOUT, "its state was not loaded within %u ms",
				       load_ms);
		int r = qmp_await_event(qmp, "RESUME", EVENT_MS, &data, err);
		if (r < 0 && r != -ETIMEDOUT)
			return r;
		if (qmp_query_status(qmp, ANSWER_MS, state, err) < 0)
			return err->code;
	}
	return 0;
}

static int wait_until_running(const struct build *b, const struct proc_id *helper, struct err *err)
{
	auto_(qmp_close) struct qmp *qmp = NULL;
	char state[QMP_STATUS_SIZE];
	int r = qmp_open(b->dir.path, QEMU_QMP_NAME, READY_MS, &qmp, err);

	if (r == 0)
		r = qmp_query_status(qmp, ANSWER_MS, state, err);
	if (r == 0 && b->vm.is_restored)
		r = wait_until_loaded(qmp, load_time_ms(b->state), state, err);
	if (r == -ECONNRESET)
		return explain_end(b, helper, err);
	if (r < 0)
		return r;
	if (str_eq(state, "internal-error"))
		return err_set(err, -EIO, "qemu: internal error of the accelerator");
	return 0;
}

int build_make_log_folder(const char *log_path, struct err *err)
{
	const char *slash = strrchr(log_path, '/');

	if (*log_path != '/' || slash == log_path)
		return err_set(err, -EINVAL, "log path %s is not absolute or has no folder",
			       log_path);
	auto_free char *dir = xstrndup(log_path, (size_t)(slash - log_path));
	return dir_make(dir, 0755, err);
}

/* Not to be saved is no failure of the start, unless the guest was halted for it. */
static int save_state(struct build *b, const struct proc_id *helper, struct err *err)
{
	const struct snapshot_source source = {
		.spec = b->spec,
		.cancel = b->ctx ? b->ctx->cancel : NULL,
		.helper = helper,
		.path = b->dir.path,
		.key = b->key,
	};

	tell(b, "saving its state");
	int r = snapshot_save(b->qemu, &source, err);
	b->is_halted = r == -EIO;
	if (r == -EIO || r == -ECANCELED)
		return err_wrap(err, "save its state");
	if (r < 0 && r != -EALREADY)
		log_warning("instance %s: save its state: %s", b->spec->instance_id, err->msg);
	if (r == 0)
		snapshot_prune(b->qemu);
	return 0;
}

static int launch(struct build *b, struct err *err)
{
	struct proc_id helper;
	const struct vm_launch launch = {
		.qemu = b->qemu,
		.dir = &b->dir,
		.argv = &b->argv,
		.log_path = b->spec->log_path,
		.tap = b->spec->net.tap,
		.netns = b->spec->net.netns_path,
		.has_state = b->vm.is_restored,
		.state = b->state,
		.has_vhost = b->vm.has_vhost,
		.mounts = b->spec->mounts,
		.n_mounts = b->spec->n_mounts,
		.has_kvm = b->vm.accel == QEMU_ACCEL_KVM,
		.cgroup = b->cgroup,
		.nice = b->nice,
	};

	tell(b, "starting");
	if (build_make_log_folder(b->spec->log_path, err) < 0)
		return err->code;
	/* A log that leads nowhere yet. */
	if (b->is_for_pool && symlink(".", b->spec->log_path) < 0)
		return err_errno(err, "create link %s", b->spec->log_path);
	if (vm_launch(&launch, &helper, err) < 0)
		return err->code;
	if (wait_until_running(b, &helper, err) < 0) {
		b->is_late = b->vm.is_restored && err->code == -ETIMEDOUT;
		b->is_state_bad = b->vm.is_restored && !b->is_late;
		return err->code;
	}
	if (b->vm.is_restored && instance_mark_spoken(b->dir.path, err) < 0)
		return err->code;
	return b->spec->is_from_snapshot && !b->is_cold && !b->vm.is_restored
		       ? save_state(b, &helper, err)
		       : 0;
}

int build_run(struct build *b, struct err *err)
{
	auto_free char *path = instance_path(b->qemu, b->name);

	tell(b, "preparing");
	if (build_examine(b, err) < 0 || check_cancel(b, err) < 0 ||
	    vm_dir_make(b->qemu, path, &b->dir, err) < 0)
		return err->code;
	int r = fill_folder(b, err);
	if (r == 0)
		r = check_cancel(b, err);
	if (r == 0)
		r = build_limit(b, err);
	if (r == 0)
		r = build_write_record(b, err);
	if (r == 0)
		r = check_cancel(b, err);
	if (r == 0)
		r = launch(b, err);
	if (r < 0) {
		struct err ignored;

		vm_dir_fini(&b->dir);
		machine_remove(b->qemu, b->name, &ignored);
	}
	return r;
}

int machine_start(struct qemu *qemu, const struct runtime_spec *spec, const struct runtime_ctx *ctx,
		  struct err *err)
{
	if (spec->warm_label && warm_start(qemu, spec, ctx, err) == 0)
		return 0;
	struct build b = BUILD(qemu, spec, ctx);
	int r = build_run(&b, err);
	bool is_cold = b.is_halted || b.is_late;
	bool is_again = r < 0 && r != -ECANCELED && (b.is_state_bad || is_cold);

	if (is_again)
		log_warning("instance %s: %s: started cold", spec->instance_id, err->msg);
	if (is_again && !b.is_late)
		snapshot_drop(qemu, b.key);
	build_fini(&b);
	if (is_again) {
		b = BUILD(qemu, spec, ctx);
		b.is_cold = is_cold;
		r = build_run(&b, err);
		build_fini(&b);
	}
	return r < 0 ? err_wrap(err, "start unikernel") : 0;
}

static int wait_for_end(const struct vm_processes *p, unsigned timeout_ms, struct err *err)
{
	if (p->vm.pid && proc_wait(&p->vm, timeout_ms, err) < 0)
		return err->code;
	return p->helper.pid ? proc_wait(&p->helper, timeout_ms, err) : 0;
}

int machine_end(const char *path, struct err *err)
{
	auto_(qmp_close) struct qmp *qmp = NULL;
	struct vm_processes p;
	struct err ignored;

	vm_processes_read(path, &p);
	if (p.vm.pid && !proc_is_alive(&p.vm))
		return wait_for_end(&p, KILL_MS, err);
	if (qmp_open(path, QEMU_QMP_NAME, QUIT_MS, &qmp, &ignored) == 0 &&
	    qmp_quit(qmp, QUIT_MS, &ignored) == 0 && wait_for_end(&p, QUIT_MS, &ignored) == 0)
		return 0;
	return vm_kill(path, KILL_MS, err);
}

/* A supervisor that has the lock may still be on its way to start QEMU: what it started until the
 * lock is free is ended too. */
static int take(const char *path, struct vm_dir *ret, struct err *err)
{
	uint64_t end_ms = clock_monotonic_ms() + REMOVE_MS;
	int r;

	do {
		r = vm_kill(path, KILL_MS, err);
		if (r == 0)
			r = vm_dir_take(path, REMOVE_STEP_MS, ret, err);
	} while (r == -EBUSY && clock_monotonic_ms() < end_ms);
	return r == -ENOENT ? 0 : r;
}

/* The kernel takes a dead process off its group a moment after it told of the death, and nothing
 * tells of that. */
static int remove_cgroup(const struct qemu *qemu, const char *id, struct err *err)
{
	auto_free char *cgroup = instance_cgroup(qemu, id);
	uint64_t end_ms = clock_monotonic_ms() + KILL_MS;
	struct err ignored;
	int r;

	if (qemu->cgroups.layout == CGROUP_NONE)
		return 0;
	for (;;) {
		cgroup_kill(&qemu->cgroups, cgroup, &ignored);
		r = cgroup_remove(&qemu->cgroups, cgroup, err);
		if (r != -EBUSY || clock_monotonic_ms() >= end_ms)
			return r;
		poll(NULL, 0, CGROUP_STEP_MS);
	}
}

/* One that came from the pool is a name for its folder there. The name goes last: without its folder it
 * is no instance. */
int machine_remove(const struct qemu *qemu, const char *id, struct err *err)
{
	auto_free char *path = instance_path(qemu, id);
	auto_free char *real = instance_real_path(qemu, id);
	auto_vm_dir struct vm_dir dir = { .lock = -1 };

	if (take(path, &dir, err) < 0 || remove_cgroup(qemu, id, err) < 0 ||
	    path_remove(real, err) < 0 || path_remove(path, err) < 0)
		return err_wrap(err, "remove instance %s", id);
	return 0;
}
