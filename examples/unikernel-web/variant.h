/* What this kernel is built as: one set of objects, linked with another variant.c
 * and other records (libinfo.S) each. See `build`. */
#pragma once

/* Stands in for the Unikraft version that real images carry; the network syntax
 * of the command line changed between these two. */
#ifdef GUEST_OLD_NETWORK
#define GUEST_VERSION "0.15.0~holm"
#else
#define GUEST_VERSION "0.17.0~holm"
#endif

#ifndef __ASSEMBLER__
#include <stdbool.h>

struct variant {
	const char *version;
	bool has_network;
	bool has_old_network; /* netdev.ipv4_addr= and its like are all that is understood */
	bool has_mmio;
	bool has_files; /* initrd and 9p */
};

extern const struct variant guest_variant;
#endif
