/* The GICv2. Lines are its interrupt ids: from 16 on those of the processor itself,
 * from 32 on those of devices. */
#include <stdbool.h>
#include <stddef.h>

#include "kernel/arm64/trap.h"
#include "kernel/arm64/virt.h"
#include "kernel/irq.h"

enum {
	LINES = 288, /* `virt` has 256 for devices */
	FIRST_SHARED = 32,
	GICD_CTLR = 0x000,
	GICD_ISENABLER = 0x100,
	GICD_ICENABLER = 0x180,
	GICD_IPRIORITYR = 0x400,
	GICD_ITARGETSR = 0x800,
	GICC_CTLR = 0x00,
	GICC_PMR = 0x04,
	GICC_IAR = 0x0C,
	GICC_EOIR = 0x10,
	ID_MASK = 0x3FF,
	PRIORITY = 0xA0,
	PRIORITY_ANY = 0xFF,
	THIS_CPU = 1,
};

struct irq_line {
	irq_handler *handler;
	void *arg;
};

static struct irq_line irq_lines[LINES];
static volatile bool irq_has_fired;

void irq_init(void)
{
	for (unsigned i = 0; i < LINES; i += 32)
		*mmio32(VIRT_GIC_DISTRIBUTOR + GICD_ICENABLER + i / 8) = UINT32_MAX;
	for (unsigned i = 0; i < LINES; i++)
		*mmio8(VIRT_GIC_DISTRIBUTOR + GICD_IPRIORITYR + i) = PRIORITY;
	for (unsigned i = FIRST_SHARED; i < LINES; i++)
		*mmio8(VIRT_GIC_DISTRIBUTOR + GICD_ITARGETSR + i) = THIS_CPU;
	*mmio32(VIRT_GIC_DISTRIBUTOR + GICD_CTLR) = 1;
	*mmio32(VIRT_GIC_CPU + GICC_PMR) = PRIORITY_ANY;
	*mmio32(VIRT_GIC_CPU + GICC_CTLR) = 1;
}

int irq_register(unsigned line, irq_handler *handler, void *arg)
{
	if (line >= LINES || irq_lines[line].handler)
		return -1;
	irq_lines[line] = (struct irq_line){ handler, arg };
	*mmio32(VIRT_GIC_DISTRIBUTOR + GICD_ISENABLER + line / 32 * 4) = 1U << line % 32;
	return 0;
}

void irq_enable(void)
{
	__asm__ volatile("msr daifclr, #2" : : : "memory");
}

void irq_wait(void)
{
	__asm__ volatile("msr daifset, #2" : : : "memory");
	/* A masked interrupt ends WFI too, so that none can slip in between. */
	if (!irq_has_fired)
		__asm__ volatile("dsb sy; wfi" : : : "memory");
	__asm__ volatile("msr daifclr, #2; isb" : : : "memory");
	irq_has_fired = false;
}

void irq_dispatch(void)
{
	uint32_t taken = *mmio32(VIRT_GIC_CPU + GICC_IAR);
	uint32_t line = taken & ID_MASK;

	if (line >= LINES)
		return; /* gone again */
	irq_has_fired = true;
	if (irq_lines[line].handler)
		irq_lines[line].handler(irq_lines[line].arg);
	*mmio32(VIRT_GIC_CPU + GICC_EOIR) = taken;
}
