/* PCI by the ports of a PC; its firmware has assigned addresses and lines. */
#include "kernel/pci.h"
#include "kernel/x86/io.h"

#define PCI_ENABLE 0x80000000U

enum {
	PCI_ADDRESS = 0xCF8,
	PCI_DATA = 0xCFC,
	PCI_INTERRUPT = 0x3C,
};

uint32_t pci_read(unsigned device, unsigned reg)
{
	io_out32(PCI_ADDRESS, PCI_ENABLE | device << 11 | reg);
	return io_in32(PCI_DATA);
}

void pci_write(unsigned device, unsigned reg, uint32_t value)
{
	io_out32(PCI_ADDRESS, PCI_ENABLE | device << 11 | reg);
	io_out32(PCI_DATA, value);
}

unsigned pci_line(unsigned device)
{
	return pci_read(device, PCI_INTERRUPT) & 0xFF;
}

uint8_t pci_in8(uint16_t port)
{
	return io_in8(port);
}

uint16_t pci_in16(uint16_t port)
{
	return io_in16(port);
}

uint32_t pci_in32(uint16_t port)
{
	return io_in32(port);
}

void pci_out8(uint16_t port, uint8_t value)
{
	io_out8(port, value);
}

void pci_out16(uint16_t port, uint16_t value)
{
	io_out16(port, value);
}

void pci_out32(uint16_t port, uint32_t value)
{
	io_out32(port, value);
}
