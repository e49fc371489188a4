/* Requests as they come to what the shim is asked. */
#include "base/base.h"
#include "wire/task/private.h"

struct method {
	const char *name;
	const ProtobufCMessageDescriptor *message;
	void (*read)(struct task_call *call);
};

static void read_options(struct task_call *call, const Task__Any *any)
{
	struct task_request *r = &call->request;

	if (!any || !any->value.len)
		return;
	call->options = protobuf_c_message_unpack(&task__options__descriptor, NULL, any->value.len,
						  any->value.data);
	if (!call->options)
		return;
	const Task__Options *options = (const Task__Options *)call->options;
	r->binary = options->binary_name;
	r->root = options->root;
	r->has_systemd_cgroup = options->systemd_cgroup;
	r->has_no_pivot = options->no_pivot_root;
	r->has_no_keyring = options->no_new_keyring;
}

static void read_create(struct task_call *call)
{
	const Task__CreateRequest *m = (const Task__CreateRequest *)call->message;
	struct task_request *r = &call->request;

	r->id = m->id;
	r->bundle = m->bundle;
	r->is_terminal = m->terminal;
	r->input = m->stdin;
	r->output = m->stdout;
	r->errors = m->stderr;
	r->has_checkpoint = *m->checkpoint;
	call->mounts = xcalloc(m->n_rootfs + 1, sizeof(*call->mounts));
	for (size_t i = 0; i < m->n_rootfs; i++)
		call->mounts[i] = (struct task_mount){ m->rootfs[i]->type, m->rootfs[i]->source,
						       m->rootfs[i]->options,
						       m->rootfs[i]->n_options };
	r->mounts = call->mounts;
	r->n_mounts = m->n_rootfs;
	read_options(call, m->options);
}

static void read_json(struct task_call *call, const Task__Any *any)
{
	if (!any)
		return;
	call->request.json = (const char *)any->value.data;
	call->request.json_len = any->value.len;
}

static void read_exec(struct task_call *call)
{
	const Task__ExecRequest *m = (const Task__ExecRequest *)call->message;
	struct task_request *r = &call->request;

	r->id = m->id;
	r->exec_id = m->exec_id;
	r->is_terminal = m->terminal;
	r->input = m->stdin;
	r->output = m->stdout;
	r->errors = m->stderr;
	read_json(call, m->spec);
}

static void read_id(struct task_call *call)
{
	call->request.id = ((const Task__IdRequest *)call->message)->id;
}

static void read_process(struct task_call *call)
{
	const Task__ProcessRequest *m = (const Task__ProcessRequest *)call->message;

	call->request.id = m->id;
	call->request.exec_id = m->exec_id;
}

static void read_kill(struct task_call *call)
{
	const Task__KillRequest *m = (const Task__KillRequest *)call->message;

	call->request.id = m->id;
	call->request.exec_id = m->exec_id;
	call->request.sig = (int)m->signal;
	call->request.is_all = m->all;
}

static void read_resize(struct task_call *call)
{
	const Task__ResizeRequest *m = (const Task__ResizeRequest *)call->message;

	call->request.id = m->id;
	call->request.exec_id = m->exec_id;
	call->request.columns = m->width;
	call->request.rows = m->height;
}

static void read_close(struct task_call *call)
{
	const Task__CloseRequest *m = (const Task__CloseRequest *)call->message;

	call->request.id = m->id;
	call->request.exec_id = m->exec_id;
}

static void read_update(struct task_call *call)
{
	const Task__UpdateRequest *m = (const Task__UpdateRequest *)call->message;

	call->request.id = m->id;
	read_json(call, m->resources);
}

static const struct method methods[TASK_METHOD_N] = {
	[TASK_STATE] = { "State", &task__process_request__descriptor, read_process },
	[TASK_CREATE] = { "Create", &task__create_request__descriptor, read_create },
	[TASK_START] = { "Start", &task__process_request__descriptor, read_process },
	[TASK_DELETE] = { "Delete", &task__process_request__descriptor, read_process },
	[TASK_PIDS] = { "Pids", &task__id_request__descriptor, read_id },
	[TASK_PAUSE] = { "Pause", &task__id_request__descriptor, read_id },
	[TASK_RESUME] = { "Resume", &task__id_request__descriptor, read_id },
	[TASK_CHECKPOINT] = { "Checkpoint", &task__id_request__descriptor, read_id },
	[TASK_KILL] = { "Kill", &task__kill_request__descriptor, read_kill },
	[TASK_EXEC] = { "Exec", &task__exec_request__descriptor, read_exec },
	[TASK_RESIZE] = { "ResizePty", &task__resize_request__descriptor, read_resize },
	[TASK_CLOSE_INPUT] = { "CloseIO", &task__close_request__descriptor, read_close },
	[TASK_UPDATE] = { "Update", &task__update_request__descriptor, read_update },
	[TASK_WAIT] = { "Wait", &task__process_request__descriptor, read_process },
	[TASK_STATS] = { "Stats", &task__id_request__descriptor, read_id },
	[TASK_CONNECT] = { "Connect", &task__id_request__descriptor, read_id },
	[TASK_SHUTDOWN] = { "Shutdown", &task__id_request__descriptor, read_id },
};

int request_parse(const char *name, const ProtobufCBinaryData *payload, struct task_call *call,
		  struct err *err)
{
	size_t i = 0;

	while (i < TASK_METHOD_N && !str_eq(methods[i].name, name))
		i++;
	if (i == TASK_METHOD_N)
		return err_set(err, -ENOTSUP, "no method %.40s", name);
	call->request = (struct task_request){
		.method = (enum task_method)i,
		.id = "",
		.exec_id = "",
		.input = "",
		.output = "",
		.errors = "",
		.bundle = "",
		.binary = "",
		.root = "",
		.json = "",
	};
	call->message = protobuf_c_message_unpack(methods[i].message, NULL, payload->len,
						  payload->data);
	if (!call->message)
		return err_set(err, -EINVAL, "%s: not a request that is understood", name);
	methods[i].read(call);
	return 0;
}

void request_fini(struct task_call *call)
{
	if (call->message)
		protobuf_c_message_free_unpacked(call->message, NULL);
	if (call->options)
		protobuf_c_message_free_unpacked(call->options, NULL);
	free(call->mounts);
}
