/* Private: one unary call with protobuf messages, and conversions that several services share. */
#ifndef HOLM_WIRE_CONTAINERD_RPC_H
#define HOLM_WIRE_CONTAINERD_RPC_H

#include <containerd.pb-c.h>

#include <protobuf-c/protobuf-c.h>

#include "base/base.h"
#include "wire/containerd/containerd.h"
#include "wire/grpc/grpc.h"

/* "/containerd.services." goes before the method. */
#define RPC_METADATA_MAX 2
struct rpc {
	struct grpc_header metadata[RPC_METADATA_MAX];
	char method[96];
	struct grpc_call call;
};
void rpc_init(struct rpc *rpc, const struct containerd *c, const char *method);

struct rpc_method {
	const char *name;                         /* "version.v1.Version/Version" */
	const ProtobufCMessageDescriptor *answer; /* NULL: it says nothing */
};
#define RPC(name, answer) (&(const struct rpc_method){ (name), (answer) })
/* `ret` is to be freed with protobuf_c_message_free_unpacked; NULL where the answer says nothing. */
int rpc_call(const struct containerd *c, const struct rpc_method *method, const void *request,
	     void *ret, struct err *err);
void rpc_pack(const void *message, struct buf *ret);
int rpc_unpack(const ProtobufCMessageDescriptor *type, const struct buf *from, void *ret,
	       struct err *err);

/* protobuf-c wants mutable strings but does not write to them. */
static inline char *rpc_str(const char *s)
{
	return (char *)(uintptr_t)(s ? s : "");
}

static inline void rpc_message_free(void *p)
{
	ProtobufCMessage *m = *(ProtobufCMessage **)p;

	if (m)
		protobuf_c_message_free_unpacked(m, NULL);
}
#define auto_message __attribute__((cleanup(rpc_message_free)))

/* Labels as a repeated field: the array and its members in one block, the caller's to free. */
Ctd__Pair **rpc_pairs(const struct containerd_labels *labels);
/* The same for mounts; strings stay borrowed. */
Ctd__Mount **rpc_mounts(const struct containerd_mounts *mounts);
void rpc_descriptor(const struct containerd_descriptor *from, Ctd__Descriptor *ret);
/* Options of the runc shim as a packed message in `text`, which `ret` points into. */
void rpc_options(const struct containerd_runtime *runtime, struct buf *text, Ctd__Any *ret);
uint64_t rpc_time_ms(const Ctd__Time *time);

#endif
