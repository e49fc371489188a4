/* Private: one HTTP/2 session and the streams on it. */
#ifndef HOLM_WIRE_GRPC_SESSION_H
#define HOLM_WIRE_GRPC_SESSION_H

#include <nghttp2/nghttp2.h>

#include "base/base.h"
#include "wire/grpc/grpc.h"

#define GRPC_PREFIX 5 /* compressed flag, length in network order */

struct grpc_conn {
	char *path;
	int fd; /* -1: not connected */
	nghttp2_session *session;
	struct list streams; /* of struct grpc_stream, open or not yet closed by their owner */
};

struct grpc_stream {
	struct list link;
	struct grpc_conn *conn;
	struct grpc_call call;
	int32_t id;
	struct buf out;     /* framed messages on their way */
	size_t out_done;    /* of them handed to the session */
	bool is_last_sent;  /* nothing follows what is in `out` */
	struct buf in;      /* framed messages as they arrived */
	size_t n_held;      /* bytes for which no window was given back yet */
	uint64_t since_ms;  /* when the wait that call.timeout_ms bounds began */
	bool is_unary;      /* one wait for the whole call */
	bool is_ended;      /* nothing more comes: finished, reset, or the connection died */
	bool is_gone;       /* the session knows it no more */
	int error;          /* why it ended without status, as negative errno */
	unsigned http_code; /* 0 until the response's headers are there */
	int status;         /* grpc-status, -1 until it is there */
	char message[ERR_MSG_MAX];
};

/* Connected and able to take another stream; reconnects a dead one. */
int session_ensure(struct grpc_conn *conn, unsigned timeout_ms, struct err *err);
/* Ends every stream with `error`. */
void session_close(struct grpc_conn *conn, int error);
/* Sends what is queued, waits up to `wait_ms` for events and handles them; a connection found
 * dead is closed, which its streams then show. */
void session_step(struct grpc_conn *conn, int wait_ms);
/* What is queued, as far as the socket takes it. */
void session_flush(struct grpc_conn *conn);

/* Bytes of the first message in `in` with its prefix: 0 while its length is not known, -EMSGSIZE,
 * -EPROTO for compressed ones. */
int64_t grpc_frame_size(const struct buf *in);
bool grpc_frame_is_whole(const struct buf *in);

#endif
