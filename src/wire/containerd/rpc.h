/* Private: one unary call with protobuf messages, and conversions that several services share. */
#ifndef HOLM_WIRE_CONTAINERD_RPC_H
#define HOLM_WIRE_CONTAINERD_RPC_H

#include <protobuf-c/protobuf-c.h>

#include "base/base.h"
#include "containerd.pb-c.h"
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

/* `type` and `ret` (to be freed with protobuf_c_message_free_unpacked) may be NULL where the
 * answer says nothing. */
int rpc_call(const struct containerd *c, const char *method, const void *request,
	     const ProtobufCMessageDescriptor *type, void *ret, struct err *err);
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
uint64_t rpc_time_ms(const Ctd__Time *time);

#endif
