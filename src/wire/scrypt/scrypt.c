/* By libcrypto. */
#include <openssl/evp.h>

#include "base/base.h"
#include "wire/scrypt/scrypt.h"

#define LOG_N_MAX 24

int scrypt_derive(const struct scrypt_input *in, unsigned char *out, size_t len)
{
	if (!in->log_n || in->log_n > LOG_N_MAX || !in->r || !in->p)
		return -EINVAL;
	if (EVP_PBE_scrypt(in->password, in->password_len, in->salt, in->salt_len,
			   (uint64_t)1 << in->log_n, in->r, in->p, SCRYPT_MEMORY_MAX, out,
			   len) != 1)
		return -EINVAL;
	return 0;
}
