/* The process that stays: from the socket that it was given to the end of the container. */
#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>

#include "base/base.h"
#include "shim/start.h"

#define SOCKET_FD 3
#define LOG_FIFO  "log"
#define TTRPC     "TTRPC_ADDRESS" /* where containerd is told of events */
#define NOTIFY    "NOTIFY_SOCKET"
#define DRAIN_MS  2000

static void on_drained(void *arg)
{
	loop_stop(((struct shim *)arg)->loop);
}

void shim_release(struct shim *shim)
{
	shim->container = container_free(shim->container);
	if (shim->next)
		container_create(shim, TAKE(shim->next));
	else if (shim->is_ending)
		task_events_drain(shim->events, DRAIN_MS, on_drained, shim);
}

static void shut_down(struct shim *shim, struct task_call *take_call)
{
	const struct container *c = shim->container;

	shim->is_ending = !c || (c->has_failed && !shim->next);
	/* Who asked may start another at once: that finds no shim here, and has its own socket there. */
	if (shim->is_ending)
		unlink(shim->socket);
	task_reply_empty(take_call);
	if (!c)
		shim_release(shim);
}

static bool can_wait(const struct shim *shim, const struct task_request *r)
{
	const struct container *c = shim->container;

	return r->method == TASK_CREATE && str_eq(r->id, shim->id) && c && c->has_failed &&
	       !shim->next && !shim->is_ending;
}

static void on_call(void *arg, struct task_call *call)
{
	struct shim *shim = arg;
	const struct task_request *r = task_call_request(call);
	struct container *c = str_eq(r->id, shim->id) ? shim->container : NULL;
	struct err err;

	if (c && c->has_failed)
		c = NULL;

	if (r->method == TASK_CONNECT) {
		task_reply_connected(call, (uint32_t)getpid(), c ? (uint32_t)c->first.pid : 0);
	} else if (r->method == TASK_SHUTDOWN) {
		shut_down(shim, call);
	} else if (r->method == TASK_CREATE && str_eq(r->id, shim->id) && !shim->container &&
		   !shim->is_ending) {
		container_create(shim, call);
	} else if (can_wait(shim, r)) {
		shim->next = call;
	} else if (r->method == TASK_CREATE) {
		err_set(&err, -EEXIST, "container %.64s: already exists", r->id);
		task_reply_error(call, &err);
	} else if (!c) {
		err_set(&err, -ENOENT, "container not created: not found");
		task_reply_error(call, &err);
	} else {
		container_call(c, call);
	}
}

/* What we complain of is in containerd's log. */
static void open_log(void)
{
	auto_close int fd = open(LOG_FIFO, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd >= 0)
		dup2(fd, STDERR_FILENO);
}

int serve_main(int argc, char **argv)
{
	struct shim shim = { .ns = start_option(argc, argv, "-namespace"),
			     .id = start_option(argc, argv, "-id"),
			     .address = start_option(argc, argv, "-address") };
	const char *events = getenv(TTRPC);

	if (!shim.ns || !shim.id || !shim.address || !strchr(shim.address, '/')) {
		fprintf(stderr,
			"usage: holm-shim -namespace N -id I -address A [start | delete]\n");
		return 2;
	}
	signal(SIGPIPE, SIG_IGN);
	unsetenv(NOTIFY); /* containerd's own: runc would make it the container's */
	prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	fcntl(SOCKET_FD, F_SETFD, FD_CLOEXEC);
	open_log();
	shim.socket = start_socket_path(shim.address, shim.id);
	shim.loop = loop_new();
	children_init(&shim.children, shim.loop);
	shim.events = task_events_new(shim.loop, events ? events : "", shim.ns);
	shim.server = task_server_new(shim.loop, SOCKET_FD, on_call, &shim);
	loop_run(shim.loop);
	shim.server = task_server_free(shim.server);
	shim.container = container_free(shim.container);
	shim.events = task_events_free(shim.events);
	oci_give_up(&shim.children);
	children_fini(&shim.children);
	shim.loop = loop_free(shim.loop);
	free(shim.socket);
	return 0;
}
