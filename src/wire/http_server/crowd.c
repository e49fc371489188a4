/* Who has a place when many want one.
 *
 * Whoever has not shown who he is may be asked to leave for a newcomer: the one that has been there longest
 * of those whose request nobody works on, and whose answer is not on its way if there is another. So a crowd that asks nothing keeps nobody out; whoever has a token
 * or comes by the unix socket is left alone. */
#include <arpa/inet.h>
#include <sys/socket.h>

#include "wire/http_server/internal.h"

/* What there is beside those that are on their way out. */
struct crowd {
	unsigned n_strangers;
	unsigned n_same;           /* of them, from the same address */
	struct connection *can_go; /* the oldest; NULL: nobody */
	struct connection *same_can_go;
};

static bool is_stranger(const struct connection *conn)
{
	return !conn->is_unix && !conn->is_trusted && !conn->is_leaving;
}

static bool is_busy(const struct connection *conn)
{
	const struct http_request *r = conn->request;

	return r && (r->is_owned || r->notices & NOTICE_HANDLE);
}

/* Its answer may not have left yet. */
static bool is_being_answered(const struct connection *conn)
{
	return conn->request && conn->request->is_ended;
}

/* Seen after `other`, which may be NULL. */
static bool goes_before(const struct connection *conn, const struct connection *other)
{
	if (is_busy(conn))
		return false;
	return !other || (is_being_answered(other) && !is_being_answered(conn));
}

static struct crowd look(const struct http_server *server, const char *peer)
{
	struct crowd crowd = { 0 };
	struct list *pos;
	struct list *tmp;

	list_for_each(pos, tmp, &server->connections) {
		struct connection *conn = container_of(pos, struct connection, node);

		if (!is_stranger(conn))
			continue;
		bool is_same = str_eq(conn->peer, peer);
		crowd.n_strangers++;
		crowd.n_same += is_same;
		if (goes_before(conn, crowd.can_go))
			crowd.can_go = conn;
		if (is_same && goes_before(conn, crowd.same_can_go))
			crowd.same_can_go = conn;
	}
	return crowd;
}

static bool is_full(const struct http_server *server, const struct crowd *crowd)
{
	const struct http_server_config *c = &server->config;
	unsigned n = server->n_connections - server->n_leaving + server->n_loose;

	return n >= c->max_connections - c->n_reserved || crowd->n_strangers >= c->max_strangers;
}

/* The library sees the end of the socket and closes it. */
static void send_away(struct connection *conn)
{
	conn->is_leaving = true;
	conn->server->n_leaving++;
	shutdown(conn->fd, SHUT_RDWR);
}

bool crowd_has_place(const struct http_server *server)
{
	const struct crowd crowd = look(server, "");

	return !is_full(server, &crowd) || crowd.can_go;
}

bool crowd_admit(struct http_server *server, const struct sockaddr *peer)
{
	char text[INET6_ADDRSTRLEN];

	peer_format(peer, text);
	struct crowd crowd = look(server, text);
	if (crowd.n_same >= server->config.max_of_address) {
		if (!crowd.same_can_go)
			return false;
		send_away(crowd.same_can_go);
		crowd = look(server, text);
	}
	if (!is_full(server, &crowd))
		return true;
	if (!crowd.can_go)
		return false;
	send_away(crowd.can_go);
	return true;
}

void http_request_trust(struct http_request *r)
{
	if (r->conn)
		r->conn->is_trusted = true;
}
