/* Entry points of the 32 processor exceptions and the 16 lines of the 8259s.
 * Each leaves a struct trap_frame (trap.h) on the stack; where the processor
 * pushes no error code a zero takes its place. */

	.altmacro
	.macro trap_entry vector
	.balign 16
	.if \vector == 8 || (\vector >= 10 && \vector <= 14) || \vector == 17 || \vector == 21
	.else
	pushq $0
	.endif
	pushq $\vector
	jmp trap_common
	.endm

	.text
	.balign 16
	.globl trap_entries
trap_entries:
	.set vector, 0
	.rept 48
	trap_entry %vector
	.set vector, vector + 1
	.endr

trap_common:
	pushq %rax
	pushq %rbx
	pushq %rcx
	pushq %rdx
	pushq %rsi
	pushq %rdi
	pushq %rbp
	pushq %r8
	pushq %r9
	pushq %r10
	pushq %r11
	pushq %r12
	pushq %r13
	pushq %r14
	pushq %r15
	cld
	movq %rsp, %rdi
	call trap_dispatch
	popq %r15
	popq %r14
	popq %r13
	popq %r12
	popq %r11
	popq %r10
	popq %r9
	popq %r8
	popq %rbp
	popq %rdi
	popq %rsi
	popq %rdx
	popq %rcx
	popq %rbx
	popq %rax
	addq $16, %rsp
	iretq

	.section .note.GNU-stack, "", @progbits
