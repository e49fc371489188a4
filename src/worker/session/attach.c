/* A client's connection to the first process of an instance: `holm attach`.
 *
 *   BEGINNING ──attach op──▶ OPEN ──output is over, its end is told──▶ freed
 *                              └──── the client has gone ──────────────▶ freed
 *
 * The instance goes on whatever happens here. Its standard input stays open over any number of clients;
 * one that ends its own ends the instance's, too, unless that is a terminal, which has no end. */
#include <sys/socket.h>

#include "model/session.h"
#include "worker/session/session.h"

#define ATTACHES_MAX 32
#define QUIET_MS     500  /* of silence after its end: what still holds the output is left alone */
#define TOLD_MS      5000 /* from the end of the output to that of the process */
#define PACKET_SIZE  (1 + RUNTIME_PACKET_MAX)

struct attach {
	struct list node;
	struct worker *worker;
	struct stream *stream; /* NULL: the client has gone */
	struct attach_request request;
	struct runtime_slot slot;
	uint32_t incarnation;
	bool is_open;
	bool is_terminal;
	struct frame_reader frames;
	struct session_sink input;
	int output; /* -1: it is over, or not there yet */
	struct io *output_io;
	struct timer *timer;
	struct session_soon soon; /* a tick */
	struct err refusal;       /* code 0: none */
	unsigned n_ops;           /* that are under way */
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

/* All but what is the loop's. */
static void release(struct attach *x)
{
	list_remove(&x->node);
	x->worker->n_attaches--;
	sink_fini(&x->input);
	if (x->output >= 0)
		close(x->output);
	frame_reader_fini(&x->frames);
	free(x);
}

static void attach_free(struct attach *x)
{
	sink_close(&x->input);
	x->output_io = io_cancel(x->output_io);
	x->timer = timer_cancel(x->timer);
	soon_cancel(&x->soon);
	release(x);
}

void attach_free_all(struct worker *worker)
{
	while (!list_is_empty(&worker->attaches)) {
		struct attach *x = container_of(worker->attaches.next, struct attach, node);

		if (x->stream)
			stream_serve(x->stream, NULL, NULL);
		release(x);
	}
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
	op_begin(x->worker, EXECUTOR_RUNTIME, &a->op);
}

static void tick(struct attach *x);

static void on_soon(void *arg)
{
	tick(arg);
}

static void side_done(struct op *op)
{
	struct attach_op *a = container_of(op, struct attach_op, op);

	a->attach->n_ops--;
	if (op->result < 0)
		log_debug("attached to %s: %s", a->id, op->err.msg);
	if (a->step == STEP_RESIZE)
		a->attach->is_resizing = false;
	soon_begin(&a->attach->soon);
}

static void close_output(struct attach *x)
{
	x->output_io = io_cancel(x->output_io);
	close(TAKE_FD(x->output));
	soon_begin(&x->soon);
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
	session_send(x->stream, packet[0] ? FRAME_ERRORS : FRAME_OUTPUT, packet + 1, (size_t)n - 1);
	if (x->stream && stream_is_full(x->stream)) /* until its reader has room */
		x->output_io = io_cancel(x->output_io);
}

static void on_room(void *arg)
{
	struct attach *x = arg;

	if (x->output >= 0 && !x->output_io)
		x->output_io = io_watch(x->worker->config.loop, x->output, IO_READ, on_output, x);
}

static void attach_done(struct op *op)
{
	struct attach_op *a = container_of(op, struct attach_op, op);
	struct attach *x = a->attach;

	x->n_ops--;
	if (op->result < 0) {
		err_copy(&x->refusal, &op->err);
		tick(x);
		return;
	}
	x->is_open = true;
	x->is_terminal = a->ends.is_terminal;
	session_send(x->stream, FRAME_BEGUN, "tty", x->is_terminal ? 3 : 0);
	/* The shim ends a terminal with its input: that end is never told. */
	x->is_input_told = x->is_terminal || a->ends.in < 0 || !x->request.has_input;
	if (a->ends.in >= 0 && x->request.has_input)
		sink_open(&x->input, TAKE_FD(a->ends.in));
	else
		sink_close(&x->input);
	x->output = TAKE_FD(a->ends.output);
	on_room(x);
	tick(x);
}

static void on_overdue(void *arg)
{
	struct attach *x = arg;

	x->timer = NULL;
	/* Silent, because nobody reads: that may be more. */
	x->is_overdue = !x->was_heard && (!x->stream || !stream_is_full(x->stream));
	x->was_heard = false;
	tick(x);
}

static bool goes_on(const struct attach *x)
{
	const struct winst *inst = map_find(&x->worker->instances, x->request.instance);

	return inst && inst->run == RUN_ALIVE && inst->status.incarnation == x->incarnation;
}

static void tell_end(struct attach *x)
{
	struct stream *stream = x->stream;
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
		x->timer = timer_start(x->worker->config.loop, is_over ? TOLD_MS : QUIET_MS,
				       on_overdue, x);
	if (x->needs_resize && !x->is_resizing && x->is_terminal) {
		x->needs_resize = false;
		x->is_resizing = true;
		step_begin(x, STEP_RESIZE, side_done);
	}
	/* The shim still has an end open; the runtime is told once all is written. */
	if (x->input.is_over && x->input.fd < 0 && !x->is_input_told) {
		x->is_input_told = true;
		step_begin(x, STEP_CLOSE_INPUT, side_done);
	}
}

static void tick(struct attach *x)
{
	struct stream *stream = x->stream;
	struct err err = x->refusal;

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
	struct worker *worker = inst->worker;

	for (struct list *at = worker->attaches.next; at != &worker->attaches; at = at->next) {
		struct attach *x = container_of(at, struct attach, node);

		if (x->has_ended || x->incarnation != status->incarnation ||
		    !str_eq(x->request.instance, inst->id))
			continue;
		x->has_ended = true;
		x->exit_code = status->exit_code;
		x->timer = timer_cancel(x->timer);
		soon_begin(&x->soon);
	}
}

static void on_input_drained(void *arg)
{
	struct attach *x = arg;

	if (x->stream)
		stream_accept(x->stream);
	soon_begin(&x->soon);
}

static void take_frame(struct attach *x, const struct frame *frame)
{
	switch (frame->type) {
	case FRAME_INPUT:
		sink_add(&x->input, frame->data, frame->len);
		break;
	case FRAME_INPUT_END:
		/* The shim ends a terminal whose input ends. */
		if (!x->is_terminal)
			sink_end(&x->input);
		break;
	case FRAME_SIZE:
		x->needs_resize = frame_get_size(frame, &x->request.rows, &x->request.columns);
		break;
	case FRAME_SIGNAL:
	case FRAME_BEGUN:
	case FRAME_OUTPUT:
	case FRAME_ERRORS:
	case FRAME_END:
		break;
	}
}

static void on_take(void *arg, const char *data, size_t len)
{
	struct attach *x = arg;
	struct frame frame;
	struct err err;
	int r;

	frame_feed(&x->frames, data, len);
	while ((r = frame_next(&x->frames, &frame, &err)) > 0)
		take_frame(x, &frame);
	if (r < 0 && !x->refusal.code)
		err_copy(&x->refusal, &err);
	soon_begin(&x->soon);
}

static bool on_full(void *arg)
{
	return sink_is_full(&((struct attach *)arg)->input);
}

static void on_gone(void *arg)
{
	struct attach *x = arg;

	x->stream = NULL;
	soon_begin(&x->soon);
}

static struct attach *attach_new(struct worker *worker, struct stream *stream)
{
	struct attach *x = NEW(struct attach);
	const struct stream_server server = { .take = on_take,
					      .is_full = on_full,
					      .room = on_room,
					      .gone = on_gone,
					      .arg = x };

	x->worker = worker;
	x->soon = (struct session_soon){ worker->config.loop, on_soon, x, NULL };
	x->stream = stream;
	x->output = -1;
	frame_reader_init(&x->frames);
	sink_init(&x->input, worker->config.loop, on_input_drained, x);
	list_push(&worker->attaches, &x->node);
	worker->n_attaches++;
	stream_serve_both(stream, &server);
	return x;
}

static int prepare(struct attach *x, const struct json *request, struct err *err)
{
	int r = fields_parse(&attach_request_table, request, &x->request, FIELD_UNKNOWN_IGNORE,
			     err);

	if (r < 0)
		return r;
	if (x->worker->n_attaches > ATTACHES_MAX)
		return err_set(err, -EBUSY, "%d clients are attached on this node already",
			       ATTACHES_MAX);
	const struct winst *inst = map_find(&x->worker->instances, x->request.instance);
	if (!inst || inst->run != RUN_ALIVE || !inst->slot)
		return err_set(err, -EBUSY, "the instance does not run");
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

	if (prepare(x, request, &x->refusal) < 0)
		soon_begin(&x->soon);
	else
		step_begin(x, STEP_ATTACH, attach_done);
}
