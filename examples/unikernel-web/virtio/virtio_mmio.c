/* virtio over memory-mapped registers, in version 1 (legacy: a page number per
 * queue) and version 2 (an address per ring). */
#include <stddef.h>

#include "virtio/virtio.h"

enum {
	MMIO_MAGIC = 0x74726976, /* "virt" */
	REG_MAGIC = 0x000,
	REG_VERSION = 0x004,
	REG_DEVICE_ID = 0x008,
	REG_DEVICE_FEATURES = 0x010,
	REG_DEVICE_FEATURES_SELECT = 0x014,
	REG_DRIVER_FEATURES = 0x020,
	REG_DRIVER_FEATURES_SELECT = 0x024,
	REG_GUEST_PAGE_SIZE = 0x028,
	REG_QUEUE_SELECT = 0x030,
	REG_QUEUE_MAX = 0x034,
	REG_QUEUE_SIZE = 0x038,
	REG_QUEUE_ALIGN = 0x03C,
	REG_QUEUE_PFN = 0x040,
	REG_QUEUE_READY = 0x044,
	REG_QUEUE_NOTIFY = 0x050,
	REG_IRQ_STATUS = 0x060,
	REG_IRQ_ACK = 0x064,
	REG_STATUS = 0x070,
	REG_QUEUE_DESC = 0x080,
	REG_QUEUE_AVAIL = 0x090,
	REG_QUEUE_USED = 0x0A0,
	REG_CONFIG = 0x100,
	QUEUE_SIZE = 256,
};

static volatile uint32_t *reg(const struct virtio_device *dev, unsigned offset)
{
	return (volatile uint32_t *)(dev->base + offset);
}

static uint64_t mmio_features(const struct virtio_device *dev)
{
	uint64_t features;

	*reg(dev, REG_DEVICE_FEATURES_SELECT) = 1;
	features = *reg(dev, REG_DEVICE_FEATURES);
	*reg(dev, REG_DEVICE_FEATURES_SELECT) = 0;
	return features << 32 | *reg(dev, REG_DEVICE_FEATURES);
}

static void mmio_accept(const struct virtio_device *dev, uint64_t features)
{
	*reg(dev, REG_DRIVER_FEATURES_SELECT) = 1;
	*reg(dev, REG_DRIVER_FEATURES) = (uint32_t)(features >> 32);
	*reg(dev, REG_DRIVER_FEATURES_SELECT) = 0;
	*reg(dev, REG_DRIVER_FEATURES) = (uint32_t)features;
}

static uint8_t mmio_status(const struct virtio_device *dev)
{
	return (uint8_t)*reg(dev, REG_STATUS);
}

static void mmio_set_status(const struct virtio_device *dev, uint8_t status)
{
	*reg(dev, REG_STATUS) = status;
}

static void set_address(const struct virtio_device *dev, unsigned offset, const volatile void *ring)
{
	*reg(dev, offset) = (uint32_t)(uintptr_t)ring;
	*reg(dev, offset + 4) = (uint32_t)((uintptr_t)ring >> 32);
}

static int mmio_queue_setup(const struct virtio_device *dev, unsigned index, struct virtqueue *vq)
{
	uint32_t max;

	*reg(dev, REG_QUEUE_SELECT) = index;
	max = *reg(dev, REG_QUEUE_MAX);
	if (!max)
		return -1;
	virtqueue_init(vq, max < QUEUE_SIZE ? (uint16_t)max : QUEUE_SIZE);
	*reg(dev, REG_QUEUE_SIZE) = vq->size;
	if (dev->is_modern) {
		set_address(dev, REG_QUEUE_DESC, vq->desc);
		set_address(dev, REG_QUEUE_AVAIL, vq->avail);
		set_address(dev, REG_QUEUE_USED, vq->used);
		*reg(dev, REG_QUEUE_READY) = 1;
	} else {
		*reg(dev, REG_GUEST_PAGE_SIZE) = VIRTQUEUE_ALIGN;
		*reg(dev, REG_QUEUE_ALIGN) = VIRTQUEUE_ALIGN;
		*reg(dev, REG_QUEUE_PFN) = (uint32_t)((uintptr_t)vq->memory / VIRTQUEUE_ALIGN);
	}
	return 0;
}

static void mmio_queue_notify(const struct virtio_device *dev, unsigned index)
{
	*reg(dev, REG_QUEUE_NOTIFY) = index;
}

static void mmio_irq_ack(const struct virtio_device *dev)
{
	*reg(dev, REG_IRQ_ACK) = *reg(dev, REG_IRQ_STATUS);
}

static uint8_t mmio_config_read(const struct virtio_device *dev, unsigned offset)
{
	return *(volatile uint8_t *)(dev->base + REG_CONFIG + offset);
}

static const struct virtio_transport transport_mmio = {
	.name = "mmio",
	.features = mmio_features,
	.accept = mmio_accept,
	.status = mmio_status,
	.set_status = mmio_set_status,
	.queue_setup = mmio_queue_setup,
	.queue_notify = mmio_queue_notify,
	.irq_ack = mmio_irq_ack,
	.config_read = mmio_config_read,
};

bool virtio_mmio_at(uintptr_t base, unsigned irq, unsigned id, struct virtio_device *ret_dev)
{
	struct virtio_device dev = { .transport = &transport_mmio, .base = base, .irq = irq };

	if (*reg(&dev, REG_MAGIC) != MMIO_MAGIC || *reg(&dev, REG_DEVICE_ID) != id)
		return false;
	dev.is_modern = *reg(&dev, REG_VERSION) >= 2;
	*ret_dev = dev;
	return true;
}
