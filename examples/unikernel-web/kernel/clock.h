/* Time since boot. */
#pragma once

#include <stdint.h>

/* Starts the tick (about 18 a second, it only ends irq_wait()) and measures the
 * time stamp counter, which takes about 10 ms. Call irq_init() before. */
void clock_init(void);

/* Milliseconds since clock_init(); wraps after 49 days. */
uint32_t clock_ms(void);
