#include <fcntl.h>
#include <sched.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/socket.h"
#include "kit.h"

#define NS       "holm"
#define PAUSE_MS 2
#define CONFIG   "{\"linux\":{\"namespaces\":[{\"type\":\"pid\"}]}}"
#define SLEEPS   "exec sleep 1000\n"

static uint64_t deadline(void)
{
	return clock_monotonic_ms() + PEER_WAIT_MS;
}

static void wait_a_little(uint64_t end, const char *what)
{
	if (clock_monotonic_ms() > end)
		fail_msg("it does not come about: %s", what);
	clock_poll(NULL, 0, clock_monotonic_ms() + PAUSE_MS);
}

/* Numbers with spaces between. */
static char *children_of(pid_t pid)
{
	auto_free char *path = xasprintf("/proc/%d/task/%d/children", (int)pid, (int)pid);
	char *text = NULL;
	struct err err;

	if (file_read(path, KIT_TEXT_MAX, &text, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	return text;
}

char *kit_path(const struct kit *k, const char *name)
{
	return path_join(k->bundle, name);
}

void kit_add_file(const struct kit *k, const char *name, const char *text)
{
	auto_free char *path = kit_path(k, name);
	struct err err;

	assert_int_equal(file_replace(path, text, &err), 0);
}

void kit_add_fifo(const struct kit *k, const char *name)
{
	auto_free char *path = kit_path(k, name);

	assert_int_equal(mkfifo(path, 0600), 0);
}

void kit_remove(const struct kit *k, const char *name)
{
	auto_free char *path = kit_path(k, name);

	assert_int_equal(unlink(path), 0);
}

char *kit_text(const struct kit *k, const char *name)
{
	auto_free char *path = kit_path(k, name);
	char *text = NULL;
	struct err err;

	if (file_read(path, KIT_TEXT_MAX, &text, NULL, &err) < 0)
		return xstrdup("");
	return text;
}

void kit_await_text(const struct kit *k, const char *name, const char *wanted)
{
	uint64_t end = deadline();

	for (;;) {
		auto_free char *text = kit_text(k, name);

		if (str_eq(text, wanted))
			return;
		if (clock_monotonic_ms() > end)
			assert_string_equal(text, wanted);
		wait_a_little(end, name);
	}
}

void kit_assert_words(const struct kit *k, const char *line)
{
	auto_free char *text = kit_text(k, "words");
	auto_strv struct strv lines = { 0 };

	strv_split(&lines, text, "\n");
	assert_true(lines.n > 0);
	assert_string_equal(lines.items[lines.n - 1], line);
}

void kit_use_program(struct kit *k, const char *name)
{
	auto_free char *script = path_join(getenv("HOLM_SOURCE"), "tests/unit/shim/runtime.sh");

	free(k->program);
	k->program = path_join(k->dir, name);
	assert_int_equal(symlink(script, k->program), 0);
}

/* The child's part. */
static void become_shim(const struct kit *k, int fd)
{
	auto_free char *program = path_join(getenv("HOLM_BUILD"), "src/shim/holm-shim");
	auto_free char *address = path_join(k->dir, "c.sock");
	auto_free char *events = path_join(k->dir, "events");
	int nowhere = open("/dev/null", O_RDWR);

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	/* What it mounts is nobody else's; without the right to that it cannot mount either. */
	if (unshare(CLONE_NEWNS) == 0)
		mount("", "/", "", MS_REC | MS_PRIVATE, NULL);
	dup2(nowhere, STDIN_FILENO);
	dup2(nowhere, STDOUT_FILENO);
	if (dup2(fd, 3) == 3 && fcntl(3, F_SETFD, 0) == 0 && chdir(k->bundle) == 0 &&
	    setenv("TTRPC_ADDRESS", events, 1) == 0)
		execl(program, program, "-namespace", NS, "-id", KIT_ID, "-address", address, NULL);
	_exit(127);
}

static void start_shim(struct kit *k)
{
	auto_free char *dir = path_join(k->dir, "s");
	struct err err;

	assert_int_equal(mkdir(dir, 0700), 0);
	int fd = socket_listen(dir, KIT_ID, SOCK_STREAM, &err);
	assert_true(fd >= 0);
	k->shim = fork();
	if (k->shim == 0)
		become_shim(k, fd);
	assert_true(k->shim > 0);
	close(fd);
	k->socket = path_join(dir, KIT_ID);
	peer_open(&k->peer, k->socket);
}

/* What the shim leaves behind comes to us, to be ended by its number. */
int kit_setup(void **state)
{
	struct kit *k = NEW(struct kit);
	struct err err;

	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	STR_COPY(k->dir, "/tmp/holm-shim-XXXXXX");
	assert_non_null(mkdtemp(k->dir));
	k->bundle = path_join(k->dir, "bundle");
	assert_int_equal(mkdir(k->bundle, 0700), 0);
	kit_use_program(k, "oci");
	kit_add_file(k, "run-create", SLEEPS);
	kit_add_file(k, "run-exec", SLEEPS);
	kit_add_file(k, "config.json", CONFIG);
	k->events = -1;
	k->listener = socket_listen(k->dir, "events", SOCK_STREAM, &err);
	assert_true(k->listener >= 0);
	start_shim(k);
	*state = k;
	return 0;
}

/* Whatever is left has come to us. */
static void end_children(void)
{
	for (;;) {
		auto_free char *text = children_of(getpid());
		auto_strv struct strv pids = { 0 };
		uint32_t pid = 0;

		strv_split(&pids, text, " ");
		for (size_t i = 0; i < pids.n; i++)
			if (parse_u32(pids.items[i], 1, INT32_MAX, &pid) == 0)
				kill((pid_t)pid, SIGKILL);
		if (waitpid(-1, NULL, 0) < 0)
			return;
	}
}

int kit_teardown(void **state)
{
	struct kit *k = *state;
	struct err err;

	if (k->shim) {
		kill(k->shim, SIGKILL);
		waitpid(k->shim, NULL, 0);
	}
	end_children();
	peer_close(&k->peer);
	cleanup_close(&k->listener);
	cleanup_close(&k->events);
	assert_int_equal(path_remove(k->dir, &err), 0);
	free(k->bundle);
	free(k->socket);
	free(k->program);
	free(k);
	return 0;
}

int kit_reach(const struct kit *k, const char *name)
{
	auto_free char *path = kit_path(k, name);
	uint64_t end = deadline();
	int fd;

	while ((fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC)) < 0) {
		assert_true(errno == ENXIO || errno == ENOENT);
		wait_a_little(end, name);
	}
	return fd;
}

void kit_release(int take_fd, const char *text)
{
	assert_int_equal(write(take_fd, text, strlen(text)), strlen(text));
	close(take_fd);
}

void kit_end_before_script(const struct kit *k, const char *command, const char *status)
{
	auto_free char *after = xasprintf("after-%s", command);
	auto_free char *name = xasprintf("pid-%s", command);
	int held = kit_reach(k, after);
	auto_free char *text = kit_text(k, name);
	uint32_t pid = 0;

	text[strcspn(text, "\n")] = '\0';
	assert_int_equal(parse_u32(text, 1, INT32_MAX, &pid), 0);
	kit_release(kit_reach(k, "go"), status);
	kit_await_gone((pid_t)pid);
	kit_release(held, "\n");
}

uint32_t kit_send(struct kit *k, const char *method, const char *exec_id)
{
	Task__ProcessRequest m = TASK__PROCESS_REQUEST__INIT;

	m.id = S(KIT_ID);
	m.exec_id = S(exec_id);
	return peer_send(&k->peer, method, &m);
}

/* The message is the caller's. */
static void *hear(struct kit *k, uint32_t stream, const ProtobufCMessageDescriptor *type, int *ret)
{
	struct answer answer;

	peer_await(&k->peer, stream, type, &answer);
	STR_COPY(k->why, answer.why);
	*ret = answer.code;
	return answer.message;
}

int kit_code(struct kit *k, uint32_t stream)
{
	int code;

	hear(k, stream, NULL, &code);
	return code;
}

int kit_ask(struct kit *k, const char *method, const char *exec_id)
{
	return kit_code(k, kit_send(k, method, exec_id));
}

uint32_t kit_send_kill(struct kit *k, const char *exec_id, int sig, bool is_all)
{
	Task__KillRequest m = TASK__KILL_REQUEST__INIT;

	m.id = S(KIT_ID);
	m.exec_id = S(exec_id);
	m.signal = (uint32_t)sig;
	m.all = is_all;
	return peer_send(&k->peer, "Kill", &m);
}

int kit_kill(struct kit *k, const char *exec_id, int sig)
{
	return kit_code(k, kit_send_kill(k, exec_id, sig, false));
}

static int hear_pid(struct kit *k, uint32_t stream, pid_t *ret)
{
	int code;
	Task__PidResponse *m = hear(k, stream, &task__pid_response__descriptor, &code);

	if (!m)
		return code;
	*ret = (pid_t)m->pid;
	task__pid_response__free_unpacked(m, NULL);
	return 0;
}

uint32_t kit_send_create(struct kit *k, const Task__CreateRequest *m)
{
	Task__CreateRequest create = TASK__CREATE_REQUEST__INIT;
	Task__Options options = TASK__OPTIONS__INIT;
	Task__Any any = TASK__ANY__INIT;
	uint8_t space[256];

	if (m)
		create = *m;
	create.id = S(KIT_ID);
	create.bundle = k->bundle;
	options.binary_name = k->program;
	options.root = k->dir;
	any.value.data = space;
	any.value.len = task__options__pack(&options, space);
	if (!create.options)
		create.options = &any;
	return peer_send(&k->peer, "Create", &create);
}

int kit_create_with(struct kit *k, const Task__CreateRequest *m, pid_t *ret)
{
	return hear_pid(k, kit_send_create(k, m), ret);
}

pid_t kit_create(struct kit *k)
{
	pid_t pid = 0;

	assert_int_equal(kit_create_with(k, NULL, &pid), 0);
	assert_true(pid > 0);
	kit_assert_event(k, "create %d", (int)pid);
	return pid;
}

int kit_exec_with(struct kit *k, const Task__ExecRequest *m)
{
	Task__ExecRequest exec = *m;
	Task__Any any = TASK__ANY__INIT;
	const char *spec = "{\"args\":[\"x\"],\"terminal\":true}";

	exec.id = S(KIT_ID);
	any.value.data = (uint8_t *)S(spec);
	any.value.len = strlen(spec);
	if (!exec.spec)
		exec.spec = &any;
	return kit_code(k, peer_send(&k->peer, "Exec", &exec));
}

pid_t kit_started_exec(struct kit *k, const char *exec_id, uint32_t stream)
{
	pid_t pid = 0;

	assert_int_equal(hear_pid(k, stream, &pid), 0);
	assert_true(pid > 0);
	kit_assert_event(k, "exec-added %s 0", exec_id);
	kit_assert_event(k, "exec-started %s %d", exec_id, (int)pid);
	return pid;
}

pid_t kit_start_exec(struct kit *k, const char *exec_id)
{
	return kit_started_exec(k, exec_id, kit_send(k, "Start", exec_id));
}

pid_t kit_run(struct kit *k)
{
	pid_t pid = kit_create(k);

	assert_int_equal(kit_ask(k, "Start", ""), 0);
	kit_assert_event(k, "start %d", (int)pid);
	return pid;
}

void kit_shut_down(struct kit *k)
{
	int status;

	assert_int_equal(kit_ask(k, "Shutdown", ""), 0);
	/* Before it ends, for the next shim may be there already. */
	assert_false(path_exists(k->socket));
	kit_drain_events(k);
	assert_int_equal(waitpid(k->shim, &status, 0), k->shim);
	k->shim = 0;
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

void kit_finish(struct kit *k)
{
	assert_int_equal(kit_kill(k, "", SIGKILL), 0);
	assert_int_equal(kit_wait(k, ""), 128 + SIGKILL);
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	kit_shut_down(k);
}

void kit_reconnect(struct kit *k)
{
	peer_close(&k->peer);
	peer_open(&k->peer, k->socket);
}

Task__StateResponse *kit_state(struct kit *k, const char *exec_id)
{
	int code;
	Task__StateResponse *m = hear(k, kit_send(k, "State", exec_id),
				      &task__state_response__descriptor, &code);

	assert_int_equal(code, 0);
	return m;
}

void kit_assert_state(struct kit *k, const char *exec_id, int state)
{
	Task__StateResponse *m = kit_state(k, exec_id);

	assert_int_equal(m->status, state);
	task__state_response__free_unpacked(m, NULL);
}

uint32_t kit_wait_answer(struct kit *k, uint32_t stream)
{
	int code;
	Task__WaitResponse *m = hear(k, stream, &task__wait_response__descriptor, &code);

	assert_int_equal(code, 0);
	uint32_t status = m->exit_status;
	task__wait_response__free_unpacked(m, NULL);
	return status;
}

uint32_t kit_wait(struct kit *k, const char *exec_id)
{
	return kit_wait_answer(k, kit_send(k, "Wait", exec_id));
}

void kit_await_gone(pid_t pid)
{
	uint64_t end = deadline();

	while (kill(pid, 0) == 0)
		wait_a_little(end, "its end");
	assert_int_equal(errno, ESRCH);
}

void kit_await_no_children(const struct kit *k)
{
	uint64_t end = deadline();

	for (;;) {
		auto_free char *text = children_of(k->shim);

		if (!*text)
			return;
		wait_a_little(end, "its end");
	}
}

static void answer_event(struct kit *k, uint32_t stream)
{
	Task__Response m = TASK__RESPONSE__INIT;
	uint8_t space[16];

	frame_write(k->events,
		    &(struct frame){ stream, 2, space, task__response__pack(&m, space) });
}

static char *text_of_event(const char *kind, const Task__Any *any)
{
	char *text = NULL;

#define UNPACK(name) task__event_##name##__unpack(NULL, any->value.len, any->value.data)
	if (str_eq(kind, "exit")) {
		Task__EventExit *m = UNPACK(exit);

		text = xasprintf("exit %s %u %u", str_eq(m->id, m->container_id) ? "-" : m->id,
				 m->pid, m->exit_status);
		task__event_exit__free_unpacked(m, NULL);
	} else if (str_eq(kind, "delete")) {
		Task__EventDelete *m = UNPACK(delete);

		text = xasprintf("delete %u %u", m->pid, m->exit_status);
		task__event_delete__free_unpacked(m, NULL);
	} else if (str_starts(kind, "exec-")) {
		Task__EventExec *m = UNPACK(exec);

		text = xasprintf("%s %s %u", kind, m->exec_id, m->pid);
		task__event_exec__free_unpacked(m, NULL);
	} else if (str_eq(kind, "create")) {
		Task__EventCreate *m = UNPACK(create);

		text = xasprintf("create %u", m->pid);
		task__event_create__free_unpacked(m, NULL);
	} else if (str_eq(kind, "start")) {
		Task__EventPid *m = UNPACK(pid);

		text = xasprintf("start %u", m->pid);
		task__event_pid__free_unpacked(m, NULL);
	} else {
		text = xstrdup(kind);
	}
#undef UNPACK
	return text;
}

/* NULL: the connection has ended. */
static char *read_event(struct kit *k)
{
	struct frame frame;

	if (!frame_read(k->events, &frame))
		return NULL;
	Task__Request *m = task__request__unpack(NULL, frame.len, frame.data);
	assert_non_null(m);
	Task__ForwardRequest *forward = task__forward_request__unpack(NULL, m->payload.len,
								      m->payload.data);
	assert_non_null(forward);
	const char *topic = forward->envelope->topic;
	assert_true(str_starts(topic, "/tasks/"));
	char *text = text_of_event(topic + strlen("/tasks/"), forward->envelope->event);
	answer_event(k, frame.stream);
	task__forward_request__free_unpacked(forward, NULL);
	task__request__free_unpacked(m, NULL);
	frame_fini(&frame);
	return text;
}

static void accept_events(struct kit *k)
{
	k->events = accept4(k->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(k->events >= 0);
}

void kit_assert_event(struct kit *k, const char *fmt, ...)
{
	char wanted[256];
	va_list args;

	va_start(args, fmt);
	vsnprintf(wanted, sizeof(wanted), fmt, args);
	va_end(args);
	if (k->events < 0) {
		peer_wait_readable(k->listener);
		accept_events(k);
	}
	auto_free char *text = read_event(k);
	assert_non_null(text);
	assert_string_equal(text, wanted);
}

/* The client's connection ends before that of the events. */
void kit_drain_events(struct kit *k)
{
	for (;;) {
		struct pollfd fds[] = { { .fd = k->events, .events = POLLIN },
					{ .fd = k->peer.fd, .events = POLLIN } };

		if (k->events < 0)
			fds[0].fd = k->listener;
		if (clock_poll(fds, 2, deadline()) != 1)
			fail_msg("the shim does not end");
		if (fds[1].revents && !fds[0].revents)
			return;
		if (k->events < 0)
			accept_events(k);
		auto_free char *text = read_event(k);
		if (!text)
			return;
	}
}
