/* The 8259 pair, as on every PC and on QEMU's microvm with acpi=off. Interrupts
 * reach the processor through the local APIC's LINT0 where it has one; firmware
 * for the microvm machine leaves that masked, so it is opened here. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "kernel/irq.h"
#include "kernel/x86/io.h"
#include "kernel/x86/trap.h"

enum {
	PIC1 = 0x20,
	PIC2 = 0xA0,
	PIC_DATA = 1,
	PIC_INIT_ICW4 = 0x11,
	PIC_8086 = 0x01,
	PIC_EOI = 0x20,
	CASCADE_LINE = 2,
	CPUID_APIC = 1 << 9,
	APIC_BASE = 0xFEE00000,
	APIC_SPURIOUS = 0xF0,
	APIC_ENABLE = 0x100,
	APIC_LINT0 = 0x350,
	APIC_EXTINT = 0x700,
};

struct irq_line {
	irq_handler *handler;
	void *arg;
};

static struct irq_line irq_lines[IRQ_LINES];
static volatile bool irq_has_fired;

static void apic_open_lint0(void)
{
	volatile uint32_t *apic = (volatile uint32_t *)(uintptr_t)APIC_BASE;

	if (!(cpu_id(1).edx & CPUID_APIC))
		return;
	apic[APIC_SPURIOUS / 4] |= APIC_ENABLE;
	apic[APIC_LINT0 / 4] = APIC_EXTINT;
}

void irq_init(void)
{
	io_out8(PIC1, PIC_INIT_ICW4);
	io_out8(PIC2, PIC_INIT_ICW4);
	io_out8(PIC1 + PIC_DATA, IRQ_FIRST_VECTOR);
	io_out8(PIC2 + PIC_DATA, IRQ_FIRST_VECTOR + 8);
	io_out8(PIC1 + PIC_DATA, 1 << CASCADE_LINE);
	io_out8(PIC2 + PIC_DATA, CASCADE_LINE);
	io_out8(PIC1 + PIC_DATA, PIC_8086);
	io_out8(PIC2 + PIC_DATA, PIC_8086);
	io_out8(PIC1 + PIC_DATA, (uint8_t) ~(1 << CASCADE_LINE));
	io_out8(PIC2 + PIC_DATA, 0xFF);
	apic_open_lint0();
}

int irq_register(unsigned line, irq_handler *handler, void *arg)
{
	uint16_t port = line < 8 ? PIC1 : PIC2;

	if (line >= IRQ_LINES || line == CASCADE_LINE || irq_lines[line].handler)
		return -1;
	irq_lines[line] = (struct irq_line){ handler, arg };
	io_out8(port + PIC_DATA, io_in8(port + PIC_DATA) & (uint8_t) ~(1 << (line & 7)));
	return 0;
}

void irq_enable(void)
{
	__asm__ volatile("sti" : : : "memory");
}

void irq_wait(void)
{
	__asm__ volatile("cli" : : : "memory");
	/* STI takes effect after the next instruction, so no interrupt can slip
	 * in between the check and HLT. */
	if (!irq_has_fired)
		__asm__ volatile("sti; hlt" : : : "memory");
	else
		__asm__ volatile("sti" : : : "memory");
	irq_has_fired = false;
}

void irq_dispatch(unsigned line)
{
	irq_has_fired = true;
	if (irq_lines[line].handler)
		irq_lines[line].handler(irq_lines[line].arg);
	if (line >= 8)
		io_out8(PIC2, PIC_EOI);
	io_out8(PIC1, PIC_EOI);
}
