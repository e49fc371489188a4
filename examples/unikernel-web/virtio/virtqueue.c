/* The rings. The one store-then-load, of the notify check, wants a full barrier. */
#include <stddef.h>
#include <string.h>

#include "kernel/cpu.h"
#include "virtio/virtqueue.h"

enum {
	DESC_GOES_ON = 1,
	DESC_DEVICE_WRITES = 2,
	AVAIL_NO_INTERRUPT = 1,
	USED_NO_NOTIFY = 1,
};

void virtqueue_init(struct virtqueue *vq, uint16_t size)
{
	size_t avail_end = 16 * (size_t)size + sizeof(struct vring_avail) + 2 * (size_t)size + 2;
	size_t used_at = (avail_end + VIRTQUEUE_ALIGN - 1) & ~(size_t)(VIRTQUEUE_ALIGN - 1);

	memset(vq->memory, 0, sizeof(vq->memory));
	vq->size = size;
	vq->used_seen = 0;
	vq->desc = (struct vring_desc *)vq->memory;
	vq->avail = (struct vring_avail *)(vq->memory + 16 * (size_t)size);
	vq->used = (volatile struct vring_used *)(vq->memory + used_at);
}

void virtqueue_describe(struct virtqueue *vq, uint16_t id, const void *data, uint32_t length,
			bool device_writes)
{
	vq->desc[id] = (struct vring_desc){
		.address = (uintptr_t)data,
		.length = length,
		.flags = device_writes ? DESC_DEVICE_WRITES : 0,
	};
}

void virtqueue_chain(struct virtqueue *vq, uint16_t id, uint16_t next)
{
	vq->desc[id].flags |= DESC_GOES_ON;
	vq->desc[id].next = next;
}

void virtqueue_submit(struct virtqueue *vq, uint16_t id)
{
	vq->avail->ring[vq->avail->index & (vq->size - 1)] = id;
	cpu_order();
	vq->avail->index++;
	cpu_order();
}

bool virtqueue_wants_notify(const struct virtqueue *vq)
{
	cpu_barrier();
	return !(vq->used->flags & USED_NO_NOTIFY);
}

bool virtqueue_take(struct virtqueue *vq, uint16_t *ret_id, uint32_t *ret_length)
{
	uint16_t slot = vq->used_seen & (vq->size - 1);

	if (vq->used_seen == vq->used->index)
		return false;
	cpu_order();
	*ret_id = (uint16_t)vq->used->ring[slot].id;
	*ret_length = vq->used->ring[slot].length;
	vq->used_seen++;
	return true;
}

void virtqueue_silence(struct virtqueue *vq)
{
	vq->avail->flags = AVAIL_NO_INTERRUPT;
}
