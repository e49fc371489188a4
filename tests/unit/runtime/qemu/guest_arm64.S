/* The same guest for arm64, as far as the contract needs it: a Linux Image for QEMU's `virt`. What it is
 * to do stands behind "-- " in the device tree, where QEMU puts the command line: exit, hello, crash,
 * spin, or anything else to stay. */
#define UART	   0x09000000 /* PL011 */
#define SYSTEM_OFF 0x84000008 /* PSCI */
#define STACK	   4096

	.text
	.globl _start
_start:
	b boot
	.long 0
	.quad 0 /* text offset */
	.quad end - _start + STACK
	.quad 0xA /* little endian, pages of 4 KiB, anywhere */
	.quad 0, 0, 0
	.ascii "ARM\x64"
	.long 0

/* x0: device tree, whose size is its second word, big endian. */
boot:
	adr x1, end
	add x1, x1, #STACK
	and sp, x1, #~15
	ldr w1, [x0, #4]
	rev w1, w1
	add x1, x0, x1
1:	cmp x0, x1
	b.hs stay
	ldrb w2, [x0], #1
	cmp w2, #'-'
	b.ne 1b
	ldrb w2, [x0]
	cmp w2, #'-'
	b.ne 1b
	ldrb w2, [x0, #1]
	cmp w2, #' '
	b.ne 1b
	add x19, x0, #2

	adr x0, banner
	bl print
	mov x0, x19
	bl print
	adr x0, newline
	bl print
	ldrb w20, [x19]
	cmp w20, #'s'
	b.eq spin
	cmp w20, #'e'
	b.eq off
	cmp w20, #'c'
	b.eq crash
	cmp w20, #'h'
	b.ne 1f
	adr x0, hello
	bl print
1:	adr x0, running
	bl print
stay:	wfi
	b stay
spin:	b spin
crash:	adr x0, trap
	bl print
/* A quarter of a second later: QEMU 7.2 can hang when a power off meets a command of its monitor, which the
 * start has some of. */
off:	mrs x1, cntfrq_el0
	mrs x2, cntvct_el0
	add x2, x2, x1, lsr #2
1:	mrs x3, cntvct_el0
	cmp x3, x2
	b.lo 1b
	ldr w0, =SYSTEM_OFF
	hvc #0
	b stay

/* The string at x0. */
print:
	ldr x2, =UART
1:	ldrb w1, [x0], #1
	cbz w1, 2f
	str w1, [x2]
	b 1b
2:	ret

	.ltorg
banner:	 .asciz "guest: "
newline: .asciz "\r\n"
hello:	 .asciz "hello\r\n"
running: .asciz "running\r\n"
trap:	 .asciz "CRIT: [libguest] <trap.c @   90> Unhandled Trap 6 (invalid opcode)\r\n"
	.balign 16
end:
	.section .note.GNU-stack, "", @progbits
