/* The shim's program as containerd 1.6 calls it: "start" and "delete". */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/proc.h"
#include "peer.h"

#define ID       "0123456789abcdef01234567"
#define TEXT_MAX 65536
#define WAIT_MS  20000

/* In place of another program: tells how it was called. */
static const char script[] = "#!/bin/sh\n"
			     "cd \"${0%/*}\"\n"
			     "echo \"${0##*/} $*\" >>calls\n"
			     "if [ -e fails ]; then echo it is broken >&2; exit 1; fi\n";

struct place {
	char dir[64];  /* the bundle; programs are in it, too */
	char *address; /* containerd's */
	char *socket;  /* the shim's */
	bool has_sched_core;
	struct proc_id shim;
};

static void add_program(const struct place *p, const char *name)
{
	auto_free char *path = path_join(p->dir, name);
	struct err err;

	assert_int_equal(file_replace(path, script, &err), 0);
	assert_int_equal(chmod(path, 0700), 0);
}

static int setup(void **state)
{
	struct place *p = NEW(struct place);

	STR_COPY(p->dir, "/tmp/holm-shim-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	add_program(p, "containerd-shim-runc-v2");
	add_program(p, "runc");
	add_program(p, "crun");
	p->address = path_join(p->dir, "c.sock");
	p->socket = xasprintf("%s/s/" ID, p->dir);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err err;

	if (p->shim.pid)
		proc_kill(&p->shim, SIGKILL, &err);
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(path_remove(p->dir, &err), 0);
	free(p->address);
	free(p->socket);
	free(p);
	return 0;
}

/* The child's part. What it complains of is in a file, for what stays behind must not keep it open. */
static void become(const struct place *p, const char *path, char **argv, int output)
{
	int errors = -1;

	if (chdir(p->dir) == 0)
		errors = open("errors", O_WRONLY | O_CREAT | O_TRUNC, 0600);
	dup2(output, STDOUT_FILENO);
	dup2(errors, STDERR_FILENO);
	if (p->has_sched_core)
		setenv("SCHED_CORE", "1", 1);
	if (errors >= 0 && setenv("PATH", path, 1) == 0)
		execv(argv[0], argv);
	_exit(127);
}

/* Exit status; its output, whose end is waited for. */
static int call_in(const struct place *p, const char *path, const char *const *words,
		   struct buf *ret)
{
	auto_free char *program = path_join(getenv("HOLM_BUILD"), "src/shim/holm-shim");
	char *argv[16] = { program };
	char part[256];
	int ends[2];
	int status;
	ssize_t n;

	for (size_t i = 0; words[i]; i++)
		argv[i + 1] = (char *)(uintptr_t)words[i];
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
	pid_t pid = fork();
	if (pid == 0)
		become(p, path, argv, ends[1]);
	close(ends[1]);
	buf_reset(ret);
	while ((n = read(ends[0], part, sizeof(part))) > 0)
		buf_add(ret, part, (size_t)n);
	close(ends[0]);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static int call(const struct place *p, const char *const *words, struct buf *ret)
{
	auto_free char *path = xasprintf("%s:/usr/bin:/bin", p->dir);

	return call_in(p, path, words, ret);
}

static int start(const struct place *p, struct buf *ret)
{
	const char *const words[] = {
		"-namespace",          "holm", "-address", p->address, "-publish-binary",
		"/nowhere/containerd", "-id",  ID,         "start",    NULL
	};

	return call(p, words, ret);
}

static char *text_of(const struct place *p, const char *name)
{
	auto_free char *path = path_join(p->dir, name);
	char *text = NULL;
	struct err err;

	if (file_read(path, TEXT_MAX, &text, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

static void assert_file(const struct place *p, const char *name, const char *wanted)
{
	auto_free char *text = text_of(p, name);

	assert_string_equal(text, wanted);
}

static void assert_no_file(const struct place *p, const char *name)
{
	auto_free char *path = path_join(p->dir, name);

	assert_false(path_exists(path));
}

static void add_file(const struct place *p, const char *name, const char *text)
{
	auto_free char *path = path_join(p->dir, name);
	struct err err;

	assert_int_equal(file_replace(path, text, &err), 0);
}

/* Who serves at the socket; it is remembered. */
static pid_t ask_pid(struct place *p)
{
	Task__IdRequest request = TASK__ID_REQUEST__INIT;
	char id[] = ID;
	struct answer answer;
	struct peer peer;
	struct err err;

	request.id = id;
	peer_open(&peer, p->socket);
	peer_await(&peer, peer_send(&peer, "Connect", &request),
		   &task__connect_response__descriptor, &answer);
	assert_int_equal(answer.code, 0);
	const Task__ConnectResponse *told = answer.message;
	assert_int_equal(told->task_pid, 0);
	pid_t pid = (pid_t)told->shim_pid;
	answer_fini(&answer);
	peer_close(&peer);
	assert_int_equal(proc_identify(pid, &p->shim, &err), 0);
	return pid;
}

static void shut_down(struct place *p)
{
	Task__IdRequest request = TASK__ID_REQUEST__INIT;
	char id[] = ID;
	struct answer answer;
	struct frame frame;
	struct peer peer;
	struct err err;

	request.id = id;
	peer_open(&peer, p->socket);
	peer_await(&peer, peer_send(&peer, "Shutdown", &request), NULL, &answer);
	assert_int_equal(answer.code, 0);
	assert_false(frame_read(peer.fd, &frame));
	peer_close(&peer);
	assert_int_equal(proc_wait(&p->shim, WAIT_MS, &err), 0);
}

static void assert_link(pid_t pid, int fd, const char *wanted)
{
	auto_free char *path = xasprintf("/proc/%d/fd/%d", (int)pid, fd);
	char target[256] = "";

	assert_true(readlink(path, target, sizeof(target) - 1) > 0);
	if (!str_starts(target, wanted))
		fail_msg("%s is %s", path, target);
}

static void assert_proc(pid_t pid, const char *name, const char *wanted)
{
	auto_free char *path = xasprintf("/proc/%d/%s", (int)pid, name);
	auto_free char *text = NULL;
	struct err err;

	assert_int_equal(file_read(path, TEXT_MAX, &text, NULL, &err), 0);
	assert_string_equal(text, wanted);
}

static void a_process_stays_and_its_address_is_told(void **state)
{
	struct place *p = *state;
	auto_free char *wanted = xasprintf("unix://%s", p->socket);
	auto_buf struct buf told;
	struct err err;
	struct stat st;

	buf_init(&told, TEXT_MAX);
	assert_int_equal(file_write_value("/proc/self/oom_score_adj", "700", &err), 0);
	assert_int_equal(start(p, &told), 0);
	assert_string_equal(told.data, wanted);
	assert_file(p, "address", wanted);
	assert_int_equal(stat(p->socket, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	pid_t pid = ask_pid(p);
	assert_int_equal(getpgid(pid), pid);
	assert_proc(pid, "oom_score_adj", "701\n");
	for (int i = 0; i < 3; i++)
		assert_link(pid, i, "/dev/null");
	assert_link(pid, 3, "socket:");
	auto_free char *cwd = xasprintf("/proc/%d/cwd/address", (int)pid);
	assert_true(path_exists(cwd));
}

static void the_process_has_its_words(void **state)
{
	struct place *p = *state;
	auto_free char *path = NULL;
	auto_free char *text = NULL;
	auto_buf struct buf told;
	size_t len = 0;
	struct err err;

	buf_init(&told, TEXT_MAX);
	assert_int_equal(start(p, &told), 0);
	path = xasprintf("/proc/%d/cmdline", (int)ask_pid(p));
	assert_int_equal(file_read(path, TEXT_MAX, &text, &len, &err), 0);
	for (size_t i = 0; i + 1 < len; i++)
		if (!text[i])
			text[i] = ' ';
	auto_free char *wanted = xasprintf(" -namespace holm -id " ID " -address %s", p->address);
	assert_true(str_ends(text, wanted));
}

static void the_highest_score_stays(void **state)
{
	struct place *p = *state;
	auto_buf struct buf told;
	struct err err;

	buf_init(&told, TEXT_MAX);
	assert_int_equal(file_write_value("/proc/self/oom_score_adj", "1000", &err), 0);
	assert_int_equal(start(p, &told), 0);
	assert_proc(ask_pid(p), "oom_score_adj", "1000\n");
}

static void it_ends_when_asked_to(void **state)
{
	struct place *p = *state;
	auto_buf struct buf told;

	buf_init(&told, TEXT_MAX);
	assert_int_equal(start(p, &told), 0);
	ask_pid(p);
	shut_down(p);
	assert_false(path_exists(p->socket));
}

static void one_that_is_there_is_no_second(void **state)
{
	struct place *p = *state;
	auto_free char *wanted = xasprintf("unix://%s", p->socket);
	auto_buf struct buf told;

	buf_init(&told, TEXT_MAX);
	assert_int_equal(start(p, &told), 0);
	pid_t first = ask_pid(p);
	add_file(p, "address", "");
	assert_int_equal(start(p, &told), 0);
	assert_string_equal(told.data, wanted);
	assert_file(p, "address", wanted);
	assert_int_equal(ask_pid(p), first);
}

static void the_socket_of_a_dead_one_is_replaced(void **state)
{
	struct place *p = *state;
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	auto_free char *dir = path_join(p->dir, "s");
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	auto_buf struct buf told;

	buf_init(&told, TEXT_MAX);
	STR_COPY(addr.sun_path, p->socket);
	assert_int_equal(mkdir(dir, 0700), 0);
	assert_int_equal(bind(fd, (struct sockaddr *)&addr, sizeof(addr)), 0);
	close(fd);
	assert_false(peer_can_dial(p->socket));
	assert_int_equal(start(p, &told), 0);
	assert_true(ask_pid(p) > 0);
}

static void what_cannot_be_made_is_told(void **state)
{
	struct place *p = *state;
	auto_free char *errors = NULL;
	auto_buf struct buf told;

	buf_init(&told, TEXT_MAX);
	add_file(p, "s", "no folder");
	assert_int_equal(start(p, &told), 1);
	assert_string_equal(told.data, "");
	errors = text_of(p, "errors");
	assert_true(str_starts(errors, "start shim of " ID ": "));
	assert_no_file(p, "address");
}

static void debug_is_no_obstacle(void **state)
{
	struct place *p = *state;
	const char *const words[] = { "-debug",   "-namespace", "holm",  "-id", ID,
				      "-address", p->address,   "start", NULL };
	auto_free char *wanted = xasprintf("unix://%s", p->socket);
	auto_buf struct buf told;

	buf_init(&told, TEXT_MAX);
	assert_int_equal(call(p, words, &told), 0);
	assert_string_equal(told.data, wanted);
	assert_true(ask_pid(p) > 0);
	assert_no_file(p, "calls");
}

static void assert_usage(const struct place *p, const char *const *words)
{
	auto_free char *errors = NULL;
	auto_buf struct buf told;

	buf_init(&told, TEXT_MAX);
	assert_int_equal(call(p, words, &told), 2);
	assert_string_equal(told.data, "");
	errors = text_of(p, "errors");
	assert_true(str_starts(errors, "usage: holm-shim "));
}

static void words_that_are_missing_are_told(void **state)
{
	struct place *p = *state;
	const char *const calls[][8] = {
		{ "-namespace", "n", "-id", "i", "start" },
		{ "-namespace", "n", "-address", "/a/b", "start" },
		{ "-id", "i", "-address", "/a/b", "start" },
		{ "-namespace", "n", "-id", "i", "-address", "ab", "start" },
		{ "-namespace", "n", "-id", "../i", "-address", "/a/b", "start" },
		{ "-namespace", "n", "delete" },
		{ "-id", "i", "delete" },
		{ "-namespace", "n", "-id", "../i", "delete" },
		{ "-namespace", "n", "-id", "i", "-address", "ab" },
		{ "-namespace", "n", "-id", "i" },
		{ NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		assert_usage(p, calls[i]);
	assert_no_file(p, "s");
}

static void core_scheduling_is_for_the_other_program(void **state)
{
	struct place *p = *state;
	auto_free char *wanted = xasprintf("containerd-shim-runc-v2 -namespace holm -address %s "
					   "-publish-binary /nowhere/containerd -id " ID " start\n",
					   p->address);
	auto_buf struct buf told;

	buf_init(&told, TEXT_MAX);
	p->has_sched_core = true;
	assert_int_equal(start(p, &told), 0);
	assert_file(p, "calls", wanted);
	assert_no_file(p, "address");
}

static void a_long_path_is_for_the_other_program(void **state)
{
	struct place *p = *state;
	auto_free char *address = xasprintf("%s/%060d/c.sock", p->dir, 0);
	const char *const words[] = { "-namespace", "holm",  "-id",   ID,
				      "-address",   address, "start", NULL };
	auto_free char *wanted = xasprintf(
		"containerd-shim-runc-v2 -namespace holm -id " ID " -address %s start\n", address);
	auto_buf struct buf told;

	buf_init(&told, TEXT_MAX);
	assert_int_equal(call(p, words, &told), 0);
	assert_file(p, "calls", wanted);
}

static void a_program_beside_containerd_is_found(void **state)
{
	struct place *p = *state;
	auto_free char *containerd = path_join(p->dir, "containerd");
	const char *const words[] = { "-namespace", "n", "-publish-binary", containerd,
				      "-id",        "i", "-address",        "/a/b",
				      "start",      NULL };
	auto_buf struct buf told;

	buf_init(&told, TEXT_MAX);
	p->has_sched_core = true;
	assert_int_equal(call_in(p, "/nowhere", words, &told), 0);
	auto_free char *calls = text_of(p, "calls");
	assert_true(str_starts(calls, "containerd-shim-runc-v2 -namespace n "));
}

static void a_lacking_program_is_told(void **state)
{
	struct place *p = *state;
	const char *const words[] = { "-namespace", "n",    "-id",   "i",
				      "-address",   "/a/b", "start", NULL };
	auto_free char *errors = NULL;
	auto_buf struct buf told;

	buf_init(&told, TEXT_MAX);
	p->has_sched_core = true;
	assert_int_equal(call_in(p, "/nowhere", words, &told), 1);
	errors = text_of(p, "errors");
	assert_true(str_starts(errors, "find containerd-shim-runc-v2: "));
}

/* Beside what it prints, what it does is asserted by the caller. */
static void delete_it(const struct place *p, uint32_t pid)
{
	const char *const words[] = { "-namespace", "holm",    "-address", p->address, "-id",
				      ID,           "-bundle", p->dir,     "delete",   NULL };
	auto_buf struct buf told;
	time_t now = time(NULL);

	buf_init(&told, TEXT_MAX);
	assert_int_equal(call(p, words, &told), 0);
	Task__DeleteResponse *end = task__delete_response__unpack(NULL, told.len,
								  (const uint8_t *)told.data);
	assert_non_null(end);
	assert_int_equal(end->pid, pid);
	assert_int_equal(end->exit_status, 137);
	assert_true(end->exited_at->seconds >= now);
	task__delete_response__free_unpacked(end, NULL);
}

static void nothing_there_is_deleted_without_the_runtime(void **state)
{
	struct place *p = *state;

	add_file(p, "init.pid", "4711\n");
	delete_it(p, 4711);
	assert_no_file(p, "calls");
	assert_file(p, "errors", "");
}

static void one_that_never_was_has_no_number(void **state)
{
	struct place *p = *state;

	delete_it(p, 0);
	add_file(p, "init.pid", "x");
	delete_it(p, 0);
}

static void what_is_there_is_deleted(void **state)
{
	struct place *p = *state;
	auto_free char *options = xasprintf("{\"root\":\"%s\"}", p->dir);
	auto_free char *dir = xasprintf("%s/holm/" ID, p->dir);
	auto_free char *wanted = xasprintf("runc --root %s/holm delete --force " ID "\n", p->dir);
	struct err err;

	add_file(p, "options.json", options);
	delete_it(p, 0);
	assert_no_file(p, "calls");
	assert_int_equal(dir_make(dir, 0700, &err), 0);
	delete_it(p, 0);
	assert_file(p, "calls", wanted);
}

/* A number may be another process's by now: here it is ours. */
static void what_is_not_of_the_container_is_let_be(void **state)
{
	struct place *p = *state;
	auto_free char *options = xasprintf("{\"root\":\"%s\"}", p->dir);
	auto_free char *dir = xasprintf("%s/holm/" ID, p->dir);
	auto_free char *number = xasprintf("%d", (int)getpid());
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	auto_close int listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct err err;

	STR_COPY(addr.sun_path, p->address);
	assert_int_equal(bind(listener, (struct sockaddr *)&addr, sizeof(addr)), 0);
	assert_int_equal(listen(listener, 1), 0);
	add_file(p, "options.json", options);
	add_file(p, "init.pid", number);
	assert_int_equal(dir_make(dir, 0700, &err), 0);
	delete_it(p, (uint32_t)getpid());
	auto_free char *calls = text_of(p, "calls");
	assert_non_null(strstr(calls, " delete --force " ID "\n"));
}

/* Of its ways nothing is known. */
static void another_runtime_is_always_asked(void **state)
{
	struct place *p = *state;
	auto_free char *program = path_join(p->dir, "crun");
	auto_free char *options = xasprintf("{\"binary_name\":\"%s\"}", program);

	add_file(p, "options.json", options);
	delete_it(p, 0);
	assert_file(p, "calls", "crun --root /run/containerd/runc/holm delete --force " ID "\n");
}

static void a_runtime_that_fails_is_heard(void **state)
{
	struct place *p = *state;

	add_file(p, "options.json", "{\"binary_name\":\"crun\"}");
	add_file(p, "init.pid", "12");
	add_file(p, "fails", "");
	delete_it(p, 12);
	assert_file(p, "errors", "it is broken\n");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_process_stays_and_its_address_is_told),
		TEST(the_process_has_its_words),
		TEST(the_highest_score_stays),
		TEST(it_ends_when_asked_to),
		TEST(one_that_is_there_is_no_second),
		TEST(the_socket_of_a_dead_one_is_replaced),
		TEST(what_cannot_be_made_is_told),
		TEST(debug_is_no_obstacle),
		TEST(words_that_are_missing_are_told),
		TEST(core_scheduling_is_for_the_other_program),
		TEST(a_long_path_is_for_the_other_program),
		TEST(a_program_beside_containerd_is_found),
		TEST(a_lacking_program_is_told),
		TEST(nothing_there_is_deleted_without_the_runtime),
		TEST(one_that_never_was_has_no_number),
		TEST(what_is_there_is_deleted),
		TEST(what_is_not_of_the_container_is_let_be),
		TEST(another_runtime_is_always_asked),
		TEST(a_runtime_that_fails_is_heard),
	};

	/* So that what stays is collected. */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	unsetenv("TTRPC_ADDRESS");
	unsetenv("SCHED_CORE");
	return cmocka_run_group_tests_name("shim/start", tests, NULL, NULL);
}
