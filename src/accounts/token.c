/* JWT: "HEADER.CLAIMS.SIGNATURE", each base64url. */
#include "accounts/private.h"
#include "base/base64.h"
#include "json/json.h"

#define ALGORITHM  "RS256"
#define UUID_SIZE  37
#define USER_MAX   256
#define ROLES_MAX  64
#define LEEWAY_S   60 /* of clocks that differ, for what is not valid yet */
#define CLAIMS_MAX 6144

const char *const token_type_names[] = { "access", "refresh", NULL };
static_assert(ARRAY_LEN(token_type_names) == TOKEN_TYPE_N + 1, "a name per type");

struct header {
	char algorithm[16];
	char type[16];
	char key[64];
};

static const struct field header_fields[] = {
	FIELD(struct header, algorithm, "alg", F_CHARS, .flags = F_REQUIRED),
	FIELD(struct header, type, "typ", F_CHARS),
	FIELD(struct header, key, "kid", F_CHARS, .flags = F_REQUIRED),
};
static FIELD_TABLE(header_table, struct header, "header", header_fields);

struct claims {
	struct token token;
	char *again; /* the user's name, as another claim */
	uint64_t not_before_s;
	bool is_fresh;
	char id[UUID_SIZE];
	char csrf[UUID_SIZE];
};

#define CLAIM(member, name, ...) FIELD(struct claims, member, name, __VA_ARGS__)
static const struct field claim_fields[] = {
	CLAIM(is_fresh, "fresh", F_BOOL),
	CLAIM(token.issued_s, "iat", F_U64, .flags = F_REQUIRED),
	CLAIM(id, "jti", F_CHARS, .flags = F_REQUIRED),
	CLAIM(token.type, "type", F_ENUM, .flags = F_REQUIRED, .names = token_type_names),
	CLAIM(token.user, "sub", F_STR, .flags = F_REQUIRED, .max = USER_MAX),
	CLAIM(not_before_s, "nbf", F_U64, .flags = F_REQUIRED),
	CLAIM(csrf, "csrf", F_CHARS),
	CLAIM(token.expires_s, "exp", F_U64, .flags = F_REQUIRED),
	CLAIM(again, "user", F_STR, .max = USER_MAX),
	CLAIM(token.roles, "roles", F_STRV, .max = ROLES_MAX),
	CLAIM(token.organization, "organization", F_CHARS, .flags = F_REQUIRED),
	CLAIM(token.user_id, "uid", F_CHARS, .flags = F_REQUIRED),
	CLAIM(token.version, "ver", F_U32, .flags = F_REQUIRED),
};
static FIELD_TABLE(claims_table, struct claims, "claims", claim_fields);

void token_fini(struct token *token)
{
	free(token->user);
	strv_fini(&token->roles);
	*token = (struct token){ 0 };
}

/* RFC 9562, version 4. */
static void format_uuid(const unsigned char random[16], char out[UUID_SIZE])
{
	unsigned char b[16];
	size_t len = 0;

	memcpy(b, random, sizeof(b));
	b[6] = (b[6] & 0x0f) | 0x40;
	b[8] = (b[8] & 0x3f) | 0x80;
	for (size_t i = 0; i < sizeof(b); i++) {
		const char *dash = i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "";

		len += (size_t)snprintf(out + len, UUID_SIZE - len, "%s%02x", dash, b[i]);
	}
}

static char *encode(const struct field_table *table, const void *object)
{
	auto_free char *json = fields_format(table, object);

	return base64url_format(json, strlen(json));
}

char *token_issue(const struct keys *keys, const struct token *token,
		  const unsigned char random[32])
{
	struct header header = { .algorithm = ALGORITHM, .type = "JWT" };
	struct claims claims = { .token = *token,
				 .again = token->user,
				 .not_before_s = token->issued_s };
	auto_secret struct secret signature = { 0 };

	assert(keys->n);
	const struct key *key = &keys->items[keys->n - 1];
	STR_COPY(header.key, key->name);
	claims.token.expires_s = token->issued_s +
				 (token->type == TOKEN_ACCESS ? TOKEN_ACCESS_S : TOKEN_REFRESH_S);
	format_uuid(random, claims.id);
	format_uuid(random + 16, claims.csrf);
	auto_free char *head = encode(&header_table, &header);
	auto_free char *body = encode(&claims_table, &claims);
	auto_free char *text = xasprintf("%s.%s", head, body);
	signing_key_sign(key->key, text, strlen(text), &signature);
	auto_free char *tail = base64url_format(signature.bytes, signature.len);
	return xasprintf("%s.%s", text, tail);
}

static int decode(const struct field_table *table, const char *text, size_t len, void *ret,
		  struct err *err)
{
	auto_secret struct secret json = { 0 };

	if (base64url_parse(text, len, &json) < 0 || json.len > CLAIMS_MAX ||
	    !secret_is_text(&json) || !json.len)
		return err_set(err, -EBADMSG, "the token's %s is no base64url", table->name);
	if (fields_parse_text(table, (const char *)json.bytes, ret, FIELD_UNKNOWN_IGNORE, err) < 0)
		return err_set(err, -EBADMSG, "the token's %s is not of the expected form",
			       table->name);
	return 0;
}

/* The key is chosen by name among ours, and it alone says how to verify. */
static int verify(const struct keys *keys, const char *text, const char *tail, struct err *err)
{
	struct header header = { 0 };
	auto_secret struct secret signature = { 0 };
	int r = decode(&header_table, text, strcspn(text, "."), &header, err);

	if (r < 0)
		return r;
	if (!str_eq(header.algorithm, ALGORITHM))
		return err_set(err, -EKEYREJECTED, "the token is not signed with " ALGORITHM);
	if (base64url_parse(tail + 1, strlen(tail + 1), &signature) < 0)
		return err_set(err, -EBADMSG, "the token's signature is no base64url");
	for (size_t i = 0; i < keys->n; i++) {
		const struct key *key = &keys->items[i];

		if (str_eq(key->name, header.key) &&
		    signing_key_verify(key->key, text, (size_t)(tail - text), &signature))
			return 0;
	}
	return err_set(err, -EKEYREJECTED, "the token is not signed by this server");
}

static int check_times(const struct claims *claims, uint64_t now_s, struct err *err)
{
	if (claims->token.expires_s <= now_s)
		return err_set(err, -ETIME, "the token has expired");
	if (claims->not_before_s > now_s + LEEWAY_S)
		return err_set(err, -ETIME, "the token is not valid yet");
	return 0;
}

int token_check(const struct keys *keys, const char *text, uint64_t now_s, struct token *ret,
		struct err *err)
{
	struct claims claims = { 0 };
	size_t len = strnlen(text, TOKEN_LEN_MAX + 1);
	const char *first = strchr(text, '.');
	const char *second = first ? strchr(first + 1, '.') : NULL;

	if (len > TOKEN_LEN_MAX)
		return err_set(err, -EBADMSG, "the token has more than %u bytes", TOKEN_LEN_MAX);
	if (!second || strchr(second + 1, '.'))
		return err_set(err, -EBADMSG, "the token has not three parts");
	int r = verify(keys, text, second, err);
	if (r < 0)
		return r;
	r = decode(&claims_table, first + 1, (size_t)(second - first - 1), &claims, err);
	if (r < 0)
		return r;
	r = check_times(&claims, now_s, err);
	if (r == 0) {
		*ret = claims.token;
		claims.token = (struct token){ 0 };
	}
	fields_fini(&claims_table, &claims);
	return r;
}
