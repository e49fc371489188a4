/* One libcurl handle per request. libcurl initializes itself, safely for threads (7.84 and later). */
#include <ctype.h>
#include <strings.h>

#include <curl/curl.h>

#include "loop/loop.h"
#include "wire/http_client/internal.h"
#include "wire/http_client/trust.h"

#define SINK_BLOCK (256l << 10) /* of a large body, at once */

struct transfer {
	const struct http_client_request *request;
	CURL *curl;
	struct curl_slist *headers;
	char curl_error[CURL_ERROR_SIZE];
	char *no_proxy;
	char range[32];
	struct strv received; /* headers of the answer that comes in */
	size_t received_len;
	struct buf body;
	uint64_t offset; /* where the sink's next piece belongs */
	bool has_offset;
	struct err failure; /* of our own callbacks, goes before libcurl's */
};

static unsigned status_of(struct transfer *t)
{
	long status = 0;

	curl_easy_getinfo(t->curl, CURLINFO_RESPONSE_CODE, &status);
	return (unsigned)status;
}

static size_t on_header(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t len = size * n;

	if (len >= 5 && memcmp(data, "HTTP/", 5) == 0) {
		/* The next of several answers: continue, redirect, authentication. */
		strv_fini(&t->received);
		t->received_len = 0;
		return len;
	}
	while (n && (data[n - 1] == '\r' || data[n - 1] == '\n'))
		n--;
	if (!n)
		return len;
	t->received_len += n;
	if (t->received_len > HEADERS_MAX) {
		err_set(&t->failure, -E2BIG, "headers of more than %u bytes", HEADERS_MAX);
		return 0;
	}
	strv_take(&t->received, xstrndup(data, n));
	return len;
}

/* "bytes 100-199/200" must begin where we asked for (RFC 9110 section 14.4). */
static int check_range(struct transfer *t)
{
	const char *range = header_find(&t->received, "Content-Range");
	uint64_t start;

	if (range && str_starts(range, "bytes ")) {
		auto_free char *text = xstrndup(range + 6, strcspn(range + 6, "-"));

		if (parse_u64(text, 0, UINT64_MAX, &start) == 0 && start == t->request->resume_from)
			return 0;
	}
	return err_set(&t->failure, -EPROTO, "asked for bytes from %llu, got \"%s\"",
		       (unsigned long long)t->request->resume_from, range ? range : "");
}

static int give_to_sink(struct transfer *t, const char *data, size_t len)
{
	if (!t->has_offset && status_of(t) == 206) {
		t->offset = t->request->resume_from;
		if (check_range(t) < 0)
			return t->failure.code;
	}
	t->has_offset = true;
	int r = t->request->sink(t->request->sink_arg, t->offset, data, len);
	if (r < 0)
		return err_set(&t->failure, r, "store body: %s", strerror(-r));
	t->offset += len;
	return 0;
}

static int keep(struct transfer *t, const char *data, size_t len, bool is_success)
{
	if (!is_success && len > t->body.max - t->body.len)
		len = t->body.max - t->body.len;
	if (buf_add(&t->body, data, len) < 0)
		return err_set(&t->failure, -E2BIG, "body of more than %zu bytes", t->body.max);
	return 0;
}

static size_t on_body(char *data, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	bool is_success = status_of(t) / 100 == 2;
	int r = is_success && t->request->sink ? give_to_sink(t, data, size * n)
					       : keep(t, data, size * n, is_success);

	return r < 0 ? 0 : size * n;
}

static int on_progress(void *arg, curl_off_t down_total, curl_off_t down, curl_off_t up_total,
		       curl_off_t up)
{
	struct transfer *t = arg;

	if (!cancel_is_set(t->request->cancel))
		return 0;
	err_set(&t->failure, -ECANCELED, "canceled");
	return 1;
}

static long timeout_of(uint32_t given_ms, uint32_t otherwise_ms)
{
	if (given_ms == HTTP_CLIENT_NO_TIMEOUT)
		return 0;
	return given_ms ? given_ms : otherwise_ms;
}

static void set_timeouts(struct transfer *t)
{
	const struct http_client_request *r = t->request;

	curl_easy_setopt(t->curl, CURLOPT_CONNECTTIMEOUT_MS,
			 timeout_of(r->connect_timeout_ms, CONNECT_TIMEOUT_MS));
	curl_easy_setopt(t->curl, CURLOPT_TIMEOUT_MS,
			 timeout_of(r->total_timeout_ms, r->sink ? 0 : TOTAL_TIMEOUT_MS));
	curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_LIMIT, 1L);
	curl_easy_setopt(t->curl, CURLOPT_LOW_SPEED_TIME,
			 (timeout_of(r->stall_timeout_ms, STALL_TIMEOUT_MS) + 999) / 1000);
	curl_easy_setopt(t->curl, CURLOPT_XFERINFOFUNCTION, on_progress);
	curl_easy_setopt(t->curl, CURLOPT_XFERINFODATA, t);
	curl_easy_setopt(t->curl, CURLOPT_NOPROGRESS, 0L);
}

static void set_method(struct transfer *t)
{
	const struct http_client_request *r = t->request;
	const char *method = r->method ? r->method : "GET";

	if (str_eq(method, "HEAD")) {
		curl_easy_setopt(t->curl, CURLOPT_NOBODY, 1L);
		return;
	}
	if (r->body || str_eq(method, "POST") || str_eq(method, "PUT")) {
		curl_easy_setopt(t->curl, CURLOPT_POSTFIELDS, r->body ? r->body : "");
		curl_easy_setopt(t->curl, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)r->body_len);
	}
	if (!str_eq(method, "GET") && !str_eq(method, "POST"))
		curl_easy_setopt(t->curl, CURLOPT_CUSTOMREQUEST, method);
}

static void add_header(struct transfer *t, const char *line)
{
	struct curl_slist *more = curl_slist_append(t->headers, line);

	if (!more)
		abort();
	t->headers = more;
}

static void set_headers(struct transfer *t)
{
	const struct http_client_request *r = t->request;
	bool has_type = r->headers && header_find(r->headers, "Content-Type");

	for (size_t i = 0; r->headers && i < r->headers->n; i++)
		add_header(t, r->headers->items[i]);
	if (!has_type)
		add_header(t, "Content-Type:"); /* or libcurl would say that it is a form */
	curl_easy_setopt(t->curl, CURLOPT_HTTPHEADER, t->headers);
	curl_easy_setopt(t->curl, CURLOPT_USERAGENT, "holm/" HOLM_VERSION);
	if (r->sink && r->resume_from) {
		/* Not CURLOPT_RESUME_FROM, which takes a whole answer for an error. */
		snprintf(t->range, sizeof(t->range), "%llu-", (unsigned long long)r->resume_from);
		curl_easy_setopt(t->curl, CURLOPT_RANGE, t->range);
	}
}

/* libcurl gives neither header to another host, port or scheme after a redirect. */
static void set_authorization(struct transfer *t)
{
	const struct http_client_request *r = t->request;

	if (r->bearer) {
		curl_easy_setopt(t->curl, CURLOPT_HTTPAUTH, CURLAUTH_BEARER);
		curl_easy_setopt(t->curl, CURLOPT_XOAUTH2_BEARER, r->bearer);
	} else if (r->user) {
		curl_easy_setopt(t->curl, CURLOPT_HTTPAUTH, CURLAUTH_BASIC);
		curl_easy_setopt(t->curl, CURLOPT_USERNAME, r->user);
		curl_easy_setopt(t->curl, CURLOPT_PASSWORD, r->password ? r->password : "");
	}
}

/* A proxy of the environment is not for this machine. */
static void set_proxy(struct transfer *t)
{
	const char *given = getenv("no_proxy");

	if (!given)
		given = getenv("NO_PROXY");
	t->no_proxy = xasprintf("%s%slocalhost,127.0.0.1,::1", given ? given : "",
				str_is_empty(given) ? "" : ",");
	curl_easy_setopt(t->curl, CURLOPT_NOPROXY, str_eq(given, "*") ? "*" : t->no_proxy);
}

static void set_target(struct transfer *t)
{
	const struct http_client_request *r = t->request;
	bool is_tls = strncasecmp(r->url, "https:", 6) == 0;

	curl_easy_setopt(t->curl, CURLOPT_URL, r->url);
	curl_easy_setopt(t->curl, CURLOPT_DISALLOW_USERNAME_IN_URL, 1L);
	curl_easy_setopt(t->curl, CURLOPT_PROTOCOLS_STR, "http,https");
	curl_easy_setopt(t->curl, CURLOPT_REDIR_PROTOCOLS_STR, is_tls ? "https" : "http,https");
	curl_easy_setopt(t->curl, CURLOPT_FOLLOWLOCATION, r->max_redirects ? 1L : 0L);
	curl_easy_setopt(t->curl, CURLOPT_MAXREDIRS, (long)r->max_redirects);
	set_proxy(t);
	if (r->unix_path) {
		curl_easy_setopt(t->curl, CURLOPT_UNIX_SOCKET_PATH, r->unix_path);
		curl_easy_setopt(t->curl, CURLOPT_PROXY, "");
		curl_easy_setopt(t->curl, CURLOPT_FOLLOWLOCATION, 0L);
	}
	trust_set(t->curl, r);
}

static void transfer_init(struct transfer *t, const struct http_client_request *request)
{
	*t = (struct transfer){ .request = request, .curl = curl_easy_init() };
	if (!t->curl)
		abort();
	buf_init(&t->body, request->max_body ? request->max_body : BODY_MAX);
	curl_easy_setopt(t->curl, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(t->curl, CURLOPT_ERRORBUFFER, t->curl_error);
	curl_easy_setopt(t->curl, CURLOPT_HEADERFUNCTION, on_header);
	curl_easy_setopt(t->curl, CURLOPT_HEADERDATA, t);
	curl_easy_setopt(t->curl, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(t->curl, CURLOPT_WRITEDATA, t);
	if (request->sink)
		curl_easy_setopt(t->curl, CURLOPT_BUFFERSIZE, SINK_BLOCK);
	set_target(t);
	set_method(t);
	set_headers(t);
	set_authorization(t);
	set_timeouts(t);
}

static void transfer_fini(struct transfer *t)
{
	curl_easy_cleanup(t->curl);
	curl_slist_free_all(t->headers);
	strv_fini(&t->received);
	buf_fini(&t->body);
	free(t->no_proxy);
}

/* Codes of <curl/curl.h> that mean more than "it failed". */
static int code_of(CURLcode curl_code, int os_code)
{
	static const struct {
		CURLcode curl_code;
		int code;
	} codes[] = {
		{ CURLE_OPERATION_TIMEDOUT, -ETIMEDOUT },
		{ CURLE_COULDNT_RESOLVE_HOST, -EHOSTUNREACH },
		{ CURLE_COULDNT_RESOLVE_PROXY, -EHOSTUNREACH },
		{ CURLE_GOT_NOTHING, -ECONNRESET },
		{ CURLE_SEND_ERROR, -ECONNRESET },
		{ CURLE_RECV_ERROR, -ECONNRESET },
		{ CURLE_PARTIAL_FILE, -ECONNRESET },
		{ CURLE_TOO_MANY_REDIRECTS, -ELOOP },
		{ CURLE_URL_MALFORMAT, -EINVAL },
		{ CURLE_LOGIN_DENIED, -EINVAL },
		{ CURLE_UNSUPPORTED_PROTOCOL, -EPROTO },
		{ CURLE_WEIRD_SERVER_REPLY, -EPROTO },
		{ CURLE_SSL_CONNECT_ERROR, -EPROTO },
		{ CURLE_SSL_CACERT_BADFILE, -EPROTO },
		{ CURLE_SSL_CERTPROBLEM, -EPROTO },
		{ CURLE_PEER_FAILED_VERIFICATION, -EPROTO },
		{ CURLE_SSL_PINNEDPUBKEYNOTMATCH, -EPROTO },
	};

	if (curl_code == CURLE_COULDNT_CONNECT) {
		/* No socket, or one that nobody listens on: the same to the caller. */
		if (!os_code || os_code == ENOENT)
			return -ECONNREFUSED;
		return os_code == ENETUNREACH ? -EHOSTUNREACH : -os_code;
	}
	for (size_t i = 0; i < ARRAY_LEN(codes); i++)
		if (codes[i].curl_code == curl_code)
			return codes[i].code;
	return -EIO;
}

static int failed(struct transfer *t, CURLcode curl_code, struct err *err)
{
	auto_free char *what = request_describe(t->request);
	const char *cause = t->curl_error[0] ? t->curl_error : curl_easy_strerror(curl_code);
	char text[CURL_ERROR_SIZE];
	long os_code = 0;

	if (t->failure.code)
		return err_set(err, t->failure.code, "%s: %s", what, t->failure.msg);
	curl_easy_getinfo(t->curl, CURLINFO_OS_ERRNO, &os_code);
	if (curl_code == CURLE_COULDNT_CONNECT && os_code)
		cause = strerror((int)os_code);
	STR_COPY(text, cause);
	if (isupper((unsigned char)text[0]) && islower((unsigned char)text[1]))
		text[0] = (char)tolower((unsigned char)text[0]);
	return err_set(err, code_of(curl_code, (int)os_code), "%s: %s", what, text);
}

/* A number or a date (RFC 9110 section 10.2.3). */
static uint64_t retry_after(struct transfer *t)
{
	curl_off_t seconds = 0;

	curl_easy_getinfo(t->curl, CURLINFO_RETRY_AFTER, &seconds);
	return seconds > 0 ? (uint64_t)seconds : 0;
}

int http_client_perform(const struct http_client_request *request, struct http_client_response *ret,
			struct err *err)
{
	struct transfer t;
	int r = 0;

	transfer_init(&t, request);
	CURLcode code = curl_easy_perform(t.curl);
	if (code != CURLE_OK) {
		r = failed(&t, code, err);
	} else {
		*ret = (struct http_client_response){ .status = status_of(&t),
						      .headers = t.received,
						      .body_len = t.body.len,
						      .retry_after_s = retry_after(&t) };
		ret->body = buf_take(&t.body);
		t.received = (struct strv){ 0 };
	}
	transfer_fini(&t);
	return r;
}
