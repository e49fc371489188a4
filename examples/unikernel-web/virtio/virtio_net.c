/* The card owns its buffers and frames are copied, which costs little beside
 * the exits to the host and leaves no lifetime to track. */
#include <string.h>

#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "virtio/virtio_net.h"

#define VIRTIO_NET_F_MAC (1ULL << 5)

enum {
	QUEUE_RX = 0,
	QUEUE_TX = 1,
	HEADER_LEGACY = 10,
	HEADER_MODERN = 12,
	TX_TRIES = 1000000,
};

static void on_irq(void *arg)
{
	struct virtio_net *net = arg;

	net->dev.transport->irq_ack(&net->dev);
}

static void notify(struct virtio_net *net, struct virtqueue *vq, unsigned index)
{
	if (virtqueue_wants_notify(vq))
		net->dev.transport->queue_notify(&net->dev, index);
}

static void fill_queues(struct virtio_net *net)
{
	for (uint16_t i = 0; i < VIRTIO_NET_RX && i < net->rx.size; i++) {
		virtqueue_describe(&net->rx, i, net->rx_buffers[i], VIRTIO_NET_BUFFER, true);
		virtqueue_submit(&net->rx, i);
	}
	for (uint16_t i = 0; i < VIRTIO_NET_TX && i < net->tx.size; i++)
		net->tx_free[net->tx_free_count++] = i;
	virtqueue_silence(&net->tx);
}

int virtio_net_init(struct virtio_net *net, const struct virtio_device *dev)
{
	const struct virtio_transport *t = dev->transport;
	uint64_t features;
	uint8_t status;

	net->dev = *dev;
	net->tx_free_count = 0;
	if (!virtio_negotiate(dev, VIRTIO_NET_F_MAC | VIRTIO_F_ANY_LAYOUT | VIRTIO_F_VERSION_1,
			      &features))
		return -1;
	net->header_size = features & VIRTIO_F_VERSION_1 ? HEADER_MODERN : HEADER_LEGACY;
	for (unsigned i = 0; i < sizeof(net->mac); i++)
		net->mac[i] = t->config_read(dev, i);
	if (t->queue_setup(dev, QUEUE_RX, &net->rx) || t->queue_setup(dev, QUEUE_TX, &net->tx))
		return -1;
	fill_queues(net);
	if (irq_register(dev->irq, on_irq, net))
		return -1;
	status = t->status(dev);
	t->set_status(dev, status | VIRTIO_STATUS_DRIVER_OK);
	t->queue_notify(dev, QUEUE_RX);
	return 0;
}

static void reclaim(struct virtio_net *net)
{
	uint32_t length;
	uint16_t id;

	while (virtqueue_take(&net->tx, &id, &length))
		net->tx_free[net->tx_free_count++] = id;
}

uint8_t *virtio_net_tx_begin(struct virtio_net *net)
{
	uint8_t *buffer;

	reclaim(net);
	for (int i = 0; i < TX_TRIES && !net->tx_free_count; i++) {
		cpu_relax();
		reclaim(net);
	}
	if (!net->tx_free_count)
		return NULL;
	buffer = net->tx_buffers[net->tx_free[net->tx_free_count - 1]];
	memset(buffer, 0, net->header_size);
	return buffer + net->header_size;
}

void virtio_net_tx_end(struct virtio_net *net, size_t length)
{
	uint16_t id = net->tx_free[--net->tx_free_count];

	virtqueue_describe(&net->tx, id, net->tx_buffers[id], (uint32_t)(net->header_size + length),
			   false);
	virtqueue_submit(&net->tx, id);
	notify(net, &net->tx, QUEUE_TX);
}

void virtio_net_poll(struct virtio_net *net,
		     void (*receive)(void *arg, const uint8_t *frame, size_t length), void *arg)
{
	bool has_taken = false;
	uint32_t length;
	uint16_t id;

	while (virtqueue_take(&net->rx, &id, &length)) {
		if (length > net->header_size && length <= VIRTIO_NET_BUFFER)
			receive(arg, net->rx_buffers[id] + net->header_size,
				length - net->header_size);
		virtqueue_submit(&net->rx, id);
		has_taken = true;
	}
	if (has_taken)
		notify(net, &net->rx, QUEUE_RX);
}
