/* Streams between a client's request and the node that can serve it (logs, calls, exec, cp).
 *
 * In-process hub: a node registers an opener under its id; whoever opens gets bytes until the end,
 * and may send some. All on the loop's thread. Back-pressure, either way: who sends stops while
 * `is_full` of the other side says so, and is told of room again by `room`. */
#ifndef HOLM_WIRE_STREAM_H
#define HOLM_WIRE_STREAM_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

struct stream_hub;
struct stream;

/* The reading side. `end` runs once and last (err->code 0: all was sent), unless closed before. */
struct stream_reader {
	void (*data)(void *arg, const char *data, size_t len);
	void (*end)(void *arg, const struct err *err);
	bool (*is_full)(void *arg); /* may be NULL: never */
	void (*room)(void *arg);    /* the serving side takes bytes again; may be NULL */
	void *arg;
};

/* The serving side: called for each stream; `request` is JSON text. Sends later, not from inside. */
typedef void (*stream_open_fn)(void *arg, struct stream *stream, const char *request);

struct stream_hub *stream_hub_new(void);
struct stream_hub *stream_hub_free(struct stream_hub *hub);
void stream_hub_register(struct stream_hub *hub, const char *node_id, stream_open_fn open,
			 void *arg);
void stream_hub_unregister(struct stream_hub *hub, const char *node_id);

/* NULL with -EHOSTUNREACH if the node is not connected. The reader is copied. */
struct stream *stream_open(struct stream_hub *hub, const char *node_id, const char *request,
			   const struct stream_reader *reader, struct err *err);
/* By the reader: no further callback; the server is told by its `gone`. */
void stream_close(struct stream *stream);
/* Bytes for the serving side; those that nobody wants are dropped. */
void stream_write(struct stream *stream, const char *data, size_t len);
bool stream_is_clogged(const struct stream *stream); /* the serving side is full */
/* The reader is full no more. */
void stream_drained(struct stream *stream);

/* For the serving side, which may take bytes, too. Callbacks may be NULL. */
struct stream_server {
	void (*take)(void *arg, const char *data, size_t len);
	bool (*is_full)(void *arg);
	void (*room)(void *arg); /* the reader takes bytes again */
	void (*gone)(void *arg); /* the reader has closed: nothing is to be called any more */
	void *arg;
};
void stream_serve_both(struct stream *stream, const struct stream_server *server);
/* The serving side is full no more. */
void stream_accept(struct stream *stream);
void stream_serve(struct stream *stream, void (*gone)(void *arg), void *arg);
void stream_send(struct stream *stream, const char *data, size_t len);
bool stream_is_full(const struct stream *stream);
void stream_end(struct stream *stream, const struct err *err); /* the stream is gone afterwards */

#endif
