/* The ends of a guest, as a host can tell them apart. */
#pragma once

/* Ends cleanly: QEMU's exit code is 83 with isa-debug-exit, else 0. */
void power_exit(void) __attribute__((noreturn));

/* Ends as crashed: 85 with isa-debug-exit, and a GUEST_PANICKED event with pvpanic. */
void power_crash(void) __attribute__((noreturn));

/* Stops the processor with interrupts off: the machine stays as it is, dead. */
void power_hang(void) __attribute__((noreturn));
