/* Ports by which Unikraft guests end on QEMU: isa-debug-exit at 0x501 makes QEMU
 * exit with twice the value plus one; the ACPI register of `pc` and `q35` powers
 * off; a port without a device ignores the write. */
#include "kernel/power.h"
#include "kernel/x86/io.h"

enum {
	PORT_DEBUG_EXIT = 0x501,
	PORT_PVPANIC = 0x505,
	PORT_ACPI_PM1 = 0x604,
	EXIT_CLEAN = 41,
	EXIT_CRASHED = 42,
	PVPANIC_PANICKED = 1,
	ACPI_POWER_OFF = 0x2000,
};

void power_hang(void)
{
	for (;;)
		__asm__ volatile("cli; hlt");
}

static void __attribute__((noreturn)) power_end(uint8_t value)
{
	io_out8(PORT_DEBUG_EXIT, value);
	io_out16(PORT_ACPI_PM1, ACPI_POWER_OFF);
	power_hang();
}

void power_exit(void)
{
	power_end(EXIT_CLEAN);
}

void power_crash(void)
{
	/* A missing port reads as all ones. */
	if (io_in8(PORT_PVPANIC) != 0xFF)
		io_out8(PORT_PVPANIC, PVPANIC_PANICKED);
	power_end(EXIT_CRASHED);
}
