/* virtio over PCI by the legacy interface: registers in an I/O BAR, interrupts
 * on the INTx line. QEMU offers it for every card and share on the root bus. */
#include <stddef.h>

#include "kernel/pci.h"
#include "virtio/virtio.h"

enum {
	PCI_ID = 0x00,
	PCI_COMMAND = 0x04,
	PCI_BAR0 = 0x10,
	PCI_COMMAND_IO_MASTER = 0x5,
	ID_VIRTIO_NET_LEGACY = 0x10001AF4,
	ID_VIRTIO_9P_LEGACY = 0x10091AF4,
	REG_DEVICE_FEATURES = 0x00,
	REG_DRIVER_FEATURES = 0x04,
	REG_QUEUE_PFN = 0x08,
	REG_QUEUE_SIZE = 0x0C,
	REG_QUEUE_SELECT = 0x0E,
	REG_QUEUE_NOTIFY = 0x10,
	REG_STATUS = 0x12,
	REG_ISR = 0x13,
	REG_CONFIG = 0x14,
};

static uint16_t port(const struct virtio_device *dev, unsigned reg)
{
	return (uint16_t)(dev->base + reg);
}

static uint64_t pci_features(const struct virtio_device *dev)
{
	return pci_in32(port(dev, REG_DEVICE_FEATURES));
}

static void pci_accept(const struct virtio_device *dev, uint64_t features)
{
	pci_out32(port(dev, REG_DRIVER_FEATURES), (uint32_t)features);
}

static uint8_t pci_status(const struct virtio_device *dev)
{
	return pci_in8(port(dev, REG_STATUS));
}

static void pci_set_status(const struct virtio_device *dev, uint8_t status)
{
	pci_out8(port(dev, REG_STATUS), status);
}

static int pci_queue_setup(const struct virtio_device *dev, unsigned index, struct virtqueue *vq)
{
	uint16_t size;

	pci_out16(port(dev, REG_QUEUE_SELECT), (uint16_t)index);
	size = pci_in16(port(dev, REG_QUEUE_SIZE));
	if (!size || size > VIRTQUEUE_MAX)
		return -1;
	virtqueue_init(vq, size);
	pci_out32(port(dev, REG_QUEUE_PFN), (uint32_t)((uintptr_t)vq->memory / VIRTQUEUE_ALIGN));
	return 0;
}

static void pci_queue_notify(const struct virtio_device *dev, unsigned index)
{
	pci_out16(port(dev, REG_QUEUE_NOTIFY), (uint16_t)index);
}

static void pci_irq_ack(const struct virtio_device *dev)
{
	/* Reading lowers the line. */
	pci_in8(port(dev, REG_ISR));
}

static uint8_t pci_config_read(const struct virtio_device *dev, unsigned offset)
{
	return pci_in8(port(dev, REG_CONFIG + offset));
}

static const struct virtio_transport transport_pci = {
	.name = "pci",
	.features = pci_features,
	.accept = pci_accept,
	.status = pci_status,
	.set_status = pci_set_status,
	.queue_setup = pci_queue_setup,
	.queue_notify = pci_queue_notify,
	.irq_ack = pci_irq_ack,
	.config_read = pci_config_read,
};

/* Legacy devices have ids of their own (virtio 1.1, section 4.1.2.1). */
static uint32_t pci_id_of(unsigned id)
{
	return id == VIRTIO_ID_9P ? ID_VIRTIO_9P_LEGACY : ID_VIRTIO_NET_LEGACY;
}

bool virtio_pci_at(unsigned slot, unsigned id, struct virtio_device *ret_dev)
{
	uint32_t bar;

	if (pci_read(slot, PCI_ID) != pci_id_of(id))
		return false;
	bar = pci_read(slot, PCI_BAR0);
	if (!(bar & 1) || !(bar & ~3U))
		return false; /* no I/O ports: a modern-only device */
	pci_write(slot, PCI_COMMAND,
		  (pci_read(slot, PCI_COMMAND) & 0xFFFF) | PCI_COMMAND_IO_MASTER);
	*ret_dev = (struct virtio_device){
		.transport = &transport_pci,
		.base = bar & ~3U,
		.irq = pci_line(slot),
	};
	return true;
}
