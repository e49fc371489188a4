/* An image to a registry (distribution spec 1.0, "push"): what it has not got of the blobs, the
 * manifest by its digest, then the index under the tag: until that one nobody sees a change. */
#include <sys/mman.h>

#include "image/private.h"
#include "image/registry/session.h"

struct push {
	const struct image_config *images;
	const struct registry_hosts *hosts;
	struct registry_session *session;
	const struct cancel *cancel;
};

static int has_blob(const struct push *push, const struct image_descriptor *blob, struct err *err)
{
	auto_http_client_response struct http_client_response response = { 0 };
	auto_free char *path = xasprintf("blobs/%s", blob->digest);
	struct http_client_request request = { .method = "HEAD", .cancel = push->cancel };
	int r = registry_session_ask(push->session, path, &request, &response, err);

	return r == -ENOENT ? 0 : r < 0 ? r : 1;
}

/* Where the bytes are to go; the caller's. */
static int begin_upload(const struct push *push, char **ret, struct err *err)
{
	auto_http_client_response struct http_client_response response = { 0 };
	struct http_client_request request = { .method = "POST", .cancel = push->cancel };
	int r = registry_session_ask(push->session, "blobs/uploads/", &request, &response, err);

	if (r < 0)
		return r;
	const char *location = http_client_header(&response, "Location");
	if (!location)
		return err_set(err, -EPROTO, "the registry does not say where blobs are to go");
	*ret = xstrdup(location);
	return 0;
}

static int put(const struct push *push, const char *path, const struct image_descriptor *what,
	       const void *data, struct err *err)
{
	auto_http_client_response struct http_client_response response = { 0 };
	auto_strv struct strv headers = { 0 };
	struct http_client_request request = {
		.method = "PUT",
		.headers = &headers,
		.body = data,
		.body_len = what->size,
		.total_timeout_ms = HTTP_CLIENT_NO_TIMEOUT,
		.cancel = push->cancel,
	};

	strv_addf(&headers, "Content-Type: %s", what->media_type);
	return registry_session_ask(push->session, path, &request, &response, err);
}

/* To whom the registry sends us with a blob: storage behind it, for which the location itself is the
 * permission. He gets the bytes, and nothing of who we are. */
static int put_elsewhere(const struct push *push, const char *url, const void *data, size_t len,
			 struct err *err)
{
	auto_http_client_response struct http_client_response response = { 0 };
	const char *authority = strstr(url, "://") + 3;
	auto_free char *host = xstrndup(authority, strcspn(authority, "/?#"));
	auto_free char *shown = xstrndup(url, strcspn(url, "?"));
	const struct registry_host *said = registry_hosts_find(push->hosts, host);
	bool may_be_plain = registry_is_plain(push->images, push->hosts, host);
	struct http_client_request request = {
		.method = "PUT",
		.url = url,
		.body = data,
		.body_len = len,
		.ca_file = said ? said->ca_file : NULL,
		.total_timeout_ms = HTTP_CLIENT_NO_TIMEOUT,
		.cancel = push->cancel,
	};

	if (strchr(host, '@') ||
	    (!str_starts(url, "https://") && !(may_be_plain && str_starts(url, "http://"))))
		return err_set(err, -EPROTO,
			       "the registry sends blobs to %.200s, which is not https", shown);
	if (http_client_perform(&request, &response, err) < 0)
		return err->code;
	if (response.status / 100 == 2)
		return 0;
	return err_set(err, -EPROTO, "PUT %.200s, where the registry sends blobs: HTTP %u", shown,
		       response.status);
}

static int upload(const struct push *push, const struct image_blob *blob, struct err *err)
{
	const struct image_descriptor *d = &blob->descriptor;
	const struct image_descriptor body = { .size = d->size,
					       .media_type = "application/octet-stream" };
	auto_free char *location = NULL;
	int r = begin_upload(push, &location, err);

	if (r < 0)
		return r;
	auto_free char *path = xasprintf("%s%cdigest=%s", location,
					 strchr(location, '?') ? '&' : '?', d->digest);
	void *data = mmap(NULL, d->size, PROT_READ, MAP_SHARED, blob->fd, 0);
	if (data == MAP_FAILED)
		return err_errno(err, "map a blob");
	r = registry_session_leads_away(push->session, location)
		    ? put_elsewhere(push, path, data, d->size, err)
		    : put(push, path, &body, data, err);
	munmap(data, d->size);
	return r;
}

static int push_blob(const struct push *push, const struct image_blob *blob, struct err *err)
{
	int r = has_blob(push, &blob->descriptor, err);

	return r ? (r < 0 ? r : 0) : upload(push, blob, err);
}

int registry_read_index(const struct image_config *config, const struct image_ref *ref,
			const struct cancel *cancel, struct json **ret, struct err *err)
{
	struct image_place *place = NULL;
	struct image_text text = { 0 };
	struct json *json = NULL;
	int r = place_registry_open(config, ref, cancel, &place, err);

	if (r < 0)
		return r;
	place->distrust(place); /* of mirrors, which may be behind */
	r = place->root(place, &text, err);
	place->close(place);
	if (r == 0)
		r = manifest_read(text.text, NULL, &json, err);
	if (r == 0 && !manifest_is_index(text.media_type, json))
		json = json_free(json);
	free(text.text);
	free(text.media_type);
	if (r == 0 || r == -ENOENT)
		*ret = json;
	return r == -ENOENT ? 0 : r;
}

static int push_all(const struct push *push, const struct image_upload *upload, const char *tag,
		    struct err *err)
{
	auto_free char *by_digest = xasprintf("manifests/%s", upload->manifest->digest);
	auto_free char *by_tag = xasprintf("manifests/%s", tag);
	int r = 0;

	for (size_t i = 0; r == 0 && i < upload->n_blobs; i++)
		r = push_blob(push, upload->blobs[i], err);
	if (r == 0)
		r = put(push, by_digest, upload->manifest, upload->manifest_text, err);
	if (r == 0)
		r = put(push, by_tag, upload->index, upload->index_text, err);
	return r;
}

int registry_push(const struct image_config *config, const struct image_ref *ref,
		  const struct image_upload *upload, const struct cancel *cancel, struct err *err)
{
	auto_registry_hosts struct registry_hosts hosts = { 0 };
	auto_(registry_session_close) struct registry_session *session = NULL;
	const struct registry_session_config to = {
		.images = config,
		.hosts = &hosts,
		.place = ref->registry,
		.repository = ref->repository,
		.cancel = cancel,
		.is_patient = true,
	};
	int r = registry_hosts_read(config, &hosts, err);

	if (r == 0)
		r = registry_session_open(&to, &session, err);
	const struct push push = { config, &hosts, session, cancel };
	return r < 0 ? r : push_all(&push, upload, ref->tag, err);
}
