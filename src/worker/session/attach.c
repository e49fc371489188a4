/* A client's connection to the first process of an instance: `holm attach`.
 *
 *   BEGINNING ──attach op──▶ OPEN ──output is over, its end is told──▶ freed
 *                              └──── the client has gone ──────────────▶ freed
 *
 * The instance goes on whatever happens here. Its standard input stays open over any number of clients;
 * one that ends its own ends the instance's, too, unless that is a terminal, which has no end. */
#include <sys/socket.h>

#include "model/session.h"
#include "worker/session/private.h"

#define ATTACHES_MAX 32
#define QUIET_MS     500  /* of silence after its end: what still holds the output is left alone */
#define TOLD_MS      5000 /* from the end of the output to that of the process */
#define PACKET_SIZE  (1 + RUNTIME_PACKET_MAX)

struct attach {
	struct session session;
	struct attach_request request;
	struct runtime_slot slot;
	uint32_t incarnation;
	bool is_open;
	bool is_terminal;
	int output; /* -1: it is over, or not there yet */
	struct io *output_io;
	struct timer *timer;
	unsigned n_ops; /* that are under way */
	bool is_resizing;
	bool needs_resize;
	bool is_input_told; /* its end, to the runtime */
	bool has_ended;     /* the process, with this code */
	bool was_heard;     /* output came since the timer was started */
	bool is_overdue;    /* nothing more is waited for */
	int exit_code;
};

enum attach_step { STEP_ATTACH, STEP_RESIZE, STEP_CLOSE_INPUT };

struct attach_op {
	struct op op;
	struct attach *attach;
	enum attach_step step;
	struct runtime_slot slot;
	char id[ID_SIZE];
	struct runtime_exec what; /* points to the id */
	struct runtime_attachment ends;
};

static struct attach *of(struct session *session)
{
	return container_of(session, struct attach, session);
}

/* All but what is the loop's. */
static void release(struct session *session)
{
	struct attach *x = of(session);

	session_fini(session);
	if (x->output >= 0)
		close(x->output);
	free(x);
}

static void attach_free(struct attach *x)
{
	session_stop(&x->session);
	x->output_io = io_cancel(x->output_io);
	x->timer = timer_cancel(x->timer);
	release(&x->session);
}

static void op_run(struct op *op)
{
	struct attach_op *a = container_of(op, struct attach_op, op);
	const struct runtime_exec_ops *ops = a->slot.driver->exec;

	switch (a->step) {
	case STEP_ATTACH:
		op->result = ops->attach(a->slot.state, a->id, &a->ends, &op->err);
		break;
	case STEP_RESIZE:
		op->result = ops->resize(a->slot.state, &a->what, &op->err);
		break;
	case STEP_CLOSE_INPUT:
		op->result = ops->close_input(a->slot.state, &a->what, &op->err);
		break;
	}
}

static void op_fini(struct op *op)
{
	const struct runtime_attachment *ends = &container_of(op, struct attach_op, op)->ends;

	if (ends->in >= 0)
		close(ends->in);
	if (ends->output >= 0)
		close(ends->output);
}

static void step_begin(struct attach *x, enum attach_step step, void (*done)(struct op *op))
{
	struct attach_op *a = NEW(struct attach_op);

	a->op = (struct op){ .run = op_run, .done = done, .fini = op_fini };
	a->attach = x;
	a->step = step;
	a->slot = x->slot;
	STR_COPY(a->id, x->request.instance);
	a->what = (struct runtime_exec){ .instance_id = a->id,
					 .id = "",
					 .rows = x->request.rows,
					 .columns = x->request.columns };
	a->ends = (struct runtime_attachment){ .in = -1, .output = -1 };
	x->n_ops++;
	op_begin(x->session.worker, EXECUTOR_RUNTIME, &a->op);
}

static void side_done(struct op *op)
{
	struct attach_op *a = container_of(op, struct attach_op, op);

	a->attach->n_ops--;
	if (op->result < 0)
		log_debug("attached to %s: %s", a->id, op->err.msg);
	if (a->step == STEP_RESIZE)
		a->attach->is_resizing = false;
	soon_begin(&a->attach->session.soon);
}

static void close_output(struct attach *x)
{
	x->output_io = io_cancel(x->output_io);
	close(TAKE_FD(x->output));
	soon_begin(&x->session.soon);
}

static void on_output(void *arg, unsigned events)
{
	struct attach *x = arg;
	char packet[PACKET_SIZE];
	ssize_t n = recv(x->output, packet, sizeof(packet), 0);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		close_output(x);
		return;
	}
	x->was_heard = true;
	session_send(x->session.stream, packet[0] ? FRAME_ERRORS : FRAME_OUTPUT, packet + 1,
		     (size_t)n - 1);
	if (x->session.stream && stream_is_full(x->session.stream)) /* until its reader has room */
		x->output_io = io_cancel(x->output_io);
}

static void watch_output(struct attach *x)
{
	if (x->output >= 0 && !x->output_io)
		x->output_io = io_watch(x->session.worker->config.loop, x->output, IO_READ,
					on_output, x);
}

static void on_room(struct session *session)
{
	watch_output(of(session));
}

static void attach_done(struct op *op)
{
	struct attach_op *a = container_of(op, struct attach_op, op);
	struct attach *x = a->attach;

	x->n_ops--;
	if (op->result < 0) {
		session_fail(&x->session, &op->err);
		return;
	}
	x->is_open = true;
	x->is_terminal = a->ends.is_terminal;
	session_send(x->session.stream, FRAME_BEGUN, "tty", x->is_terminal ? 3 : 0);
	/* The shim ends a terminal with its input: that end is never told. */
	x->is_input_told = x->is_terminal || a->ends.in < 0 || !x->request.has_input;
	if (a->ends.in >= 0 && x->request.has_input)
		sink_open(&x->session.input, TAKE_FD(a->ends.in));
	else
		sink_close(&x->session.input);
	x->output = TAKE_FD(a->ends.output);
	watch_output(x);
	soon_begin(&x->session.soon);
}

static void on_overdue(void *arg)
{
	struct attach *x = arg;

	x->timer = NULL;
	/* Silent, because nobody reads: that may be more. */
	x->is_overdue = !x->was_heard && (!x->session.stream || !stream_is_full(x->session.stream));
	x->was_heard = false;
	soon_begin(&x->session.soon);
}

static bool goes_on(const struct attach *x)
{
	const struct winst *inst = map_find(&x->session.worker->instances, x->request.instance);

	return inst && inst->run == RUN_ALIVE && inst->status.incarnation == x->incarnation;
}

static void tell_end(struct attach *x)
{
	struct stream *stream = x->session.stream;
	bool has_ended = x->has_ended;
	bool is_left = !has_ended && goes_on(x);
	int exit_code = x->exit_code;

	attach_free(x);
	if (has_ended)
		session_end(stream, exit_code, "");
	else if (is_left)
		session_end(stream, 1,
			    "its output comes no longer, since nobody took it for a while or its "
			    "logger ended; it goes on: attach again");
	else
		session_end(stream, 1, "it has ended, how is not known");
}

static void tick_open(struct attach *x)
{
	bool is_over = x->output < 0;

	if ((is_over && x->has_ended) || x->is_overdue) {
		if (!x->n_ops)
			tell_end(x);
		return;
	}
	if ((is_over || x->has_ended) && !x->timer)
		x->timer = timer_start(x->session.worker->config.loop, is_over ? TOLD_MS : QUIET_MS,
				       on_overdue, x);
	if (x->needs_resize && !x->is_resizing && x->is_terminal) {
		x->needs_resize = false;
		x->is_resizing = true;
		step_begin(x, STEP_RESIZE, side_done);
	}
	/* The shim still has an end open; the runtime is told once all is written. */
	if (x->session.input.is_over && x->session.input.fd < 0 && !x->is_input_told) {
		x->is_input_told = true;
		step_begin(x, STEP_CLOSE_INPUT, side_done);
	}
}

static void tick(struct session *session)
{
	struct attach *x = of(session);
	struct stream *stream = session->stream;
	struct err err = session->failure;

	if (!stream || err.code) {
		if (x->n_ops)
			return;
		attach_free(x);
		if (stream)
			stream_end(stream, &err);
	} else if (x->is_open) {
		tick_open(x);
	}
}

void attach_tell_end(const struct winst *inst, const struct runtime_status *status)
{
	const struct list *all = &inst->worker->attaches.list;

	for (struct list *at = all->next; at != all; at = at->next) {
		struct attach *x = container_of(at, struct attach, session.node);

		if (x->has_ended || x->incarnation != status->incarnation ||
		    !str_eq(x->request.instance, inst->id))
			continue;
		x->has_ended = true;
		x->exit_code = status->exit_code;
		x->timer = timer_cancel(x->timer);
		soon_begin(&x->session.soon);
	}
}

static void on_frame(struct session *session, const struct frame *frame)
{
	struct attach *x = of(session);

	switch (frame->type) {
	case FRAME_INPUT_END:
		/* The shim ends a terminal whose input ends. */
		if (!x->is_terminal)
			sink_end(&x->session.input);
		break;
	case FRAME_SIZE:
		x->needs_resize = frame_get_size(frame, &x->request.rows, &x->request.columns);
		break;
	case FRAME_INPUT:
	case FRAME_SIGNAL:
	case FRAME_BEGUN:
	case FRAME_OUTPUT:
	case FRAME_ERRORS:
	case FRAME_END:
		break;
	}
}

static const struct session_kind kind = { .take = on_frame,
					  .room = on_room,
					  .tick = tick,
					  .release = release };

static struct attach *attach_new(struct worker *worker, struct stream *stream)
{
	struct attach *x = NEW(struct attach);

	x->output = -1;
	session_init(&x->session, &kind, worker, &worker->attaches, stream);
	return x;
}

static int prepare(struct attach *x, const struct json *request, struct err *err)
{
	int r = fields_parse(&attach_request_table, request, &x->request, FIELD_UNKNOWN_IGNORE,
			     err);

	if (r < 0)
		return r;
	if (x->session.all->n > ATTACHES_MAX)
		return err_set(err, -EBUSY, "%d clients are attached on this node already",
			       ATTACHES_MAX);
	const struct winst *inst = session_find(&x->session, x->request.instance, err);
	if (!inst)
		return err->code;
	if (!inst->slot->driver->exec)
		return err_set(err, -ENOTSUP, "what %s runs takes no input",
			       inst->slot->driver->name);
	x->slot = *inst->slot;
	x->incarnation = inst->status.incarnation;
	return 0;
}

void attach_open(struct worker *worker, struct stream *stream, struct json *take_request)
{
	auto_(json_free) struct json *request = take_request;
	struct attach *x = attach_new(worker, stream);
	struct err err;

	if (prepare(x, request, &err) < 0)
		session_fail(&x->session, &err);
	else
		step_begin(x, STEP_ATTACH, attach_done);
}
