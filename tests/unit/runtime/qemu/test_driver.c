/* The driver with the real QEMU and a small guest. */
#include <fcntl.h>
#include <linux/capability.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/file.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/cgroup.h"
#include "runtime/runtime.h"

#define ID      "5f0c2a9b1d3e4f5a6b7c8d9e"
#define WAIT_MS 20000

struct fixture {
	char dir[64];
	char *image;
	char *log_path;
	char *helper;
	char *guest;
	char cgroup[64];
	void *state;
	struct strv cmd;
	struct strv env;
	struct runtime_spec spec;
};

static const struct runtime_driver *const d = &qemu_driver;

static void open_driver(struct fixture *f)
{
	const struct runtime_config config = {
		.node_id = "000000000000000000000001",
		.data_dir = f->dir,
		.helper_path = f->helper,
		.cgroup_parent = f->cgroup,
		.log_max_bytes = 65536,
		.first_user = 0x70000000,
		.n_users = 0x08000000,
	};
	struct err err = { 0 };

	if (d->open(&config, &f->state, &err) < 0)
		fail_msg("%s", err.msg);
}

static void copy(const char *from, const char *dir, const char *name)
{
	auto_free char *to = path_join(dir, name);
	auto_free char *data = NULL;
	size_t len;
	struct err err = { 0 };

	if (file_read(from, 1 << 26, &data, &len, &err) < 0 ||
	    file_write_atomic(to, data, len, 0644, &err) < 0)
		fail_msg("%s", err.msg);
}

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);
	const char *build = getenv("HOLM_BUILD");
	struct err err;

	assert_non_null(build);
	STR_COPY(f->dir, "/tmp/holm-test-qemu.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	snprintf(f->cgroup, sizeof(f->cgroup), "holm-test-qemu-%d", getpid());
	f->helper = path_join(build, "src/helper/holm-helper");
	f->guest = path_join(build, "tests/unit/runtime/qemu/guest.elf");
	f->image = path_join(f->dir, "image");
	f->log_path = path_join(f->dir, "log");
	assert_int_equal(dir_make(f->image, 0755, &err), 0);
	copy(f->guest, f->image, "kernel");
	f->spec = (struct runtime_spec){
		.instance_id = ID,
		.name = "test",
		.image = f->image,
		.digest = "sha256:0",
		.cmd = &f->cmd,
		.env = &f->env,
		.incarnation = 7,
		.generation = 3,
		.log_path = f->log_path,
	};
	open_driver(f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct cgroup_fs cgroups;
	struct err err = { 0 };
	int r = d->stop(f->state, ID, NULL, NULL, &err);

	if (r < 0)
		print_error("%s\n", err.msg);
	d->close(f->state);
	if (path_remove(f->dir, &err) < 0)
		r = err.code;
	if (cgroup_detect("/sys/fs/cgroup", &cgroups, &err) < 0 ||
	    cgroup_remove(&cgroups, f->cgroup, &err) < 0)
		r = err.code;
	strv_fini(&f->cmd);
	strv_fini(&f->env);
	free(f->image);
	free(f->log_path);
	free(f->helper);
	free(f->guest);
	free(f);
	return r;
}

static struct runtime_status start(struct fixture *f, const char *word)
{
	struct runtime_status status;
	struct err err = { 0 };

	strv_fini(&f->cmd);
	strv_add(&f->cmd, word);
	if (d->start(f->state, &f->spec, NULL, &status, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(status.instance_id, ID);
	return status;
}

static struct runtime_status look(struct fixture *f)
{
	struct runtime_list list;
	struct runtime_status status = { 0 };
	struct err err = { 0 };

	if (d->list(f->state, NULL, &list, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(list.n <= 1);
	if (list.n)
		status = list.items[0];
	runtime_list_fini(&list);
	return status;
}

static struct runtime_status stop(struct fixture *f)
{
	auto_free char *path = xasprintf("%s/qemu/" ID, f->dir);
	struct runtime_status status;
	struct err err = { 0 };

	if (d->stop(f->state, ID, NULL, &status, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(status.phase, RUNTIME_ENDED);
	assert_false(path_exists(path));
	assert_string_equal(look(f).instance_id, "");
	return status;
}

/* Waits for the process that tells that exit facts are ready. */
static struct runtime_status wait_for_end(struct fixture *f, const struct runtime_status *running)
{
	struct err err = { 0 };

	if (running->watch.pid && proc_wait(&running->watch, WAIT_MS, &err) < 0)
		fail_msg("%s", err.msg);
	struct runtime_status status = look(f);
	assert_int_equal(status.phase, RUNTIME_ENDED);
	assert_int_equal(status.incarnation, 7);
	assert_int_equal(status.generation, 3);
	assert_string_equal(status.digest, "sha256:0");
	return status;
}

static char *log_text(struct fixture *f)
{
	char *text = NULL;
	struct err err = { 0 };

	if (file_read(f->log_path, 1 << 20, &text, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

/* The guest has printed it; its supervisor writes what is left when it ends, but here it runs. */
static void wait_for_text(struct fixture *f, const char *part)
{
	for (int i = 0; i < WAIT_MS / 10; i++) {
		auto_free char *text = log_text(f);

		if (strstr(text, part))
			return;
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	}
	fail_msg("no \"%s\" in the log", part);
}

static void proves_what_it_announces(void **state)
{
	struct fixture *f = *state;
	struct runtime_info info;
	struct err err = { 0 };

	if (d->probe(f->state, &info, &err) < 0)
		fail_msg("%s", err.msg);
	auto_free char *problems = strv_join(&info.problems, "; ");
	print_message("kvm: %d, problems: %s\n", info.has_kvm, problems);
	assert_true(strv_has(&info.virtualization, "unikernel"));
	assert_null(strstr(problems, "tcg"));
	runtime_info_fini(&info);
	auto_free char *cache = xasprintf("%s/qemu/probe.json", f->dir);
	auto_free char *left = xasprintf("%s/qemu/.probe-tcg", f->dir);
	assert_true(path_exists(cache));
	assert_false(path_exists(left));
}

static void runs_and_stops(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "run");
	struct runtime_stats stats;
	struct err err = { 0 };

	assert_int_equal(s.phase, RUNTIME_RUNNING);
	assert_true(proc_is_alive(&s.proc));
	assert_true(proc_is_alive(&s.watch));
	assert_string_equal(s.kind, "unikernel");
	assert_true(s.started_ms > 0);
	wait_for_text(f, "stdout F running\n");
	if (d->stats(f->state, ID, &stats, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(stats.memory_bytes > 1 << 20);
	assert_true(stats.cpu_ns > 0);
	struct runtime_status end = stop(f);
	assert_int_equal(end.end, RUNTIME_END_STOPPED);
	assert_false(proc_is_alive(&s.proc));
	assert_false(proc_is_alive(&s.watch));
	assert_int_equal(stop(f).end, RUNTIME_END_UNKNOWN);
}

/* Machines whose firmware writes to the console, too. */
static void tells_who_is_silent(void **state)
{
	struct fixture *f = *state;
	struct err err;

	assert_true(start(f, "mute").is_silent);
	/* Firmware has come and gone by then; nothing tells of its end. */
	nanosleep(&(struct timespec){ .tv_sec = 1 }, NULL);
	assert_true(look(f).is_silent);
	stop(f);
	struct runtime_status s = start(f, "run");
	wait_for_text(f, "stdout F running\n");
	assert_false(look(f).is_silent);
	/* Nobody sees the console any more. */
	stop(f);
	s = start(f, "mute");
	assert_int_equal(proc_kill(&s.watch, SIGKILL, &err), 0);
	assert_int_equal(proc_wait(&s.watch, WAIT_MS, &err), 0);
	assert_false(look(f).is_silent);
}

static struct runtime_attachment attach(struct fixture *f)
{
	struct runtime_attachment ends = { 0 };
	struct err err = { 0 };

	if (d->exec->attach(f->state, ID, &ends, &err) < 0)
		fail_msg("%s", err.msg);
	assert_true(ends.is_terminal);
	return ends;
}

static void read_console(const struct runtime_attachment *ends, const char *part)
{
	char seen[4096] = "";
	size_t len = 0;

	while (!strstr(seen, part)) {
		struct pollfd output = { .fd = ends->output, .events = POLLIN };
		char packet[1024];

		assert_int_equal(poll(&output, 1, WAIT_MS), 1);
		ssize_t n = recv(ends->output, packet, sizeof(packet), 0);
		assert_true(n > 1 && packet[0] == 0);
		assert_true(len + (size_t)n < sizeof(seen));
		memcpy(seen + len, packet + 1, (size_t)n - 1);
		len += (size_t)n - 1;
		seen[len] = '\0';
	}
}

static void close_ends(const struct runtime_attachment *ends)
{
	close(ends->in);
	close(ends->output);
}

static void its_console_is_a_terminal(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "keys");

	wait_for_text(f, "stdout F running\n");
	struct runtime_attachment ends = attach(f);
	assert_int_equal(write(ends.in, "abc\r", 4), 4);
	read_console(&ends, "abc\r");
	/* Who comes and goes ends nothing, and two see the same. */
	struct runtime_attachment other = attach(f);
	close_ends(&ends);
	ends = attach(f);
	assert_int_equal(write(other.in, "def", 3), 3);
	read_console(&ends, "def");
	read_console(&other, "def");
	assert_int_equal(look(f).phase, RUNTIME_RUNNING);
	assert_int_equal(write(ends.in, "q", 1), 1);
	assert_int_equal(wait_for_end(f, &s).end, RUNTIME_END_CLEAN);
	read_console(&ends, "q");
	char byte;
	assert_int_equal(recv(ends.output, &byte, 1, 0), 0);
	close_ends(&ends);
	close_ends(&other);
	auto_free char *text = log_text(f);
	assert_non_null(strstr(text, "abcdefq"));
}

static void nobody_is_attached_without_a_supervisor(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "run");
	struct runtime_attachment ends;
	struct err err;

	assert_int_equal(proc_kill(&s.watch, SIGKILL, &err), 0);
	assert_int_equal(proc_wait(&s.watch, WAIT_MS, &err), 0);
	assert_int_equal(d->exec->attach(f->state, ID, &ends, &err), -ESRCH);
	assert_true(str_starts(err.msg, "its supervisor has ended"));
	stop(f);
	assert_int_equal(d->exec->attach(f->state, ID, &ends, &err), -ENOENT);
	assert_null(d->exec->begin);
}

/* A machine that is stopped answers no QMP, and a full pipe holds up nobody. */
static void one_that_hangs_is_ended(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "run");
	struct err err;

	assert_int_equal(proc_kill(&s.proc, SIGSTOP, &err), 0);
	struct runtime_attachment ends = attach(f);
	char typed[65536] = { 0 };
	while (write(ends.in, typed, sizeof(typed)) > 0)
		;
	assert_int_equal(errno, EAGAIN);
	close_ends(&ends);
	assert_int_equal(look(f).phase, RUNTIME_RUNNING);
	assert_int_equal(stop(f).end, RUNTIME_END_STOPPED);
	assert_false(proc_is_alive(&s.proc));
}

/* An earlier driver was killed in the middle of it, before or after QEMU did it. */
static void a_pause_that_was_broken_off_is_settled(void **state)
{
	struct fixture *f = *state;
	auto_free char *mark = xasprintf("%s/qemu/" ID "/paused", f->dir);
	struct err err;

	start(f, "run");
	for (int was_done = 0; was_done < 2; was_done++) {
		assert_int_equal(d->set_paused(f->state, ID, was_done, &err), 0);
		assert_int_equal(look(f).is_paused, was_done);
		assert_int_equal(file_replace(mark, "?", &err), 0);
		assert_false(look(f).is_paused);
		d->close(f->state);
		open_driver(f);
		assert_int_equal(look(f).is_paused, was_done);
		assert_int_equal(path_exists(mark), was_done);
	}
	assert_int_equal(stop(f).end, RUNTIME_END_STOPPED);
}

/* QEMU looks at each shared folder when it starts, as a user who may not. */
static void has_folders_of_the_host(void **state)
{
	struct fixture *f = *state;
	auto_free char *volume = path_join(f->dir, "volume");
	auto_free char *file = path_join(f->image, "kernel");
	struct runtime_mount mounts[] = {
		{ .source = volume, .target = "/data" },
		{ .source = f->image, .target = "/image", .is_read_only = true },
	};
	struct runtime_status status;
	struct err err;

	assert_int_equal(dir_make(volume, 0700, &err), 0);
	f->spec.mounts = mounts;
	f->spec.n_mounts = ARRAY_LEN(mounts);
	start(f, "run");
	wait_for_text(f, "vfs.fstab=vol0:/data:9pfs:::mkmp vfs.fstab=vol1:/image:9pfs:::mkmp");
	stop(f);
	mounts[0].source = file;
	assert_true(d->start(f->state, &f->spec, NULL, &status, &err) < 0);
	assert_non_null(strstr(err.msg, "Not a directory"));
	f->spec.n_mounts = 0;
}

static void starting_again_changes_nothing(void **state)
{
	struct fixture *f = *state;
	struct runtime_status first = start(f, "run");
	struct runtime_status second = start(f, "run");
	struct err err = { 0 };

	assert_int_equal(first.proc.pid, second.proc.pid);
	f->spec.incarnation = 8;
	assert_int_equal(d->start(f->state, &f->spec, NULL, &second, &err), -EEXIST);
	assert_true(proc_is_alive(&first.proc));
}

static void tells_a_clean_end(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "exit");
	struct runtime_status end = wait_for_end(f, &s);

	assert_int_equal(end.end, RUNTIME_END_CLEAN);
	assert_int_equal(end.exit_code, 0);
	assert_int_equal(stop(f).end, RUNTIME_END_CLEAN);
}

static void tells_a_crash_with_its_cause(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "crash");
	struct runtime_status end = wait_for_end(f, &s);

	assert_int_equal(end.end, RUNTIME_END_CRASH);
	assert_int_equal(end.exit_code, 85);
	assert_string_equal(end.detail,
			    "crashed (guest exit 85): Unhandled Trap 6 (invalid opcode)");
}

static void tells_a_power_off(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "off");
	struct runtime_status end = wait_for_end(f, &s);

	assert_int_equal(end.end, RUNTIME_END_CLEAN);
	assert_string_equal(end.detail, "powered off");
}

/* QEMU ends as if it had been powered off. */
static void tells_a_reset(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "triple");
	struct runtime_status end = wait_for_end(f, &s);

	assert_int_equal(end.end, RUNTIME_END_CRASH);
	assert_true(str_starts(end.detail, "reset itself, or was by a triple fault: guest: "));
	assert_int_equal(stop(f).end, RUNTIME_END_CRASH);
}

static void tells_who_was_killed(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "run");
	struct err err;

	assert_int_equal(proc_kill(&s.proc, SIGKILL, &err), 0);
	struct runtime_status end = wait_for_end(f, &s);
	assert_int_equal(end.end, RUNTIME_END_CRASH);
	assert_string_equal(end.detail, "qemu ended by signal 9 (Killed)");
	s = start(f, "run");
	assert_int_equal(proc_kill(&s.proc, SIGTERM, &err), 0);
	end = wait_for_end(f, &s);
	assert_int_equal(end.end, RUNTIME_END_CRASH);
	assert_non_null(strstr(end.detail, "terminating on signal 15"));
}

/* Nothing of an instance is in the driver's memory. */
static void adopts_what_runs(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "run");

	d->close(f->state);
	open_driver(f);
	struct runtime_status again = look(f);
	assert_int_equal(again.phase, RUNTIME_RUNNING);
	assert_int_equal(again.proc.pid, s.proc.pid);
	assert_int_equal(again.watch.pid, s.watch.pid);
	assert_int_equal(again.incarnation, 7);
	assert_int_equal(again.started_ms, s.started_ms);
	assert_int_equal(stop(f).end, RUNTIME_END_STOPPED);
}

/* Holm was killed while it stopped one: it goes on, and has an end of its own. */
static void a_stop_that_was_broken_off_is_no_end(void **state)
{
	struct fixture *f = *state;
	auto_free char *mark = xasprintf("%s/qemu/" ID "/stopping", f->dir);
	struct runtime_status s = start(f, "keys");
	struct err err;

	assert_int_equal(file_replace(mark, "", &err), 0);
	d->close(f->state);
	open_driver(f);
	assert_int_equal(look(f).phase, RUNTIME_RUNNING);
	struct runtime_attachment ends = attach(f);
	assert_int_equal(write(ends.in, "q", 1), 1);
	struct runtime_status end = wait_for_end(f, &s);
	assert_int_equal(end.end, RUNTIME_END_CLEAN);
	close_ends(&ends);
	/* One that had gone through. */
	s = start(f, "run");
	assert_int_equal(file_replace(mark, "", &err), 0);
	assert_int_equal(proc_kill(&s.proc, SIGKILL, &err), 0);
	d->close(f->state);
	open_driver(f);
	assert_int_equal(wait_for_end(f, &s).end, RUNTIME_END_STOPPED);
}

static void outlives_its_supervisor(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "flood");
	struct err err;

	assert_int_equal(proc_kill(&s.watch, SIGKILL, &err), 0);
	assert_int_equal(proc_wait(&s.watch, WAIT_MS, &err), 0);
	struct runtime_status now = look(f);
	assert_int_equal(now.phase, RUNTIME_RUNNING);
	assert_int_equal(now.proc.pid, s.proc.pid);
	assert_int_equal(now.watch.pid, s.proc.pid);
	assert_int_equal(stop(f).end, RUNTIME_END_STOPPED);
	assert_false(proc_is_alive(&s.proc));
}

static void an_end_that_nobody_saw_is_unknown(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "run");
	struct err err;

	assert_int_equal(proc_kill(&s.watch, SIGKILL, &err), 0);
	assert_int_equal(proc_wait(&s.watch, WAIT_MS, &err), 0);
	s = look(f);
	assert_int_equal(proc_kill(&s.proc, SIGKILL, &err), 0);
	struct runtime_status end = wait_for_end(f, &s);
	assert_int_equal(end.end, RUNTIME_END_UNKNOWN);
	assert_string_equal(end.detail, "ended while nobody watched");
}

static void a_flooded_console_is_bounded(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "flood");
	auto_free char *old = xasprintf("%s.1", f->log_path);
	struct stat st;

	for (int i = 0; i < WAIT_MS / 10 && !path_exists(old); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 10000000 }, NULL);
	assert_true(path_exists(old));
	assert_int_equal(look(f).phase, RUNTIME_RUNNING);
	assert_int_equal(stop(f).end, RUNTIME_END_STOPPED);
	assert_int_equal(stat(f->log_path, &st), 0);
	assert_true(st.st_size <= 65536);
	assert_int_equal(stat(old, &st), 0);
	assert_true(st.st_size <= 65536);
	assert_false(proc_is_alive(&s.proc));
}

/* Expects a failure with `part` in its reason, and that nothing is left. */
static void refuse(struct fixture *f, const char *part)
{
	auto_free char *path = xasprintf("%s/qemu/" ID, f->dir);
	struct runtime_status status;
	struct err err = { 0 };

	assert_true(d->start(f->state, &f->spec, NULL, &status, &err) < 0);
	print_message("%s\n", err.msg);
	if (!strstr(err.msg, part))
		fail_msg("expected \"%s\", got \"%s\"", part, err.msg);
	assert_false(path_exists(path));
}

static void tells_why_it_cannot_start(void **state)
{
	struct fixture *f = *state;
	auto_free char *kernel = path_join(f->image, "kernel");
	struct err err;

	strv_add(&f->cmd, "run");
	f->spec.memory_mib = 4000000;
	refuse(f, "memory");
	f->spec.memory_mib = 0;
	f->spec.net.tap = "holm-no-such";
	f->spec.net.mac = "no";
	refuse(f, "no is no hardware address");
	f->spec.net = (struct runtime_net){ 0 };
	assert_int_equal(file_write_atomic(kernel, "#!/bin/sh\n", 10, 0644, &err), 0);
	refuse(f, "kernel is no kernel");
	assert_int_equal(unlink(kernel), 0);
	refuse(f, "has no file kernel");
}

/* Every instance has a copy of its own, which QEMU's user may write to. */
static void copies_the_files(void **state)
{
	struct fixture *f = *state;
	auto_free char *tree = path_join(f->image, "files1/etc");
	auto_free char *copied = xasprintf("%s/qemu/" ID "/vm/files/etc/conf", f->dir);
	auto_free char *text = NULL;
	struct stat st;
	struct err err;

	assert_int_equal(dir_make(tree, 0755, &err), 0);
	auto_free char *file = path_join(tree, "conf");
	assert_int_equal(file_write_atomic(file, "x=1\n", 4, 0644, &err), 0);
	copy(f->guest, f->image, "initramfs.cpio");
	start(f, "run");
	wait_for_text(f, "vfs.fstab=initrd0:/:extract::ramfs=2:");
	assert_int_equal(file_read(copied, 100, &text, NULL, &err), 0);
	assert_string_equal(text, "x=1\n");
	assert_int_equal(stat(copied, &st), 0);
	uid_t user = st.st_uid;
	auto_free char *vm = xasprintf("%s/qemu/" ID "/vm", f->dir);
	assert_int_equal(stat(vm, &st), 0);
	assert_int_equal(st.st_gid, user);
	if (geteuid() == 0)
		assert_in_range(user, 0x70000000, 0x77ffffff);
}

static void a_link_in_the_files_is_refused(void **state)
{
	struct fixture *f = *state;
	auto_free char *tree = path_join(f->image, "files");
	auto_free char *trap = path_join(tree, "passwd");
	struct err err;

	assert_int_equal(dir_make(tree, 0755, &err), 0);
	assert_int_equal(symlink("/etc/passwd", trap), 0);
	strv_add(&f->cmd, "run");
	refuse(f, "copy passwd: neither a file nor a folder");
}

/* After a power failure pids mean nothing. */
static void an_earlier_boot_is_over(void **state)
{
	struct fixture *f = *state;
	struct runtime_status s = start(f, "run");
	auto_free char *path = xasprintf("%s/qemu/" ID "/instance.json", f->dir);
	auto_free char *helper = xasprintf("%s/qemu/" ID "/helper.pid", f->dir);
	auto_free char *vm = xasprintf("%s/qemu/" ID "/vm.pid", f->dir);
	auto_free char *text = NULL;
	struct err err;

	assert_int_equal(proc_kill(&s.watch, SIGKILL, &err), 0);
	assert_int_equal(proc_kill(&s.proc, SIGKILL, &err), 0);
	assert_int_equal(proc_wait(&s.watch, WAIT_MS, &err), 0);
	assert_int_equal(proc_wait(&s.proc, WAIT_MS, &err), 0);
	assert_int_equal(file_read(path, 65536, &text, NULL, &err), 0);
	char *id = strstr(text, "boot_id\":\"");
	assert_non_null(id);
	memset(id + 10, '0', 8);
	assert_int_equal(file_write_atomic(path, text, strlen(text), 0600, &err), 0);
	auto_free char *pid = xasprintf("%d 1 00000000-0000-0000-0000-000000000000", getpid());
	assert_int_equal(file_write_atomic(helper, pid, strlen(pid), 0600, &err), 0);
	assert_int_equal(file_write_atomic(vm, pid, strlen(pid), 0600, &err), 0);
	struct runtime_status end = look(f);
	assert_int_equal(end.phase, RUNTIME_ENDED);
	assert_string_equal(end.detail, "ended with the machine");
	stop(f);
}

/* What a start that was killed leaves behind does not hinder the next. */
static void half_a_start_is_no_instance(void **state)
{
	struct fixture *f = *state;
	auto_free char *path = xasprintf("%s/qemu/" ID "/vm", f->dir);
	struct err err;

	assert_int_equal(dir_make(path, 0755, &err), 0);
	copy(f->guest, path, "kernel");
	assert_string_equal(look(f).instance_id, "");
	/* Somebody is just about to write its record. */
	auto_free char *lock = xasprintf("%s/qemu/" ID "/lock", f->dir);
	auto_close int taken = open(lock, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	struct runtime_status status;
	assert_int_equal(flock(taken, LOCK_EX), 0);
	assert_int_equal(look(f).phase, RUNTIME_STARTING);
	assert_int_equal(d->start(f->state, &f->spec, NULL, &status, &err), -EBUSY);
	assert_int_equal(flock(taken, LOCK_UN), 0);
	assert_int_equal(start(f, "run").phase, RUNTIME_RUNNING);
}

static bool is_own_namespace(const struct runtime_status *s, const char *kind)
{
	auto_free char *theirs = xasprintf("/proc/%d/ns/%s", s->proc.pid, kind);
	auto_free char *ours = xasprintf("/proc/self/ns/%s", kind);
	struct stat a, b;

	assert_int_equal(stat(theirs, &a), 0);
	assert_int_equal(stat(ours, &b), 0);
	return a.st_ino != b.st_ino;
}

/* The last test: what it gives up is gone for good. */
static void without_the_right_to_mount_a_user_is_left(void **state)
{
	struct fixture *f = *state;
	auto_free char *folder = xasprintf("%s/qemu/" ID "/vm", f->dir);
	struct runtime_info info = { 0 };
	struct stat st;
	struct err err;

	if (geteuid() != 0 || prctl(PR_CAPBSET_READ, CAP_SYS_ADMIN, 0, 0, 0) != 1) {
		print_message("not root, or without CAP_SYS_ADMIN\n");
		skip();
	}
	struct runtime_status s = start(f, "run");
	assert_true(is_own_namespace(&s, "mnt"));
	assert_int_equal(d->stop(f->state, ID, NULL, NULL, &err), 0);
	assert_int_equal(prctl(PR_CAPBSET_DROP, CAP_SYS_ADMIN, 0, 0, 0), 0);
	d->close(f->state);
	open_driver(f);
	assert_int_equal(d->probe(f->state, &info, &err), 0);
	auto_free char *problems = strv_join(&info.problems, "; ");
	assert_non_null(strstr(problems, "without CAP_SYS_ADMIN"));
	runtime_info_fini(&info);
	s = start(f, "run");
	assert_false(is_own_namespace(&s, "mnt"));
	auto_free char *process = xasprintf("/proc/%d", s.proc.pid);
	assert_int_equal(stat(process, &st), 0);
	uid_t user = st.st_uid;
	assert_in_range(user, 0x70000000, 0x77ffffff);
	assert_int_equal(stat(folder, &st), 0);
	assert_int_equal(st.st_gid, user);
	assert_int_equal(st.st_mode & 0777, 0750);
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(proves_what_it_announces),
		TEST(runs_and_stops),
		TEST(tells_who_is_silent),
		TEST(has_folders_of_the_host),
		TEST(its_console_is_a_terminal),
		TEST(nobody_is_attached_without_a_supervisor),
		TEST(one_that_hangs_is_ended),
		TEST(a_pause_that_was_broken_off_is_settled),
		TEST(starting_again_changes_nothing),
		TEST(tells_a_clean_end),
		TEST(tells_a_crash_with_its_cause),
		TEST(tells_a_power_off),
		TEST(tells_a_reset),
		TEST(tells_who_was_killed),
		TEST(adopts_what_runs),
		TEST(a_stop_that_was_broken_off_is_no_end),
		TEST(outlives_its_supervisor),
		TEST(an_end_that_nobody_saw_is_unknown),
		TEST(a_flooded_console_is_bounded),
		TEST(tells_why_it_cannot_start),
		TEST(copies_the_files),
		TEST(a_link_in_the_files_is_refused),
		TEST(an_earlier_boot_is_over),
		TEST(half_a_start_is_no_instance),
		TEST(without_the_right_to_mount_a_user_is_left),
	};

	return cmocka_run_group_tests_name("runtime/qemu/driver", tests, NULL, NULL);
}
