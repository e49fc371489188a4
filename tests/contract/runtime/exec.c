#include <dirent.h>
#include <poll.h>
#include <pthread.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/random.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/clock.h"
#include "exec.h"
#include "suite.h"
#include "wire/containerd/containerd.h"
#include "wire/grpc/grpc.h"

#define WAIT_MS 20000

/* A running instance and a command for it. */
struct subject_exec {
	const struct subject *subject;
	struct instance instance;
	struct runtime_status status;
	struct strv cmd;
	struct strv env;
	char id[ID_SIZE];
	struct runtime_exec exec;
};

static void init(struct subject_exec *e, void **state, const char *script)
{
	uint8_t random[12];

	*e = (struct subject_exec){ .subject = *state };
	instance_init(&e->instance, e->subject, PROGRAM_IDLE);
	start(e->subject, &e->instance, &e->status);
	assert_int_equal(getrandom(random, sizeof(random), 0), sizeof(random));
	id_format(random, e->id);
	strv_split(&e->cmd, "/bin/busybox sh -c", " ");
	strv_add(&e->cmd, script);
	e->exec = (struct runtime_exec){ .instance_id = e->instance.id,
					 .id = e->id,
					 .cmd = &e->cmd,
					 .env = &e->env,
					 .timeout_ms = WAIT_MS };
}

/* No folder of it, and no process: the container has its first one and that one's child. */
static void check_nothing_left(const struct subject_exec *e)
{
	auto_free char *dir = xasprintf("/run/holm-%.8s/instances/%s/exec/%s",
					e->subject->config.node_id, e->instance.id, e->id);
	auto_free char *procs = xasprintf("/sys/fs/cgroup/pids/%s/%s/cgroup.procs",
					  e->subject->config.cgroup_parent, e->instance.id);
	auto_free char *text = NULL;
	auto_strv struct strv pids = { 0 };
	struct err err;

	assert_false(path_exists(dir));
	if (file_read(procs, 4096, &text, NULL, &err) < 0)
		return;
	strv_split(&pids, text, "\n");
	assert_int_equal(pids.n, 2);
}

static void fini(struct subject_exec *e)
{
	check_nothing_left(e);
	stop(e->subject, &e->instance, NULL);
	instance_fini(&e->instance);
	strv_fini(&e->cmd);
	strv_fini(&e->env);
}

static int run(const struct subject_exec *e, struct runtime_exec_result *ret, struct err *err)
{
	return runtime_exec_run(e->subject->driver, e->subject->state, &e->exec, ret, err);
}

void exec_tells_output_and_exit_code(void **state)
{
	struct runtime_exec_result result;
	struct subject_exec e;
	struct err err;

	init(&e, state, "echo out; echo err >&2; exit 7");
	must(run(&e, &result, &err), &err);
	assert_int_equal(result.exit_code, 7);
	assert_false(result.is_timed_out);
	assert_non_null(strstr(result.output, "out\n"));
	assert_non_null(strstr(result.output, "err\n"));
	fini(&e);
	init(&e, state, "while :; do echo 0123456789; done | busybox head -c 3000000");
	must(run(&e, &result, &err), &err);
	assert_int_equal(result.exit_code, 0);
	assert_int_equal(strlen(result.output), RUNTIME_EXEC_OUTPUT_MAX);
	fini(&e);
}

static void fails(void **state, const char *command, int code)
{
	struct runtime_exec_result result;
	struct subject_exec e;
	struct err err;

	init(&e, state, "");
	strv_fini(&e.cmd);
	strv_add(&e.cmd, command);
	if (run(&e, &result, &err) != code)
		fail_msg("%s: %d: %s", command, err.code, err.msg);
	assert_non_null(strstr(err.msg, command));
	fini(&e);
}

void exec_tells_what_cannot_be_run(void **state)
{
	struct runtime_exec_result result;
	struct subject_exec e;
	struct err err;

	fails(state, "nosuch", -ENOENT);
	fails(state, "/no/such", -ENOENT);
	fails(state, "/etc/passwd", -EACCES);
	init(&e, state, "true");
	e.exec.user = "nobody-knows";
	assert_int_equal(run(&e, &result, &err), -EINVAL);
	e.exec.user = NULL;
	e.exec.dir = "/no/such";
	if (run(&e, &result, &err) != -EINVAL)
		fail_msg("%d: %s", err.code, err.msg);
	e.exec.dir = NULL;
	e.exec.instance_id = "0123456789abcdef01234567";
	assert_int_equal(run(&e, &result, &err), -ESRCH);
	e.exec.instance_id = e.instance.id;
	fini(&e);
}

void exec_has_user_folder_and_environment(void **state)
{
	struct runtime_exec_result result;
	struct subject_exec e;
	struct err err;

	init(&e, state, "echo $COLOUR $FROM $(busybox id -u) $(busybox id -g) $(busybox pwd)");
	must(run(&e, &result, &err), &err);
	assert_string_equal(result.output, "image 101 102 /srv\n");
	e.exec.user = "root";
	e.exec.dir = "/bin";
	strv_add(&e.env, "COLOUR=blue");
	strv_add(&e.env, "FROM=here");
	must(run(&e, &result, &err), &err);
	assert_string_equal(result.output, "blue here 0 0 /bin\n");
	e.exec.user = "7:8";
	must(run(&e, &result, &err), &err);
	assert_string_equal(result.output, "blue here 7 8 /bin\n");
	fini(&e);
}

void exec_ends_in_time(void **state)
{
	struct runtime_exec_result result;
	struct subject_exec e;
	struct err err;

	init(&e, state,
	     "trap '' TERM HUP INT; busybox sleep 1000 & echo begun; busybox sleep 1000; echo");
	e.exec.timeout_ms = 300;
	must(run(&e, &result, &err), &err);
	assert_true(result.is_timed_out);
	assert_int_equal(result.exit_code, 128 + SIGKILL);
	assert_string_equal(result.output, "begun\n");
	fini(&e);
	/* What it leaves in the background keeps its output open, and goes on. */
	init(&e, state, "busybox sleep 3 & echo begun");
	must(run(&e, &result, &err), &err);
	assert_false(result.is_timed_out);
	assert_int_equal(result.exit_code, 0);
	assert_string_equal(result.output, "begun\n");
	stop(e.subject, &e.instance, NULL);
	instance_fini(&e.instance);
	strv_fini(&e.cmd);
}

/* Everything up to the end of the output. */
static void read_all(int fd, char *text, size_t size)
{
	uint64_t end = clock_monotonic_ms() + WAIT_MS;
	size_t len = 0;

	for (;;) {
		struct pollfd p = { .fd = fd, .events = POLLIN };

		if (clock_poll(&p, 1, end) <= 0)
			fail_msg("no end of output");
		ssize_t n = read(fd, text + len, size - len - 1);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	text[len] = '\0';
}

static int end(const struct subject_exec *e, struct runtime_exec_process *p)
{
	int exit_code = -1;
	struct err err;

	must(proc_wait(&p->proc, WAIT_MS, &err), &err);
	must(e->subject->driver->exec->end(e->subject->state, &e->exec, false, &exit_code, &err),
	     &err);
	close(p->out);
	return exit_code;
}

void exec_takes_input_and_its_end(void **state)
{
	struct runtime_exec_process p;
	struct subject_exec e;
	char text[100];
	struct err err;

	init(&e, state, "busybox wc -c; busybox wc -c; exit 4");
	e.exec.has_input = true;
	must(e.subject->driver->exec->begin(e.subject->state, &e.exec, &p, &err), &err);
	assert_int_equal(write(p.in, "hello", 5), 5);
	close(p.in);
	must(e.subject->driver->exec->close_input(e.subject->state, &e.exec, &err), &err);
	read_all(p.out, text, sizeof(text));
	assert_string_equal(text, "5\n0\n");
	close(p.err);
	assert_int_equal(end(&e, &p), 4);
	fini(&e);
}

void exec_has_a_terminal(void **state)
{
	struct runtime_exec_process p;
	struct subject_exec e;
	char text[500];
	struct err err;

	init(&e, state, "busybox stty size; read word; busybox stty size; echo $word $TERM");
	e.exec.has_input = true;
	e.exec.is_terminal = true;
	e.exec.rows = 33;
	e.exec.columns = 111;
	must(e.subject->driver->exec->begin(e.subject->state, &e.exec, &p, &err), &err);
	assert_int_equal(p.err, -1);
	e.exec.rows = 44;
	must(e.subject->driver->exec->resize(e.subject->state, &e.exec, &err), &err);
	assert_int_equal(write(p.in, "typed\r", 6), 6);
	read_all(p.out, text, sizeof(text));
	if (!strstr(text, "44 111\r\ntyped xterm\r\n"))
		fail_msg("terminal: %s", text);
	close(p.in);
	assert_int_equal(end(&e, &p), 0);
	fini(&e);
}

/* As after a kill -9: nobody ends it. */
void exec_left_over_is_ended(void **state)
{
	struct subject *s = *state;
	struct runtime_exec_process p;
	struct subject_exec e;
	struct err err;

	init(&e, state, "busybox sleep 1000 & busybox yes");
	e.exec.has_input = true;
	must(s->driver->exec->begin(s->state, &e.exec, &p, &err), &err);
	close(p.in);
	close(p.out);
	close(p.err);
	s->driver->close(s->state);
	assert_true(proc_is_alive(&p.proc));
	must(s->driver->open(&s->config, &s->state, &err), &err);
	assert_false(proc_is_alive(&p.proc));
	fini(&e);
}

#define HELD_UP_MS 15000 /* half of what a shim waits for a reader */

struct half_begun {
	struct containerd api;
	struct containerd_exec_ref ref;
};

static void *begin_the_rest(void *arg)
{
	struct half_begun *half = arg;
	struct err err;
	pid_t pid;

	containerd_exec_start(&half->api, half->ref, &pid,
			      &err); /* it may be ended before it is begun */
	return NULL;
}

/* Its command line ends with the id. */
static bool is_running(const char *id)
{
	DIR *dir = opendir("/proc");
	bool is_found = false;

	assert_non_null(dir);
	for (struct dirent *e; !is_found && (e = readdir(dir));) {
		auto_free char *path = xasprintf("/proc/%s/cmdline", e->d_name);
		auto_free char *text = NULL;
		size_t len;
		struct err err;

		if (file_read(path, 4096, &text, &len, &err) == 0)
			is_found = str_eq(text, "/bin/busybox") && len > strlen(id) &&
				   str_eq(text + len - strlen(id) - 1, id);
	}
	closedir(dir);
	return is_found;
}

static void make_half(struct subject_exec *e, const char *dir, struct half_begun *half)
{
	auto_free char *out = path_join(dir, "out");
	auto_free char *errors = path_join(dir, "err");
	auto_free char *process = xasprintf(
		"{\"args\":[\"/bin/busybox\",\"sh\",\"-c\",\"busybox sleep 1000; :\",\"%s\"],"
		"\"cwd\":\"/\",\"env\":[\"PATH=/bin\"],\"user\":{\"uid\":0,\"gid\":0}}",
		e->id);
	const struct containerd_exec exec = { .container_id = e->instance.id,
					      .id = e->id,
					      .input = "",
					      .output = out,
					      .error = errors,
					      .process = process };
	struct err err;

	must(dir_make(dir, 0700, &err), &err);
	assert_int_equal(mkfifo(out, 0600), 0);
	assert_int_equal(mkfifo(errors, 0600), 0);
	must(containerd_exec_add(&half->api, &exec, &err), &err);
}

/* As after a kill -9 before the shim has opened what the command writes to: nobody reads there any more,
 * and it waits for somebody, with all who ask it about the command. */
void exec_half_begun_holds_up_nobody(void **state)
{
	struct subject *s = *state;
	auto_free char *socket = xasprintf("/run/holm-%.8s/containerd/containerd.sock",
					   s->config.node_id);
	auto_(grpc_conn_free) struct grpc_conn *conn = grpc_conn_new(socket);
	struct half_begun half = { .api = { .grpc = conn, .ns = "holm", .timeout_ms = 60000 } };
	struct subject_exec e;
	pthread_t thread;
	struct err err;

	init(&e, state, "");
	auto_free char *dir = xasprintf("/run/holm-%.8s/instances/%s/exec/%s", s->config.node_id,
					e.instance.id, e.id);
	half.ref = (struct containerd_exec_ref){ e.instance.id, e.id };
	make_half(&e, dir, &half);
	assert_int_equal(pthread_create(&thread, NULL, begin_the_rest, &half), 0);
	uint64_t end_ms = clock_monotonic_ms() + WAIT_MS;
	while (!is_running(e.id) && clock_monotonic_ms() < end_ms)
		clock_poll(NULL, 0, clock_monotonic_ms() + 10);
	assert_true(is_running(e.id));
	s->driver->close(s->state);
	end_ms = clock_monotonic_ms() + HELD_UP_MS;
	must(s->driver->open(&s->config, &s->state, &err), &err);
	assert_true(clock_monotonic_ms() < end_ms);
	pthread_join(thread, NULL);
	assert_false(is_running(e.id));
	fini(&e);
}
