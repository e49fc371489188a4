/* Bytes that are wiped. */
#include "base/base.h"
#include "base/secret.h"

void secret_make_room(struct secret *secret, size_t len)
{
	secret_fini(secret);
	secret->bytes = xcalloc(1, len + 1);
	secret->len = len;
}

void secret_set(struct secret *secret, const void *bytes, size_t len)
{
	struct secret copy = { 0 };

	secret_make_room(&copy, len);
	if (len)
		memcpy(copy.bytes, bytes, len);
	secret_fini(secret);
	*secret = copy;
}

void secret_fini(struct secret *secret)
{
	if (secret->bytes)
		explicit_bzero(secret->bytes, secret->len);
	free(secret->bytes);
	*secret = (struct secret){ 0 };
}

bool secret_equal(const struct secret *a, const struct secret *b)
{
	unsigned char differs = 0;

	if (a->len != b->len)
		return false;
	for (size_t i = 0; i < a->len; i++)
		differs |= a->bytes[i] ^ b->bytes[i];
	return !differs;
}

bool secret_is_text(const struct secret *secret)
{
	return !secret->len || !memchr(secret->bytes, '\0', secret->len);
}

void secret_free_text(char *text)
{
	if (text)
		explicit_bzero(text, strlen(text));
	free(text);
}
