/* scrypt (RFC 7914): a key from a password, made slow and in need of memory on purpose. */
#ifndef HOLM_WIRE_SCRYPT_SCRYPT_H
#define HOLM_WIRE_SCRYPT_SCRYPT_H

#include <stddef.h>
#include <stdint.h>

#define SCRYPT_MEMORY_MAX ((uint64_t)128 << 20)

struct scrypt_input {
	uint32_t log_n; /* N = 2^log_n; 128 · N · r bytes of memory are used */
	uint32_t r;
	uint32_t p;
	const void *password;
	size_t password_len;
	const void *salt;
	size_t salt_len;
};

/* Fills `out`; blocks. -EINVAL for a cost that is none, or needs more than SCRYPT_MEMORY_MAX. */
int scrypt_derive(const struct scrypt_input *input, unsigned char *out, size_t len);

#endif
