/* The interrupt descriptor table, and the end of a crashing guest: an exception
 * here is a bug (or asked for), so it is told on the console and the machine
 * goes down as crashed. */
#include <stddef.h>

#include "kernel/console.h"
#include "kernel/power.h"
#include "kernel/trap.h"
#include "kernel/x86/trap.h"

enum {
	CODE_SELECTOR = 8,
	GATE_INTERRUPT = 0x8E00,
	ENTRY_SIZE = 16, /* .balign in traps.S */
	VECTORS = IRQ_FIRST_VECTOR + IRQ_LINES,
};

struct gate {
	uint16_t offset_low;
	uint16_t selector;
	uint16_t flags;
	uint16_t offset_mid;
	uint32_t offset_high;
	uint32_t reserved;
};

struct __attribute__((packed)) idt_pointer {
	uint16_t limit;
	uint64_t base;
};

extern const char trap_entries[];

static const char *const exception_names[IRQ_FIRST_VECTOR] = {
	[0] = "divide error",        [1] = "debug",        [3] = "breakpoint",
	[6] = "invalid opcode",      [8] = "double fault", [12] = "stack fault",
	[13] = "general protection", [14] = "page fault",  [17] = "alignment check",
};

void trap_init(void)
{
	static struct gate idt[VECTORS];
	struct idt_pointer pointer = { sizeof(idt) - 1, (uintptr_t)idt };

	for (size_t i = 0; i < VECTORS; i++) {
		uint64_t entry = (uintptr_t)trap_entries + i * ENTRY_SIZE;

		idt[i] = (struct gate){
			.offset_low = (uint16_t)entry,
			.selector = CODE_SELECTOR,
			.flags = GATE_INTERRUPT,
			.offset_mid = (uint16_t)(entry >> 16),
			.offset_high = (uint32_t)(entry >> 32),
		};
	}
	__asm__ volatile("lidt %0" : : "m"(pointer));
}

static void print_stack(uint64_t rsp)
{
	const uint64_t *word = (const uint64_t *)rsp;

	/* Only a stack pointer that the kernel itself could have is followed. */
	if (rsp & 7 || rsp < 0x100000 || rsp > 0x40000000)
		return;
	for (int i = 0; i < 8; i += 4)
		console_printf("CRIT: stack %016lx: %016lx %016lx %016lx %016lx\n",
			       (unsigned long)(word + i), (unsigned long)word[i],
			       (unsigned long)word[i + 1], (unsigned long)word[i + 2],
			       (unsigned long)word[i + 3]);
}

static void __attribute__((noreturn)) crash(const struct trap_frame *f)
{
	const char *name = exception_names[f->vector];
	unsigned long cr2;

	__asm__ volatile("mov %%cr2, %0" : "=r"(cr2));
	console_printf("CRIT: crashing: exception %lu (%s), error code 0x%lx\n", f->vector,
		       name ? name : "other", f->error_code);
	console_printf("CRIT: rip %016lx cs %04lx rflags %08lx cr2 %016lx\n", f->rip, f->cs,
		       f->rflags, cr2);
	console_printf("CRIT: rsp %016lx rbp %016lx ss %04lx\n", f->rsp, f->rbp, f->ss);
	console_printf("CRIT: rax %016lx rbx %016lx rcx %016lx rdx %016lx\n", f->rax, f->rbx,
		       f->rcx, f->rdx);
	console_printf("CRIT: rsi %016lx rdi %016lx r8  %016lx r9  %016lx\n", f->rsi, f->rdi, f->r8,
		       f->r9);
	console_printf("CRIT: r10 %016lx r11 %016lx r12 %016lx r13 %016lx\n", f->r10, f->r11,
		       f->r12, f->r13);
	console_printf("CRIT: r14 %016lx r15 %016lx\n", f->r14, f->r15);
	print_stack(f->rsp);
	power_crash();
}

void trap_dispatch(const struct trap_frame *frame)
{
	if (frame->vector < IRQ_FIRST_VECTOR)
		crash(frame);
	irq_dispatch((unsigned)frame->vector - IRQ_FIRST_VECTOR);
}
