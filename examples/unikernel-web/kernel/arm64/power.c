/* PSCI: a guest can only power off, and the host sees no difference between a
 * clean end and a crash. */
#include <stdint.h>

#include "kernel/power.h"

#define PSCI_SYSTEM_OFF 0x84000008UL

void power_hang(void)
{
	for (;;)
		__asm__ volatile("msr daifset, #0xF; wfi");
}

static void __attribute__((noreturn)) power_off(void)
{
	register uint64_t function __asm__("x0") = PSCI_SYSTEM_OFF;

	__asm__ volatile("hvc #0" : "+r"(function) : : "memory");
	power_hang();
}

void power_exit(void)
{
	power_off();
}

void power_crash(void)
{
	power_off();
}
