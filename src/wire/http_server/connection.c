/* Connections: who they are with, and until when they may take. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "wire/http_server/internal.h"

static void read_peer(struct connection *conn)
{
	union {
		struct sockaddr any;
		struct sockaddr_in v4;
		struct sockaddr_in6 v6;
		struct sockaddr_storage storage;
	} a = { 0 };
	socklen_t len = sizeof(a);

	if (getpeername(conn->fd, &a.any, &len) < 0)
		return;
	conn->is_unix = a.any.sa_family == AF_UNIX;
	if (a.any.sa_family == AF_INET)
		inet_ntop(AF_INET, &a.v4.sin_addr, conn->peer, sizeof(conn->peer));
	else if (a.any.sa_family == AF_INET6)
		inet_ntop(AF_INET6, &a.v6.sin6_addr, conn->peer, sizeof(conn->peer));
}

struct connection *connection_new(struct http_server *server, int fd)
{
	struct connection *conn = NEW(struct connection);

	conn->server = server;
	conn->fd = fd;
	read_peer(conn);
	list_push(&server->connections, &conn->node);
	server->n_connections++;
	connection_set_deadline(conn, server->config.head_timeout_ms);
	return conn;
}

void connection_free(struct connection *conn)
{
	list_remove(&conn->node);
	conn->server->n_connections--;
	timer_cancel(conn->timer);
	io_cancel(conn->hangup);
	free(conn);
}

/* The library sees the end of the socket and closes it. */
static void on_timer(void *arg)
{
	struct connection *conn = arg;
	uint64_t now = loop_now_ms(conn->server->loop);

	conn->timer = NULL;
	if (!conn->deadline_ms)
		return;
	if (now < conn->deadline_ms) {
		connection_set_deadline(conn, conn->deadline_ms - now);
		return;
	}
	conn->deadline_ms = 0;
	shutdown(conn->fd, SHUT_RDWR);
}

void connection_set_deadline(struct connection *conn, uint64_t delay_ms)
{
	conn->deadline_ms = delay_ms ? loop_now_ms(conn->server->loop) + delay_ms : 0;
	if (!delay_ms || (conn->timer && conn->timer_ms <= conn->deadline_ms))
		return;
	timer_cancel(conn->timer);
	conn->timer_ms = conn->deadline_ms;
	conn->timer = timer_start(conn->server->loop, delay_ms, on_timer, conn);
}
