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
	VIRTIO_ID_9P = 9,
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

/* Whether PCI device `slot` of the root bus is of kind `id`, with its legacy interface. */
bool virtio_pci_at(unsigned slot, unsigned id, struct virtio_device *ret_dev);

/* Whether the registers of a device of kind `id` are at `base`. */
bool virtio_mmio_at(uintptr_t base, unsigned irq, unsigned id, struct virtio_device *ret_dev);

struct cmdline;

/* Number `index`, from 0, of the devices of kind `id`: first those at the command line's
 * windows, then the machine's, then those on PCI. */
bool virtio_find(const struct cmdline *cmdline, unsigned id, unsigned index,
		 struct virtio_device *ret_dev);

/* Resets the device and settles on the wanted features that it offers. Returns
 * false when the device refuses. */
bool virtio_negotiate(const struct virtio_device *dev, uint64_t wanted, uint64_t *ret_features);
