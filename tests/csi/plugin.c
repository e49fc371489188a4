#include <csi.pb-c.h>
#include <fcntl.h>
#include <poll.h>
#include <pthread.h>
#include <sys/eventfd.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include <nghttp2/nghttp2.h>

#include "base/base.h"
#include "plugin.h"

#define HANGS         (-1) /* instead of a status */
#define MESSAGE_MAX   (1 << 20)
#define STATUS_WRONG  3
#define STATUS_ABSENT 5
#define STATUS_BROKEN 13

struct csi_test {
	char *dir;
	char *name;
	char *socket;
	bool is_process;
	int listener;
	int stop; /* eventfd, readable for good once it is to stop */
	pthread_t thread;
	pthread_t *connections;
	size_t n_connections;
	pthread_mutex_t lock; /* one call at a time */
};

struct connection {
	struct csi_test *test;
	int fd;
	bool is_dying;
	struct list requests;
};

struct request {
	struct list link;
	struct connection *connection;
	char method[64];
	struct buf in;
	struct buf out;
	size_t out_done;
	int status;
};

static bool is_told(const struct csi_test *test, const char *what, const char *call)
{
	auto_free char *path = xasprintf("%s/%s%s", test->dir, what, call);

	return path_exists(path);
}

static int told_status(const struct csi_test *test, const char *call)
{
	auto_free char *path = xasprintf("%s/fail-%s", test->dir, call);
	auto_free char *text = NULL;
	struct err err;
	uint32_t status;

	if (file_read(path, 16, &text, NULL, &err) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return parse_u32(text, 1, 16, &status) == 0 ? (int)status : STATUS_BROKEN;
}

static void note(const struct csi_test *test, const char *line)
{
	auto_free char *path = path_join(test->dir, "calls");
	auto_close int fd = open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);

	assert(fd >= 0);
	dprintf(fd, "%s\n", line);
}

static void pack(struct request *r, const void *message)
{
	size_t size = protobuf_c_message_get_packed_size(message);
	auto_free uint8_t *data = xmalloc(size + 1);

	protobuf_c_message_pack(message, data);
	buf_add(&r->out, data, size);
}

static bool is_mounted(const char *path)
{
	struct statx st = { 0 };

	return statx(AT_FDCWD, path, AT_SYMLINK_NOFOLLOW, 0, &st) == 0 &&
	       (st.stx_attributes & STATX_ATTR_MOUNT_ROOT);
}

static int bind_to(const char *from, const char *to, bool is_read_only)
{
	struct err err;

	if (is_mounted(to))
		return 0;
	if (dir_make(to, 0755, &err) < 0 || mount(from, to, NULL, MS_BIND, NULL) < 0)
		return STATUS_BROKEN;
	if (is_read_only && mount(NULL, to, NULL, MS_BIND | MS_REMOUNT | MS_RDONLY, NULL) < 0)
		return STATUS_BROKEN;
	return 0;
}

static int unbind(const char *path)
{
	if (is_mounted(path) && umount(path) < 0)
		return STATUS_BROKEN;
	return 0;
}

static char *backing(const struct csi_test *test, const char *id)
{
	struct err err;
	auto_free char *path = xasprintf("%s/volumes/%s", test->dir, id);

	assert(dir_make(path, 0755, &err) == 0);
	return TAKE(path);
}

static void note_volume(const struct request *r, const char *id, const char *path, size_t n,
			Csi__Pair *const *context)
{
	auto_buf struct buf line;

	buf_init(&line, 8192);
	buf_addf(&line, "%s %s %s", strrchr(r->method, '/') + 1, id, path);
	for (size_t i = 0; i < n; i++)
		buf_addf(&line, " %s=%s", context[i]->key, context[i]->value);
	note(r->connection->test, line.data);
}

static int get_info(struct request *r, const void *message)
{
	Csi__GetPluginInfoResponse answer = CSI__GET_PLUGIN_INFO_RESPONSE__INIT;

	answer.name = r->connection->test->name;
	answer.vendor_version = (char *)"1";
	pack(r, &answer);
	return 0;
}

static int probe(struct request *r, const void *message)
{
	Csi__ProbeResponse answer = CSI__PROBE_RESPONSE__INIT;
	Csi__BoolValue ready = CSI__BOOL_VALUE__INIT;

	ready.value = !is_told(r->connection->test, "not-ready", "");
	answer.ready = &ready;
	pack(r, &answer);
	return 0;
}

static int get_capabilities(struct request *r, const void *message)
{
	Csi__GetCapabilitiesResponse answer = CSI__GET_CAPABILITIES_RESPONSE__INIT;
	Csi__Rpc rpc = CSI__RPC__INIT;
	Csi__Capability capability = CSI__CAPABILITY__INIT;
	Csi__Capability *list = &capability;

	rpc.type = 1;
	capability.rpc = &rpc;
	answer.capabilities = &list;
	answer.n_capabilities = !is_told(r->connection->test, "no-stage", "");
	pack(r, &answer);
	return 0;
}

static int get_node(struct request *r, const void *message)
{
	Csi__GetInfoResponse answer = CSI__GET_INFO_RESPONSE__INIT;

	answer.node_id = (char *)"node";
	pack(r, &answer);
	return 0;
}

static int stage(struct request *r, const void *message)
{
	const Csi__StageRequest *m = message;
	auto_free char *from = NULL;

	note_volume(r, m->volume_id, m->staging_target_path, m->n_volume_context,
		    m->volume_context);
	if (!m->volume_capability || !m->volume_capability->mount ||
	    !m->volume_capability->access_mode || !path_exists(m->staging_target_path))
		return STATUS_WRONG;
	if (str_starts(m->volume_id, "missing"))
		return STATUS_ABSENT;
	if (is_told(r->connection->test, "plain", ""))
		return 0;
	from = backing(r->connection->test, m->volume_id);
	return bind_to(from, m->staging_target_path, false);
}

static int unstage(struct request *r, const void *message)
{
	const Csi__UnstageRequest *m = message;

	note_volume(r, m->volume_id, m->staging_target_path, 0, NULL);
	return unbind(m->staging_target_path);
}

static int publish(struct request *r, const void *message)
{
	const Csi__PublishRequest *m = message;
	bool is_staged = !is_told(r->connection->test, "no-stage", "");
	auto_free char *from = NULL;
	struct err err;

	note_volume(r, m->volume_id, m->target_path, m->n_volume_context, m->volume_context);
	if (is_staged != (*m->staging_target_path != '\0'))
		return STATUS_WRONG;
	if (is_told(r->connection->test, "plain", ""))
		return dir_make(m->target_path, 0755, &err) == 0 ? 0 : STATUS_BROKEN;
	if (is_staged && !is_mounted(m->staging_target_path))
		return 9; /* FAILED_PRECONDITION */
	if (str_starts(m->volume_id, "missing"))
		return STATUS_ABSENT;
	from = is_staged ? xstrdup(m->staging_target_path)
			 : backing(r->connection->test, m->volume_id);
	return bind_to(from, m->target_path, m->readonly);
}

static int unpublish(struct request *r, const void *message)
{
	const Csi__UnpublishRequest *m = message;
	int status = 0;

	note_volume(r, m->volume_id, m->target_path, 0, NULL);
	status = unbind(m->target_path);
	if (status == 0 && !is_told(r->connection->test, "plain", ""))
		rmdir(m->target_path);
	return status;
}

static const struct {
	const char *method;
	const ProtobufCMessageDescriptor *type;
	int (*handle)(struct request *r, const void *message);
} calls[] = {
	{ "/csi.v1.Identity/GetPluginInfo", &csi__empty__descriptor, get_info },
	{ "/csi.v1.Identity/Probe", &csi__empty__descriptor, probe },
	{ "/csi.v1.Node/NodeGetCapabilities", &csi__empty__descriptor, get_capabilities },
	{ "/csi.v1.Node/NodeGetInfo", &csi__empty__descriptor, get_node },
	{ "/csi.v1.Node/NodeStageVolume", &csi__stage_request__descriptor, stage },
	{ "/csi.v1.Node/NodeUnstageVolume", &csi__unstage_request__descriptor, unstage },
	{ "/csi.v1.Node/NodePublishVolume", &csi__publish_request__descriptor, publish },
	{ "/csi.v1.Node/NodeUnpublishVolume", &csi__unpublish_request__descriptor, unpublish },
};

static void die(struct request *r)
{
	if (r->connection->test->is_process)
		_exit(1);
	r->connection->is_dying = true;
}

static int carry_out(struct request *r, size_t i)
{
	struct csi_test *test = r->connection->test;
	const char *call = strrchr(r->method, '/') + 1;
	ProtobufCMessage *message = protobuf_c_message_unpack(calls[i].type, NULL, r->in.len - 5,
							      (const uint8_t *)r->in.data + 5);

	if (!message)
		return STATUS_WRONG;
	pthread_mutex_lock(&test->lock);
	int status = calls[i].handle(r, message);
	pthread_mutex_unlock(&test->lock);
	protobuf_c_message_free_unpacked(message, NULL);
	if (is_told(test, "die-after-", call))
		die(r);
	return status;
}

static int answer(struct request *r)
{
	struct csi_test *test = r->connection->test;
	const char *call = strrchr(r->method, '/');
	int status;

	if (!call || r->in.len < 5)
		return STATUS_WRONG;
	if (is_told(test, "hang-", call + 1)) {
		note(test, "hangs");
		return HANGS;
	}
	if (is_told(test, "die-", call + 1)) {
		die(r);
		return HANGS;
	}
	status = told_status(test, call + 1);
	if (status) {
		note(test, "fails");
		return status;
	}
	for (size_t i = 0; i < ARRAY_LEN(calls); i++)
		if (str_eq(calls[i].method, r->method))
			return carry_out(r, i);
	return 12; /* UNIMPLEMENTED */
}

static ssize_t on_read(nghttp2_session *session, int32_t id, uint8_t *out, size_t room,
		       uint32_t *flags, nghttp2_data_source *source, void *arg)
{
	struct request *r = source->ptr;
	size_t n = r->out.len - r->out_done;
	char status[8];

	n = n < room ? n : room;
	memcpy(out, r->out.data + r->out_done, n);
	r->out_done += n;
	if (r->out_done < r->out.len)
		return (ssize_t)n;
	snprintf(status, sizeof(status), "%d", r->status);
	nghttp2_nv trailers[] = {
		{ (uint8_t *)"grpc-status", (uint8_t *)status, 11, strlen(status), 0 },
		{ (uint8_t *)"grpc-message", (uint8_t *)"told so", 12, 7, 0 },
	};
	*flags |= NGHTTP2_DATA_FLAG_EOF | NGHTTP2_DATA_FLAG_NO_END_STREAM;
	nghttp2_submit_trailer(session, id, trailers, r->status ? 2 : 1);
	return (ssize_t)n;
}

static void respond(nghttp2_session *session, int32_t id, struct request *r)
{
	nghttp2_nv ok = { (uint8_t *)":status", (uint8_t *)"200", 7, 3, 0 };
	nghttp2_data_provider body = { .source.ptr = r, .read_callback = on_read };

	buf_add(&r->out, "\0\0\0\0\0", 5);
	r->status = answer(r);
	if (r->status == HANGS || r->connection->is_dying)
		return;
	if (r->status)
		buf_reset(&r->out);
	for (size_t i = 0; i < 4 && r->out.len; i++)
		r->out.data[1 + i] = (char)((r->out.len - 5) >> (24 - 8 * i));
	nghttp2_submit_response(session, id, &ok, 1, &body);
}

static int on_data(nghttp2_session *session, uint8_t flags, int32_t id, const uint8_t *data,
		   size_t len, void *arg)
{
	struct request *r = nghttp2_session_get_stream_user_data(session, id);

	return buf_add(&r->in, data, len) == 0 ? 0 : NGHTTP2_ERR_CALLBACK_FAILURE;
}

static int on_begin(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct connection *connection = arg;
	struct request *r = NEW(struct request);

	r->connection = connection;
	list_push(&connection->requests, &r->link);
	buf_init(&r->in, MESSAGE_MAX);
	buf_init(&r->out, MESSAGE_MAX);
	nghttp2_session_set_stream_user_data(session, frame->hd.stream_id, r);
	return 0;
}

static int on_header(nghttp2_session *session, const nghttp2_frame *frame, const uint8_t *name,
		     size_t name_len, const uint8_t *value, size_t value_len, uint8_t flags,
		     void *arg)
{
	struct request *r = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (name_len == 5 && memcmp(name, ":path", 5) == 0)
		snprintf(r->method, sizeof(r->method), "%.*s", (int)value_len, (const char *)value);
	return 0;
}

static int on_frame(nghttp2_session *session, const nghttp2_frame *frame, void *arg)
{
	struct request *r = nghttp2_session_get_stream_user_data(session, frame->hd.stream_id);

	if (r && frame->hd.flags & NGHTTP2_FLAG_END_STREAM)
		respond(session, frame->hd.stream_id, r);
	return 0;
}

static void request_free(struct request *r)
{
	list_remove(&r->link);
	buf_fini(&r->in);
	buf_fini(&r->out);
	free(r);
}

static int on_close(nghttp2_session *session, int32_t id, uint32_t code, void *arg)
{
	struct request *r = nghttp2_session_get_stream_user_data(session, id);

	if (r)
		request_free(r);
	return 0;
}

static ssize_t on_send(nghttp2_session *session, const uint8_t *data, size_t len, int flags,
		       void *arg)
{
	ssize_t n = send(((struct connection *)arg)->fd, data, len, MSG_NOSIGNAL);

	return n < 0 ? NGHTTP2_ERR_CALLBACK_FAILURE : n;
}

static nghttp2_session *session_new(struct connection *connection)
{
	nghttp2_session_callbacks *cb;
	nghttp2_session *session;

	nghttp2_session_callbacks_new(&cb);
	nghttp2_session_callbacks_set_send_callback(cb, on_send);
	nghttp2_session_callbacks_set_on_begin_headers_callback(cb, on_begin);
	nghttp2_session_callbacks_set_on_header_callback(cb, on_header);
	nghttp2_session_callbacks_set_on_frame_recv_callback(cb, on_frame);
	nghttp2_session_callbacks_set_on_data_chunk_recv_callback(cb, on_data);
	nghttp2_session_callbacks_set_on_stream_close_callback(cb, on_close);
	nghttp2_session_server_new(&session, cb, connection);
	nghttp2_session_callbacks_del(cb);
	nghttp2_submit_settings(session, 0, NULL, 0);
	return session;
}

static void *serve(void *arg)
{
	struct connection *connection = arg;
	nghttp2_session *session = session_new(connection);
	uint8_t chunk[16384];

	while (!connection->is_dying && nghttp2_session_send(session) == 0) {
		struct pollfd p[] = { { connection->fd, POLLIN, 0 },
				      { connection->test->stop, POLLIN, 0 } };

		poll(p, 2, -1);
		ssize_t n = p[1].revents ? 0 : recv(connection->fd, chunk, sizeof(chunk), 0);
		if (n <= 0 || nghttp2_session_mem_recv(session, chunk, (size_t)n) < 0)
			break;
	}
	nghttp2_session_del(session);
	close(connection->fd);
	while (!list_is_empty(&connection->requests))
		request_free(container_of(connection->requests.next, struct request, link));
	free(connection);
	return NULL;
}

static void *accept_all(void *arg)
{
	struct csi_test *test = arg;

	for (;;) {
		struct pollfd p[] = { { test->listener, POLLIN, 0 }, { test->stop, POLLIN, 0 } };

		poll(p, 2, -1);
		if (p[1].revents)
			return NULL;
		int fd = accept4(test->listener, NULL, NULL, SOCK_CLOEXEC);
		if (fd < 0)
			continue;
		struct connection *connection = NEW(struct connection);
		connection->test = test;
		connection->fd = fd;
		list_init(&connection->requests);
		pthread_t *thread = ARRAY_ADD(test->connections, test->n_connections);
		assert(pthread_create(thread, NULL, serve, connection) == 0);
	}
}

struct csi_test *csi_test_start(const char *socket_path, const char *dir, const char *name,
				bool is_process)
{
	struct csi_test *test = NEW(struct csi_test);
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	test->dir = xstrdup(dir);
	test->name = xstrdup(name);
	test->socket = xstrdup(socket_path);
	test->is_process = is_process;
	pthread_mutex_init(&test->lock, NULL);
	unlink(socket_path);
	STR_COPY(addr.sun_path, socket_path);
	test->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	test->stop = eventfd(0, EFD_CLOEXEC);
	assert(bind(test->listener, (struct sockaddr *)&addr, sizeof(addr)) == 0);
	assert(listen(test->listener, 16) == 0);
	assert(pthread_create(&test->thread, NULL, accept_all, test) == 0);
	return test;
}

void csi_test_stop(struct csi_test *test)
{
	uint64_t one = 1;

	unlink(test->socket);
	assert(write(test->stop, &one, sizeof(one)) == sizeof(one));
	pthread_join(test->thread, NULL);
	for (size_t i = 0; i < test->n_connections; i++)
		pthread_join(test->connections[i], NULL);
	close(test->listener);
	close(test->stop);
	pthread_mutex_destroy(&test->lock);
	free(test->connections);
	free(test->dir);
	free(test->name);
	free(test->socket);
	free(test);
}
