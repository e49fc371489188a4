/* Frames into streams, and descriptors on the loop. */
#include "worker/session/session.h"

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

void sink_add(struct session_sink *sink, const void *data, size_t len)
{
	if (sink->is_over)
		return;
	if (buf_add(&sink->pending, data, len) < 0) {
		log_warning("input of more than %zu bytes was sent unasked", sink->pending.max);
		sink_close(sink);
	} else if (sink->fd >= 0) {
		write_pending(sink);
	}
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
