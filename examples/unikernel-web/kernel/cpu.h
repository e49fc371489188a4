/* The few instructions that C lacks and that shared code needs. */
#pragma once

#include <stdint.h>

#if defined(__x86_64__)

/* A counter that runs at a constant rate. */
static inline uint64_t cpu_cycles(void)
{
	uint32_t low, high;

	__asm__ volatile("rdtsc" : "=a"(low), "=d"(high));
	return (uint64_t)high << 32 | low;
}

static inline void cpu_relax(void)
{
	__asm__ volatile("pause");
}

/* Orders stores before it for devices that read memory, and loads before it for
 * later ones. On x86 both see memory in order, so that the compiler is all there is
 * to hold. */
static inline void cpu_order(void)
{
	__asm__ volatile("" : : : "memory");
}

/* Orders a store before a later load, too. */
static inline void cpu_barrier(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

#elif defined(__aarch64__)

static inline uint64_t cpu_cycles(void)
{
	uint64_t count;

	__asm__ volatile("isb; mrs %0, cntvct_el0" : "=r"(count) : : "memory");
	return count;
}

static inline void cpu_relax(void)
{
	__asm__ volatile("yield");
}

static inline void cpu_order(void)
{
	__asm__ volatile("dmb sy" : : : "memory");
}

static inline void cpu_barrier(void)
{
	__asm__ volatile("dmb sy" : : : "memory");
}

#else
#error "no such processor"
#endif
