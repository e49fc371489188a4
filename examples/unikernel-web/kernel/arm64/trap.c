/* The vector table, and the end of a crashing guest: an exception here is a bug
 * (or asked for), so it is told on the console and the machine powers off. */
#include <stddef.h>

#include "kernel/arm64/trap.h"
#include "kernel/console.h"
#include "kernel/power.h"
#include "kernel/trap.h"

enum {
	CLASSES = 64,
};

extern const char trap_entries[];

/* Of the syndrome register's exception class. */
static const char *const class_names[CLASSES] = {
	[0x00] = "undefined instruction",
	[0x07] = "floating point",
	[0x21] = "instruction abort",
	[0x22] = "misaligned program counter",
	[0x25] = "data abort",
	[0x26] = "misaligned stack",
	[0x2F] = "system error",
	[0x3C] = "breakpoint",
};

void trap_init(void)
{
	__asm__ volatile("msr vbar_el1, %0; isb" : : "r"(trap_entries) : "memory");
}

static void print_registers(const struct trap_frame *f)
{
	for (size_t i = 0; i < 30; i += 3)
		console_printf("CRIT: x%02zu %016lx x%02zu %016lx x%02zu %016lx\n", i, f->x[i],
			       i + 1, f->x[i + 1], i + 2, f->x[i + 2]);
	console_printf("CRIT: x30 %016lx sp  %016lx\n", f->x[30], f->sp);
}

static void __attribute__((noreturn)) crash(const struct trap_frame *f)
{
	unsigned long syndrome, address;
	const char *name;

	__asm__ volatile("mrs %0, esr_el1" : "=r"(syndrome));
	__asm__ volatile("mrs %0, far_el1" : "=r"(address));
	name = class_names[syndrome >> 26 & (CLASSES - 1)];
	console_printf("CRIT: crashing: exception %lu (%s), syndrome 0x%lx, address %016lx\n",
		       f->vector, name ? name : "other", syndrome, address);
	console_printf("CRIT: pc %016lx spsr %08lx\n", f->elr, f->spsr);
	print_registers(f);
	power_crash();
}

void trap_dispatch(const struct trap_frame *frame)
{
	if (frame->vector != TRAP_VECTOR_IRQ)
		crash(frame);
	irq_dispatch();
}
