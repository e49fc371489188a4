/* What containerd is told: this test is containerd. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/socket.h"
#include "peer.h"
#include "wire/task/task.h"

#define S(text)  ((char *)(uintptr_t)(text))
#define KEPT_MAX 64
#define SOON_MS  10

struct world {
	char dir[64];
	char *path;
	struct loop *loop;
	int listener;
	int fd; /* connection of the events; -1 */
	struct task_events *events;
	unsigned n_drained;
	bool is_late;
};

/* What one was told with. */
struct letter {
	uint32_t stream;
	Task__ForwardRequest *request;
	const Task__Any *event;
};

static void listen_here(struct world *w)
{
	struct err err;

	w->listener = socket_listen(w->dir, "events", SOCK_STREAM, &err);
	assert_true(w->listener >= 0);
}

static int setup(void **state)
{
	struct world *w = NEW(struct world);

	STR_COPY(w->dir, "/tmp/holm-task-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	w->path = path_join(w->dir, "events");
	w->fd = -1;
	listen_here(w);
	w->loop = loop_new();
	w->events = task_events_new(w->loop, w->path, "holm");
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;
	struct err err;

	task_events_free(w->events);
	loop_free(w->loop);
	cleanup_close(&w->fd);
	cleanup_close(&w->listener);
	assert_int_equal(path_remove(w->dir, &err), 0);
	free(w->path);
	free(w);
	return 0;
}

static void stop(void *arg)
{
	loop_stop(((struct world *)arg)->loop);
}

static void on_readable(void *arg, unsigned events)
{
	stop(arg);
}

static void on_late(void *arg)
{
	((struct world *)arg)->is_late = true;
	stop(arg);
}

static void on_drained(void *arg)
{
	((struct world *)arg)->n_drained++;
	stop(arg);
}

/* Until this can be read (-1: nothing), or all is drained. */
static void run(struct world *w, int fd)
{
	struct timer *timer = timer_start(w->loop, PEER_WAIT_MS, on_late, w);
	struct io *io = fd < 0 ? NULL : io_watch(w->loop, fd, IO_READ, on_readable, w);

	loop_run(w->loop);
	io_cancel(io);
	assert_false(w->is_late);
	timer_cancel(timer);
}

static void connect_them(struct world *w)
{
	run(w, w->listener);
	w->fd = accept4(w->listener, NULL, NULL, SOCK_CLOEXEC);
	assert_true(w->fd >= 0);
}

static void disconnect(struct world *w)
{
	close(w->fd);
	w->fd = -1;
}

static void read_letter(struct world *w, struct letter *ret)
{
	struct frame frame;

	if (w->fd < 0)
		connect_them(w);
	run(w, w->fd);
	assert_true(frame_read(w->fd, &frame));
	assert_int_equal(frame.type, 1);
	assert_int_equal(frame.stream % 2, 1);
	Task__Request *m = task__request__unpack(NULL, frame.len, frame.data);
	assert_non_null(m);
	assert_string_equal(m->service, PEER_EVENTS);
	assert_string_equal(m->method, "Forward");
	assert_true(m->timeout_nano > 0);
	ret->stream = frame.stream;
	ret->request = task__forward_request__unpack(NULL, m->payload.len, m->payload.data);
	assert_non_null(ret->request);
	ret->event = ret->request->envelope->event;
	assert_string_equal(ret->request->envelope->namespace_, "holm");
	assert_true(ret->request->envelope->timestamp->seconds > 1700000000);
	task__request__free_unpacked(m, NULL);
	frame_fini(&frame);
}

static void letter_fini(struct letter *letter)
{
	task__forward_request__free_unpacked(letter->request, NULL);
}

static void answer(struct world *w, uint32_t stream, int code)
{
	Task__Response m = TASK__RESPONSE__INIT;
	Task__Status status = TASK__STATUS__INIT;
	uint8_t space[64];

	status.code = code;
	status.message = S("no");
	m.status = code ? &status : NULL;
	frame_write(w->fd, &(struct frame){ stream, 2, space, task__response__pack(&m, space) });
}

static void assert_nothing_more(const struct world *w)
{
	char byte;

	assert_int_equal(recv(w->fd, &byte, 1, MSG_DONTWAIT), -1);
	assert_int_equal(errno, EAGAIN);
}

static void send_start(struct world *w, uint32_t pid)
{
	task_events_send(w->events, &(struct task_event){ .type = TASK_EVENT_START,
							  .id = "i",
							  .exec_id = "",
							  .pid = pid });
}

static uint32_t start_pid(const struct letter *letter)
{
	Task__EventPid *m = task__event_pid__unpack(NULL, letter->event->value.len,
						    letter->event->value.data);

	assert_string_equal(letter->request->envelope->topic, "/tasks/start");
	assert_string_equal(m->container_id, "i");
	uint32_t pid = m->pid;
	task__event_pid__free_unpacked(m, NULL);
	return pid;
}

/* The number of a start that is told now; its stream. */
static uint32_t expect_start(struct world *w, uint32_t pid)
{
	struct letter letter;

	read_letter(w, &letter);
	assert_int_equal(start_pid(&letter), pid);
	letter_fini(&letter);
	return letter.stream;
}

static void tell(struct world *w, const struct task_event *event, struct letter *ret)
{
	task_events_send(w->events, event);
	read_letter(w, ret);
	answer(w, ret->stream, 0);
}

static void assert_kind(const struct letter *letter, const char *topic, const char *type)
{
	assert_string_equal(letter->request->envelope->topic, topic);
	assert_string_equal(letter->event->type_url, type);
}

#define UNPACK(letter, name) \
	task__##name##__unpack(NULL, (letter)->event->value.len, (letter)->event->value.data)

static void a_creation_is_told(void **state)
{
	struct world *w = *state;
	char *options[] = { S("ro"), S("bind") };
	const struct task_mount mounts[] = { { "bind", "/a", options, 2 } };
	const struct task_request request = { .bundle = "/b",
					      .mounts = mounts,
					      .n_mounts = 1,
					      .input = "/in",
					      .output = "/out",
					      .errors = "/err",
					      .is_terminal = true };
	const struct task_event event = { .type = TASK_EVENT_CREATE,
					  .id = "i",
					  .exec_id = "",
					  .pid = 5,
					  .request = &request };
	struct letter letter;

	tell(w, &event, &letter);
	assert_kind(&letter, "/tasks/create", "containerd.events.TaskCreate");
	Task__EventCreate *m = UNPACK(&letter, event_create);
	assert_string_equal(m->container_id, "i");
	assert_string_equal(m->bundle, "/b");
	assert_int_equal(m->pid, 5);
	assert_int_equal(m->n_rootfs, 1);
	assert_string_equal(m->rootfs[0]->type, "bind");
	assert_string_equal(m->rootfs[0]->source, "/a");
	assert_int_equal(m->rootfs[0]->n_options, 2);
	assert_string_equal(m->rootfs[0]->options[1], "bind");
	assert_string_equal(m->io->stdin, "/in");
	assert_string_equal(m->io->stdout, "/out");
	assert_string_equal(m->io->stderr, "/err");
	assert_true(m->io->terminal);
	task__event_create__free_unpacked(m, NULL);
	letter_fini(&letter);
}

static void expect_exit(struct world *w, const char *exec_id, const char *wanted)
{
	const struct task_event event = { .type = TASK_EVENT_EXIT,
					  .id = "i",
					  .exec_id = exec_id,
					  .pid = 5,
					  .end = { 3, { 1700000003, 4 } } };
	struct letter letter;

	tell(w, &event, &letter);
	assert_kind(&letter, "/tasks/exit", "containerd.events.TaskExit");
	Task__EventExit *m = UNPACK(&letter, event_exit);
	assert_string_equal(m->container_id, "i");
	assert_string_equal(m->id, wanted);
	assert_int_equal(m->pid, 5);
	assert_int_equal(m->exit_status, 3);
	assert_int_equal(m->exited_at->seconds, 1700000003);
	assert_int_equal(m->exited_at->nanos, 4);
	task__event_exit__free_unpacked(m, NULL);
	letter_fini(&letter);
}

/* The first process has the container's name. */
static void an_end_is_told(void **state)
{
	expect_exit(*state, "", "i");
	expect_exit(*state, "e", "e");
}

static void a_deletion_is_told(void **state)
{
	struct world *w = *state;
	const struct task_event event = { .type = TASK_EVENT_DELETE,
					  .id = "i",
					  .exec_id = "",
					  .pid = 5,
					  .end = { 3, { 1700000003, 4 } } };
	struct letter letter;

	tell(w, &event, &letter);
	assert_kind(&letter, "/tasks/delete", "containerd.events.TaskDelete");
	Task__EventDelete *m = UNPACK(&letter, event_delete);
	assert_string_equal(m->container_id, "i");
	assert_int_equal(m->pid, 5);
	assert_int_equal(m->exit_status, 3);
	assert_int_equal(m->exited_at->seconds, 1700000003);
	task__event_delete__free_unpacked(m, NULL);
	letter_fini(&letter);
}

static void expect_exec(struct world *w, enum task_event_type type, const char *topic,
			const char *name)
{
	const struct task_event event = { .type = type, .id = "i", .exec_id = "e", .pid = 6 };
	struct letter letter;

	tell(w, &event, &letter);
	assert_kind(&letter, topic, name);
	Task__EventExec *m = UNPACK(&letter, event_exec);
	assert_string_equal(m->container_id, "i");
	assert_string_equal(m->exec_id, "e");
	assert_int_equal(m->pid, 6);
	task__event_exec__free_unpacked(m, NULL);
	letter_fini(&letter);
}

static void further_processes_are_told(void **state)
{
	struct world *w = *state;

	expect_exec(w, TASK_EVENT_EXEC_ADDED, "/tasks/exec-added",
		    "containerd.events.TaskExecAdded");
	expect_exec(w, TASK_EVENT_EXEC_STARTED, "/tasks/exec-started",
		    "containerd.events.TaskExecStarted");
}

static void expect_id(struct world *w, enum task_event_type type, const char *topic,
		      const char *name)
{
	const struct task_event event = { .type = type, .id = "i", .exec_id = "" };
	struct letter letter;

	tell(w, &event, &letter);
	assert_kind(&letter, topic, name);
	Task__EventId *m = UNPACK(&letter, event_id);
	assert_string_equal(m->container_id, "i");
	task__event_id__free_unpacked(m, NULL);
	letter_fini(&letter);
}

static void pauses_are_told(void **state)
{
	struct world *w = *state;

	expect_id(w, TASK_EVENT_PAUSED, "/tasks/paused", "containerd.events.TaskPaused");
	expect_id(w, TASK_EVENT_RESUMED, "/tasks/resumed", "containerd.events.TaskResumed");
}

static void one_is_told_after_the_other(void **state)
{
	struct world *w = *state;

	for (uint32_t pid = 1; pid <= 3; pid++)
		send_start(w, pid);
	for (uint32_t pid = 1; pid <= 3; pid++) {
		uint32_t stream = expect_start(w, pid);

		assert_nothing_more(w);
		answer(w, stream, 0);
	}
	task_events_drain(w->events, PEER_WAIT_MS, on_drained, w);
	run(w, -1);
	assert_int_equal(w->n_drained, 1);
	assert_nothing_more(w);
}

/* What is no answer to this one does not bring the next. */
static void other_answers_are_none(void **state)
{
	struct world *w = *state;

	send_start(w, 1);
	send_start(w, 2);
	uint32_t stream = expect_start(w, 1);
	answer(w, stream + 2, 0);
	frame_write(w->fd, &(struct frame){ .stream = stream, .type = 1 });
	loop_post(w->loop, stop, w);
	run(w, -1);
	assert_nothing_more(w);
	answer(w, stream, 0);
	expect_start(w, 2);
}

static void what_is_refused_is_told_no_more(void **state)
{
	struct world *w = *state;

	send_start(w, 1);
	send_start(w, 2);
	answer(w, expect_start(w, 1), 2);
	answer(w, expect_start(w, 2), 0);
	task_events_drain(w->events, PEER_WAIT_MS, on_drained, w);
	run(w, -1);
	assert_int_equal(w->n_drained, 1);
}

static void a_lost_connection_is_made_again(void **state)
{
	struct world *w = *state;

	send_start(w, 1);
	send_start(w, 2);
	for (int i = 0; i < 2; i++) {
		expect_start(w, 1);
		disconnect(w);
	}
	answer(w, expect_start(w, 1), 0);
	answer(w, expect_start(w, 2), 0);
}

/* containerd was restarted while there was nothing to tell. */
static void an_old_connection_is_not_used(void **state)
{
	struct world *w = *state;

	send_start(w, 1);
	answer(w, expect_start(w, 1), 0);
	task_events_drain(w->events, PEER_WAIT_MS, on_drained, w);
	run(w, -1);
	disconnect(w);
	send_start(w, 2);
	answer(w, expect_start(w, 2), 0);
}

static void who_is_not_there_yet_is_told_later(void **state)
{
	struct world *w = *state;

	cleanup_close(&w->listener);
	assert_int_equal(unlink(w->path), 0);
	send_start(w, 1);
	send_start(w, 2);
	listen_here(w);
	answer(w, expect_start(w, 1), 0);
	answer(w, expect_start(w, 2), 0);
}

/* The one that is on its way, and the last ones. */
static void so_many_are_kept(void **state)
{
	struct world *w = *state;

	for (uint32_t pid = 0; pid < KEPT_MAX + 6; pid++)
		send_start(w, pid);
	answer(w, expect_start(w, 0), 0);
	for (uint32_t pid = 7; pid < KEPT_MAX + 6; pid++)
		answer(w, expect_start(w, pid), 0);
	task_events_drain(w->events, PEER_WAIT_MS, on_drained, w);
	run(w, -1);
	assert_nothing_more(w);
}

static void nothing_is_drained_at_once(void **state)
{
	struct world *w = *state;

	task_events_drain(w->events, PEER_WAIT_MS, on_drained, w);
	assert_int_equal(w->n_drained, 1);
}

static void who_waits_is_called_after_the_last(void **state)
{
	struct world *w = *state;

	send_start(w, 1);
	send_start(w, 2);
	task_events_drain(w->events, PEER_WAIT_MS, on_drained, w);
	answer(w, expect_start(w, 1), 0);
	uint32_t stream = expect_start(w, 2);
	assert_int_equal(w->n_drained, 0);
	answer(w, stream, 0);
	run(w, -1);
	assert_int_equal(w->n_drained, 1);
}

static void who_waits_is_called_in_time(void **state)
{
	struct world *w = *state;

	send_start(w, 1);
	expect_start(w, 1);
	task_events_drain(w->events, SOON_MS, on_drained, w);
	assert_int_equal(w->n_drained, 0);
	run(w, -1);
	assert_int_equal(w->n_drained, 1);
}

static void nobody_is_told_nothing(void **state)
{
	struct world *w = *state;
	struct task_events *events = task_events_new(w->loop, "", "holm");

	task_events_send(events, &(struct task_event){ .type = TASK_EVENT_PAUSED, .id = "i" });
	task_events_drain(events, PEER_WAIT_MS, on_drained, w);
	assert_int_equal(w->n_drained, 1);
	task_events_free(events);
}

static void what_is_not_told_is_freed(void **state)
{
	struct world *w = *state;

	send_start(w, 1);
	send_start(w, 2);
	expect_start(w, 1);
	task_events_drain(w->events, PEER_WAIT_MS, on_drained, w);
	task_events_free(w->events);
	assert_false(frame_read(w->fd, &(struct frame){ 0 }));
	assert_int_equal(w->n_drained, 0);
	w->events = task_events_new(w->loop, "", "holm");
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_creation_is_told),
		TEST(an_end_is_told),
		TEST(a_deletion_is_told),
		TEST(further_processes_are_told),
		TEST(pauses_are_told),
		TEST(one_is_told_after_the_other),
		TEST(other_answers_are_none),
		TEST(what_is_refused_is_told_no_more),
		TEST(a_lost_connection_is_made_again),
		TEST(an_old_connection_is_not_used),
		TEST(who_is_not_there_yet_is_told_later),
		TEST(so_many_are_kept),
		TEST(nothing_is_drained_at_once),
		TEST(who_waits_is_called_after_the_last),
		TEST(who_waits_is_called_in_time),
		TEST(nobody_is_told_nothing),
		TEST(what_is_not_told_is_freed),
	};

	return cmocka_run_group_tests_name("wire/task_events", tests, NULL, NULL);
}
