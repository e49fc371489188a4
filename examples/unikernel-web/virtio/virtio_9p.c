/* virtio 9P transport (device 9): one chain of a message and of room for its answer. The device
 * is polled, as there is nothing else to do meanwhile. */
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "virtio/virtio_9p.h"

#define VIRTIO_9P_F_MOUNT_TAG (1ULL << 0)

enum {
	DESC_OUT = 0,
	DESC_IN = 1,
	CONFIG_TAG_LENGTH = 0,
	CONFIG_TAG = 2,
	DEADLINE_MS = 10000,
};

static void read_tag(struct virtio_9p *p)
{
	const struct virtio_transport *t = p->dev.transport;
	size_t length = t->config_read(&p->dev, CONFIG_TAG_LENGTH);

	/* A longer one cannot be named; it has a high byte or does not fit. */
	if (t->config_read(&p->dev, CONFIG_TAG_LENGTH + 1) || length > VIRTIO_9P_TAG)
		length = 0;
	for (size_t i = 0; i < length; i++)
		p->tag[i] = (char)t->config_read(&p->dev, CONFIG_TAG + (unsigned)i);
	p->tag[length] = '\0';
}

int virtio_9p_init(struct virtio_9p *p, const struct virtio_device *dev)
{
	const struct virtio_transport *t = dev->transport;
	uint64_t features;

	p->dev = *dev;
	if (!virtio_negotiate(dev, VIRTIO_9P_F_MOUNT_TAG | VIRTIO_F_ANY_LAYOUT | VIRTIO_F_VERSION_1,
			      &features))
		return -1;
	read_tag(p);
	if (t->queue_setup(dev, 0, &p->requests))
		return -1;
	virtqueue_silence(&p->requests);
	t->set_status(dev, t->status(dev) | VIRTIO_STATUS_DRIVER_OK);
	return 0;
}

long virtio_9p_call(struct virtio_9p *p, size_t length)
{
	struct virtqueue *vq = &p->requests;
	uint32_t start = clock_ms(), answer;
	uint16_t id;

	if (!p->dev.transport)
		return -1;
	virtqueue_describe(vq, DESC_OUT, p->out, (uint32_t)length, false);
	virtqueue_describe(vq, DESC_IN, p->in, sizeof(p->in), true);
	virtqueue_chain(vq, DESC_OUT, DESC_IN);
	virtqueue_submit(vq, DESC_OUT);
	if (virtqueue_wants_notify(vq))
		p->dev.transport->queue_notify(&p->dev, 0);
	while (!virtqueue_take(vq, &id, &answer)) {
		if (clock_ms() - start > DEADLINE_MS) {
			p->dev.transport->set_status(&p->dev, 0);
			p->dev.transport = NULL;
			return -1;
		}
		cpu_relax();
	}
	return answer <= sizeof(p->in) ? (long)answer : -1;
}
