/* What makes somebody who he says he is: passwords, signed tokens and the keys that sign them, and how
 * often one may try. Without clock, loop and randomness: the caller brings them. Files are the keys'
 * alone. */
#ifndef HOLM_ACCOUNTS_ACCOUNTS_H
#define HOLM_ACCOUNTS_ACCOUNTS_H

#include "base/base.h"
#include "base/id.h"
#include "base/secret.h"

/* Passwords: scrypt, with its cost and salt in the text ("scrypt:14:8:1:SALT:KEY"), so that a later
 * release may ask for more. Both take about 50 ms and 16 MiB on purpose: not on the loop. */
#define PASSWORD_LEN_MAX  256 /* bytes */
#define PASSWORD_SALT_LEN 16

/* The text to store, the caller's. -EINVAL for one that is empty or too long. */
int password_hash(const char *password, const unsigned char salt[PASSWORD_SALT_LEN], char **ret,
		  struct err *err);
/* A hash of NULL (no such user) takes the same time and is never matched, nor is a text that is none. */
bool password_matches(const char *hash, const char *password);

/* Keys: one file each below a folder of root alone, named by when it was made. The newest one signs. Those
 * before verify until the last token that they can have signed has expired; then they are removed. */
struct keys;

/* What the folder holds; the folder is made if it is not there. Blocks. -EACCES: others may read a key;
 * -EBADMSG: it is none. Both name the file. */
int keys_load(const char *dir, uint64_t now_ms, struct keys **ret, struct err *err);
struct keys *keys_free(struct keys *keys);
DEFINE_AUTO(keys_free, struct keys *)
/* Makes the key that signs from now on, and with `is_sudden` removes all others: what they signed is
 * worth nothing any more. Blocks for some 100 ms; load the folder again afterwards. */
int keys_make(const char *dir, uint64_t now_ms, bool is_sudden, struct err *err);
size_t keys_count(const struct keys *keys);

/* Tokens: JWT (RFC 7519) of the claims that Oakestra's clients read, and two of ours, which bind a token to
 * the user's document and to his password. RS256 is the only algorithm, whatever the header says. */
#define TOKEN_ACCESS_S  600u
#define TOKEN_REFRESH_S (30u * 86400)
#define TOKEN_LEN_MAX   8192u

enum token_type { TOKEN_ACCESS, TOKEN_REFRESH, TOKEN_TYPE_N };
extern const char *const token_type_names[]; /* up to NULL */

struct token {
	char *user;
	char user_id[ID_SIZE];
	uint32_t version; /* of the user's credentials */
	struct strv roles;
	char organization[ID_SIZE];
	enum token_type type;
	uint64_t issued_s, expires_s; /* unix time; token_issue() sets the latter by the type */
};
void token_fini(struct token *token);
#define auto_token __attribute__((cleanup(token_fini)))

/* The text, the caller's. There has to be a key. */
char *token_issue(const struct keys *keys, const struct token *token,
		  const unsigned char random[32]);
/* -EBADMSG: not of this form; -EKEYREJECTED: not signed by us, or with a key that is gone; -ETIME: it has
 * expired, or is not valid yet. Who it is for is the caller's to look at. */
int token_check(const struct keys *keys, const char *text, uint64_t now_s, struct token *ret,
		struct err *err);

/* How often one may try: the first failures of a name cost nothing, then each has to be waited for, twice as
 * long every time. Remembered for a while only, and for so many names. */
struct limit_config {
	size_t names_max;
	unsigned free_tries;
	uint32_t first_ms, cap_ms; /* to wait after the next failure, and at most */
	uint32_t forget_ms;        /* after the last one */
};
struct limit;
struct limit *limit_new(const struct limit_config *config);
struct limit *limit_free(struct limit *limit);
/* Milliseconds until the next try, 0: now. */
uint64_t limit_wait_ms(const struct limit *limit, const char *name, uint64_t now_ms);
void limit_failed(struct limit *limit, const char *name, uint64_t now_ms);
void limit_passed(struct limit *limit, const char *name);
size_t limit_count(const struct limit *limit);

#endif
