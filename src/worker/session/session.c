/* Frames into streams, and descriptors on the loop. */
#include "worker/session/private.h"

#define PIECE ((size_t)64 << 10)

void session_send(struct stream *stream, enum frame_type type, const void *data, size_t len)
{
	auto_buf struct buf out = { 0 };

	if (!stream)
		return;
	buf_init(&out, len + (len / FRAME_MAX + 1) * FRAME_HEAD);
	frame_put(&out, type, data, len);
	stream_send(stream, out.data, out.len);
}

void session_end(struct stream *stream, int exit_code, const char *words)
{
	static const struct err none;
	auto_buf struct buf out;

	buf_init(&out, FRAME_HEAD + FRAME_MAX);
	frame_put_end(&out, exit_code, words);
	stream_send(stream, out.data, out.len);
	stream_end(stream, &none);
}

static void on_soon(void *arg)
{
	struct session_soon *soon = arg;

	soon->timer = NULL;
	soon->run(soon->arg);
}

void soon_begin(struct session_soon *soon)
{
	if (!soon->timer)
		soon->timer = timer_start(soon->loop, 0, on_soon, soon);
}

void soon_cancel(struct session_soon *soon)
{
	soon->timer = timer_cancel(soon->timer);
}

void sink_init(struct session_sink *sink, struct loop *loop, void (*drained)(void *arg), void *arg)
{
	*sink = (struct session_sink){ .loop = loop, .fd = -1, .drained = drained, .arg = arg };
	/* Those who send look at sink_is_full(); what is under way then comes on top. */
	buf_init(&sink->pending, 2 * SESSION_PENDING_MAX);
}

bool sink_is_full(const struct session_sink *sink)
{
	return sink->pending.len >= SESSION_PENDING_MAX / 2;
}

void sink_close(struct session_sink *sink)
{
	sink->io = io_cancel(sink->io);
	if (sink->fd >= 0)
		close(TAKE_FD(sink->fd));
	sink->is_over = true;
	buf_reset(&sink->pending);
}

void sink_fini(struct session_sink *sink)
{
	if (sink->fd >= 0)
		close(TAKE_FD(sink->fd));
	buf_fini(&sink->pending);
}

static void on_writable(void *arg, unsigned events);

/* As much as goes; whoever waits for room is told on the way back from the loop. */
static void write_pending(struct session_sink *sink)
{
	while (sink->pending.len) {
		ssize_t n = write(sink->fd, sink->pending.data, sink->pending.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			sink_close(sink);
			return;
		}
		buf_drop(&sink->pending, (size_t)n);
	}
	if (sink->pending.len && !sink->io)
		sink->io = io_watch(sink->loop, sink->fd, IO_WRITE, on_writable, sink);
	if (sink->pending.len)
		return;
	sink->io = io_cancel(sink->io);
	if (sink->is_over)
		sink_close(sink);
}

static void on_writable(void *arg, unsigned events)
{
	struct session_sink *sink = arg;

	write_pending(sink);
	if (!sink_is_full(sink))
		sink->drained(sink->arg);
}

void sink_open(struct session_sink *sink, int take_fd)
{
	sink->fd = take_fd;
	write_pending(sink);
}

int sink_add(struct session_sink *sink, const void *data, size_t len, struct err *err)
{
	if (sink->is_over)
		return 0;
	if (buf_add(&sink->pending, data, len) < 0)
		return err_set(err, -ENOBUFS, "input of more than %zu bytes was sent unasked",
			       sink->pending.max);
	if (sink->fd >= 0)
		write_pending(sink);
	return 0;
}

void sink_end(struct session_sink *sink)
{
	sink->is_over = true;
	if (sink->fd >= 0)
		write_pending(sink);
}

static void on_readable(void *arg, unsigned events)
{
	struct session_source *source = arg;
	char piece[PIECE];
	ssize_t n = read(source->fd, piece, sizeof(piece));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0)
		source_close(source);
	else
		session_send(*source->stream, source->type, piece, (size_t)n);
	/* Until the reader has room. */
	if (n > 0 && *source->stream && stream_is_full(*source->stream))
		source->io = io_cancel(source->io);
	source->changed(source->arg);
}

void source_continue(struct session_source *source)
{
	if (source->fd >= 0 && !source->io)
		source->io = io_watch(source->loop, source->fd, IO_READ, on_readable, source);
}

void source_open(struct session_source *source, int take_fd)
{
	source->fd = take_fd;
	source_continue(source);
}

void source_close(struct session_source *source)
{
	source->io = io_cancel(source->io);
	source_fini(source);
}

void source_fini(struct session_source *source)
{
	if (source->fd >= 0)
		close(TAKE_FD(source->fd));
}

void session_fail(struct session *session, const struct err *err)
{
	if (!session->failure.code)
		session->failure = *err;
	soon_begin(&session->soon);
}

static void take_frame(struct session *session, const struct frame *frame)
{
	struct err err;

	if (frame->type != FRAME_INPUT)
		session->kind->take(session, frame);
	else if (sink_add(&session->input, frame->data, frame->len, &err) < 0)
		session_fail(session, &err);
}

static void on_take(void *arg, const char *data, size_t len)
{
	struct session *session = arg;
	struct frame frame;
	struct err err;
	int r;

	frame_feed(&session->frames, data, len);
	while ((r = frame_next(&session->frames, &frame, &err)) > 0)
		take_frame(session, &frame);
	if (r < 0)
		session_fail(session, &err);
	soon_begin(&session->soon);
}

static bool on_full(void *arg)
{
	return sink_is_full(&((struct session *)arg)->input);
}

static void on_room(void *arg)
{
	struct session *session = arg;

	session->kind->room(session);
}

static void on_gone(void *arg)
{
	struct session *session = arg;

	session->stream = NULL;
	soon_begin(&session->soon);
}

static void on_drained(void *arg)
{
	struct session *session = arg;

	if (session->stream)
		stream_accept(session->stream);
	soon_begin(&session->soon);
}

static void on_tick(void *arg)
{
	struct session *session = arg;

	session->kind->tick(session);
}

void session_init(struct session *session, const struct session_kind *kind, struct worker *worker,
		  struct sessions *all, struct stream *stream)
{
	const struct stream_server server = { .take = on_take,
					      .is_full = on_full,
					      .room = on_room,
					      .gone = on_gone,
					      .arg = session };

	session->kind = kind;
	session->worker = worker;
	session->all = all;
	session->stream = stream;
	session->soon = (struct session_soon){ worker->config.loop, on_tick, session, NULL };
	frame_reader_init(&session->frames);
	sink_init(&session->input, worker->config.loop, on_drained, session);
	list_push(&all->list, &session->node);
	all->n++;
	stream_serve_both(stream, &server);
}

void session_stop(struct session *session)
{
	sink_close(&session->input);
	soon_cancel(&session->soon);
}

void session_fini(struct session *session)
{
	list_remove(&session->node);
	session->all->n--;
	sink_fini(&session->input);
	frame_reader_fini(&session->frames);
}

void sessions_free_all(struct sessions *all)
{
	while (!list_is_empty(&all->list)) {
		struct session *session = container_of(all->list.next, struct session, node);

		if (session->stream)
			stream_serve(session->stream, NULL, NULL);
		session->kind->release(session);
	}
}

const struct winst *session_find(const struct session *session, const char *id, struct err *err)
{
	const struct winst *inst = map_find(&session->worker->instances, id);

	if (inst && inst->run == RUN_ALIVE && inst->slot)
		return inst;
	err_set(err, -EBUSY, "the instance does not run");
	return NULL;
}
