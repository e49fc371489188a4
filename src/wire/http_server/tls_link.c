/* Bytes both ways, once hands are shaken. What one side does not take is kept,
 * a piece at most, and no more is read from the other until it has gone. */
#include <sys/ioctl.h>

#include <openssl/err.h>

#include "wire/http_server/internal.h"
#include "wire/http_server/tls.h"

#define PIECES_A_TURN 8

void tls_link_free(struct tls_link *link)
{
	struct http_server *server = link->server;

	list_remove(&link->node);
	if (link->inner < 0)
		server->n_handshakes--;
	if (link->conn)
		link->conn->link = NULL;
	else
		server->n_loose--;
	io_cancel(link->fd_io);
	io_cancel(link->inner_io);
	timer_cancel(link->timer);
	SSL_free(link->ssl);
	if (link->fd >= 0)
		close(link->fd);
	if (link->inner >= 0)
		close(link->inner);
	buf_fini(&link->in);
	buf_fini(&link->out);
	free(link);
	/* Listeners may have waited for its place. */
	run_soon(server);
}

static void on_inner(void *arg, unsigned events);

void tls_link_watch(struct tls_link *link, unsigned events)
{
	if (events == link->fd_events)
		return;
	io_cancel(link->fd_io);
	link->fd_events = events;
	link->fd_io = events ? io_watch(link->server->loop, link->fd, events, tls_link_ready, link)
			     : NULL;
}

static void watch_inner(struct tls_link *link, unsigned events)
{
	if (events == link->inner_events)
		return;
	io_cancel(link->inner_io);
	link->inner_events = events;
	link->inner_io = events ? io_watch(link->server->loop, link->inner, events, on_inner, link)
				: NULL;
}

/* Time */

static bool is_stalling(const struct tls_link *link)
{
	return (link->out.len || link->is_blocked) && !(link->is_patient && link->conn);
}

static void on_stall(void *arg);

static void look_for_stall(struct tls_link *link)
{
	if (!link->timer && is_stalling(link))
		link->timer = timer_start(link->server->loop, link->server->config.stall_timeout_ms,
					  on_stall, link);
}

static void on_stall(void *arg)
{
	struct tls_link *link = arg;
	uint64_t idle_ms = loop_now_ms(link->server->loop) - link->progress_ms;

	link->timer = NULL;
	if (is_stalling(link) && idle_ms >= link->server->config.stall_timeout_ms)
		tls_link_free(link);
	else
		look_for_stall(link);
}

/* TLS */

static int receive(struct tls_link *link, char *piece)
{
	ERR_clear_error();
	int n = SSL_read(link->ssl, piece, TLS_PIECE);

	return n > 0 ? n : tls_meaning(link->ssl, n, &link->in_wants);
}

/* All of it, or nothing. */
static int transmit(struct tls_link *link, const char *data, size_t len)
{
	ERR_clear_error();
	int n = SSL_write(link->ssl, data, (int)len);

	if (n <= 0)
		return tls_meaning(link->ssl, n, &link->out_wants) == TLS_WAIT ? TLS_WAIT
									       : TLS_BROKEN;
	link->progress_ms = loop_now_ms(link->server->loop);
	return 0;
}

/* From the client to the library. */

static void hand_in(struct tls_link *link, const char *data, size_t len)
{
	ssize_t n = send(link->inner, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

	/* What the library answered before it closed is still in the pair. */
	if (n < 0 && errno != EAGAIN && errno != EINTR)
		link->is_deaf = true;
	if (link->is_deaf)
		return;
	buf_add(&link->in, data + (n > 0 ? n : 0), len - (size_t)(n > 0 ? n : 0));
}

static void hand_in_rest(struct tls_link *link)
{
	auto_buf struct buf rest = link->in;

	buf_init(&link->in, TLS_PIECE);
	hand_in(link, rest.data, rest.len);
}

static int pump_in(struct tls_link *link)
{
	char piece[TLS_PIECE];

	if (link->in.len)
		hand_in_rest(link);
	for (int i = 0; i < PIECES_A_TURN; i++) {
		if (link->in.len || link->client_ended || link->is_deaf)
			break;
		int n = receive(link, piece);
		if (n == TLS_WAIT)
			break;
		if (n < 0)
			return n;
		if (n == 0)
			link->client_ended = true;
		else
			hand_in(link, piece, (size_t)n);
	}
	if (link->client_ended && !link->in.len && !link->is_told) {
		link->is_told = true;
		shutdown(link->inner, SHUT_WR);
	}
	return 0;
}

/* From the library to the client. */

static int hand_out(struct tls_link *link)
{
	char piece[TLS_PIECE];
	ssize_t n = recv(link->inner, piece, sizeof(piece), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return TLS_WAIT;
	/* An error is that the library has not read all we sent. */
	if (n <= 0) {
		link->inner_ended = true;
		return TLS_WAIT;
	}
	int r = transmit(link, piece, (size_t)n);
	if (r == TLS_WAIT)
		buf_add(&link->out, piece, (size_t)n);
	return r;
}

static int hand_out_rest(struct tls_link *link)
{
	int r = transmit(link, link->out.data, link->out.len);

	if (r == 0) {
		buf_fini(&link->out);
		buf_init(&link->out, TLS_PIECE);
	}
	return r;
}

static int pump_out(struct tls_link *link)
{
	int r = link->out.len ? hand_out_rest(link) : 0;

	for (int i = 0; r == 0 && i < PIECES_A_TURN; i++)
		r = hand_out(link);
	return r == TLS_WAIT ? 0 : r;
}

/* All was sent: the last word, then the end, unless that has to wait. Of what the client still sends
 * nothing is read, but it must not make the kernel take back what was sent. */
static bool finish(struct tls_link *link)
{
	ERR_clear_error();
	int n = SSL_shutdown(link->ssl);

	link->is_blocked = n < 0 && tls_meaning(link->ssl, n, &link->out_wants) == TLS_WAIT &&
			   link->out_wants == IO_WRITE;
	if (link->is_blocked)
		return false;
	if (!link->client_ended)
		linger_begin(link->server, link->fd);
	tls_link_free(link);
	return true;
}

static void watch(struct tls_link *link)
{
	unsigned fd_events = link->out.len || link->is_blocked ? link->out_wants : 0;
	unsigned inner_events = (link->in.len && !link->is_deaf ? IO_WRITE : 0) |
				(link->out.len || link->inner_ended ? 0 : IO_READ);

	if (!link->in.len && !link->client_ended && !link->is_deaf)
		fd_events |= link->in_wants;
	else if (link->is_patient && link->conn && !link->client_ended && !link->is_hung)
		fd_events |= IO_HANGUP;
	tls_link_watch(link, fd_events);
	watch_inner(link, inner_events);
	look_for_stall(link);
}

/* May free the link. */
void tls_link_pump(struct tls_link *link)
{
	link->in_wants = IO_READ;
	if (pump_in(link) < 0 || pump_out(link) < 0)
		tls_link_free(link);
	else if (!link->inner_ended || link->out.len || !finish(link))
		watch(link);
}

/* The client has gone while nothing of it was wanted, which would not be noticed otherwise. */
static bool is_abandoned(const struct tls_link *link)
{
	return link->is_hung && link->in.len && link->conn && link->conn->request &&
	       link->conn->request->is_unwanted;
}

static void on_inner(void *arg, unsigned events)
{
	tls_link_pump(arg);
}

void tls_link_ready(void *arg, unsigned events)
{
	struct tls_link *link = arg;

	link->is_hung |= (events & IO_HANGUP) != 0;
	if (link->inner < 0)
		tls_handshake(link);
	else if (is_abandoned(link))
		tls_link_free(link);
	else
		tls_link_pump(link);
}

/* For the connection. */

void tls_link_detach(struct tls_link *link)
{
	link->conn = NULL;
	link->server->n_loose++;
	link->progress_ms = loop_now_ms(link->server->loop);
	look_for_stall(link);
}

void tls_link_set_patient(struct tls_link *link)
{
	link->is_patient = true;
}

int tls_link_socket(const struct tls_link *link)
{
	return link->fd;
}

/* For the server. */

static bool is_flushed(const struct tls_link *link)
{
	int waiting = 0;

	if (link->conn && link->conn->request && link->conn->request->is_stream)
		return true;
	return !link->out.len && (ioctl(link->inner, FIONREAD, &waiting) < 0 || waiting == 0);
}

bool tls_links_are_flushed(const struct http_server *server)
{
	struct list *pos;
	struct list *tmp;

	list_for_each(pos, tmp, &server->links)
		if (!is_flushed(container_of(pos, struct tls_link, node)))
			return false;
	return true;
}

void tls_links_end(struct http_server *server)
{
	struct list *node;

	while ((node = list_pop(&server->handshakes)))
		tls_link_free(container_of(node, struct tls_link, node));
	while ((node = list_pop(&server->links))) {
		struct tls_link *link = container_of(node, struct tls_link, node);

		if (pump_out(link) == 0)
			SSL_shutdown(link->ssl);
		tls_link_free(link);
	}
}
