/* Commands in instances and their files, over connections both ways. */
#include "api/private.h"
#include "model/session.h"

int api_find_running(const struct api_request *request, struct server_instance_ref *ret,
		     struct err *err)
{
	const char *name = request->match.params[0];
	int r = server_find_instance(request->api->config.server, name, ret, err);

	if (r == 0 && !ret->node_id[0])
		return err_set(err, -EBUSY, "instance %s has no node yet", name);
	return r;
}

void api_post_exec(struct api_request *request)
{
	struct exec_request exec = { 0 };
	struct server_instance_ref ref;
	struct err err;

	if (!api_may_splice(request))
		return;
	int r = fields_parse_text(&exec_request_table, http_request_body(request->http, NULL),
				  &exec, FIELD_UNKNOWN_ERROR, &err);
	if (r == 0)
		r = api_find_running(request, &ref, &err);
	if (r < 0) {
		fields_fini(&exec_request_table, &exec);
		api_reply_err(request, &err);
		return;
	}
	STR_COPY(exec.kind, "exec");
	STR_COPY(exec.instance, ref.id);
	auto_free char *question = fields_format(&exec_request_table, &exec);
	fields_fini(&exec_request_table, &exec);
	api_splice(request, ref.node_id, question);
}

void api_post_attach(struct api_request *request)
{
	struct attach_request attach = { 0 };
	struct server_instance_ref ref;
	struct err err;

	if (!api_may_splice(request))
		return;
	int r = fields_parse_text(&attach_request_table, http_request_body(request->http, NULL),
				  &attach, FIELD_UNKNOWN_ERROR, &err);
	if (r == 0)
		r = api_find_running(request, &ref, &err);
	if (r < 0) {
		api_reply_err(request, &err);
		return;
	}
	STR_COPY(attach.kind, "attach");
	STR_COPY(attach.instance, ref.id);
	auto_free char *question = fields_format(&attach_request_table, &attach);
	api_splice(request, ref.node_id, question);
}

void api_post_copy(struct api_request *request)
{
	struct copy_request copy = { 0 };
	struct server_instance_ref ref;
	struct err err;

	if (!api_may_splice(request))
		return;
	int r = fields_parse_text(&copy_request_table, http_request_body(request->http, NULL),
				  &copy, FIELD_UNKNOWN_ERROR, &err);
	if (r == 0)
		r = api_find_running(request, &ref, &err);
	if (r < 0) {
		fields_fini(&copy_request_table, &copy);
		api_reply_err(request, &err);
		return;
	}
	STR_COPY(copy.kind, "copy");
	STR_COPY(copy.instance, ref.id);
	auto_free char *question = fields_format(&copy_request_table, &copy);
	fields_fini(&copy_request_table, &copy);
	api_splice(request, ref.node_id, question);
}
