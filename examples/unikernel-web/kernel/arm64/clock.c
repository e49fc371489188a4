/* The generic timer, which tells its frequency. */
#include "kernel/arm64/virt.h"
#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"

enum {
	TICKS_PER_SECOND = 18,
	TIMER_ON = 1,
};

static struct {
	uint64_t start; /* of the counter, at clock_init() */
	uint64_t hz;
} clock;

static void arm_timer(void)
{
	__asm__ volatile("msr cntv_tval_el0, %0" : : "r"(clock.hz / TICKS_PER_SECOND));
	__asm__ volatile("msr cntv_ctl_el0, %0; isb" : : "r"((uint64_t)TIMER_ON));
}

static void tick(void *arg)
{
	(void)arg;
	arm_timer();
}

void clock_init(void)
{
	__asm__ volatile("mrs %0, cntfrq_el0" : "=r"(clock.hz));
	if (!clock.hz)
		clock.hz = 1;
	clock.start = cpu_cycles();
	irq_register(VIRT_TIMER_LINE, tick, 0);
	arm_timer();
}

uint32_t clock_ms(void)
{
	return (uint32_t)((cpu_cycles() - clock.start) * 1000 / clock.hz);
}
