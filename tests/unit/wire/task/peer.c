#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>
#include <sys/un.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "peer.h"

#define FRAME_MAX ((size_t)16 << 20)

static void put_u32(uint8_t *at, uint32_t value)
{
	for (int i = 3; i >= 0; i--, value >>= 8)
		at[i] = (uint8_t)value;
}

static uint32_t get_u32(const uint8_t *at)
{
	uint32_t value = 0;

	for (int i = 0; i < 4; i++)
		value = value << 8 | at[i];
	return value;
}

void peer_wait_readable(int fd)
{
	struct pollfd end = { .fd = fd, .events = POLLIN };

	if (clock_poll(&end, 1, clock_monotonic_ms() + PEER_WAIT_MS) != 1)
		fail_msg("nothing comes");
}

static bool read_all(int fd, uint8_t *data, size_t len)
{
	while (len) {
		peer_wait_readable(fd);
		ssize_t n = recv(fd, data, len, 0);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

bool frame_read(int fd, struct frame *ret)
{
	uint8_t head[PEER_HEAD];

	if (!read_all(fd, head, sizeof(head)))
		return false;
	*ret = (struct frame){ .stream = get_u32(head + 4), .type = head[8], .len = get_u32(head) };
	assert_true(ret->len <= FRAME_MAX);
	assert_int_equal(head[9], 0);
	ret->data = xmalloc(ret->len);
	assert_true(read_all(fd, ret->data, ret->len));
	return true;
}

void frame_fini(struct frame *frame)
{
	free(TAKE(frame->data));
}

void frame_add(struct buf *out, const struct frame *frame)
{
	uint8_t head[PEER_HEAD] = { 0 };

	put_u32(head, (uint32_t)frame->len);
	put_u32(head + 4, frame->stream);
	head[8] = frame->type;
	assert_int_equal(buf_add(out, head, sizeof(head)), 0);
	if (frame->len)
		assert_int_equal(buf_add(out, frame->data, frame->len), 0);
}

void frame_write(int fd, const struct frame *frame)
{
	auto_buf struct buf out;

	buf_init(&out, FRAME_MAX);
	frame_add(&out, frame);
	peer_write(fd, out.data, out.len);
}

void peer_write(int fd, const void *data, size_t len)
{
	assert_int_equal(send(fd, data, len, MSG_NOSIGNAL), len);
}

static uint8_t *pack(const void *message, size_t *ret_len)
{
	uint8_t *data = xmalloc(protobuf_c_message_get_packed_size(message));

	*ret_len = protobuf_c_message_pack(message, data);
	return data;
}

void request_add(struct buf *out, uint32_t stream, const struct request *request)
{
	Task__Request message = TASK__REQUEST__INIT;
	struct frame frame = { .stream = stream, .type = 1 };
	auto_free uint8_t *payload = NULL;

	message.service = (char *)(uintptr_t)request->service;
	message.method = (char *)(uintptr_t)request->method;
	if (request->message)
		message.payload.data = payload = pack(request->message, &message.payload.len);
	frame.data = pack(&message, &frame.len);
	frame_add(out, &frame);
	frame_fini(&frame);
}

static int dial(const char *path)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	STR_COPY(addr.sun_path, path);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) == 0)
		return fd;
	close(fd);
	return -1;
}

int peer_dial(const char *path)
{
	int fd = dial(path);

	if (fd < 0)
		fail_msg("connect to %s: %s", path, strerror(errno));
	return fd;
}

bool peer_can_dial(const char *path)
{
	auto_close int fd = dial(path);

	return fd >= 0;
}

void peer_open(struct peer *peer, const char *path)
{
	*peer = (struct peer){ .fd = peer_dial(path), .stream = UINT32_MAX };
}

void peer_close(struct peer *peer)
{
	close(peer->fd);
	peer->fd = -1;
	while (peer->n_kept)
		frame_fini(&peer->kept[--peer->n_kept]);
}

uint32_t peer_send(struct peer *peer, const char *method, const void *message)
{
	auto_buf struct buf out;

	buf_init(&out, FRAME_MAX);
	peer->stream += 2;
	request_add(&out, peer->stream, &(struct request){ PEER_TASK, method, message });
	peer_write(peer->fd, out.data, out.len);
	return peer->stream;
}

static struct frame take_frame(struct peer *peer, uint32_t stream)
{
	struct frame frame;

	for (size_t i = 0; i < peer->n_kept; i++)
		if (peer->kept[i].stream == stream) {
			frame = peer->kept[i];
			peer->kept[i] = peer->kept[--peer->n_kept];
			return frame;
		}
	for (;;) {
		if (!frame_read(peer->fd, &frame))
			fail_msg("the connection ended before an answer came");
		if (frame.stream == stream)
			return frame;
		assert_true(peer->n_kept < PEER_KEPT_MAX);
		peer->kept[peer->n_kept++] = frame;
	}
}

void answer_parse(const struct frame *frame, const ProtobufCMessageDescriptor *type,
		  struct answer *ret)
{
	Task__Response *response = task__response__unpack(NULL, frame->len, frame->data);

	*ret = (struct answer){ 0 };
	assert_int_equal(frame->type, 2);
	assert_non_null(response);
	if (response->status) {
		ret->code = response->status->code;
		STR_COPY(ret->why, response->status->message);
		assert_int_equal(response->payload.len, 0);
	} else if (type) {
		ret->message = protobuf_c_message_unpack(type, NULL, response->payload.len,
							 response->payload.data);
		assert_non_null(ret->message);
	}
	task__response__free_unpacked(response, NULL);
}

void peer_await(struct peer *peer, uint32_t stream, const ProtobufCMessageDescriptor *type,
		struct answer *ret)
{
	struct frame frame = take_frame(peer, stream);

	answer_parse(&frame, type, ret);
	frame_fini(&frame);
}

void answer_fini(struct answer *answer)
{
	if (answer->message)
		protobuf_c_message_free_unpacked(TAKE(answer->message), NULL);
}
