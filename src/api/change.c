/* Routes that change what is wished. */
#include "api/private.h"

void api_on_planned(void *arg, const struct plan_view *plan, const struct err *err)
{
	if (err->code)
		api_reply_err(arg, err);
	else
		api_reply_json(arg, fields_format(&plan_view_table, plan));
}

void api_post_apply(struct api_request *request)
{
	auto_strv struct strv warnings = { 0 };
	struct sla sla = { 0 };
	struct err err;
	size_t len;
	const char *text = http_request_body(request->http, &len);

	if (sla_parse(text, len, &sla, &warnings, &err) < 0) {
		err_wrap(&err, "descriptor");
		api_reply_err(request, &err);
		return;
	}
	const struct server_apply apply = {
		.take_sla = &sla,
		.owner = request->who.user,
		.warnings = &warnings,
		.is_dry_run = api_param_is_set(request, "dry_run"),
	};
	server_apply_begin(request->api->config.server, &apply, api_on_planned, request);
}

void api_delete_app(struct api_request *request)
{
	server_delete_app_begin(request->api->config.server, request->match.params[0],
				api_on_planned, request);
}

struct scale_body {
	uint32_t replicas;
};

static const struct field scale_fields[] = {
	FIELD(struct scale_body, replicas, "replicas", F_U32, .flags = F_REQUIRED,
	      .max = SLA_REPLICAS_MAX, .help = "wanted instances"),
};
FIELD_TABLE(api_scale_table, struct scale_body, "scale", scale_fields);

void api_post_scale(struct api_request *request)
{
	struct scale_body body = { 0 };
	struct err err;

	if (fields_parse_text(&api_scale_table, http_request_body(request->http, NULL), &body,
			      FIELD_UNKNOWN_ERROR, &err) < 0) {
		api_reply_err(request, &err);
		return;
	}
	server_scale_begin(request->api->config.server, request->match.params[0], body.replicas,
			   api_on_planned, request);
}

void api_post_restart(struct api_request *request)
{
	const struct server_restart restart = {
		.name = request->match.params[0],
		.is_dry_run = api_param_is_set(request, "dry_run"),
	};

	server_restart_begin(request->api->config.server, &restart, api_on_planned, request);
}

static void set_paused(struct api_request *request, bool is_paused)
{
	const struct server_pause pause = { request->match.params[0], is_paused };

	server_pause_begin(request->api->config.server, &pause, api_on_planned, request);
}

void api_post_pause(struct api_request *request)
{
	set_paused(request, true);
}

void api_post_resume(struct api_request *request)
{
	set_paused(request, false);
}

static void cordon(struct api_request *request, bool is_cordoned)
{
	const struct server_cordon cordon = { request->match.params[0], is_cordoned };

	server_cordon_begin(request->api->config.server, &cordon, api_on_planned, request);
}

void api_post_cordon(struct api_request *request)
{
	cordon(request, true);
}

void api_post_uncordon(struct api_request *request)
{
	cordon(request, false);
}

struct down_body {
	bool is_purge;
};

static const struct field down_fields[] = {
	FIELD(struct down_body, is_purge, "purge", F_BOOL, .help = "forget what is wished too"),
};
FIELD_TABLE(api_down_table, struct down_body, "down", down_fields);

static void on_down(void *arg, const struct err *err)
{
	if (err->code)
		api_reply_err(arg, err);
	else
		api_reply_json(arg, xstrdup("{\"status\":\"down\"}"));
}

void api_post_down(struct api_request *request)
{
	const struct api_config *config = &request->api->config;
	struct down_body body = { 0 };
	struct err err;
	size_t len;
	const char *text = http_request_body(request->http, &len);

	if (!config->down) {
		api_reply_error(request, 422, "this server runs nothing that could be stopped");
		return;
	}
	if (len && fields_parse_text(&api_down_table, text, &body, FIELD_UNKNOWN_ERROR, &err) < 0) {
		api_reply_err(request, &err);
		return;
	}
	config->down(config->arg, body.is_purge, on_down, request);
}
