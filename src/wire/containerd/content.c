/* The content store: blobs by digest, uploads that can be taken up again. */
#include "base/base.h"
#include "wire/containerd/rpc.h"

enum write_action { WRITE_STAT, WRITE_DATA, WRITE_COMMIT };

struct containerd_writer {
	struct rpc rpc;
	struct grpc_stream *stream;
	char *ref;
	char *digest;
	uint64_t size;
	uint64_t offset;
};

int containerd_blob_find(const struct containerd *c, const char *digest, struct err *err)
{
	Ctd__DigestRequest request = CTD__DIGEST_REQUEST__INIT;

	request.digest = rpc_str(digest);
	return rpc_call(c, RPC("content.v1.Content/Info", NULL), &request, NULL, err);
}

static int read_all(struct grpc_stream *stream, struct buf *blob, struct err *err)
{
	auto_buf struct buf message;
	int r;

	buf_init(&message, GRPC_MESSAGE_MAX);
	while ((r = grpc_stream_receive(stream, &message, err)) > 0) {
		auto_message Ctd__ContentReadResponse *part = NULL;

		r = rpc_unpack(&ctd__content_read_response__descriptor, &message, &part, err);
		if (r < 0)
			return r;
		if (buf_add(blob, part->data.data, part->data.len) < 0)
			return err_set(err, -EFBIG, "larger than %zu bytes", blob->max);
	}
	return r;
}

int containerd_blob_read(const struct containerd *c, const char *digest, size_t max, char **ret,
			 struct err *err)
{
	Ctd__ContentReadRequest request = CTD__CONTENT_READ_REQUEST__INIT;
	auto_(grpc_stream_close) struct grpc_stream *stream = NULL;
	auto_buf struct buf out = { 0 };
	auto_buf struct buf blob;
	struct rpc rpc;

	request.digest = rpc_str(digest);
	rpc_init(&rpc, c, "content.v1.Content/Read");
	rpc_pack(&request, &out);
	buf_init(&blob, max);
	int r = grpc_stream_open(c->grpc, &rpc.call, &stream, err);
	if (r == 0)
		r = grpc_stream_send(stream, out.data, out.len, true, err);
	if (r == 0)
		r = read_all(stream, &blob, err);
	if (r < 0) {
		err_wrap(err, "read blob %s", digest);
		return r;
	}
	*ret = buf_take(&blob);
	return 0;
}

int containerd_blob_label(const struct containerd *c, const char *digest,
			  const struct containerd_labels *labels, struct err *err)
{
	auto_free Ctd__Pair **pairs = rpc_pairs(labels);
	auto_strv struct strv paths = { 0 };
	Ctd__ContentInfo info = CTD__CONTENT_INFO__INIT;
	Ctd__FieldMask mask = CTD__FIELD_MASK__INIT;
	Ctd__ContentUpdateRequest request = CTD__CONTENT_UPDATE_REQUEST__INIT;

	for (size_t i = 0; i < labels->n; i++)
		strv_addf(&paths, "labels.%s", labels->items[i].key);
	info.digest = rpc_str(digest);
	info.n_labels = labels->n;
	info.labels = pairs;
	mask.n_paths = paths.n;
	mask.paths = paths.items;
	request.info = &info;
	request.mask = &mask;
	return rpc_call(c, RPC("content.v1.Content/Update", NULL), &request, NULL, err);
}

int containerd_blob_abort(const struct containerd *c, const char *ref, struct err *err)
{
	Ctd__ContentAbortRequest request = CTD__CONTENT_ABORT_REQUEST__INIT;

	request.ref = rpc_str(ref);
	int r = rpc_call(c, RPC("content.v1.Content/Abort", NULL), &request, NULL, err);
	return r == -ENOENT ? 0 : r;
}

/* One message and its answer; the offset is where the server stands afterwards. */
static int exchange(struct containerd_writer *w, Ctd__ContentWriteRequest *request, struct err *err)
{
	auto_message Ctd__ContentWriteResponse *answer = NULL;
	auto_buf struct buf out = { 0 };
	auto_buf struct buf in;

	request->ref = w->ref;
	request->total = (int64_t)w->size;
	request->expected = w->digest;
	rpc_pack(request, &out);
	buf_init(&in, GRPC_MESSAGE_MAX);
	int r = grpc_stream_send(w->stream, out.data, out.len, false, err);
	if (r == 0)
		r = grpc_stream_receive(w->stream, &in, err);
	if (r == 0)
		return err_set(err, -EPROTO, "server ended the upload early");
	if (r > 0)
		r = rpc_unpack(&ctd__content_write_response__descriptor, &in, &answer, err);
	if (r < 0)
		return r;
	w->offset = (uint64_t)answer->offset;
	return 0;
}

int containerd_writer_open(const struct containerd *c, const char *ref,
			   const struct containerd_descriptor *blob, struct containerd_writer **ret,
			   struct err *err)
{
	Ctd__ContentWriteRequest request = CTD__CONTENT_WRITE_REQUEST__INIT;
	struct containerd_writer *w = NEW(struct containerd_writer);

	w->ref = xstrdup(ref);
	w->digest = xstrdup(blob->digest);
	w->size = blob->size;
	rpc_init(&w->rpc, c, "content.v1.Content/Write");
	request.action = WRITE_STAT;
	int r = grpc_stream_open(c->grpc, &w->rpc.call, &w->stream, err);
	if (r == 0)
		r = exchange(w, &request, err);
	if (r < 0) {
		containerd_writer_close(w);
		return r;
	}
	*ret = w;
	return 0;
}

uint64_t containerd_writer_offset(const struct containerd_writer *w)
{
	return w->offset;
}

int containerd_writer_write(struct containerd_writer *w, const void *data, size_t len,
			    struct err *err)
{
	Ctd__ContentWriteRequest request = CTD__CONTENT_WRITE_REQUEST__INIT;
	uint64_t end = w->offset + len;

	assert(len <= CONTAINERD_CHUNK);
	request.action = WRITE_DATA;
	request.offset = (int64_t)w->offset;
	request.data.data = (uint8_t *)(uintptr_t)data;
	request.data.len = len;
	int r = exchange(w, &request, err);
	if (r == 0 && w->offset != end)
		return err_set(err, -EPROTO, "server took %llu bytes, not %llu",
			       (unsigned long long)w->offset, (unsigned long long)end);
	return r;
}

int containerd_writer_commit(struct containerd_writer *w, const struct containerd_labels *labels,
			     struct err *err)
{
	Ctd__ContentWriteRequest request = CTD__CONTENT_WRITE_REQUEST__INIT;
	auto_free Ctd__Pair **pairs = rpc_pairs(labels);

	request.action = WRITE_COMMIT;
	request.offset = (int64_t)w->offset;
	request.n_labels = labels ? labels->n : 0;
	request.labels = pairs;
	int r = exchange(w, &request, err);
	return r == -EEXIST ? 0 : r;
}

struct containerd_writer *containerd_writer_close(struct containerd_writer *w)
{
	if (!w)
		return NULL;
	grpc_stream_close(w->stream);
	free(w->ref);
	free(w->digest);
	free(w);
	return NULL;
}
