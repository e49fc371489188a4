#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/socket.h"
#include "world.h"

static void on_call(void *arg, struct task_call *call)
{
	struct world *w = arg;

	if (w->n_calls < CALLS_MAX)
		w->calls[w->n_calls++] = call;
	loop_stop(w->loop);
}

void world_dial(struct world *w, struct peer *ret)
{
	auto_free char *path = path_join(w->dir, "task");

	peer_open(ret, path);
}

int world_setup(void **state)
{
	struct world *w = NEW(struct world);
	struct err err;

	STR_COPY(w->dir, "/tmp/holm-task-XXXXXX");
	assert_non_null(mkdtemp(w->dir));
	int fd = socket_listen(w->dir, "task", SOCK_STREAM, &err);
	assert_true(fd >= 0);
	w->loop = loop_new();
	w->server = task_server_new(w->loop, fd, on_call, w);
	world_dial(w, &w->peer);
	*state = w;
	return 0;
}

int world_teardown(void **state)
{
	struct world *w = *state;
	struct err err;

	if (w->server)
		task_server_free(w->server);
	while (w->n_calls)
		task_reply_empty(w->calls[--w->n_calls]);
	loop_free(w->loop);
	peer_close(&w->peer);
	assert_int_equal(path_remove(w->dir, &err), 0);
	free(w);
	return 0;
}

static void on_readable(void *arg, unsigned events)
{
	loop_stop(((struct world *)arg)->loop);
}

static void on_late(void *arg)
{
	struct world *w = arg;

	w->is_late = true;
	loop_stop(w->loop);
}

void world_run(struct world *w, int fd)
{
	struct timer *timer = timer_start(w->loop, PEER_WAIT_MS, on_late, w);
	struct io *io = io_watch(w->loop, fd, IO_READ, on_readable, w);

	loop_run(w->loop);
	io_cancel(io);
	assert_false(w->is_late);
	timer_cancel(timer);
}

static void stop(void *arg)
{
	loop_stop(((struct world *)arg)->loop);
}

void world_turn(struct world *w)
{
	loop_post(w->loop, stop, w);
	loop_run(w->loop);
}

struct task_call *world_take_call(struct world *w)
{
	if (!w->n_calls)
		world_run(w, w->peer.fd);
	assert_true(w->n_calls > 0);
	struct task_call *call = w->calls[0];
	memmove(w->calls, w->calls + 1, --w->n_calls * sizeof(struct task_call *));
	return call;
}

struct task_call *world_call(struct world *w, const char *method, const void *message)
{
	peer_send(&w->peer, method, message);
	return world_take_call(w);
}

void world_hear(struct world *w, const ProtobufCMessageDescriptor *type, struct answer *ret)
{
	peer_await(&w->peer, w->peer.stream, type, ret);
}

void world_expect_service(struct world *w)
{
	struct answer answer;

	task_reply_pid(world_call(w, "Start", NULL), 12);
	world_hear(w, &task__pid_response__descriptor, &answer);
	assert_int_equal(((const Task__PidResponse *)answer.message)->pid, 12);
	answer_fini(&answer);
}
