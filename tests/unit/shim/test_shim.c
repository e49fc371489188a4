/* The life of a container under holm-shim, whose OCI runtime is a script. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "kit.h"

enum { CREATED = 1, RUNNING, STOPPED, PAUSED, PAUSING };

/* Waits for a number in the FIFO "go", with which it ends. */
#define OBEYS "read -r code <go; exit \"$code\"\n"

static void use_obedient(const struct kit *k)
{
	kit_add_fifo(k, "go");
	kit_add_file(k, "run-create", OBEYS);
}

static void end_it(const struct kit *k, const char *status)
{
	auto_free char *line = xasprintf("%s\n", status);

	kit_release(kit_reach(k, "go"), line);
}

static void assert_ended_state(struct kit *k, pid_t pid, uint32_t status)
{
	Task__StateResponse *m = kit_state(k, "");

	assert_string_equal(m->id, KIT_ID);
	assert_string_equal(m->exec_id, "");
	assert_string_equal(m->bundle, k->bundle);
	assert_int_equal(m->pid, pid);
	assert_int_equal(m->status, STOPPED);
	assert_int_equal(m->exit_status, status);
	assert_true(m->exited_at->seconds > 1700000000);
	task__state_response__free_unpacked(m, NULL);
}

static void delete_ended(struct kit *k, pid_t pid, uint32_t status)
{
	struct answer answer;

	peer_await(&k->peer, kit_send(k, "Delete", ""), &task__delete_response__descriptor,
		   &answer);
	assert_int_equal(answer.code, 0);
	const Task__DeleteResponse *m = answer.message;
	assert_int_equal(m->pid, pid);
	assert_int_equal(m->exit_status, status);
	assert_true(m->exited_at->seconds > 1700000000);
	answer_fini(&answer);
	kit_assert_event(k, "delete %d %u", (int)pid, status);
}

static void lives_and_ends(void **state)
{
	struct kit *k = *state;

	use_obedient(k);
	pid_t pid = kit_create(k);
	auto_free char *words = xasprintf("create --bundle %s --pid-file init.pid " KIT_ID,
					  k->bundle);
	kit_assert_words(k, words);
	Task__StateResponse *m = kit_state(k, "");
	assert_int_equal(m->pid, pid);
	assert_int_equal(m->status, CREATED);
	assert_true(m->exited_at->seconds < 0);
	task__state_response__free_unpacked(m, NULL);
	assert_int_equal(kit_ask(k, "Start", ""), 0);
	kit_assert_words(k, "start " KIT_ID);
	kit_assert_event(k, "start %d", (int)pid);
	kit_assert_state(k, "", RUNNING);
	uint32_t waiting = kit_send(k, "Wait", "");
	end_it(k, "3");
	assert_int_equal(kit_wait_answer(k, waiting), 3);
	kit_assert_event(k, "exit - %d 3", (int)pid);
	assert_ended_state(k, pid, 3);
	assert_int_equal(kit_wait(k, ""), 3);
	delete_ended(k, pid, 3);
	kit_assert_words(k, "delete " KIT_ID);
	assert_int_equal(kit_ask(k, "State", ""), 5);
	kit_shut_down(k);
}

static void a_signal_ends_it(void **state)
{
	struct kit *k = *state;
	pid_t pid = kit_run(k);

	assert_int_equal(kit_kill(k, "", SIGTERM), 0);
	kit_assert_words(k, "kill " KIT_ID " 15");
	assert_int_equal(kit_wait(k, ""), 128 + SIGTERM);
	kit_assert_event(k, "exit - %d 143", (int)pid);
	delete_ended(k, pid, 143);
	kit_shut_down(k);
}

/* One can be ended that was never started. */
static void what_was_only_created_ends(void **state)
{
	struct kit *k = *state;
	pid_t pid = kit_create(k);

	assert_int_equal(kit_kill(k, "", SIGKILL), 0);
	assert_int_equal(kit_wait(k, ""), 137);
	kit_assert_event(k, "exit - %d 137", (int)pid);
	assert_int_equal(kit_ask(k, "Start", ""), 9);
	delete_ended(k, pid, 137);
	kit_shut_down(k);
}

static void what_was_only_created_is_deleted(void **state)
{
	struct kit *k = *state;
	pid_t pid = kit_create(k);

	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	kit_assert_event(k, "delete %d 0", (int)pid);
	assert_int_equal(kit_ask(k, "State", ""), 5);
	kit_shut_down(k);
}

static void its_options_are_words(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	Task__Options options = TASK__OPTIONS__INIT;
	Task__Any any = TASK__ANY__INIT;
	uint8_t space[256];
	pid_t pid = 0;

	options.binary_name = k->program;
	options.root = k->dir;
	options.systemd_cgroup = options.no_pivot_root = options.no_new_keyring = true;
	any.value.data = space;
	any.value.len = task__options__pack(&options, space);
	m.options = &any;
	assert_int_equal(kit_create_with(k, &m, &pid), 0);
	auto_free char *words = kit_text(k, "words");
	assert_true(str_starts(words, "--systemd-cgroup\ncreate "));
	assert_true(str_ends(words, " --no-pivot --no-new-keyring " KIT_ID "\n"));
	auto_free char *noted = kit_text(k, "options.json");
	assert_non_null(strstr(noted, k->program));
	assert_non_null(strstr(noted, k->dir));
	auto_free char *runtime = kit_text(k, "runtime");
	assert_string_equal(runtime, k->program);
	kit_finish(k);
}

static void what_cannot_be_created_can_be_later(void **state)
{
	struct kit *k = *state;
	pid_t pid = 0;

	kit_add_file(k, "fail-create", "it has no args ");
	assert_int_equal(kit_create_with(k, NULL, &pid), 2);
	assert_string_equal(k->why, "OCI runtime create failed: it has no args");
	assert_int_equal(kit_ask(k, "State", ""), 5);
	kit_remove(k, "fail-create");
	kit_run(k);
	kit_finish(k);
}

static void what_cannot_be_created_does_not_keep_the_shim(void **state)
{
	struct kit *k = *state;
	pid_t pid = 0;

	kit_add_file(k, "fail-create", "no");
	assert_int_equal(kit_create_with(k, NULL, &pid), 2);
	kit_shut_down(k);
}

/* Who asked meanwhile is told, too. */
static void who_waits_for_a_creation_that_fails_is_told(void **state)
{
	struct kit *k = *state;

	kit_add_fifo(k, "hold-create");
	kit_add_file(k, "fail-create", "no");
	uint32_t creating = kit_send_create(k, NULL);
	int held = kit_reach(k, "hold-create");
	uint32_t waiting = kit_send(k, "Wait", "");
	uint32_t starting = kit_send(k, "Start", "");
	kit_assert_state(k, "", CREATED);
	kit_release(held, "\n");
	assert_int_equal(kit_code(k, creating), 2);
	assert_int_equal(kit_code(k, waiting), 5);
	assert_int_equal(kit_code(k, starting), 5);
	kit_shut_down(k);
}

static void a_runtime_that_lacks_is_told(void **state)
{
	struct kit *k = *state;
	pid_t pid = 0;

	assert_int_equal(unlink(k->program), 0);
	assert_int_equal(kit_create_with(k, NULL, &pid), 2);
	assert_non_null(strstr(k->why, k->program));
	kit_shut_down(k);
}

/* Nothing in its log: its status has to do. */
static void a_runtime_that_says_nothing_is_told(void **state)
{
	struct kit *k = *state;

	kit_run(k);
	kit_add_file(k, "log.json", "{\"level\":\"error\",\"msg\":\"of another time\"}\n");
	assert_int_equal(kit_ask(k, "Pids", ""), 2);
	assert_string_equal(k->why, "it ended with 1");
	kit_finish(k);
}

static void there_is_one_container(void **state)
{
	struct kit *k = *state;
	Task__ProcessRequest m = TASK__PROCESS_REQUEST__INIT;
	pid_t pid = 0;

	assert_int_equal(kit_ask(k, "State", ""), 5);
	kit_run(k);
	assert_int_equal(kit_create_with(k, NULL, &pid), 6);
	m.id = S("other");
	assert_int_equal(kit_code(k, peer_send(&k->peer, "State", &m)), 5);
	assert_int_equal(kit_ask(k, "State", "other"), 5);
	assert_int_equal(kit_ask(k, "Shutdown", ""), 0);
	kit_assert_state(k, "", RUNNING);
	kit_finish(k);
}

/* Not even while it tells what it has to tell. */
static void what_ends_creates_nothing(void **state)
{
	struct kit *k = *state;
	pid_t pid = 0;

	kit_run(k);
	assert_int_equal(kit_kill(k, "", SIGKILL), 0);
	assert_int_equal(kit_wait(k, ""), 137);
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	/* Events that nobody takes keep it a while. */
	assert_int_equal(kit_ask(k, "Shutdown", ""), 0);
	assert_int_equal(kit_create_with(k, NULL, &pid), 6);
	kit_shut_down(k);
}

static void checkpoints_are_refused(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	pid_t pid = 0;

	m.checkpoint = S("/c");
	assert_int_equal(kit_create_with(k, &m, &pid), 12);
	kit_run(k);
	assert_int_equal(kit_ask(k, "Checkpoint", ""), 12);
	kit_finish(k);
}

static void what_cannot_be_started_can_be_later(void **state)
{
	struct kit *k = *state;
	pid_t pid = kit_create(k);

	kit_add_file(k, "fail-start", "no room");
	assert_int_equal(kit_ask(k, "Start", ""), 2);
	assert_string_equal(k->why, "OCI runtime start failed: no room");
	kit_assert_state(k, "", CREATED);
	kit_remove(k, "fail-start");
	assert_int_equal(kit_ask(k, "Start", ""), 0);
	kit_assert_event(k, "start %d", (int)pid);
	assert_int_equal(kit_ask(k, "Start", ""), 9);
	kit_finish(k);
}

/* Its end is told behind its start, however long that takes. */
static void what_ends_while_it_starts_was_started(void **state)
{
	struct kit *k = *state;

	use_obedient(k);
	kit_add_fifo(k, "hold-start");
	pid_t pid = kit_create(k);
	uint32_t starting = kit_send(k, "Start", "");
	uint32_t waiting = kit_send(k, "Wait", "");
	int held = kit_reach(k, "hold-start");
	end_it(k, "4");
	kit_await_gone(pid);
	kit_assert_state(k, "", CREATED);
	kit_release(held, "\n");
	assert_int_equal(kit_code(k, starting), 0);
	assert_int_equal(kit_wait_answer(k, waiting), 4);
	kit_assert_event(k, "start %d", (int)pid);
	kit_assert_event(k, "exit - %d 4", (int)pid);
	delete_ended(k, pid, 4);
	kit_shut_down(k);
}

/* Before it is known which process it is. */
static void what_ends_while_it_is_created_has_ended(void **state)
{
	struct kit *k = *state;

	kit_add_fifo(k, "after-create");
	use_obedient(k);
	uint32_t creating = kit_send_create(k, NULL);
	kit_end_before_script(k, "create", "9\n");
	assert_int_equal(kit_code(k, creating), 0);
	assert_int_equal(kit_wait(k, ""), 9);
	assert_int_equal(kit_ask(k, "Start", ""), 9);
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	kit_shut_down(k);
}

static void what_ends_before_it_starts_was_not_started(void **state)
{
	struct kit *k = *state;

	use_obedient(k);
	kit_add_fifo(k, "hold-start");
	kit_add_file(k, "fail-start", "it is gone");
	pid_t pid = kit_create(k);
	uint32_t starting = kit_send(k, "Start", "");
	int held = kit_reach(k, "hold-start");
	end_it(k, "5");
	kit_await_gone(pid);
	kit_release(held, "\n");
	assert_int_equal(kit_code(k, starting), 2);
	assert_int_equal(kit_wait(k, ""), 5);
	kit_assert_event(k, "exit - %d 5", (int)pid);
	delete_ended(k, pid, 5);
	kit_shut_down(k);
}

static void what_has_ended_takes_no_signal(void **state)
{
	struct kit *k = *state;

	kit_run(k);
	assert_int_equal(kit_kill(k, "", SIGKILL), 0);
	assert_int_equal(kit_wait(k, ""), 137);
	assert_int_equal(kit_kill(k, "", SIGTERM), 5);
	assert_string_equal(k->why, "process already finished: not found");
	/* To all of them: the runtime knows. */
	assert_int_equal(kit_code(k, kit_send_kill(k, "", SIGKILL, true)), 5);
	kit_assert_words(k, "kill --all " KIT_ID " 9");
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	kit_shut_down(k);
}

static void a_signal_that_cannot_be_sent_is_told(void **state)
{
	struct kit *k = *state;

	kit_run(k);
	kit_add_file(k, "fail-kill", "frozen");
	assert_int_equal(kit_kill(k, "", SIGTERM), 2);
	assert_string_equal(k->why, "unknown error after kill: frozen");
	kit_remove(k, "fail-kill");
	kit_finish(k);
}

static void what_runs_is_not_deleted(void **state)
{
	struct kit *k = *state;

	kit_run(k);
	assert_int_equal(kit_ask(k, "Delete", ""), 9);
	assert_string_equal(k->why, "cannot delete a running process");
	kit_finish(k);
}

static void what_cannot_be_deleted_can_be_later(void **state)
{
	struct kit *k = *state;
	pid_t pid = kit_run(k);

	assert_int_equal(kit_kill(k, "", SIGKILL), 0);
	assert_int_equal(kit_wait(k, ""), 137);
	kit_assert_event(k, "exit - %d 137", (int)pid);
	kit_add_file(k, "fail-delete", "busy");
	assert_int_equal(kit_ask(k, "Delete", ""), 2);
	assert_string_equal(k->why, "failed to delete task: busy");
	kit_assert_state(k, "", STOPPED);
	/* The runtime has done that by itself. */
	kit_add_file(k, "fail-delete", "container does not exist");
	delete_ended(k, pid, 137);
	kit_shut_down(k);
}

static void pauses_and_resumes(void **state)
{
	struct kit *k = *state;

	kit_run(k);
	assert_int_equal(kit_ask(k, "Resume", ""), 9);
	assert_int_equal(kit_ask(k, "Pause", ""), 0);
	kit_assert_words(k, "pause " KIT_ID);
	kit_assert_event(k, "paused");
	kit_assert_state(k, "", PAUSED);
	assert_int_equal(kit_ask(k, "Pause", ""), 9);
	assert_int_equal(kit_ask(k, "Resume", ""), 0);
	kit_assert_words(k, "resume " KIT_ID);
	kit_assert_event(k, "resumed");
	kit_assert_state(k, "", RUNNING);
	kit_add_file(k, "fail-pause", "it is full");
	assert_int_equal(kit_ask(k, "Pause", ""), 2);
	assert_string_equal(k->why, "it is full");
	kit_assert_state(k, "", RUNNING);
	kit_finish(k);
}

/* Questions are answered meanwhile, changes come afterwards. */
static void a_pause_may_take_long(void **state)
{
	struct kit *k = *state;
	pid_t pid = kit_run(k);

	kit_add_fifo(k, "hold-pause");
	uint32_t pausing = kit_send(k, "Pause", "");
	int held = kit_reach(k, "hold-pause");
	uint32_t killing = kit_send_kill(k, "", SIGKILL, false);
	uint32_t resuming = kit_send(k, "Resume", "");
	kit_assert_state(k, "", PAUSING);
	kit_assert_words(k, "pause " KIT_ID);
	assert_int_equal(kill(pid, 0), 0);
	kit_release(held, "\n");
	assert_int_equal(kit_code(k, pausing), 0);
	assert_int_equal(kit_code(k, killing), 0);
	kit_assert_event(k, "paused");
	assert_int_equal(kit_wait(k, ""), 137);
	kit_code(k, resuming); /* either was first */
	auto_free char *words = kit_text(k, "words");
	assert_non_null(strstr(words, "pause " KIT_ID "\nkill " KIT_ID " 9\n"));
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	kit_shut_down(k);
}

/* It ends while it is being paused. */
static void what_ends_in_a_pause_has_ended(void **state)
{
	struct kit *k = *state;
	pid_t pid = kit_run(k);

	kit_add_fifo(k, "hold-pause");
	uint32_t pausing = kit_send(k, "Pause", "");
	int held = kit_reach(k, "hold-pause");
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(kit_wait(k, ""), 137);
	kit_release(held, "\n");
	kit_code(k, pausing);
	kit_assert_event(k, "exit - %d 137", (int)pid);
	kit_assert_state(k, "", STOPPED);
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	kit_shut_down(k);
}

static void processes_are_listed(void **state)
{
	struct kit *k = *state;
	Task__ExecRequest exec = TASK__EXEC_REQUEST__INIT;
	struct answer answer;
	pid_t pid = kit_run(k);

	exec.exec_id = S("e");
	assert_int_equal(kit_exec_with(k, &exec), 0);
	pid_t other = kit_start_exec(k, "e");
	auto_free char *list = xasprintf("[%d,%d]\n", (int)pid, (int)other);
	kit_add_file(k, "ps", list);
	peer_await(&k->peer, kit_send(k, "Pids", ""), &task__pids_response__descriptor, &answer);
	kit_assert_words(k, "ps --format json " KIT_ID);
	const Task__PidsResponse *m = answer.message;
	assert_int_equal(m->n_processes, 2);
	assert_int_equal(m->processes[0]->pid, pid);
	assert_null(m->processes[0]->info);
	assert_int_equal(m->processes[1]->pid, other);
	assert_non_null(m->processes[1]->info);
	answer_fini(&answer);
	kit_add_file(k, "ps", "no list");
	assert_int_not_equal(kit_ask(k, "Pids", ""), 0);
	kit_finish(k);
}

static void limits_are_passed_on(void **state)
{
	struct kit *k = *state;
	Task__UpdateRequest m = TASK__UPDATE_REQUEST__INIT;
	Task__Any any = TASK__ANY__INIT;

	kit_run(k);
	m.id = S(KIT_ID);
	any.value.data = (uint8_t *)S("{\"memory\":{\"limit\":1}}");
	any.value.len = strlen((char *)any.value.data);
	m.resources = &any;
	assert_int_equal(kit_code(k, peer_send(&k->peer, "Update", &m)), 0);
	kit_assert_words(k, "update --resources - " KIT_ID);
	kit_await_text(k, "updated", "{\"memory\":{\"limit\":1}}");
	kit_add_file(k, "fail-update", "too little");
	assert_int_equal(kit_code(k, peer_send(&k->peer, "Update", &m)), 2);
	assert_string_equal(k->why, "too little");
	kit_finish(k);
}

static void stats_are_told_while_it_runs(void **state)
{
	struct kit *k = *state;
	struct answer answer;
	pid_t pid = kit_run(k);

	peer_await(&k->peer, kit_send(k, "Stats", ""), &task__stats_response__descriptor, &answer);
	if (answer.code == 0) {
		const Task__StatsResponse *m = answer.message;

		assert_true(str_starts(m->stats->type_url, "io.containerd.cgroups.v"));
		assert_true(m->stats->value.len > 0);
	}
	answer_fini(&answer);
	assert_int_equal(kit_kill(k, "", SIGKILL), 0);
	assert_int_equal(kit_wait(k, ""), 137);
	kit_await_gone(pid);
	assert_int_equal(kit_ask(k, "Stats", ""), 5);
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	kit_shut_down(k);
}

static void all_who_wait_are_told(void **state)
{
	struct kit *k = *state;
	Task__ProcessRequest m = TASK__PROCESS_REQUEST__INIT;
	struct answer answer;
	struct peer other;

	use_obedient(k);
	kit_run(k);
	m.id = S(KIT_ID);
	peer_open(&other, k->socket);
	uint32_t first = kit_send(k, "Wait", "");
	uint32_t second = peer_send(&other, "Wait", &m);
	/* As soon as this one is answered the one before is waiting. */
	peer_await(&other, peer_send(&other, "State", &m), NULL, &answer);
	end_it(k, "6");
	assert_int_equal(kit_wait_answer(k, first), 6);
	peer_await(&other, second, &task__wait_response__descriptor, &answer);
	assert_int_equal(((const Task__WaitResponse *)answer.message)->exit_status, 6);
	answer_fini(&answer);
	peer_close(&other);
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	kit_shut_down(k);
}

/* containerd goes, with questions open, and comes back. */
static void clients_come_back(void **state)
{
	struct kit *k = *state;
	struct answer answer;

	use_obedient(k);
	pid_t pid = kit_run(k);
	kit_send(k, "Wait", "");
	kit_assert_state(k, "", RUNNING);
	kit_reconnect(k);
	peer_await(&k->peer, kit_send(k, "Connect", ""), &task__connect_response__descriptor,
		   &answer);
	const Task__ConnectResponse *m = answer.message;
	assert_int_equal(m->shim_pid, k->shim);
	assert_int_equal(m->task_pid, pid);
	answer_fini(&answer);
	uint32_t waiting = kit_send(k, "Wait", "");
	end_it(k, "7");
	assert_int_equal(kit_wait_answer(k, waiting), 7);
	kit_assert_event(k, "exit - %d 7", (int)pid);
	delete_ended(k, pid, 7);
	kit_shut_down(k);
}

static void expect_rest_ended(struct kit *k, const char *config)
{
	kit_add_file(k, "config.json", config);
	use_obedient(k);
	pid_t pid = kit_run(k);
	end_it(k, "8");
	assert_int_equal(kit_wait(k, ""), 8);
	kit_assert_words(k, "kill --all " KIT_ID " 9");
	kit_assert_event(k, "exit - %d 8", (int)pid);
	delete_ended(k, pid, 8);
	kit_shut_down(k);
}

/* Without process numbers of its own the others have to be ended. */
static void what_is_left_of_it_is_ended(void **state)
{
	expect_rest_ended(*state, "{\"linux\":{\"namespaces\":[{\"type\":\"mount\"}]}}");
}

static void what_is_left_in_anothers_namespace_is_ended(void **state)
{
	expect_rest_ended(*state, "{\"linux\":{\"namespaces\":[{\"type\":\"pid\","
				  "\"path\":\"/proc/1/ns/pid\"}]}}");
}

static bool has_rootfs(const struct kit *k)
{
	auto_free char *path = xasprintf("/proc/%d/mountinfo", (int)k->shim);
	auto_free char *line = xasprintf(" %s/rootfs ", k->bundle);
	auto_free char *text = NULL;
	struct err err;

	assert_int_equal(file_read(path, 16 * KIT_TEXT_MAX, &text, NULL, &err), 0);
	return strstr(text, line);
}

/* One that fails and one that lives leave nothing mounted. */
static void its_root_is_mounted_as_long_as_it_is_there(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	Task__Mount mount = TASK__MOUNT__INIT;
	Task__Mount *list[] = { &mount };
	pid_t pid = 0;

	if (geteuid() != 0)
		skip(); /* takes root */
	mount.type = mount.source = S("tmpfs");
	m.rootfs = list;
	m.n_rootfs = 1;
	kit_add_file(k, "fail-create", "no");
	assert_int_equal(kit_create_with(k, &m, &pid), 2);
	assert_string_equal(k->why, "OCI runtime create failed: no");
	assert_int_equal(kit_ask(k, "State", ""),
			 5); /* that was answered before it is cleared away */
	assert_false(has_rootfs(k));
	kit_remove(k, "fail-create");
	assert_int_equal(kit_create_with(k, &m, &pid), 0);
	assert_true(has_rootfs(k));
	assert_int_equal(kit_kill(k, "", SIGKILL), 0);
	assert_int_equal(kit_wait(k, ""), 137);
	assert_true(has_rootfs(k));
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	assert_false(has_rootfs(k));
	kit_shut_down(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(lives_and_ends),
		KIT_TEST(a_signal_ends_it),
		KIT_TEST(what_was_only_created_ends),
		KIT_TEST(what_was_only_created_is_deleted),
		KIT_TEST(its_options_are_words),
		KIT_TEST(what_cannot_be_created_can_be_later),
		KIT_TEST(what_cannot_be_created_does_not_keep_the_shim),
		KIT_TEST(who_waits_for_a_creation_that_fails_is_told),
		KIT_TEST(a_runtime_that_lacks_is_told),
		KIT_TEST(a_runtime_that_says_nothing_is_told),
		KIT_TEST(there_is_one_container),
		KIT_TEST(what_ends_creates_nothing),
		KIT_TEST(checkpoints_are_refused),
		KIT_TEST(what_cannot_be_started_can_be_later),
		KIT_TEST(what_ends_while_it_starts_was_started),
		KIT_TEST(what_ends_while_it_is_created_has_ended),
		KIT_TEST(what_ends_before_it_starts_was_not_started),
		KIT_TEST(what_has_ended_takes_no_signal),
		KIT_TEST(a_signal_that_cannot_be_sent_is_told),
		KIT_TEST(what_runs_is_not_deleted),
		KIT_TEST(what_cannot_be_deleted_can_be_later),
		KIT_TEST(pauses_and_resumes),
		KIT_TEST(a_pause_may_take_long),
		KIT_TEST(what_ends_in_a_pause_has_ended),
		KIT_TEST(processes_are_listed),
		KIT_TEST(limits_are_passed_on),
		KIT_TEST(stats_are_told_while_it_runs),
		KIT_TEST(all_who_wait_are_told),
		KIT_TEST(clients_come_back),
		KIT_TEST(what_is_left_of_it_is_ended),
		KIT_TEST(what_is_left_in_anothers_namespace_is_ended),
		KIT_TEST(its_root_is_mounted_as_long_as_it_is_there),
	};

	return cmocka_run_group_tests_name("shim/shim", tests, NULL, NULL);
}
