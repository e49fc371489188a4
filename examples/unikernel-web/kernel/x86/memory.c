/* Copying and filling by the string instructions. */
#include <stdint.h>
#include <string.h>

void *memcpy(void *restrict to, const void *restrict from, size_t size)
{
	void *start = to;
	size_t words = size / 8, rest = size % 8;

	__asm__ volatile("rep movsq" : "+D"(to), "+S"(from), "+c"(words) : : "memory");
	__asm__ volatile("rep movsb" : "+D"(to), "+S"(from), "+c"(rest) : : "memory");
	return start;
}

void *memset(void *to, int byte, size_t size)
{
	void *start = to;
	uint64_t pattern = (unsigned char)byte * 0x0101010101010101UL;
	size_t words = size / 8, rest = size % 8;

	__asm__ volatile("rep stosq" : "+D"(to), "+c"(words) : "a"(pattern) : "memory");
	__asm__ volatile("rep stosb" : "+D"(to), "+c"(rest) : "a"(pattern) : "memory");
	return start;
}
