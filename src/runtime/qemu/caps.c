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
#if defined(__aarch64__)
#define PROGRAM "qemu-system-aarch64"
#else
#define PROGRAM "qemu-system-x86_64"
#endif

extern const uint8_t qemu_probe_guest[];
extern const uint64_t qemu_probe_guest_size;

/* What was found, and under which circumstances. */
struct cache {
	char *key;
	bool has_tcg;
	bool has_kvm;
	char *tcg_reason;
	char *kvm_reason;
};

static const struct field cache_fields[] = {
	FIELD(struct cache, key, "key", F_STR),
	FIELD(struct cache, has_tcg, "has_tcg", F_BOOL),
	FIELD(struct cache, has_kvm, "has_kvm", F_BOOL),
	FIELD(struct cache, tcg_reason, "tcg_reason", F_STR),
	FIELD(struct cache, kvm_reason, "kvm_reason", F_STR),
};
static FIELD_TABLE(cache_table, struct cache, "probe", cache_fields);

/* "QEMU emulator version 7.2.22 (Debian …)" */
static void parse_version(const char *text, struct qemu_probe *probe)
{
	static const char mark[] = "version ";
	const char *p = strstr(text, mark);

	if (!p)
		return;
	p += sizeof(mark) - 1;
	auto_free char *version = xstrndup(p, strspn(p, "0123456789."));
	STR_COPY(probe->version, version);
}

/* -ENOENT if there is none. */
static int find_version(struct qemu_probe *probe, struct err *err)
{
	char *argv[] = { (char *)PROGRAM, (char *)"--version", NULL };
	const struct child_spec spec = { .argv = argv };
	auto_free char *output = NULL;
	int r = child_run(&spec, VERSION_LIMIT_MS, &output, err);

	if (r < 0)
		return r;
	parse_version(output, probe);
	if (r > 0 || !probe->version[0])
		return err_set(err, -EIO, PROGRAM " --version: exit code %d: %s", r,
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
	return xasprintf("%s qemu %s users %u jail %d kvm %o %u", boot_id, probe->version,
			 qemu->n_users, qemu->can_jail, st.st_mode, st.st_gid);
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
		STR_COPY(probe->reason[QEMU_ACCEL_TCG], cache.tcg_reason);
		STR_COPY(probe->reason[QEMU_ACCEL_KVM], cache.kvm_reason);
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
	};
	auto_free char *text = fields_format(&cache_table, &cache);

	return file_write_atomic(path, text, strlen(text), 0600, err);
}

static int write_guest(const struct vm_dir *dir, struct err *err)
{
	auto_free char *path = path_join(dir->vm, "kernel");

	return file_write_atomic(path, qemu_probe_guest, qemu_probe_guest_size, 0644, err);
}

static int launch_guest(const struct qemu *qemu, const struct vm_dir *dir, enum qemu_accel accel,
			struct proc_id *ret_helper, struct err *err)
{
	const struct runtime_spec spec = { .instance_id = PROBE_ID };
	const struct qemu_vm vm = { .accel = accel };
	auto_free char *log = path_join(dir->path, "log");
	auto_strv struct strv argv = { 0 };

	if (qemu_args_build(&spec, &vm, &argv, err) < 0)
		return err->code;
	const struct vm_launch launch = {
		.qemu = qemu,
		.dir = dir,
		.argv = &argv,
		.log_path = log,
		.has_kvm = accel == QEMU_ACCEL_KVM,
		.timeout_ms = accel == QEMU_ACCEL_KVM ? KVM_LIMIT_MS : TCG_LIMIT_MS,
	};
	return vm_launch(&launch, ret_helper, err);
}

/* 0 if the guest came to its end as it should. */
static int check_end(const char *path, enum qemu_accel accel, struct err *err)
{
	const struct qemu_end_facts facts = { 0 };
	struct runtime_status status = { 0 };
	struct exit_record record;

	if (vm_exit_read(path, &record, err) < 0)
		return err_wrap(err, "probe guest");
	qemu_end_classify(&record, &facts, &status);
	auto_free char *last = qemu_last_line(record.errors);
	bool is_timeout = record.is_timeout;
	exit_record_fini(&record);
	if (is_timeout)
		return err_set(err, -ETIMEDOUT, "a test guest hung for %u ms%s%s",
			       accel == QEMU_ACCEL_KVM ? KVM_LIMIT_MS : TCG_LIMIT_MS,
			       last ? ": " : "", last ? last : "");
	if (status.end != RUNTIME_END_CLEAN || status.exit_code != 0)
		return err_set(err, -EIO, "a test guest could not run: %s", status.detail);
	return 0;
}

static int run_guest(const struct qemu *qemu, enum qemu_accel accel, struct err *err)
{
	auto_free char *path = path_join(qemu->dir,
					 accel == QEMU_ACCEL_KVM ? ".probe-kvm" : ".probe-tcg");
	auto_vm_dir struct vm_dir dir = { .lock = -1 };
	struct proc_id helper;
	struct err ignored;

	if (path_remove(path, err) < 0 || vm_dir_make(qemu, path, &dir, err) < 0)
		return err->code;
	int r = write_guest(&dir, err);
	if (r == 0)
		r = launch_guest(qemu, &dir, accel, &helper, err);
	if (r == 0)
		r = proc_wait(&helper, TCG_LIMIT_MS + MARGIN_MS, err);
	if (r == 0)
		r = check_end(path, accel, err);
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

static void prove(const struct qemu *qemu, struct qemu_probe *probe)
{
	for (enum qemu_accel a = 0; a < QEMU_ACCEL_N; a++) {
		struct err err = { 0 };

		if (a == QEMU_ACCEL_KVM &&
		    (access("/dev/kvm", F_OK) < 0 || is_kvm_closed(qemu, probe)))
			continue;
		probe->works[a] = qemu_probe_guest_size ? run_guest(qemu, a, &err) == 0
							: a == QEMU_ACCEL_TCG;
		if (!probe->works[a])
			STR_COPY(probe->reason[a], err.msg);
	}
}

static int probe_locked(struct qemu *qemu, struct err *err)
{
	struct qemu_probe probe = { 0 };
	struct err cause;
	int r = find_version(&probe, &cause);

	if (r == -ENOENT) {
		qemu->probe = probe;
		return 0;
	}
	if (r < 0)
		return err_copy(err, &cause);
	probe.has_qemu = true;
	auto_free char *key = cache_key(&probe, qemu);
	if (!cache_load(qemu, key, &probe)) {
		prove(qemu, &probe);
		if (cache_save(qemu, key, &probe, err) < 0)
			return err->code;
	}
	qemu->probe = probe;
	qemu->is_probed = true;
	return 0;
}

int qemu_caps_probe(struct qemu *qemu, struct err *err)
{
	pthread_mutex_lock(&qemu->probe_lock);
	int r = qemu->is_probed ? 0 : probe_locked(qemu, err);
	pthread_mutex_unlock(&qemu->probe_lock);
	return r;
}

static bool is_native(const struct qemu_kernel *kernel)
{
#if defined(__x86_64__)
	return kernel->kind == QEMU_KERNEL_X86;
#elif defined(__aarch64__)
	return kernel->kind == QEMU_KERNEL_ARM64;
#else
	return false;
#endif
}

int qemu_caps_accel(struct qemu *qemu, const struct qemu_kernel *kernel, enum qemu_accel *ret,
		    struct err *err)
{
	const struct qemu_probe *p = &qemu->probe;

	if (qemu_caps_probe(qemu, err) < 0)
		return err->code;
	if (!p->has_qemu)
		return err_set(err, -ENOTSUP, PROGRAM " not found");
	if (p->works[QEMU_ACCEL_KVM] && is_native(kernel))
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
		strv_add(&ret->problems, PROGRAM " not found: no unikernels");
	if (probe->works[QEMU_ACCEL_TCG] || probe->works[QEMU_ACCEL_KVM])
		strv_add(&ret->virtualization, "unikernel");
	if (probe->reason[QEMU_ACCEL_KVM][0])
		strv_addf(&ret->problems, "kvm: %s", probe->reason[QEMU_ACCEL_KVM]);
	if (probe->reason[QEMU_ACCEL_TCG][0])
		strv_addf(&ret->problems, "tcg: %s", probe->reason[QEMU_ACCEL_TCG]);
}
