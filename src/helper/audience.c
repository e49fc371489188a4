/* A client's socket holds a megabyte; one that is full is waited for, for a time. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/base.h"
#include "helper/audience.h"

#define PACKET_MAX  ((size_t)16 << 10)
#define HELD_MAX    (1 << 20) /* bytes that a client may be behind */
#define PATIENCE_MS 10000     /* for one that is farther behind */

void audience_init(struct audience *audience, struct pollfd *fds, int listener)
{
	audience->fds = fds;
	for (size_t i = 0; i < AUDIENCE_FDS; i++)
		fds[i] = (struct pollfd){ .fd = -1 };
	fds[0] = (struct pollfd){ .fd = listener, .events = POLLIN };
	if (listener >= 0)
		fcntl(listener, F_SETFL, O_NONBLOCK);
}

static void let_go(struct pollfd *client)
{
	close(client->fd);
	*client = (struct pollfd){ .fd = -1 };
}

static bool has_room_in_time(const struct pollfd *client)
{
	struct pollfd wanted = { .fd = client->fd, .events = POLLOUT };

	return poll(&wanted, 1, PATIENCE_MS) > 0 && !(wanted.revents & POLLHUP);
}

static void send_packets(struct pollfd *client, enum log_stream stream, const char *data,
			 size_t len)
{
	while (len && client->fd >= 0) {
		char number = (char)stream;
		size_t n = len < PACKET_MAX ? len : PACKET_MAX;
		struct iovec parts[] = { { &number, 1 }, { (void *)data, n } };
		struct msghdr message = { .msg_iov = parts, .msg_iovlen = ARRAY_LEN(parts) };

		ssize_t sent = sendmsg(client->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (sent < 0 && errno == EAGAIN && has_room_in_time(client))
			continue;
		if (sent < 0) {
			let_go(client);
			return;
		}
		data += n;
		len -= n;
	}
}

/* Only a line that is short enough is kept whole; of a longer one, its last part. */
static void keep_tail(struct audience *audience, const char *data, size_t len)
{
	const char *newline = memrchr(data, '\n', len);

	if (newline) {
		audience->tail_len = 0;
		len -= (size_t)(newline + 1 - data);
		data = newline + 1;
	}
	if (len > AUDIENCE_TAIL_MAX) {
		data += len - AUDIENCE_TAIL_MAX;
		len = AUDIENCE_TAIL_MAX;
	}
	size_t kept = AUDIENCE_TAIL_MAX - len;
	if (audience->tail_len > kept) {
		memmove(audience->tail, audience->tail + audience->tail_len - kept, kept);
		audience->tail_len = kept;
	}
	memcpy(audience->tail + audience->tail_len, data, len);
	audience->tail_len += len;
}

/* False if nobody waits. */
static bool let_in(struct audience *audience)
{
	int fd = accept4(audience->fds[0].fd, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	int size = HELD_MAX;
	size_t i = 1;

	if (fd < 0)
		return false;
	while (i < AUDIENCE_FDS && audience->fds[i].fd >= 0)
		i++;
	if (i == AUDIENCE_FDS) {
		close(fd);
		return true;
	}
	setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	audience->fds[i] = (struct pollfd){ .fd = fd }; /* a hang-up is always told */
	send_packets(&audience->fds[i], LOG_STREAM_OUT, audience->tail, audience->tail_len);
	return true;
}

void audience_tell(struct audience *audience, enum log_stream stream, const char *data, size_t len)
{
	/* Who came before this was printed gets it, though poll(2) has not told of him yet. */
	while (audience->fds[0].fd >= 0 && let_in(audience))
		;
	if (stream == LOG_STREAM_OUT)
		keep_tail(audience, data, len);
	for (size_t i = 1; i < AUDIENCE_FDS; i++)
		send_packets(&audience->fds[i], stream, data, len);
}

void audience_look(struct audience *audience)
{
	for (size_t i = 1; i < AUDIENCE_FDS; i++)
		if (audience->fds[i].fd >= 0 && audience->fds[i].revents)
			let_go(&audience->fds[i]);
	if (audience->fds[0].fd >= 0 && audience->fds[0].revents)
		let_in(audience);
}
