/* Tokens: ours, and what somebody else might try. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <openssl/pem.h>

#include "accounts/private.h"
#include "base/base64.h"
#include "json/json.h"

#define NOW_S 1800000000u
#define UID   "0123456789abcdef01234567"
#define ORG   "76543210fedcba9876543210"

static const unsigned char noise[32] = "0123456789abcdef0123456789abcde";

struct fixture {
	char dir[64];
	struct keys *keys;
	struct token token;
	char *text;
	struct err err;
};

static int set_up(void **state)
{
	struct fixture *f = NEW(struct fixture);

	STR_COPY(f->dir, "/tmp/holm-token-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	assert_int_equal(keys_make(f->dir, 1000ull * NOW_S, false, &f->err), 0);
	assert_int_equal(keys_load(f->dir, 1000ull * NOW_S, &f->keys, &f->err), 0);
	f->token = (struct token){ .user = xstrdup("bob"), .version = 7, .issued_s = NOW_S };
	STR_COPY(f->token.user_id, UID);
	STR_COPY(f->token.organization, ORG);
	strv_add(&f->token.roles, "Admin");
	strv_add(&f->token.roles, "Application_Provider");
	f->text = token_issue(f->keys, &f->token, noise);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	token_fini(&f->token);
	keys_free(f->keys);
	path_remove(f->dir, &f->err);
	free(f->text);
	free(f);
	return 0;
}

static int check(struct fixture *f, const char *text, uint64_t now_s)
{
	auto_token struct token token = { 0 };
	int r = token_check(f->keys, text, now_s, &token, &f->err);

	if (r < 0)
		assert_null(token.user);
	return r;
}

/* Part of a token as JSON, the caller's. */
static struct json *part(const char *text, unsigned index)
{
	auto_strv struct strv parts = { 0 };
	auto_secret struct secret json = { 0 };
	struct json *value = NULL;
	struct err err;

	strv_split(&parts, text, ".");
	assert_int_equal(parts.n, 3);
	assert_int_equal(base64url_parse(parts.items[index], strlen(parts.items[index]), &json), 0);
	assert_int_equal(json_parse((char *)json.bytes, json.len, &value, &err), 0);
	return value;
}

static void it_says_what_clients_read(void **state)
{
	struct fixture *f = *state;
	auto_(json_free) struct json *header = part(f->text, 0);
	auto_(json_free) struct json *claims = part(f->text, 1);

	assert_string_equal(json_get_str(header, "alg"), "RS256");
	assert_string_equal(json_get_str(header, "typ"), "JWT");
	assert_string_equal(json_get_str(claims, "sub"), "bob");
	assert_string_equal(json_get_str(claims, "user"), "bob");
	assert_string_equal(json_get_str(claims, "organization"), ORG);
	assert_string_equal(json_get_str(claims, "type"), "access");
	assert_string_equal(json_str(json_at(json_get(claims, "roles"), 1)),
			    "Application_Provider");
	assert_false(json_bool(json_get(claims, "fresh"), true));
	assert_int_equal(json_get_int(claims, "iat", 0), NOW_S);
	assert_int_equal(json_get_int(claims, "nbf", 0), NOW_S);
	assert_int_equal(json_get_int(claims, "exp", 0), NOW_S + 600);
	assert_int_equal(strlen(json_get_str(claims, "jti")), 36);
	assert_string_not_equal(json_get_str(claims, "jti"), json_get_str(claims, "csrf"));
}

static void it_comes_back(void **state)
{
	struct fixture *f = *state;
	auto_token struct token token = { 0 };

	assert_int_equal(token_check(f->keys, f->text, NOW_S, &token, &f->err), 0);
	assert_string_equal(token.user, "bob");
	assert_string_equal(token.user_id, UID);
	assert_string_equal(token.organization, ORG);
	assert_int_equal(token.version, 7);
	assert_int_equal(token.type, TOKEN_ACCESS);
	assert_true(strv_eq(&token.roles, &f->token.roles));
}

static void it_has_its_time(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(check(f, f->text, NOW_S + 599), 0);
	assert_int_equal(check(f, f->text, NOW_S + 600), -ETIME);
	assert_string_equal(f->err.msg, "the token has expired");
	assert_int_equal(check(f, f->text, NOW_S - 60), 0);
	assert_int_equal(check(f, f->text, NOW_S - 61), -ETIME);
	f->token.type = TOKEN_REFRESH;
	auto_free char *refresh = token_issue(f->keys, &f->token, noise);
	assert_int_equal(check(f, refresh, NOW_S + 30 * 86400 - 1), 0);
	assert_int_equal(check(f, refresh, NOW_S + 30 * 86400), -ETIME);
}

static void each_changed_letter_is_noticed(void **state)
{
	struct fixture *f = *state;
	size_t len = strlen(f->text);

	for (size_t i = 0; i < len; i++) {
		auto_free char *text = xstrdup(f->text);

		text[i] = text[i] == 'B' ? 'C' : 'B';
		if (check(f, text, NOW_S) >= 0)
			fail_msg("a change of letter %zu of %zu was not noticed", i, len);
	}
}

static void each_shorter_text_is_refused(void **state)
{
	struct fixture *f = *state;
	size_t len = strlen(f->text);

	for (size_t i = 0; i < len; i++) {
		auto_free char *text = xstrndup(f->text, i);

		if (check(f, text, NOW_S) >= 0)
			fail_msg("%zu of %zu letters were taken", i, len);
	}
	auto_free char *longer = xasprintf("%sA", f->text);
	assert_true(check(f, longer, NOW_S) < 0);
	auto_free char *four = xasprintf("%s.A", f->text);
	assert_int_equal(check(f, four, NOW_S), -EBADMSG);
	auto_free char *huge = xcalloc(1, 1 << 20);
	memset(huge, 'A', (1 << 20) - 1);
	assert_int_equal(check(f, huge, NOW_S), -EBADMSG);
}

static char *encode(const char *json)
{
	return base64url_format(json, strlen(json));
}

/* A header of the attacker's over claims of ours. */
static char *with_header(const struct fixture *f, const char *algorithm, const char *tail)
{
	auto_strv struct strv parts = { 0 };
	auto_free char *header = xasprintf("{\"alg\":\"%s\",\"typ\":\"JWT\",\"kid\":\"%s\"}",
					   algorithm, f->keys->items[0].name);
	auto_free char *head = encode(header);

	strv_split(&parts, f->text, ".");
	return xasprintf("%s.%s.%s", head, parts.items[1], tail);
}

static void no_signature_is_none(void **state)
{
	static const char *const names[] = { "none", "None", "NONE", "nOnE", "" };
	struct fixture *f = *state;

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_free char *without = with_header(f, names[i], "");
		auto_free char *with = with_header(f, names[i], strrchr(f->text, '.') + 1);

		assert_int_equal(check(f, without, NOW_S), -EKEYREJECTED);
		assert_int_equal(check(f, with, NOW_S), -EKEYREJECTED);
	}
}

/* The public key is known to everybody: as the secret of an HMAC it would open the door. */
static void the_public_key_is_no_secret(void **state)
{
	struct fixture *f = *state;
	auto_secret struct secret pem = { 0 };
	unsigned char mac[EVP_MAX_MD_SIZE];
	unsigned n = 0;
	char *public = NULL;

	signing_key_format(f->keys->items[0].key, &pem);
	BIO *in = BIO_new_mem_buf(pem.bytes, (int)pem.len);
	EVP_PKEY *pkey = PEM_read_bio_PrivateKey(in, NULL, NULL, NULL);
	BIO *out = BIO_new(BIO_s_mem());
	assert_int_equal(PEM_write_bio_PUBKEY(out, pkey), 1);
	long len = BIO_get_mem_data(out, &public);
	auto_free char *text = with_header(f, "HS256", "");
	text[strlen(text) - 1] = '\0';
	HMAC(EVP_sha256(), public, (int)len, (unsigned char *)text, strlen(text), mac, &n);
	BIO_free(in);
	BIO_free(out);
	EVP_PKEY_free(pkey);
	auto_free char *tail = base64url_format(mac, n);
	auto_free char *forged = xasprintf("%s.%s", text, tail);
	assert_int_equal(check(f, forged, NOW_S), -EKEYREJECTED);
}

static void another_key_does_not_sign_for_us(void **state)
{
	struct fixture *f = *state;
	struct key key = { .key = signing_key_make(), .name = f->keys->items[0].name };
	const struct keys theirs = { .items = &key, .n = 1 };
	auto_free char *forged = token_issue(&theirs, &f->token, noise);

	signing_key_free(key.key);
	assert_int_equal(check(f, forged, NOW_S), -EKEYREJECTED);
	assert_string_equal(f->err.msg, "the token is not signed by this server");
}

/* Signed by us, but not what we sign: a claim is missing, or of another kind. */
static void claims_have_their_form(void **state)
{
	static const char *const claims[] = {
		"{}",
		"[]",
		"null",
		"x",
		"{\"sub\":7}",
		"{\"iat\":1,\"nbf\":1,\"exp\":1900000000,\"jti\":\"x\",\"type\":\"access\","
		"\"sub\":\"bob\",\"organization\":\"x\",\"uid\":\"x\"}",
		"{\"iat\":1,\"nbf\":1,\"exp\":\"1900000000\",\"jti\":\"x\",\"type\":\"access\","
		"\"sub\":\"bob\",\"organization\":\"x\",\"uid\":\"x\",\"ver\":1}",
		"{\"iat\":1,\"nbf\":1,\"exp\":1900000000,\"jti\":\"x\",\"type\":\"other\","
		"\"sub\":\"bob\",\"organization\":\"x\",\"uid\":\"x\",\"ver\":1}",
	};
	struct fixture *f = *state;
	auto_free char *head = xstrndup(f->text, strcspn(f->text, "."));

	for (size_t i = 0; i < ARRAY_LEN(claims); i++) {
		auto_free char *body = encode(claims[i]);
		auto_free char *text = xasprintf("%s.%s", head, body);
		auto_secret struct secret signature = { 0 };

		signing_key_sign(f->keys->items[0].key, text, strlen(text), &signature);
		auto_free char *tail = base64url_format(signature.bytes, signature.len);
		auto_free char *token = xasprintf("%s.%s", text, tail);
		if (check(f, token, NOW_S) != -EBADMSG)
			fail_msg("%s was taken", claims[i]);
	}
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(it_says_what_clients_read),
		T(it_comes_back),
		T(it_has_its_time),
		T(each_changed_letter_is_noticed),
		T(each_shorter_text_is_refused),
		T(no_signature_is_none),
		T(the_public_key_is_no_secret),
		T(another_key_does_not_sign_for_us),
		T(claims_have_their_form),
	};

	return cmocka_run_group_tests_name("accounts/token", tests, NULL, NULL);
}
