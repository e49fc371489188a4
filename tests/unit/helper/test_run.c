/* The supervisor with small shell scripts as its program. */
#include <limits.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/cgroup.h"
#include "base/clock.h"
#include "base/exit_record.h"
#include "base/proc.h"
#include "helper/program.h"
#include "helper/run.h"

#define WAIT_MS 10000

struct fixture {
	char dir[64];
	pid_t helper;
	const char *user; /* words, or NULL */
	const char *group;
};

static int setup(void **state)
{
	struct fixture *f = NEW(struct fixture);
	struct err err;

	STR_COPY(f->dir, "/tmp/holm-test-run.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	auto_free char *vm = path_join(f->dir, "vm");
	assert_int_equal(dir_make(vm, 0755, &err), 0);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;
	struct err err;
	int r = path_remove(f->dir, &err);

	free(f);
	return r;
}

/* Starts it in a process of its own, as Holm does. */
static void start_with(struct fixture *f, const char *script, const char *option, const char *other)
{
	f->helper = fork();
	if (f->helper)
		return;
	auto_free char *dir = xasprintf("dir=%s", f->dir);
	auto_free char *log = xasprintf("log=100000:%s/log", f->dir);
	char *words[] = { dir,
			  log,
			  (char *)option,
			  (char *)other,
			  (char *)(f->user ? f->user : option),
			  (char *)(f->group ? f->group : option),
			  (char *)"--",
			  (char *)"/bin/sh",
			  (char *)"-c",
			  (char *)script,
			  NULL };
	_exit(run_main(words));
}

static void start(struct fixture *f, const char *script, const char *option)
{
	start_with(f, script, option ? option : "uid=0", "gid=0");
}

static struct exit_record finish(struct fixture *f)
{
	auto_free char *path = path_join(f->dir, "exit");
	struct exit_record record = { 0 };
	struct err err = { 0 };
	int status;

	assert_int_equal(waitpid(f->helper, &status, 0), f->helper);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	if (exit_record_read(path, &record, &err) < 0)
		fail_msg("%s", err.msg);
	return record;
}

static char *read_file(struct fixture *f, const char *name)
{
	auto_free char *path = path_join(f->dir, name);
	char *text = NULL;
	struct err err = { 0 };

	if (file_read(path, 1 << 20, &text, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

static void records_what_it_says_of_its_end(void **state)
{
	struct fixture *f = *state;

	start(f,
	      "read ask <&8; echo $ask; printf '{\"event\": \"SHUTDOWN\", \"data\": "
	      "{\"reason\": \"guest-reset\"}}\\n' >&8",
	      "events=1");
	struct exit_record record = finish(f);
	assert_string_equal(record.cause, "guest-reset");
	assert_non_null(strstr(record.output, "qmp_capabilities"));
	exit_record_fini(&record);
	start(f, "[ -e /proc/self/fd/8 ] || echo none", NULL);
	record = finish(f);
	assert_string_equal(record.cause, "");
	assert_string_equal(record.output, "none\n");
	exit_record_fini(&record);
}

static void records_the_end_and_the_output(void **state)
{
	struct fixture *f = *state;

	start(f, "printf 'one\\r\\ntwo\\r\\n'; echo why >&2; pwd; exit 83", NULL);
	struct exit_record record = finish(f);
	assert_int_equal(record.code, 83);
	assert_int_equal(record.signal, 0);
	assert_false(record.is_timeout);
	assert_true(record.ended_ms > 0);
	assert_string_equal(record.errors, "why\n");
	auto_free char *output = xasprintf("one\ntwo\n%s/vm\n", f->dir);
	assert_string_equal(record.output, output);
	auto_free char *log = read_file(f, "log");
	assert_non_null(strstr(log, "Z stdout F one\n"));
	assert_non_null(strstr(log, "Z stderr F why\n"));
	exit_record_fini(&record);
}

static void records_a_signal(void **state)
{
	struct fixture *f = *state;

	start(f, "kill -ABRT $$", NULL);
	struct exit_record record = finish(f);
	assert_int_equal(record.signal, SIGABRT);
	exit_record_fini(&record);
}

static void ends_it_at_its_time_limit(void **state)
{
	struct fixture *f = *state;

	start(f, "exec sleep 60", "timeout_ms=50");
	struct exit_record record = finish(f);
	assert_true(record.is_timeout);
	assert_int_equal(record.signal, SIGKILL);
	exit_record_fini(&record);
}

static void runs_behind_everything_else(void **state)
{
	struct fixture *f = *state;

	start(f, "[ $(nice) -ge 7 ] && echo behind", "nice=7");
	struct exit_record record = finish(f);
	assert_string_equal(record.output, "behind\n");
	exit_record_fini(&record);
}

static void marks_the_first_byte_of_text(void **state)
{
	struct fixture *f = *state;
	auto_free char *mark = path_join(f->dir, "spoken");

	/* Firmware clears the screen; its words and QEMU's are not the guest's. */
	start(f, "printf '\\033c\\033[?7l\\r'; echo warning >&2", NULL);
	struct exit_record record = finish(f);
	assert_false(path_exists(mark));
	exit_record_fini(&record);
	start(f,
	      "printf .; [ -e ../spoken ] || { for i in 1 2 3 4 5 6 7 8 9; do sleep 0.2; [ -e "
	      "../spoken ] && exit; done; exit 1; }",
	      NULL);
	record = finish(f);
	assert_int_equal(record.code, 0);
	assert_true(path_exists(mark));
	exit_record_fini(&record);
}

/* Output that nobody could hold in memory: the program is not slowed to a stop and the tail is
 * the end of it. */
static void drains_much_output(void **state)
{
	struct fixture *f = *state;

	start(f, "head -c 20000000 /dev/zero | tr '\\0' x; echo; echo end", NULL);
	struct exit_record record = finish(f);
	assert_int_equal(record.code, 0);
	assert_true(str_ends(record.output, "x\nend\n"));
	assert_int_equal(strlen(record.output), EXIT_TAIL_MAX);
	exit_record_fini(&record);
}

static void tells_why_it_cannot_start(void **state)
{
	struct fixture *f = *state;
	auto_free char *vm = path_join(f->dir, "vm");

	assert_int_equal(rmdir(vm), 0);
	start(f, "exit 0", NULL);
	struct exit_record record = finish(f);
	assert_int_equal(record.code, 127);
	assert_true(str_starts(record.errors, "enter "));
	exit_record_fini(&record);
}

static void drops_privileges(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0) {
		print_message("not root: nothing to drop\n");
		skip();
	}
	assert_int_equal(chmod(f->dir, 0711), 0);
	start(f,
	      "id -u; id -g; grep NoNewPrivs /proc/self/status; grep CapBnd /proc/self/status; ulimit -c; ls /proc/self/fd",
	      "uid=65534");
	struct exit_record record = finish(f);
	assert_true(str_starts(record.output,
			       "65534\n0\nNoNewPrivs:\t1\nCapBnd:\t0000000000000000\n"
			       "0\n0\n1\n2\n"));
	exit_record_fini(&record);
}

/* By what a shell can do by itself: there is no other program to be seen. */
static void sees_nothing_of_the_machine(void **state)
{
	struct fixture *f = *state;

	if (geteuid() != 0) {
		print_message("not root: no namespaces\n");
		skip();
	}
	auto_free char *file = xasprintf("%s/vm/kernel", f->dir);
	struct err err;
	assert_int_equal(file_write_atomic(file, "", 0, 0644, &err), 0);
	auto_free char *script = xasprintf(
		"echo $$ /proc/[0-9]*; echo *; pwd;"
		"for p in /etc/shadow /etc/passwd /tmp /usr/bin/id /sys /dev/kvm %s; do"
		"  [ -e $p ] && echo sees $p; done;"
		"for p in /x /dev/x /usr/lib/x /etc/x /proc/x; do (: >$p) && echo wrote $p; done;"
		": >/dev/null && [ -c /dev/urandom ] && echo devices;"
		"while read -r k v; do case $k in Cap*|NoNew*) echo $k $v;; esac; done"
		" </proc/self/status;"
		"read -r adjust </proc/self/oom_score_adj; echo $adjust",
		f->dir);
	start(f, script, "jail=1");
	struct exit_record record = finish(f);
	assert_true(str_starts(record.output, "1 /proc/1\nkernel\n/vm\ndevices\n"));
	assert_true(str_ends(record.output, "\nNoNewPrivs: 1\n250\n"));
	assert_null(strstr(record.output, "sees"));
	assert_null(strstr(record.output, "wrote"));
	exit_record_fini(&record);
	assert_true(path_exists(file));
	auto_free char *vm = path_join(f->dir, "vm");
	assert_int_equal(path_remove(vm, &err), 0); /* nothing is mounted on it here */
}

/* The group is version 2 wherever that is mounted; elsewhere the child joins by itself. */
static void is_born_into_its_group(void **state)
{
	static const char *const roots[] = { "/sys/fs/cgroup/unified", "/sys/fs/cgroup" };
	static const struct cgroup_limits none = { 0 };
	struct fixture *f = *state;
	struct cgroup_fs fs = { .layout = CGROUP_NONE };
	const char *name = strrchr(f->dir, '/') + 1;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(roots) && fs.layout != CGROUP_V2; i++)
		if (cgroup_detect(roots[i], &fs, &err) < 0)
			fs.layout = CGROUP_NONE;
	if (geteuid() != 0 || fs.layout != CGROUP_V2) {
		print_message("no control groups of version 2, or not root\n");
		skip();
	}
	assert_int_equal(cgroup_make(&fs, name, &none, &err), 0);
	auto_free char *root = xasprintf("cgroup_root=%s", fs.root);
	auto_free char *group = xasprintf("cgroup=%s", name);
	start_with(f, "while read -r l; do echo $l; done </proc/self/cgroup", root, group);
	struct exit_record record = finish(f);
	auto_free char *line = xasprintf("0::/%s\n", name);
	assert_non_null(strstr(record.output, line));
	exit_record_fini(&record);
	assert_int_equal(cgroup_remove(&fs, name, &err), 0);
}

/* As when the supervisor is killed before it has written down the program's number: nobody would know of
 * it. */
static void what_nobody_wrote_down_never_runs(void **state)
{
	struct fixture *f = *state;
	char *argv[] = { (char *)"/bin/sh", (char *)"-c", (char *)": > it-ran", NULL };
	const struct run_options options = { .dir = f->dir, .argv = argv };
	auto_free char *input = path_join(f->dir, PROGRAM_INPUT);
	auto_free char *mark = path_join(f->dir, "vm/it-ran");
	struct program program;
	struct err err;
	int status;

	assert_int_equal(mkfifo(input, 0600), 0);
	for (int is_written = 0; is_written < 2; is_written++) {
		int gate;

		assert_int_equal(program_fork(&options, -1, &program, &gate, &err), 0);
		if (is_written)
			program_release(gate);
		else
			close(gate);
		assert_int_equal(waitpid(program.pid, &status, 0), program.pid);
		assert_true(WIFEXITED(status));
		assert_int_equal(WEXITSTATUS(status), is_written ? 0 : PROGRAM_FAILED);
		assert_int_equal(path_exists(mark), is_written);
		close(program.pidfd);
		close(program.output);
		close(program.errors);
	}
}

static bool works_in(pid_t pid, const char *folder)
{
	auto_free char *link = xasprintf("/proc/%d/cwd", pid);
	char target[PATH_MAX] = "";

	return readlink(link, target, sizeof(target) - 1) > 0 && str_eq(target, folder);
}

/* While its number is being written down. */
static void surroundings_are_made_before_it_may_run(void **state)
{
	struct fixture *f = *state;
	char *argv[] = { (char *)"/bin/true", NULL };
	const struct run_options options = { .dir = f->dir, .argv = argv };
	auto_free char *input = path_join(f->dir, PROGRAM_INPUT);
	auto_free char *folder = path_join(f->dir, "vm");
	uint64_t end_ms = clock_monotonic_ms() + WAIT_MS;
	struct program program;
	struct err err;
	int gate, status;

	assert_int_equal(mkfifo(input, 0600), 0);
	assert_int_equal(program_fork(&options, -1, &program, &gate, &err), 0);
	while (!works_in(program.pid, folder) && clock_monotonic_ms() < end_ms)
		clock_poll(NULL, 0, clock_monotonic_ms() + 1);
	assert_true(works_in(program.pid, folder));
	program_release(gate);
	assert_int_equal(waitpid(program.pid, &status, 0), program.pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	close(program.pidfd);
	close(program.output);
	close(program.errors);
}

/* A folder that is root's alone, given to another user; what that makes is root's again. */
static void shares_folders(void **state)
{
	struct fixture *f = *state;
	auto_free char *volume = path_join(f->dir, "volume");
	auto_free char *made = path_join(volume, "made");
	auto_free char *share = xasprintf("share=rw:%s", volume);
	struct err err;
	struct stat st;

	if (geteuid() != 0) {
		print_message("not root: nobody to share with\n");
		skip();
	}
	assert_int_equal(chmod(f->dir, 0711), 0);
	assert_int_equal(dir_make(volume, 0700, &err), 0);
	f->user = "uid=65534";
	f->group = "gid=65534";
	start(f, "cd /proc/self/fd/16 && echo it > made && stat -c %u:%g . made", share);
	struct exit_record record = finish(f);
	assert_string_equal(record.errors, "");
	assert_string_equal(record.output, "65534:65534\n65534:65534\n");
	assert_int_equal(stat(made, &st), 0);
	assert_int_equal(st.st_uid, 0);
	assert_int_equal(st.st_gid, 0);
	exit_record_fini(&record);
	share[6] = 'r', share[7] = 'o';
	start(f, "cd /proc/self/fd/16 && cat made && echo more >> made", share);
	record = finish(f);
	assert_string_equal(record.output, "it\n");
	assert_non_null(strstr(record.errors, "Read-only file system"));
	exit_record_fini(&record);
	auto_free char *file = xasprintf("share=rw:%s", made);
	start(f, "exit 0", file);
	record = finish(f);
	assert_int_equal(record.code, 127);
	assert_true(str_starts(record.errors, "share: open ") &&
		    str_ends(record.errors, "Not a directory\n"));
	exit_record_fini(&record);
}

/* A folder that nobody but root gets to, by the descriptor alone; as others read it, and no one writes. */
static void shares_what_is_given(void **state)
{
	struct fixture *f = *state;
	auto_free char *above = path_join(f->dir, "above");
	auto_free char *folder = path_join(above, "secrets");
	auto_free char *open = path_join(folder, "open");
	auto_free char *closed = path_join(folder, "closed");
	auto_free char *share = xasprintf("share=as:%s", folder);
	struct err err;

	if (geteuid() != 0) {
		print_message("not root: nobody to share with\n");
		skip();
	}
	assert_int_equal(chmod(f->dir, 0711), 0);
	assert_int_equal(dir_make(above, 0700, &err), 0);
	assert_int_equal(dir_make(folder, 0755, &err), 0);
	assert_int_equal(file_write_atomic(open, "word", 4, 0444, &err), 0);
	assert_int_equal(file_write_atomic(closed, "word", 4, 0400, &err), 0);
	f->user = "uid=65534";
	f->group = "gid=65534";
	auto_free char *script = xasprintf("cat /proc/self/fd/16/open; cat %s; "
					   "cd /proc/self/fd/16; cat closed; echo x > new",
					   open);
	start(f, script, share);
	struct exit_record record = finish(f);
	assert_string_equal(record.output, "word");
	assert_non_null(strstr(record.errors, "secrets/open: Permission denied"));
	assert_non_null(strstr(record.errors, "closed: Permission denied"));
	assert_non_null(strstr(record.errors, "Read-only file system"));
	exit_record_fini(&record);
}

/* It runs: before that it would end with its supervisor. */
static struct proc_id wait_for_vm(struct fixture *f)
{
	auto_free char *path = path_join(f->dir, "vm/begun");
	struct proc_id id;

	for (int i = 0; i < WAIT_MS && !path_exists(path); i++)
		nanosleep(&(struct timespec){ .tv_nsec = 1000000 }, NULL);
	auto_free char *text = read_file(f, "vm.pid");
	assert_int_equal(proc_id_parse(text, &id), 0);
	return id;
}

/* The program outlives its supervisor, and writing to nobody does not end it. */
static void goes_on_without_its_supervisor(void **state)
{
	struct fixture *f = *state;
	struct err err;

	start(f,
	      "trap '' PIPE; echo > begun; while echo x >&2 || :; do sleep 0.01; [ -e go ] && break; done;"
	      " echo done > result",
	      NULL);
	struct proc_id vm = wait_for_vm(f);
	assert_int_equal(kill(f->helper, SIGKILL), 0);
	assert_int_equal(waitpid(f->helper, NULL, 0), f->helper);
	assert_true(proc_is_alive(&vm));
	auto_free char *go = xasprintf("%s/vm/go", f->dir);
	assert_int_equal(file_write_atomic(go, "", 0, 0600, &err), 0);
	assert_int_equal(proc_wait(&vm, WAIT_MS, &err), 0);
	auto_free char *result = read_file(f, "vm/result");
	assert_string_equal(result, "done\n");
}

static void refuses_bad_words(void **state)
{
	const char *const bad[][4] = {
		{ "dir=relative", "--", "x" }, { "uid=-1", "--", "x" },
		{ "log=x", "--", "x" },        { "share=/x", "--", "x" },
		{ "share=rw:x", "--", "x" },   { "other=1", "--", "x" },
		{ "dir=/x", "--", "x" },       { "dir=/x", "log=1:/l" },
	};

	for (size_t i = 0; i < ARRAY_LEN(bad); i++) {
		struct run_options options;
		struct err err;
		char *words[5] = { 0 };

		for (int w = 0; w < 4; w++)
			words[w] = (char *)bad[i][w];
		assert_int_equal(run_options_parse(words, &options, &err), -EINVAL);
	}
}

#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(records_what_it_says_of_its_end),
		TEST(records_the_end_and_the_output),
		TEST(records_a_signal),
		TEST(ends_it_at_its_time_limit),
		TEST(runs_behind_everything_else),
		TEST(drains_much_output),
		TEST(marks_the_first_byte_of_text),
		TEST(tells_why_it_cannot_start),
		TEST(drops_privileges),
		TEST(shares_folders),
		TEST(shares_what_is_given),
		TEST(goes_on_without_its_supervisor),
		TEST(sees_nothing_of_the_machine),
		TEST(is_born_into_its_group),
		TEST(what_nobody_wrote_down_never_runs),
		TEST(surroundings_are_made_before_it_may_run),
		cmocka_unit_test(refuses_bad_words),
	};

	return cmocka_run_group_tests_name("helper/run", tests, NULL, NULL);
}
