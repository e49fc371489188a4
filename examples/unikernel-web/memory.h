/* The memory that neither kernel nor initrd occupy. It is given out and never taken back. */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct memory {
	uint8_t *next;
	uint8_t *end;
};

struct boot_info;

/* Takes the memory behind the kernel, or the larger part of it where the initrd is in
 * between. Returns how much there must have been for `needed` bytes when they are not there,
 * else 0. Where the loader did not tell, there are just `needed`. */
size_t memory_init(struct memory *m, const struct boot_info *info, size_t needed);

static inline size_t memory_left(const struct memory *m)
{
	return (size_t)(m->end - m->next);
}

/* NULL when there is less. */
static inline uint8_t *memory_take(struct memory *m, size_t size)
{
	uint8_t *taken = m->next;

	if (size > memory_left(m))
		return NULL;
	m->next += size;
	return taken;
}
