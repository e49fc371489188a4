/* Listening, the table of routes, and who may use it. */
#include "api/auth.h"
#include "api/private.h"
#include "api/status.h"

#define V1 "/api/v1"

const struct route api_routes[] = {
	{ "GET", V1, api_get_document, .summary = "this list" },
	{ "GET", V1 "/health", api_get_health, .is_public = true,
	  .summary = "answers while the server works" },
	{ "GET", V1 "/version", api_get_version, .summary = "the server's version" },
	{ "GET", V1 "/apps", api_get_apps, .summary = "all applications" },
	{ "GET", V1 "/services", api_get_services, .query = "app",
	  .summary = "all services, or those of an application" },
	{ "GET", V1 "/instances", api_get_instances, .query = "app",
	  .summary = "all instances, or those of an application" },
	{ "GET", V1 "/stats", api_get_stats, .summary = "what each running instance uses" },
	{ "GET", V1 "/nodes", api_get_nodes, .summary = "all nodes" },
	{ "GET", V1 "/nodes/{name}", api_get_node,
	  .summary = "a node: what it has, may promise, has promised and uses" },
	{ "POST", V1 "/nodes/{name}/cordon", api_post_cordon,
	  .summary = "a node gets no more instances; those it has stay" },
	{ "POST", V1 "/nodes/{name}/uncordon", api_post_uncordon,
	  .summary = "a node gets instances again" },
	{ "GET", V1 "/ping", api_get_node_ping, .query = "node",
	  .summary = "asks a node whether it answers" },
	{ "GET", V1 "/volumes", api_get_volumes, .query = "node",
	  .summary = "named volumes of a node, and which instances use them" },
	{ "POST", V1 "/volumes", api_post_volume, .query = "node", .has_body = true,
	  .summary = "makes a named volume on a node: {\"name\": NAME, \"uid\": 0, \"gid\": 0}" },
	{ "DELETE", V1 "/volumes/{name}", api_delete_volume, .query = "node",
	  .summary = "removes a named volume that no instance uses or wants" },
	{ "GET", V1 "/secrets", api_get_secrets, .summary = "all secrets, without their values" },
	{ "PUT", V1 "/secrets/{name}", api_put_secret, .takes_bytes = true,
	  .summary = "gives a secret a value: the body's bytes" },
	{ "DELETE", V1 "/secrets/{name}", api_delete_secret, .query = "force",
	  .summary = "removes a secret that no service uses" },
	{ "GET", V1 "/configs", api_get_configs, .summary = "all configuration objects" },
	{ "GET", V1 "/configs/{name}", api_get_config,
	  .summary = "value of a configuration object: {\"name\", \"base64\"}" },
	{ "PUT", V1 "/configs/{name}", api_put_config, .takes_bytes = true,
	  .summary = "gives a configuration object a value: the body's bytes" },
	{ "DELETE", V1 "/configs/{name}", api_delete_config, .query = "force",
	  .summary = "removes a configuration object that no service uses" },
	{ "GET", V1 "/images", api_get_images, .query = "node",
	  .summary = "images of a node, and which instances use them" },
	{ "POST", V1 "/images/pull", api_post_image_pull, .has_body = true,
	  .query = "node, progress",
	  .summary =
		  "has an image on a node: {\"ref\": \"HOST/PATH:TAG\"}; with progress, as lines" },
	{ "POST", V1 "/images/remove", api_post_image_remove, .has_body = true, .query = "node",
	  .summary = "removes images that no instance uses or wants: {\"names\": […]}" },
	{ "POST", V1 "/images/prune", api_post_image_prune, .has_body = true, .query = "node",
	  .summary = "removes all such images: {\"all\": false, \"older_than_s\": 0}" },
	{ "GET", V1 "/registries", api_get_registries, .query = "node",
	  .summary = "registries that a node knows something about; no passwords" },
	{ "POST", V1 "/registries/login", api_post_registry_login, .has_body = true,
	  .query = "node",
	  .summary = "asks a registry whether it takes them, and stores them on the node: "
		     "{\"host\": …, \"user\": …, \"password\": …}" },
	{ "POST", V1 "/registries/logout", api_post_registry_logout, .has_body = true,
	  .query = "node", .summary = "forgets them: {\"host\": …}" },
	{ "POST", V1 "/apply", api_post_apply, .query = "dry_run", .has_body = true,
	  .summary = "makes applications what a descriptor (SLA v2.0) says; answers with the plan" },
	{ "DELETE", V1 "/apps/{name}", api_delete_app,
	  .summary = "deletes an application with its services and instances" },
	{ "POST", V1 "/services/{name}/scale", api_post_scale, .has_body = true,
	  .summary = "sets the number of instances: {\"replicas\": N}" },
	{ "POST", V1 "/restart/{name}", api_post_restart, .query = "dry_run",
	  .summary = "stops an instance, or all of a service, and starts them again in place" },
	{ "GET", V1 "/instances/{name}/logs", api_get_logs,
	  .query = "follow, tail, previous, since, until, stream, timestamps, names",
	  .summary = "output of an instance, or of all of a service's, as text" },
	{ "POST", V1 "/instances/{name}/exec", api_post_exec, .has_body = true,
	  .summary =
		  "runs a command in an instance: {\"cmd\": [\"ls\"]}, by Upgrade: " API_UPGRADE },
	{ "POST", V1 "/instances/{name}/attach", api_post_attach, .has_body = true,
	  .summary =
		  "input and output of an instance that has \"tty\" or \"stdin\": {\"stdin\": true}, by "
		  "Upgrade: " API_UPGRADE },
	{ "POST", V1 "/instances/{name}/copy", api_post_copy, .has_body = true,
	  .summary =
		  "a tar archive of {\"path\": \"/etc\"}, or into it with \"put\", by Upgrade: " API_UPGRADE },
	{ "GET", V1 "/events", api_get_events, .query = "since",
	  .summary = "changes as server-sent events, after a revision or from now on" },
	{ "POST", V1 "/down", api_post_down, .has_body = true,
	  .summary = "stops everything here and the server: {\"purge\": false}" },
};
const size_t api_n_routes = ARRAY_LEN(api_routes);

static void request_free(struct api_request *request)
{
	list_remove(&request->node);
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

void api_reply_json(struct api_request *request, char *take_json)
{
	struct http_request *http = detach(request);
	char revision[24];

	snprintf(revision, sizeof(revision), "%lu", server_revision(request->api->config.server));
	http_add_header(http, "Holm-Revision", revision);
	http_reply(http, 200, "application/json", take_json);
	request_free(request);
}

void api_reply_error(struct api_request *request, unsigned status, const char *message)
{
	http_reply(detach(request), status, "application/json", status_body(status, message));
	request_free(request);
}

void api_reply_err(struct api_request *request, const struct err *err)
{
	api_reply_error(request, status_of(err->code), err->msg);
}

void api_stream_end(struct api_request *request)
{
	http_stream_end(detach(request));
	request_free(request);
}

bool api_param_is_set(const struct api_request *request, const char *name)
{
	const char *value = http_request_param(request->http, name);

	return value && (!*value || str_eq(value, "1") || str_eq(value, "true"));
}

static bool has_body(const struct http_request *http)
{
	size_t len;

	http_request_body(http, &len);
	return len > 0;
}

/* Whether it may go on; if not, it has been answered. `route` is NULL if there is none. */
static bool is_allowed(struct api_request *request, const struct route *route)
{
	const struct api_config *config = &request->api->config;
	struct http_request *http = request->http;

	if (http_request_is_unix(http))
		return true;
	if (!auth_is_our_host(http_request_header(http, "Host"), config->address,
			      request->api->port)) {
		api_reply_error(request, 421,
				"the Host header does not name this server: use its "
				"address, 127.0.0.1 or localhost, with the port");
		return false;
	}
	if (!(route && route->is_public) &&
	    !auth_is_token(http_request_header(http, "Authorization"), config->token)) {
		http_add_header(http, "WWW-Authenticate", "Bearer");
		api_reply_error(request, 401,
				"a valid token is needed: Authorization: Bearer TOKEN");
		return false;
	}
	const char *type = route && route->takes_bytes ? AUTH_BYTES : AUTH_JSON;
	if (has_body(http) && !auth_is_type(http_request_header(http, "Content-Type"), type)) {
		auto_free char *message = xasprintf("a body has to be of Content-Type %s", type);

		api_reply_error(request, 415, message);
		return false;
	}
	return true;
}

static void on_request(void *arg, struct http_request *http)
{
	struct api *api = arg;
	struct api_request *request = NEW(struct api_request);
	const char *method = http_request_method(http);
	const char *path = http_request_path(http);

	request->api = api;
	request->http = http;
	list_push(&api->requests, &request->node);
	int r = route_find(api_routes, api_n_routes, method, path, &request->match);
	if (!is_allowed(request, request->match.route))
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
	auto_free char *message = xasprintf("there is no %s; GET " V1 " lists what there is", path);
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

static int begin_listening(struct api *api, struct err *err)
{
	const struct api_config *config = &api->config;
	int r = 0;

	if (config->socket)
		r = http_server_listen_unix(api->http, config->socket, err);
	if (r < 0 || !config->address)
		return r;
	r = http_server_listen_tcp(api->http, config->address, config->port, err);
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
						 .explain = explain,
						 .max_stream = API_STREAM_MAX };

	list_init(&api->requests);
	api->config = *config;
	api->config.address = xstrdup(config->address);
	api->config.socket = xstrdup(config->socket);
	api->config.token = xstrdup(config->token);
	api->config.version = xstrdup(config->version);
	api->http = http_server_new(config->loop, &http);
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
	http_server_free(api->http);
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
