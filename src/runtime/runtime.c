/* What every driver's results have in common. */
#include "runtime/runtime.h"

void runtime_list_fini(struct runtime_list *list)
{
	free(list->items);
	*list = (struct runtime_list){ 0 };
}

void runtime_info_fini(struct runtime_info *info)
{
	strv_fini(&info->virtualization);
	strv_fini(&info->pending);
	for (size_t i = 0; i < info->n_runtimes; i++)
		fields_fini(&node_runtime_table, &info->runtimes[i]);
	free(info->runtimes);
	strv_fini(&info->problems);
	strv_fini(&info->emulated);
	*info = (struct runtime_info){ 0 };
}

void runtime_images_fini(struct runtime_images *images)
{
	for (size_t i = 0; i < images->n; i++)
		free(images->items[i].name);
	free(images->items);
	*images = (struct runtime_images){ 0 };
}
