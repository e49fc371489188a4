/* Fuzzers of what comes from outside. Each target_NAME.c has one function that takes any bytes, and aborts
 * if what they led to is not as it has to be.
 *
 * The same function is driven by two mains: libFuzzer's (tests/fuzz/run), which invents inputs, and
 * replay.c, which runs those in tests/fuzz/corpus/NAME, so that every test run has them again. */
#ifndef HOLM_TESTS_FUZZ_H
#define HOLM_TESTS_FUZZ_H

#include "base/base.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

/* An input that is read piece by piece; at its end it gives zeroes. */
struct fuzz_input {
	const char *data;
	size_t len;
};

static inline struct fuzz_input fuzz_input_of(const uint8_t *data, size_t len)
{
	return (struct fuzz_input){ (const char *)data, len };
}

static inline uint8_t fuzz_byte(struct fuzz_input *in)
{
	if (!in->len)
		return 0;
	in->len--;
	return (uint8_t)*in->data++;
}

/* Up to the next newline, without it; what is left if there is none. */
static inline struct fuzz_input fuzz_line(struct fuzz_input *in)
{
	const char *end = in->len ? memchr(in->data, '\n', in->len) : NULL;
	struct fuzz_input line = { in->data, end ? (size_t)(end - in->data) : in->len };
	size_t n = line.len + (end != NULL);

	in->len -= n;
	if (n)
		in->data += n;
	return line;
}

/* A copy that ends in NUL, where it is allocated to the byte. */
static inline char *fuzz_text(const struct fuzz_input *in)
{
	return xstrndup(in->len ? in->data : "", in->len);
}

/* Sizes of pieces that bytes are fed in, by a number from the input. */
static inline size_t fuzz_piece(uint32_t *seed, size_t left)
{
	*seed = *seed * 1103515245u + 12345u;
	uint32_t random = *seed >> 16;
	size_t n = random % 4 == 0   ? 1
		   : random % 4 == 1 ? 1 + random / 4 % 7
				     : 1 + random / 4 % 512;

	return n < left ? n : left;
}

#endif
