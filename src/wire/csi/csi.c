/* Calls of the Identity and Node services. */
#include <csi.pb-c.h>

#include <protobuf-c/protobuf-c.h>

#include "base/base.h"
#include "wire/csi/csi.h"
#include "wire/grpc/grpc.h"

#define MESSAGE_MAX (4u << 20) /* bytes */

/* Values of csi.proto. */
#define TYPE_STAGE               1
#define TYPE_MULTI_WRITER        5
#define MODE_SINGLE_WRITER       1
#define MODE_SINGLE_MULTI_WRITER 7

/* protobuf-c wants mutable strings but does not write to them. */
static char *str(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

static void message_free(void *p)
{
	ProtobufCMessage *m = *(ProtobufCMessage **)p;

	if (m)
		protobuf_c_message_free_unpacked(m, NULL);
}
#define auto_message __attribute__((cleanup(message_free)))

struct method {
	const char *name;                         /* "Node/NodeStageVolume" */
	const ProtobufCMessageDescriptor *answer; /* NULL: it says nothing */
};
#define METHOD(name, answer) (&(const struct method){ (name), (answer) })

/* `ret` is the answer's message, to be freed; NULL where it says nothing. */
static int call(const struct csi *csi, const struct method *method, const void *request, void *ret,
		struct err *err)
{
	auto_free char *path = xasprintf("/csi.v1.%s", method->name);
	size_t size = protobuf_c_message_get_packed_size(request);
	auto_free uint8_t *data = xmalloc(size + 1);
	auto_buf struct buf out;
	auto_buf struct buf in;
	struct grpc_call grpc = { .method = path,
				  .timeout_ms = csi->timeout_ms,
				  .cancel = csi->cancel };

	protobuf_c_message_pack(request, data);
	buf_init(&out, size + 1);
	buf_add(&out, data, size);
	buf_init(&in, MESSAGE_MAX);
	int r = grpc_unary(csi->grpc, &grpc, &out, &in, err);
	if (r < 0 || !method->answer)
		return r;
	ProtobufCMessage *m = protobuf_c_message_unpack(method->answer, NULL, in.len,
							(const uint8_t *)in.data);
	if (!m)
		return err_set(err, -EBADMSG, "call %s: the answer of %zu bytes is no %s", path,
			       in.len, method->answer->short_name);
	*(ProtobufCMessage **)ret = m;
	return 0;
}

static int ask_name(const struct csi *csi, struct csi_plugin *ret, struct err *err)
{
	Csi__Empty request = CSI__EMPTY__INIT;
	auto_message Csi__GetPluginInfoResponse *info = NULL;
	int r = call(csi,
		     METHOD("Identity/GetPluginInfo", &csi__get_plugin_info_response__descriptor),
		     &request, &info, err);

	if (r < 0)
		return r;
	if (!*info->name || strlen(info->name) >= sizeof(ret->name))
		return err_set(err, -EBADMSG, "its name \"%.80s\" is not 1 to %d bytes", info->name,
			       CSI_NAME_MAX - 1);
	STR_COPY(ret->name, info->name);
	STR_COPY(ret->version, info->vendor_version);
	return 0;
}

static int ask_ready(const struct csi *csi, struct csi_plugin *ret, struct err *err)
{
	Csi__Empty request = CSI__EMPTY__INIT;
	auto_message Csi__ProbeResponse *probe = NULL;
	int r = call(csi, METHOD("Identity/Probe", &csi__probe_response__descriptor), &request,
		     &probe, err);

	if (r == 0) /* by the specification, nothing said means ready */
		ret->is_ready = !probe->ready || probe->ready->value;
	return r;
}

static int ask_capabilities(const struct csi *csi, struct csi_plugin *ret, struct err *err)
{
	Csi__Empty request = CSI__EMPTY__INIT;
	auto_message Csi__GetCapabilitiesResponse *list = NULL;
	int r = call(csi,
		     METHOD("Node/NodeGetCapabilities",
			    &csi__get_capabilities_response__descriptor),
		     &request, &list, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < list->n_capabilities; i++) {
		const Csi__Rpc *rpc = list->capabilities[i]->rpc;

		ret->has_stage |= rpc && rpc->type == TYPE_STAGE;
		ret->has_multi_writer |= rpc && rpc->type == TYPE_MULTI_WRITER;
	}
	return 0;
}

static int ask_node(const struct csi *csi, struct csi_plugin *ret, struct err *err)
{
	Csi__Empty request = CSI__EMPTY__INIT;
	auto_message Csi__GetInfoResponse *info = NULL;
	int r = call(csi, METHOD("Node/NodeGetInfo", &csi__get_info_response__descriptor), &request,
		     &info, err);

	if (r == 0)
		STR_COPY(ret->node_id, info->node_id);
	return r == -ENOSYS ? 0 : r;
}

int csi_ask(const struct csi *csi, struct csi_plugin *ret, struct err *err)
{
	struct csi_plugin plugin = { 0 };
	int r = ask_name(csi, &plugin, err);

	if (r == 0)
		r = ask_ready(csi, &plugin, err);
	if (r == 0)
		r = ask_capabilities(csi, &plugin, err);
	if (r == 0)
		r = ask_node(csi, &plugin, err);
	if (r == 0)
		*ret = plugin;
	return r;
}

/* Parts of stage and publish; `capability` points at its neighbours. */
struct parts {
	Csi__MountVolume mount;
	Csi__AccessMode mode;
	Csi__VolumeCapability capability;
	Csi__Pair *pairs;
	Csi__Pair **list;
	size_t n;
};

static void parts_init(struct parts *p, const struct csi_volume *volume)
{
	*p = (struct parts){ .n = volume->context ? volume->context->n / 2 : 0 };
	csi__mount_volume__init(&p->mount);
	csi__access_mode__init(&p->mode);
	csi__volume_capability__init(&p->capability);
	p->mode.mode = volume->is_multi_writer ? MODE_SINGLE_MULTI_WRITER : MODE_SINGLE_WRITER;
	p->capability.mount = &p->mount;
	p->capability.access_mode = &p->mode;
	p->pairs = xcalloc(p->n + 1, sizeof(*p->pairs));
	p->list = xcalloc(p->n + 1, sizeof(*p->list));
	for (size_t i = 0; i < p->n; i++) {
		csi__pair__init(&p->pairs[i]);
		p->pairs[i].key = str(volume->context->items[2 * i]);
		p->pairs[i].value = str(volume->context->items[2 * i + 1]);
		p->list[i] = &p->pairs[i];
	}
}

static void parts_fini(struct parts *p)
{
	free(p->pairs);
	free(p->list);
}

int csi_stage(const struct csi *csi, const struct csi_volume *volume, struct err *err)
{
	Csi__StageRequest request = CSI__STAGE_REQUEST__INIT;
	struct parts parts;

	parts_init(&parts, volume);
	request.volume_id = str(volume->id);
	request.staging_target_path = str(volume->stage_path);
	request.volume_capability = &parts.capability;
	request.n_volume_context = parts.n;
	request.volume_context = parts.list;
	int r = call(csi, METHOD("Node/NodeStageVolume", NULL), &request, NULL, err);
	parts_fini(&parts);
	return r;
}

int csi_publish(const struct csi *csi, const struct csi_volume *volume, struct err *err)
{
	Csi__PublishRequest request = CSI__PUBLISH_REQUEST__INIT;
	struct parts parts;

	parts_init(&parts, volume);
	request.volume_id = str(volume->id);
	request.staging_target_path = str(volume->stage_path);
	request.target_path = str(volume->target_path);
	request.volume_capability = &parts.capability;
	request.readonly = volume->is_read_only;
	request.n_volume_context = parts.n;
	request.volume_context = parts.list;
	int r = call(csi, METHOD("Node/NodePublishVolume", NULL), &request, NULL, err);
	parts_fini(&parts);
	return r;
}

int csi_unpublish(const struct csi *csi, const struct csi_volume *volume, struct err *err)
{
	Csi__UnpublishRequest request = CSI__UNPUBLISH_REQUEST__INIT;

	request.volume_id = str(volume->id);
	request.target_path = str(volume->target_path);
	int r = call(csi, METHOD("Node/NodeUnpublishVolume", NULL), &request, NULL, err);
	return r == -ENOENT ? 0 : r;
}

int csi_unstage(const struct csi *csi, const struct csi_volume *volume, struct err *err)
{
	Csi__UnstageRequest request = CSI__UNSTAGE_REQUEST__INIT;

	request.volume_id = str(volume->id);
	request.staging_target_path = str(volume->stage_path);
	int r = call(csi, METHOD("Node/NodeUnstageVolume", NULL), &request, NULL, err);
	return r == -ENOENT ? 0 : r;
}
