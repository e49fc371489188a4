/* The logger as containerd's shim starts it: two pipes, a third one for "ready". */
#include <fcntl.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/clock.h"
#include "base/socket.h"
#include "loop/child.h"

#define WAIT_MS 20000
#define MAX     100000 /* bytes of the log */
#define PIECE   32000
#define PIECES  128 /* more than a client may be behind */

struct place {
	char dir[64];
	char *log;
	int out; /* our ends */
	int err;
	int ready;
	int client; /* attached, or -1 */
	struct proc_id proc;
};

static void open_pipe(int ends[2])
{
	assert_int_equal(pipe2(ends, O_CLOEXEC), 0);
}

/* `third` is ours to close no more. */
static void start(struct place *p, int third, const char *option)
{
	const char *build = getenv("HOLM_BUILD");
	int out[2];
	int errors[2];
	struct err err;

	assert_non_null(build);
	open_pipe(out);
	open_pipe(errors);
	auto_free char *program = path_join(build, "src/helper/holm-helper");
	auto_free char *target = xasprintf("%d:%s", MAX, p->log);
	char mode[] = "logger";
	char *argv[] = { program, mode, target, (char *)(uintptr_t)option, NULL };
	int fds[] = { out[0], errors[0], third };
	struct child_spec child = { .argv = argv, .keep_fds = fds, .n_keep_fds = ARRAY_LEN(fds) };
	if (child_spawn(&child, &p->proc, &err) < 0)
		fail_msg("%s", err.msg);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		close(fds[i]);
	p->out = out[1];
	p->err = errors[1];
}

static struct place *place_new(void)
{
	struct place *p = NEW(struct place);

	STR_COPY(p->dir, "/tmp/holm-logger-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->log = path_join(p->dir, "log");
	p->ready = p->client = -1;
	return p;
}

static int setup(void **state)
{
	struct place *p = place_new();
	int ready[2];

	open_pipe(ready);
	start(p, ready[1], NULL);
	p->ready = ready[0];
	*state = p;
	return 0;
}

static int setup_attached(void **state)
{
	struct place *p = place_new();
	struct err err;
	int listener = socket_listen(p->dir, "door", SOCK_SEQPACKET, &err);

	assert_true(listener >= 0);
	p->client = socket_connect(p->dir, "door", SOCK_SEQPACKET, &err);
	assert_true(p->client >= 0);
	start(p, listener, "attach");
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
	if (p->ready >= 0)
		close(p->ready);
	if (p->client >= 0)
		close(p->client);
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

static bool is_unread(int fd)
{
	int n = 0;

	assert_int_equal(ioctl(fd, FIONREAD, &n), 0);
	return n > 0;
}

static bool has_logged(const struct place *p, const char *text)
{
	auto_free char *log = NULL;
	struct err err;

	return file_read(p->log, MAX, &log, NULL, &err) == 0 && strstr(log, text);
}

/* Far behind, so that the logger waits for it at some piece; that piece is in the log by then, and only
 * the next one waits. */
static void the_log_does_not_wait_for_a_slow_client(void **state)
{
	struct place *p = *state;
	static char piece[PIECE + 1];
	static char packet[PIECE];
	unsigned n_waits = 0;

	for (unsigned i = 0; i < PIECES; i++) {
		char mark[32];
		uint64_t end = clock_monotonic_ms() + WAIT_MS;

		memset(piece, 'x', PIECE);
		for (size_t at = 99; at < PIECE; at += 100)
			piece[at] = '\n';
		snprintf(mark, sizeof(mark), " piece %u;", i);
		memcpy(piece + PIECE - 40, mark, strlen(mark));
		piece[PIECE - 1] = '\n';
		assert_int_equal(write(p->out, piece, PIECE), PIECE);
		while (!has_logged(p, mark)) {
			struct pollfd client = { .fd = p->client };

			clock_poll(NULL, 0, clock_monotonic_ms() + 20);
			if (clock_monotonic_ms() > end || poll(&client, 1, 0) > 0)
				fail_msg("the log waits for the client with%s", mark);
			for (int k = 0; k < 16 && is_unread(p->out); k++)
				n_waits += recv(p->client, packet, sizeof(packet), 0) > 0;
		}
	}
	assert_true(n_waits > 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(writes_both_streams_until_they_end),
		TEST(shows_a_prompt),
		TEST(a_signal_loses_no_output),
		TEST(takes_much_and_stays_bounded),
		cmocka_unit_test_setup_teardown(the_log_does_not_wait_for_a_slow_client,
						setup_attached, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
