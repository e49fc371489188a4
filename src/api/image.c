/* Images of a node: what is asked is checked here and answered there. */
#include "api/private.h"
#include "model/image_view.h"

/* Hands a body that fits the table on as the arguments of a call. */
static void ask(struct api_request *request, const struct field_table *table, const char *call)
{
	auto_free void *body = xcalloc(1, table->size);
	struct err err;
	size_t len;
	const char *text = http_request_body(request->http, &len);

	if (fields_parse_text(table, len ? text : "{}", body, FIELD_UNKNOWN_ERROR, &err) < 0) {
		api_reply_err(request, &err);
		return;
	}
	char *args = fields_format(table, body);
	fields_fini(table, body);
	api_call_node(request, call, args);
}

void api_get_images(struct api_request *request)
{
	api_call_node(request, "image.ls", NULL);
}

void api_post_image_pull(struct api_request *request)
{
	ask(request, &image_pull_request_table, "image.pull");
}

void api_post_image_remove(struct api_request *request)
{
	ask(request, &image_remove_request_table, "image.rm");
}

void api_post_image_prune(struct api_request *request)
{
	ask(request, &image_prune_request_table, "image.prune");
}
