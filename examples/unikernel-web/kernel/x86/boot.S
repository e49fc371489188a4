/* Multiboot 1 entry: from 32-bit protected mode to 64-bit long mode.
 *
 * The loader leaves paging off and the address of its information block in
 * EBX. The first 4 GiB are mapped one to one with pages of 2 MiB, which covers
 * RAM, the local APIC and the virtio-mmio windows; everything above faults. */

#define MULTIBOOT_MAGIC 0x1BADB002
#define MULTIBOOT_FLAGS 0x3 /* page alignment, memory sizes */

#define CR0_PE_PG 0x80000001
#define CR4_PAE 0x20
#define MSR_EFER 0xC0000080
#define EFER_LME 0x100
#define PAGE_PRESENT_WRITE 0x3
#define PAGE_LARGE 0x80
#define STACK_SIZE 65536

	.section .multiboot, "a"
	.balign 4
	.long MULTIBOOT_MAGIC
	.long MULTIBOOT_FLAGS
	.long -(MULTIBOOT_MAGIC + MULTIBOOT_FLAGS)

	.text
	.code32
	.globl boot_entry
boot_entry:
	cli
	cld
	movl %eax, %edi
	movl %ebx, %esi

	movl $boot_pdpt + PAGE_PRESENT_WRITE, boot_pml4
	movl $boot_pd + PAGE_PRESENT_WRITE, boot_pdpt
	movl $boot_pd + 0x1000 + PAGE_PRESENT_WRITE, boot_pdpt + 8
	movl $boot_pd + 0x2000 + PAGE_PRESENT_WRITE, boot_pdpt + 16
	movl $boot_pd + 0x3000 + PAGE_PRESENT_WRITE, boot_pdpt + 24
	movl $PAGE_PRESENT_WRITE + PAGE_LARGE, %eax
	xorl %ecx, %ecx
1:	movl %eax, boot_pd(, %ecx, 8)
	addl $0x200000, %eax
	incl %ecx
	cmpl $2048, %ecx
	jne 1b

	movl $boot_pml4, %eax
	movl %eax, %cr3
	movl %cr4, %eax
	orl $CR4_PAE, %eax
	movl %eax, %cr4
	movl $MSR_EFER, %ecx
	rdmsr
	orl $EFER_LME, %eax
	wrmsr
	movl %cr0, %eax
	orl $CR0_PE_PG, %eax
	movl %eax, %cr0
	lgdt boot_gdt_pointer
	ljmp $8, $boot_long_mode

	.code64
boot_long_mode:
	movw $16, %ax
	movw %ax, %ds
	movw %ax, %es
	movw %ax, %ss
	xorl %eax, %eax
	movw %ax, %fs
	movw %ax, %gs
	movq $boot_stack + STACK_SIZE, %rsp
	xorl %ebp, %ebp
	/* The upper halves are undefined after the switch. */
	movl %edi, %edi
	movl %esi, %esi
	call multiboot_main
2:	cli
	hlt
	jmp 2b

	.section .rodata
	.balign 8
boot_gdt:
	.quad 0
	.quad 0x00AF9A000000FFFF /* 8: code, 64 bit */
	.quad 0x00CF92000000FFFF /* 16: data */
boot_gdt_pointer:
	.word boot_gdt_pointer - boot_gdt - 1
	.quad boot_gdt

	.bss
	.balign 4096
boot_pml4:
	.skip 4096
boot_pdpt:
	.skip 4096
boot_pd:
	.skip 4 * 4096
boot_stack:
	.skip STACK_SIZE

	.section .note.GNU-stack, "", @progbits
