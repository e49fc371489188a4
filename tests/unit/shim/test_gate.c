/* runc's own ways, which the shim knows: a container's process waits in a FIFO until it is started. */
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "kit.h"

static void use_runc(struct kit *k, const char *program)
{
	kit_use_program(k, "runc");
	kit_add_file(k, "run-create", program);
}

static bool has_gate(const struct kit *k)
{
	auto_free char *path = xasprintf("%s/holm/" KIT_ID "/exec.fifo", k->dir);

	return path_exists(path);
}

static void assert_no_word(const struct kit *k, const char *word)
{
	auto_free char *words = kit_text(k, "words");

	if (strstr(words, word))
		fail_msg("%s was called: %s", word, words);
}

static void is_let_through_and_signalled_without_runc(void **state)
{
	struct kit *k = *state;

	use_runc(k, "printf 0 >gate; exec sleep 1000\n");
	pid_t pid = kit_create(k);
	assert_true(has_gate(k));
	assert_int_equal(kit_ask(k, "Start", ""), 0);
	kit_assert_event(k, "start %d", (int)pid);
	kit_assert_state(k, "", 2);
	assert_false(has_gate(k));
	kit_finish(k);
	assert_no_word(k, "start");
	assert_no_word(k, "kill");
}

static void one_that_ends_at_once_was_started(void **state)
{
	struct kit *k = *state;

	use_runc(k, "printf 0 >gate; exit 4\n");
	pid_t pid = kit_create(k);
	assert_int_equal(kit_ask(k, "Start", ""), 0);
	assert_int_equal(kit_wait(k, ""), 4);
	kit_assert_event(k, "start %d", (int)pid);
	kit_assert_event(k, "exit - %d 4", (int)pid);
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	kit_shut_down(k);
}

/* It never comes to the gate. */
static void one_that_ends_before_the_gate_was_not_started(void **state)
{
	struct kit *k = *state;

	use_runc(k, "exec sleep 1000\n");
	pid_t pid = kit_create(k);
	uint32_t starting = kit_send(k, "Start", "");
	kit_assert_state(k, "", 1);
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(kit_code(k, starting), 2);
	assert_string_equal(k->why, "OCI runtime start failed: cannot start a container that has "
				    "stopped");
	kit_assert_event(k, "exit - %d 137", (int)pid);
	assert_int_equal(kit_wait(k, ""), 137);
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	kit_shut_down(k);
}

/* The gate is where runc has it, or it has none. */
static void without_a_gate_runc_is_asked(void **state)
{
	struct kit *k = *state;

	use_runc(k, "rm \"$(readlink gate)\"; echo >removed; exec sleep 1000\n");
	pid_t pid = kit_create(k);
	kit_await_text(k, "removed", "\n");
	assert_int_equal(kit_ask(k, "Start", ""), 0);
	kit_assert_words(k, "start " KIT_ID);
	kit_assert_event(k, "start %d", (int)pid);
	kit_finish(k);
}

static void one_that_is_paused_is_signalled_by_runc(void **state)
{
	struct kit *k = *state;

	use_runc(k, "printf 0 >gate; exec sleep 1000\n");
	kit_run(k);
	assert_int_equal(kit_ask(k, "Pause", ""), 0);
	assert_int_equal(kit_kill(k, "", SIGKILL), 0);
	kit_assert_words(k, "kill " KIT_ID " 9");
	assert_int_equal(kit_wait(k, ""), 137);
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	kit_shut_down(k);
}

static void crun_has_no_gate(void **state)
{
	struct kit *k = *state;

	kit_use_program(k, "crun");
	kit_run(k);
	kit_assert_words(k, "start " KIT_ID);
	kit_finish(k);
	assert_no_word(k, "kill");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(is_let_through_and_signalled_without_runc),
		KIT_TEST(one_that_ends_at_once_was_started),
		KIT_TEST(one_that_ends_before_the_gate_was_not_started),
		KIT_TEST(without_a_gate_runc_is_asked),
		KIT_TEST(one_that_is_paused_is_signalled_by_runc),
		KIT_TEST(crun_has_no_gate),
	};

	return cmocka_run_group_tests_name("shim/gate", tests, NULL, NULL);
}
