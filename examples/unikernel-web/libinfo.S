/* Records by which a host recognises a Unikraft image: the bootable mark in
 * .uk_bootinfo and, in .uk_libinfo, the version and the libraries. This guest is
 * not Unikraft; it keeps the same contract with the host as these libraries do,
 * and stands in for an image that has them. Variants leave some out. */
#include "variant.h"

#define BOOTINFO_MAGIC 0xB007B0B0
#define LAYOUT 1
#define RECORD_NAME 1
#define RECORD_FULL_VERSION 7

	/* u16 type, u32 length with these six bytes, a C string */
	.macro record type, text
	.2byte \type
	.4byte 8f - 7f + 6
7:	.asciz "\text"
8:
	.endm

	/* u32 length with these six bytes, u16 layout, records */
	.macro library name
5:	.4byte 6f - 5b
	.2byte LAYOUT
	record RECORD_NAME, "\name"
6:
	.endm

	.section .uk_bootinfo, "a"
	.balign 4
	.4byte BOOTINFO_MAGIC

	.section .uk_libinfo, "a"
5:	.4byte 6f - 5b
	.2byte LAYOUT
	record RECORD_FULL_VERSION, GUEST_VERSION
6:
#ifndef GUEST_NO_NETWORK
	library "liblwip"
	library "libuknetdev"
	library "libvirtio_net"
#endif
	library "libvirtio_pci"
#ifndef GUEST_NO_MMIO
	library "libvirtio_mmio"
#endif
#ifndef GUEST_NO_FILES
	library "libvfscore"
	library "libramfs"
	library "libukcpio"
	library "lib9pfs"
	library "libuk9p"
	library "libvirtio_9p"
#endif
	library "libposix_environ"

	.section .note.GNU-stack, "", @progbits
