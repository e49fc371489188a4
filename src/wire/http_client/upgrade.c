/* Requests that end HTTP on their connection: libcurl connects, and carries bytes through TLS. */
#include <curl/curl.h>

#include "wire/http_client/internal.h"
#include "wire/http_client/trust.h"

struct connection {
	CURL *curl;
	int fd;
	char error[CURL_ERROR_SIZE];
};

static void carrier_close(void *arg)
{
	struct connection *c = arg;

	curl_easy_cleanup(c->curl);
	free(c);
}

static ssize_t carrier_read(void *arg, void *out, size_t size)
{
	struct connection *c = arg;
	size_t n = 0;
	CURLcode code = curl_easy_recv(c->curl, out, size, &n);

	if (code == CURLE_AGAIN)
		return -EAGAIN;
	return code == CURLE_OK ? (ssize_t)n : -ECONNRESET;
}

static ssize_t carrier_write(void *arg, const void *data, size_t len)
{
	struct connection *c = arg;
	size_t n = 0;
	CURLcode code = curl_easy_send(c->curl, data, len, &n);

	if (code == CURLE_AGAIN)
		return -EAGAIN;
	return code == CURLE_OK ? (ssize_t)n : -ECONNRESET;
}

static const struct session_carrier carrier = { carrier_read, carrier_write, carrier_close };

static void set_target(struct connection *s, const struct http_client_request *r)
{
	curl_easy_setopt(s->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(s->curl, CURLOPT_ERRORBUFFER, s->error);
	curl_easy_setopt(s->curl, CURLOPT_URL, r->url);
	curl_easy_setopt(s->curl, CURLOPT_CONNECT_ONLY, 1L);
	curl_easy_setopt(s->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(s->curl, CURLOPT_HTTPPROXYTUNNEL, 1L);
	curl_easy_setopt(s->curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
	curl_easy_setopt(s->curl, CURLOPT_CONNECTTIMEOUT_MS,
			 r->connect_timeout_ms ? (long)r->connect_timeout_ms
					       : (long)CONNECT_TIMEOUT_MS);
	if (r->unix_path) {
		curl_easy_setopt(s->curl, CURLOPT_UNIX_SOCKET_PATH, r->unix_path);
		curl_easy_setopt(s->curl, CURLOPT_PROXY, "");
	}
	trust_set(s->curl, r);
}

static int connect_to(struct connection *c, const struct http_client_request *request,
		      struct err *err)
{
	curl_socket_t fd = CURL_SOCKET_BAD;
	long os_code = 0;

	set_target(c, request);
	CURLcode code = curl_easy_perform(c->curl);
	if (code == CURLE_OK)
		code = curl_easy_getinfo(c->curl, CURLINFO_ACTIVESOCKET, &fd);
	if (code == CURLE_OK && fd != CURL_SOCKET_BAD) {
		c->fd = fd;
		return 0;
	}
	curl_easy_getinfo(c->curl, CURLINFO_OS_ERRNO, &os_code);
	auto_free char *what = request_describe(request);
	bool is_refused = code == CURLE_COULDNT_CONNECT &&
			  (!os_code || os_code == ENOENT || os_code == ECONNREFUSED);
	bool is_distrusted = code == CURLE_PEER_FAILED_VERIFICATION ||
			     code == CURLE_SSL_PINNEDPUBKEYNOTMATCH ||
			     code == CURLE_SSL_CONNECT_ERROR;
	int r = is_refused      ? -ECONNREFUSED
		: is_distrusted ? -EPROTO
		: os_code       ? -(int)os_code
				: -EHOSTUNREACH;
	const char *why = *c->error ? c->error : curl_easy_strerror(code);
	return err_set(err, r, "%s: %s", what, is_refused ? "connection refused" : why);
}

int http_client_upgrade(const struct http_client_request *request, const char *protocol,
			struct http_client_upgrade *ret, struct err *err)
{
	struct connection *c = NEW(struct connection);

	c->curl = curl_easy_init();
	if (!c->curl)
		abort();
	int r = connect_to(c, request, err);
	if (r < 0) {
		carrier_close(c);
		return r;
	}
	struct http_client_session *session = session_new(c->fd);
	session->carrier = &carrier;
	session->arg = c;
	return session_begin(session, request, protocol, ret, err);
}
