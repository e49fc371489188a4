/* The time stamp counter, measured against the 8254. A host that is busy can
 * stretch a measurement, so two in a row must agree. */
#include <stdbool.h>

#include "kernel/clock.h"
#include "kernel/cpu.h"
#include "kernel/irq.h"
#include "kernel/x86/io.h"

enum {
	PIT_CHANNEL0 = 0x40,
	PIT_COMMAND = 0x43,
	PIT_RATE = 0x34,  /* channel 0, low then high byte, mode 2 */
	PIT_LATCH = 0x00, /* channel 0 */
	PIT_HZ = 1193182,
	PIT_IRQ = 0,
	MEASURE_TICKS = PIT_HZ / 200,
	MEASURE_TRIES = 8,
	CPUID_HYPERVISOR = 0x40000000,
	CPUID_TSC_KHZ = 0x40000010,
};

static struct {
	uint64_t start; /* of the counter, at clock_init() */
	uint64_t khz;
} clock;

static uint16_t pit_read(void)
{
	uint16_t low;

	io_out8(PIT_COMMAND, PIT_LATCH);
	low = io_in8(PIT_CHANNEL0);
	return (uint16_t)(low | io_in8(PIT_CHANNEL0) << 8);
}

static uint64_t measure_khz(void)
{
	uint16_t first = pit_read(), elapsed;
	uint64_t start = cpu_cycles(), end;

	do {
		elapsed = (uint16_t)(first - pit_read());
		end = cpu_cycles();
	} while (elapsed < MEASURE_TICKS);
	return (end - start) * PIT_HZ / elapsed / 1000;
}

static uint64_t agreed_khz(void)
{
	uint64_t last = measure_khz(), khz = last;

	for (int i = 0; i < MEASURE_TRIES; i++) {
		khz = measure_khz();
		if (khz * 50 > last * 49 && khz * 49 < last * 50)
			break;
		last = khz;
	}
	return khz ? khz : 1;
}

/* Hypervisors that know the frequency say so. */
static uint64_t hypervisor_khz(void)
{
	struct cpuid features = cpu_id(1), range = cpu_id(CPUID_HYPERVISOR);

	if (!(features.ecx & 1U << 31) || range.eax < CPUID_TSC_KHZ)
		return 0;
	return cpu_id(CPUID_TSC_KHZ).eax;
}

static void tick(void *arg)
{
	(void)arg;
}

void clock_init(void)
{
	io_out8(PIT_COMMAND, PIT_RATE);
	io_out8(PIT_CHANNEL0, 0);
	io_out8(PIT_CHANNEL0, 0);
	clock.start = cpu_cycles();
	clock.khz = hypervisor_khz();
	if (!clock.khz)
		clock.khz = agreed_khz();
	irq_register(PIT_IRQ, tick, 0);
}

uint32_t clock_ms(void)
{
	return (uint32_t)((cpu_cycles() - clock.start) / clock.khz);
}
