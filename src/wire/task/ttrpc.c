/* Frames of ttrpc on a local socket. */
#include <sys/socket.h>

#include "base/base.h"
#include "wire/task/private.h"

#define CHUNK ((size_t)16 << 10)
#define NEVER (-62135596800) /* seconds: the zero of Go's clock */

static void watch(struct ttrpc_link *link);

static void put_u32(uint8_t *at, uint32_t value)
{
	at[0] = (uint8_t)(value >> 24);
	at[1] = (uint8_t)(value >> 16);
	at[2] = (uint8_t)(value >> 8);
	at[3] = (uint8_t)value;
}

static uint32_t get_u32(const uint8_t *at)
{
	return (uint32_t)at[0] << 24 | (uint32_t)at[1] << 16 | (uint32_t)at[2] << 8 | at[3];
}

/* How much of it has been dealt with. */
static size_t take_frames(struct ttrpc_link *link)
{
	size_t at = 0;

	while (link->in.len - at >= TTRPC_HEAD) {
		const uint8_t *head = (const uint8_t *)link->in.data + at;
		struct ttrpc_frame frame = { .stream = get_u32(head + 4),
					     .type = head[8],
					     .data = head + TTRPC_HEAD,
					     .len = get_u32(head) };

		if (frame.len > TTRPC_MAX) {
			link->is_broken = true;
			return at;
		}
		if (link->in.len - at < TTRPC_HEAD + frame.len)
			return at;
		at += TTRPC_HEAD + frame.len;
		link->on_frame(link->arg, &frame);
	}
	return at;
}

static void receive(struct ttrpc_link *link)
{
	char chunk[CHUNK];
	ssize_t n = recv(link->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0 || buf_add(&link->in, chunk, (size_t)n) < 0)
		link->is_broken = true;
	else
		buf_drop(&link->in, take_frames(link));
}

void ttrpc_flush(struct ttrpc_link *link)
{
	while (!link->is_broken && link->out.len) {
		ssize_t n = send(link->fd, link->out.data, link->out.len,
				 MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n < 0 && errno == EAGAIN)
			return;
		if (n >= 0)
			buf_drop(&link->out, (size_t)n);
		else if (errno != EINTR)
			link->is_broken = true;
	}
}

static void on_ready(void *arg, unsigned events)
{
	struct ttrpc_link *link = arg;

	if (events & IO_WRITE)
		ttrpc_flush(link);
	if (events & (IO_READ | IO_HANGUP))
		receive(link);
	if (link->is_broken)
		link->on_end(link->arg);
	else
		watch(link);
}

static void watch(struct ttrpc_link *link)
{
	unsigned events = IO_READ | (link->out.len ? IO_WRITE : 0);

	if (link->io && events == link->events)
		return;
	io_cancel(link->io);
	link->events = events;
	link->io = io_watch(link->loop, link->fd, events, on_ready, link);
}

void ttrpc_link_init(struct ttrpc_link *link, int take_fd)
{
	link->fd = take_fd;
	buf_init(&link->in, TTRPC_HEAD + TTRPC_MAX + CHUNK);
	buf_init(&link->out, 4 * TTRPC_MAX);
	watch(link);
}

void ttrpc_link_fini(struct ttrpc_link *link)
{
	link->io = io_cancel(link->io);
	close(link->fd);
	buf_fini(&link->in);
	buf_fini(&link->out);
}

uint8_t *message_pack(const void *message, size_t *ret_len)
{
	const ProtobufCMessage *m = message;
	uint8_t *bytes = xmalloc(protobuf_c_message_get_packed_size(m) + 1);

	*ret_len = protobuf_c_message_pack(m, bytes);
	return bytes;
}

void ttrpc_send(struct ttrpc_link *link, const struct ttrpc_frame *frame, const void *message)
{
	size_t len;
	auto_free uint8_t *bytes = message_pack(message, &len);
	uint8_t head[TTRPC_HEAD];

	put_u32(head, (uint32_t)len);
	put_u32(head + 4, frame->stream);
	head[8] = frame->type;
	head[9] = 0;
	if (len > TTRPC_MAX || buf_add(&link->out, head, sizeof(head)) < 0 ||
	    buf_add(&link->out, bytes, len) < 0)
		shutdown(link->fd, SHUT_RDWR);
	ttrpc_flush(link);
	if (link->is_broken)
		shutdown(link->fd, SHUT_RDWR); /* which wakes us */
	link->is_broken = false;
	watch(link);
}

void message_any(const char *type, const void *message, Task__Any *ret)
{
	task__any__init(ret);
	ret->type_url = message_str(type);
	ret->value.data = message_pack(message, &ret->value.len);
}

void message_time(const struct timespec *at, Task__Time *ret)
{
	task__time__init(ret);
	ret->seconds = at->tv_sec || at->tv_nsec ? at->tv_sec : NEVER;
	ret->nanos = (int32_t)at->tv_nsec;
}
