/* Status from the folder: exit record, then processes, then the lock. */
#include <limits.h>

#include "base/exit_record.h"
#include "runtime/qemu/end.h"
#include "runtime/qemu/instance.h"
#include "runtime/qemu/pause.h"
#include "runtime/qemu/process.h"

#define RECORD_MAX 65536

static const struct field record_fields[] = {
	FIELD(struct qemu_record, boot_id, "boot_id", F_STR),
	FIELD(struct qemu_record, digest, "digest", F_STR),
	FIELD(struct qemu_record, started_ms, "started_ms", F_U64),
	FIELD(struct qemu_record, incarnation, "incarnation", F_U32),
	FIELD(struct qemu_record, generation, "generation", F_U32),
	FIELD(struct qemu_record, accel, "accel", F_STR),
	FIELD(struct qemu_record, arch, "arch", F_STR),
	FIELD(struct qemu_record, cgroup, "cgroup", F_STR),
};
FIELD_TABLE(qemu_record_table, struct qemu_record, "record", record_fields);

char *instance_path(const struct qemu *qemu, const char *id)
{
	return path_join(qemu->dir, id);
}

/* The name of its folder and control group; the caller's. */
static char *real_name(const struct qemu *qemu, const char *id)
{
	auto_free char *path = instance_path(qemu, id);
	char target[NAME_MAX + 1];
	ssize_t n = readlink(path, target, sizeof(target));

	return n > 0 ? xstrndup(target, (size_t)n) : xstrdup(id);
}

char *instance_real_path(const struct qemu *qemu, const char *id)
{
	auto_free char *name = real_name(qemu, id);

	return path_join(qemu->dir, name);
}

char *instance_cgroup(const struct qemu *qemu, const char *id)
{
	auto_free char *name = real_name(qemu, id);

	return path_join(qemu->cgroup_parent, name);
}

int instance_write(const char *path, const struct qemu_record *record, struct err *err)
{
	auto_free char *file = path_join(path, "instance.json");
	auto_free char *text = fields_format(&qemu_record_table, record);

	return file_replace(file, text, err);
}

static int read_record(const char *path, struct qemu_record *ret, struct err *err)
{
	auto_free char *file = path_join(path, "instance.json");
	auto_free char *text = NULL;

	if (file_read(file, RECORD_MAX, &text, NULL, err) < 0)
		return err->code;
	return fields_parse_text(&qemu_record_table, text, ret, FIELD_UNKNOWN_IGNORE, err);
}

int instance_mark_stopping(const char *path, struct err *err)
{
	auto_free char *file = path_join(path, "stopping");

	return file_replace(file, "", err);
}

int instance_mark_spoken(const char *path, struct err *err)
{
	auto_free char *file = path_join(path, "spoken");

	return file_replace(file, "", err);
}

int instance_mark_off(const char *path, struct err *err)
{
	auto_free char *file = path_join(path, "off");

	return file_replace(file, "", err);
}

static bool has_mark(const char *path, const char *name)
{
	auto_free char *file = path_join(path, name);

	return path_exists(file);
}

static bool is_marked(const char *path)
{
	return has_mark(path, "stopping");
}

static bool was_out_of_memory(const struct qemu *qemu, const struct qemu_record *record)
{
	struct cgroup_stats stats;
	struct err err;

	return record->cgroup && qemu->cgroups.layout != CGROUP_NONE &&
	       cgroup_stats(&qemu->cgroups, record->cgroup, &stats, &err) == 0 && stats.oom_kills;
}

/* False while there is no exit record. */
static bool fill_end(const struct qemu *qemu, const char *path, const struct qemu_record *record,
		     struct runtime_status *status)
{
	struct exit_record exit;
	struct err err;

	if (vm_exit_read(path, &exit, &err) < 0)
		return false;
	const struct qemu_end_facts facts = {
		.was_stopped = is_marked(path),
		.was_off = has_mark(path, "off"),
		.was_out_of_memory = was_out_of_memory(qemu, record),
		.is_mute = record->arch && str_eq(record->arch, qemu_arch(QEMU_KERNEL_ARM64)),
	};
	status->phase = RUNTIME_ENDED;
	qemu_end_classify(&exit, &facts, status);
	exit_record_fini(&exit);
	return true;
}

static void fill_unseen(const char *path, const struct qemu_record *record,
			struct runtime_status *status)
{
	char boot_id[BOOT_ID_SIZE];

	proc_boot_id(boot_id);
	status->phase = RUNTIME_ENDED;
	status->end = is_marked(path) ? RUNTIME_END_STOPPED : RUNTIME_END_UNKNOWN;
	STR_COPY(status->detail, is_marked(path) ? "stopped"
				 : !str_eq(record->boot_id, boot_id)
					 ? "ended with the machine"
					 : "ended while nobody watched");
}

/* The console's first byte leaves a mark; without a supervisor nobody would see that one. */
static bool is_silent(const char *path, bool has_helper)
{
	auto_free char *mark = path_join(path, "spoken");

	return has_helper && !path_exists(mark);
}

/* The supervisor writes the exit record before it ends: seen alive or not, the record is looked
 * at again after the processes. */
static void fill_phase(const struct qemu *qemu, const char *path, const struct qemu_record *record,
		       struct runtime_status *status)
{
	struct vm_processes p;

	if (fill_end(qemu, path, record, status))
		return;
	vm_processes_read(path, &p);
	bool has_helper = p.helper.pid && proc_is_alive(&p.helper);
	bool has_vm = p.vm.pid && proc_is_alive(&p.vm);
	if (has_helper || has_vm) {
		status->phase = p.vm.pid ? RUNTIME_RUNNING : RUNTIME_STARTING;
		status->proc = p.vm;
		status->watch = has_helper ? p.helper : p.vm;
		status->is_silent = is_silent(path, has_helper);
		status->is_paused = pause_is_set(path);
		return;
	}
	if (fill_end(qemu, path, record, status))
		return;
	if (vm_dir_is_taken(path))
		status->phase = RUNTIME_STARTING;
	else
		fill_unseen(path, record, status);
}

int instance_status(const struct qemu *qemu, const char *id, struct runtime_status *ret,
		    struct err *err)
{
	auto_free char *path = instance_path(qemu, id);
	struct qemu_record record = { 0 };
	struct runtime_status status = { 0 };
	struct err why;

	if (!path_exists(path))
		return err_set(err, -ENOENT, "instance %s is not there", id);
	if (read_record(path, &record, &why) < 0 && !vm_dir_is_taken(path))
		return err_set(err, -ENOENT, "instance %s was never started", id);
	STR_COPY(status.instance_id, id);
	STR_COPY(status.kind, "unikernel");
	STR_COPY(status.digest, record.digest);
	status.started_ms = record.started_ms;
	status.incarnation = record.incarnation;
	status.generation = record.generation;
	fill_phase(qemu, path, &record, &status);
	fields_fini(&qemu_record_table, &record);
	*ret = status;
	return 0;
}
