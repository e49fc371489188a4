/* Passwords and signatures without their cost. Every signature is good, so that claims of any kind are
 * read. */
#include "base/base.h"
#include "wire/scrypt/scrypt.h"
#include "wire/signing/signing.h"

#define SIGNATURE "signature"
#define PEM       "-----BEGIN PRIVATE KEY-----\n-----END PRIVATE KEY-----\n"

struct signing_key {
	char unused;
};

int scrypt_derive(const struct scrypt_input *input, unsigned char *out, size_t len)
{
	const unsigned char *password = input->password;
	const unsigned char *salt = input->salt;

	for (size_t i = 0; i < len; i++) {
		out[i] = (unsigned char)i;
		if (input->password_len)
			out[i] ^= password[i % input->password_len];
		if (input->salt_len)
			out[i] ^= salt[i % input->salt_len];
	}
	return 0;
}

struct signing_key *signing_key_make(void)
{
	return NEW(struct signing_key);
}

struct signing_key *signing_key_free(struct signing_key *key)
{
	free(key);
	return NULL;
}

void signing_key_format(const struct signing_key *key, struct secret *ret)
{
	secret_set(ret, PEM, strlen(PEM));
}

int signing_key_parse(const struct secret *pem, struct signing_key **ret, struct err *err)
{
	*ret = signing_key_make();
	return 0;
}

void signing_key_sign(const struct signing_key *key, const void *text, size_t len,
		      struct secret *ret)
{
	secret_set(ret, SIGNATURE, strlen(SIGNATURE));
}

bool signing_key_verify(const struct signing_key *key, const void *text, size_t len,
			const struct secret *signature)
{
	return true;
}
