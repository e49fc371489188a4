/* Layers that are kept elsewhere (image spec, "non-distributable layers"): by the URLs that the
 * manifest names, without anybody's credentials. */
#include <strings.h>

#include "image/private.h"
#include "image/registry/session.h"

#define REDIRECTS_MAX 5

static int get_url(void *arg, struct http_client_request *request,
		   struct http_client_response *response, struct err *err)
{
	const char *url = arg;

	request->url = url;
	request->max_redirects = REDIRECTS_MAX;
	int r = http_client_perform(request, response, err);
	if (r < 0)
		return r;
	if (response->status == 200 || response->status == 206)
		return 0;
	return err_set(err, response->status == 404 ? -ENOENT : -EPROTO, "GET %.300s: HTTP %u", url,
		       response->status);
}

int foreign_read(const struct strv *urls, const struct image_descriptor *blob,
		 const struct image_sink *sink, const struct cancel *cancel, struct err *err)
{
	struct blob_read read = {
		.get = get_url,
		.size = blob->size,
		.done = sink->have,
		.sink = sink,
		.cancel = cancel,
	};
	int r = err_set(err, -ENOENT, "layer %s: none of its URLs is http or https", blob->digest);

	for (size_t i = 0; i < urls->n; i++) {
		char *url = urls->items[i];

		if (strncasecmp(url, "https://", 8) != 0 && strncasecmp(url, "http://", 7) != 0)
			continue;
		read.arg = url;
		r = blob_read(&read, err);
		if (r == 0 || read.is_sink_error || r == -ECANCELED)
			return r;
	}
	return r;
}
