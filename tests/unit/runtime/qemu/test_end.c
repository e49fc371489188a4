/* Ends told apart, and the reason found in what a guest and QEMU printed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "runtime/qemu/end.h"

struct end_case {
	int code;
	int signal;
	bool was_stopped;
	bool was_out_of_memory;
	const char *errors;
	const char *output;
	enum runtime_end end;
	const char *detail;
	const char *cause;
};

static void check(const struct end_case *cases, size_t n, bool is_mute)
{
	for (size_t i = 0; i < n; i++) {
		const struct end_case *c = &cases[i];
		struct exit_record record = { .code = c->code,
					      .signal = c->signal,
					      .errors = (char *)c->errors,
					      .output = (char *)c->output };
		const struct qemu_end_facts facts = { .was_stopped = c->was_stopped,
						      .was_out_of_memory = c->was_out_of_memory,
						      .is_mute = is_mute };
		struct runtime_status status = { 0 };

		STR_COPY(record.cause, c->cause ? c->cause : "");
		qemu_end_classify(&record, &facts, &status);
		assert_string_equal(status.detail, c->detail);
		assert_int_equal(status.end, c->end);
	}
}

static void tells_ends_apart(void **state)
{
	static const struct end_case cases[] = {
		{ 83, 0, false, false, "", "", RUNTIME_END_CLEAN, "exit code 0" },
		{ 83, 0, false, false, "",
		  "[    0.48] Info: [libukboot] <boot.c @  503> main returned 3\r\n"
		  "[    0.48] Info: [libukboot] <boot.c @  421> Halting system (0)\r\n",
		  RUNTIME_END_CLEAN, "exit code 0: main returned 3" },
		{ 83, 0, false, false, "", "<boot.c @  503> main returned -1\r\n",
		  RUNTIME_END_CLEAN, "exit code 0: main returned -1" },
		{ 83, 0, false, false, "", "main returned 0\nmain returned well\n",
		  RUNTIME_END_CLEAN, "exit code 0" },
		{ 83, 0, false, false, "", "<boot.c @  503> main returned 0\r\n", RUNTIME_END_CLEAN,
		  "exit code 0" },
		{ 85, 0, false, false, "", "hello\n", RUNTIME_END_CRASH,
		  "crashed (guest exit 85)" },
		{ 85, 0, false, false, "", "Assertion failure: x > 0\nCrashing\n",
		  RUNTIME_END_CRASH, "crashed (guest exit 85): Assertion failure: x > 0" },
		{ 0, 0, true, false, "", "", RUNTIME_END_STOPPED, "stopped" },
		{ 0, 9, true, false, "", "", RUNTIME_END_STOPPED, "stopped" },
		{ 0, 0, false, false, "", "", RUNTIME_END_CLEAN, "powered off" },
		{ 0, 0, false, false, "qemu: terminating on signal 15 from pid 1 (init)\n", "",
		  RUNTIME_END_CRASH,
		  "ended from outside: terminating on signal 15 from pid 1 (init)" },
		{ 1, 0, false, false, "warning: x\nqemu: no such option\n", "", RUNTIME_END_FAILURE,
		  "qemu failed (exit code 1): qemu: no such option" },
		{ 0, 9, false, true, "", "", RUNTIME_END_OOM, "out of memory" },
		{ 0, 9, false, false, "", "", RUNTIME_END_CRASH,
		  "qemu ended by signal 9 (Killed)" },
		{ 0, 6, false, false, "Assertion `x' failed.\n", "", RUNTIME_END_FAILURE,
		  "qemu ended by signal 6 (Aborted): Assertion `x' failed." },
	};

	check(cases, ARRAY_LEN(cases), false);
}

/* A machine that powers off in one way: what its console said is all there is. */
static void tells_ends_apart_by_words(void **state)
{
	static const struct end_case cases[] = {
		{ 0, 0, false, false, "", "", RUNTIME_END_CLEAN, "ended" },
		{ 0, 0, false, false, "", "one\r\n\r\n two\r\nfailed to think\r\n",
		  RUNTIME_END_CLEAN, "ended: two | failed to think" },
		{ 0, 0, false, false, "", "CRIT: crashing: exception 4\nCRIT: x00 0\n",
		  RUNTIME_END_CRASH,
		  "ended, by its console in a crash: CRIT: crashing: exception 4" },
		{ 0, 0, false, false, "",
		  "[ 0.1] ERR:  [libukboot] <boot.c @  385> Init function at 0x1 returned error -1\n",
		  RUNTIME_END_CRASH,
		  "ended, by its console in a crash: Init function at 0x1 returned error -1" },
		{ 0, 0, true, false, "", "CRIT: x\n", RUNTIME_END_STOPPED, "stopped" },
		{ 0, 0, false, false, "qemu: terminating on signal 15 from pid 1 (init)\n", "",
		  RUNTIME_END_CRASH,
		  "ended from outside: terminating on signal 15 from pid 1 (init)" },
	};

	check(cases, ARRAY_LEN(cases), true);
}

/* A QEMU that hung after that had to be killed: not the guest's crash. */
static void one_that_was_off_is_not_killed(void **state)
{
	const struct exit_record record = { .signal = 9,
					    .output = (char *)"bye\n",
					    .errors = (char *)"" };
	struct qemu_end_facts facts = { .was_off = true };
	struct runtime_status status = { 0 };

	qemu_end_classify(&record, &facts, &status);
	assert_int_equal(status.end, RUNTIME_END_CLEAN);
	assert_string_equal(status.detail, "powered off");
	facts.is_mute = true;
	qemu_end_classify(&record, &facts, &status);
	assert_string_equal(status.detail, "ended: bye");
}

/* The same exit code, and QEMU knows more. */
static void tells_ends_apart_by_what_qemu_says(void **state)
{
	static const struct end_case cases[] = {
		{ 0, 0, false, false, "", "one\n", RUNTIME_END_CLEAN, "powered off",
		  "guest-shutdown" },
		{ 0, 0, false, false, "", "", RUNTIME_END_CRASH,
		  "reset itself, or was by a triple fault", "guest-reset" },
		{ 0, 0, false, false, "", "one\ntwo\n", RUNTIME_END_CRASH,
		  "reset itself, or was by a triple fault: one | two", "guest-reset" },
		{ 0, 0, false, false, "", "Assertion failure: x > 0\nlast\n", RUNTIME_END_CRASH,
		  "crashed: Assertion failure: x > 0", "guest-panic" },
		{ 0, 0, false, false, "", "", RUNTIME_END_CRASH,
		  "ended from outside: host-qmp-quit", "host-qmp-quit" },
		{ 0, 0, true, false, "", "", RUNTIME_END_STOPPED, "stopped", "host-qmp-quit" },
		{ 0, 9, true, false, "", "", RUNTIME_END_STOPPED, "stopped", "guest-reset" },
		{ 83, 0, true, false, "", "", RUNTIME_END_CLEAN, "exit code 0", "" },
		{ 85, 0, true, false, "", "", RUNTIME_END_CRASH, "crashed (guest exit 85)", "" },
		{ 0, 0, true, false, "", "", RUNTIME_END_CLEAN, "powered off", "guest-shutdown" },
		{ 0, 0, false, false, "qemu: terminating on signal 15 from pid 1 (init)\n", "",
		  RUNTIME_END_CRASH,
		  "ended from outside: terminating on signal 15 from pid 1 (init)", "host-signal" },
	};
	static const struct end_case mute[] = {
		{ 0, 0, false, false, "", "one\n", RUNTIME_END_CLEAN, "ended: one",
		  "guest-shutdown" },
		{ 0, 0, false, false, "", "one\n", RUNTIME_END_CRASH,
		  "reset itself, or was by a triple fault: one", "guest-reset" },
	};

	check(cases, ARRAY_LEN(cases), false);
	check(mute, ARRAY_LEN(mute), true);
}

/* As Unikraft 0.17 prints them. */
static void finds_the_cause(void **state)
{
	static const char rng[] =
		"[    0.10] ERR:  [libukrandom] <chacha.c @  161> ***************\n"
		"[    0.10] ERR:  [libukrandom] <chacha.c @  162> * insecure RNG *\n";
	static const struct {
		const char *text;
		const char *cause;
	} cases[] = {
		{ "[    0.12] ERR:  [libukboot] <boot.c @  385> Init function at 0x168bd0 "
		  "returned error -1\n",
		  "Init function at 0x168bd0 returned error -1" },
		{ "[    0.12] CRIT: [libkvmplat] <traps.c @   84> Unhandled Trap 13 (general "
		  "protection), error code=0x0\n"
		  "[    0.12] CRIT: [libkvmplat] <traps.c @   90> Crashing\n"
		  "[    0.12] CRIT: [libkvmplat] <trace.c @   41> RIP: 0000000000106a2c\n",
		  "Unhandled Trap 13 (general protection), error code=0x0" },
		{ "[    0.12] CRIT: [libkvmplat] <traps.c @   90> Crashing\n", "Crashing" },
		{ "[    0.17] ERR:  [libukboot] <boot.c @  385> Init function at 0x120a80 "
		  "returned error -12\n",
		  "Init function at 0x120a80 returned error -12 (Cannot allocate memory)" },
		{ "Init function at 0x1 returned error -4096\n",
		  "Init function at 0x1 returned error -4096" },
		{ "en1: Set as default interface\n", NULL },
		{ "nothing to see\n", NULL },
		{ "", NULL },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *text = xasprintf("%s%s", rng, cases[i].text);
		auto_free char *cause = qemu_crash_cause(text);

		if (cases[i].cause)
			assert_string_equal(cause, cases[i].cause);
		else
			assert_null(cause);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(tells_ends_apart),
		cmocka_unit_test(tells_ends_apart_by_words),
		cmocka_unit_test(one_that_was_off_is_not_killed),
		cmocka_unit_test(tells_ends_apart_by_what_qemu_says),
		cmocka_unit_test(finds_the_cause),
	};

	return cmocka_run_group_tests_name("runtime/qemu/end", tests, NULL, NULL);
}
