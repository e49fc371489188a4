/* An OCI registry (distribution spec 1.0): manifests by tag or digest, blobs by digest; from its
 * mirrors first, whose answers count only where a digest proves them. */
#include <stdatomic.h>

#include "image/private.h"
#include "image/registry/session.h"
#include "loop/loop.h"
#include "wire/digest/digest.h"

static const char accept_manifests[] = "Accept: application/vnd.oci.image.index.v1+json, "
				       "application/vnd.oci.image.manifest.v1+json, "
				       "application/vnd.docker.distribution.manifest.list.v2+json, "
				       "application/vnd.docker.distribution.manifest.v2+json";

struct registry {
	struct image_place place;
	char *reference;
	bool allows_urls;
	const struct cancel *cancel;
	uint32_t retry_first_ms;
	struct registry_session **sessions; /* mirrors, then the origin */
	size_t n_sessions;
	atomic_bool is_direct; /* a mirror has lied: none of them is asked any more */
};

static bool is_origin(const struct registry *reg, size_t i)
{
	return i + 1 == reg->n_sessions;
}

static int get_manifest(struct registry *reg, struct registry_session *session,
			const char *reference, struct image_text *ret, struct err *err)
{
	auto_http_client_response struct http_client_response response = { 0 };
	auto_free char *path = xasprintf("manifests/%s", reference);
	auto_strv struct strv headers = { 0 };
	char have[DIGEST_TEXT_MAX];

	strv_add(&headers, accept_manifests);
	struct http_client_request request = {
		.headers = &headers,
		.max_body = MANIFEST_MAX,
		.cancel = reg->cancel,
	};
	int r = registry_session_get(session, path, &request, &response, err);
	if (r == -E2BIG)
		return err_wrap(err, "manifest %s", reference);
	if (r < 0)
		return r;
	digest_of(response.body, response.body_len, have);
	if (digest_is_valid(reference) && !str_eq(have, reference))
		return err_set(err, -EBADMSG, "manifest %s: its content has digest %s", reference,
			       have);
	const char *type = http_client_header(&response, "Content-Type");
	ret->media_type = type ? xstrndup(type, strcspn(type, "; ")) : xstrdup("");
	ret->text = TAKE(response.body);
	return 0;
}

/* "…; mirror a: reason; mirror b: reason" */
static void add_failures(const struct strv *failures, struct err *err)
{
	auto_free char *list = failures->n ? strv_join(failures, "; ") : NULL;
	struct err before = *err;

	if (list)
		err_set(err, before.code, "%s; %s", before.msg, list);
}

static int find_manifest(struct registry *reg, const char *reference, struct image_text *ret,
			 struct err *err)
{
	auto_strv struct strv failures = { 0 };

	for (size_t i = atomic_load(&reg->is_direct) ? reg->n_sessions - 1 : 0;; i++) {
		int r = get_manifest(reg, reg->sessions[i], reference, ret, err);

		if (r == 0 || r == -ECANCELED)
			return r;
		if (is_origin(reg, i)) {
			add_failures(&failures, err);
			return r;
		}
		strv_addf(&failures, "mirror %s: %s", registry_session_place(reg->sessions[i]),
			  err->msg);
	}
}

static int registry_root(struct image_place *place, struct image_text *ret, struct err *err)
{
	struct registry *reg = container_of(place, struct registry, place);

	if (digest_is_valid(reg->reference))
		STR_COPY(ret->digest, reg->reference);
	return find_manifest(reg, reg->reference, ret, err);
}

static int registry_manifest(struct image_place *place, const char *digest, char **ret,
			     struct err *err)
{
	struct registry *reg = container_of(place, struct registry, place);
	struct image_text text = { 0 };
	int r = find_manifest(reg, digest, &text, err);

	free(text.media_type);
	if (r == 0)
		*ret = text.text;
	return r;
}

struct blob_source {
	struct registry_session *session;
	const char *path;
};

static int get_blob(void *arg, struct http_client_request *request,
		    struct http_client_response *response, struct err *err)
{
	const struct blob_source *source = arg;

	return registry_session_get(source->session, source->path, request, response, err);
}

/* What one has begun another one continues. */
static int registry_blob(struct image_place *place, const struct image_descriptor *desc,
			 const struct image_sink *sink, const struct cancel *cancel,
			 struct err *err)
{
	struct registry *reg = container_of(place, struct registry, place);
	auto_free char *path = xasprintf("blobs/%s", desc->digest);
	auto_strv struct strv failures = { 0 };
	struct blob_source source = { .path = path };
	struct blob_read read = {
		.get = get_blob,
		.arg = &source,
		.size = desc->size,
		.done = sink->have,
		.sink = sink,
		.cancel = cancel ? cancel : reg->cancel,
		.retry_first_ms = reg->retry_first_ms,
	};
	bool is_mirrored = false;

	for (size_t i = atomic_load(&reg->is_direct) ? reg->n_sessions - 1 : 0;; i++) {
		uint64_t before = read.done;

		source.session = reg->sessions[i];
		int r = blob_read(&read, err);
		is_mirrored = is_mirrored || (!is_origin(reg, i) && read.done > before);
		if (r == 0)
			return is_mirrored;
		if (is_origin(reg, i) || read.is_sink_error || r == -ECANCELED) {
			add_failures(&failures, err);
			return r;
		}
		strv_addf(&failures, "mirror %s: %s", registry_session_place(reg->sessions[i]),
			  err->msg);
	}
}

static void registry_distrust(struct image_place *place)
{
	struct registry *reg = container_of(place, struct registry, place);

	atomic_store(&reg->is_direct, true);
}

static bool registry_allows_urls(struct image_place *place)
{
	return container_of(place, struct registry, place)->allows_urls;
}

static void registry_close(struct image_place *place)
{
	struct registry *reg = container_of(place, struct registry, place);

	for (size_t i = 0; i < reg->n_sessions; i++)
		registry_session_close(reg->sessions[i]);
	free(reg->sessions);
	free(reg->reference);
	free(reg);
}

static int add_session(struct registry *reg, const struct registry_session_config *config,
		       struct err *err)
{
	struct registry_session *session;
	int r = registry_session_open(config, &session, err);

	if (r == 0)
		*ARRAY_ADD(reg->sessions, reg->n_sessions) = session;
	return r;
}

static int open_sessions(struct registry *reg, const struct image_config *config,
			 const struct image_ref *ref, struct err *err)
{
	auto_registry_hosts struct registry_hosts hosts = { 0 };
	int r = registry_hosts_read(config, &hosts, err);

	if (r < 0)
		return r;
	const struct registry_host *said = registry_hosts_find(&hosts, ref->registry);
	struct registry_session_config session = {
		.images = config,
		.hosts = &hosts,
		.repository = ref->repository,
		.cancel = reg->cancel,
	};
	reg->allows_urls = said && said->allows_urls;
	for (size_t i = 0; r == 0 && said && i < said->mirrors.n; i++) {
		session.place = said->mirrors.items[i];
		r = add_session(reg, &session, err);
	}
	session.place = ref->registry;
	session.is_patient = true;
	return r < 0 ? r : add_session(reg, &session, err);
}

int place_registry_open(const struct image_config *config, const struct image_ref *ref,
			const struct cancel *cancel, struct image_place **ret, struct err *err)
{
	struct registry *reg = NEW(struct registry);

	reg->place = (struct image_place){
		.root = registry_root,
		.manifest = registry_manifest,
		.blob = registry_blob,
		.distrust = registry_distrust,
		.allows_urls = registry_allows_urls,
		.close = registry_close,
	};
	reg->reference = xstrdup(ref->digest ? ref->digest : ref->tag);
	reg->cancel = cancel;
	reg->retry_first_ms = config->retry_first_ms;
	int r = open_sessions(reg, config, ref, err);
	if (r < 0) {
		registry_close(&reg->place);
		return r;
	}
	*ret = &reg->place;
	return 0;
}
