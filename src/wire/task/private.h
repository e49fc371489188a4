/* Private: frames and messages. */
#ifndef HOLM_WIRE_TASK_PRIVATE_H
#define HOLM_WIRE_TASK_PRIVATE_H

#include <task.pb-c.h>

#include <protobuf-c/protobuf-c.h>

#include "wire/task/task.h"

/* ttrpc: length (4 bytes, big endian), stream (4), type (1), flags (1), as many bytes as the length. */
#define TTRPC_HEAD 10
#define TTRPC_MAX  ((size_t)4 << 20)

enum ttrpc_type { TTRPC_REQUEST = 1, TTRPC_RESPONSE = 2 };

struct ttrpc_frame {
	uint32_t stream;
	uint8_t type;
	const uint8_t *data;
	size_t len;
};

/* One end of a connection: bytes as they come, to whole frames, and frames to bytes as there is room. */
struct ttrpc_link {
	struct loop *loop;
	int fd;
	struct io *io;
	unsigned events; /* that it waits for */
	struct buf in;
	struct buf out;
	void (*on_frame)(void *arg, const struct ttrpc_frame *frame);
	void (*on_end)(void *arg); /* in which it may be freed */
	void *arg;
	bool is_broken;
};
void ttrpc_link_init(struct ttrpc_link *link, int take_fd);
void ttrpc_link_fini(struct ttrpc_link *link);
/* Not from inside on_frame: a link that breaks is noticed in a later turn. */
void ttrpc_send(struct ttrpc_link *link, const struct ttrpc_frame *head, const void *message);
void ttrpc_flush(struct ttrpc_link *link);

/* A packed message: its bytes, the caller's. */
uint8_t *message_pack(const void *message, size_t *ret_len);
void message_any(const char *type, const void *message,
		 Task__Any *ret); /* `value.data`: the caller's */
void message_time(const struct timespec *at, Task__Time *ret);

static inline char *message_str(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

struct task_call {
	struct list node;        /* of its connection */
	struct ttrpc_link *link; /* NULL: it has gone */
	uint32_t stream;
	struct task_request request;
	ProtobufCMessage *message; /* which `request` points into */
	ProtobufCMessage *options; /* as well */
	struct task_mount *mounts;
};
/* -ENOTSUP: an unknown method; -EINVAL. */
int request_parse(const char *method, const ProtobufCBinaryData *payload, struct task_call *call,
		  struct err *err);
void request_fini(struct task_call *call);

#endif
