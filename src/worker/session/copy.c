/* Files into and out of an instance for a client: `holm cp`.
 *
 * A thread packs or unpacks at one end of a pipe, the loop moves frames at the other. Whoever goes away
 * closes his end, which ends both. */
#include <fcntl.h>
#include <sys/stat.h>

#include "image/image.h"
#include "model/session.h"
#include "worker/session/private.h"

#define COPIES_MAX 4 /* each has a thread of the transfers' */

struct copy {
	struct session session;
	struct copy_request request;
	uint32_t incarnation;
	struct session_source output;
	struct err result;
	bool is_begun;
	bool is_done; /* the thread */
};

struct copy_op {
	struct op op;
	struct copy *copy;
	struct runtime_slot slot;
	char instance_id[ID_SIZE];
	struct copy_root root;
	bool is_put;
	bool needs_folder;
	int fd; /* the thread's end of the pipe */
};

static struct copy *of(struct session *session)
{
	return container_of(session, struct copy, session);
}

static void release(struct session *session)
{
	struct copy *c = of(session);

	session_fini(session);
	source_fini(&c->output);
	fields_fini(&copy_request_table, &c->request);
	free(c);
}

/* Our end of the pipe: the thread's work ends with it. */
static void close_pipe(struct copy *c)
{
	sink_close(&c->session.input);
	source_close(&c->output);
}

static void copy_free(struct copy *c)
{
	close_pipe(c);
	session_stop(&c->session);
	release(&c->session);
}

static void op_fini(struct op *op)
{
	struct copy_op *o = container_of(op, struct copy_op, op);

	if (o->fd >= 0)
		close(o->fd);
	copy_root_fini(&o->root);
}

/* What is put into a volume is the owner's of its folder, as what a guest makes there. */
static int copy_into(const struct copy_op *o, int root, struct err *err)
{
	struct tree_target target = { .root = root,
				      .path = o->root.path,
				      .needs_folder = o->needs_folder,
				      .has_owner = o->root.folder != NULL };
	struct stat owner;

	if (fstat(root, &owner) < 0)
		return err_errno(err, "look at %s", o->root.folder ? o->root.folder : "/");
	target.uid = owner.st_uid;
	target.gid = owner.st_gid;
	return tree_unpack(&target, o->fd, err);
}

static void copy_run(struct op *op)
{
	struct copy_op *o = container_of(op, struct copy_op, op);
	auto_close int root = o->root.folder
				      ? copy_root_open(&o->root, &op->err)
				      : o->slot.driver->exec->open_root(o->slot.state,
									o->instance_id, &op->err);
	const struct tree_source source = { root, o->root.path, o->root.name };

	if (root < 0)
		op->result = root;
	else
		op->result = o->is_put ? copy_into(o, root, &op->err)
				       : tree_pack(&source, o->fd, &op->err);
	close(TAKE_FD(o->fd));
}

static void copy_done(struct op *op)
{
	struct copy_op *o = container_of(op, struct copy_op, op);
	struct copy *c = o->copy;

	c->is_done = true;
	if (op->result < 0)
		c->result = op->err;
	soon_begin(&c->session.soon);
}

static void on_changed(void *arg)
{
	struct copy *c = arg;

	soon_begin(&c->session.soon);
}

static int begin(struct copy *c, const struct winst *inst, struct copy_root *take_root,
		 struct err *err)
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
	o->root = *take_root;
	*take_root = (struct copy_root){ 0 };
	o->is_put = is_put;
	o->needs_folder = c->request.is_archive;
	o->fd = fds[is_put ? 0 : 1];
	c->is_begun = true;
	c->incarnation = inst->status.incarnation;
	if (is_put)
		sink_open(&c->session.input, ours);
	else
		source_open(&c->output, ours);
	op_begin(c->session.worker, EXECUTOR_TRANSFER, &o->op);
	session_send(c->session.stream, FRAME_BEGUN, NULL, 0);
	return 0;
}

static void finish(struct copy *c)
{
	struct stream *stream = c->session.stream;
	struct err result = c->session.failure.code ? c->session.failure : c->result;

	copy_free(c);
	if (stream)
		session_end(stream, result.code ? 1 : 0, result.code ? result.msg : "");
}

static void tick(struct session *session)
{
	struct copy *c = of(session);
	struct stream *stream = session->stream;
	struct err failure = session->failure;

	if (!c->is_begun && failure.code) {
		copy_free(c);
		if (stream)
			stream_end(stream, &failure);
		return;
	}
	if (!stream || failure.code)
		close_pipe(c);
	/* All that was packed is sent before the end is told. */
	if (c->is_done && c->output.fd < 0)
		finish(c);
}

static void on_frame(struct session *session, const struct frame *frame)
{
	if (frame->type == FRAME_INPUT_END)
		sink_end(&session->input);
}

static void on_room(struct session *session)
{
	source_continue(&of(session)->output);
}

static const struct session_kind kind = { .take = on_frame,
					  .room = on_room,
					  .tick = tick,
					  .release = release };

static struct copy *copy_new(struct worker *worker, struct stream *stream)
{
	struct copy *c = NEW(struct copy);

	c->output = (struct session_source){ .loop = worker->config.loop,
					     .fd = -1,
					     .type = FRAME_OUTPUT,
					     .changed = on_changed,
					     .arg = c,
					     .stream = &c->session.stream };
	session_init(&c->session, &kind, worker, &worker->copies, stream);
	return c;
}

/* What is in the client's hands already is whole. */
void copy_tell_end(const struct winst *inst)
{
	const struct list *all = &inst->worker->copies.list;
	struct err err;

	err_set(&err, -EPIPE, "the instance has ended, and not all was copied");
	for (struct list *at = all->next; at != all; at = at->next) {
		struct copy *c = container_of(at, struct copy, session.node);

		if (c->is_begun && !c->is_done && c->incarnation == inst->status.incarnation &&
		    str_eq(c->request.instance, inst->id))
			session_fail(&c->session, &err);
	}
}

void copy_leave_all(struct worker *worker)
{
	const struct list *all = &worker->copies.list;

	for (struct list *at = all->next; at != all; at = at->next)
		close_pipe(container_of(at, struct copy, session.node));
}

static int prepare(struct copy *c, const struct json *request, struct err *err)
{
	int r = fields_parse(&copy_request_table, request, &c->request, FIELD_UNKNOWN_IGNORE, err);

	if (r < 0)
		return r;
	if (c->request.path[0] != '/')
		return err_set(err, -EINVAL, "copy: path %.200s is not absolute", c->request.path);
	if (c->session.all->n > COPIES_MAX)
		return err_set(err, -EBUSY, "%d copies go on on this node already", COPIES_MAX);
	const struct winst *inst = session_find(&c->session, c->request.instance, err);
	if (!inst)
		return err_set(
			err, -EBUSY,
			"the instance does not run: its files can be reached only while it does");
	struct copy_root root;
	int found = copy_root_find(inst, c->request.path, c->request.is_put, &root, err);
	if (found < 0)
		return found;
	r = begin(c, inst, &root, err);
	copy_root_fini(&root);
	return r;
}

void copy_open(struct worker *worker, struct stream *stream, struct json *take_request)
{
	auto_(json_free) struct json *request = take_request;
	struct copy *c = copy_new(worker, stream);
	struct err err;

	if (prepare(c, request, &err) < 0)
		session_fail(&c->session, &err);
}
