/* Connections of containerd, and the calls in them. */
#include <fcntl.h>
#include <sys/socket.h>

#include "base/base.h"
#include "wire/task/private.h"

#define SERVICE "containerd.task.v2.Task"

struct connection {
	struct list node;
	struct task_server *server;
	struct ttrpc_link link;
	struct list calls; /* that have not been answered */
};

struct task_server {
	struct loop *loop;
	int fd;
	struct io *io;
	task_fn fn;
	void *arg;
	struct list connections;
};

static void connection_free(struct connection *c)
{
	struct list *at;

	/* Their answers have nobody to go to. */
	while ((at = list_pop(&c->calls)))
		container_of(at, struct task_call, node)->link = NULL;
	list_remove(&c->node);
	ttrpc_link_fini(&c->link);
	free(c);
}

static void on_end(void *arg)
{
	connection_free(arg);
}

static void begin_call(struct connection *c, const Task__Request *request, uint32_t stream)
{
	struct task_call *call = NEW(struct task_call);
	struct err err;
	int r = -ENOTSUP;

	call->link = &c->link;
	call->stream = stream;
	list_push(&c->calls, &call->node);
	if (str_eq(request->service, SERVICE))
		r = request_parse(request->method, &request->payload, call, &err);
	else
		err_set(&err, r, "no service %.80s", request->service);
	if (r < 0)
		task_reply_error(call, &err);
	else
		c->server->fn(c->server->arg, call);
}

static void on_frame(void *arg, const struct ttrpc_frame *frame)
{
	struct connection *c = arg;

	if (frame->type != TTRPC_REQUEST)
		return;
	Task__Request *request = task__request__unpack(NULL, frame->len, frame->data);
	if (!request) {
		shutdown(c->link.fd, SHUT_RDWR);
		return;
	}
	begin_call(c, request, frame->stream);
	task__request__free_unpacked(request, NULL);
}

static void on_connection(void *arg, unsigned events)
{
	struct task_server *server = arg;
	int fd = accept4(server->fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (fd < 0)
		return;
	struct connection *c = NEW(struct connection);
	c->server = server;
	list_init(&c->calls);
	list_push(&server->connections, &c->node);
	c->link = (struct ttrpc_link){ .loop = server->loop,
				       .on_frame = on_frame,
				       .on_end = on_end,
				       .arg = c };
	ttrpc_link_init(&c->link, fd);
}

struct task_server *task_server_new(struct loop *loop, int take_fd, task_fn fn, void *arg)
{
	struct task_server *server = NEW(struct task_server);

	server->loop = loop;
	server->fd = take_fd;
	server->fn = fn;
	server->arg = arg;
	list_init(&server->connections);
	fcntl(take_fd, F_SETFL, O_NONBLOCK);
	server->io = io_watch(loop, take_fd, IO_READ, on_connection, server);
	return server;
}

struct task_server *task_server_free(struct task_server *server)
{
	struct list *at, *next;

	list_for_each(at, next, &server->connections) {
		struct connection *c = container_of(at, struct connection, node);

		ttrpc_flush(&c->link);
		connection_free(c);
	}
	io_cancel(server->io);
	close(server->fd);
	free(server);
	return NULL;
}
