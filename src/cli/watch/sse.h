/* Server-sent events (WHATWG HTML, 9.2), the part that a program needs: id, event, data. Lines end
 * with LF or CRLF. */
#ifndef HOLM_CLI_WATCH_SSE_H
#define HOLM_CLI_WATCH_SSE_H

#include "base/base.h"

#define SSE_EVENT_MAX ((size_t)1 << 20) /* bytes of one event's data, and of a line */

/* `data` has its lines joined by LF. A comment (heartbeat) is no event. */
typedef void (*sse_fn)(void *arg, const char *id, const char *event, const char *data);

struct sse {
	struct buf line;
	struct buf data;
	char id[64]; /* of the last event that had one */
	char event[64];
	bool has_data;
	sse_fn fn;
	void *arg;
};

void sse_init(struct sse *sse, sse_fn fn, void *arg);
void sse_fini(struct sse *sse);
/* Takes any piece of the stream. -E2BIG if an event is larger than SSE_EVENT_MAX. */
int sse_feed(struct sse *sse, const char *data, size_t len, struct err *err);

#endif
