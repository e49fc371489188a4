/* An OCI registry (distribution spec 1.0): manifests by tag or digest, blobs by digest, and the
 * token flow that public registries want even from anonymous clients. */
#include "image/private.h"
#include "loop/loop.h"
#include "wire/http_client/http_client.h"

#define REDIRECTS_MAX 5

static const char accept_manifests[] = "Accept: application/vnd.oci.image.index.v1+json, "
				       "application/vnd.oci.image.manifest.v1+json, "
				       "application/vnd.docker.distribution.manifest.list.v2+json, "
				       "application/vnd.docker.distribution.manifest.v2+json";

struct registry {
	struct image_place place;
	char *base; /* "https://host/v2/repository" */
	char *reference;
	char *token; /* bearer, or NULL */
	const struct cancel *cancel;
};

static bool is_loopback(const char *host)
{
	return str_starts(host, "127.") || str_starts(host, "localhost") ||
	       str_starts(host, "[::1]");
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

static int get_token(struct registry *reg, const char *challenge, struct err *err)
{
	auto_http_client_response struct http_client_response response = { 0 };
	auto_free char *realm = challenge_value(challenge, "realm");
	auto_free char *service = challenge_value(challenge, "service");
	auto_free char *scope = challenge_value(challenge, "scope");
	auto_(json_free) struct json *json = NULL;

	if (!str_starts(challenge, "Bearer ") || !realm)
		return err_set(err, -EACCES, "the registry wants credentials (%.60s)", challenge);
	auto_free char *url = xasprintf("%s?service=%s&scope=%s", realm, service ? service : "",
					scope ? scope : "");
	struct http_client_request request = { .url = url, .cancel = reg->cancel };
	int r = http_client_perform(&request, &response, err);
	if (r < 0)
		return r;
	if (response.status != 200)
		return err_set(err, -EACCES, "GET %s: HTTP %u", url, response.status);
	r = json_parse(response.body, response.body_len, &json, err);
	if (r < 0)
		return err_wrap(err, "token of %s", realm);
	const char *token = json_get_str(json, "token");
	if (!token)
		token = json_get_str(json, "access_token");
	if (!token)
		return err_set(err, -EACCES, "GET %s: an answer without token", url);
	free(reg->token);
	reg->token = xstrdup(token);
	return 0;
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
		{ 429, -EAGAIN, "the registry asks to come back later" },
	};

	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (known[i].status == status)
			return err_set(err, known[i].code, "GET %s: %s (HTTP %u)", url,
				       known[i].words, status);
	return err_set(err, status >= 500 ? -EAGAIN : -EPROTO, "GET %s: HTTP %u", url, status);
}

/* One request, again with a token if the registry asks for one. */
static int get(struct registry *reg, struct http_client_request *request,
	       struct http_client_response *response, struct err *err)
{
	for (int attempt = 0;; attempt++) {
		request->bearer = reg->token;
		request->cancel = reg->cancel;
		request->max_redirects = REDIRECTS_MAX;
		int r = http_client_perform(request, response, err);

		if (r < 0)
			return r;
		if (response->status == 200 || response->status == 206)
			return 0;
		const char *challenge = http_client_header(response, "WWW-Authenticate");
		if (response->status != 401 || !challenge || attempt > 0)
			return status_error(request->url, response->status, err);
		r = get_token(reg, challenge, err);
		if (r < 0)
			return r;
		http_client_response_fini(response);
	}
}

static int get_manifest(struct registry *reg, const char *reference, char **ret_text,
			char **ret_media_type, struct err *err)
{
	auto_http_client_response struct http_client_response response = { 0 };
	auto_free char *url = xasprintf("%s/manifests/%s", reg->base, reference);
	auto_strv struct strv headers = { 0 };

	strv_add(&headers, accept_manifests);
	struct http_client_request request = {
		.url = url,
		.headers = &headers,
		.max_body = MANIFEST_MAX,
	};
	int r = get(reg, &request, &response, err);
	if (r < 0)
		return r;
	if (ret_media_type) {
		const char *type = http_client_header(&response, "Content-Type");

		*ret_media_type = type ? xstrndup(type, strcspn(type, "; ")) : xstrdup("");
	}
	*ret_text = TAKE(response.body);
	return 0;
}

static int registry_root(struct image_place *place, char **ret_text, char **ret_media_type,
			 struct err *err)
{
	struct registry *reg = container_of(place, struct registry, place);

	return get_manifest(reg, reg->reference, ret_text, ret_media_type, err);
}

static int registry_manifest(struct image_place *place, const char *digest, char **ret,
			     struct err *err)
{
	struct registry *reg = container_of(place, struct registry, place);

	return get_manifest(reg, digest, ret, NULL, err);
}

struct blob_sink {
	const struct image_sink *sink;
	uint64_t done;
	struct err err;
};

static int on_blob(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct blob_sink *blob = arg;

	if (offset != blob->done)
		return err_set(&blob->err, -EPROTO, "blob: bytes from %lu where %lu were due",
			       offset, blob->done);
	blob->done += len;
	return blob->sink->write(blob->sink->arg, data, len, &blob->err);
}

/* A connection that breaks off is taken up again where it broke. */
static int registry_blob(struct image_place *place, const struct image_descriptor *desc,
			 const struct image_sink *sink, const struct cancel *cancel,
			 struct err *err)
{
	struct registry *reg = container_of(place, struct registry, place);
	auto_free char *url = xasprintf("%s/blobs/%s", reg->base, desc->digest);
	struct blob_sink blob = { .sink = sink };

	for (int attempt = 0;; attempt++) {
		auto_http_client_response struct http_client_response response = { 0 };
		uint64_t before = blob.done;
		struct http_client_request request = {
			.url = url,
			.sink = on_blob,
			.sink_arg = &blob,
			.resume_from = blob.done,
		};
		int r = get(reg, &request, &response, err);

		if (r == 0 && blob.done >= desc->size)
			return 0;
		if (blob.err.code)
			return err_copy(err, &blob.err);
		bool is_worth_it = blob.done > before || attempt < 2;
		if (r == 0 && !is_worth_it)
			return 0; /* short: whoever checks the digest says so */
		if (r < 0 && (!is_worth_it || (r != -ECONNRESET && r != -ETIMEDOUT)))
			return r;
	}
}

static void registry_close(struct image_place *place)
{
	struct registry *reg = container_of(place, struct registry, place);

	free(reg->base);
	free(reg->reference);
	free(reg->token);
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
	*ret = &reg->place;
	return 0;
}
