/* Answers to calls of the task API. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/socket.h>

#include <cmocka.h>

#include "base/base.h"
#include "world.h"

static void answers_with_a_state(void **state)
{
	struct world *w = *state;
	const struct task_process_state told = { .id = "i",
						 .exec_id = "e",
						 .bundle = "/b",
						 .pid = 7,
						 .state = TASK_IS_PAUSED,
						 .input = "/in",
						 .output = "/out",
						 .errors = "/err",
						 .is_terminal = true,
						 .end = { 137, { 1700000000, 5 } } };
	struct answer answer;

	task_reply_state(world_call(w, "State", NULL), &told);
	world_hear(w, &task__state_response__descriptor, &answer);
	const Task__StateResponse *m = answer.message;
	assert_string_equal(m->id, "i");
	assert_string_equal(m->exec_id, "e");
	assert_string_equal(m->bundle, "/b");
	assert_int_equal(m->pid, 7);
	assert_int_equal(m->status, 4);
	assert_string_equal(m->stdin, "/in");
	assert_string_equal(m->stdout, "/out");
	assert_string_equal(m->stderr, "/err");
	assert_true(m->terminal);
	assert_int_equal(m->exit_status, 137);
	assert_int_equal(m->exited_at->seconds, 1700000000);
	assert_int_equal(m->exited_at->nanos, 5);
	answer_fini(&answer);
}

/* The zero of Go's clock, by which its clients know. */
static void what_has_not_ended_has_no_time(void **state)
{
	struct world *w = *state;
	const struct task_process_state told = { .state = TASK_IS_RUNNING };
	struct answer answer;

	task_reply_state(world_call(w, "State", NULL), &told);
	world_hear(w, &task__state_response__descriptor, &answer);
	const Task__StateResponse *m = answer.message;
	assert_int_equal(m->status, 2);
	assert_string_equal(m->id, "");
	assert_true(m->exited_at->seconds == -62135596800);
	assert_int_equal(m->exited_at->nanos, 0);
	answer_fini(&answer);
}

static void answers_with_an_end(void **state)
{
	struct world *w = *state;
	const struct task_end end = { 3, { 1700000001, 6 } };
	struct answer answer;

	task_reply_deleted(world_call(w, "Delete", NULL), 9, &end);
	world_hear(w, &task__delete_response__descriptor, &answer);
	const Task__DeleteResponse *deleted = answer.message;
	assert_int_equal(deleted->pid, 9);
	assert_int_equal(deleted->exit_status, 3);
	assert_int_equal(deleted->exited_at->seconds, 1700000001);
	assert_int_equal(deleted->exited_at->nanos, 6);
	answer_fini(&answer);
	task_reply_end(world_call(w, "Wait", NULL), &end);
	world_hear(w, &task__wait_response__descriptor, &answer);
	const Task__WaitResponse *waited = answer.message;
	assert_int_equal(waited->exit_status, 3);
	assert_int_equal(waited->exited_at->seconds, 1700000001);
	answer_fini(&answer);
}

static void formats_a_deletion(void **state)
{
	const struct task_end end = { 137, { 1700000002, 0 } };
	size_t len = 0;
	auto_free char *text = task_format_deleted(8, &end, &len);
	Task__DeleteResponse *m = task__delete_response__unpack(NULL, len, (const uint8_t *)text);

	assert_non_null(m);
	assert_int_equal(m->pid, 8);
	assert_int_equal(m->exit_status, 137);
	assert_int_equal(m->exited_at->seconds, 1700000002);
	task__delete_response__free_unpacked(m, NULL);
}

static void answers_with_numbers(void **state)
{
	struct world *w = *state;
	struct answer answer;

	task_reply_connected(world_call(w, "Connect", NULL), 5, 6);
	world_hear(w, &task__connect_response__descriptor, &answer);
	const Task__ConnectResponse *m = answer.message;
	assert_int_equal(m->shim_pid, 5);
	assert_int_equal(m->task_pid, 6);
	answer_fini(&answer);
	task_reply_empty(world_call(w, "Kill", NULL));
	world_hear(w, NULL, &answer);
	assert_int_equal(answer.code, 0);
}

static void answers_with_processes(void **state)
{
	struct world *w = *state;
	const struct task_pid pids[] = { { 10, "" }, { 11, "e" } };
	struct answer answer;

	task_reply_pids(world_call(w, "Pids", NULL), pids, 2);
	world_hear(w, &task__pids_response__descriptor, &answer);
	const Task__PidsResponse *m = answer.message;
	assert_int_equal(m->n_processes, 2);
	assert_int_equal(m->processes[0]->pid, 10);
	assert_null(m->processes[0]->info);
	assert_int_equal(m->processes[1]->pid, 11);
	const Task__Any *info = m->processes[1]->info;
	assert_string_equal(info->type_url, "containerd.runc.v1.ProcessDetails");
	Task__ProcessDetails *detail = task__process_details__unpack(NULL, info->value.len,
								     info->value.data);
	assert_string_equal(detail->exec_id, "e");
	task__process_details__free_unpacked(detail, NULL);
	answer_fini(&answer);
	task_reply_pids(world_call(w, "Pids", NULL), NULL, 0);
	world_hear(w, &task__pids_response__descriptor, &answer);
	assert_int_equal(((const Task__PidsResponse *)answer.message)->n_processes, 0);
	answer_fini(&answer);
}

/* The metrics, of this type; freed with the answer. */
static const Task__Any *ask_stats(struct world *w, bool is_v2, struct answer *answer)
{
	const struct task_stats stats = { .is_v2 = is_v2,
					  .memory_bytes = 1,
					  .memory_limit_bytes = 2,
					  .cpu_ns = 3000,
					  .pids = 4,
					  .oom_kills = 5 };

	task_reply_stats(world_call(w, "Stats", NULL), &stats);
	world_hear(w, &task__stats_response__descriptor, answer);
	return ((const Task__StatsResponse *)answer->message)->stats;
}

static void answers_with_stats(void **state)
{
	struct world *w = *state;
	struct answer answer;
	const Task__Any *any = ask_stats(w, false, &answer);

	assert_string_equal(any->type_url, "io.containerd.cgroups.v1.Metrics");
	Task__V1Metrics *v1 = task__v1_metrics__unpack(NULL, any->value.len, any->value.data);
	assert_int_equal(v1->memory->usage->usage, 1);
	assert_int_equal(v1->memory->usage->limit, 2);
	assert_int_equal(v1->cpu->usage->total, 3000);
	assert_int_equal(v1->pids->current, 4);
	assert_int_equal(v1->memory_oom_control->oom_kill, 5);
	task__v1_metrics__free_unpacked(v1, NULL);
	answer_fini(&answer);
	any = ask_stats(w, true, &answer);
	assert_string_equal(any->type_url, "io.containerd.cgroups.v2.Metrics");
	Task__V2Metrics *v2 = task__v2_metrics__unpack(NULL, any->value.len, any->value.data);
	assert_int_equal(v2->memory->usage, 1);
	assert_int_equal(v2->memory->usage_limit, 2);
	assert_int_equal(v2->cpu->usage_usec, 3);
	assert_int_equal(v2->pids->current, 4);
	assert_int_equal(v2->memory_events->oom_kill, 5);
	task__v2_metrics__free_unpacked(v2, NULL);
	answer_fini(&answer);
}

static void errors_have_codes(void **state)
{
	static const int codes[][2] = { { -EINVAL, 3 }, { -ENOENT, 5 },   { -EEXIST, 6 },
					{ -EBUSY, 9 },  { -ENOTSUP, 12 }, { -EIO, 2 } };
	struct world *w = *state;
	struct answer answer;
	struct err err;

	for (size_t i = 0; i < ARRAY_LEN(codes); i++) {
		err_set(&err, codes[i][0], "because of %zu", i);
		task_reply_error(world_call(w, "Start", NULL), &err);
		world_hear(w, NULL, &answer);
		assert_int_equal(answer.code, codes[i][1]);
		assert_string_equal(answer.why, err.msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD_TEST(answers_with_a_state), WORLD_TEST(what_has_not_ended_has_no_time),
		WORLD_TEST(answers_with_an_end),  WORLD_TEST(formats_a_deletion),
		WORLD_TEST(answers_with_numbers), WORLD_TEST(answers_with_processes),
		WORLD_TEST(answers_with_stats),   WORLD_TEST(errors_have_codes),
	};

	return cmocka_run_group_tests_name("wire/task_answer", tests, NULL, NULL);
}
