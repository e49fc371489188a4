/* Named volumes of a node: what is asked is checked here and answered there. */
#include "api/private.h"
#include "model/volume_view.h"

/* Hands what fits the table on as the arguments of a call. */
static void ask(struct api_request *request, const struct field_table *table, const char *text,
		const char *call)
{
	auto_free void *body = xcalloc(1, table->size);
	struct err err;

	if (fields_parse_text(table, text, body, FIELD_UNKNOWN_ERROR, &err) < 0) {
		api_reply_err(request, &err);
		return;
	}
	char *args = fields_format(table, body);
	fields_fini(table, body);
	api_call_node(request, call, args);
}

void api_get_volumes(struct api_request *request)
{
	api_call_node(request, "volume.ls", NULL);
}

void api_post_volume(struct api_request *request)
{
	size_t len;
	const char *text = http_request_body(request->http, &len);

	ask(request, &volume_create_request_table, len ? text : "{}", "volume.create");
}

void api_delete_volume(struct api_request *request)
{
	const struct volume_remove_request remove = { .name = request->match.params[0] };

	api_call_node(request, "volume.rm", fields_format(&volume_remove_request_table, &remove));
}
