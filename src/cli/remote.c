/* Requests to the API, and failures in words. */
#include <ctype.h>

#include "api/api.h"
#include "cli/remote.h"
#include "json/json.h"
#include "wire/http_client/http_client.h"

#define ANSWER_MAX ((size_t)64 << 20)
#define ANSWER_MS  30000
#define TOKEN_MAX  4096
#define SOCKET_MAX 107 /* bytes of sun_path (unix(7)) */
#define CONNECT_MS 5000
#define PIN_PREFIX "sha256//" /* of libcurl, which takes anything else for a file */

uint64_t now_ms(void)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000;
}

void url_add(struct buf *url, const char *text)
{
	for (; *text; text++) {
		unsigned char c = (unsigned char)*text;

		if (isalnum(c) || strchr("-._~", c))
			buf_add(url, text, 1);
		else
			buf_addf(url, "%%%02X", c);
	}
}

void url_add_instance(struct buf *url, const char *name, const char *rest)
{
	buf_add_str(url, "/api/v1/instances/");
	url_add(url, name);
	buf_add_str(url, rest);
}

void url_add_node(const struct cli_call *call, struct buf *url)
{
	const char *node = cli_value(call, "node");

	if (!node)
		return;
	buf_add_str(url, "?node=");
	url_add(url, node);
}

void reply_fini(struct reply *reply)
{
	free(reply->body);
	*reply = (struct reply){ 0 };
}

static char *build_url(const char *api)
{
	bool has_scheme = str_starts(api, "http://") || str_starts(api, "https://");
	const char *host = has_scheme ? strchr(api, ':') + 3 : api;
	const char *behind_v6 = strchr(host, ']');
	bool has_port = strchr(behind_v6 ? behind_v6 : host, ':');
	auto_free char *url = xasprintf("%s%s", has_scheme ? "" : "http://", api);

	for (size_t len = strlen(url); len && url[len - 1] == '/'; len--)
		url[len - 1] = '\0';
	if (has_scheme || has_port)
		return TAKE(url);
	return xasprintf("%s:%d", url, API_PORT);
}

/* The environment's, or the file's if it can be read. */
static char *find_token(const struct cli_call *call)
{
	const char *given = getenv("HOLM_TOKEN");
	auto_free char *path = path_join(call->data_dir, CLI_TOKEN);
	char *token = NULL;
	struct err err;

	if (!str_is_empty(given))
		return xstrdup(given);
	if (file_read(path, TOKEN_MAX, &token, NULL, &err) < 0)
		return NULL;
	token[strcspn(token, "\r\n")] = '\0';
	return token;
}

static int find_trust(const struct cli_call *call, struct remote *ret)
{
	auto_free char *own = path_join(call->data_dir, CLI_CA);

	if (call->pin && !str_starts(call->pin, PIN_PREFIX))
		return cli_error(call, CLI_USAGE, "--pin %s: expected " PIN_PREFIX "HASH",
				 call->pin);
	if (call->ca && access(call->ca, R_OK) < 0)
		return cli_error(call, CLI_USAGE, "--ca %s: %s", call->ca, strerror(errno));
	if (call->ca)
		ret->ca = xstrdup(call->ca);
	else if (!call->pin && access(own, R_OK) == 0)
		ret->ca = TAKE(own);
	return CLI_OK;
}

int remote_open(const struct cli_call *call, struct remote *ret)
{
	*ret = (struct remote){ .call = call };
	if (call->api) {
		ret->url = build_url(call->api);
		ret->token = find_token(call);
		return find_trust(call, ret);
	}
	ret->url = xstrdup("http://localhost");
	ret->socket = path_join(call->data_dir, CLI_SOCKET);
	if (strlen(ret->socket) > SOCKET_MAX)
		return cli_error(call, CLI_USAGE, "the data directory's path is too long: %s",
				 call->data_dir);
	return CLI_OK;
}

void remote_close(struct remote *remote)
{
	free(remote->url);
	free(remote->socket);
	free(remote->token);
	free(remote->ca);
	*remote = (struct remote){ 0 };
}

static int tell_unreachable(const struct remote *remote, const struct err *err)
{
	const struct cli_call *call = remote->call;
	bool is_default = str_eq(call->data_dir, CLI_DATA_DIR);

	if (!remote->socket && err->code == -EPROTO && str_starts(remote->url, "https:"))
		return cli_error(call, CLI_UNREACHABLE,
				 "cannot trust the server: %s (its authority is in its data "
				 "directory, " CLI_CA ": --ca FILE)",
				 err->msg);
	if (!remote->socket)
		return cli_error(call, CLI_UNREACHABLE, "cannot reach holm: %s", err->msg);
	if (access(remote->socket, W_OK) < 0 && errno == EACCES)
		return cli_error(call, CLI_UNREACHABLE,
				 "%s may not be opened by this user: run the command as root",
				 remote->socket);
	if (err->code != -ECONNREFUSED)
		return cli_error(call, CLI_UNREACHABLE, "holm does not answer: %s", err->msg);
	return cli_error(
		call, CLI_UNREACHABLE,
		"holm is not running on this machine: start it with `holm up --detach%s%s`",
		is_default ? "" : " --data-dir ", is_default ? "" : call->data_dir);
}

static int tell_refused(const struct remote *remote, const struct http_client_response *response)
{
	auto_(json_free) struct json *json = NULL;
	struct err err;

	if (response->status == 401)
		return cli_error(remote->call, CLI_FAILED,
				 "the token is missing or wrong: set HOLM_TOKEN to what the server "
				 "has in its file " CLI_TOKEN);
	if (response->body && json_parse(response->body, response->body_len, &json, &err) == 0 &&
	    json_get_str(json, "message"))
		return cli_error(remote->call, CLI_FAILED, "%s", json_get_str(json, "message"));
	return cli_error(remote->call, CLI_FAILED, "unexpected answer %u from %s", response->status,
			 remote->url);
}

static int perform(const struct remote *remote, const struct http_client_request *request,
		   struct http_client_response *response, struct err *err)
{
	if (remote->socket)
		return http_client_perform_local(request, response, err);
	return remote->call->extension->perform(request, response, err);
}

static bool is_good(unsigned status)
{
	return status >= 200 && status < 300;
}

static void take_revision(const struct http_client_response *response, struct reply *reply)
{
	const char *revision = http_client_header(response, "Holm-Revision");

	if (!revision || parse_u64(revision, 0, UINT64_MAX, &reply->revision) < 0)
		reply->revision = 0;
}

int remote_ask(const struct remote *remote, const struct question *q, struct reply *ret)
{
	auto_http_client_response struct http_client_response response = { 0 };
	auto_free char *url = xasprintf("%s%s", remote->url, q->path);
	auto_strv struct strv headers = { 0 };
	struct http_client_request request = {
		.method = q->method,
		.url = url,
		.unix_path = remote->socket,
		.bearer = remote->token,
		.ca_file = remote->ca,
		.pin = remote->call->pin,
		.headers = &headers,
		.body = q->body,
		.body_len = q->body ? strlen(q->body) : 0,
		.max_body = ANSWER_MAX,
		.connect_timeout_ms = CONNECT_MS,
		.stall_timeout_ms = q->patience_ms ? q->patience_ms : ANSWER_MS,
		.total_timeout_ms = q->patience_ms ? q->patience_ms : ANSWER_MS,
	};
	struct err err;

	if (q->body)
		strv_add(&headers, "Content-Type: application/json");
	if (q->bytes) {
		strv_add(&headers, "Content-Type: application/octet-stream");
		request.body = q->bytes->bytes;
		request.body_len = q->bytes->len;
	}
	if (perform(remote, &request, &response, &err) < 0)
		return q->is_quiet ? CLI_UNREACHABLE : tell_unreachable(remote, &err);
	if (!is_good(response.status))
		return tell_refused(remote, &response);
	take_revision(&response, ret);
	ret->body = TAKE(response.body);
	if (!ret->body)
		ret->body = xstrdup("");
	return CLI_OK;
}

int remote_upgrade(const struct remote *remote, const struct question *q,
		   struct http_client_session **ret)
{
	auto_free char *url = xasprintf("%s%s", remote->url, q->path);
	auto_strv struct strv headers = { 0 };
	struct http_client_upgrade upgrade = { 0 };
	const struct http_client_request request = {
		.method = q->method,
		.url = url,
		.unix_path = remote->socket,
		.bearer = remote->token,
		.ca_file = remote->ca,
		.pin = remote->call->pin,
		.headers = &headers,
		.body = q->body,
		.body_len = q->body ? strlen(q->body) : 0,
		.connect_timeout_ms = CONNECT_MS,
	};
	struct err err;

	if (q->body)
		strv_add(&headers, "Content-Type: application/json");
	int r = remote->socket
			? http_client_upgrade_local(&request, API_UPGRADE, &upgrade, &err)
			: remote->call->extension->upgrade(&request, API_UPGRADE, &upgrade, &err);
	if (r < 0)
		return tell_unreachable(remote, &err);
	bool is_answer = upgrade.session ||
			 (q->no_session && upgrade.response.status == q->no_session);
	int code = is_answer ? CLI_OK : tell_refused(remote, &upgrade.response);
	http_client_response_fini(&upgrade.response);
	*ret = upgrade.session;
	return code;
}

struct sink {
	const struct listening *listening;
	bool is_ended; /* by the listener */
};

static int on_piece(void *arg, uint64_t offset, const void *data, size_t len)
{
	struct sink *sink = arg;

	if (sink->listening->take(sink->listening->arg, data, len) == 0)
		return 0;
	sink->is_ended = true;
	return -ECANCELED;
}

static int end_of_listening(const struct remote *remote, const struct sink *sink,
			    const struct err *err)
{
	const struct listening *l = sink->listening;

	if (sink->is_ended)
		return CLI_OK;
	if (l->deadline_ms && now_ms() >= l->deadline_ms)
		return CLI_TIMEOUT;
	return l->is_quiet ? CLI_UNREACHABLE : tell_unreachable(remote, err);
}

int remote_listen(const struct remote *remote, const struct listening *l)
{
	auto_http_client_response struct http_client_response response = { 0 };
	auto_free char *url = xasprintf("%s%s", remote->url, l->path);
	auto_strv struct strv headers = { 0 };
	struct sink sink = { .listening = l };
	struct http_client_request request = {
		.method = l->body ? "POST" : "GET",
		.url = url,
		.headers = &headers,
		.body = l->body,
		.body_len = l->body ? strlen(l->body) : 0,
		.unix_path = remote->socket,
		.bearer = remote->token,
		.ca_file = remote->ca,
		.pin = remote->call->pin,
		.sink = on_piece,
		.sink_arg = &sink,
		.connect_timeout_ms = CONNECT_MS,
		.stall_timeout_ms = l->idle_ms ? (uint32_t)l->idle_ms : HTTP_CLIENT_NO_TIMEOUT,
		.total_timeout_ms = HTTP_CLIENT_NO_TIMEOUT,
	};
	struct err err;

	if (l->body)
		strv_add(&headers, "Content-Type: application/json");
	if (l->deadline_ms) {
		uint64_t now = now_ms();

		if (now >= l->deadline_ms)
			return CLI_TIMEOUT;
		request.total_timeout_ms = (uint32_t)(l->deadline_ms - now);
	}
	if (perform(remote, &request, &response, &err) < 0)
		return end_of_listening(remote, &sink, &err);
	return is_good(response.status) ? CLI_OK : tell_refused(remote, &response);
}
