/* Images of a node: what is asked is checked here and answered there. */
#include "api/private.h"
#include "model/image_view.h"

void api_get_images(struct api_request *request)
{
	api_call_node(request, "image.ls", NULL);
}

void api_post_image_pull(struct api_request *request)
{
	api_call_node_with_body(request, &image_pull_request_table, "image.pull");
}

void api_post_image_remove(struct api_request *request)
{
	api_call_node_with_body(request, &image_remove_request_table, "image.rm");
}

void api_post_image_prune(struct api_request *request)
{
	api_call_node_with_body(request, &image_prune_request_table, "image.prune");
}
