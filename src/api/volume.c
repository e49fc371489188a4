/* Named volumes of a node: what is asked is checked here and answered there. */
#include "api/private.h"
#include "model/volume_view.h"

static const struct field changed_fields[] = { SHAPE("name", F_STR) };
SHAPE_TABLE(api_volume_table, "changed volume", changed_fields);

void api_get_volumes(struct api_request *request)
{
	api_call_node(request, "volume.ls", NULL);
}

void api_post_volume(struct api_request *request)
{
	api_call_node_with_body(request, &volume_create_request_table, "volume.create");
}

void api_delete_volume(struct api_request *request)
{
	const struct volume_remove_request remove = { .name = request->match.params[0] };

	api_call_node(request, "volume.rm", fields_format(&volume_remove_request_table, &remove));
}
