/* What is stored: image records with their labels, sizes of blobs and layers, folders. */
#include "base/base.h"
#include "wire/containerd/rpc.h"

void containerd_image_fini(struct containerd_image *image)
{
	free(image->name);
	free(image->digest);
	free(image->media_type);
	strv_fini(&image->labels);
	*image = (struct containerd_image){ 0 };
}

void containerd_images_fini(struct containerd_images *images)
{
	for (size_t i = 0; i < images->n; i++)
		containerd_image_fini(&images->items[i]);
	free(images->items);
	*images = (struct containerd_images){ 0 };
}

const char *containerd_image_value(const struct containerd_image *image, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < image->labels.n; i++) {
		const char *label = image->labels.items[i];

		if (str_starts(label, key) && label[n] == '=')
			return label + n + 1;
	}
	return "";
}

static void take_image(const Ctd__Image *from, struct containerd_image *to)
{
	to->name = xstrdup(from->name);
	to->digest = xstrdup(from->target ? from->target->digest : "");
	to->media_type = xstrdup(from->target ? from->target->media_type : "");
	to->size = from->target && from->target->size > 0 ? (uint64_t)from->target->size : 0;
	to->created_ms = rpc_time_ms(from->created_at);
	to->updated_ms = rpc_time_ms(from->updated_at);
	for (size_t i = 0; i < from->n_labels; i++)
		strv_addf(&to->labels, "%s=%s", from->labels[i]->key, from->labels[i]->value);
}

int containerd_image_get(const struct containerd *c, const char *name, struct containerd_image *ret,
			 struct err *err)
{
	Ctd__NameRequest request = CTD__NAME_REQUEST__INIT;
	auto_message Ctd__ImageMessage *answer = NULL;

	request.name = rpc_str(name);
	int r = rpc_call(c, RPC("images.v1.Images/Get", &ctd__image_message__descriptor), &request,
			 &answer, err);
	if (r < 0)
		return r;
	if (!answer->image || !answer->image->target)
		return err_set(err, -EBADMSG, "read image %s: it has no target", name);
	*ret = (struct containerd_image){ 0 };
	take_image(answer->image, ret);
	return 0;
}

int containerd_image_list(const struct containerd *c, struct containerd_images *ret,
			  struct err *err)
{
	Ctd__Filters request = CTD__FILTERS__INIT;
	auto_message Ctd__ImagesResponse *answer = NULL;
	int r = rpc_call(c, RPC("images.v1.Images/List", &ctd__images_response__descriptor),
			 &request, &answer, err);

	if (r < 0)
		return r;
	*ret = (struct containerd_images){ 0 };
	for (size_t i = 0; i < answer->n_images; i++)
		take_image(answer->images[i], ARRAY_ADD(ret->items, ret->n));
	return 0;
}

int containerd_image_label(const struct containerd *c, const char *name,
			   const struct containerd_labels *labels, struct err *err)
{
	auto_free Ctd__Pair **pairs = rpc_pairs(labels);
	auto_strv struct strv paths = { 0 };
	Ctd__Image image = CTD__IMAGE__INIT;
	Ctd__FieldMask mask = CTD__FIELD_MASK__INIT;
	Ctd__ImageUpdateRequest request = CTD__IMAGE_UPDATE_REQUEST__INIT;

	for (size_t i = 0; i < labels->n; i++)
		strv_addf(&paths, "labels.%s", labels->items[i].key);
	image.name = rpc_str(name);
	image.n_labels = labels->n;
	image.labels = pairs;
	mask.n_paths = paths.n;
	mask.paths = paths.items;
	request.image = &image;
	request.mask = &mask;
	return rpc_call(c, RPC("images.v1.Images/Update", NULL), &request, NULL, err);
}

int containerd_image_delete(const struct containerd *c, const char *name, bool is_synced,
			    struct err *err)
{
	Ctd__NameRequest request = CTD__NAME_REQUEST__INIT;

	request.name = rpc_str(name);
	request.sync = is_synced;
	int r = rpc_call(c, RPC("images.v1.Images/Delete", NULL), &request, NULL, err);
	return r == -ENOENT ? 0 : r;
}

int containerd_blob_size(const struct containerd *c, const char *digest, uint64_t *ret,
			 struct err *err)
{
	Ctd__DigestRequest request = CTD__DIGEST_REQUEST__INIT;
	auto_message Ctd__ContentInfoResponse *answer = NULL;

	request.digest = rpc_str(digest);
	int r = rpc_call(c, RPC("content.v1.Content/Info", &ctd__content_info_response__descriptor),
			 &request, &answer, err);
	if (r == 0)
		*ret = answer->info && answer->info->size > 0 ? (uint64_t)answer->info->size : 0;
	return r;
}

int containerd_snapshot_usage(const struct containerd *c, const char *key, uint64_t *ret,
			      struct err *err)
{
	Ctd__SnapshotKeyRequest request = CTD__SNAPSHOT_KEY_REQUEST__INIT;
	auto_message Ctd__SnapshotUsageResponse *answer = NULL;

	request.snapshotter = rpc_str(c->snapshotter);
	request.key = rpc_str(key);
	int r = rpc_call(
		c, RPC("snapshots.v1.Snapshots/Usage", &ctd__snapshot_usage_response__descriptor),
		&request, &answer, err);
	if (r == 0)
		*ret = answer->size > 0 ? (uint64_t)answer->size : 0;
	return r;
}

static const char *root_of(const Ctd__Plugin *plugin)
{
	for (size_t i = 0; i < plugin->n_exports; i++)
		if (str_eq(plugin->exports[i]->key, "root"))
			return plugin->exports[i]->value;
	return NULL;
}

int containerd_plugin_root(const struct containerd *c, const char *type, const char *id, char **ret,
			   struct err *err)
{
	Ctd__Filters request = CTD__FILTERS__INIT;
	auto_message Ctd__PluginsResponse *answer = NULL;
	int r = rpc_call(c,
			 RPC("introspection.v1.Introspection/Plugins",
			     &ctd__plugins_response__descriptor),
			 &request, &answer, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < answer->n_plugins; i++) {
		const Ctd__Plugin *plugin = answer->plugins[i];
		const char *root = root_of(plugin);

		if (!root || !str_eq(plugin->type, type) || !str_eq(plugin->id, id))
			continue;
		*ret = xstrdup(root);
		return 0;
	}
	return err_set(err, -ENOENT, "find the folder of plug-in %s.%s: it names none", type, id);
}
