/* The logger as containerd's shim starts it: two pipes, a third one for "ready". */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "loop/child.h"

#define WAIT_MS 20000
#define MAX     100000 /* bytes of the log */

struct place {
	char dir[64];
	char *log;
	int out; /* our ends */
	int err;
	int ready;
	struct proc_id proc;
};

static void open_pipe(int ends[2])
{
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

static int setup(void **state)
{
	struct place *p = NEW(struct place);
	const char *build = getenv("HOLM_BUILD");
	int out[2];
	int errors[2];
	int ready[2];
	struct err err;

	assert_non_null(build);
	STR_COPY(p->dir, "/tmp/holm-logger-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->log = path_join(p->dir, "log");
	open_pipe(out);
	open_pipe(errors);
	open_pipe(ready);
	auto_free char *program = path_join(build, "src/helper/holm-helper");
	auto_free char *target = xasprintf("%d:%s", MAX, p->log);
	char mode[] = "logger";
	char *argv[] = { program, mode, target, NULL };
	int fds[] = { out[0], errors[0], ready[1] };
	struct child_spec child = { .argv = argv, .keep_fds = fds, .n_keep_fds = ARRAY_LEN(fds) };
	if (child_spawn(&child, &p->proc, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	p->out = out[1];
	p->err = errors[1];
	p->ready = ready[0];
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err err;

	proc_kill(&p->proc, SIGKILL, &err);
	close(p->out);
	close(p->err);
	close(p->ready);
	assert_int_equal(path_remove(p->dir, &err), 0);
	free(p->log);
	free(p);
	return 0;
}

static void wait_ready(const struct place *p)
{
	struct pollfd fd = { .fd = p->ready, .events = POLLIN };
	char byte;

	assert_int_equal(clock_poll(&fd, 1, clock_monotonic_ms() + WAIT_MS), 1);
	assert_int_equal(read(p->ready, &byte, 1), 0);
}

static void say(int fd, const char *text)
{
	assert_int_equal(write(fd, text, strlen(text)), strlen(text));
}

static void wait_text(const struct place *p, const char *text)
{
	uint64_t end = clock_monotonic_ms() + WAIT_MS;

	while (clock_monotonic_ms() < end) {
		auto_free char *log = NULL;
		struct err err;

		if (file_read(p->log, MAX, &log, NULL, &err) == 0 && strstr(log, text))
			return;
		clock_poll(NULL, 0, clock_monotonic_ms() + 5);
	}
	fail_msg("\"%s\" does not come", text);
}

static void expect_end(struct place *p)
{
	struct err err;

	assert_int_equal(child_wait(&p->proc, WAIT_MS, &err), 0);
}

static void writes_both_streams_until_they_end(void **state)
{
	struct place *p = *state;

	wait_ready(p);
	say(p->out, "first\n");
	wait_text(p, " stdout F first\n");
	say(p->err, "bad\nrest");
	wait_text(p, " stderr F bad\n");
	close(TAKE_FD(p->err));
	say(p->out, "last");
	close(TAKE_FD(p->out));
	expect_end(p);
	wait_text(p, " stderr F rest\n");
	wait_text(p, " stdout F last\n");
}

static void shows_a_prompt(void **state)
{
	struct place *p = *state;

	wait_ready(p);
	say(p->out, "login: ");
	wait_text(p, " stdout P login: \n");
}

/* The shim asks its loggers to end when it closes the pipes, and a service manager asks everyone. */
static void a_signal_loses_no_output(void **state)
{
	struct place *p = *state;
	struct err err;

	wait_ready(p);
	assert_int_equal(proc_kill(&p->proc, SIGTERM, &err), 0);
	assert_int_equal(proc_kill(&p->proc, SIGINT, &err), 0);
	say(p->out, "after the signal\n");
	wait_text(p, " stdout F after the signal\n");
	close(TAKE_FD(p->out));
	close(TAKE_FD(p->err));
	expect_end(p);
}

static void takes_much_and_stays_bounded(void **state)
{
	struct place *p = *state;
	struct stat st;
	auto_free char *line = xmalloc(100);

	memset(line, 'x', 99);
	line[99] = '\n';
	wait_ready(p);
	for (int i = 0; i < 100000; i++)
		assert_int_equal(write(p->out, line, 100), 100);
	say(p->out, "the end\n");
	close(TAKE_FD(p->out));
	close(TAKE_FD(p->err));
	expect_end(p);
	wait_text(p, " stdout F the end\n");
	assert_int_equal(stat(p->log, &st), 0);
	assert_true(st.st_size <= MAX / 2);
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes_both_streams_until_they_end),
		TEST(shows_a_prompt),
		TEST(a_signal_loses_no_output),
		TEST(takes_much_and_stays_bounded),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
