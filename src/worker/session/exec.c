/* A command in an instance for a client: `holm exec`.
 *
 *   BEGINNING ──begin op──▶ RUNNING ──it ended, all is read──▶ ENDING ──end op──▶ told, freed
 *                              │ the client has gone                ▲
 *                              └─────▶ LEAVING: hang-up, then kill ─┘
 *
 * Its descriptors are read and written on the loop, its end is awaited by pidfd; no thread waits for
 * it. */
#include <signal.h>

#include "model/session.h"
#include "worker/session/private.h"

#define EXECS_MAX    32
#define SIGNALS_MAX  8    /* under way at once for one command; more of them are dropped */
#define QUIET_MS     500  /* of silence, after which what holds the output open is left alone */
#define HANGUP_MS    2000 /* from the hang-up to the kill */
#define CODE_ABSENT  127  /* as shells have it */
#define CODE_REFUSED 126
#define CODE_KILLED  137

enum exec_state { EXEC_BEGINNING, EXEC_RUNNING, EXEC_LEAVING, EXEC_ENDING };

struct exec {
	struct session session;
	struct runtime_slot slot;
	enum exec_state state;
	struct exec_request request;
	char id[ID_SIZE];
	struct runtime_exec what; /* points into the two above */
	struct session_source output;
	struct session_source errors;
	struct proc_id proc;
	bool is_input_told; /* its end, to the runtime */
	int exit_fd;        /* pidfd, -1: it has ended */
	struct io *exit_io;
	struct timer *timer;
	unsigned n_ops;  /* that are under way */
	bool is_overdue; /* the hang-up had no effect */
	bool is_resizing;
	bool needs_resize;
};

enum exec_step { STEP_BEGIN, STEP_CLOSE_INPUT, STEP_RESIZE, STEP_KILL, STEP_END };

struct exec_op {
	struct op op;
	struct exec *exec;
	enum exec_step step;
	struct runtime_exec what;
	int sig;
	bool is_forced;
	int exit_code;
	struct runtime_exec_process process;
};

static struct exec *of(struct session *session)
{
	return container_of(session, struct exec, session);
}

/* All but what is the loop's. What is still running is killed; the rest is the next start's, see
 * runtime/exec.h. */
static void release(struct session *session)
{
	struct exec *x = of(session);
	struct err ignored;

	if (x->state == EXEC_RUNNING || x->state == EXEC_LEAVING)
		proc_kill(&x->proc, SIGKILL, &ignored);
	session_fini(session);
	source_fini(&x->output);
	source_fini(&x->errors);
	if (x->exit_fd >= 0)
		close(x->exit_fd);
	fields_fini(&exec_request_table, &x->request);
	free(x);
}

static void stop_watching(struct exec *x)
{
	session_stop(&x->session);
	source_close(&x->output);
	source_close(&x->errors);
	x->exit_io = io_cancel(x->exit_io);
	x->timer = timer_cancel(x->timer);
}

static void exec_free(struct exec *x)
{
	stop_watching(x);
	release(&x->session);
}

static void op_run(struct op *op)
{
	struct exec_op *e = container_of(op, struct exec_op, op);
	const struct runtime_exec_ops *ops = e->exec->slot.driver->exec;
	void *state = e->exec->slot.state;

	switch (e->step) {
	case STEP_BEGIN:
		op->result = ops->begin(state, &e->what, &e->process, &op->err);
		break;
	case STEP_CLOSE_INPUT:
		op->result = ops->close_input(state, &e->what, &op->err);
		break;
	case STEP_RESIZE:
		op->result = ops->resize(state, &e->what, &op->err);
		break;
	case STEP_KILL:
		op->result = ops->kill(state, &e->what, e->sig, &op->err);
		break;
	case STEP_END:
		op->result = ops->end(state, &e->what, e->is_forced, &e->exit_code, &op->err);
		break;
	}
}

/* Descriptors that nobody took: the loop had ended. */
static void op_fini(struct op *op)
{
	const struct runtime_exec_process *p = &container_of(op, struct exec_op, op)->process;
	const int fds[] = { p->in, p->out, p->err };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static struct exec_op *step_new(struct exec *x, enum exec_step step, void (*done)(struct op *op))
{
	struct exec_op *e = NEW(struct exec_op);

	e->op = (struct op){ .run = op_run, .done = done, .fini = op_fini };
	e->exec = x;
	e->step = step;
	e->what = x->what;
	e->process = (struct runtime_exec_process){ .in = -1, .out = -1, .err = -1 };
	x->n_ops++;
	return e;
}

static void step_begin(struct exec_op *e)
{
	op_begin(e->exec->session.worker, EXECUTOR_RUNTIME, &e->op);
}

/* Steps on the side: what fails is met by the command itself. */
static void side_done(struct op *op)
{
	struct exec_op *e = container_of(op, struct exec_op, op);

	e->exec->n_ops--;
	if (op->result < 0)
		log_debug("command in %s: %s", e->what.instance_id, op->err.msg);
	if (e->step == STEP_RESIZE)
		e->exec->is_resizing = false;
	soon_begin(&e->exec->session.soon);
}

static void send_signal(struct exec *x, int sig)
{
	struct exec_op *e = step_new(x, STEP_KILL, side_done);

	e->sig = sig;
	step_begin(e);
}

static void end_done(struct op *op)
{
	struct exec_op *e = container_of(op, struct exec_op, op);
	struct exec *x = e->exec;
	struct stream *stream = x->session.stream;

	if (op->result < 0)
		log_debug("%s", op->err.msg);
	exec_free(x);
	if (!stream)
		return;
	if (op->result < 0)
		session_end(stream, CODE_KILLED, op->err.msg);
	else
		session_end(stream, e->exit_code, "");
}

static void end_begin(struct exec *x, bool is_forced)
{
	stop_watching(x);
	x->state = EXEC_ENDING;
	struct exec_op *e = step_new(x, STEP_END, end_done);
	e->is_forced = is_forced;
	step_begin(e);
}

static void on_exit_event(void *arg, unsigned events)
{
	struct exec *x = arg;

	x->exit_io = io_cancel(x->exit_io);
	close(TAKE_FD(x->exit_fd));
	soon_begin(&x->session.soon);
}

static void on_quiet(void *arg)
{
	struct exec *x = arg;

	x->timer = NULL;
	/* Silent, because nobody reads: that may be more. */
	if (!x->session.stream || !stream_is_full(x->session.stream)) {
		source_close(&x->output);
		source_close(&x->errors);
	}
	soon_begin(&x->session.soon);
}

static void on_hangup_over(void *arg)
{
	struct exec *x = arg;

	x->timer = NULL;
	x->is_overdue = true;
	soon_begin(&x->session.soon);
}

static void leave(struct exec *x)
{
	x->state = EXEC_LEAVING;
	sink_close(&x->session.input);
	source_close(&x->output);
	source_close(&x->errors);
	x->timer = timer_cancel(x->timer);
	if (x->exit_fd < 0)
		return;
	send_signal(x, SIGHUP);
	x->timer = timer_start(x->session.worker->config.loop, HANGUP_MS, on_hangup_over, x);
}

/* A terminal's input has no end of its own. */
static void tell_input_end(struct exec *x)
{
	if (x->is_input_told || !x->what.has_input || !x->session.input.is_over ||
	    x->session.input.fd >= 0)
		return;
	x->is_input_told = true;
	step_begin(step_new(x, STEP_CLOSE_INPUT, side_done));
}

static void resize(struct exec *x)
{
	if (!x->needs_resize || x->is_resizing)
		return;
	x->needs_resize = false;
	x->is_resizing = true;
	step_begin(step_new(x, STEP_RESIZE, side_done));
}

static void tick_running(struct exec *x)
{
	struct stream *stream = x->session.stream;
	struct err failure = x->session.failure;

	if (!stream || failure.code) {
		x->session.stream = NULL;
		leave(x);
		if (stream)
			stream_end(stream, &failure);
		return;
	}
	if (x->exit_fd >= 0) {
		tell_input_end(x);
		resize(x);
		return;
	}
	x->timer = timer_cancel(x->timer);
	if (x->output.fd >= 0 || x->errors.fd >= 0)
		x->timer = timer_start(x->session.worker->config.loop, QUIET_MS, on_quiet, x);
	else if (!x->n_ops)
		end_begin(x, false);
}

static void refuse(struct exec *x)
{
	struct stream *stream = x->session.stream;
	struct err err = x->session.failure;
	bool is_absent = err.code == -ENOENT;

	exec_free(x);
	if (!stream)
		return;
	if (!is_absent && err.code != -EACCES) {
		stream_end(stream, &err);
		return;
	}
	session_send(stream, FRAME_BEGUN, NULL, 0);
	session_end(stream, is_absent ? CODE_ABSENT : CODE_REFUSED, err.msg);
}

static void tick(struct session *session)
{
	struct exec *x = of(session);

	switch (x->state) {
	case EXEC_BEGINNING:
		if (session->failure.code && !x->n_ops)
			refuse(x);
		break;
	case EXEC_RUNNING:
		tick_running(x);
		break;
	case EXEC_LEAVING:
		if ((x->exit_fd < 0 || x->is_overdue) && !x->n_ops)
			end_begin(x, true);
		break;
	case EXEC_ENDING:
		break;
	}
}

static void on_changed(void *arg)
{
	struct exec *x = arg;

	soon_begin(&x->session.soon);
}

static void take_process(struct exec *x, struct runtime_exec_process *p)
{
	struct loop *loop = x->session.worker->config.loop;
	struct err ignored;

	x->state = EXEC_RUNNING;
	x->proc = p->proc;
	session_send(x->session.stream, FRAME_BEGUN, NULL, 0);
	x->exit_fd = p->proc.pid ? proc_open(&p->proc, &ignored) : -1;
	if (x->exit_fd >= 0)
		x->exit_io = io_watch(loop, x->exit_fd, IO_READ, on_exit_event, x);
	if (p->in >= 0)
		sink_open(&x->session.input, TAKE_FD(p->in));
	if (p->out >= 0)
		source_open(&x->output, TAKE_FD(p->out));
	if (p->err >= 0)
		source_open(&x->errors, TAKE_FD(p->err));
}

static void begin_done(struct op *op)
{
	struct exec_op *e = container_of(op, struct exec_op, op);
	struct exec *x = e->exec;

	x->n_ops--;
	if (op->result < 0)
		session_fail(&x->session, &op->err);
	else
		take_process(x, &e->process);
	soon_begin(&x->session.soon);
}

static void on_frame(struct session *session, const struct frame *frame)
{
	struct exec *x = of(session);
	int sig;

	switch (frame->type) {
	case FRAME_INPUT_END:
		sink_end(&x->session.input);
		break;
	case FRAME_SIZE:
		x->needs_resize = x->what.is_terminal &&
				  frame_get_size(frame, &x->what.rows, &x->what.columns);
		break;
	case FRAME_SIGNAL:
		if (x->state == EXEC_RUNNING && x->n_ops < SIGNALS_MAX &&
		    frame_get_signal(frame, &sig))
			send_signal(x, sig);
		break;
	case FRAME_INPUT:
	case FRAME_BEGUN:
	case FRAME_OUTPUT:
	case FRAME_ERRORS:
	case FRAME_END:
		break;
	}
}

static void on_room(struct session *session)
{
	struct exec *x = of(session);

	source_continue(&x->output);
	source_continue(&x->errors);
}

static const struct session_kind kind = { .take = on_frame,
					  .room = on_room,
					  .tick = tick,
					  .release = release };

static struct exec *exec_new(struct worker *worker, struct stream *stream)
{
	struct exec *x = NEW(struct exec);
	struct session_source source = { .loop = worker->config.loop,
					 .fd = -1,
					 .changed = on_changed,
					 .arg = x,
					 .stream = &x->session.stream };
	uint8_t random[12];

	x->exit_fd = -1;
	loop_random(worker->config.loop, random, sizeof(random));
	id_format(random, x->id);
	source.type = FRAME_OUTPUT;
	x->output = source;
	source.type = FRAME_ERRORS;
	x->errors = source;
	session_init(&x->session, &kind, worker, &worker->execs, stream);
	return x;
}

/* The instance, if a command can be run in it. */
static const struct winst *find_instance(struct exec *x, struct err *err)
{
	const struct winst *inst = session_find(&x->session, x->request.instance, err);

	if (!inst)
		return NULL;
	if (inst->status.is_paused) {
		err_set(err, -EBUSY, "the instance is paused: `holm resume` lets it go on");
		return NULL;
	}
	if (!inst->slot->driver->exec || !inst->slot->driver->exec->begin) {
		err_set(err, -ENOTSUP,
			"no command can be run inside a unikernel, which is one program without a "
			"shell: `holm attach` connects to its console, `holm logs` shows what it "
			"has printed");
		return NULL;
	}
	return inst;
}

static int prepare(struct exec *x, const struct json *request, struct err *err)
{
	int r = fields_parse(&exec_request_table, request, &x->request, FIELD_UNKNOWN_IGNORE, err);

	if (r < 0)
		return r;
	if (!x->request.cmd.n)
		return err_set(err, -EINVAL, "run command: none is given");
	if (x->session.all->n > EXECS_MAX)
		return err_set(err, -EBUSY, "%d commands are being run on this node already",
			       EXECS_MAX);
	const struct winst *inst = find_instance(x, err);
	if (!inst)
		return err->code;
	x->slot = *inst->slot;
	x->what = (struct runtime_exec){
		.instance_id = x->request.instance,
		.id = x->id,
		.cmd = &x->request.cmd,
		.env = &x->request.env,
		.user = x->request.user,
		.dir = x->request.dir,
		.has_input = x->request.has_input,
		.is_terminal = x->request.is_terminal,
		.rows = x->request.rows,
		.columns = x->request.columns,
	};
	return 0;
}

void exec_open(struct worker *worker, struct stream *stream, struct json *take_request)
{
	auto_(json_free) struct json *request = take_request;
	struct exec *x = exec_new(worker, stream);
	struct err err;

	if (prepare(x, request, &err) < 0)
		session_fail(&x->session, &err);
	else
		step_begin(step_new(x, STEP_BEGIN, begin_done));
}
