/* Where QEMU's `virt` machine has what every program on it needs, and registers there.
 * Everything else is looked up in the device tree. */
#pragma once

#include <stdint.h>

enum {
	VIRT_GIC_DISTRIBUTOR = 0x08000000,
	VIRT_GIC_CPU = 0x08010000,
	VIRT_UART = 0x09000000,
	VIRT_TIMER_LINE = 27, /* the virtual timer's private interrupt */
};

static inline volatile uint8_t *mmio8(uintptr_t address)
{
	return (volatile uint8_t *)address;
}

static inline volatile uint16_t *mmio16(uintptr_t address)
{
	return (volatile uint16_t *)address;
}

static inline volatile uint32_t *mmio32(uintptr_t address)
{
	return (volatile uint32_t *)address;
}
