/* Streams between a client's request and the node that can serve it (logs, later exec and cp).
 *
 * In-process hub: a node registers an opener under its id; whoever opens gets bytes until the end.
 * All on the loop's thread. Back-pressure: the serving side stops while `is_full` says so. */
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

/* For the serving side. */
void stream_serve(struct stream *stream, void (*gone)(void *arg), void *arg);
void stream_send(struct stream *stream, const char *data, size_t len);
bool stream_is_full(const struct stream *stream);
void stream_end(struct stream *stream, const struct err *err); /* the stream is gone afterwards */

#endif
