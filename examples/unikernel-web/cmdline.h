/* The kernel command line, by Unikraft's conventions:
 *
 *	KERNEL-PATH WORD... lib.param=value... -- application arguments
 *
 * The loader puts the kernel's path first. Parameters count only in front of a
 * "--" that is not the first word after the path; without one every word belongs
 * to the application. Quotes ('..' or "..") group, unknown words are ignored. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "variant.h"

enum {
	CMDLINE_SIZE = 4096, /* longest line, with its NUL */
	CMDLINE_WORDS = 60,  /* what is beyond stays in the last word */
	CMDLINE_ENV = 16,
	CMDLINE_FSTAB = 16,
	CMDLINE_DNS = 2,
	CMDLINE_MMIO = 8,
};

/* IPv4 addresses are in host byte order; 0 means not given. */
struct cmdline_net {
	uint32_t address;
	uint32_t mask;
	uint32_t gateway;
	uint32_t dns[CMDLINE_DNS];
	const char *host;   /* NULL when not given */
	const char *domain; /* NULL when not given */
};

struct cmdline_mmio {
	uint64_t base;
	uint64_t size;
	unsigned irq;
};

struct cmdline {
	const struct variant *variant; /* which parameters are known */
	struct cmdline_net net;
	struct cmdline_mmio mmio[CMDLINE_MMIO]; /* virtio_mmio.device=SIZE@BASE:IRQ */
	size_t mmio_count;
	const char *env[CMDLINE_ENV]; /* env.vars=[ "A=1" ] */
	size_t env_count;
	char *fstab[CMDLINE_FSTAB]; /* vfs.fstab=[ "DEV:PATH:DRIVER[:FLAGS[:OPTS[:UKOPTS]]]" ] */
	size_t fstab_count;
	const char *args[CMDLINE_WORDS]; /* the application's, without the path */
	size_t arg_count;
};

/* Cuts `line` into words in place; *ret points into it. Parameters that the variant
 * does not have are unknown words. A value that cannot be parsed is as if it were not
 * given; returns how many there were. */
int cmdline_parse(char *line, const struct variant *variant, struct cmdline *ret);

/* The value of variable `name`, or NULL. Of several the first counts. */
const char *cmdline_env(const struct cmdline *c, const char *name);

/* Parses a number in decimal, or hexadecimal after 0x, up to the first character
 * that does not belong to it, and moves *text there. */
bool cmdline_parse_number(const char **text, uint64_t *ret_value);

/* Parses A.B.C.D up to the first character that does not belong to it, and moves
 * *text there. */
bool cmdline_parse_ipv4(const char **text, uint32_t *ret_address);
