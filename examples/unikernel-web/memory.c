#include "kernel/boot.h"
#include "memory.h"

#define ALIGNMENT 4096ULL

/* By the linker script. */
extern uint8_t __start[], __end[];

static uint8_t *align_up(const uint8_t *p)
{
	return (uint8_t *)(((uintptr_t)p + ALIGNMENT - 1) & ~(ALIGNMENT - 1));
}

size_t memory_init(struct memory *m, const struct boot_info *info, size_t needed)
{
	const uint8_t *initrd = info->initrd, *initrd_end = info->initrd + info->initrd_bytes;
	uint8_t *end = __start + info->memory_bytes, *start = align_up(__end);

	if (info->memory_bytes && end < start)
		end = start;
	*m = (struct memory){ start, end };
	if (initrd && initrd_end > start) {
		uint8_t *after = align_up(initrd_end);

		/* The larger part. */
		if (initrd > start && (!info->memory_bytes || initrd - start > end - after))
			m->end = (uint8_t *)((uintptr_t)initrd & ~(ALIGNMENT - 1));
		else
			m->next = after;
	}
	if (!info->memory_bytes)
		m->end = m->next + needed;
	if (m->end < m->next || memory_left(m) < needed)
		return (size_t)(m->next - __start) + needed;
	return 0;
}
