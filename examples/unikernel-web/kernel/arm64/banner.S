/* An Image has no sections by which a host would find records, but it can look for this. */
#include "variant.h"

	.section .rodata.banner, "a"
	.asciz "Unikraft Stand-in " GUEST_VERSION

	.section .note.GNU-stack, "", @progbits
