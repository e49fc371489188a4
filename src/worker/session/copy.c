/* Files into and out of an instance for a client: `holm cp`.
 *
 * A thread packs or unpacks at one end of a pipe, the loop moves frames at the other. Whoever goes away
 * closes his end, which ends both. */
#include <fcntl.h>

#include "image/image.h"
#include "model/session.h"
#include "worker/session/session.h"

#define COPIES_MAX 4 /* each has a thread of the transfers' */

struct copy {
	struct list node;
	struct worker *worker;
	struct stream *stream; /* NULL: the client has gone */
	struct copy_request request;
	struct frame_reader frames;
	struct session_sink input;
	struct session_source output;
	struct session_soon soon; /* a tick */
	struct err refusal;       /* code 0: none */
	struct err result;
	bool is_begun;
	bool is_done; /* the thread */
};

struct copy_op {
	struct op op;
	struct copy *copy;
	struct runtime_slot slot;
	char instance_id[ID_SIZE];
	char *path;
	bool is_put;
	bool needs_folder;
	int fd; /* the thread's end of the pipe */
};

static void tick(struct copy *c);

static void release(struct copy *c)
{
	list_remove(&c->node);
	c->worker->n_copies--;
	sink_fini(&c->input);
	source_fini(&c->output);
	frame_reader_fini(&c->frames);
	fields_fini(&copy_request_table, &c->request);
	free(c);
}

static void copy_free(struct copy *c)
{
	sink_close(&c->input);
	source_close(&c->output);
	soon_cancel(&c->soon);
	release(c);
}

void copy_free_all(struct worker *worker)
{
	while (!list_is_empty(&worker->copies)) {
		struct copy *c = container_of(worker->copies.next, struct copy, node);

		if (c->stream)
			stream_serve(c->stream, NULL, NULL);
		release(c);
	}
}

static void on_soon(void *arg)
{
	tick(arg);
}

static void op_fini(struct op *op)
{
	struct copy_op *o = container_of(op, struct copy_op, op);

	if (o->fd >= 0)
		close(o->fd);
	free(o->path);
}

static void copy_run(struct op *op)
{
	struct copy_op *o = container_of(op, struct copy_op, op);
	int root = o->slot.driver->exec->open_root(o->slot.state, o->instance_id, &op->err);
	const struct tree_target target = { root, o->path, o->needs_folder };

	op->result = root;
	if (root >= 0) {
		op->result = o->is_put ? tree_unpack(&target, o->fd, &op->err)
				       : tree_pack(root, o->path, o->fd, &op->err);
		close(root);
	}
	close(TAKE_FD(o->fd));
}

static void copy_done(struct op *op)
{
	struct copy_op *o = container_of(op, struct copy_op, op);
	struct copy *c = o->copy;

	c->is_done = true;
	if (op->result < 0)
		c->result = op->err;
	tick(c);
}

static void on_changed(void *arg)
{
	struct copy *c = arg;

	soon_begin(&c->soon);
}

static void on_drained(void *arg)
{
	struct copy *c = arg;

	if (c->stream)
		stream_accept(c->stream);
}

static int begin(struct copy *c, const struct winst *inst, struct err *err)
{
	bool is_put = c->request.is_put;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, "make pipe");
	int ours = fds[is_put ? 1 : 0];
	fcntl(ours, F_SETFL, O_NONBLOCK);
	struct copy_op *o = NEW(struct copy_op);
	o->op = (struct op){ .run = copy_run, .done = copy_done, .fini = op_fini };
	o->copy = c;
	o->slot = *inst->slot;
	STR_COPY(o->instance_id, inst->id);
	o->path = xstrdup(c->request.path);
	o->is_put = is_put;
	o->needs_folder = c->request.is_archive;
	o->fd = fds[is_put ? 0 : 1];
	c->is_begun = true;
	if (is_put)
		sink_open(&c->input, ours);
	else
		source_open(&c->output, ours);
	op_begin(c->worker, EXECUTOR_TRANSFER, &o->op);
	session_send(c->stream, FRAME_BEGUN, NULL, 0);
	return 0;
}

static void finish(struct copy *c)
{
	struct stream *stream = c->stream;
	struct err result = c->result;

	copy_free(c);
	if (stream)
		session_end(stream, result.code ? 1 : 0, result.code ? result.msg : "");
}

static void tick(struct copy *c)
{
	struct stream *stream = c->stream;
	struct err refusal = c->refusal;

	if (refusal.code) {
		copy_free(c);
		if (stream)
			stream_end(stream, &refusal);
		return;
	}
	if (!stream) {
		sink_close(&c->input);
		source_close(&c->output);
	}
	/* All that was packed is sent before the end is told. */
	if (c->is_done && c->output.fd < 0)
		finish(c);
}

static void take_frame(struct copy *c, const struct frame *frame)
{
	if (frame->type == FRAME_INPUT)
		sink_add(&c->input, frame->data, frame->len);
	else if (frame->type == FRAME_INPUT_END)
		sink_end(&c->input);
}

static void on_take(void *arg, const char *data, size_t len)
{
	struct copy *c = arg;
	struct frame frame;
	struct err err;
	int r;

	frame_feed(&c->frames, data, len);
	while ((r = frame_next(&c->frames, &frame, &err)) > 0)
		take_frame(c, &frame);
	if (r < 0) {
		log_warning("copy of %s: %s", c->request.instance, err.msg);
		sink_close(&c->input);
	}
}

static bool on_full(void *arg)
{
	return sink_is_full(&((struct copy *)arg)->input);
}

static void on_room(void *arg)
{
	source_continue(&((struct copy *)arg)->output);
}

static void on_gone(void *arg)
{
	struct copy *c = arg;

	c->stream = NULL;
	soon_begin(&c->soon);
}

static struct copy *copy_new(struct worker *worker, struct stream *stream)
{
	struct copy *c = NEW(struct copy);
	const struct stream_server server = { .take = on_take,
					      .is_full = on_full,
					      .room = on_room,
					      .gone = on_gone,
					      .arg = c };

	c->worker = worker;
	c->soon = (struct session_soon){ worker->config.loop, on_soon, c, NULL };
	c->stream = stream;
	frame_reader_init(&c->frames);
	sink_init(&c->input, worker->config.loop, on_drained, c);
	c->output = (struct session_source){ .loop = worker->config.loop,
					     .fd = -1,
					     .type = FRAME_OUTPUT,
					     .changed = on_changed,
					     .arg = c,
					     .stream = &c->stream };
	list_push(&worker->copies, &c->node);
	worker->n_copies++;
	stream_serve_both(stream, &server);
	return c;
}

static int prepare(struct copy *c, const struct json *request, struct err *err)
{
	int r = fields_parse(&copy_request_table, request, &c->request, FIELD_UNKNOWN_IGNORE, err);

	if (r < 0)
		return r;
	if (c->request.path[0] != '/')
		return err_set(err, -EINVAL, "copy: path %.200s is not absolute", c->request.path);
	if (c->worker->n_copies > COPIES_MAX)
		return err_set(err, -EBUSY, "%d copies go on on this node already", COPIES_MAX);
	const struct winst *inst = map_find(&c->worker->instances, c->request.instance);
	if (!inst || inst->run != RUN_ALIVE || !inst->slot)
		return err_set(
			err, -EBUSY,
			"the instance does not run: its files can be reached only while it does");
	if (!inst->slot->driver->exec || !inst->slot->driver->exec->open_root)
		return err_set(
			err, -ENOTSUP,
			"a unikernel's files are in its own memory and cannot be reached from "
			"outside");
	return begin(c, inst, err);
}

void copy_open(struct worker *worker, struct stream *stream, struct json *take_request)
{
	auto_(json_free) struct json *request = take_request;
	struct copy *c = copy_new(worker, stream);

	if (prepare(c, request, &c->refusal) < 0)
		soon_begin(&c->soon);
}
