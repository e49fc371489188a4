/* SHA-256 by libcrypto. */
#include <openssl/evp.h>
#include <openssl/hmac.h>

#include "base/base.h"
#include "wire/digest/digest.h"

#define PREFIX  "sha256:"
#define HEX_LEN 64
#define PIECE   ((size_t)256 << 10)

static_assert(DIGEST_BYTES == HEX_LEN / 2, "two digits a byte");

struct digest {
	EVP_MD_CTX *ctx;
};

static void format_hex(const unsigned char *raw, size_t n, char *out)
{
	for (size_t i = 0; i < n; i++)
		snprintf(out + 2 * i, 3, "%02x", raw[i]);
}

struct digest *digest_new(void)
{
	struct digest *d = NEW(struct digest);

	d->ctx = EVP_MD_CTX_new();
	if (!d->ctx || !EVP_DigestInit_ex(d->ctx, EVP_sha256(), NULL))
		abort();
	return d;
}

struct digest *digest_free(struct digest *d)
{
	if (d)
		EVP_MD_CTX_free(d->ctx);
	free(d);
	return NULL;
}

void digest_add(struct digest *d, const void *data, size_t len)
{
	if (!EVP_DigestUpdate(d->ctx, data, len))
		abort();
}

void digest_finish(struct digest *d, char out[DIGEST_TEXT_MAX])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!EVP_DigestFinal_ex(d->ctx, raw, &n) || n != HEX_LEN / 2)
		abort();
	memcpy(out, PREFIX, sizeof(PREFIX));
	format_hex(raw, n, out + strlen(PREFIX));
}

void digest_bytes_of(const void *data, size_t len, uint8_t out[DIGEST_BYTES])
{
	unsigned n = 0;

	if (!EVP_Digest(data, len, out, &n, EVP_sha256(), NULL) || n != DIGEST_BYTES)
		abort();
}

void digest_of(const void *data, size_t len, char out[DIGEST_TEXT_MAX])
{
	auto_(digest_free) struct digest *d = digest_new();

	digest_add(d, data, len);
	digest_finish(d, out);
}

int digest_fd(int fd, char out[DIGEST_TEXT_MAX], uint64_t *ret_size, struct err *err)
{
	auto_(digest_free) struct digest *d = digest_new();
	auto_free char *piece = xmalloc(PIECE);
	uint64_t size = 0;
	ssize_t n;

	while ((n = pread(fd, piece, PIECE, (off_t)size)) > 0) {
		digest_add(d, piece, (size_t)n);
		size += (uint64_t)n;
	}
	if (n < 0)
		return err_errno(err, "read");
	digest_finish(d, out);
	*ret_size = size;
	return 0;
}

void digest_hmac(const struct secret *key, const char *text, char out[DIGEST_HMAC_SIZE])
{
	unsigned char raw[EVP_MAX_MD_SIZE];
	unsigned n = 0;

	if (!HMAC(EVP_sha256(), key->bytes, (int)key->len, (const unsigned char *)text,
		  strlen(text), raw, &n) ||
	    n != HEX_LEN / 2)
		abort();
	format_hex(raw, n, out);
}

bool digest_is_valid(const char *text)
{
	const char *hex = text + strlen(PREFIX);

	return str_starts(text, PREFIX) && strlen(hex) == HEX_LEN &&
	       strspn(hex, "0123456789abcdef") == HEX_LEN;
}
