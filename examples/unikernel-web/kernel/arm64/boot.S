/* Entry by the Linux arm64 boot protocol (Documentation/arm64/booting.rst): at EL1, without MMU,
 * the address of the device tree in X0.
 *
 * QEMU's `virt` has RAM from 1 GiB on and puts an Image whose text offset is 0 two MiB behind
 * its start, where this one is linked to run. Mapped one to one are: the devices in the first GiB,
 * except its lowest 128 MiB (the flash), so that a null pointer faults; RAM up to 256 GiB;
 * and the GiB with PCI's configuration space above that. */

#define FLAGS 0xA /* little endian, pages of 4 KiB, anywhere in memory */
#define STACK_SIZE 65536

#define BLOCK 0x1
#define TABLE 0x3
#define ACCESSED (1 << 10)
#define INNER_SHAREABLE (3 << 8)
#define MEMORY (1 << 2) /* the second attribute of MAIR */
#define NO_EXEC (3 << 53)
#define DEVICE_BLOCK (NO_EXEC | ACCESSED | BLOCK)
#define MEMORY_BLOCK (ACCESSED | INNER_SHAREABLE | MEMORY | BLOCK)

#define MAIR 0xFF00 /* 0: device, 1: memory, write-back */
/* 39 bits of addresses from one table, walks cached, nothing in the upper half, 40 bits out. */
#define TCR (25 | 1 << 8 | 1 << 10 | 3 << 12 | 1 << 23 | 2 << 32)
#define SCTLR_ON (1 | 1 << 2 | 1 << 12) /* MMU, data cache, instruction cache */

	.section .head, "ax"
	.globl boot_header
boot_header:
	add x13, x18, #0x16 /* does nothing; its bytes are "MZ" and two more */
	b boot_entry
	.quad 0 /* text offset */
	.quad __image_size
	.quad FLAGS
	.quad 0
	.quad 0
	.quad 0
	.ascii "ARM\x64"
	.long 0

	.text
boot_entry:
	msr daifset, #0xF
	ldr x1, =boot_table1
	ldr x2, =MAIR
	ldr x3, =TCR
	msr ttbr0_el1, x1
	msr mair_el1, x2
	msr tcr_el1, x3
	dsb sy
	ic iallu
	tlbi vmalle1
	dsb sy
	isb
	mrs x1, sctlr_el1
	ldr x2, =SCTLR_ON
	orr x1, x1, x2
	msr sctlr_el1, x1
	isb

	ldr x1, =__bss
	ldr x2, =__end
1:	cmp x1, x2
	b.hs 2f
	stp xzr, xzr, [x1], #16
	b 1b
2:	ldr x1, =boot_stack + STACK_SIZE
	mov sp, x1
	mov x29, xzr
	bl tree_main
3:	wfi
	b 3b

	.data
	.balign 4096
boot_table1:
	.quad boot_table2 + TABLE
	.set gib, 1
	.rept 255
	.quad (gib << 30) | MEMORY_BLOCK
	.set gib, gib + 1
	.endr
	.rept 256
	.quad (gib << 30) | DEVICE_BLOCK
	.set gib, gib + 1
	.endr
boot_table2:
	.fill 64, 8, 0
	.set block, 64
	.rept 448
	.quad (block << 21) | DEVICE_BLOCK
	.set block, block + 1
	.endr

	.bss
	.balign 16
boot_stack:
	.skip STACK_SIZE

	.section .note.GNU-stack, "", @progbits
