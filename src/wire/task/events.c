/* What containerd is told: one event after the other, each until it was taken. */
#include <sys/socket.h>
#include <sys/un.h>
#include <time.h>

#include "base/base.h"
#include "wire/task/private.h"

#define SERVICE    "containerd.services.events.ttrpc.v1.Events"
#define METHOD     "Forward"
#define KEPT_MAX   64
#define RETRY_MS   500
#define TIMEOUT_NS 5000000000 /* of one, which containerd sees to */

struct letter {
	struct list node;
	uint8_t *request; /* packed */
	size_t len;
};

struct task_events {
	struct loop *loop;
	char *address;
	char *ns;
	struct list letters; /* oldest first */
	size_t n;
	struct ttrpc_link link;
	bool is_connected;
	bool is_waiting; /* for the answer to the oldest */
	uint32_t stream; /* of the last */
	struct timer *retry;
	struct timer *deadline;
	loop_fn on_empty;
	void *arg;
};

static void send_next(struct task_events *events);

static void letter_free(struct task_events *events, struct list *node)
{
	struct letter *letter = container_of(node, struct letter, node);

	list_remove(node);
	free(letter->request);
	free(letter);
	events->n--;
}

static void drained(struct task_events *events)
{
	loop_fn fn = TAKE(events->on_empty);

	events->deadline = timer_cancel(events->deadline);
	if (fn)
		fn(events->arg);
}

static void on_retry(void *arg)
{
	struct task_events *events = arg;

	events->retry = NULL;
	send_next(events);
}

static void wait_for_retry(struct task_events *events)
{
	events->is_waiting = false;
	if (!events->retry)
		events->retry = timer_start(events->loop, RETRY_MS, on_retry, events);
}

static void on_link_end(void *arg)
{
	struct task_events *events = arg;

	ttrpc_link_fini(&events->link);
	events->is_connected = false;
	if (events->n)
		wait_for_retry(events);
}

/* One that containerd refuses is not made better by being told again. */
static void on_answer(void *arg, const struct ttrpc_frame *frame)
{
	struct task_events *events = arg;

	if (frame->type != TTRPC_RESPONSE || frame->stream != events->stream || !events->is_waiting)
		return;
	events->is_waiting = false;
	letter_free(events, events->letters.next);
	if (events->n)
		send_next(events);
	else
		drained(events);
}

static bool connect_link(struct task_events *events)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd;

	if (events->is_connected)
		return true;
	if (strlen(events->address) >= sizeof(addr.sun_path))
		return false;
	STR_COPY(addr.sun_path, events->address);
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return false;
	if (connect(fd, (const struct sockaddr *)&addr, sizeof(addr)) < 0) {
		close(fd);
		return false;
	}
	events->link = (struct ttrpc_link){ .loop = events->loop,
					    .on_frame = on_answer,
					    .on_end = on_link_end,
					    .arg = events };
	ttrpc_link_init(&events->link, fd);
	events->is_connected = true;
	events->stream = UINT32_MAX;
	return true;
}

static void send_next(struct task_events *events)
{
	const struct letter *letter = container_of(events->letters.next, struct letter, node);
	Task__Request request = TASK__REQUEST__INIT;

	if (!events->n || events->is_waiting || events->retry)
		return;
	if (!connect_link(events)) {
		wait_for_retry(events);
		return;
	}
	request.service = message_str(SERVICE);
	request.method = message_str(METHOD);
	request.payload.data = letter->request;
	request.payload.len = letter->len;
	request.timeout_nano = TIMEOUT_NS;
	events->stream += 2; /* a client's are odd */
	events->is_waiting = true;
	ttrpc_send(&events->link,
		   &(struct ttrpc_frame){ .stream = events->stream, .type = TTRPC_REQUEST },
		   &request);
}

struct task_events *task_events_new(struct loop *loop, const char *address, const char *ns)
{
	struct task_events *events = NEW(struct task_events);

	events->loop = loop;
	events->address = xstrdup(address);
	events->ns = xstrdup(ns);
	list_init(&events->letters);
	return events;
}

struct task_events *task_events_free(struct task_events *events)
{
	while (events->n)
		letter_free(events, events->letters.next);
	if (events->is_connected)
		ttrpc_link_fini(&events->link);
	timer_cancel(events->retry);
	timer_cancel(events->deadline);
	free(events->address);
	free(events->ns);
	free(events);
	return NULL;
}

static void on_deadline(void *arg)
{
	struct task_events *events = arg;

	events->deadline = NULL;
	drained(events);
}

void task_events_drain(struct task_events *events, uint64_t wait_ms, loop_fn fn, void *arg)
{
	events->on_empty = fn;
	events->arg = arg;
	if (!events->n)
		drained(events);
	else
		events->deadline = timer_start(events->loop, wait_ms, on_deadline, events);
}

static void post(struct task_events *events, const char *topic, const Task__Any *any)
{
	Task__ForwardRequest request = TASK__FORWARD_REQUEST__INIT;
	Task__Envelope envelope = TASK__ENVELOPE__INIT;
	struct letter *letter = NEW(struct letter);
	struct timespec now;
	Task__Time at;

	clock_gettime(CLOCK_REALTIME, &now);
	message_time(&now, &at);
	envelope.timestamp = &at;
	envelope.namespace_ = events->ns;
	envelope.topic = message_str(topic);
	envelope.event = (Task__Any *)(uintptr_t)any;
	request.envelope = &envelope;
	letter->request = message_pack(&request, &letter->len);
	/* The oldest goes, unless it is on its way. */
	if (events->n == KEPT_MAX)
		letter_free(events,
			    events->is_waiting ? events->letters.next->next : events->letters.next);
	list_push(&events->letters, &letter->node);
	events->n++;
	send_next(events);
}

static void fill_create(const struct task_event *event, Task__Any *ret)
{
	Task__EventCreate message = TASK__EVENT_CREATE__INIT;
	Task__EventIo io = TASK__EVENT_IO__INIT;
	const struct task_request *request = event->request;
	auto_free Task__Mount *mounts = xcalloc(request->n_mounts + 1, sizeof(*mounts));
	auto_free Task__Mount **list = xcalloc(request->n_mounts + 1, sizeof(*list));

	for (size_t i = 0; i < request->n_mounts; i++) {
		task__mount__init(&mounts[i]);
		mounts[i].type = message_str(request->mounts[i].type);
		mounts[i].source = message_str(request->mounts[i].source);
		mounts[i].options = (char **)(uintptr_t)request->mounts[i].options;
		mounts[i].n_options = request->mounts[i].n_options;
		list[i] = &mounts[i];
	}
	io.stdin = message_str(request->input);
	io.stdout = message_str(request->output);
	io.stderr = message_str(request->errors);
	io.terminal = request->is_terminal;
	message.container_id = message_str(event->id);
	message.bundle = message_str(request->bundle);
	message.rootfs = list;
	message.n_rootfs = request->n_mounts;
	message.io = &io;
	message.pid = event->pid;
	message_any("containerd.events.TaskCreate", &message, ret);
}

static void fill_start(const struct task_event *event, Task__Any *ret)
{
	Task__EventPid message = TASK__EVENT_PID__INIT;

	message.container_id = message_str(event->id);
	message.pid = event->pid;
	message_any("containerd.events.TaskStart", &message, ret);
}

static void fill_exit(const struct task_event *event, Task__Any *ret)
{
	Task__EventExit message = TASK__EVENT_EXIT__INIT;
	Task__Time at;

	message_time(&event->end.at, &at);
	message.container_id = message_str(event->id);
	message.id = message_str(*event->exec_id ? event->exec_id : event->id);
	message.pid = event->pid;
	message.exit_status = event->end.exit_status;
	message.exited_at = &at;
	message_any("containerd.events.TaskExit", &message, ret);
}

static void fill_delete(const struct task_event *event, Task__Any *ret)
{
	Task__EventDelete message = TASK__EVENT_DELETE__INIT;
	Task__Time at;

	message_time(&event->end.at, &at);
	message.container_id = message_str(event->id);
	message.pid = event->pid;
	message.exit_status = event->end.exit_status;
	message.exited_at = &at;
	message_any("containerd.events.TaskDelete", &message, ret);
}

static void fill_exec(const struct task_event *event, Task__Any *ret)
{
	Task__EventExec message = TASK__EVENT_EXEC__INIT;

	message.container_id = message_str(event->id);
	message.exec_id = message_str(event->exec_id);
	message.pid = event->pid;
	message_any(event->type == TASK_EVENT_EXEC_ADDED ? "containerd.events.TaskExecAdded"
							 : "containerd.events.TaskExecStarted",
		    &message, ret);
}

static void fill_pause(const struct task_event *event, Task__Any *ret)
{
	Task__EventId message = TASK__EVENT_ID__INIT;

	message.container_id = message_str(event->id);
	message_any(event->type == TASK_EVENT_PAUSED ? "containerd.events.TaskPaused"
						     : "containerd.events.TaskResumed",
		    &message, ret);
}

void task_events_send(struct task_events *events, const struct task_event *event)
{
	static const struct {
		const char *topic;
		void (*fill)(const struct task_event *event, Task__Any *ret);
	} kinds[TASK_EVENT_N] = {
		[TASK_EVENT_CREATE] = { "/tasks/create", fill_create },
		[TASK_EVENT_START] = { "/tasks/start", fill_start },
		[TASK_EVENT_EXIT] = { "/tasks/exit", fill_exit },
		[TASK_EVENT_DELETE] = { "/tasks/delete", fill_delete },
		[TASK_EVENT_EXEC_ADDED] = { "/tasks/exec-added", fill_exec },
		[TASK_EVENT_EXEC_STARTED] = { "/tasks/exec-started", fill_exec },
		[TASK_EVENT_PAUSED] = { "/tasks/paused", fill_pause },
		[TASK_EVENT_RESUMED] = { "/tasks/resumed", fill_pause },
	};
	Task__Any any;

	if (!*events->address)
		return;
	kinds[event->type].fill(event, &any);
	post(events, kinds[event->type].topic, &any);
	free(any.value.data);
}
