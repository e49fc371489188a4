/* PCI by a window of memory for the configuration space (ECAM) and one for the I/O
 * ports, as the device tree describes them. */
#include "kernel/arm64/pci.h"
#include "kernel/arm64/virt.h"
#include "kernel/pci.h"

enum {
	CONFIG_DEVICE_SHIFT = 15,
	REG_ID = 0x00,
	REG_BAR0 = 0x10,
	BAR_IS_IO = 1,
	FIRST_PORT = 0x1000, /* 0 means unassigned to many drivers */
	LAST_PORT = 0xFFFF,
};

static struct pci_host pci_host;

static volatile uint32_t *config(unsigned device, unsigned reg)
{
	return mmio32(pci_host.config + ((uintptr_t)device << CONFIG_DEVICE_SHIFT) + reg);
}

uint32_t pci_read(unsigned device, unsigned reg)
{
	return pci_host.config ? *config(device, reg) : UINT32_MAX;
}

void pci_write(unsigned device, unsigned reg, uint32_t value)
{
	if (pci_host.config)
		*config(device, reg) = value;
}

/* The size of a BAR shows in the bits that it takes. */
static uint32_t assign_ports(unsigned device, uint32_t next)
{
	uint32_t size;

	pci_write(device, REG_BAR0, UINT32_MAX);
	size = (~(pci_read(device, REG_BAR0) & ~3U) + 1) & LAST_PORT;
	if (!size || ((next + size - 1) & ~(size - 1)) + size - 1 > LAST_PORT)
		return next;
	next = (next + size - 1) & ~(size - 1);
	pci_write(device, REG_BAR0, next);
	return next + size;
}

void pci_init(const struct pci_host *host)
{
	uint32_t next = FIRST_PORT;

	pci_host = *host;
	for (unsigned device = 0; device < PCI_DEVICES; device++) {
		if (pci_read(device, REG_ID) != UINT32_MAX &&
		    pci_read(device, REG_BAR0) & BAR_IS_IO)
			next = assign_ports(device, next);
	}
}

unsigned pci_line(unsigned device)
{
	return pci_host.lines[device % PCI_INTX];
}

uint8_t pci_in8(uint16_t port)
{
	return *mmio8(pci_host.ports + port);
}

uint16_t pci_in16(uint16_t port)
{
	return *mmio16(pci_host.ports + port);
}

uint32_t pci_in32(uint16_t port)
{
	return *mmio32(pci_host.ports + port);
}

void pci_out8(uint16_t port, uint8_t value)
{
	*mmio8(pci_host.ports + port) = value;
}

void pci_out16(uint16_t port, uint16_t value)
{
	*mmio16(pci_host.ports + port) = value;
}

void pci_out32(uint16_t port, uint32_t value)
{
	*mmio32(pci_host.ports + port) = value;
}
