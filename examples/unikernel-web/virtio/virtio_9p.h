/* A shared folder's channel: one message out, its answer back. */
#pragma once

#include <stddef.h>

#include "virtio/virtio.h"

enum {
	VIRTIO_9P_MESSAGE = 16384, /* longest message */
	VIRTIO_9P_TAG = 32,
};

struct virtio_9p {
	struct virtio_device dev;
	char tag[VIRTIO_9P_TAG + 1]; /* names the share */
	struct virtqueue requests;
	uint8_t out[VIRTIO_9P_MESSAGE];
	uint8_t in[VIRTIO_9P_MESSAGE];
};

/* Starts the device. Returns 0, or -1 when it refuses. `p` must stay where it is. */
int virtio_9p_init(struct virtio_9p *p, const struct virtio_device *dev);

/* Sends the first `length` bytes of p->out and waits for the answer in p->in. Returns its
 * bytes, or -1 when none came within 10 s, after which the device is not used again. */
long virtio_9p_call(struct virtio_9p *p, size_t length);
