/* Exceptions and interrupts on their way from traps.S to C. */
#pragma once

#include <stdint.h>

enum {
	IRQ_FIRST_VECTOR = 32,
	IRQ_LINES = 16,
};

/* As traps.S and the processor push it. */
struct trap_frame {
	uint64_t r15, r14, r13, r12, r11, r10, r9, r8;
	uint64_t rbp, rdi, rsi, rdx, rcx, rbx, rax;
	uint64_t vector;
	uint64_t error_code;
	uint64_t rip, cs, rflags, rsp, ss;
};

/* Called by traps.S only. */
void trap_dispatch(const struct trap_frame *frame);

/* Called by trap_dispatch() only. */
void irq_dispatch(unsigned line);
