/* Answers to calls. */
#include "base/base.h"
#include "wire/task/private.h"

#define PROCESS_DETAILS "containerd.runc.v1.ProcessDetails"
#define V1_METRICS      "io.containerd.cgroups.v1.Metrics"
#define V2_METRICS      "io.containerd.cgroups.v2.Metrics"

/* Codes of gRPC, which ttrpc shares. */
enum {
	CODE_UNKNOWN = 2,
	CODE_INVALID_ARGUMENT = 3,
	CODE_NOT_FOUND = 5,
	CODE_ALREADY_EXISTS = 6,
	CODE_FAILED_PRECONDITION = 9,
	CODE_UNIMPLEMENTED = 12
};

const struct task_request *task_call_request(const struct task_call *call)
{
	return &call->request;
}

static void send_response(struct task_call *take_call, const Task__Response *response)
{
	const struct ttrpc_frame frame = { .stream = take_call->stream, .type = TTRPC_RESPONSE };

	if (take_call->link)
		ttrpc_send(take_call->link, &frame, response);
	list_remove(&take_call->node);
	request_fini(take_call);
	free(take_call);
}

static void reply(struct task_call *take_call, const void *message)
{
	Task__Response response = TASK__RESPONSE__INIT;
	auto_free uint8_t *payload = NULL;

	payload = message_pack(message, &response.payload.len);
	response.payload.data = payload;
	send_response(take_call, &response);
}

static int code_of(int error)
{
	switch (error) {
	case -EINVAL:
		return CODE_INVALID_ARGUMENT;
	case -ENOENT:
		return CODE_NOT_FOUND;
	case -EEXIST:
		return CODE_ALREADY_EXISTS;
	case -EBUSY:
		return CODE_FAILED_PRECONDITION;
	case -ENOTSUP:
		return CODE_UNIMPLEMENTED;
	default:
		return CODE_UNKNOWN;
	}
}

void task_reply_error(struct task_call *take_call, const struct err *err)
{
	Task__Response response = TASK__RESPONSE__INIT;
	Task__Status status = TASK__STATUS__INIT;

	status.code = code_of(err->code);
	status.message = message_str(err->msg);
	response.status = &status;
	send_response(take_call, &response);
}

void task_reply_empty(struct task_call *take_call)
{
	Task__Response response = TASK__RESPONSE__INIT;

	send_response(take_call, &response);
}

void task_reply_pid(struct task_call *take_call, uint32_t pid)
{
	Task__PidResponse message = TASK__PID_RESPONSE__INIT;

	message.pid = pid;
	reply(take_call, &message);
}

void task_reply_state(struct task_call *take_call, const struct task_process_state *state)
{
	Task__StateResponse message = TASK__STATE_RESPONSE__INIT;
	Task__Time at;

	message_time(&state->end.at, &at);
	message.id = message_str(state->id);
	message.exec_id = message_str(state->exec_id);
	message.bundle = message_str(state->bundle);
	message.pid = state->pid;
	message.status = (int32_t)state->state;
	message.stdin = message_str(state->input);
	message.stdout = message_str(state->output);
	message.stderr = message_str(state->errors);
	message.terminal = state->is_terminal;
	message.exit_status = state->end.exit_status;
	message.exited_at = &at;
	reply(take_call, &message);
}

static void fill_deleted(uint32_t pid, const struct task_end *end, Task__Time *at,
			 Task__DeleteResponse *ret)
{
	message_time(&end->at, at);
	task__delete_response__init(ret);
	ret->pid = pid;
	ret->exit_status = end->exit_status;
	ret->exited_at = at;
}

void task_reply_deleted(struct task_call *take_call, uint32_t pid, const struct task_end *end)
{
	Task__DeleteResponse message;
	Task__Time at;

	fill_deleted(pid, end, &at, &message);
	reply(take_call, &message);
}

char *task_format_deleted(uint32_t pid, const struct task_end *end, size_t *ret_len)
{
	Task__DeleteResponse message;
	Task__Time at;

	fill_deleted(pid, end, &at, &message);
	return (char *)message_pack(&message, ret_len);
}

void task_reply_end(struct task_call *take_call, const struct task_end *end)
{
	Task__WaitResponse message = TASK__WAIT_RESPONSE__INIT;
	Task__Time at;

	message_time(&end->at, &at);
	message.exit_status = end->exit_status;
	message.exited_at = &at;
	reply(take_call, &message);
}

void task_reply_pids(struct task_call *take_call, const struct task_pid *pids, size_t n)
{
	Task__PidsResponse message = TASK__PIDS_RESPONSE__INIT;
	auto_free Task__ProcessInfo *infos = xcalloc(n + 1, sizeof(*infos));
	auto_free Task__ProcessInfo **list = xcalloc(n + 1, sizeof(*list));
	auto_free Task__Any *details = xcalloc(n + 1, sizeof(*details));

	for (size_t i = 0; i < n; i++) {
		Task__ProcessDetails detail = TASK__PROCESS_DETAILS__INIT;

		task__process_info__init(&infos[i]);
		list[i] = &infos[i];
		infos[i].pid = pids[i].pid;
		if (!*pids[i].exec_id)
			continue;
		detail.exec_id = message_str(pids[i].exec_id);
		message_any(PROCESS_DETAILS, &detail, &details[i]);
		infos[i].info = &details[i];
	}
	message.processes = list;
	message.n_processes = n;
	reply(take_call, &message);
	for (size_t i = 0; i < n; i++)
		free(details[i].value.data);
}

static void reply_any(struct task_call *take_call, const char *type, const void *metrics)
{
	Task__StatsResponse message = TASK__STATS_RESPONSE__INIT;
	Task__Any any;

	message_any(type, metrics, &any);
	message.stats = &any;
	reply(take_call, &message);
	free(any.value.data);
}

static void reply_v1(struct task_call *take_call, const struct task_stats *stats)
{
	Task__V1Metrics metrics = TASK__V1_METRICS__INIT;
	Task__V1Pids pids = TASK__V1_PIDS__INIT;
	Task__V1CpuUsage usage = TASK__V1_CPU_USAGE__INIT;
	Task__V1Cpu cpu = TASK__V1_CPU__INIT;
	Task__V1MemoryEntry entry = TASK__V1_MEMORY_ENTRY__INIT;
	Task__V1Memory memory = TASK__V1_MEMORY__INIT;
	Task__V1Oom oom = TASK__V1_OOM__INIT;

	pids.current = stats->pids;
	usage.total = stats->cpu_ns;
	cpu.usage = &usage;
	entry.limit = stats->memory_limit_bytes;
	entry.usage = stats->memory_bytes;
	memory.usage = &entry;
	oom.oom_kill = stats->oom_kills;
	metrics.pids = &pids;
	metrics.cpu = &cpu;
	metrics.memory = &memory;
	metrics.memory_oom_control = &oom;
	reply_any(take_call, V1_METRICS, &metrics);
}

void task_reply_stats(struct task_call *take_call, const struct task_stats *stats)
{
	Task__V2Metrics metrics = TASK__V2_METRICS__INIT;
	Task__V2Pids pids = TASK__V2_PIDS__INIT;
	Task__V2Cpu cpu = TASK__V2_CPU__INIT;
	Task__V2Memory memory = TASK__V2_MEMORY__INIT;
	Task__V2Events events = TASK__V2_EVENTS__INIT;

	if (!stats->is_v2) {
		reply_v1(take_call, stats);
		return;
	}
	pids.current = stats->pids;
	cpu.usage_usec = stats->cpu_ns / 1000;
	memory.usage = stats->memory_bytes;
	memory.usage_limit = stats->memory_limit_bytes;
	events.oom_kill = stats->oom_kills;
	metrics.pids = &pids;
	metrics.cpu = &cpu;
	metrics.memory = &memory;
	metrics.memory_events = &events;
	reply_any(take_call, V2_METRICS, &metrics);
}

void task_reply_connected(struct task_call *take_call, uint32_t shim_pid, uint32_t task_pid)
{
	Task__ConnectResponse message = TASK__CONNECT_RESPONSE__INIT;

	message.shim_pid = shim_pid;
	message.task_pid = task_pid;
	reply(take_call, &message);
}
