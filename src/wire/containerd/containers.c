/* Container records. */
#include "base/base.h"
#include "wire/containerd/rpc.h"

#define SPEC_TYPE    "types.containerd.io/opencontainers/runtime-spec/1/Spec"
#define OPTIONS_TYPE "containerd.runc.v1.Options"

int containerd_container_create(const struct containerd *c,
				const struct containerd_container *container, struct err *err)
{
	auto_free Ctd__Pair **pairs = rpc_pairs(&container->labels);
	auto_buf struct buf options_text;
	Ctd__RuncOptions options = CTD__RUNC_OPTIONS__INIT;
	Ctd__Any options_any = CTD__ANY__INIT;
	Ctd__Any spec = CTD__ANY__INIT;
	Ctd__Runtime runtime = CTD__RUNTIME__INIT;
	Ctd__Container record = CTD__CONTAINER__INIT;
	Ctd__ContainerMessage request = CTD__CONTAINER_MESSAGE__INIT;

	options.binary_name = rpc_str(container->runtime_binary);
	rpc_pack(&options, &options_text);
	options_any.type_url = rpc_str(OPTIONS_TYPE);
	options_any.value.data = (uint8_t *)options_text.data;
	options_any.value.len = options_text.len;
	runtime.name = rpc_str(container->runtime);
	runtime.options = &options_any;
	spec.type_url = rpc_str(SPEC_TYPE);
	spec.value.data = (uint8_t *)rpc_str(container->spec);
	spec.value.len = strlen(container->spec);
	record.id = rpc_str(container->id);
	record.n_labels = container->labels.n;
	record.labels = pairs;
	record.image = rpc_str(container->image);
	record.runtime = &runtime;
	record.spec = &spec;
	record.snapshotter = rpc_str(c->snapshotter);
	record.snapshot_key = rpc_str(container->id);
	request.container = &record;
	return rpc_call(c, "containers.v1.Containers/Create", &request, NULL, NULL, err);
}

int containerd_container_delete(const struct containerd *c, const char *id, struct err *err)
{
	Ctd__IdRequest request = CTD__ID_REQUEST__INIT;

	request.id = rpc_str(id);
	int r = rpc_call(c, "containers.v1.Containers/Delete", &request, NULL, NULL, err);
	return r == -ENOENT ? 0 : r;
}

void containerd_records_fini(struct containerd_records *records)
{
	for (size_t i = 0; i < records->n; i++) {
		free(records->items[i].id);
		strv_fini(&records->items[i].labels);
	}
	free(records->items);
	*records = (struct containerd_records){ 0 };
}

const char *containerd_record_label(const struct containerd_record *record, const char *key)
{
	size_t n = strlen(key);

	for (size_t i = 0; i < record->labels.n; i++) {
		const char *label = record->labels.items[i];

		if (str_starts(label, key) && label[n] == '=')
			return label + n + 1;
	}
	return "";
}

int containerd_container_list(const struct containerd *c, const char *filter,
			      struct containerd_records *ret, struct err *err)
{
	char *filters[] = { rpc_str(filter) };
	auto_message Ctd__ContainersResponse *answer = NULL;
	Ctd__Filters request = CTD__FILTERS__INIT;

	request.n_filters = 1;
	request.filters = filters;
	int r = rpc_call(c, "containers.v1.Containers/List", &request,
			 &ctd__containers_response__descriptor, &answer, err);
	if (r < 0)
		return r;
	*ret = (struct containerd_records){ 0 };
	for (size_t i = 0; i < answer->n_containers; i++) {
		const Ctd__Container *from = answer->containers[i];
		struct containerd_record *to = ARRAY_ADD(ret->items, ret->n);

		to->id = xstrdup(from->id);
		to->created_ms = rpc_time_ms(from->created_at);
		for (size_t k = 0; k < from->n_labels; k++)
			strv_addf(&to->labels, "%s=%s", from->labels[k]->key,
				  from->labels[k]->value);
	}
	return 0;
}
