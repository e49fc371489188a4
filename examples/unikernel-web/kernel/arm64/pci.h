/* What the device tree says of the PCI host, for pci.c. */
#pragma once

#include <stdint.h>

enum {
	PCI_INTX = 4, /* lines that the devices share */
};

struct pci_host {
	uintptr_t config;         /* configuration space, 4 KiB a function; 0: no PCI */
	uintptr_t ports;          /* where the I/O ports are in memory */
	unsigned lines[PCI_INTX]; /* of INTA of the devices 0 to 3, then again from 0 */
};

/* Notes the host and gives the devices their I/O ports; there is no firmware that did. */
void pci_init(const struct pci_host *host);
