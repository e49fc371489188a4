/* Further processes in containers, and the terminal and input of any. */
#include "base/base.h"
#include "wire/containerd/rpc.h"

#define PROCESS_TYPE "types.containerd.io/opencontainers/runtime-spec/1/Process"

int containerd_exec_add(const struct containerd *c, const struct containerd_exec *exec,
			struct err *err)
{
	Ctd__Any spec = CTD__ANY__INIT;
	Ctd__TaskExecRequest request = CTD__TASK_EXEC_REQUEST__INIT;

	spec.type_url = rpc_str(PROCESS_TYPE);
	spec.value.data = (uint8_t *)rpc_str(exec->process);
	spec.value.len = strlen(exec->process);
	request.container_id = rpc_str(exec->container_id);
	request.exec_id = rpc_str(exec->id);
	request.stdin = rpc_str(exec->input);
	request.stdout = rpc_str(exec->output);
	request.stderr = rpc_str(exec->error);
	request.terminal = exec->is_terminal;
	request.spec = &spec;
	return rpc_call(c, RPC("tasks.v1.Tasks/Exec", NULL), &request, NULL, err);
}

static Ctd__TaskRequest request_of(struct containerd_exec_ref ref)
{
	Ctd__TaskRequest request = CTD__TASK_REQUEST__INIT;

	request.container_id = rpc_str(ref.container_id);
	request.exec_id = rpc_str(ref.id);
	return request;
}

int containerd_exec_start(const struct containerd *c, struct containerd_exec_ref ref,
			  pid_t *ret_pid, struct err *err)
{
	auto_message Ctd__TaskStartResponse *answer = NULL;
	Ctd__TaskRequest request = request_of(ref);
	int r = rpc_call(c, RPC("tasks.v1.Tasks/Start", &ctd__task_start_response__descriptor),
			 &request, &answer, err);

	if (r == 0)
		*ret_pid = (pid_t)answer->pid;
	return r;
}

int containerd_exec_kill(const struct containerd *c, struct containerd_exec_ref ref, int sig,
			 struct err *err)
{
	Ctd__TaskKillRequest request = CTD__TASK_KILL_REQUEST__INIT;

	request.container_id = rpc_str(ref.container_id);
	request.exec_id = rpc_str(ref.id);
	request.signal = (uint32_t)sig;
	return rpc_call(c, RPC("tasks.v1.Tasks/Kill", NULL), &request, NULL, err);
}

int containerd_exec_wait(const struct containerd *c, struct containerd_exec_ref ref,
			 uint32_t *ret_exit_code, struct err *err)
{
	auto_message Ctd__TaskWaitResponse *answer = NULL;
	Ctd__TaskRequest request = request_of(ref);
	int r = rpc_call(c, RPC("tasks.v1.Tasks/Wait", &ctd__task_wait_response__descriptor),
			 &request, &answer, err);

	if (r == 0)
		*ret_exit_code = answer->exit_status;
	return r;
}

int containerd_exec_delete(const struct containerd *c, struct containerd_exec_ref ref,
			   uint32_t *ret_exit_code, struct err *err)
{
	auto_message Ctd__TaskDeleteResponse *answer = NULL;
	Ctd__TaskRequest request = request_of(ref);
	int r = rpc_call(
		c, RPC("tasks.v1.Tasks/DeleteProcess", &ctd__task_delete_response__descriptor),
		&request, &answer, err);

	if (r == 0)
		*ret_exit_code = answer->exit_status;
	return r;
}

int containerd_exec_close_input(const struct containerd *c, struct containerd_exec_ref ref,
				struct err *err)
{
	Ctd__CloseIORequest request = CTD__CLOSE_IOREQUEST__INIT;

	request.container_id = rpc_str(ref.container_id);
	request.exec_id = rpc_str(ref.id);
	request.stdin = true;
	return rpc_call(c, RPC("tasks.v1.Tasks/CloseIO", NULL), &request, NULL, err);
}

int containerd_exec_resize(const struct containerd *c, struct containerd_exec_ref ref,
			   const struct containerd_size *size, struct err *err)
{
	Ctd__ResizePtyRequest request = CTD__RESIZE_PTY_REQUEST__INIT;

	request.container_id = rpc_str(ref.container_id);
	request.exec_id = rpc_str(ref.id);
	request.width = size->columns;
	request.height = size->rows;
	return rpc_call(c, RPC("tasks.v1.Tasks/ResizePty", NULL), &request, NULL, err);
}
