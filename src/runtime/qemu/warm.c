/* Making a machine for the pool is a start from a saved state that stops short of running. Taking one
 * leaves everything where it is: the instance's folder is a symbolic link to the machine's, and so is
 * the machine's log to the instance's, before anything was written there. */
#include <dirent.h>
#include <fcntl.h>
#include <linux/capability.h>
#include <sys/prctl.h>
#include <sys/random.h>
#include <sys/resource.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "runtime/qemu/build.h"
#include "runtime/qemu/instance.h"
#include "runtime/qemu/machine.h"
#include "runtime/qemu/warm.h"
#include "wire/netlink/netlink.h"

#define ANSWER_MS    5000
#define NICE         10 /* of what waits */
#define LOG_NAME     "console"
#define OVERHEAD_MIB 32 /* of QEMU beside the guest's memory, measured (`bench/run overhead`) */

void warm_machine_fini(struct warm_machine *machine)
{
	qmp_close(machine->qmp);
	free(machine->label);
	*machine = (struct warm_machine){ 0 };
}

uint64_t warm_bytes(const struct runtime_spec *spec)
{
	uint64_t mib = spec->memory_mib ? spec->memory_mib : QEMU_MEMORY_DEFAULT_MIB;

	return (mib + OVERHEAD_MIB) << 20;
}

static int pick_name(struct warm_machine *machine, struct err *err)
{
	uint8_t random[12];
	char id[ID_SIZE];

	if (getrandom(random, sizeof(random), 0) != (ssize_t)sizeof(random))
		return err_errno(err, "get random numbers");
	id_format(random, id);
	snprintf(machine->name, sizeof(machine->name), WARM_PREFIX "%s", id);
	return 0;
}

/* The tap as the overlay makes it, which will find it there. */
static int make_tap(const char *netns, const char *name, struct err *err)
{
	int home;

	if (netns_enter(netns, &home, err) < 0)
		return err->code;
	int r = netlink_tap_add(name, 0, err);
	netns_leave(home);
	return r;
}

/* What waits runs behind everything else, if we are among those who can take that back. */
static unsigned nice_of_waiting(void)
{
	return geteuid() == 0 && prctl(PR_CAPBSET_READ, CAP_SYS_NICE, 0, 0, 0) == 1 ? NICE : 0;
}

/* All threads of a process get our own. */
static void raise_priority(pid_t pid)
{
	int own = getpriority(PRIO_PROCESS, 0);
	auto_free char *path = xasprintf("/proc/%d/task", (int)pid);
	DIR *dir = opendir(path);
	uint32_t tid;

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));)
		if (parse_u32(e->d_name, 1, INT32_MAX, &tid) == 0)
			setpriority(PRIO_PROCESS, tid, own);
	closedir(dir);
}

static int launch(struct qemu *qemu, const struct runtime_spec *spec, const struct runtime_ctx *ctx,
		  struct warm_machine *machine, struct err *err)
{
	struct build b = BUILD(qemu, spec, ctx);

	b.name = machine->name;
	b.is_for_pool = true;
	b.nice = nice_of_waiting();
	int r = build_run(&b, err);
	if (r < 0 && b.is_state_bad)
		snapshot_drop(qemu, b.key);
	STR_COPY(machine->key, b.key);
	build_fini(&b);
	return r;
}

/* What a machine is made from. */
struct making {
	struct qemu *qemu;
	const struct runtime_spec *like;
	const struct runtime_ctx *ctx;
	int netns;
};

static int make_in(const struct making *m, struct warm_machine *machine, struct err *err)
{
	struct runtime_spec spec = *m->like;
	char path[32], id[ID_SIZE];
	struct stat st;

	snprintf(path, sizeof(path), "/proc/self/fd/%d", m->netns);
	if (fstat(m->netns, &st) < 0)
		return err_errno(err, "look at a network namespace");
	machine->netns = st.st_ino;
	if (make_tap(path, m->like->net.tap, err) < 0)
		return err->code;
	auto_free char *dir = instance_path(m->qemu, machine->name);
	auto_free char *log = path_join(dir, LOG_NAME);
	STR_COPY(id, machine->name + strlen(WARM_PREFIX));
	spec.instance_id = id;
	spec.net.netns_path = path;
	spec.log_path = log;
	if (launch(m->qemu, &spec, m->ctx, machine, err) < 0)
		return err->code;
	vm_processes_read(dir, &machine->processes);
	return qmp_open(dir, QEMU_QMP_NAME, ANSWER_MS, &machine->qmp, err);
}

int warm_make(struct qemu *qemu, const struct runtime_spec *spec, const struct runtime_ctx *ctx,
	      struct warm_machine *ret, struct err *err)
{
	struct warm_machine machine = { .bytes = warm_bytes(spec) };

	if (!spec->net.tap)
		return err_set(err, -ENOTSUP, "it has no network");
	if (pick_name(&machine, err) < 0)
		return err->code;
	auto_close int netns = netns_new(err);
	if (netns < 0)
		return netns;
	int r = make_in(&(struct making){ qemu, spec, ctx, netns }, &machine, err);
	if (r < 0) {
		struct err ignored;

		machine_remove(qemu, machine.name, &ignored);
		warm_machine_fini(&machine);
		return r;
	}
	machine.label = xstrdup(spec->warm_label);
	*ret = machine;
	return 0;
}

/* Its supervisor opens the log with the first output, and finds that of the instance, which is there as
 * soon as any other's. */
static int lead_log(const struct build *b, struct err *err)
{
	auto_free char *log = path_join(b->dir.path, LOG_NAME);
	auto_free char *link = xasprintf("%s.new", log);

	if (build_make_log_folder(b->spec->log_path, err) < 0)
		return err->code;
	auto_close int fd = open(b->spec->log_path, O_WRONLY | O_CREAT | O_CLOEXEC, 0640);
	if (fd < 0)
		return err_errno(err, "create %s", b->spec->log_path);
	if (symlink(b->spec->log_path, link) < 0 || rename(link, log) < 0)
		return err_errno(err, "create link %s", log);
	return 0;
}

/* From the link on it is the instance, which the next Holm lets go on if this one is killed here. */
static int become(struct build *b, struct warm_machine *machine, struct err *err)
{
	auto_free char *link = instance_path(b->qemu, b->spec->instance_id);
	auto_free char *mark = NULL;

	b->name = machine->name;
	b->dir.path = instance_path(b->qemu, machine->name);
	mark = path_join(b->dir.path, SNAPSHOT_HALTED_MARK);
	if (build_limit(b, err) < 0 || lead_log(b, err) < 0 || build_write_record(b, err) < 0 ||
	    file_replace(mark, "", err) < 0)
		return err->code;
	raise_priority(machine->processes.helper.pid);
	raise_priority(machine->processes.vm.pid);
	if (symlink(machine->name, link) < 0)
		return err_errno(err, "create link %s", link);
	const struct qmp_command command = { "cont", NULL, ANSWER_MS };
	int r = qmp_execute(machine->qmp, &command, NULL, err);
	if (r == 0)
		unlink(mark);
	return r;
}

static int take(struct build *b, struct err *err)
{
	struct warm_machine machine;

	b->is_key_only = true;
	if (build_examine(b, err) < 0 || warm_claim(b->qemu, b->spec, b->key, &machine, err) < 0)
		return err->code;
	int r = become(b, &machine, err);
	if (r < 0) {
		struct err ignored;

		machine_remove(b->qemu, machine.name, &ignored);
		machine_remove(b->qemu, b->spec->instance_id, &ignored);
	}
	warm_machine_fini(&machine);
	return r;
}

int warm_start(struct qemu *qemu, const struct runtime_spec *spec, const struct runtime_ctx *ctx,
	       struct err *err)
{
	struct build b = BUILD(qemu, spec, ctx);
	int r = take(&b, err);

	build_fini(&b);
	if (r < 0)
		log_info("instance %s: no machine that waits: %s: from the saved state",
			 spec->instance_id, err->msg);
	return r;
}
