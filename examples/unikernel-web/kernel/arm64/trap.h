/* Exceptions and interrupts on their way from traps.S to C. */
#pragma once

#include <stdint.h>

enum {
	TRAP_VECTOR_IRQ = 5, /* of this level, on its own stack */
};

/* As traps.S stores it. */
struct trap_frame {
	uint64_t x[31];
	uint64_t sp;
	uint64_t elr, spsr;
	uint64_t vector;
	uint64_t unused;
};

/* Called by traps.S only. */
void trap_dispatch(const struct trap_frame *frame);

/* Called by trap_dispatch() only. */
void irq_dispatch(void);
