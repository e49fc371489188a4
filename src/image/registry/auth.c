/* Challenges, token servers and the tokens they give. */
#include <pthread.h>
#include <strings.h>

#include "base/clock.h"
#include "image/registry/auth.h"
#include "image/registry/hosts.h"
#include "json/json.h"
#include "wire/http_client/http_client.h"

#define URL_MAX        8192
#define REDIRECTS_MAX  5
#define TOKENS_MAX     1024
#define TOKEN_LEN_MAX  (64u << 10)
#define LIFETIME_S     60 /* of a token that does not say (distribution spec) */
#define LIFETIME_MAX_S 86400
#define MARGIN_S       10 /* one that ends sooner is not begun with */

void challenge_fini(struct challenge *challenge)
{
	free(challenge->realm);
	free(challenge->service);
	free(challenge->scope);
	*challenge = (struct challenge){ 0 };
}

/* RFC 9110 section 5.6.2 */
static size_t token_len(const char *s)
{
	return strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
			 "!#$%&'*+-.^_`|~");
}

/* A token or quoted string; returns what follows it, NULL if it never ends. */
static const char *read_value(const char *s, char **ret)
{
	auto_buf struct buf value;

	buf_init(&value, URL_MAX);
	if (*s != '"') {
		size_t n = token_len(s);

		*ret = xstrndup(s, n);
		return s + n;
	}
	for (s++; *s && *s != '"'; s++) {
		if (*s == '\\' && s[1])
			s++;
		if (buf_add(&value, s, 1) < 0)
			return NULL;
	}
	if (!*s)
		return NULL;
	*ret = buf_take(&value);
	return s + 1;
}

static void take_param(struct challenge *c, const char *name, size_t len, char *take_value)
{
	char **place = NULL;

	if (len == 5 && strncasecmp(name, "realm", len) == 0)
		place = &c->realm;
	else if (len == 7 && strncasecmp(name, "service", len) == 0)
		place = &c->service;
	else if (len == 5 && strncasecmp(name, "scope", len) == 0)
		place = &c->scope;
	if (!place || *place) {
		free(take_value);
		return;
	}
	*place = take_value;
}

/* Parameters of one challenge: up to the scheme of the next one, or NULL if they are damaged. */
static const char *read_params(const char *s, struct challenge *c)
{
	for (;;) {
		s += strspn(s, " \t,");
		size_t n = token_len(s);
		const char *after = s + n + strspn(s + n, " \t");

		if (!n || *after != '=')
			return *s ? (n ? s : NULL) : s;
		char *value = NULL;
		const char *name = s;
		s = read_value(after + 1 + strspn(after + 1, " \t"), &value);
		if (!s)
			return NULL;
		take_param(c, name, n, value);
	}
}

/* Takes over what is better than what there is. */
static void choose(struct challenge *best, bool *has_one, struct challenge *c)
{
	if (*has_one && (best->is_bearer || !c->is_bearer))
		return;
	if (c->is_bearer && !c->realm)
		return;
	challenge_fini(best);
	*best = *c;
	*c = (struct challenge){ 0 };
	*has_one = true;
}

static void read_challenges(const char *s, struct challenge *best, bool *has_one)
{
	while (s && *s) {
		auto_challenge struct challenge c = { 0 };

		s += strspn(s, " \t,");
		size_t n = token_len(s);
		const char *scheme = s;

		if (!n)
			return;
		s = read_params(s + n, &c);
		c.is_bearer = n == 6 && strncasecmp(scheme, "Bearer", n) == 0;
		if (c.is_bearer || (n == 5 && strncasecmp(scheme, "Basic", n) == 0))
			choose(best, has_one, &c);
	}
}

bool challenge_parse(const struct strv *headers, struct challenge *ret)
{
	static const char name[] = "WWW-Authenticate:";
	struct challenge best = { 0 };
	bool has_one = false;

	for (size_t i = 0; i < headers->n; i++)
		if (strncasecmp(headers->items[i], name, strlen(name)) == 0)
			read_challenges(headers->items[i] + strlen(name), &best, &has_one);
	if (has_one)
		*ret = best;
	return has_one;
}

struct token {
	char *text;
	uint64_t until_ms;
};

struct image_tokens {
	pthread_mutex_t lock;
	struct map all; /* key → struct token */
};

struct image_tokens *image_tokens_new(void)
{
	struct image_tokens *tokens = NEW(struct image_tokens);

	pthread_mutex_init(&tokens->lock, NULL);
	return tokens;
}

static void token_free(struct token *token)
{
	if (!token)
		return;
	secret_free_text(token->text);
	free(token);
}

static void clear(struct image_tokens *tokens)
{
	map_for_each(&tokens->all, i, e)
		token_free(e->value);
	map_fini(&tokens->all);
}

struct image_tokens *image_tokens_free(struct image_tokens *tokens)
{
	if (!tokens)
		return NULL;
	clear(tokens);
	pthread_mutex_destroy(&tokens->lock);
	free(tokens);
	return NULL;
}

char *tokens_find(struct image_tokens *tokens, const char *key)
{
	char *text = NULL;

	pthread_mutex_lock(&tokens->lock);
	const struct token *token = map_find(&tokens->all, key);
	if (token && token->until_ms > clock_monotonic_ms())
		text = xstrdup(token->text);
	pthread_mutex_unlock(&tokens->lock);
	return text;
}

void tokens_put(struct image_tokens *tokens, const char *key, const char *text, uint64_t lifetime_s)
{
	struct token *token = NEW(struct token);

	if (lifetime_s > LIFETIME_MAX_S)
		lifetime_s = LIFETIME_MAX_S;
	lifetime_s = lifetime_s > 2 * MARGIN_S ? lifetime_s - MARGIN_S : lifetime_s / 2;
	token->text = xstrdup(text);
	token->until_ms = clock_monotonic_ms() + lifetime_s * 1000;
	pthread_mutex_lock(&tokens->lock);
	if (tokens->all.n >= TOKENS_MAX)
		clear(tokens);
	token_free(map_set(&tokens->all, key, token));
	pthread_mutex_unlock(&tokens->lock);
}

void tokens_drop(struct image_tokens *tokens, const char *key, const char *text)
{
	pthread_mutex_lock(&tokens->lock);
	const struct token *token = map_find(&tokens->all, key);
	if (token && str_eq(token->text, text))
		token_free(map_remove(&tokens->all, key));
	pthread_mutex_unlock(&tokens->lock);
}

/* "&key=value" with what has a meaning in a query percent-encoded (RFC 3986). */
static void add_param(struct buf *url, const char *key, const char *value)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "-._~:/,";

	if (!value)
		return;
	buf_addf(url, "%c%s=", strchr(url->data, '?') ? '&' : '?', key);
	for (; *value; value++)
		if (strchr(plain, *value))
			buf_add(url, value, 1);
		else
			buf_addf(url, "%%%02X", (unsigned char)*value);
}

static char *token_url(const struct token_request *request, struct err *err)
{
	const struct challenge *c = request->challenge;
	auto_buf struct buf url;

	buf_init(&url, URL_MAX);
	/* A registry with TLS cannot make us send a password without. */
	if (strncasecmp(c->realm, "https://", 8) != 0 &&
	    !(request->may_be_plain && strncasecmp(c->realm, "http://", 7) == 0)) {
		err_set(err, -EPROTO, "token server %.200s: expected https://", c->realm);
		return NULL;
	}
	if (buf_add_str(&url, c->realm) < 0) {
		err_set(err, -EPROTO, "token server: a URL of more than %d bytes", URL_MAX);
		return NULL;
	}
	add_param(&url, "service", c->service);
	add_param(&url, "scope", c->scope);
	if (request->credential)
		add_param(&url, "account", request->credential->user);
	return buf_take(&url);
}

static int read_token(const struct http_client_response *response, char **ret_token,
		      uint64_t *ret_lifetime_s)
{
	auto_(json_free) struct json *json = NULL;
	struct err ignored;

	if (json_parse(response->body, response->body_len, &json, &ignored) < 0)
		return -EPROTO;
	const char *token = json_get_str(json, "token");
	int64_t lifetime_s = json_get_int(json, "expires_in", LIFETIME_S);
	if (!token)
		token = json_get_str(json, "access_token");
	/* One that could not stand in a header is none. */
	if (str_is_empty(token) || strlen(token) > TOKEN_LEN_MAX || strpbrk(token, "\r\n"))
		return -EPROTO;
	*ret_token = xstrdup(token);
	*ret_lifetime_s = lifetime_s > 0 ? (uint64_t)lifetime_s : LIFETIME_S;
	return 0;
}

/* Its words are not shown: what a password was sent to could repeat it. */
static int refused(const struct token_request *request, unsigned status, struct err *err)
{
	const struct credential *c = request->credential;
	int plain_len = (int)strcspn(request->challenge->realm, "?#");
	const char *realm = request->challenge->realm;

	if ((status == 401 || status == 403) && c)
		return err_set(err, -EACCES,
			       "token server %.*s refuses user %s (HTTP %u): is the password of %s "
			       "right?",
			       plain_len, realm, c->user, status, c->host);
	if (status == 401 || status == 403)
		return err_set(err, -EACCES,
			       "token server %.*s refuses a token without credentials (HTTP %u)",
			       plain_len, realm, status);
	return err_set(err, status >= 500 || status == 429 ? -EAGAIN : -EPROTO,
		       "token server %.*s: HTTP %u", plain_len, realm, status);
}

int token_get(const struct token_request *request, char **ret_token, uint64_t *ret_lifetime_s,
	      struct err *err)
{
	auto_http_client_response struct http_client_response response = { 0 };
	auto_free char *url = token_url(request, err);

	if (!url)
		return err->code;
	struct http_client_request get = {
		.url = url,
		.user = request->credential ? request->credential->user : NULL,
		.password = request->credential ? (const char *)request->credential->password.bytes
						: NULL,
		.ca_file = request->ca_file,
		.max_redirects = REDIRECTS_MAX,
		.cancel = request->cancel,
	};
	int r = http_client_perform(&get, &response, err);
	if (r < 0)
		return err_wrap(err, "token server");
	if (response.status != 200)
		return refused(request, response.status, err);
	if (read_token(&response, ret_token, ret_lifetime_s) < 0)
		return err_set(err, -EACCES, "token server %.*s: an answer without token",
			       (int)strcspn(url, "?"), url);
	return 0;
}
