/* AES-256-GCM by libcrypto. */
#include <fcntl.h>
#include <sys/stat.h>

#include <openssl/evp.h>
#include <openssl/rand.h>

#include "base/base.h"
#include "base/base64.h"
#include "wire/secretbox/secretbox.h"

#define KEY_LEN   32
#define NONCE_LEN 12
#define TAG_LEN   16
#define PRINT_LEN 8 /* hex digits of a fingerprint */
#define VERSION   "1:"
#define LABEL_OF_ID \
	"holm key" /* hashed with the key, so that its fingerprint is no hash of it alone */

struct secretbox {
	struct secret key;
	char print[PRINT_LEN + 1];
	char *path;
};

static void fill_random(unsigned char *out, size_t len)
{
	if (RAND_bytes(out, (int)len) != 1)
		abort();
}

int secretbox_make_key(const char *path, struct err *err)
{
	auto_secret struct secret key = { 0 };

	if (path_exists(path))
		return err_set(err, -EEXIST, "make key file %s: it exists", path);
	secret_make_room(&key, KEY_LEN);
	fill_random(key.bytes, KEY_LEN);
	return file_write_atomic(path, key.bytes, KEY_LEN, 0600, err);
}

static int read_key(int fd, const char *path, struct secret *ret, struct err *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return err_errno(err, "key file %s", path);
	if (st.st_mode & 077)
		return err_set(err, -EACCES,
			       "key file %s: others may read it (mode %04o): chmod 600", path,
			       st.st_mode & 07777);
	secret_make_room(ret, KEY_LEN);
	if (!S_ISREG(st.st_mode) || st.st_size != KEY_LEN ||
	    read(fd, ret->bytes, KEY_LEN) != KEY_LEN)
		return err_set(err, -EBADMSG, "key file %s: expected %d bytes, it has %lld", path,
			       KEY_LEN, (long long)st.st_size);
	return 0;
}

static void make_print(struct secretbox *box)
{
	unsigned char hash[EVP_MAX_MD_SIZE];
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	unsigned n = 0;

	if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) ||
	    !EVP_DigestUpdate(ctx, LABEL_OF_ID, strlen(LABEL_OF_ID)) ||
	    !EVP_DigestUpdate(ctx, box->key.bytes, box->key.len) ||
	    !EVP_DigestFinal_ex(ctx, hash, &n))
		abort();
	EVP_MD_CTX_free(ctx);
	for (size_t i = 0; i < PRINT_LEN / 2; i++)
		snprintf(box->print + 2 * i, 3, "%02x", hash[i]);
}

int secretbox_open(const char *path, struct secretbox **ret, struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	auto_(secretbox_close) struct secretbox *box = NULL;

	if (fd < 0 && errno == ENOENT)
		return err_set(err, -ENOENT, "key file %s is missing", path);
	if (fd < 0)
		return err_errno(err, "open key file %s", path);
	box = NEW(struct secretbox);
	box->path = xstrdup(path);
	int r = read_key(fd, path, &box->key, err);
	if (r < 0)
		return r;
	make_print(box);
	*ret = TAKE(box);
	return 0;
}

struct secretbox *secretbox_close(struct secretbox *box)
{
	if (!box)
		return NULL;
	secret_fini(&box->key);
	free(box->path);
	free(box);
	return NULL;
}

struct gcm {
	EVP_CIPHER_CTX *ctx;
};

static void gcm_fini(struct gcm *gcm)
{
	EVP_CIPHER_CTX_free(gcm->ctx);
}

/* Ready for the bytes themselves. */
static void gcm_init(struct gcm *gcm, const struct secretbox *box, const unsigned char *nonce,
		     const char *label, int is_sealing)
{
	int n;

	gcm->ctx = EVP_CIPHER_CTX_new();
	if (!gcm->ctx ||
	    !EVP_CipherInit_ex(gcm->ctx, EVP_aes_256_gcm(), NULL, box->key.bytes, nonce,
			       is_sealing) ||
	    !EVP_CipherUpdate(gcm->ctx, NULL, &n, (const unsigned char *)label, (int)strlen(label)))
		abort();
}

char *secretbox_seal(const struct secretbox *box, const char *label, const struct secret *plain)
{
	__attribute__((cleanup(gcm_fini))) struct gcm gcm;
	size_t len = NONCE_LEN + plain->len + TAG_LEN;
	auto_free unsigned char *out = xmalloc(len);
	unsigned char *body = out + NONCE_LEN;
	int n = 0;

	fill_random(out, NONCE_LEN);
	gcm_init(&gcm, box, out, label, 1);
	if ((plain->len && !EVP_CipherUpdate(gcm.ctx, body, &n, plain->bytes, (int)plain->len)) ||
	    !EVP_CipherFinal_ex(gcm.ctx, body + n, &n) ||
	    !EVP_CIPHER_CTX_ctrl(gcm.ctx, EVP_CTRL_GCM_GET_TAG, TAG_LEN, body + plain->len))
		abort();
	auto_free char *text = base64_format(out, len);
	return xasprintf(VERSION "%s:%s", box->print, text);
}

static int fail(struct err *err, const char *label, const char *why)
{
	return err_set(err, -EBADMSG, "unseal %s: %s", label, why);
}

static bool unseal(const struct secretbox *box, const char *label, const struct secret *sealed,
		   struct secret *plain)
{
	__attribute__((cleanup(gcm_fini))) struct gcm gcm;
	unsigned char *body = sealed->bytes + NONCE_LEN;
	int n = 0;

	gcm_init(&gcm, box, sealed->bytes, label, 0);
	return (!plain->len ||
		EVP_CipherUpdate(gcm.ctx, plain->bytes, &n, body, (int)plain->len)) &&
	       EVP_CIPHER_CTX_ctrl(gcm.ctx, EVP_CTRL_GCM_SET_TAG, TAG_LEN, body + plain->len) &&
	       EVP_CipherFinal_ex(gcm.ctx, plain->bytes + n, &n) == 1;
}

int secretbox_unseal(const struct secretbox *box, const char *label, const char *sealed,
		     struct secret *ret, struct err *err)
{
	size_t head = strlen(VERSION) + PRINT_LEN + 1;
	auto_secret struct secret bytes = { 0 };
	auto_secret struct secret plain = { 0 };

	if (!str_starts(sealed, VERSION) || strlen(sealed) < head || sealed[head - 1] != ':')
		return fail(err, label, "its form is not known");
	const char *print = sealed + strlen(VERSION);
	if (strncmp(print, box->print, PRINT_LEN) != 0)
		return err_set(err, -EKEYREJECTED,
			       "unseal %s: it was sealed with key %.8s, key file %s holds key %s",
			       label, print, box->path, box->print);
	if (base64_parse(sealed + head, &bytes) < 0 || bytes.len < NONCE_LEN + TAG_LEN)
		return fail(err, label, "it is damaged");
	secret_make_room(&plain, bytes.len - NONCE_LEN - TAG_LEN);
	if (!unseal(box, label, &bytes, &plain))
		return fail(err, label, "it is damaged, or was sealed as something else");
	secret_fini(ret);
	*ret = plain;
	plain = (struct secret){ 0 };
	return 0;
}
