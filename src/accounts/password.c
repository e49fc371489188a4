/* Passwords as texts to store. */
#include "accounts/accounts.h"
#include "base/base64.h"
#include "wire/scrypt/scrypt.h"

#define SCHEME    "scrypt"
#define N_PARTS   6
#define LOG_N     14
#define R         8
#define P         1
#define LOG_N_MAX 17
#define R_MAX     16
#define P_MAX     4
#define KEY_LEN   32
#define HASH_MAX  256
#define NOBODYS   "nobody has this salt"

struct stored {
	uint32_t log_n, r, p;
	struct secret salt;
	struct secret key;
};

static void stored_fini(struct stored *stored)
{
	secret_fini(&stored->salt);
	secret_fini(&stored->key);
}

static bool parse(const char *hash, struct stored *ret)
{
	auto_strv struct strv parts = { 0 };

	if (!hash || strlen(hash) > HASH_MAX)
		return false;
	strv_split(&parts, hash, ":");
	return parts.n == N_PARTS && str_eq(parts.items[0], SCHEME) &&
	       parse_u32(parts.items[1], 1, LOG_N_MAX, &ret->log_n) == 0 &&
	       parse_u32(parts.items[2], 1, R_MAX, &ret->r) == 0 &&
	       parse_u32(parts.items[3], 1, P_MAX, &ret->p) == 0 &&
	       base64_parse(parts.items[4], &ret->salt) == 0 && ret->salt.len >= 8 &&
	       base64_parse(parts.items[5], &ret->key) == 0 && ret->key.len == KEY_LEN;
}

static int derive(const struct stored *stored, const char *password, struct secret *ret)
{
	const struct scrypt_input input = {
		.log_n = stored->log_n,
		.r = stored->r,
		.p = stored->p,
		.password = password,
		.password_len = strlen(password),
		.salt = stored->salt.bytes,
		.salt_len = stored->salt.len,
	};

	secret_make_room(ret, KEY_LEN);
	return scrypt_derive(&input, ret->bytes, ret->len);
}

int password_hash(const char *password, const unsigned char salt[PASSWORD_SALT_LEN], char **ret,
		  struct err *err)
{
	__attribute__((cleanup(stored_fini))) struct stored stored = { LOG_N, R, P, { 0 }, { 0 } };
	size_t len = strlen(password);

	if (!len)
		return err_set(err, -EINVAL, "the password is empty");
	if (len > PASSWORD_LEN_MAX)
		return err_set(err, -EINVAL, "the password has %zu bytes, at most %d are allowed",
			       len, PASSWORD_LEN_MAX);
	secret_set(&stored.salt, salt, PASSWORD_SALT_LEN);
	if (derive(&stored, password, &stored.key) < 0)
		return err_set(err, -EIO, "hash a password: libcrypto refused");
	auto_free char *salt_text = base64_format(stored.salt.bytes, stored.salt.len);
	auto_free char *key_text = base64_format(stored.key.bytes, stored.key.len);
	*ret = xasprintf(SCHEME ":%u:%u:%u:%s:%s", stored.log_n, stored.r, stored.p, salt_text,
			 key_text);
	return 0;
}

bool password_matches(const char *hash, const char *password)
{
	__attribute__((cleanup(stored_fini))) struct stored stored = { 0 };
	auto_secret struct secret given = { 0 };
	bool is_known = parse(hash, &stored);

	if (!is_known) {
		stored.log_n = LOG_N;
		stored.r = R;
		stored.p = P;
		secret_set(&stored.salt, NOBODYS, PASSWORD_SALT_LEN);
	}
	if (strlen(password) > PASSWORD_LEN_MAX || derive(&stored, password, &given) < 0)
		return false;
	return is_known && secret_equal(&given, &stored.key);
}
