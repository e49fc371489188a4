/* lwIP on the guest's one network card. */
#pragma once

#include "cmdline.h"
#include "lwip/netif.h"
#include "virtio/virtio_net.h"

struct network {
	struct netif netif;
	struct virtio_net net;
};

/* Finds the card, on PCI or at the MMIO windows of the command line, and brings
 * the interface up with the address given there. Returns 0 or -1, having said on
 * the console why. `network` must stay where it is. */
int network_init(struct network *network, const struct cmdline *cmdline);

/* Hands received frames to lwIP and runs its timers. */
void network_poll(struct network *network);
