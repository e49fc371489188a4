/* Copying and filling, by words where both sides are aligned. */
#include <stdint.h>
#include <string.h>

enum {
	WORD = sizeof(uint64_t),
};

typedef uint64_t __attribute__((may_alias)) word;

static int is_aligned(const void *p)
{
	return (uintptr_t)p % WORD == 0;
}

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	unsigned char *t = to;
	const unsigned char *f = from;

	if (is_aligned(t) && is_aligned(f)) {
		for (; size >= WORD; size -= WORD, t += WORD, f += WORD)
			*(word *)(void *)t = *(const word *)(const void *)f;
	}
	while (size--)
		*t++ = *f++;
	return to;
}

void *memset(void *to, int byte, size_t size)
{
	uint64_t pattern = (unsigned char)byte * 0x0101010101010101UL;
	unsigned char *t = to;

	for (; size && !is_aligned(t); size--)
		*t++ = (unsigned char)byte;
	for (; size >= WORD; size -= WORD, t += WORD)
		*(word *)(void *)t = pattern;
	while (size--)
		*t++ = (unsigned char)byte;
	return to;
}
