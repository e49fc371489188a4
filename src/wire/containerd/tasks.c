/* Tasks: the processes of containers. */
#include "base/base.h"
#include "wire/containerd/rpc.h"

int containerd_task_create(const struct containerd *c, const struct containerd_task *task,
			   pid_t *ret_pid, struct err *err)
{
	auto_free Ctd__Mount **mounts = rpc_mounts(task->rootfs);
	auto_message Ctd__TaskPidResponse *answer = NULL;
	auto_buf struct buf options_text = { 0 };
	Ctd__Any options;
	Ctd__TaskCreateRequest request = CTD__TASK_CREATE_REQUEST__INIT;

	rpc_options(&task->options, &options_text, &options);
	request.container_id = rpc_str(task->id);
	request.n_rootfs = task->rootfs->n;
	request.rootfs = mounts;
	request.stdin = rpc_str(task->input);
	request.stdout = rpc_str(task->output);
	request.stderr = rpc_str(task->error);
	request.terminal = task->is_terminal;
	request.options = &options;
	int r = rpc_call(c, RPC("tasks.v1.Tasks/Create", &ctd__task_pid_response__descriptor),
			 &request, &answer, err);
	if (r == 0)
		*ret_pid = (pid_t)answer->pid;
	return r;
}

int containerd_task_start(const struct containerd *c, const char *id, struct err *err)
{
	Ctd__TaskRequest request = CTD__TASK_REQUEST__INIT;

	request.container_id = rpc_str(id);
	return rpc_call(c, RPC("tasks.v1.Tasks/Start", NULL), &request, NULL, err);
}

int containerd_task_kill(const struct containerd *c, const char *id, int sig, struct err *err)
{
	Ctd__TaskKillRequest request = CTD__TASK_KILL_REQUEST__INIT;

	request.container_id = rpc_str(id);
	request.signal = (uint32_t)sig;
	return rpc_call(c, RPC("tasks.v1.Tasks/Kill", NULL), &request, NULL, err);
}

int containerd_task_set_paused(const struct containerd *c, const char *id, bool is_paused,
			       struct err *err)
{
	Ctd__TaskRequest request = CTD__TASK_REQUEST__INIT;

	request.container_id = rpc_str(id);
	return rpc_call(c,
			is_paused ? RPC("tasks.v1.Tasks/Pause", NULL)
				  : RPC("tasks.v1.Tasks/Resume", NULL),
			&request, NULL, err);
}

int containerd_task_wait(const struct containerd *c, const char *id, uint32_t *ret_exit_code,
			 struct err *err)
{
	auto_message Ctd__TaskWaitResponse *answer = NULL;
	Ctd__TaskRequest request = CTD__TASK_REQUEST__INIT;

	request.container_id = rpc_str(id);
	int r = rpc_call(c, RPC("tasks.v1.Tasks/Wait", &ctd__task_wait_response__descriptor),
			 &request, &answer, err);
	if (r == 0)
		*ret_exit_code = answer->exit_status;
	return r;
}

int containerd_task_delete(const struct containerd *c, const char *id, uint32_t *ret_exit_code,
			   struct err *err)
{
	auto_message Ctd__TaskDeleteResponse *answer = NULL;
	Ctd__TaskRequest request = CTD__TASK_REQUEST__INIT;

	request.container_id = rpc_str(id);
	int r = rpc_call(c, RPC("tasks.v1.Tasks/Delete", &ctd__task_delete_response__descriptor),
			 &request, &answer, err);
	if (r == 0)
		*ret_exit_code = answer->exit_status;
	return r;
}

void containerd_process_fini(struct containerd_process *process)
{
	free(process->id);
	process->id = NULL;
}

void containerd_processes_fini(struct containerd_processes *processes)
{
	for (size_t i = 0; i < processes->n; i++)
		containerd_process_fini(&processes->items[i]);
	free(processes->items);
	*processes = (struct containerd_processes){ 0 };
}

static struct containerd_process process_of(const Ctd__Process *from)
{
	bool is_known = from->status > 0 && from->status <= CONTAINERD_TASK_PAUSING;

	return (struct containerd_process){
		.id = xstrdup(*from->id ? from->id : from->container_id),
		.pid = (pid_t)from->pid,
		.state = is_known ? (enum containerd_task_state)from->status
				  : CONTAINERD_TASK_UNKNOWN,
		.exit_code = from->exit_status,
		.exited_ms = rpc_time_ms(from->exited_at),
	};
}

int containerd_task_get(const struct containerd *c, const char *id, struct containerd_process *ret,
			struct err *err)
{
	return containerd_exec_get(c, (struct containerd_exec_ref){ id, "" }, ret, err);
}

int containerd_exec_get(const struct containerd *c, struct containerd_exec_ref ref,
			struct containerd_process *ret, struct err *err)
{
	auto_message Ctd__TaskGetResponse *answer = NULL;
	Ctd__TaskRequest request = CTD__TASK_REQUEST__INIT;

	request.container_id = rpc_str(ref.container_id);
	request.exec_id = rpc_str(ref.id);
	int r = rpc_call(c, RPC("tasks.v1.Tasks/Get", &ctd__task_get_response__descriptor),
			 &request, &answer, err);
	if (r < 0)
		return r;
	if (!answer->process)
		return err_set(err, -EBADMSG, "read task %s: empty answer", ref.container_id);
	*ret = process_of(answer->process);
	return 0;
}

int containerd_task_list(const struct containerd *c, struct containerd_processes *ret,
			 struct err *err)
{
	auto_message Ctd__TasksResponse *answer = NULL;
	Ctd__TasksRequest request = CTD__TASKS_REQUEST__INIT;
	int r = rpc_call(c, RPC("tasks.v1.Tasks/List", &ctd__tasks_response__descriptor), &request,
			 &answer, err);

	if (r < 0)
		return r;
	*ret = (struct containerd_processes){ 0 };
	for (size_t i = 0; i < answer->n_tasks; i++)
		*ARRAY_ADD(ret->items, ret->n) = process_of(answer->tasks[i]);
	return 0;
}
