/* Connections: who they are with, and until when they may take. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "wire/http_server/internal.h"
#include "wire/http_server/tls.h"

void peer_format(const struct sockaddr *peer, char ret[INET6_ADDRSTRLEN])
{
	const void *v4 = &((const struct sockaddr_in *)(const void *)peer)->sin_addr;
	const void *v6 = &((const struct sockaddr_in6 *)(const void *)peer)->sin6_addr;

	ret[0] = '\0';
	if (peer->sa_family == AF_INET)
		inet_ntop(AF_INET, v4, ret, INET6_ADDRSTRLEN);
	else if (peer->sa_family == AF_INET6)
		inet_ntop(AF_INET6, v6, ret, INET6_ADDRSTRLEN);
}

static struct connection *connection_new(struct http_server *server, int fd,
					 const struct sockaddr *peer)
{
	struct connection *conn = NEW(struct connection);

	conn->server = server;
	conn->fd = fd;
	conn->is_unix = peer->sa_family == AF_UNIX;
	peer_format(peer, conn->peer);
	list_push(&server->connections, &conn->node);
	server->n_connections++;
	connection_set_deadline(conn, server->config.head_timeout_ms);
	return conn;
}

static bool is_known(const struct http_server *server, const struct connection *conn)
{
	struct list *pos;
	struct list *tmp;

	list_for_each(pos, tmp, &server->connections)
		if (pos == &conn->node)
			return true;
	return false;
}

struct connection *connection_add(struct http_server *server, int fd, const struct sockaddr *peer,
				  socklen_t len)
{
	struct connection *conn = connection_new(server, fd, peer);

	if (MHD_add_connection(server->mhd, fd, peer, len) == MHD_YES)
		return conn;
	if (is_known(server, conn))
		connection_free(conn);
	return NULL;
}

void connection_free(struct connection *conn)
{
	list_remove(&conn->node);
	conn->server->n_connections--;
	conn->server->n_leaving -= conn->is_leaving;
	if (conn->link)
		tls_link_detach(conn->link);
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
