/* gRPC over HTTP/2 on a unix socket, blocking, for executor threads.
 *
 * A connection belongs to one thread at a time and reconnects by itself: a call that finds it
 * dead before anything was sent opens it anew, once. A connection that dies under a call fails
 * that call with -ECONNRESET. Several streams may be open at once; they advance while any of them
 * is waited for.
 *
 * Errors: the status of a failed call as negative errno (see grpc_status_errno()) with the server's
 * text; -ECONNREFUSED nobody answers at the socket; -ECONNRESET, -EPROTO; -ETIMEDOUT and -ECANCELED
 * by the caller's own limits (the stream is reset); -EMSGSIZE a message above GRPC_MESSAGE_MAX. */
#ifndef HOLM_WIRE_GRPC_GRPC_H
#define HOLM_WIRE_GRPC_GRPC_H

#include "base/base.h"

struct cancel; /* loop/loop.h */

#define GRPC_MESSAGE_MAX (16u << 20)

struct grpc_conn;
/* Connects at the first call. */
struct grpc_conn *grpc_conn_new(const char *socket_path);
struct grpc_conn *grpc_conn_free(struct grpc_conn *conn); /* streams must be closed */
DEFINE_AUTO(grpc_conn_free, struct grpc_conn *)

struct grpc_header {
	const char *name; /* lower case */
	const char *value;
};

/* All borrowed until the call or stream ends. */
struct grpc_call {
	const char *method; /* "/containerd.services.version.v1.Version/Version" */
	const struct grpc_header *metadata;
	size_t n_metadata;
	unsigned timeout_ms; /* of a unary call; of each send and receive of a stream */
	const struct cancel *cancel;
};

/* Sends one message and gives the one answer in `reply`, an initialised buffer. */
int grpc_unary(struct grpc_conn *conn, const struct grpc_call *call, const struct buf *request,
	       struct buf *reply, struct err *err);

/* Streams of messages in both directions; a server stream is one send with is_last. */
struct grpc_stream;
int grpc_stream_open(struct grpc_conn *conn, const struct grpc_call *call, struct grpc_stream **ret,
		     struct err *err);
/* Returns when the transport has taken it; the status if the server ended the stream. */
int grpc_stream_send(struct grpc_stream *stream, const void *data, size_t len, bool is_last,
		     struct err *err);
/* 1: `reply` holds the next message; 0: the server ended the stream with success. */
int grpc_stream_receive(struct grpc_stream *stream, struct buf *reply, struct err *err);
/* Resets it if it has not ended. NULL-safe. */
struct grpc_stream *grpc_stream_close(struct grpc_stream *stream);
DEFINE_AUTO(grpc_stream_close, struct grpc_stream *)

/* Status of https://grpc.github.io/grpc/core/md_doc_statuscodes.html as negative errno: NOT_FOUND
 * -ENOENT, ALREADY_EXISTS -EEXIST, FAILED_PRECONDITION -EBUSY, UNAVAILABLE -EAGAIN, UNIMPLEMENTED
 * -ENOSYS, UNKNOWN and what is not in the list -EIO, … */
int grpc_status_errno(unsigned status);

/* Decodes the percent-encoding of grpc-message; invalid escapes stay as they are. */
void grpc_message_decode(const char *text, size_t len, char *out, size_t size);

#endif
