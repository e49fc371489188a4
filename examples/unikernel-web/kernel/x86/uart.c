/* A 16550 without interrupts: a byte is written as soon as the transmitter is
 * free, and dropped when the host has not taken the last one for too long. */
#include "kernel/console.h"
#include "kernel/x86/io.h"

enum {
	COM1 = 0x3F8,
	REG_DATA = 0,
	REG_DIVISOR_LOW = 0,
	REG_IRQ_ENABLE = 1,
	REG_DIVISOR_HIGH = 1,
	REG_FIFO = 2,
	REG_LINE = 3,
	REG_MODEM = 4,
	REG_LINE_STATUS = 5,
	LINE_8N1 = 0x03,
	LINE_DIVISOR = 0x80,
	FIFO_ON = 0x07,
	MODEM_DTR_RTS = 0x03,
	STATUS_TRANSMIT_EMPTY = 0x20,
	TRANSMIT_TRIES = 100000,
};

void console_init(void)
{
	io_out8(COM1 + REG_IRQ_ENABLE, 0);
	io_out8(COM1 + REG_LINE, LINE_DIVISOR);
	io_out8(COM1 + REG_DIVISOR_LOW, 1);
	io_out8(COM1 + REG_DIVISOR_HIGH, 0);
	io_out8(COM1 + REG_LINE, LINE_8N1);
	io_out8(COM1 + REG_FIFO, FIFO_ON);
	io_out8(COM1 + REG_MODEM, MODEM_DTR_RTS);
}

void console_put(char c)
{
	for (int i = 0; i < TRANSMIT_TRIES; i++) {
		if (io_in8(COM1 + REG_LINE_STATUS) & STATUS_TRANSMIT_EMPTY)
			break;
	}
	io_out8(COM1 + REG_DATA, (uint8_t)c);
}
