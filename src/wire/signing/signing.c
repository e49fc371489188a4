/* RSA by libcrypto. */
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "base/base.h"
#include "wire/signing/signing.h"

struct signing_key {
	EVP_PKEY *pkey;
};

static void pkey_fini(EVP_PKEY **pkey)
{
	EVP_PKEY_free(*pkey);
}

static void context_fini(EVP_MD_CTX **context)
{
	EVP_MD_CTX_free(*context);
}

static void bio_fini(BIO **bio)
{
	BIO_free(*bio);
}

static struct signing_key *key_of(EVP_PKEY *take_pkey)
{
	struct signing_key *key = NEW(struct signing_key);

	key->pkey = take_pkey;
	return key;
}

struct signing_key *signing_key_make(void)
{
	EVP_PKEY *pkey = EVP_RSA_gen(SIGNING_BITS);

	if (!pkey)
		abort();
	return key_of(pkey);
}

struct signing_key *signing_key_free(struct signing_key *key)
{
	if (!key)
		return NULL;
	EVP_PKEY_free(key->pkey);
	free(key);
	return NULL;
}

void signing_key_format(const struct signing_key *key, struct secret *ret)
{
	__attribute__((cleanup(bio_fini))) BIO *bio = BIO_new(BIO_s_secmem());
	char *text;

	if (!bio || !PEM_write_bio_PrivateKey(bio, key->pkey, NULL, NULL, 0, NULL, NULL))
		abort();
	long len = BIO_get_mem_data(bio, &text);
	secret_set(ret, text, (size_t)len);
}

int signing_key_parse(const struct secret *pem, struct signing_key **ret, struct err *err)
{
	__attribute__((cleanup(bio_fini))) BIO *bio = BIO_new_mem_buf(pem->bytes, (int)pem->len);
	char no_password[] = "";

	if (!bio)
		abort();
	/* A password of its own makes sure that nobody is asked for one. */
	__attribute__((cleanup(pkey_fini)))
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(bio, NULL, NULL, no_password);
	if (!pkey)
		return err_set(err, -EBADMSG, "it is no private key (PEM)");
	if (EVP_PKEY_get_base_id(pkey) != EVP_PKEY_RSA)
		return err_set(err, -EBADMSG, "it is no RSA key");
	int bits = EVP_PKEY_get_bits(pkey);
	if (bits < SIGNING_BITS || bits > SIGNING_BITS_MAX)
		return err_set(err, -EBADMSG, "it has %d bits, expected %d to %d", bits,
			       SIGNING_BITS, SIGNING_BITS_MAX);
	*ret = key_of(TAKE(pkey));
	return 0;
}

void signing_key_sign(const struct signing_key *key, const void *text, size_t len,
		      struct secret *ret)
{
	__attribute__((cleanup(context_fini))) EVP_MD_CTX *context = EVP_MD_CTX_new();
	size_t size = (size_t)EVP_PKEY_get_size(key->pkey);

	secret_make_room(ret, size);
	if (!context || EVP_DigestSignInit(context, NULL, EVP_sha256(), NULL, key->pkey) != 1 ||
	    EVP_DigestSign(context, ret->bytes, &size, text, len) != 1)
		abort();
	ret->len = size;
}

bool signing_key_verify(const struct signing_key *key, const void *text, size_t len,
			const struct secret *signature)
{
	__attribute__((cleanup(context_fini))) EVP_MD_CTX *context = EVP_MD_CTX_new();

	if (!context || EVP_DigestVerifyInit(context, NULL, EVP_sha256(), NULL, key->pkey) != 1)
		abort();
	return signature->len == (size_t)EVP_PKEY_get_size(key->pkey) &&
	       EVP_DigestVerify(context, signature->bytes, signature->len, text, len) == 1;
}
