/* The root bus of the machine's PCI host, and its I/O space. */
#pragma once

#include <stdint.h>

enum {
	PCI_DEVICES = 32,
};

/* The configuration space of a device (function 0) on bus 0; `reg` is a multiple of 4.
 * All ones where there is none. */
uint32_t pci_read(unsigned device, unsigned reg);
void pci_write(unsigned device, unsigned reg, uint32_t value);

/* The line for irq_register() on which the device's INTA arrives. */
unsigned pci_line(unsigned device);

uint8_t pci_in8(uint16_t port);
uint16_t pci_in16(uint16_t port);
uint32_t pci_in32(uint16_t port);
void pci_out8(uint16_t port, uint8_t value);
void pci_out16(uint16_t port, uint16_t value);
void pci_out32(uint16_t port, uint32_t value);
