/* Routes with a descriptor: 400 for what is no JSON, 422 for what is no descriptor. */
#include "api/oakestra/private.h"
#include "api/status.h"

static bool is_json(const char *text, size_t len)
{
	auto_(json_free) struct json *json = NULL;
	struct err ignored;

	return json_parse_tolerant(text, len, &json, NULL, &ignored) == 0;
}

/* False: it has been answered. */
static bool read_descriptor(struct api_request *request, struct sla *ret)
{
	size_t len;
	const char *text = http_request_body(request->http, &len);
	struct err err;

	if (sla_parse(text, len, ret, NULL, &err) == 0) {
		if (ret->has_customer_id)
			return true;
		sla_fini(ret);
		api_reply_error(request, 422, "customerID: required, but missing");
		return false;
	}
	api_reply_error(request,
			err.code == -E2BIG   ? 413
			: is_json(text, len) ? 422
					     : 400,
			err.msg);
	return false;
}

/* What is wrong with a descriptor by itself is found late for some of it. */
static void refuse(struct api_request *request, const struct err *err)
{
	if (err->code == -EINVAL)
		api_reply_error(request, 422, err->msg);
	else
		api_reply_err(request, err);
}

static void on_created(void *arg, const struct oakestra_result *result, const struct err *err)
{
	struct api_request *request = arg;
	const struct oakestra_user user = oakestra_who(request);

	if (err->code)
		refuse(request, err);
	else
		api_reply_list(request,
			       oakestra_list_apps(request->api->config.server, &user, true));
}

void oakestra_post_application(struct api_request *request)
{
	struct oakestra_change asked = oakestra_change_of(request, on_created);
	struct sla sla = { 0 };

	if (!read_descriptor(request, &sla))
		return;
	asked.id = NULL;
	asked.take_sla = &sla;
	oakestra_create_apps_begin(request->api->config.server, &asked);
}

static const struct field made_fields[] = {
	SHAPE("service_name", F_STR),
	SHAPE("status", F_I64),
};
static SHAPE_TABLE(made_table, "added service", made_fields);

static const struct field failed_fields[] = {
	SHAPE("service_name", F_STR),
	SHAPE("status", F_I64, .help = "that an answer about this service alone would have"),
	SHAPE("message", F_STR),
};
static SHAPE_TABLE(failed_table, "failed service", failed_fields);

static const struct field added_fields[] = {
	SHAPE("job_id", F_STR, .help = "of the last one"),
	SHAPE("deployed_services", F_ARRAY, .table = &made_table),
	SHAPE("failed_services", F_ARRAY, .table = &failed_table),
};
SHAPE_TABLE(oakestra_added_table, "added services", added_fields);

static void put_results(struct json_out *out, const struct oakestra_result *result, bool is_made)
{
	json_out_array(out, is_made ? "deployed_services" : "failed_services");
	for (size_t i = 0; i < result->n_services; i++) {
		const struct oakestra_service_result *service = &result->services[i];

		if ((service->reason.code == 0) != is_made)
			continue;
		json_out_object(out, NULL);
		json_out_str(out, "service_name", service->name);
		json_out_int(out, "status", is_made ? 200 : status_of(service->reason.code));
		if (!is_made)
			json_out_str(out, "message", service->reason.msg);
		json_out_object_end(out);
	}
	json_out_array_end(out);
}

static void on_added(void *arg, const struct oakestra_result *result, const struct err *err)
{
	struct api_request *request = arg;
	auto_json_out struct json_out out;
	struct err too_large;
	char *text = NULL;

	json_out_init(&out, JSON_TEXT_MAX);
	if (err->code) {
		refuse(request, err);
		return;
	}
	json_out_object(&out, NULL);
	json_out_str(&out, "job_id", result->id);
	put_results(&out, result, true);
	put_results(&out, result, false);
	json_out_object_end(&out);
	int r = json_out_finish(&out, &text, &too_large);
	assert(r == 0);
	api_reply_json(request, text);
}

void oakestra_post_service(struct api_request *request)
{
	struct oakestra_change asked = oakestra_change_of(request, on_added);
	struct sla sla = { 0 };

	if (!read_descriptor(request, &sla))
		return;
	if (!sla.n_apps || !sla.apps[0].n_services || str_is_empty(sla.apps[0].id)) {
		api_reply_error(request, 422,
				"applications[0]: expected an applicationID and microservices");
		sla_fini(&sla);
		return;
	}
	auto_free char *app_id = xstrdup(sla.apps[0].id);
	asked.id = app_id;
	asked.take_sla = &sla;
	oakestra_add_services_begin(request->api->config.server, &asked);
}

static void on_replaced(void *arg, const struct oakestra_result *result, const struct err *err)
{
	struct api_request *request = arg;

	if (err->code)
		refuse(request, err);
	else
		api_reply_message(request, "ok");
}

void oakestra_put_service(struct api_request *request)
{
	struct oakestra_change asked = oakestra_change_of(request, on_replaced);
	struct sla sla = { 0 };

	if (!read_descriptor(request, &sla))
		return;
	asked.take_sla = &sla;
	oakestra_replace_service_begin(request->api->config.server, &asked);
}
