/* Requests to one registry: authorization, and coming back later. */
#include <stdatomic.h>
#include <sys/random.h>

#include "image/registry/session.h"
#include "json/json.h"
#include "loop/loop.h"

#define REDIRECTS_MAX     5
#define TRIES_MAX         4 /* of a request that the registry cannot answer now */
#define RETRY_FIRST_MS    500
#define RETRY_CAP_MS      8000
#define RETRY_AFTER_MAX_S 60 /* who asks for more is not waited for */
#define CODE_MAX          40

struct registry_session {
	const struct image_config *images;
	char *place;
	char *host;
	char *base; /* "https://host/v2/prefix/repository" */
	char *key;  /* of its tokens */
	char *ca_file;
	char *cert_file;
	char *key_file;
	bool is_plain;
	bool is_patient;
	const struct cancel *cancel;
	bool has_credential;
	struct credential credential;
	struct image_tokens *tokens;
	struct image_tokens *own_tokens; /* where nobody shares them */
	atomic_bool wants_password;      /* it has asked for one */
	atomic_bool is_known;            /* it has asked who we are */
	atomic_bool has_token;           /* its token server has answered */
};

uint64_t registry_session_delay_ms(unsigned attempt, uint32_t first_ms)
{
	uint64_t random = 0;

	if (getrandom(&random, sizeof(random), 0) != sizeof(random))
		random = attempt;
	return retry_delay_of(random, attempt, first_ms ? first_ms : RETRY_FIRST_MS, RETRY_CAP_MS);
}

/* docker.io is a name; its registry answers elsewhere. */
static const char *address_of(const char *host)
{
	return str_eq(host, "docker.io") ? "registry-1.docker.io" : host;
}

static void set_host(struct registry_session *s, const struct registry_session_config *config)
{
	const char *slash = strchr(config->place, '/');
	auto_free char *named = slash ? xstrndup(config->place, (size_t)(slash - config->place))
				      : xstrdup(config->place);

	s->host = registry_canonical(named);
	s->is_plain = registry_is_plain(config->images, config->hosts, s->host);
	const struct registry_host *said = registry_hosts_find(config->hosts, s->host);
	if (said) {
		s->ca_file = xstrdup(said->ca_file);
		s->cert_file = xstrdup(said->cert_file);
		s->key_file = xstrdup(said->key_file);
	}
	s->base = xasprintf("%s://%s/v2%s%s%s", s->is_plain ? "http" : "https", address_of(s->host),
			    slash ? slash : "", config->repository ? "/" : "",
			    config->repository ? config->repository : "");
}

static struct registry_session *session_new(const struct registry_session_config *config)
{
	struct registry_session *s = NEW(struct registry_session);

	s->images = config->images;
	s->place = xstrdup(config->place);
	s->cancel = config->cancel;
	s->is_patient = config->is_patient;
	set_host(s, config);
	s->tokens = config->images->tokens;
	if (!s->tokens)
		s->tokens = s->own_tokens = image_tokens_new();
	return s;
}

static void set_key(struct registry_session *s)
{
	s->key = xasprintf("%s %s", s->base, s->has_credential ? s->credential.user : "");
}

int registry_session_open(const struct registry_session_config *config,
			  struct registry_session **ret, struct err *err)
{
	struct registry_session *s = session_new(config);
	int r = credentials_find(config->images, s->host, &s->credential, err);

	s->has_credential = r > 0;
	set_key(s);
	if (r < 0) {
		registry_session_close(s);
		return r;
	}
	*ret = s;
	return 0;
}

int registry_session_open_as(const struct registry_session_config *config,
			     const struct credential *credential, struct registry_session **ret,
			     struct err *err)
{
	struct registry_session *s = session_new(config);

	s->credential.host = xstrdup(s->host);
	s->credential.user = xstrdup(credential->user);
	secret_set(&s->credential.password, credential->password.bytes, credential->password.len);
	s->has_credential = true;
	set_key(s);
	/* What others were given does not prove this password. */
	if (!s->own_tokens)
		s->tokens = s->own_tokens = image_tokens_new();
	*ret = s;
	return 0;
}

struct registry_session *registry_session_close(struct registry_session *s)
{
	if (!s)
		return NULL;
	free(s->place);
	free(s->host);
	free(s->base);
	free(s->key);
	free(s->ca_file);
	free(s->cert_file);
	free(s->key_file);
	credential_fini(&s->credential);
	image_tokens_free(s->own_tokens);
	free(s);
	return NULL;
}

const char *registry_session_place(const struct registry_session *session)
{
	return session->place;
}

bool registry_session_is_known(const struct registry_session *session)
{
	return atomic_load(&session->is_known);
}

/* The code of the first error in a registry's answer (distribution spec, "error codes"), such as
 * TOOMANYREQUESTS; "" if there is none. Its free text is not shown: it may repeat what we sent. */
static void error_code(const struct http_client_response *response, char out[CODE_MAX + 3])
{
	auto_(json_free) struct json *json = NULL;
	struct err ignored;

	out[0] = '\0';
	if (!response->body || json_parse(response->body, response->body_len, &json, &ignored) < 0)
		return;
	const char *code = json_get_str(json_at(json_get(json, "errors"), 0), "code");
	if (code && *code && strlen(code) < CODE_MAX &&
	    strspn(code, "ABCDEFGHIJKLMNOPQRSTUVWXYZ_") == strlen(code))
		snprintf(out, CODE_MAX + 3, ", %s", code);
}

static const char *method_of(const struct http_client_request *request)
{
	return request->method ? request->method : "GET";
}

/* A query may be secret. */
static char *shown_url(const struct http_client_request *request)
{
	return xstrndup(request->url, strcspn(request->url, "?"));
}

static int refused(struct registry_session *s, const struct http_client_request *request,
		   const struct http_client_response *response, struct err *err)
{
	const char *method = method_of(request);
	auto_free char *url = shown_url(request);

	if (response->status == 403)
		return err_set(err, -EACCES, "%s %s: the registry forbids it%s%s (HTTP 403)",
			       method, url, s->has_credential ? " to user " : "",
			       s->has_credential ? s->credential.user : "");
	if (s->has_credential)
		return err_set(err, -EACCES,
			       "%s %s: the registry refuses the credentials of user %s (HTTP 401)",
			       method, url, s->credential.user);
	if (atomic_load(&s->has_token))
		return err_set(err, -EACCES,
			       "%s %s: the registry refuses the token that its token server gave "
			       "(HTTP 401)",
			       method, url);
	return err_set(err, -EACCES,
		       "%s %s: the registry wants credentials, and none are stored for %s: holm "
		       "registry login (HTTP 401)",
		       method, url, s->host);
}

static int status_error(struct registry_session *s, const struct http_client_request *request,
			const struct http_client_response *response, struct err *err)
{
	const char *method = method_of(request);
	auto_free char *url = shown_url(request);
	static const struct {
		unsigned status;
		int code;
		const char *words;
	} known[] = {
		{ 404, -ENOENT, "not found" },
		{ 416, -EBADMSG, "it has fewer bytes than it should" },
		{ 429, -EAGAIN, "the registry asks to come back later" },
		{ 503, -EAGAIN, "the registry cannot answer now" },
	};
	unsigned status = response->status;
	char code[CODE_MAX + 3];

	if (status == 401 || status == 403)
		return refused(s, request, response, err);
	error_code(response, code);
	if (response->retry_after_s > RETRY_AFTER_MAX_S)
		return err_set(err, -EAGAIN,
			       "%s %s: the registry asks to come back in %llu s (HTTP %u%s)",
			       method, url, (unsigned long long)response->retry_after_s, status,
			       code);
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].status == status)
			return err_set(err, known[i].code, "%s %s: %s (HTTP %u%s)", method, url,
				       known[i].words, status, code);
	return err_set(err, status >= 500 ? -EAGAIN : -EPROTO, "%s %s: HTTP %u%s", method, url,
		       status, code);
}

static int get_token(struct registry_session *s, const struct challenge *challenge,
		     const struct cancel *cancel, struct err *err)
{
	const struct token_request request = {
		.challenge = challenge,
		.credential = s->has_credential ? &s->credential : NULL,
		.ca_file = s->ca_file,
		.may_be_plain = s->is_plain,
		.cancel = cancel,
	};
	uint64_t lifetime_s;
	char *token;
	int r = token_get(&request, &token, &lifetime_s, err);

	if (r < 0)
		return r;
	tokens_put(s->tokens, s->key, token, lifetime_s);
	secret_free_text(token);
	atomic_store(&s->has_token, true);
	return 0;
}

/* The registry has answered 401: 0 if another try may succeed. */
static int authorize(struct registry_session *s, const struct http_client_request *request,
		     const struct http_client_response *response, struct err *err)
{
	auto_challenge struct challenge challenge = { 0 };

	atomic_store(&s->is_known, true);
	if (!challenge_parse(&response->headers, &challenge))
		return status_error(s, request, response, err);
	if (challenge.is_bearer) {
		if (request->bearer)
			tokens_drop(s->tokens, s->key, request->bearer);
		return get_token(s, &challenge, request->cancel, err);
	}
	if (!s->has_credential || request->user)
		return status_error(s, request, response, err);
	atomic_store(&s->wants_password, true);
	return 0;
}

/* With the best that is known; `token` is what was sent, the caller's. */
static int perform(struct registry_session *s, struct http_client_request *request,
		   struct http_client_response *response, char **token, struct err *err)
{
	secret_free_text(*token);
	*token = tokens_find(s->tokens, s->key);
	request->bearer = *token;
	request->user = request->password = NULL;
	if (!*token && atomic_load(&s->wants_password)) {
		request->user = s->credential.user;
		request->password = (const char *)s->credential.password.bytes;
	}
	return http_client_perform(request, response, err);
}

/* One answer other than "who are you?". */
static int ask(struct registry_session *s, struct http_client_request *request,
	       struct http_client_response *response, struct err *err)
{
	char *token = NULL;
	int r;

	for (int attempt = 0;; attempt++) {
		r = perform(s, request, response, &token, err);
		if (r < 0 || response->status != 401 || attempt == 2)
			break;
		r = authorize(s, request, response, err);
		http_client_response_fini(response);
		if (r < 0)
			break;
	}
	secret_free_text(token);
	request->bearer = request->user = request->password = NULL;
	return r;
}

/* An answer that may be another one soon, or a request without a body to hand on that broke off. */
static bool may_come_back(const struct registry_session *s, int r,
			  const struct http_client_request *request,
			  const struct http_client_response *response)
{
	if (!s->is_patient)
		return false;
	if (r < 0)
		return !request->sink && (r == -ECONNRESET || r == -EAGAIN);
	return (response->status == 429 || response->status == 500 ||
		(response->status >= 502 && response->status <= 504)) &&
	       response->retry_after_s <= RETRY_AFTER_MAX_S;
}

/* Part of a body counts as one where one was asked for. */
static bool is_success(const struct http_client_request *request, unsigned status)
{
	return request->method ? status / 100 == 2 : status == 200 || status == 206;
}

/* "https://host:port" */
static size_t origin_len(const char *url)
{
	const char *host = strstr(url, "://");

	return host ? (size_t)(host - url) + 3 + strcspn(host + 3, "/?#") : 0;
}

bool registry_session_leads_away(const struct registry_session *s, const char *location)
{
	size_t origin = origin_len(s->base);

	return location[0] != '/' && strstr(location, "://") &&
	       (origin_len(location) != origin || strncmp(location, s->base, origin) != 0);
}

/* A path below the repository, or where the registry has sent us: nobody else gets who we are. */
static char *url_of(const struct registry_session *s, const char *path, struct err *err)
{
	size_t origin = origin_len(s->base);

	if (path[0] == '/')
		return xasprintf("%.*s%s", (int)origin, s->base, path);
	if (!strstr(path, "://"))
		return xasprintf("%s/%s", s->base, path);
	if (!registry_session_leads_away(s, path))
		return xstrdup(path);
	err_set(err, -EPROTO, "the registry %s sends us to %.*s", s->host, (int)origin_len(path),
		path);
	return NULL;
}

int registry_session_ask(struct registry_session *s, const char *path,
			 struct http_client_request *request, struct http_client_response *response,
			 struct err *err)
{
	auto_free char *url = url_of(s, path, err);

	if (!url)
		return err->code;
	request->url = url;
	request->ca_file = s->ca_file;
	request->cert_file = s->cert_file;
	request->key_file = s->key_file;
	request->max_redirects = request->method ? 0 : REDIRECTS_MAX;
	if (!request->cancel)
		request->cancel = s->cancel;
	for (unsigned try = 1;; try++) {
		int r = ask(s, request, response, err);
		uint64_t wait_ms = response->retry_after_s * 1000;

		if (r == 0 && is_success(request, response->status))
			return 0;
		bool is_last = try == TRIES_MAX || !may_come_back(s, r, request, response);
		if (r == 0)
			r = status_error(s, request, response, err);
		http_client_response_fini(response);
		if (is_last)
			return r;
		if (!wait_ms)
			wait_ms = registry_session_delay_ms(try - 1, s->images->retry_first_ms);
		if (cancel_wait(request->cancel, wait_ms))
			return err_set(err, -ECANCELED, "cancelled");
	}
}

int registry_session_get(struct registry_session *s, const char *path,
			 struct http_client_request *request, struct http_client_response *response,
			 struct err *err)
{
	assert(!request->method);
	return registry_session_ask(s, path, request, response, err);
}
