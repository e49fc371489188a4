/* An OCI registry (distribution spec 1.0): manifests by tag or digest, blobs by digest, and the
 * token flow that public registries want even from anonymous clients. */
#include <pthread.h>
#include <strings.h>

#include "image/private.h"
#include "loop/loop.h"
#include "wire/digest/digest.h"
#include "wire/http_client/http_client.h"

#define REDIRECTS_MAX 5
#define VAIN_MAX      2   /* attempts in a row at a blob that bring nothing */
#define ATTEMPTS_MAX  100 /* at a blob, for servers that hand out crumbs */
#define URL_MAX       8192

static const char accept_manifests[] = "Accept: application/vnd.oci.image.index.v1+json, "
				       "application/vnd.oci.image.manifest.v1+json, "
				       "application/vnd.docker.distribution.manifest.list.v2+json, "
				       "application/vnd.docker.distribution.manifest.v2+json";

struct registry {
	struct image_place place;
	char *base; /* "https://host/v2/repository" */
	char *reference;
	const struct cancel *cancel;
	pthread_mutex_t lock; /* of the token: blobs are read on several threads at once */
	char *token;          /* bearer, or NULL */
};

static char *token_copy(struct registry *reg)
{
	pthread_mutex_lock(&reg->lock);
	char *token = xstrdup(reg->token);
	pthread_mutex_unlock(&reg->lock);
	return token;
}

static void token_set(struct registry *reg, const char *token)
{
	pthread_mutex_lock(&reg->lock);
	free(reg->token);
	reg->token = xstrdup(token);
	pthread_mutex_unlock(&reg->lock);
}

/* "localhost.example.com" and "127.0.0.1.example.com" are not. */
static bool is_loopback(const char *registry)
{
	auto_free char *host = xstrdup(registry);
	char *port = strrchr(host, ':');
	uint32_t addr;

	if (port && !strchr(port, ']'))
		*port = '\0';
	return str_eq(host, "localhost") || str_eq(host, "[::1]") ||
	       (parse_ipv4(host, &addr) == 0 && addr >> 24 == 127);
}

/* docker.io is a name; its registry answers elsewhere. */
static const char *host_of(const char *registry)
{
	return str_eq(registry, "docker.io") ? "registry-1.docker.io" : registry;
}

/* The value of `key="…"` in a challenge; the caller's, NULL if absent. */
static char *challenge_value(const char *challenge, const char *key)
{
	auto_free char *start = xasprintf("%s=\"", key);
	const char *at = strstr(challenge, start);

	if (!at)
		return NULL;
	at += strlen(start);
	return xstrndup(at, strcspn(at, "\""));
}

static int status_error(const char *url, unsigned status, struct err *err)
{
	static const struct {
		unsigned status;
		int code;
		const char *words;
	} known[] = {
		{ 401, -EACCES, "the registry refuses (credentials are missing or wrong)" },
		{ 403, -EACCES, "the registry forbids it" },
		{ 404, -ENOENT, "not found" },
		{ 416, -EBADMSG, "it has fewer bytes than it should" },
		{ 429, -EAGAIN, "the registry asks to come back later" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].status == status)
			return err_set(err, known[i].code, "GET %s: %s (HTTP %u)", url,
				       known[i].words, status);
	return err_set(err, status >= 500 ? -EAGAIN : -EPROTO, "GET %s: HTTP %u", url, status);
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

/* The URL to ask for a token (distribution spec, token authentication); NULL if there is none. */
static char *token_url(const char *challenge)
{
	auto_free char *realm = challenge_value(challenge, "realm");
	auto_free char *service = challenge_value(challenge, "service");
	auto_free char *scope = challenge_value(challenge, "scope");
	auto_buf struct buf url;

	if (!realm || strncasecmp(challenge, "Bearer ", 7) != 0)
		return NULL;
	buf_init(&url, URL_MAX);
	if (buf_add_str(&url, realm) < 0)
		return NULL;
	add_param(&url, "service", service);
	add_param(&url, "scope", scope);
	return buf_take(&url);
}

static int get_token(struct registry *reg, const char *challenge, const struct cancel *cancel,
		     struct err *err)
{
	auto_http_client_response struct http_client_response response = { 0 };
	auto_(json_free) struct json *json = NULL;
	auto_free char *url = token_url(challenge);

	if (!url)
		return err_set(err, -EACCES, "the registry wants credentials (%.60s)", challenge);
	struct http_client_request request = { .url = url, .cancel = cancel };
	int r = http_client_perform(&request, &response, err);
	if (r < 0)
		return r;
	if (response.status != 200)
		return status_error(url, response.status, err);
	r = json_parse(response.body, response.body_len, &json, err);
	if (r < 0)
		return err_wrap(err, "token of %s", url);
	const char *token = json_get_str(json, "token");
	if (!token)
		token = json_get_str(json, "access_token");
	if (!token)
		return err_set(err, -EACCES, "GET %s: an answer without token", url);
	token_set(reg, token);
	return 0;
}

/* One request, again with a token if the registry asks for one. */
static int get(struct registry *reg, struct http_client_request *request,
	       struct http_client_response *response, struct err *err)
{
	for (int attempt = 0;; attempt++) {
		auto_free char *token = token_copy(reg);

		request->bearer = token;
		request->max_redirects = REDIRECTS_MAX;
		int r = http_client_perform(request, response, err);
		request->bearer = NULL;
		if (r < 0)
			return r;
		if (response->status == 200 || response->status == 206)
			return 0;
		const char *challenge = http_client_header(response, "WWW-Authenticate");
		if (response->status != 401 || !challenge || attempt > 0)
			return status_error(request->url, response->status, err);
		r = get_token(reg, challenge, request->cancel, err);
		if (r < 0)
			return r;
		http_client_response_fini(response);
	}
}

static int get_manifest(struct registry *reg, const char *reference, struct image_text *ret,
			struct err *err)
{
	auto_http_client_response struct http_client_response response = { 0 };
	auto_free char *url = xasprintf("%s/manifests/%s", reg->base, reference);
	auto_strv struct strv headers = { 0 };

	strv_add(&headers, accept_manifests);
	struct http_client_request request = {
		.url = url,
		.headers = &headers,
		.max_body = MANIFEST_MAX,
		.cancel = reg->cancel,
	};
	int r = get(reg, &request, &response, err);
	if (r < 0)
		return r;
	const char *type = http_client_header(&response, "Content-Type");
	ret->media_type = type ? xstrndup(type, strcspn(type, "; ")) : xstrdup("");
	ret->text = TAKE(response.body);
	return 0;
}

static int registry_root(struct image_place *place, struct image_text *ret, struct err *err)
{
	struct registry *reg = container_of(place, struct registry, place);

	if (digest_is_valid(reg->reference))
		STR_COPY(ret->digest, reg->reference);
	return get_manifest(reg, reg->reference, ret, err);
}

static int registry_manifest(struct image_place *place, const char *digest, char **ret,
			     struct err *err)
{
	struct registry *reg = container_of(place, struct registry, place);
	struct image_text text = { 0 };
	int r = get_manifest(reg, digest, &text, err);

	free(text.media_type);
	if (r == 0)
		*ret = text.text;
	return r;
}

struct blob_sink {
	const struct image_sink *sink;
	uint64_t done;
	struct err err;
};

/* A server that does not resume starts again at 0: what has been handed on is skipped. */
static int on_blob(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct blob_sink *blob = arg;

	if (offset > blob->done)
		return err_set(&blob->err, -EPROTO, "blob: bytes from %lu where %lu were due",
			       offset, blob->done);
	uint64_t known = blob->done - offset;
	if (known >= len)
		return 0;
	data = (const char *)data + known;
	len -= known;
	blob->done += len;
	return blob->sink->write(blob->sink->arg, data, len, &blob->err);
}

static bool is_worth_another(int r)
{
	return r == 0 || r == -ECONNRESET || r == -ETIMEDOUT;
}

/* A connection that breaks off is taken up again where it broke. */
static int registry_blob(struct image_place *place, const struct image_descriptor *desc,
			 const struct image_sink *sink, const struct cancel *cancel,
			 struct err *err)
{
	struct registry *reg = container_of(place, struct registry, place);
	auto_free char *url = xasprintf("%s/blobs/%s", reg->base, desc->digest);
	struct blob_sink blob = { .sink = sink };
	unsigned vain = 0; /* attempts in a row that brought nothing */

	for (unsigned attempt = 1;; attempt++) {
		auto_http_client_response struct http_client_response response = { 0 };
		uint64_t before = blob.done;
		struct http_client_request request = {
			.url = url,
			.sink = on_blob,
			.sink_arg = &blob,
			.resume_from = blob.done,
			.cancel = cancel ? cancel : reg->cancel,
		};
		int r = get(reg, &request, &response, err);

		if (blob.err.code)
			return err_copy(err, &blob.err);
		/* A body that ended short: whoever checks the digest says so. */
		if (r == 0 && (blob.done >= desc->size || vain == VAIN_MAX))
			return 0;
		vain = blob.done > before ? 0 : vain + 1;
		if (r < 0 && (!is_worth_another(r) || vain > VAIN_MAX || attempt == ATTEMPTS_MAX))
			return r;
		if (attempt == ATTEMPTS_MAX)
			return 0;
	}
}

static void registry_close(struct image_place *place)
{
	struct registry *reg = container_of(place, struct registry, place);

	free(reg->base);
	free(reg->reference);
	free(reg->token);
	pthread_mutex_destroy(&reg->lock);
	free(reg);
}

int place_registry_open(const struct image_config *config, const struct image_ref *ref,
			const struct cancel *cancel, struct image_place **ret, struct err *err)
{
	struct registry *reg = NEW(struct registry);
	bool is_plain = is_loopback(ref->registry) || strv_has(&config->insecure, ref->registry);

	reg->place = (struct image_place){
		.root = registry_root,
		.manifest = registry_manifest,
		.blob = registry_blob,
		.close = registry_close,
	};
	reg->base = xasprintf("%s://%s/v2/%s", is_plain ? "http" : "https", host_of(ref->registry),
			      ref->repository);
	reg->reference = xstrdup(ref->digest ? ref->digest : ref->tag);
	reg->cancel = cancel;
	pthread_mutex_init(&reg->lock, NULL);
	*ret = &reg->place;
	return 0;
}
