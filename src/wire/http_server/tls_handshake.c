/* The first part of a TLS connection: the handshake, and what turns out to be none. Only when it is done
 * does the library hear of the client. */
#include <netinet/tcp.h>

#include <openssl/err.h>

#include "wire/http_server/internal.h"
#include "wire/http_server/tls.h"

#define PAIR_BYTES (64 << 10)
#define HANDSHAKE  0x16 /* first byte of a TLS connection */

static void refuse_plain(struct tls_link *link)
{
	static const char body[] = "{\"code\":400,\"status\":\"Bad Request\","
				   "\"message\":\"this port speaks HTTPS: use https://\"}\n";
	auto_free char *answer = xasprintf("HTTP/1.1 400 Bad Request\r\n"
					   "Content-Type: application/json\r\n"
					   "Content-Length: %zu\r\nConnection: close\r\n\r\n%s",
					   sizeof(body) - 1, body);

	send(link->fd, answer, strlen(answer), MSG_DONTWAIT | MSG_NOSIGNAL);
	linger_begin(link->server, link->fd);
	tls_link_free(link);
}

static bool is_local(const struct sockaddr_storage *peer)
{
	const struct sockaddr_in *v4 = (const void *)peer;
	const struct sockaddr_in6 *v6 = (const void *)peer;

	if (peer->ss_family == AF_INET)
		return ntohl(v4->sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return peer->ss_family == AF_INET6 && IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr);
}

static void take_plain(struct tls_link *link)
{
	struct http_server *server = link->server;

	if (!server->config.allows_local_plain || !is_local(&link->peer)) {
		refuse_plain(link);
		return;
	}
	tls_link_watch(link, 0);
	connection_add(server, TAKE_FD(link->fd), (const struct sockaddr *)&link->peer,
		       link->peer_len);
	tls_link_free(link);
}

/* The library gets its end of the pair. */
static int connect_library(struct tls_link *link)
{
	struct http_server *server = link->server;
	int ends[2];
	int bytes = PAIR_BYTES;

	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0, ends) < 0)
		return -errno;
	for (int i = 0; i < 2; i++)
		setsockopt(ends[i], SOL_SOCKET, SO_SNDBUF, &bytes, sizeof(bytes));
	link->inner = ends[0];
	server->n_handshakes--;
	list_remove(&link->node);
	list_push(&server->links, &link->node);
	link->conn = connection_add(server, ends[1], (const struct sockaddr *)&link->peer,
				    link->peer_len);
	if (!link->conn)
		return -ECONNABORTED;
	link->conn->link = link;
	server->n_loose--;
	return 0;
}

static void establish(struct tls_link *link)
{
	int r = connect_library(link);

	link->timer = timer_cancel(link->timer);
	if (r < 0) {
		log_debug("tls: connection of a client: %s", strerror(-r));
		tls_link_free(link);
		return;
	}
	run_soon(link->server);
	tls_link_pump(link);
}

static void shake_hands(struct tls_link *link)
{
	unsigned wants = 0;

	ERR_clear_error();
	int n = SSL_accept(link->ssl);
	if (n == 1) {
		establish(link);
		return;
	}
	if (tls_meaning(link->ssl, n, &wants) == TLS_WAIT) {
		tls_link_watch(link, wants);
		return;
	}
	log_debug("tls: handshake: %s", tls_reason());
	tls_link_free(link);
}

static void look_first(struct tls_link *link)
{
	unsigned char first;
	ssize_t n = recv(link->fd, &first, 1, MSG_PEEK | MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		tls_link_free(link);
		return;
	}
	if (first != HANDSHAKE) {
		take_plain(link);
		return;
	}
	link->ssl = tls_accept(link->server->tls, link->fd);
	shake_hands(link);
}

void tls_handshake(struct tls_link *link)
{
	if (link->ssl)
		shake_hands(link);
	else
		look_first(link);
}

static void on_late_handshake(void *arg)
{
	struct tls_link *link = arg;

	link->timer = NULL;
	log_debug("tls: handshake: it takes too long");
	tls_link_free(link);
}

void tls_link_begin(struct http_server *server, int take_fd, const struct sockaddr *peer,
		    socklen_t len)
{
	struct tls_link *link = NEW(struct tls_link);
	int one = 1;

	if (server->n_handshakes >= server->config.max_handshakes)
		tls_link_free(container_of(server->handshakes.next, struct tls_link, node));
	assert(len <= sizeof(link->peer));
	memcpy(&link->peer, peer, len);
	link->peer_len = len;
	link->server = server;
	link->fd = take_fd;
	link->inner = -1;
	buf_init(&link->in, TLS_PIECE);
	buf_init(&link->out, TLS_PIECE);
	list_push(&server->handshakes, &link->node);
	server->n_handshakes++;
	server->n_loose++;
	setsockopt(take_fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	link->timer = timer_start(server->loop, server->config.handshake_timeout_ms,
				  on_late_handshake, link);
	tls_link_watch(link, IO_READ);
}
