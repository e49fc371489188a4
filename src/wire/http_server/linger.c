/* Closing while the client still sends (RFC 9112 section 9.6): a socket that is closed with unread
 * bytes in it resets the connection, and the client may lose the refusal that was sent. So for a
 * while what comes is read and thrown away. */
#include <fcntl.h>
#include <sys/socket.h>

#include "wire/http_server/internal.h"

#define N_MAX      32
#define TIMEOUT_MS 2000
#define BYTES_MAX  (16u << 20)

struct lingering {
	struct list node;
	struct http_server *server;
	int fd; /* a duplicate: the library closes its own */
	struct io *io;
	struct timer *timer;
	size_t n_read;
};

static void linger_free(struct lingering *l)
{
	list_remove(&l->node);
	l->server->n_lingering--;
	io_cancel(l->io);
	timer_cancel(l->timer);
	close(l->fd);
	free(l);
}

static void on_timeout(void *arg)
{
	struct lingering *l = arg;

	l->timer = NULL;
	linger_free(l);
}

static void on_data(void *arg, unsigned events)
{
	struct lingering *l = arg;
	char chunk[16384];
	ssize_t n = recv(l->fd, chunk, sizeof(chunk), MSG_DONTWAIT);

	if (n > 0)
		l->n_read += (size_t)n;
	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR) || l->n_read > BYTES_MAX)
		linger_free(l);
}

void linger_begin(struct http_server *server, int fd)
{
	int copy = server->n_lingering < N_MAX ? fcntl(fd, F_DUPFD_CLOEXEC, 0) : -1;

	if (copy < 0)
		return;
	struct lingering *l = NEW(struct lingering);
	l->server = server;
	l->fd = copy;
	list_push(&server->lingering, &l->node);
	server->n_lingering++;
	shutdown(copy, SHUT_WR);
	l->timer = timer_start(server->loop, TIMEOUT_MS, on_timeout, l);
	l->io = io_watch(server->loop, copy, IO_READ, on_data, l);
}

void linger_end_all(struct http_server *server)
{
	while (!list_is_empty(&server->lingering))
		linger_free(container_of(server->lingering.next, struct lingering, node));
}
