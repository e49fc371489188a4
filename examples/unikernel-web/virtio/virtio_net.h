/* A network card: frames in and out, one queue each way, no offloads. */
#pragma once

#include <stddef.h>

#include "virtio/virtio.h"

enum {
	VIRTIO_NET_RX = 64,       /* receive buffers */
	VIRTIO_NET_TX = 128,      /* transmit buffers */
	VIRTIO_NET_BUFFER = 2048, /* bytes of a buffer, header and frame */
	VIRTIO_NET_FRAME_MAX = 1514,
};

struct virtio_net {
	struct virtio_device dev;
	uint8_t mac[6];
	size_t header_size;              /* of the header in front of each frame */
	uint16_t tx_free[VIRTIO_NET_TX]; /* stack of free transmit buffers */
	uint16_t tx_free_count;
	struct virtqueue rx, tx;
	uint8_t rx_buffers[VIRTIO_NET_RX][VIRTIO_NET_BUFFER];
	uint8_t tx_buffers[VIRTIO_NET_TX][VIRTIO_NET_BUFFER];
};

/* Starts the card behind `dev` and opens its interrupt line. Returns 0, or -1
 * when the device refuses or its line cannot be had. `net` is large and must
 * stay where it is. */
int virtio_net_init(struct virtio_net *net, const struct virtio_device *dev);

/* Room for one frame to send, or NULL when the host takes none for too long. */
uint8_t *virtio_net_tx_begin(struct virtio_net *net);

/* Sends the frame written to what virtio_net_tx_begin() returned last. */
void virtio_net_tx_end(struct virtio_net *net, size_t length);

/* Hands every received frame to `receive`, which copies it. */
void virtio_net_poll(struct virtio_net *net,
		     void (*receive)(void *arg, const uint8_t *frame, size_t length), void *arg);
