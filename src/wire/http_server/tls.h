/* TLS in front of the library, which sees plain sockets alone (docs/decisions tells why).
 *
 *   client == TLS == link -- socket pair -- library
 *
 * A link begins with the client's connection. When the handshake is done it makes the pair and gives the
 * library one end of it, with the client's address. It ends when the library has closed its end and
 * all has been sent, or when the client has gone. */
#ifndef HOLM_WIRE_HTTP_SERVER_TLS_H
#define HOLM_WIRE_HTTP_SERVER_TLS_H

#include <sys/socket.h>

#include <openssl/ssl.h>

#include "base/base.h"
#include "loop/loop.h"

struct http_server;
struct connection;
struct tls;

#define TLS_PIECE 16384 /* what a record holds (RFC 8446, 5.1), so that none is read in parts */

enum {
	TLS_WAIT = -EAGAIN, /* for the descriptor */
	TLS_BROKEN = -ECONNRESET
};

struct tls_link {
	struct list node; /* on the server's `handshakes` or `links` */
	struct http_server *server;
	SSL *ssl;
	struct sockaddr_storage peer;
	socklen_t peer_len;
	struct connection *conn; /* NULL: not yet, or the library is done with it */

	int fd;    /* the client's */
	int inner; /* our end of the pair, -1: handshake */
	struct io *fd_io;
	struct io *inner_io;
	unsigned fd_events;
	unsigned inner_events;
	struct timer *timer; /* end of the handshake, or a look whether the client takes anything */
	uint64_t progress_ms; /* when the client took something */

	struct buf in;  /* from the client, not taken by the library yet */
	struct buf out; /* from the library, not taken by the client yet */
	unsigned in_wants;
	unsigned out_wants; /* what TLS waits for on the client's descriptor */
	bool client_ended;
	bool is_told;     /* to the library, that the client has ended */
	bool inner_ended; /* the library will send no more */
	bool is_deaf;     /* and takes no more */
	bool is_blocked;  /* the last word to the client */
	bool is_patient;
	bool is_hung; /* the client closed its end, seen while nothing was read */
};

/* tls.c */
struct tls *tls_free(struct tls *tls);
/* The server's end of a TLS connection over the socket, which stays the caller's. */
SSL *tls_accept(struct tls *tls, int fd);
/* Of what a call returned that failed: TLS_WAIT with what it waits for (IO_READ, IO_WRITE), 0 at the
 * client's end, TLS_BROKEN. */
int tls_meaning(SSL *ssl, int result, unsigned *ret_wants);
/* Of the calls that failed last, in words. */
const char *tls_reason(void);

/* tls_handshake.c */
/* Owns the socket. */
void tls_link_begin(struct http_server *server, int take_fd, const struct sockaddr *peer,
		    socklen_t len);
/* Goes on with it when the socket is ready; may free the link. */
void tls_handshake(struct tls_link *link);

/* tls_link.c */
void tls_link_free(struct tls_link *link);
/* Of the client's socket; 0: nothing. */
void tls_link_watch(struct tls_link *link, unsigned events);
void tls_link_ready(void *arg, unsigned events);
/* All that can be moved now; may free the link. */
void tls_link_pump(struct tls_link *link);
/* The library is done with the connection: what it left is still sent. May be called from inside the
 * library. */
void tls_link_detach(struct tls_link *link);
/* The client may take nothing for as long as he likes. */
void tls_link_set_patient(struct tls_link *link);
/* The client's. */
int tls_link_socket(const struct tls_link *link);
/* Whether all answers have left, as http_server_is_flushed() has it. */
bool tls_links_are_flushed(const struct http_server *server);
/* Sends what goes out at once, and closes. */
void tls_links_end(struct http_server *server);

#endif
