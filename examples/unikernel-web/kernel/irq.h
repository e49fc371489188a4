/* Interrupt lines of the machine (the two 8259 controllers', or the GIC's), and
 * sleeping until one fires. */
#pragma once

/* Called with interrupts off; must make the device let go of the line. */
typedef void irq_handler(void *arg);

/* Programs the controller with every line masked. Call trap_init() before. */
void irq_init(void);

/* One handler per line; opens the line. Returns 0, or -1 when the line is taken
 * or does not exist. */
int irq_register(unsigned line, irq_handler *handler, void *arg);

void irq_enable(void);

/* Halts until an interrupt has been handled since the last call. */
void irq_wait(void);
