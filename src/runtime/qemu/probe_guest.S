/* A guest that proves an accelerator: it goes through protected mode, paging and long mode, adds with
 * SSE, waits for one timer interrupt, says "ok" on the serial port and powers off through
 * isa-debug-exit as a clean end. Anything that does not work ends otherwise or not at all.
 *
 * A flat image with a multiboot header that has addresses: loaded at BASE as it lies here, so every
 * address is a difference of labels plus BASE. */
	.section .rodata.qemu_probe_guest, "a", @progbits
	.globl qemu_probe_guest
	.globl qemu_probe_guest_size
	.balign 16
qemu_probe_guest:
.Lstart:
#ifdef __x86_64__
#define BASE	   0x100000
#define AT(label)  (label - .Lstart + BASE)
#define MAGIC	   0x1BADB002
#define FLAGS	   0x00010000 /* the header has addresses */
#define STACK	   0x180000
#define PML4	   0x200000 /* these four pages are cleared first */
#define PDPT	   0x201000
#define PD	   0x202000
#define IDT	   0x203000
#define TABLE_LONGS 4096
#define PRESENT	   3 /* and writable */
#define LARGE	   0x83
#define VECTOR	   0x20
#define EXIT_PORT  0x501
#define CLEAN	   41 /* (41 << 1) | 1 = 83 */
#define CRASH	   42

	.code32
.Lheader:
	.long MAGIC, FLAGS, -(MAGIC + FLAGS)
	.long AT(.Lheader), BASE, 0, 0, AT(.Lentry)

.Lentry:
	cli
	cld
	movl $STACK, %esp
	movl $PML4, %edi
	xorl %eax, %eax
	movl $TABLE_LONGS, %ecx
	rep stosl
	movl $(PDPT + PRESENT), PML4
	movl $(PD + PRESENT), PDPT
	movl $PD, %edi
	movl $LARGE, %eax
	movl $512, %ecx
1:	movl %eax, (%edi)
	addl $0x200000, %eax
	addl $8, %edi
	loop 1b
	movl $PML4, %eax
	movl %eax, %cr3
	movl $0x620, %eax /* PAE, SSE and its exceptions */
	movl %eax, %cr4
	movl $0xC0000080, %ecx
	rdmsr
	orl $0x100, %eax /* long mode */
	wrmsr
	movl %cr0, %eax
	andl $~4, %eax
	orl $0x80000002, %eax /* paging, no FPU emulation */
	movl %eax, %cr0
	lgdt AT(.Lgdt_pointer)
	ljmp $8, $AT(.Llong)

	.code64
.Llong:
	movl $16, %eax
	movl %eax, %ds
	movl %eax, %es
	movl %eax, %ss
	movl $STACK, %esp
	movl $0x01020304, %eax
	movd %eax, %xmm0
	paddd %xmm0, %xmm0
	movd %xmm0, %eax
	cmpl $0x02040608, %eax
	jne .Lcrash

	/* The timer's gate, then the two 8259 on vectors from 0x20, all masked but the timer. */
	movl $AT(.Ltick), %eax
	movl $(IDT + VECTOR * 16), %edi
	movw %ax, (%rdi)
	movw $8, 2(%rdi)
	movw $0x8E00, 4(%rdi)
	shrl $16, %eax
	movw %ax, 6(%rdi)
	movl $AT(.Lidt_pointer), %eax
	lidt (%rax)
	movb $0x11, %al
	outb %al, $0x20
	outb %al, $0xA0
	movb $VECTOR, %al
	outb %al, $0x21
	movb $(VECTOR + 8), %al
	outb %al, $0xA1
	movb $4, %al
	outb %al, $0x21
	movb $2, %al
	outb %al, $0xA1
	movb $1, %al
	outb %al, $0x21
	outb %al, $0xA1
	movb $0xFE, %al
	outb %al, $0x21
	movb $0xFF, %al
	outb %al, $0xA1

	/* One interrupt after 8192 ticks of the 8254, 7 ms. */
	movb $0x30, %al
	outb %al, $0x43
	xorb %al, %al
	outb %al, $0x40
	movb $0x20, %al
	outb %al, $0x40
	sti
1:	hlt
	jmp 1b

.Ltick:
	movl $0x3F8, %edx
	movb $'o', %al
	outb %al, %dx
	movb $'k', %al
	outb %al, %dx
	movb $'\n', %al
	outb %al, %dx
	movb $CLEAN, %al
	jmp .Lexit
.Lcrash:
	movb $CRASH, %al
.Lexit:
	movl $EXIT_PORT, %edx
	outb %al, %dx
1:	hlt
	jmp 1b

	.balign 8
.Lgdt:
	.quad 0
	.quad 0x00AF9B000000FFFF /* 64-bit code */
	.quad 0x00CF93000000FFFF /* data */
.Lgdt_pointer:
	.word .Lgdt_pointer - .Lgdt - 1
	.long AT(.Lgdt)
.Lidt_pointer:
	.word (VECTOR + 1) * 16 - 1
	.quad IDT
#endif
.Lend:
	.balign 8
qemu_probe_guest_size: /* 0: none for this architecture */
	.quad .Lend - .Lstart

/* The same for arm64, from the same source on every machine, so that a machine of another
 * architecture can prove that it emulates one: a Linux Image that says "ok" on `virt`'s PL011 and
 * powers off by PSCI. */
	.section .rodata.qemu_probe_image, "a", %progbits
	.globl qemu_probe_image
	.globl qemu_probe_image_size
	.balign 16
qemu_probe_image:
.Limage:
	.4byte 0x14000010 /* b: over the header */
	.4byte 0
	.8byte 0 /* text offset */
	.8byte 4096 /* of the image in memory */
	.8byte 0xA /* little endian, pages of 4 KiB, anywhere */
	.8byte 0, 0, 0
	.ascii "ARM\x64"
	.4byte 0
	.4byte 0xD2A12001 /* mov x1, #0x09000000 */
	.4byte 0x52800DE0 /* mov w0, #'o' */
	.4byte 0xB9000020 /* str w0, [x1] */
	.4byte 0x52800D60 /* mov w0, #'k' */
	.4byte 0xB9000020 /* str w0, [x1] */
	.4byte 0x52B08000 /* mov w0, #0x84000000 */
	.4byte 0x72800100 /* movk w0, #8: SYSTEM_OFF */
	.4byte 0xD4000002 /* hvc #0 */
	.4byte 0x14000000 /* b . */
.Limage_end:
	.balign 8
qemu_probe_image_size:
	.8byte .Limage_end - .Limage

	.section .note.GNU-stack, "", @progbits
