/* A guest for the driver's tests. It prints its command line and does what the last word of that
 * says: exit, crash, off (power off through ACPI's port), triple (three faults in a row), flood (print without end), hello (print it
 * and stay), spin (use the processor), mute (print nothing and stay), keys (print what is typed, until a q ends it); anything else keeps it running. It records a version and libraries, as Unikraft's kernels do. */
#define MAGIC	   0x1BADB002
#define COM1	   0x3F8
#define EXIT_PORT  0x501
#define CLEAN	   41
#define CRASH	   42
#define OFF_PORT   0x604
#define OFF	   0x2000
#define CMDLINE_AT 16

	.code32
	.section .text
	.globl _start
	.balign 4
	.long MAGIC, 0, -MAGIC

_start:
	cli
	cld
	movl $stack_end, %esp

	/* EBP: the last word. */
	movl CMDLINE_AT(%ebx), %esi
	movl %esi, %ebp
1:	lodsb
	cmpb $' ', %al
	jne 2f
	movl %esi, %ebp
2:	testb %al, %al
	jnz 1b
	cmpb $'m', (%ebp)
	je stay

	movl $banner, %esi
	call print
	movl CMDLINE_AT(%ebx), %esi
	call print
	movl $newline, %esi
	call print

	movb (%ebp), %al
	cmpb $'e', %al
	je exit
	cmpb $'c', %al
	je crash
	cmpb $'o', %al
	je off
	cmpb $'f', %al
	je flood
	cmpb $'s', %al
	je spin
	cmpb $'t', %al
	je triple
	cmpb $'k', %al
	je keys
	cmpb $'h', %al
	jne 1f
	movl $hello, %esi
	call print
1:
	movl $running, %esi
	call print
stay:	hlt
	jmp stay

exit:
	movb $CLEAN, %al
	jmp leave
crash:
	movl $trap, %esi
	call print
	movb $CRASH, %al
leave:
	movw $EXIT_PORT, %dx
	outb %al, %dx
	jmp stay
off:
	movw $OFF_PORT, %dx
	movw $OFF, %ax
	outw %ax, %dx
	jmp stay
triple:
	lidt nothing
	int3
spin:
	jmp spin
keys:
	movl $running, %esi
	call print
1:	movw $(COM1 + 5), %dx
	inb %dx, %al
	testb $1, %al
	jz 1b
	movw $COM1, %dx
	inb %dx, %al
	movb %al, key
	movl $key, %esi
	call print
	cmpb $'q', key
	je exit
	jmp 1b
flood:
	movl $noise, %esi
	call print
	jmp flood

/* The string at ESI; waits for the transmitter. */
print:
1:	lodsb
	testb %al, %al
	jz 3f
	movb %al, %ah
	movw $(COM1 + 5), %dx
2:	inb %dx, %al
	testb $0x20, %al
	jz 2b
	movw $COM1, %dx
	movb %ah, %al
	outb %al, %dx
	jmp 1b
3:	ret

	.section .rodata
nothing: .word 0 /* a table without an entry */
	.long 0
banner:	 .asciz "guest: "
newline: .asciz "\r\n"
hello:	 .asciz "hello\r\n"
running: .asciz "running\r\n"
noise:	 .asciz "0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef\r\n"
trap:
	.ascii "[    0.102000] CRIT: [libguest] <trap.c @   84> Unhandled Trap 6 (invalid opcode)\r\n"
	.asciz "[    0.102100] CRIT: [libguest] <trap.c @   90> Crashing\r\n"

	.macro record type, text
	.word \type
	.long 8f - 7f + 6
7:	.asciz "\text"
8:
	.endm
	.macro library name
5:	.long 6f - 5b
	.word 1
	record 1, "\name"
6:
	.endm

	.section .uk_libinfo, "a"
5:	.long 6f - 5b
	.word 1
	record 7, "0.17.0~test"
6:
	library "libvirtio_pci"
	library "libvirtio_net"
	library "lib9pfs"
	library "libukcpio"

	.bss
key:
	.skip 4
	.skip 4096
stack_end:
	.section .note.GNU-stack, "", @progbits
