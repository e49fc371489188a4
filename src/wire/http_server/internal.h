/* Inside of the server: connections, and requests with their answers.
 *
 * A request has two ends. The connection's end is let go in the library's completion callback
 * (`conn` becomes NULL), the owner's by http_reply() or http_stream_end(); whichever is the last
 * frees it. Callbacks of ours never run from inside the library: they are noted and called after
 * it has returned. */
#ifndef HOLM_WIRE_HTTP_SERVER_INTERNAL_H
#define HOLM_WIRE_HTTP_SERVER_INTERNAL_H

#include <netinet/in.h>
#include <sys/socket.h>

#include <microhttpd.h>

#include "base/base.h"
#include "loop/loop.h"
#include "wire/http_server/http_server.h"

struct listener {
	struct list node;
	struct http_server *server;
	int fd;
	char *unix_path; /* NULL: TCP */
	bool is_tls;
	struct io *io;       /* NULL while paused */
	struct timer *timer; /* ends a pause for want of descriptors */
};

struct http_server {
	struct loop *loop;
	struct http_server_config config;
	struct MHD_Daemon *mhd;
	struct io *io;           /* of the library's epoll descriptor */
	struct timer *run_timer; /* when it wants to run next */
	struct list listeners;
	struct list connections;
	unsigned n_connections;
	unsigned n_leaving; /* of these */
	struct list lingering;
	unsigned n_lingering;
	struct tls *tls; /* NULL: no certificate yet */
	struct list handshakes;
	unsigned n_handshakes;
	struct list links;
	unsigned n_loose; /* links without a connection: handshakes, and what is still being sent */
	struct list due;  /* requests with notices */
	bool is_running;  /* inside run_now() */
};

struct connection {
	struct list node;
	struct http_server *server;
	struct MHD_Connection *mhd;
	int fd;                /* the library's; ours to shut down */
	struct tls_link *link; /* what stands between it and the client; NULL: nothing */
	bool is_unix;
	bool is_trusted;
	bool is_leaving; /* for another client */
	bool is_refused; /* with a body that was not read */
	char peer[INET6_ADDRSTRLEN];
	struct http_request *request; /* the one in progress */
	uint64_t deadline_ms;         /* it is cut off then; 0: never */
	struct timer *timer;
	uint64_t timer_ms; /* when that fires, may be before the deadline */
	struct io *hangup; /* while the library does not look at the socket */
};

enum notice { NOTICE_HANDLE = 1, NOTICE_GONE = 2, NOTICE_ROOM = 4, NOTICE_EARLY = 8 };

struct http_request {
	struct list node; /* on the server's `due` */
	struct connection *conn;
	unsigned notices;  /* callbacks that wait */
	bool is_owned;     /* somebody has to answer it */
	bool is_suspended; /* the library leaves the connection alone until it is resumed */

	char method[16];
	char *target; /* as received */
	char *path;
	struct strv params;  /* name, value, name, value */
	struct strv headers; /* the same */
	struct buf body;
	bool is_known;    /* headers were seen */
	bool is_ignored;  /* the body */
	size_t n_ignored; /* bytes of it */
	bool is_too_large;
	bool is_unix;
	char peer[INET6_ADDRSTRLEN];

	void (*gone)(void *arg);
	void *gone_arg;
	void (*room)(void *arg);
	void *room_arg;

	struct strv answer_headers; /* name, value */
	char *reply;
	size_t reply_len;
	struct buf stream; /* not sent yet */
	bool is_stream;
	bool is_starved; /* a write was refused */
	bool is_ended;   /* the answer is whole */
	bool is_cut;

	/* After an upgrade; is_stream is set, too. */
	bool is_upgraded;
	struct MHD_UpgradeResponseHandle *upgrade; /* NULL: not yet, or given back */
	struct io *io;
	unsigned io_events;
	struct buf early; /* came with the request */
	bool is_unwanted; /* what the client sends */
	void (*take)(void *arg, const char *data, size_t len);
	void *take_arg;
};

/* request.c */
struct http_request *request_new(struct connection *conn, const char *target);
void request_free(struct http_request *request);
/* 0, or the status to refuse it with. */
unsigned request_parse_head(struct http_request *request, const char *method);

/* server.c */
void notice(struct http_request *request, enum notice notice);
void run_soon(struct http_server *server);
void suspend(struct http_request *request);
void resume(struct http_request *request);
/* Notes when the client goes away, which the library does not for a suspended connection. */
void watch_hangup(struct connection *conn);

/* connection.c */
/* Hands a socket to the library, which closes it, also if it refuses it: NULL then. Who the client is
 * tells `peer` alone: the socket itself may be one between us and a link. */
struct connection *connection_add(struct http_server *server, int fd, const struct sockaddr *peer,
				  socklen_t len);
void connection_free(struct connection *conn);
/* The connection is cut off then; 0: not at all. */
void connection_set_deadline(struct connection *conn, uint64_t delay_ms);

/* "" for a unix socket. */
void peer_format(const struct sockaddr *peer, char ret[INET6_ADDRSTRLEN]);

/* crowd.c */
/* Whether one more TCP client may come, or somebody would leave for him. */
bool crowd_has_place(const struct http_server *server);
/* Makes room for one from this address; false: there is none. */
bool crowd_admit(struct http_server *server, const struct sockaddr *peer);

/* answer.c */
int answer_now(struct http_request *r, unsigned status);

/* upgrade.c */
/* Something was written, or the end. */
void upgrade_flush(struct http_request *r);
void upgrade_take_early(struct http_request *r);
/* Gives the connection back to the library, which ends it. */
void upgrade_close(struct http_request *r);

/* linger.c */
void linger_begin(struct http_server *server, int fd);
void linger_end_all(struct http_server *server);

/* listener.c */
void listener_free(struct listener *listener);
/* Accepts again where the limits allow it. */
void listeners_continue(struct http_server *server);

#endif
