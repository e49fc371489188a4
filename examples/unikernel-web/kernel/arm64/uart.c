/* The PL011, without interrupts. */
#include "kernel/arm64/virt.h"
#include "kernel/console.h"

enum {
	REG_DATA = 0x00,
	REG_FLAG = 0x18,
	REG_LINE = 0x2C,
	REG_CONTROL = 0x30,
	REG_IRQ_MASK = 0x38,
	FLAG_TRANSMIT_FULL = 0x20,
	LINE_8N1_FIFO = 0x70,
	CONTROL_ON = 0x301, /* transmitter, receiver, the whole */
	TRANSMIT_TRIES = 100000,
};

void console_init(void)
{
	*mmio32(VIRT_UART + REG_IRQ_MASK) = 0;
	*mmio32(VIRT_UART + REG_LINE) = LINE_8N1_FIFO;
	*mmio32(VIRT_UART + REG_CONTROL) = CONTROL_ON;
}

void console_put(char c)
{
	for (int i = 0; i < TRANSMIT_TRIES; i++) {
		if (!(*mmio32(VIRT_UART + REG_FLAG) & FLAG_TRANSMIT_FULL))
			break;
	}
	*mmio32(VIRT_UART + REG_DATA) = (uint8_t)c;
}
