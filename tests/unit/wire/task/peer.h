/* The other end of a shim's connections: a client that calls it, and frames as they are. All waiting has
 * a deadline, beyond which the test fails. */
#ifndef HOLM_TESTS_WIRE_TASK_PEER_H
#define HOLM_TESTS_WIRE_TASK_PEER_H

#include <task.pb-c.h>

#include "base/base.h"

#define PEER_WAIT_MS  20000
#define PEER_KEPT_MAX 8
#define PEER_HEAD     10 /* bytes before what is in a frame */

#define PEER_TASK   "containerd.task.v2.Task"
#define PEER_EVENTS "containerd.services.events.ttrpc.v1.Events"

struct frame {
	uint32_t stream;
	uint8_t type; /* 1 request, 2 response */
	uint8_t *data;
	size_t len;
};
bool frame_read(int fd, struct frame *ret); /* false: the connection has ended */
void frame_add(struct buf *out, const struct frame *frame);
void frame_fini(struct frame *frame);
void frame_write(int fd, const struct frame *frame);

struct request {
	const char *service;
	const char *method;
	const void *message; /* NULL: nothing */
};
void request_add(struct buf *out, uint32_t stream, const struct request *request);

struct peer {
	int fd;
	uint32_t stream;
	struct frame kept[PEER_KEPT_MAX]; /* answers that came before they were asked for */
	size_t n_kept;
};
/* What a call has brought. */
struct answer {
	int code; /* of its status, 0: none */
	char why[256];
	void *message; /* NULL if there is a status, or no descriptor was given */
};

int peer_dial(const char *path); /* a descriptor */
bool peer_can_dial(const char *path);
void peer_open(struct peer *peer, const char *path);
void peer_close(struct peer *peer);
void peer_write(int fd, const void *data, size_t len);
void peer_wait_readable(int fd);
uint32_t peer_send(struct peer *peer, const char *method, const void *message);
/* The answer to that call; others are kept. `ret->message` is of the descriptor's type. */
void peer_await(struct peer *peer, uint32_t stream, const ProtobufCMessageDescriptor *type,
		struct answer *ret);
void answer_parse(const struct frame *frame, const ProtobufCMessageDescriptor *type,
		  struct answer *ret);
void answer_fini(struct answer *answer);

#endif
