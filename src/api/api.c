/* Listening, dispatch by the table of routes, and answers. */
#include <sys/eventfd.h>

#include "api/private.h"
#include "api/status.h"
#include "wire/certificate/certificate.h"

static void request_free(struct api_request *request)
{
	list_remove(&request->node);
	identity_fini(&request->who);
	free(request->claimed);
	free(request);
}

/* Nothing of ours is called for this request any more. */
static struct http_request *detach(struct api_request *request)
{
	http_request_on_gone(request->http, NULL, NULL);
	if (request->release)
		request->release(request->arg);
	request->release = NULL;
	return request->http;
}

static void reply(struct api_request *request, unsigned status, const char *message,
		  char *take_body)
{
	struct http_request *http = detach(request);
	const char *type = request->type ? request->type : "application/json";

	audit_note(request, status, message);
	http_reply(http, status, take_body ? type : NULL, take_body);
	request_free(request);
}

void api_add_revision(struct api_request *request)
{
	char revision[24];

	snprintf(revision, sizeof(revision), "%lu", server_revision(request->api->config.server));
	http_add_header(request->http, "Holm-Revision", revision);
}

void api_reply_json(struct api_request *request, char *take_json)
{
	api_add_revision(request);
	reply(request, 200, NULL, take_json);
}

void api_reply_text(struct api_request *request, const char *type, char *take_text)
{
	request->type = type;
	reply(request, 200, NULL, take_text);
}

void api_reply_message(struct api_request *request, const char *message)
{
	auto_json_out struct json_out out;
	struct err err;
	char *text = NULL;

	json_out_init(&out, 1 << 16);
	json_out_object(&out, NULL);
	json_out_str(&out, "message", message);
	json_out_object_end(&out);
	int r = json_out_finish(&out, &text, &err);
	assert(r == 0);
	api_reply_json(request, text);
}

void api_reply(struct api_request *request, unsigned status, char *take_json)
{
	reply(request, status, NULL, take_json);
}

void api_reply_refusal(struct api_request *request, unsigned status, const char *message,
		       char *take_json)
{
	reply(request, status, message, take_json);
}

void api_reply_error(struct api_request *request, unsigned status, const char *message)
{
	reply(request, status, message, status_body(status, message));
}

void api_reply_err(struct api_request *request, const struct err *err)
{
	api_reply_error(request, status_of(err->code), err->msg);
}

void api_stream_end(struct api_request *request)
{
	struct http_request *http = detach(request);

	audit_note(request, 200, NULL);
	http_stream_end(http);
	request_free(request);
}

bool api_param_is_set(const struct api_request *request, const char *name)
{
	const char *value = http_request_param(request->http, name);

	return value && (!*value || str_eq(value, "1") || str_eq(value, "true"));
}

/* As the table has it: some paths may end in a slash, and HEAD of Oakestra's is a GET without the body,
 * which the HTTP server leaves out. */
static int find_route(const char *method, const char *path, struct route_match *ret)
{
	auto_free char *plain = xstrdup(path);
	size_t len = strlen(plain);

	while (route_takes_slash(path) && len > 1 && plain[len - 1] == '/')
		plain[--len] = '\0';
	if (route_is_compat(path) && str_eq(method, "HEAD"))
		method = "GET";
	return route_find(api_groups, method, plain, ret);
}

/* The dashboard sends all it knows of a service to deploy an instance. */
static bool ignores_body(void *arg, const char *method, const char *path)
{
	struct route_match match;

	return route_is_compat(path) && find_route(method, path, &match) == 0 &&
	       !match.route->body && !match.route->takes_bytes;
}

static void on_request(void *arg, struct http_request *http)
{
	struct api *api = arg;
	struct api_request *request = NEW(struct api_request);
	const char *method = http_request_method(http);
	const char *path = http_request_path(http);

	request->api = api;
	request->http = http;
	request->is_compat = route_is_compat(path);
	list_push(&api->requests, &request->node);
	int r = find_route(method, path, &request->match);
	if (!access_check(request, request->match.route))
		return;
	if (r == 0) {
		request->match.route->handle(request);
		return;
	}
	if (r == -EPERM) {
		auto_free char *message = xasprintf("%s is not allowed for %s", method, path);

		http_add_header(http, "Allow", request->match.allow);
		api_reply_error(request, 405, message);
		return;
	}
	auto_free char *message = xasprintf("there is no %s; GET /api/docs shows what there is",
					    path);
	api_reply_error(request, 404, message);
}

/* What the HTTP server refuses by itself. */
static char *explain(unsigned status)
{
	auto_free char *too_large = xasprintf("the body is larger than %u bytes", API_REQUEST_MAX);

	return status_body(status, status == 413   ? too_large
				   : status == 501 ? "the method is not known"
						   : "the request could not be read");
}

int api_set_identity(struct api *api, const struct secret *certificates, const struct secret *key,
		     struct err *err)
{
	auto_certificate_facts struct certificate_facts facts = { 0 };
	int r = certificate_read(certificates, &facts, err);

	if (r == 0)
		r = http_server_set_identity(api->http, certificates, key, err);
	if (r < 0)
		return r;
	strv_fini(&api->names);
	strv_copy(&api->names, &facts.names);
	return 0;
}

static int begin_listening(struct api *api, struct err *err)
{
	const struct api_config *config = &api->config;
	int r = 0;

	if (config->socket)
		r = http_server_listen_unix(api->http, config->socket, err);
	if (r < 0 || !config->address)
		return r;
	if (config->certificates)
		r = api_set_identity(api, config->certificates, config->key, err);
	if (r == 0)
		r = (config->certificates ? http_server_listen_tls : http_server_listen_tcp)(
			api->http, config->address, config->port, err);
	if (r < 0)
		return r;
	api->port = (uint16_t)r;
	return 0;
}

struct api *api_new(const struct api_config *config, struct err *err)
{
	struct api *api = NEW(struct api);
	const struct http_server_config http = { .handler = on_request,
						 .arg = api,
						 .max_body = API_REQUEST_MAX,
						 .ignores_body = ignores_body,
						 .explain = explain,
						 .allows_local_plain = true,
						 .max_stream = API_STREAM_MAX };

	list_init(&api->requests);
	list_init(&api->lists);
	api->lists_fd = -1;
	api->config = *config;
	api->config.address = xstrdup(config->address);
	api->config.socket = xstrdup(config->socket);
	api->config.token = xstrdup(config->token);
	api->config.version = xstrdup(config->version);
	api->http = http_server_new(config->loop, &http);
	api->lists_fd = eventfd(1, EFD_CLOEXEC | EFD_NONBLOCK);
	if (api->lists_fd < 0) {
		err_errno(err, "make an event descriptor");
		return api_free(api);
	}
	if (begin_listening(api, err) < 0)
		return api_free(api);
	return api;
}

/* The strings that api_new() copied. */
static void config_fini(struct api_config *config)
{
	const char *const strings[] = { config->address, config->socket, config->token,
					config->version };

	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		free((void *)(uintptr_t)strings[i]);
}

struct api *api_free(struct api *api)
{
	struct list *pos;
	struct list *tmp;

	if (!api)
		return NULL;
	list_for_each(pos, tmp, &api->requests) {
		struct api_request *request = container_of(pos, struct api_request, node);

		if (request->is_begun)
			api_stream_end(request);
		else
			api_reply_error(request, 503, "holm is stopping");
	}
	io_cancel(api->lists_io);
	if (api->lists_fd >= 0)
		close(api->lists_fd);
	http_server_free(api->http);
	free(api->openapi);
	strv_fini(&api->names);
	config_fini(&api->config);
	free(api);
	return NULL;
}

uint16_t api_port(const struct api *api)
{
	return api->port;
}

bool api_is_idle(const struct api *api)
{
	return list_is_empty(&api->requests);
}

bool api_is_flushed(const struct api *api)
{
	return http_server_is_flushed(api->http);
}
