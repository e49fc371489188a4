/* A process of the container, from being made to being deleted. What changes it is done one after the
 * other; its state is told at any time. */
#include <fcntl.h>
#include <signal.h>
#include <time.h>

#include "base/base.h"
#include "json/json.h"
#include "shim/shim.h"

#define CONFIG     "config.json"
#define CONFIG_MAX (8u << 20)

void process_init(struct process *process, struct container *container,
		  const struct task_request *request)
{
	*process = (struct process){ .container = container,
				     .id = xstrdup(request->exec_id),
				     .state = TASK_IS_CREATED,
				     .gate = -1 };
	list_init(&process->node);
	stdio_init(&process->io, &container->shim->children, request);
}

/* Nobody else will. */
static void refuse(struct task_call *take_call)
{
	struct err err;

	err_set(&err, -ENOENT, "process has been deleted: not found");
	task_reply_error(take_call, &err);
}

void process_fini(struct process *process)
{
	list_remove(&process->node);
	children_forget(&process->container->shim->children, process);
	oci_forget(&process->container->shim->children, process);
	if (process->call)
		refuse(TAKE(process->call));
	for (size_t i = 0; i < process->n_calls; i++)
		refuse(process->calls[i]);
	for (size_t i = 0; i < process->n_waiters; i++)
		refuse(process->waiters[i]);
	stdio_fini(&process->io);
	process->gate_io = io_cancel(process->gate_io);
	cleanup_close(&process->gate);
	free(process->id);
	free(process->spec);
	free(process->calls);
	free(process->waiters);
}

static bool is_first(const struct process *process)
{
	return process == &process->container->first;
}

void process_tell(const struct process *process, enum task_event_type type)
{
	task_events_send(process->container->shim->events,
			 &(struct task_event){ .type = type,
					       .id = process->container->shim->id,
					       .exec_id = process->id,
					       .pid = (uint32_t)process->pid,
					       .end = process->end });
}

static void fail(struct process *process, int code, const char *text)
{
	struct err err;

	err_set(&err, code, "%s", text);
	task_reply_error(TAKE(process->call), &err);
	process_done(process);
}

static void fail_in_state(struct process *process, const char *verb)
{
	static const char *const names[] = { "unknown", "created", "running",
					     "stopped", "paused",  "pausing" };
	auto_free char *text = xasprintf("cannot %s a %s process", verb, names[process->state]);

	fail(process, -EBUSY, text);
}

static void finish_end(void *arg, const struct err *failure, const char *output)
{
	struct process *process = arg;

	if (failure)
		log_warning("kill what is left of it: %s", failure->msg);
	process->state = TASK_IS_STOPPED;
	process->end.exit_status = (uint32_t)process->status;
	clock_gettime(CLOCK_REALTIME, &process->end.at);
	stdio_ended(&process->io);
	process_tell(process, TASK_EVENT_EXIT);
	for (size_t i = 0; i < process->n_waiters; i++)
		task_reply_end(process->waiters[i], &process->end);
	process->n_waiters = 0;
}

/* Without a namespace of process numbers of its own the others do not end with the first. */
static bool has_own_pids(const struct container *c)
{
	auto_free char *path = path_join(c->bundle, CONFIG);
	auto_free char *text = NULL;
	auto_(json_free) struct json *root = NULL;
	size_t len = 0;
	struct err err;

	if (file_read(path, CONFIG_MAX, &text, &len, &err) < 0 ||
	    json_parse(text, len, &root, &err) < 0) {
		log_warning("read %s: %s", path, err.msg);
		return true;
	}
	const struct json *list = json_get(json_get(root, "linux"), "namespaces");
	for (size_t i = 0; i < json_count(list); i++)
		if (str_eq(json_get_str(json_at(list, i), "type"), "pid"))
			return str_is_empty(json_get_str(json_at(list, i), "path"));
	return false;
}

static void ended(struct process *process)
{
	struct container *c = process->container;
	const char *const words[] = { "kill", "--all", c->shim->id, "9", NULL };

	if (is_first(process) && !has_own_pids(c))
		oci_run(&c->oci, &(struct oci_words){ .words = words }, finish_end, process);
	else
		finish_end(process, NULL, NULL);
}

static void pass_gate(struct process *process);

/* Told only when it is known whether it was started. */
static void on_end(void *arg, int status)
{
	struct process *process = arg;

	process->status = status;
	process->has_ended = true;
	if (!process->is_starting)
		ended(process);
	else if (process->gate >= 0)
		pass_gate(process);
}

int process_started(struct process *process, const char *pid_file, struct err *err)
{
	int r = oci_read_pid(pid_file, &process->pid, err);

	if (r < 0)
		return r;
	children_watch(&process->container->shim->children, process->pid, on_end, process);
	return stdio_begin(&process->io, err);
}

static void begin(struct process *process, struct task_call *take_call);

static void next_call(void *arg)
{
	struct process *process = arg;

	if (process->call || !process->n_calls)
		return;
	struct task_call *call = process->calls[0];
	memmove(process->calls, process->calls + 1,
		--process->n_calls * sizeof(struct task_call *));
	begin(process, call);
}

void process_done(struct process *process)
{
	if (process->n_calls)
		next_call(process);
}

void process_set_running(struct process *process, enum task_event_type type)
{
	process->is_starting = false;
	process->state = TASK_IS_RUNNING;
	process_tell(process, type);
	task_reply_pid(TAKE(process->call), (uint32_t)process->pid);
	if (process->has_ended)
		ended(process);
	process_done(process);
}

static void set_not_started(struct process *process, const char *why)
{
	auto_free char *text = xasprintf("OCI runtime start failed: %s", why);
	bool has_ended = process->has_ended;

	process->is_starting = false;
	fail(process, -EIO, text);
	if (has_ended)
		ended(process);
}

static void on_started(void *arg, const struct err *failure, const char *output)
{
	if (failure)
		set_not_started(arg, failure->msg);
	else
		process_set_running(arg, TASK_EVENT_START);
}

static char *gate_path(const struct container *c)
{
	return xasprintf("%s/%s/" GATE, c->oci.root, c->shim->id);
}

/* The process writes a byte when somebody has opened the FIFO to read, and goes on. */
static void pass_gate(struct process *process)
{
	auto_free char *path = gate_path(process->container);
	char byte;
	ssize_t n = read(process->gate, &byte, 1);

	if (n <= 0 && !process->has_ended)
		return;
	process->gate_io = io_cancel(process->gate_io);
	cleanup_close(&process->gate);
	process->gate = -1;
	unlink(path);
	if (n == 1)
		process_set_running(process, TASK_EVENT_START);
	else
		set_not_started(process, "cannot start a container that has stopped");
}

static void on_gate(void *arg, unsigned events)
{
	pass_gate(arg);
}

/* runc's own `start` is a program of some megabytes that reads this byte and removes the FIFO. */
static bool open_gate(struct process *process)
{
	const struct container *c = process->container;
	auto_free char *path = gate_path(c);

	if (!oci_is(c->oci.program, "runc"))
		return false;
	process->gate = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (process->gate < 0)
		return false;
	process->gate_io = io_watch(c->shim->loop, process->gate, IO_READ, on_gate, process);
	return true;
}

static void start(struct process *process)
{
	struct container *c = process->container;
	const char *const words[] = { "start", c->shim->id, NULL };

	if (!is_first(process)) {
		exec_start(process);
		return;
	}
	if (process->state != TASK_IS_CREATED || process->has_ended) {
		fail_in_state(process, "start");
		return;
	}
	process->is_starting = true;
	if (!open_gate(process))
		oci_run(&c->oci, &(struct oci_words){ .words = words }, on_started, process);
}

static void on_closed(void *arg)
{
	struct process *process = arg;
	struct container *c = process->container;
	struct task_call *call = TAKE(process->call);
	struct err err;

	if (!is_first(process)) {
		auto_free char *path = exec_file(process, "pid");

		unlink(path);
		task_reply_deleted(call, (uint32_t)process->pid, &process->end);
		process_fini(process);
		free(process);
		return;
	}
	if (c->rootfs && rootfs_unmount(c->rootfs, &err) < 0) {
		err_wrap(&err, "failed rootfs umount");
		task_reply_error(call, &err);
		process_done(process);
		return;
	}
	process_tell(process, TASK_EVENT_DELETE);
	task_reply_deleted(call, (uint32_t)process->pid, &process->end);
	shim_release(c->shim);
}

static void on_deleted(void *arg, const struct err *failure, const char *output)
{
	struct process *process = arg;

	/* It may have removed it by itself. */
	if (failure && !strstr(failure->msg, "does not exist")) {
		auto_free char *text = xasprintf("failed to delete task: %s", failure->msg);

		fail(process, -EIO, text);
		return;
	}
	stdio_close(&process->io, on_closed, process);
}

static void delete (struct process *process)
{
	struct container *c = process->container;
	const char *const words[] = { "delete", c->shim->id, NULL };

	if (process->state != TASK_IS_STOPPED && process->state != TASK_IS_CREATED)
		fail_in_state(process, "delete");
	else if (is_first(process))
		oci_run(&c->oci, &(struct oci_words){ .words = words }, on_deleted, process);
	else
		stdio_close(&process->io, on_closed, process);
}

static void on_killed(void *arg, const struct err *failure, const char *output)
{
	static const char *const gone[] = { "process already finished", "container not running",
					    "no such process", "does not exist" };
	struct process *process = arg;

	for (size_t i = 0; failure && i < ARRAY_LEN(gone); i++)
		if (strstr(failure->msg, gone[i])) {
			fail(process, -ENOENT, "process already finished: not found");
			return;
		}
	if (failure) {
		auto_free char *text = xasprintf("unknown error after kill: %s", failure->msg);

		fail(process, -EIO, text);
		return;
	}
	task_reply_empty(TAKE(process->call));
	process_done(process);
}

/* The number is the process's own as long as we have not collected its end. */
static void kill_directly(struct process *process, int sig)
{
	if (kill(process->pid, sig) < 0) {
		fail(process, -EIO, strerror(errno));
		return;
	}
	task_reply_empty(TAKE(process->call));
	process_done(process);
}

static void signal_process(struct process *process)
{
	const struct task_request *r = task_call_request(process->call);
	struct container *c = process->container;
	auto_free char *sig = xasprintf("%d", r->sig);
	const char *words[] = { "kill", c->shim->id, sig, NULL, NULL };
	bool is_known = oci_is(c->oci.program, "runc") || oci_is(c->oci.program, "crun");
	bool is_all = r->is_all && is_first(process);

	if (is_all) {
		words[1] = "--all";
		words[2] = c->shim->id;
		words[3] = sig;
	}
	if (!process->pid)
		fail(process, -EBUSY, "process not created: failed precondition");
	else if (process->has_ended && !is_all)
		fail(process, -ENOENT, "process already finished: not found");
	else if (!is_first(process) || (is_known && !is_all && process->state != TASK_IS_PAUSED))
		kill_directly(process, r->sig);
	else
		oci_run(&c->oci, &(struct oci_words){ .words = words }, on_killed, process);
}

static void on_paused(void *arg, const struct err *failure, const char *output)
{
	struct process *process = arg;
	bool is_paused = task_call_request(process->call)->method == TASK_PAUSE;

	if (process->state == TASK_IS_PAUSING)
		process->state = TASK_IS_RUNNING;
	if (failure) {
		fail(process, -EIO, failure->msg);
		return;
	}
	if (process->state != TASK_IS_STOPPED)
		process->state = is_paused ? TASK_IS_PAUSED : TASK_IS_RUNNING;
	process_tell(process, is_paused ? TASK_EVENT_PAUSED : TASK_EVENT_RESUMED);
	task_reply_empty(TAKE(process->call));
	process_done(process);
}

static void set_paused(struct process *process, bool is_paused)
{
	struct container *c = process->container;
	const char *const words[] = { is_paused ? "pause" : "resume", c->shim->id, NULL };
	enum task_state wanted = is_paused ? TASK_IS_RUNNING : TASK_IS_PAUSED;

	if (!is_first(process) || process->state != wanted) {
		fail_in_state(process, words[0]);
		return;
	}
	if (is_paused)
		process->state = TASK_IS_PAUSING;
	oci_run(&c->oci, &(struct oci_words){ .words = words }, on_paused, process);
}

static void pause_process(struct process *process)
{
	set_paused(process, true);
}

static void resume(struct process *process)
{
	set_paused(process, false);
}

static void refuse_checkpoint(struct process *process)
{
	fail(process, -ENOTSUP, "checkpoints are not supported");
}

/* What changes it: one after the other. */
static void (*const changes[TASK_METHOD_N])(struct process *process) = {
	[TASK_START] = start,         [TASK_DELETE] = delete, [TASK_KILL] = signal_process,
	[TASK_PAUSE] = pause_process, [TASK_RESUME] = resume, [TASK_CHECKPOINT] = refuse_checkpoint,
};

static void begin(struct process *process, struct task_call *take_call)
{
	process->call = take_call;
	changes[task_call_request(take_call)->method](process);
}

static void reply_state(struct process *process, struct task_call *take_call)
{
	const struct container *c = process->container;
	enum task_state whole = c->first.state;
	bool is_held = whole == TASK_IS_PAUSED || whole == TASK_IS_PAUSING;

	task_reply_state(take_call, &(struct task_process_state){
					    .id = *process->id ? process->id : c->shim->id,
					    .exec_id = process->id,
					    .bundle = c->bundle,
					    .pid = (uint32_t)process->pid,
					    .state = is_held ? whole : process->state,
					    .input = process->io.input,
					    .output = process->io.output,
					    .errors = process->io.errors,
					    .is_terminal = process->io.is_terminal,
					    .end = process->end });
}

static void wait_for_end(struct process *process, struct task_call *take_call)
{
	/* It could not be started: there is no end to come. */
	bool has_failed = process->state == TASK_IS_CREATED && process->end.exit_status;

	if (process->state == TASK_IS_STOPPED || has_failed)
		task_reply_end(take_call, &process->end);
	else
		*ARRAY_ADD(process->waiters, process->n_waiters) = take_call;
}

static void resize(struct process *process, struct task_call *take_call)
{
	const struct task_request *r = task_call_request(take_call);
	struct err err;

	if (stdio_resize(&process->io, r->columns, r->rows, &err) < 0)
		task_reply_error(take_call, &err);
	else
		task_reply_empty(take_call);
}

static void close_input(struct process *process, struct task_call *take_call)
{
	stdio_close_input(&process->io);
	task_reply_empty(take_call);
}

static void (*const answers[TASK_METHOD_N])(struct process *process,
					    struct task_call *take_call) = {
	[TASK_STATE] = reply_state,
	[TASK_WAIT] = wait_for_end,
	[TASK_RESIZE] = resize,
	[TASK_CLOSE_INPUT] = close_input,
};

void process_call(struct process *process, struct task_call *take_call)
{
	enum task_method method = task_call_request(take_call)->method;

	if (answers[method])
		answers[method](process, take_call);
	else if (process->call)
		*ARRAY_ADD(process->calls, process->n_calls) = take_call;
	else
		begin(process, take_call);
}
