/* /dev/kvm can exist and open, and still be unable to run a guest, hang it or make QEMU abort; so
 * the probe boots one with production's arguments. It runs as an instance with a time limit,
 * which its supervisor enforces even if this process is killed meanwhile. */
#include <fcntl.h>
#include <sys/stat.h>

#include "json/json.h"
#include "loop/child.h"
#include "runtime/qemu/caps.h"
#include "runtime/qemu/end.h"
#include "runtime/qemu/process.h"

#define KVM_LIMIT_MS     3000
#define TCG_LIMIT_MS     15000
#define MARGIN_MS        5000 /* for the supervisor itself */
#define VERSION_LIMIT_MS 10000
#define CACHE_MAX        65536
#define PROBE_ID         "000000000000000000000000"

extern const uint8_t qemu_probe_guest[], qemu_probe_image[];
extern const uint64_t qemu_probe_guest_size, qemu_probe_image_size;

/* What is proved by one guest. */
struct trial {
	enum qemu_kernel_kind kind;
	enum qemu_accel accel;
	const char *name; /* of its folder */
};

/* What was found, and under which circumstances. */
struct cache {
	char *key;
	bool has_tcg;
	bool has_kvm;
	char *tcg_reason;
	char *kvm_reason;
	bool foreign_works;
	char *foreign_reason;
};

static const struct field cache_fields[] = {
	FIELD(struct cache, key, "key", F_STR),
	FIELD(struct cache, has_tcg, "has_tcg", F_BOOL),
	FIELD(struct cache, has_kvm, "has_kvm", F_BOOL),
	FIELD(struct cache, tcg_reason, "tcg_reason", F_STR),
	FIELD(struct cache, kvm_reason, "kvm_reason", F_STR),
	FIELD(struct cache, foreign_works, "foreign_works", F_BOOL),
	FIELD(struct cache, foreign_reason, "foreign_reason", F_STR),
};
static FIELD_TABLE(cache_table, struct cache, "probe", cache_fields);

/* "QEMU emulator version 7.2.22 (Debian …)" */
static void parse_version(const char *text, char *ret, size_t size)
{
	static const char mark[] = "version ";
	const char *p = strstr(text, mark);

	if (!p)
		return;
	p += sizeof(mark) - 1;
	snprintf(ret, size, "%.*s", (int)strspn(p, "0123456789."), p);
}

/* -ENOENT if there is none. */
static int find_version(enum qemu_kernel_kind kind, char *ret, size_t size, struct err *err)
{
	const char *program = qemu_program(kind);
	char *argv[] = { (char *)program, (char *)"--version", NULL };
	const struct child_spec spec = { .argv = argv };
	auto_free char *output = NULL;
	int r = child_run(&spec, VERSION_LIMIT_MS, &output, err);

	if (r < 0)
		return r;
	parse_version(output, ret, size);
	if (r > 0 || !ret[0])
		return err_set(err, -EIO, "%s --version: exit code %d: %s", program, r,
			       output ? output : "");
	return 0;
}

/* Changes of the device are changes of circumstances: a module loaded later, a udev rule. */
static char *cache_key(const struct qemu_probe *probe, const struct qemu *qemu)
{
	char boot_id[BOOT_ID_SIZE];
	struct stat st = { 0 };

	proc_boot_id(boot_id);
	if (stat("/dev/kvm", &st) < 0)
		st = (struct stat){ 0 };
	return xasprintf("%s qemu %s users %u jail %d kvm %o %u other %s", boot_id, probe->version,
			 qemu->n_users, qemu->can_jail, st.st_mode, st.st_gid,
			 probe->foreign_version);
}

static char *cache_path(const struct qemu *qemu)
{
	return path_join(qemu->dir, "probe.json");
}

static bool cache_load(const struct qemu *qemu, const char *key, struct qemu_probe *probe)
{
	auto_free char *path = cache_path(qemu);
	auto_free char *text = NULL;
	struct cache cache = { 0 };
	struct err err;

	if (file_read(path, CACHE_MAX, &text, NULL, &err) < 0 ||
	    fields_parse_text(&cache_table, text, &cache, FIELD_UNKNOWN_IGNORE, &err) < 0)
		return false;
	bool is_valid = str_eq(cache.key, key);
	if (is_valid) {
		probe->works[QEMU_ACCEL_TCG] = cache.has_tcg;
		probe->works[QEMU_ACCEL_KVM] = cache.has_kvm;
		STR_COPY(probe->reason[QEMU_ACCEL_TCG], cache.tcg_reason ? cache.tcg_reason : "");
		STR_COPY(probe->reason[QEMU_ACCEL_KVM], cache.kvm_reason ? cache.kvm_reason : "");
		probe->foreign_works = cache.foreign_works;
		STR_COPY(probe->foreign_reason, cache.foreign_reason ? cache.foreign_reason : "");
	}
	fields_fini(&cache_table, &cache);
	return is_valid;
}

static int cache_save(const struct qemu *qemu, const char *key, struct qemu_probe *probe,
		      struct err *err)
{
	auto_free char *path = cache_path(qemu);
	const struct cache cache = {
		.key = (char *)key,
		.has_tcg = probe->works[QEMU_ACCEL_TCG],
		.has_kvm = probe->works[QEMU_ACCEL_KVM],
		.tcg_reason = probe->reason[QEMU_ACCEL_TCG],
		.kvm_reason = probe->reason[QEMU_ACCEL_KVM],
		.foreign_works = probe->foreign_works,
		.foreign_reason = probe->foreign_reason,
	};
	auto_free char *text = fields_format(&cache_table, &cache);

	return file_write_atomic(path, text, strlen(text), 0600, err);
}

static unsigned limit_ms(const struct trial *trial)
{
	return trial->accel == QEMU_ACCEL_KVM ? KVM_LIMIT_MS : TCG_LIMIT_MS;
}

/* 0: there is none that could be made here. */
static size_t guest_size(enum qemu_kernel_kind kind)
{
	return kind == QEMU_KERNEL_ARM64 ? qemu_probe_image_size : qemu_probe_guest_size;
}

static int write_guest(const struct vm_dir *dir, enum qemu_kernel_kind kind, struct err *err)
{
	auto_free char *path = path_join(dir->vm, "kernel");
	const uint8_t *guest = kind == QEMU_KERNEL_ARM64 ? qemu_probe_image : qemu_probe_guest;

	return file_write_atomic(path, guest, guest_size(kind), 0644, err);
}

static int launch_guest(const struct qemu *qemu, const struct vm_dir *dir,
			const struct trial *trial, struct proc_id *ret_helper, struct err *err)
{
	const struct runtime_spec spec = { .instance_id = PROBE_ID };
	struct qemu_vm vm = { .accel = trial->accel, .kernel.kind = trial->kind };
	auto_free char *log = path_join(dir->path, "log");
	auto_strv struct strv argv = { 0 };

	vm.machine = qemu_machine_for(&vm.kernel, vm.accel);
	if (qemu_args_build(&spec, &vm, &argv, err) < 0)
		return err->code;
	const struct vm_launch launch = {
		.qemu = qemu,
		.dir = dir,
		.argv = &argv,
		.log_path = log,
		.has_kvm = trial->accel == QEMU_ACCEL_KVM,
		.timeout_ms = limit_ms(trial),
	};
	return vm_launch(&launch, ret_helper, err);
}

/* 0 if the guest came to its end as it should: by its exit code, or where there is none by its
 * last word. */
static int check_end(const char *path, const struct trial *trial, struct err *err)
{
	const struct qemu_end_facts facts = { .is_mute = trial->kind == QEMU_KERNEL_ARM64 };
	struct runtime_status status = { 0 };
	struct exit_record record;

	if (vm_exit_read(path, &record, err) < 0)
		return err_wrap(err, "probe guest");
	qemu_end_classify(&record, &facts, &status);
	auto_free char *last = qemu_last_line(record.errors);
	bool is_timeout = record.is_timeout;
	bool has_spoken = !facts.is_mute || str_starts(record.output, "ok");
	exit_record_fini(&record);
	if (is_timeout)
		return err_set(err, -ETIMEDOUT, "a test guest hung for %u ms%s%s", limit_ms(trial),
			       last ? ": " : "", last ? last : "");
	if (status.end != RUNTIME_END_CLEAN || status.exit_code != 0 || !has_spoken)
		return err_set(err, -EIO, "a test guest could not run: %s", status.detail);
	return 0;
}

static int run_guest(const struct qemu *qemu, const struct trial *trial, struct err *err)
{
	auto_free char *path = path_join(qemu->dir, trial->name);
	auto_vm_dir struct vm_dir dir = { .lock = -1 };
	struct proc_id helper;
	struct err ignored;

	if (path_remove(path, err) < 0 || vm_dir_make(qemu, path, &dir, err) < 0)
		return err->code;
	int r = write_guest(&dir, trial->kind, err);
	if (r == 0)
		r = launch_guest(qemu, &dir, trial, &helper, err);
	if (r == 0)
		r = proc_wait(&helper, TCG_LIMIT_MS + MARGIN_MS, err);
	if (r == 0)
		r = check_end(path, trial, err);
	else
		vm_kill(path, MARGIN_MS, &ignored);
	path_remove(path, &ignored);
	return r;
}

/* A device that only root may open is of no use to a QEMU that is not root. */
static bool is_kvm_closed(const struct qemu *qemu, struct qemu_probe *probe)
{
	struct stat st;

	if (!qemu->n_users || stat("/dev/kvm", &st) < 0 || (st.st_mode & 0006) == 0006 ||
	    ((st.st_mode & 0060) == 0060 && st.st_gid))
		return false;
	snprintf(probe->reason[QEMU_ACCEL_KVM], sizeof(probe->reason[0]),
		 "/dev/kvm (mode %03o, group %u) is open to root alone; qemu runs as a user of its "
		 "own and needs a group for it",
		 st.st_mode & 0777, st.st_gid);
	return true;
}

/* Without a guest to try, a translator that answers counts, and KVM does not. */
static bool try_one(const struct qemu *qemu, const struct trial *trial, struct err *err)
{
	return guest_size(trial->kind) ? run_guest(qemu, trial, err) == 0
				       : trial->accel == QEMU_ACCEL_TCG;
}

static void prove_native(const struct qemu *qemu, struct qemu_probe *probe)
{
	static const char *const names[] = { ".probe-tcg", ".probe-kvm" };

	static_assert(ARRAY_LEN(names) == QEMU_ACCEL_N, "one per accelerator");
	for (enum qemu_accel a = 0; a < QEMU_ACCEL_N; a++) {
		const struct trial trial = { QEMU_NATIVE, a, names[a] };
		struct err err = { 0 };

		if (a == QEMU_ACCEL_KVM &&
		    (access("/dev/kvm", F_OK) < 0 || is_kvm_closed(qemu, probe)))
			continue;
		probe->works[a] = try_one(qemu, &trial, &err);
		if (!probe->works[a])
			STR_COPY(probe->reason[a], err.msg);
	}
}

static void prove_foreign(const struct qemu *qemu, struct qemu_probe *probe)
{
	const struct trial trial = { QEMU_FOREIGN, QEMU_ACCEL_TCG, ".probe-other" };
	struct err err = { 0 };

	if (!probe->foreign_version[0])
		return;
	probe->foreign_works = try_one(qemu, &trial, &err);
	if (!probe->foreign_works)
		STR_COPY(probe->foreign_reason, err.msg);
}

static int probe_locked(struct qemu *qemu, struct err *err)
{
	struct qemu_probe probe = { 0 };
	struct err cause;
	int r = find_version(QEMU_NATIVE, probe.version, sizeof(probe.version), &cause);

	if (r == -ENOENT) {
		qemu->probe = probe;
		return 0;
	}
	if (r < 0)
		return err_copy(err, &cause);
	probe.has_qemu = true;
	if (find_version(QEMU_FOREIGN, probe.foreign_version, sizeof(probe.foreign_version),
			 &cause) < 0 &&
	    cause.code != -ENOENT)
		return err_copy(err, &cause);
	auto_free char *key = cache_key(&probe, qemu);
	if (!cache_load(qemu, key, &probe)) {
		prove_native(qemu, &probe);
		prove_foreign(qemu, &probe);
		if (cache_save(qemu, key, &probe, err) < 0)
			return err->code;
	}
	qemu->probe = probe;
	qemu->is_probed = true;
	return 0;
}

int qemu_caps_probe(struct qemu *qemu, struct qemu_probe *ret, struct err *err)
{
	pthread_mutex_lock(&qemu->probe_lock);
	int r = qemu->is_probed ? 0 : probe_locked(qemu, err);
	*ret = qemu->probe;
	pthread_mutex_unlock(&qemu->probe_lock);
	return r;
}

static int accel_of_foreign(const struct qemu_probe *p, enum qemu_accel *ret, struct err *err)
{
	if (!p->foreign_version[0])
		return err_set(err, -ENOTSUP, "image is for %s and %s is not installed",
			       qemu_arch(QEMU_FOREIGN), qemu_program(QEMU_FOREIGN));
	if (!p->foreign_works)
		return err_set(err, -ENOTSUP, "%s cannot run a guest: %s",
			       qemu_program(QEMU_FOREIGN), p->foreign_reason);
	*ret = QEMU_ACCEL_TCG;
	return 0;
}

int qemu_caps_accel(struct qemu *qemu, const struct qemu_kernel *kernel, enum qemu_accel *ret,
		    struct err *err)
{
	struct qemu_probe probe;
	const struct qemu_probe *p = &probe;

	if (qemu_caps_probe(qemu, &probe, err) < 0)
		return err->code;
	if (!p->has_qemu)
		return err_set(err, -ENOTSUP, "%s not found", qemu_program(QEMU_NATIVE));
	if (kernel->kind == QEMU_FOREIGN)
		return accel_of_foreign(p, ret, err);
	if (p->works[QEMU_ACCEL_KVM])
		*ret = QEMU_ACCEL_KVM;
	else if (p->works[QEMU_ACCEL_TCG])
		*ret = QEMU_ACCEL_TCG;
	else
		return err_set(err, -ENOTSUP, "qemu cannot run a guest: %s",
			       p->reason[QEMU_ACCEL_TCG]);
	return 0;
}

void qemu_caps_describe(const struct qemu_probe *probe, struct runtime_info *ret)
{
	*ret = (struct runtime_info){ .has_kvm = probe->works[QEMU_ACCEL_KVM] };
	if (!probe->has_qemu)
		strv_addf(&ret->problems, "%s not found: no unikernels", qemu_program(QEMU_NATIVE));
	if (probe->works[QEMU_ACCEL_TCG] || probe->works[QEMU_ACCEL_KVM])
		strv_add(&ret->virtualization, "unikernel");
	if (ret->virtualization.n && probe->foreign_works)
		strv_add(&ret->emulated, qemu_arch(QEMU_FOREIGN));
	if (probe->reason[QEMU_ACCEL_KVM][0])
		strv_addf(&ret->problems, "kvm: %s", probe->reason[QEMU_ACCEL_KVM]);
	if (probe->reason[QEMU_ACCEL_TCG][0])
		strv_addf(&ret->problems, "tcg: %s", probe->reason[QEMU_ACCEL_TCG]);
	if (probe->foreign_reason[0])
		strv_addf(&ret->problems, "%s: %s", qemu_program(QEMU_FOREIGN),
			  probe->foreign_reason);
}
