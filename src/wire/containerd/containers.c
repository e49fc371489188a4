/* Container records. */
#include "base/base.h"
#include "wire/containerd/rpc.h"

#define SPEC_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Spec"

/* The message is the caller's; it has a container. */
static int get(const struct containerd *c, const char *id, Ctd__ContainerMessage **ret,
	       struct err *err)
{
	auto_message Ctd__ContainerMessage *answer = NULL;
	Ctd__IdRequest request = CTD__ID_REQUEST__INIT;

	request.id = rpc_str(id);
	int r = rpc_call(c,
			 RPC("containers.v1.Containers/Get", &ctd__container_message__descriptor),
			 &request, &answer, err);
	if (r < 0)
		return r;
	if (!answer->container)
		return err_set(err, -EBADMSG, "read container %s: the answer has none", id);
	*ret = TAKE(answer);
	return 0;
}

int containerd_container_spec(const struct containerd *c, const char *id, char **ret,
			      struct err *err)
{
	auto_message Ctd__ContainerMessage *answer = NULL;
	int r = get(c, id, &answer, err);

	if (r < 0)
		return r;
	if (!answer->container->spec)
		return err_set(err, -EBADMSG, "read container %s: it has no spec", id);
	*ret = xstrndup((const char *)answer->container->spec->value.data,
			answer->container->spec->value.len);
	return 0;
}

int containerd_container_delete(const struct containerd *c, const char *id, struct err *err)
{
	Ctd__IdRequest request = CTD__ID_REQUEST__INIT;

	request.id = rpc_str(id);
	int r = rpc_call(c, RPC("containers.v1.Containers/Delete", NULL), &request, NULL, err);
	return r == -ENOENT ? 0 : r;
}

void containerd_record_fini(struct containerd_record *record)
{
	free(record->id);
	strv_fini(&record->labels);
	*record = (struct containerd_record){ 0 };
}

void containerd_records_fini(struct containerd_records *records)
{
	for (size_t i = 0; i < records->n; i++)
		containerd_record_fini(&records->items[i]);
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

static void take_record(const Ctd__Container *from, struct containerd_record *to)
{
	to->id = xstrdup(from->id);
	to->created_ms = rpc_time_ms(from->created_at);
	for (size_t i = 0; i < from->n_labels; i++)
		strv_addf(&to->labels, "%s=%s", from->labels[i]->key, from->labels[i]->value);
}

int containerd_container_create(const struct containerd *c,
				const struct containerd_container *container,
				struct containerd_record *ret, struct err *err)
{
	auto_message Ctd__ContainerMessage *answer = NULL;
	auto_free Ctd__Pair **pairs = rpc_pairs(&container->labels);
	auto_buf struct buf options_text = { 0 };
	Ctd__Any options;
	Ctd__Any spec = CTD__ANY__INIT;
	Ctd__Runtime runtime = CTD__RUNTIME__INIT;
	Ctd__Container record = CTD__CONTAINER__INIT;
	Ctd__ContainerMessage request = CTD__CONTAINER_MESSAGE__INIT;

	rpc_options(&container->options, &options_text, &options);
	runtime.name = rpc_str(container->runtime);
	runtime.options = &options;
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
	int r = rpc_call(
		c, RPC("containers.v1.Containers/Create", &ctd__container_message__descriptor),
		&request, &answer, err);
	if (r < 0)
		return r;
	if (!answer->container)
		return err_set(err, -EBADMSG, "create container %s: the answer has none",
			       container->id);
	*ret = (struct containerd_record){ 0 };
	take_record(answer->container, ret);
	return 0;
}

static int receive_records(struct grpc_stream *stream, struct containerd_records *ret,
			   struct err *err)
{
	auto_buf struct buf in;
	int r;

	buf_init(&in, GRPC_MESSAGE_MAX);
	while ((r = grpc_stream_receive(stream, &in, err)) > 0) {
		auto_message Ctd__ContainerMessage *answer = NULL;

		r = rpc_unpack(&ctd__container_message__descriptor, &in, &answer, err);
		if (r < 0)
			return r;
		if (answer->container)
			take_record(answer->container, ARRAY_ADD(ret->items, ret->n));
	}
	return r;
}

int containerd_container_get(const struct containerd *c, const char *id,
			     struct containerd_record *ret, struct err *err)
{
	auto_message Ctd__ContainerMessage *answer = NULL;
	struct containerd_record record = { 0 };
	int r = get(c, id, &answer, err);

	if (r < 0)
		return r;
	take_record(answer->container, &record);
	*ret = record;
	return 0;
}

/* Streamed, because records carry their specs: one message with all of them would have a limit. */
int containerd_container_list(const struct containerd *c, const char *filter,
			      struct containerd_records *ret, struct err *err)
{
	char *filters[] = { rpc_str(filter) };
	auto_(grpc_stream_close) struct grpc_stream *stream = NULL;
	auto_containerd_records struct containerd_records records = { 0 };
	auto_buf struct buf out = { 0 };
	Ctd__Filters request = CTD__FILTERS__INIT;
	struct rpc rpc;

	request.n_filters = 1;
	request.filters = filters;
	rpc_init(&rpc, c, "containers.v1.Containers/ListStream");
	rpc_pack(&request, &out);
	int r = grpc_stream_open(c->grpc, &rpc.call, &stream, err);
	if (r == 0)
		r = grpc_stream_send(stream, out.data, out.len, true, err);
	if (r == 0)
		r = receive_records(stream, &records, err);
	if (r < 0)
		return r;
	*ret = records;
	records = (struct containerd_records){ 0 };
	return 0;
}

int containerd_container_set_spec(const struct containerd *c, const char *id, const char *spec,
				  struct err *err)
{
	char *paths[] = { rpc_str("spec") };
	Ctd__FieldMask mask = CTD__FIELD_MASK__INIT;
	Ctd__Any any = CTD__ANY__INIT;
	Ctd__Container record = CTD__CONTAINER__INIT;
	Ctd__ContainerUpdateRequest request = CTD__CONTAINER_UPDATE_REQUEST__INIT;

	mask.n_paths = 1;
	mask.paths = paths;
	any.type_url = rpc_str(SPEC_TYPE);
	any.value.data = (uint8_t *)rpc_str(spec);
	any.value.len = strlen(spec);
	record.id = rpc_str(id);
	record.spec = &any;
	request.container = &record;
	request.mask = &mask;
	return rpc_call(c, RPC("containers.v1.Containers/Update", NULL), &request, NULL, err);
}
