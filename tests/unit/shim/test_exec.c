/* Further processes of a container under holm-shim. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "kit.h"

enum { CREATED = 1, RUNNING, STOPPED, PAUSED };

/* Waits for a number in the FIFO "go", with which it ends. */
#define OBEYS "read -r code <go; exit \"$code\"\n"

static int add(struct kit *k, const char *exec_id)
{
	Task__ExecRequest m = TASK__EXEC_REQUEST__INIT;

	m.exec_id = S(exec_id);
	return kit_exec_with(k, &m);
}

static void use_obedient(const struct kit *k)
{
	kit_add_fifo(k, "go");
	kit_add_file(k, "run-exec", OBEYS);
}

static void end_it(const struct kit *k, const char *status)
{
	auto_free char *line = xasprintf("%s\n", status);

	kit_release(kit_reach(k, "go"), line);
}

static void assert_words(const struct kit *k, const char *exec_id)
{
	auto_free char *text = kit_text(k, "words");
	const char *line = strstr(text, "exec --process ");

	assert_non_null(line);
	assert_non_null(strstr(line, " --detach --pid-file "));
	assert_non_null(strstr(line, exec_id));
	assert_true(str_ends(line, " " KIT_ID "\n"));
}

static void assert_ended_state(struct kit *k, const char *exec_id, pid_t pid, uint32_t status)
{
	Task__StateResponse *m = kit_state(k, exec_id);

	assert_string_equal(m->id, exec_id);
	assert_string_equal(m->exec_id, exec_id);
	assert_int_equal(m->pid, pid);
	assert_int_equal(m->status, STOPPED);
	assert_int_equal(m->exit_status, status);
	task__state_response__free_unpacked(m, NULL);
}

static void delete_ended(struct kit *k, const char *exec_id, pid_t pid, uint32_t status)
{
	struct answer answer;

	peer_await(&k->peer, kit_send(k, "Delete", exec_id), &task__delete_response__descriptor,
		   &answer);
	assert_int_equal(answer.code, 0);
	const Task__DeleteResponse *m = answer.message;
	assert_int_equal(m->pid, pid);
	assert_int_equal(m->exit_status, status);
	answer_fini(&answer);
	assert_int_equal(kit_ask(k, "State", exec_id), 5);
}

static void lives_and_ends(void **state)
{
	struct kit *k = *state;

	use_obedient(k);
	kit_run(k);
	assert_int_equal(add(k, "e"), 0);
	kit_assert_state(k, "e", CREATED);
	assert_int_equal(add(k, "e"), 6);
	uint32_t early = kit_send(k, "Wait", "e");
	pid_t pid = kit_start_exec(k, "e");
	assert_words(k, "e");
	kit_await_text(k, "process", "{\"args\":[\"x\"],\"terminal\":false}");
	kit_assert_state(k, "e", RUNNING);
	uint32_t late = kit_send(k, "Wait", "e");
	end_it(k, "3");
	assert_int_equal(kit_wait_answer(k, early), 3);
	assert_int_equal(kit_wait_answer(k, late), 3);
	kit_assert_event(k, "exit e %d 3", (int)pid);
	assert_ended_state(k, "e", pid, 3);
	kit_assert_state(k, "", RUNNING);
	delete_ended(k, "e", pid, 3);
	kit_finish(k);
}

static void two_live_at_once(void **state)
{
	struct kit *k = *state;

	kit_run(k);
	assert_int_equal(add(k, "a"), 0);
	pid_t a = kit_start_exec(k, "a");
	assert_int_equal(add(k, "b"), 0);
	pid_t b = kit_start_exec(k, "b");
	assert_int_equal(kit_kill(k, "b", SIGTERM), 0);
	assert_int_equal(kit_wait(k, "b"), 143);
	kit_assert_event(k, "exit b %d 143", (int)b);
	kit_assert_state(k, "a", RUNNING);
	assert_int_equal(kit_kill(k, "a", SIGKILL), 0);
	assert_int_equal(kit_wait(k, "a"), 137);
	kit_assert_event(k, "exit a %d 137", (int)a);
	delete_ended(k, "a", a, 137);
	delete_ended(k, "b", b, 143);
	kit_finish(k);
}

static void what_is_refused(void **state)
{
	struct kit *k = *state;

	kit_run(k);
	assert_int_equal(kit_ask(k, "Start", "e"), 5);
	assert_int_equal(add(k, "e"), 0);
	assert_int_equal(kit_kill(k, "e", SIGKILL), 9);
	pid_t pid = kit_start_exec(k, "e");
	assert_int_equal(kit_ask(k, "Start", "e"), 9);
	assert_int_equal(kit_ask(k, "Delete", "e"), 9);
	assert_int_equal(kit_kill(k, "e", SIGKILL), 0);
	assert_int_equal(kit_wait(k, "e"), 137);
	assert_int_equal(kit_kill(k, "e", SIGKILL), 5);
	assert_int_equal(kit_ask(k, "Start", "e"), 9);
	delete_ended(k, "e", pid, 137);
	kit_finish(k);
}

/* Its number may be another's by now. */
static void what_has_ended_takes_no_signal_to_all(void **state)
{
	struct kit *k = *state;

	kit_run(k);
	assert_int_equal(add(k, "e"), 0);
	pid_t pid = kit_start_exec(k, "e");
	assert_int_equal(kit_code(k, kit_send_kill(k, "e", SIGKILL, true)), 0);
	assert_int_equal(kit_wait(k, "e"), 137);
	assert_int_equal(kit_code(k, kit_send_kill(k, "e", SIGKILL, true)), 5);
	delete_ended(k, "e", pid, 137);
	kit_finish(k);
}

static void what_was_never_started_is_deleted(void **state)
{
	struct kit *k = *state;

	kit_run(k);
	assert_int_equal(add(k, "e"), 0);
	delete_ended(k, "e", 0, 0);
	assert_int_equal(add(k, "e"), 0);
	kit_finish(k);
}

static void what_cannot_be_started_is_told(void **state)
{
	struct kit *k = *state;

	kit_run(k);
	assert_int_equal(add(k, "e"), 0);
	kit_add_file(k, "fail-exec", "no such program");
	uint32_t waiting = kit_send(k, "Wait", "e");
	assert_int_equal(kit_ask(k, "Start", "e"), 2);
	assert_string_equal(k->why, "OCI runtime exec failed: no such program");
	assert_int_equal(kit_wait_answer(k, waiting), 255);
	kit_remove(k, "fail-exec");
	assert_int_equal(kit_ask(k, "Delete", "e"), 0);
	kit_finish(k);
}

/* Of this run, whatever the log has of earlier ones. */
static void why_is_told_after_many_failures(void **state)
{
	struct kit *k = *state;
	auto_buf struct buf log;

	kit_run(k);
	buf_init(&log, 1 << 20);
	while (log.len < 300000)
		buf_add_str(&log, "{\"level\":\"error\",\"msg\":\"an earlier one\"}\n");
	kit_add_file(k, "log.json", log.data);
	assert_int_equal(add(k, "e"), 0);
	kit_add_file(k, "fail-exec", "no such program");
	assert_int_equal(kit_ask(k, "Start", "e"), 2);
	assert_string_equal(k->why, "OCI runtime exec failed: no such program");
	kit_finish(k);
}

/* There is nothing to wait for. */
static void who_asks_later_what_was_not_started_is_told(void **state)
{
	struct kit *k = *state;

	kit_run(k);
	assert_int_equal(add(k, "e"), 0);
	kit_add_file(k, "fail-exec", "no such program");
	assert_int_equal(kit_ask(k, "Start", "e"), 2);
	assert_int_equal(kit_wait(k, "e"), 255);
	assert_int_equal(kit_ask(k, "Delete", "e"), 0);
	kit_finish(k);
}

static void what_is_no_process_is_told(void **state)
{
	struct kit *k = *state;
	Task__ExecRequest m = TASK__EXEC_REQUEST__INIT;
	Task__Any any = TASK__ANY__INIT;

	kit_run(k);
	m.exec_id = S("e");
	any.value.data = (uint8_t *)S("{");
	any.value.len = 1;
	m.spec = &any;
	assert_int_equal(kit_exec_with(k, &m), 0);
	assert_int_not_equal(kit_ask(k, "Start", "e"), 0);
	assert_true(str_starts(k->why, "read the process: "));
	assert_int_equal(kit_ask(k, "Delete", "e"), 0);
	kit_finish(k);
}

static void what_ends_while_it_starts_was_started(void **state)
{
	struct kit *k = *state;

	kit_run(k);
	use_obedient(k);
	assert_int_equal(add(k, "e"), 0);
	uint32_t waiting = kit_send(k, "Wait", "e");
	kit_add_fifo(k, "after-exec");
	uint32_t starting = kit_send(k, "Start", "e");
	kit_end_before_script(k, "exec", "4\n");
	pid_t pid = kit_started_exec(k, "e", starting);
	assert_int_equal(kit_wait_answer(k, waiting), 4);
	kit_assert_event(k, "exit e %d 4", (int)pid);
	delete_ended(k, "e", pid, 4);
	kit_finish(k);
}

/* Whatever it is called, the container's own files stay. */
static void its_name_is_nobody_elses(void **state)
{
	static const char *const names[] = { "config", "options", "log", "init" };
	struct kit *k = *state;
	pid_t first = kit_run(k);
	auto_free char *config = kit_text(k, "config.json");
	auto_free char *options = kit_text(k, "options.json");
	auto_free char *number = xasprintf("%d\n", (int)first);

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		assert_int_equal(add(k, names[i]), 0);
		pid_t pid = kit_start_exec(k, names[i]);
		assert_int_equal(kit_kill(k, names[i], SIGKILL), 0);
		assert_int_equal(kit_wait(k, names[i]), 137);
		kit_assert_event(k, "exit %s %d 137", names[i], (int)pid);
		delete_ended(k, names[i], pid, 137);
	}
	kit_await_text(k, "config.json", config);
	kit_await_text(k, "options.json", options);
	kit_await_text(k, "init.pid", number);
	kit_finish(k);
}

/* The runtime is still at it when the container goes. */
static void one_that_starts_for_ever_does_not_keep_the_container(void **state)
{
	struct kit *k = *state;

	kit_add_fifo(k, "hold-exec");
	kit_run(k);
	assert_int_equal(add(k, "e"), 0);
	uint32_t starting = kit_send(k, "Start", "e");
	int held = kit_reach(k, "hold-exec");
	assert_int_equal(kit_kill(k, "", SIGKILL), 0);
	assert_int_equal(kit_wait(k, ""), 137);
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	assert_int_equal(kit_code(k, starting), 5);
	kit_add_file(k, "fail-exec", "no container");
	kit_release(held, "\n");
	kit_await_no_children(k);
	assert_int_equal(kit_ask(k, "State", ""), 5);
	kit_shut_down(k);
}

/* Nor does it keep the shim. */
static void one_that_starts_for_ever_does_not_keep_the_shim(void **state)
{
	struct kit *k = *state;

	kit_add_fifo(k, "hold-exec");
	kit_add_fifo(k, "hold-ps");
	kit_run(k);
	assert_int_equal(add(k, "e"), 0);
	kit_send(k, "Start", "e");
	const int starting = kit_reach(k, "hold-exec");
	kit_send(k, "Pids", "");
	const int listing = kit_reach(k, "hold-ps");
	kit_reconnect(k);
	kit_finish(k);
	close(starting);
	close(listing);
}

static void a_paused_container_has_paused_processes(void **state)
{
	struct kit *k = *state;

	kit_run(k);
	assert_int_equal(add(k, "e"), 0);
	kit_start_exec(k, "e");
	assert_int_equal(kit_ask(k, "Pause", ""), 0);
	kit_assert_state(k, "e", PAUSED);
	assert_int_equal(kit_ask(k, "Resume", ""), 0);
	kit_assert_state(k, "e", RUNNING);
	kit_finish(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(lives_and_ends),
		KIT_TEST(two_live_at_once),
		KIT_TEST(what_is_refused),
		KIT_TEST(what_has_ended_takes_no_signal_to_all),
		KIT_TEST(what_was_never_started_is_deleted),
		KIT_TEST(what_cannot_be_started_is_told),
		KIT_TEST(why_is_told_after_many_failures),
		KIT_TEST(who_asks_later_what_was_not_started_is_told),
		KIT_TEST(what_is_no_process_is_told),
		KIT_TEST(what_ends_while_it_starts_was_started),
		KIT_TEST(its_name_is_nobody_elses),
		KIT_TEST(one_that_starts_for_ever_does_not_keep_the_container),
		KIT_TEST(one_that_starts_for_ever_does_not_keep_the_shim),
		KIT_TEST(a_paused_container_has_paused_processes),
	};

	return cmocka_run_group_tests_name("shim/exec", tests, NULL, NULL);
}
