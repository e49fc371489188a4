/* A virtio device behind either transport (virtio 1.1, sections 2.1, 4.1.4.8
 * "legacy PCI", 4.2 "MMIO"), and its queues. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "virtio/virtqueue.h"

enum virtio_status {
	VIRTIO_STATUS_ACKNOWLEDGE = 1,
	VIRTIO_STATUS_DRIVER = 2,
	VIRTIO_STATUS_DRIVER_OK = 4,
	VIRTIO_STATUS_FEATURES_OK = 8,
	VIRTIO_STATUS_FAILED = 128,
};

#define VIRTIO_F_ANY_LAYOUT (1ULL << 27)
#define VIRTIO_F_VERSION_1  (1ULL << 32)

enum {
	VIRTIO_ID_NET = 1,
};

struct virtio_device;

struct virtio_transport {
	const char *name;
	uint64_t (*features)(const struct virtio_device *dev);
	void (*accept)(const struct virtio_device *dev, uint64_t features);
	uint8_t (*status)(const struct virtio_device *dev);
	void (*set_status)(const struct virtio_device *dev, uint8_t status);
	int (*queue_setup)(const struct virtio_device *dev, unsigned index, struct virtqueue *vq);
	void (*queue_notify)(const struct virtio_device *dev, unsigned index);
	void (*irq_ack)(const struct virtio_device *dev);
	uint8_t (*config_read)(const struct virtio_device *dev, unsigned offset);
};

struct virtio_device {
	const struct virtio_transport *transport;
	uintptr_t base; /* I/O port or address of the registers */
	unsigned irq;   /* line of the 8259 pair */
	bool is_modern; /* virtio 1.0 or later; else the interface before it */
};

/* The first network card on PCI bus 0; false when there is none. */
bool virtio_pci_find_net(struct virtio_device *ret_dev);

/* Whether a network card's registers are at `base`. */
bool virtio_mmio_find_net(uintptr_t base, unsigned irq, struct virtio_device *ret_dev);

/* Resets the device and settles on the wanted features that it offers. Returns
 * false when the device refuses. */
bool virtio_negotiate(const struct virtio_device *dev, uint64_t wanted, uint64_t *ret_features);
