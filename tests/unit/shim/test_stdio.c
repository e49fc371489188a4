/* What a process under holm-shim reads and writes. */
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "kit.h"

/* Read in the same way until its end, or until `wanted` has come. */
static void expect_bytes(int fd, const char *wanted, bool is_end)
{
	uint64_t end = clock_monotonic_ms() + PEER_WAIT_MS;
	char text[4096] = "";
	size_t len = 0;

	while (is_end || !strstr(text, wanted)) {
		struct pollfd ready = { .fd = fd, .events = POLLIN };

		if (clock_poll(&ready, 1, end) != 1)
			fail_msg("nothing more comes than \"%s\"", text);
		ssize_t n = read(fd, text + len, sizeof(text) - 1 - len);
		if (n <= 0)
			break;
		len += (size_t)n;
	}
	if (is_end)
		assert_string_equal(text, wanted);
	else
		assert_non_null(strstr(text, wanted));
}

/* As containerd's client does: it is there before the process. */
static int open_reader(const struct kit *k, const char *name)
{
	auto_free char *path = kit_path(k, name);

	kit_add_fifo(k, name);
	int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	assert_true(fd >= 0);
	return fd;
}

static int open_writer(const struct kit *k, const char *name)
{
	auto_free char *path = kit_path(k, name);
	int fd = open(path, O_WRONLY | O_NONBLOCK | O_CLOEXEC);

	assert_true(fd >= 0);
	return fd;
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void delete_container(struct kit *k)
{
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	kit_shut_down(k);
}

static void create(struct kit *k, const Task__CreateRequest *m)
{
	auto_free char *begin = kit_path(k, "begin");
	pid_t pid = 0;

	if (!path_exists(begin))
		kit_add_fifo(k, "begin");
	if (kit_create_with(k, m, &pid) != 0)
		fail_msg("%s", k->why);
	assert_int_equal(kit_ask(k, "Start", ""), 0);
}

static void fifos_are_its_own(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	auto_free char *output = kit_path(k, "out");
	auto_free char *errors = kit_path(k, "err");
	auto_close int out = open_reader(k, "out");
	auto_close int err = open_reader(k, "err");

	kit_add_file(k, "run-create", "echo hello; echo oh >&2\n");
	m.stdout = output;
	m.stderr = errors;
	create(k, &m);
	assert_int_equal(kit_wait(k, ""), 0);
	expect_bytes(out, "hello\n", true);
	expect_bytes(err, "oh\n", true);
	Task__StateResponse *told = kit_state(k, "");
	assert_string_equal(told->stdin, "");
	assert_string_equal(told->stdout, output);
	assert_string_equal(told->stderr, errors);
	assert_false(told->terminal);
	task__state_response__free_unpacked(told, NULL);
	delete_container(k);
}

/* What is written while nobody reads is there for who comes. */
static void a_client_may_go_and_come_back(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	auto_free char *output = kit_path(k, "out");
	int out = open_reader(k, "out");

	/* A FIFO each: the first one's writer may still be there when the second is read. */
	kit_add_fifo(k, "go");
	kit_add_fifo(k, "end");
	kit_add_file(k, "run-create",
		     "echo one; read -r _ <go; echo two; echo >done; read -r _ <end\n");
	m.stdout = output;
	create(k, &m);
	expect_bytes(out, "one\n", false);
	close(out);
	kit_release(kit_reach(k, "go"), "\n");
	kit_await_text(k, "done", "\n");
	out = open(output, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	expect_bytes(out, "two\n", false);
	kit_release(kit_reach(k, "end"), "\n");
	assert_int_equal(kit_wait(k, ""), 0);
	expect_bytes(out, "", true);
	close(out);
	delete_container(k);
}

static void input_ends_when_it_is_closed(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	auto_free char *input = kit_path(k, "in");
	auto_free char *output = kit_path(k, "out");
	auto_close int out = open_reader(k, "out");

	kit_add_fifo(k, "in");
	kit_add_file(k, "run-create", "exec cat\n");
	m.stdin = input;
	m.stdout = output;
	create(k, &m);
	int in = open_writer(k, "in");
	say(in, "one\n");
	expect_bytes(out, "one\n", false);
	/* One who goes does not end it, ... */
	close(in);
	in = open_writer(k, "in");
	say(in, "two\n");
	expect_bytes(out, "two\n", false);
	/* ... nor does the word alone. */
	assert_int_equal(kit_ask(k, "CloseIO", ""), 0);
	say(in, "three\n");
	expect_bytes(out, "three\n", false);
	close(in);
	assert_int_equal(kit_wait(k, ""), 0);
	expect_bytes(out, "", true);
	delete_container(k);
}

/* The end is seen though the container, and the shim, go on. */
static void a_further_process_has_its_own(void **state)
{
	struct kit *k = *state;
	Task__ExecRequest m = TASK__EXEC_REQUEST__INIT;
	auto_free char *input = kit_path(k, "in");
	auto_free char *output = kit_path(k, "out");
	auto_close int out = open_reader(k, "out");

	kit_add_fifo(k, "in");
	kit_add_file(k, "run-exec", "cat; echo end\n");
	kit_run(k);
	m.exec_id = S("e");
	m.stdin = input;
	m.stdout = output;
	assert_int_equal(kit_exec_with(k, &m), 0);
	kit_start_exec(k, "e");
	int in = open_writer(k, "in");
	say(in, "one\n");
	assert_int_equal(kit_ask(k, "CloseIO", "e"), 0);
	close(in);
	assert_int_equal(kit_wait(k, "e"), 0);
	expect_bytes(out, "one\nend\n", true);
	kit_finish(k);
}

static void run_and_delete(struct kit *k, const Task__CreateRequest *m, const char *program)
{
	kit_add_file(k, "run-create", program);
	create(k, m);
	assert_int_equal(kit_wait(k, ""), 0);
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
}

static void assert_text(const struct kit *k, const char *name, const char *wanted)
{
	auto_free char *text = kit_text(k, name);

	assert_string_equal(text, wanted);
}

/* Both outputs are in it when the container has been deleted. */
static void a_file_is_made_and_added_to(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	auto_free char *uri = xasprintf("file://%s/logs/a/out", k->bundle);

	m.stdout = m.stderr = uri;
	run_and_delete(k, &m, "echo one\n");
	assert_text(k, "logs/a/out", "one\n");
	run_and_delete(k, &m, "echo two >&2\n");
	assert_text(k, "logs/a/out", "one\ntwo\n");
	kit_shut_down(k);
}

static void a_path_may_be_a_file(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	auto_free char *input = kit_path(k, "in");
	auto_free char *output = kit_path(k, "out");
	auto_free char *errors = kit_path(k, "err");

	kit_add_file(k, "in", "given\n");
	kit_add_file(k, "out", "before\n");
	kit_add_file(k, "err", "");
	m.stdin = input;
	m.stdout = output;
	m.stderr = errors;
	run_and_delete(k, &m, "cat; echo oh >&2\n");
	assert_text(k, "out", "before\ngiven\n");
	assert_text(k, "err", "oh\n");
	kit_shut_down(k);
}

static void what_is_unknown_is_refused(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	pid_t pid = 0;

	m.stdout = S("ftp://a/b");
	assert_int_equal(kit_create_with(k, &m, &pid), 3);
	assert_string_equal(k->why, "unknown STDIO scheme ftp");
	m.stdout = S("/nowhere/out");
	assert_int_equal(kit_create_with(k, &m, &pid), 5);
	m.stdout = S("binary:///nowhere/logger");
	assert_int_equal(kit_create_with(k, &m, &pid), 5);
	kit_run(k);
	kit_finish(k);
}

/* Copies what it reads, and goes on until both pipes have ended. */
static const char logger[] = "#!/bin/sh\n"
			     "cd \"$2\"\n"
			     "echo \"$* $CONTAINER_ID $CONTAINER_NAMESPACE\" >logger-words\n"
			     "exec 5>&-\n"
			     "trap 'echo asked >>logger-said' TERM\n"
			     "cat <&3 >logger-out; cat <&4 >logger-err\n"
			     "echo done >>logger-said\n";

static char *add_logger(const struct kit *k, const char *words)
{
	auto_free char *path = kit_path(k, "the logger");

	kit_add_file(k, "the logger", logger);
	assert_int_equal(chmod(path, 0700), 0);
	return xasprintf("binary://%s/the%%20logger?dir=%s%s", k->bundle, k->bundle, words);
}

static void a_logger_reads_to_the_end(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	auto_free char *uri = add_logger(k, "&a=b%20c&d");
	auto_free char *words = xasprintf("dir %s a b c d " KIT_ID " holm\n", k->bundle);

	kit_add_file(k, "run-create", "echo one; echo two >&2; exit 3\n");
	m.stdout = m.stderr = uri;
	create(k, &m);
	assert_int_equal(kit_wait(k, ""), 3);
	kit_await_text(k, "logger-words", words);
	auto_free char *said = kit_text(k, "logger-said");
	assert_string_equal(said, "");
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	/* It has ended when that is answered. */
	auto_free char *out = kit_text(k, "logger-out");
	auto_free char *err = kit_text(k, "logger-err");
	auto_free char *end = kit_text(k, "logger-said");
	assert_string_equal(out, "one\n");
	assert_string_equal(err, "two\n");
	assert_true(str_ends(end, "done\n"));
	kit_shut_down(k);
}

/* One that ends early is not waited for. */
static void a_logger_may_end_early(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;

	m.stdout = m.stderr = S("binary:///bin/true");
	create(k, &m);
	kit_finish(k);
}

static void a_logger_does_not_keep_what_was_not_created(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	auto_free char *uri = add_logger(k, "");
	pid_t pid = 0;

	kit_add_file(k, "fail-create", "no");
	m.stdout = m.stderr = uri;
	assert_int_equal(kit_create_with(k, &m, &pid), 2);
	kit_shut_down(k);
}

/* As long as its logger has not ended what failed is still there. */
static void a_creation_waits_for_what_failed(void **state)
{
	static const char holding[] = "#!/bin/sh\n"
				      "trap '' TERM\n"
				      "exec 5>&-\n"
				      "read -r _ <\"$2/hold-logger\"\n";
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	auto_free char *path = kit_path(k, "holding");
	auto_free char *uri = xasprintf("binary://%s?dir=%s", path, k->bundle);
	pid_t pid = 0;

	kit_add_fifo(k, "hold-logger");
	kit_add_file(k, "holding", holding);
	assert_int_equal(chmod(path, 0700), 0);
	kit_add_file(k, "fail-create", "no");
	m.stdout = m.stderr = uri;
	assert_int_equal(kit_create_with(k, &m, &pid), 2);
	kit_remove(k, "fail-create");
	uint32_t creating = kit_send_create(k, NULL);
	assert_int_equal(kit_create_with(k, NULL, &pid), 6);
	kit_release(kit_reach(k, "hold-logger"), "\n");
	assert_int_equal(kit_code(k, creating), 0);
	kit_finish(k);
}

static void create_with_terminal(struct kit *k, const char *program, int *ret_out)
{
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	auto_free char *input = kit_path(k, "in");
	auto_free char *output = kit_path(k, "out");

	*ret_out = open_reader(k, "out");
	kit_add_fifo(k, "in");
	kit_add_file(k, "run-create", program);
	m.stdin = input;
	m.stdout = output;
	m.terminal = true;
	create(k, &m);
}

static void a_terminal_is_carried(void **state)
{
	struct kit *k = *state;
	int out = -1;

	create_with_terminal(
		k, "stty -echo; echo ready; read -r word; echo \"got $word\"; exit 2\n", &out);
	expect_bytes(out, "ready\r\n", false);
	auto_close int in = open_writer(k, "in");
	say(in, "it\n");
	assert_int_equal(kit_wait(k, ""), 2);
	expect_bytes(out, "got it\r\n", true);
	Task__StateResponse *told = kit_state(k, "");
	assert_true(told->terminal);
	task__state_response__free_unpacked(told, NULL);
	close(out);
	delete_container(k);
}

static void a_terminal_has_a_size(void **state)
{
	struct kit *k = *state;
	Task__ResizeRequest m = TASK__RESIZE_REQUEST__INIT;
	int out = -1;

	create_with_terminal(k, "stty -echo; echo ready; read -r _; stty size\n", &out);
	expect_bytes(out, "ready\r\n", false);
	m.id = S(KIT_ID);
	m.width = 132;
	m.height = 43;
	assert_int_equal(kit_code(k, peer_send(&k->peer, "ResizePty", &m)), 0);
	auto_close int in = open_writer(k, "in");
	say(in, "\n");
	assert_int_equal(kit_wait(k, ""), 0);
	expect_bytes(out, "43 132\r\n", true);
	close(out);
	delete_container(k);
}

/* What nobody has read yet is carried before the container is deleted. */
static void a_terminal_is_carried_to_a_logger(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	auto_free char *uri = add_logger(k, "");

	kit_add_file(k, "run-create", "seq 1 2000; echo end\n");
	m.stdout = uri;
	m.terminal = true;
	create(k, &m);
	assert_int_equal(kit_wait(k, ""), 0);
	assert_int_equal(kit_ask(k, "Delete", ""), 0);
	auto_free char *text = kit_text(k, "logger-out");
	assert_true(str_starts(text, "1\r\n2\r\n"));
	assert_true(str_ends(text, "\r\n2000\r\nend\r\n"));
	kit_shut_down(k);
}

static void a_further_process_has_a_terminal(void **state)
{
	struct kit *k = *state;
	Task__ExecRequest m = TASK__EXEC_REQUEST__INIT;
	auto_free char *output = kit_path(k, "out");
	auto_close int out = open_reader(k, "out");

	kit_add_file(k, "run-exec", "test -t 0 && test -t 1 && echo it is\n");
	kit_run(k);
	m.exec_id = S("e");
	m.stdout = output;
	m.terminal = true;
	assert_int_equal(kit_exec_with(k, &m), 0);
	kit_start_exec(k, "e");
	kit_await_text(k, "process", "{\"args\":[\"x\"],\"terminal\":true}");
	assert_int_equal(kit_wait(k, "e"), 0);
	expect_bytes(out, "it is\r\n", true);
	assert_int_equal(kit_ask(k, "Delete", "e"), 0);
	kit_finish(k);
}

/* The runtime does not send it. */
static void a_terminal_that_lacks_is_told(void **state)
{
	struct kit *k = *state;
	Task__CreateRequest m = TASK__CREATE_REQUEST__INIT;
	pid_t pid = 0;

	kit_add_file(k, "no-terminal", "");
	m.terminal = true;
	assert_int_equal(kit_create_with(k, &m, &pid), 2);
	assert_true(str_starts(k->why, "receive the terminal"));
	kit_shut_down(k);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(fifos_are_its_own),
		KIT_TEST(a_client_may_go_and_come_back),
		KIT_TEST(input_ends_when_it_is_closed),
		KIT_TEST(a_further_process_has_its_own),
		KIT_TEST(a_file_is_made_and_added_to),
		KIT_TEST(a_path_may_be_a_file),
		KIT_TEST(what_is_unknown_is_refused),
		KIT_TEST(a_logger_reads_to_the_end),
		KIT_TEST(a_logger_may_end_early),
		KIT_TEST(a_logger_does_not_keep_what_was_not_created),
		KIT_TEST(a_creation_waits_for_what_failed),
		KIT_TEST(a_terminal_is_carried),
		KIT_TEST(a_terminal_has_a_size),
		KIT_TEST(a_terminal_is_carried_to_a_logger),
		KIT_TEST(a_further_process_has_a_terminal),
		KIT_TEST(a_terminal_that_lacks_is_told),
	};

	return cmocka_run_group_tests_name("shim/stdio", tests, NULL, NULL);
}
