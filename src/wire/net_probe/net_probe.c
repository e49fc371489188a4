/*  connect ──▶ write the request ──▶ read the status line ──▶ done
 *
 * The first bytes tell everything; what has come beside them is read and dropped before the close,
 * so that a server that has sent a short page sees an end and not a reset. */
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/base.h"
#include "loop/loop.h"
#include "wire/net_probe/net_probe.h"

#define STATUS_LEN 12 /* "HTTP/1.1 200" */
#define DRAIN_MAX  ((size_t)64 << 10)

struct net_probe {
	struct loop *loop;
	net_probe_fn done;
	void *arg;
	int fd; /* -1: there was none to be had */
	struct io *io;
	struct timer *timeout;
	uint64_t timeout_ms;
	char *request; /* NULL: none */
	size_t n_written;
	char head[STATUS_LEN + 1];
	size_t n_read;
	struct net_probe_answer answer;
};

struct net_probe *net_probe_free(struct net_probe *probe)
{
	if (!probe)
		return NULL;
	if (probe->fd >= 0)
		close(probe->fd);
	free(probe->request);
	free(probe);
	return NULL;
}

struct net_probe *net_probe_cancel(struct net_probe *probe)
{
	if (!probe)
		return NULL;
	io_cancel(probe->io);
	timer_cancel(probe->timeout);
	return net_probe_free(probe);
}

static void finish(struct net_probe *probe)
{
	const struct net_probe_answer answer = probe->answer;
	net_probe_fn done = probe->done;
	void *arg = probe->arg;

	net_probe_cancel(probe);
	done(arg, &answer);
}

static void fail(struct net_probe *probe, const char *verb, int error)
{
	err_set(&probe->answer.err, -error, "%s: %s", verb, strerror(error));
	finish(probe);
}

static void on_timeout(void *arg)
{
	struct net_probe *probe = arg;

	probe->timeout = NULL;
	err_set(&probe->answer.err, -ETIMEDOUT, "no answer within %.1f s",
		(double)probe->timeout_ms / 1000);
	finish(probe);
}

static void drain(int fd)
{
	char rest[4096];
	ssize_t n = 1;

	for (size_t total = 0; n > 0 && total < DRAIN_MAX; total += (size_t)n)
		n = recv(fd, rest, sizeof(rest), MSG_DONTWAIT);
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* "HTTP/1.1 200" */
static bool parse_status(const char *head, unsigned *ret)
{
	if (!str_starts(head, "HTTP/1.") || !is_digit(head[7]) || head[8] != ' ')
		return false;
	if (!is_digit(head[9]) || !is_digit(head[10]) || !is_digit(head[11]))
		return false;
	*ret = (unsigned)((head[9] - '0') * 100 + (head[10] - '0') * 10 + head[11] - '0');
	return true;
}

static void read_some(struct net_probe *probe)
{
	ssize_t n = recv(probe->fd, probe->head + probe->n_read, STATUS_LEN - probe->n_read,
			 MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fail(probe, "read", errno);
		return;
	}
	probe->n_read += (size_t)n;
	if (n > 0 && probe->n_read < STATUS_LEN)
		return;
	if (probe->n_read == 0) {
		err_set(&probe->answer.err, -ECONNRESET, "closed without an answer");
	} else if (!parse_status(probe->head, &probe->answer.status)) {
		err_set(&probe->answer.err, -EPROTO, "the answer is no HTTP");
	} else {
		drain(probe->fd);
	}
	finish(probe);
}

static void on_readable(void *arg, unsigned events)
{
	read_some(arg);
}

static void write_some(struct net_probe *probe)
{
	const char *rest = probe->request + probe->n_written;
	ssize_t n = send(probe->fd, rest, strlen(rest), MSG_NOSIGNAL | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		fail(probe, "write", errno);
		return;
	}
	probe->n_written += (size_t)n;
	if (probe->request[probe->n_written])
		return;
	io_cancel(probe->io);
	probe->io = io_watch(probe->loop, probe->fd, IO_READ, on_readable, probe);
}

static void on_writable(void *arg, unsigned events)
{
	struct net_probe *probe = arg;
	socklen_t len = sizeof(int);
	int error = 0;

	if (probe->n_written == 0 && getsockopt(probe->fd, SOL_SOCKET, SO_ERROR, &error, &len) < 0)
		error = errno;
	if (error)
		fail(probe, "connect", error);
	else if (probe->request)
		write_some(probe);
	else
		finish(probe);
}

/* Told later, since nothing is told from inside a begin. */
static void on_failed_at_once(void *arg)
{
	struct net_probe *probe = arg;

	probe->timeout = NULL;
	finish(probe);
}

static void give_up(struct net_probe *probe, const char *verb, int error, bool is_own)
{
	err_set(&probe->answer.err, -error, "%s: %s", verb, strerror(error));
	probe->answer.is_own = is_own;
	probe->timeout = timer_start(probe->loop, 0, on_failed_at_once, probe);
}

struct net_probe *net_probe_begin(struct loop *loop, const struct net_probe_target *target,
				  net_probe_fn done, void *arg)
{
	const struct sockaddr_in address = { .sin_family = AF_INET,
					     .sin_port = htons(target->port),
					     .sin_addr.s_addr = htonl(target->ip) };
	struct net_probe *probe = NEW(struct net_probe);

	probe->loop = loop;
	probe->done = done;
	probe->arg = arg;
	probe->timeout_ms = target->timeout_ms;
	probe->request = xstrdup(target->request);
	probe->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (probe->fd < 0) {
		give_up(probe, "make a socket", errno, true);
		return probe;
	}
	if (connect(probe->fd, (const struct sockaddr *)&address, sizeof(address)) < 0 &&
	    errno != EINPROGRESS) {
		give_up(probe, "connect", errno, errno == EADDRNOTAVAIL || errno == EAGAIN);
		return probe;
	}
	probe->io = io_watch(loop, probe->fd, IO_WRITE, on_writable, probe);
	probe->timeout = timer_start(loop, target->timeout_ms, on_timeout, probe);
	return probe;
}
