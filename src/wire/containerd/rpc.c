/* Unary calls, version and leases. */
#include "base/base.h"
#include "wire/containerd/rpc.h"

void rpc_init(struct rpc *rpc, const struct containerd *c, const char *method)
{
	size_t n = 0;

	snprintf(rpc->method, sizeof(rpc->method), "/containerd.services.%s", method);
	rpc->metadata[n++] = (struct grpc_header){ "containerd-namespace", c->ns };
	if (c->lease)
		rpc->metadata[n++] = (struct grpc_header){ "containerd-lease", c->lease };
	rpc->call = (struct grpc_call){ .method = rpc->method,
					.metadata = rpc->metadata,
					.n_metadata = n,
					.timeout_ms = c->timeout_ms,
					.cancel = c->cancel };
}

void rpc_pack(const void *message, struct buf *ret)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	auto_free uint8_t *data = xmalloc(size + 1);

	protobuf_c_message_pack(message, data);
	buf_init(ret, size + 1);
	buf_add(ret, data, size);
}

int rpc_unpack(const ProtobufCMessageDescriptor *type, const struct buf *from, void *ret,
	       struct err *err)
{
	ProtobufCMessage *m = protobuf_c_message_unpack(type, NULL, from->len,
							(const uint8_t *)from->data);

	if (!m)
		return err_set(err, -EBADMSG, "read answer of %zu bytes: not a %s", from->len,
			       type->short_name);
	*(ProtobufCMessage **)ret = m;
	return 0;
}

int rpc_call(const struct containerd *c, const struct rpc_method *method, const void *request,
	     void *ret, struct err *err)
{
	auto_buf struct buf out = { 0 };
	auto_buf struct buf in;
	struct rpc rpc;

	rpc_init(&rpc, c, method->name);
	rpc_pack(request, &out);
	buf_init(&in, GRPC_MESSAGE_MAX);
	int r = grpc_unary(c->grpc, &rpc.call, &out, &in, err);
	if (r < 0 || !method->answer)
		return r;
	return rpc_unpack(method->answer, &in, ret, err);
}

Ctd__Pair **rpc_pairs(const struct containerd_labels *labels)
{
	size_t n = labels ? labels->n : 0;
	Ctd__Pair **list = xcalloc(n + 1, sizeof(*list) + sizeof(**list));
	Ctd__Pair *items = (Ctd__Pair *)(void *)(list + n + 1);

	for (size_t i = 0; i < n; i++) {
		ctd__pair__init(&items[i]);
		items[i].key = rpc_str(labels->items[i].key);
		items[i].value = rpc_str(labels->items[i].value);
		list[i] = &items[i];
	}
	return list;
}

Ctd__Mount **rpc_mounts(const struct containerd_mounts *mounts)
{
	Ctd__Mount **list = xcalloc(mounts->n + 1, sizeof(*list) + sizeof(**list));
	Ctd__Mount *items = (Ctd__Mount *)(void *)(list + mounts->n + 1);

	for (size_t i = 0; i < mounts->n; i++) {
		const struct containerd_mount *m = &mounts->items[i];

		ctd__mount__init(&items[i]);
		items[i].type = rpc_str(m->type);
		items[i].source = rpc_str(m->source);
		items[i].n_options = m->options.n;
		items[i].options = m->options.items;
		list[i] = &items[i];
	}
	return list;
}

void rpc_descriptor(const struct containerd_descriptor *from, Ctd__Descriptor *ret)
{
	ctd__descriptor__init(ret);
	ret->media_type = rpc_str(from->media_type);
	ret->digest = rpc_str(from->digest);
	ret->size = (int64_t)from->size;
}

void rpc_options(const struct containerd_runtime *runtime, struct buf *text, Ctd__Any *ret)
{
	Ctd__RuncOptions options = CTD__RUNC_OPTIONS__INIT;

	options.binary_name = rpc_str(runtime->binary);
	options.root = rpc_str(runtime->root);
	rpc_pack(&options, text);
	ctd__any__init(ret);
	ret->type_url = rpc_str("containerd.runc.v1.Options");
	ret->value.data = (uint8_t *)text->data;
	ret->value.len = text->len;
}

uint64_t rpc_time_ms(const Ctd__Time *time)
{
	if (!time || time->seconds < 0)
		return 0;
	return (uint64_t)time->seconds * 1000 + (uint64_t)(time->nanos / 1000000);
}

int containerd_version(const struct containerd *c, char **ret, struct err *err)
{
	Ctd__Empty request = CTD__EMPTY__INIT;
	auto_message Ctd__VersionResponse *answer = NULL;
	int r = rpc_call(c, RPC("version.v1.Version/Version", &ctd__version_response__descriptor),
			 &request, &answer, err);

	if (r < 0)
		return r;
	*ret = xstrdup(answer->version);
	return 0;
}

int containerd_lease_create(const struct containerd *c, const char *id,
			    const struct containerd_labels *labels, struct err *err)
{
	Ctd__LeaseCreateRequest request = CTD__LEASE_CREATE_REQUEST__INIT;
	auto_free Ctd__Pair **pairs = rpc_pairs(labels);

	request.id = rpc_str(id);
	request.n_labels = labels->n;
	request.labels = pairs;
	return rpc_call(c, RPC("leases.v1.Leases/Create", NULL), &request, NULL, err);
}

int containerd_lease_snapshot(const struct containerd *c, const char *key, struct err *err)
{
	auto_free char *type = xasprintf("snapshots/%s", c->snapshotter);
	Ctd__LeaseResource resource = CTD__LEASE_RESOURCE__INIT;
	Ctd__LeaseAddRequest request = CTD__LEASE_ADD_REQUEST__INIT;

	resource.id = rpc_str(key);
	resource.type = type;
	request.id = rpc_str(c->lease);
	request.resource = &resource;
	return rpc_call(c, RPC("leases.v1.Leases/AddResource", NULL), &request, NULL, err);
}

int containerd_lease_delete(const struct containerd *c, const char *id, bool is_synced,
			    struct err *err)
{
	Ctd__LeaseDeleteRequest request = CTD__LEASE_DELETE_REQUEST__INIT;

	request.id = rpc_str(id);
	request.sync = is_synced;
	int r = rpc_call(c, RPC("leases.v1.Leases/Delete", NULL), &request, NULL, err);
	return r == -ENOENT ? 0 : r;
}

void containerd_leases_fini(struct containerd_leases *leases)
{
	for (size_t i = 0; i < leases->n; i++) {
		free(leases->items[i].id);
		free(leases->items[i].value);
	}
	free(leases->items);
	*leases = (struct containerd_leases){ 0 };
}

static const char *value_of(const Ctd__Lease *lease, const char *key)
{
	for (size_t i = 0; i < lease->n_labels; i++)
		if (str_eq(lease->labels[i]->key, key))
			return lease->labels[i]->value;
	return "";
}

int containerd_lease_list(const struct containerd *c, const char *filter, const char *label,
			  struct containerd_leases *ret, struct err *err)
{
	char *filters[] = { rpc_str(filter) };
	Ctd__Filters request = CTD__FILTERS__INIT;
	auto_message Ctd__LeasesResponse *answer = NULL;

	request.n_filters = 1;
	request.filters = filters;
	int r = rpc_call(c, RPC("leases.v1.Leases/List", &ctd__leases_response__descriptor),
			 &request, &answer, err);
	if (r < 0)
		return r;
	*ret = (struct containerd_leases){ 0 };
	for (size_t i = 0; i < answer->n_leases; i++)
		*ARRAY_ADD(ret->items, ret->n) = (struct containerd_lease){
			.id = xstrdup(answer->leases[i]->id),
			.value = xstrdup(value_of(answer->leases[i], label)),
		};
	return 0;
}
