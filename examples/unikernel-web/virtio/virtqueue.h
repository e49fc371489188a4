/* One split virtqueue (virtio 1.1, section 2.6) whose buffers are single
 * descriptors or short chains. The rings are laid out as legacy devices demand, which modern
 * ones accept too. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum {
	VIRTQUEUE_MAX = 1024, /* legacy PCI devices choose the size; QEMU's limit */
	VIRTQUEUE_ALIGN = 4096,
	/* Descriptors and available ring, padded to a page, then the used ring. */
	VIRTQUEUE_BYTES = 16 * VIRTQUEUE_MAX + VIRTQUEUE_ALIGN + 8 * VIRTQUEUE_MAX +
			  VIRTQUEUE_ALIGN,
};

struct vring_desc {
	uint64_t address;
	uint32_t length;
	uint16_t flags;
	uint16_t next;
};

struct vring_avail {
	uint16_t flags;
	uint16_t index;
	uint16_t ring[];
};

struct vring_used_entry {
	uint32_t id;
	uint32_t length;
};

struct vring_used {
	uint16_t flags;
	uint16_t index;
	struct vring_used_entry ring[];
};

struct virtqueue {
	struct vring_desc *desc;
	struct vring_avail *avail;
	volatile struct vring_used *used;
	uint16_t size;      /* entries, a power of two */
	uint16_t used_seen; /* how far the used ring has been read */
	uint8_t memory[VIRTQUEUE_BYTES] __attribute__((aligned(VIRTQUEUE_ALIGN)));
};

/* Lays the rings out for `size` entries (at most VIRTQUEUE_MAX) and clears them. */
void virtqueue_init(struct virtqueue *vq, uint16_t size);

/* Describes buffer `id`, once per buffer or whenever its length changes. */
void virtqueue_describe(struct virtqueue *vq, uint16_t id, const void *data, uint32_t length,
			bool device_writes);

/* Makes the buffer of descriptor `id` go on in that of descriptor `next`. */
void virtqueue_chain(struct virtqueue *vq, uint16_t id, uint16_t next);

/* Makes buffer `id` available to the device. */
void virtqueue_submit(struct virtqueue *vq, uint16_t id);

/* Whether the device wants to be notified of submitted buffers. */
bool virtqueue_wants_notify(const struct virtqueue *vq);

/* Takes back one used buffer; false when there is none. */
bool virtqueue_take(struct virtqueue *vq, uint16_t *ret_id, uint32_t *ret_length);

/* Asks the device not to interrupt for this queue. */
void virtqueue_silence(struct virtqueue *vq);
