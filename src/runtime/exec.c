/* A whole run of a command, for a thread that may wait for it. */
#include "base/clock.h"
#include "loop/loop.h"
#include "runtime/runtime.h"

#define PIECE    4096
#define LOOK_MS  1000 /* how often the cancel token is looked at */
#define QUIET_MS 500  /* a descriptor that outlives the command is left after so long a silence */

struct run {
	struct runtime_exec_process process;
	int pidfd; /* -1: it has ended */
	uint64_t end_ms;
	const struct cancel *cancel;
	struct runtime_exec_result *result;
	size_t len;
};

/* False at its end. What is beyond the maximum is read and dropped. */
static bool read_some(struct run *run, int fd)
{
	char piece[PIECE];
	ssize_t n = read(fd, piece, sizeof(piece));

	if (n <= 0)
		return n < 0 && (errno == EAGAIN || errno == EINTR);
	size_t room = RUNTIME_EXEC_OUTPUT_MAX - run->len;
	size_t kept = (size_t)n < room ? (size_t)n : room;

	memcpy(run->result->output + run->len, piece, kept);
	run->len += kept;
	run->result->output[run->len] = '\0';
	return true;
}

static void look(struct run *run, const struct pollfd *fds)
{
	if (fds[0].revents && !read_some(run, run->process.out))
		close(TAKE_FD(run->process.out));
	if (fds[1].revents && !read_some(run, run->process.err))
		close(TAKE_FD(run->process.err));
	if (fds[2].revents)
		close(TAKE_FD(run->pidfd));
}

/* When the wait for news is over. */
static uint64_t wait_until_ms(const struct run *run)
{
	uint64_t now_ms = clock_monotonic_ms();
	uint64_t until_ms = now_ms + (run->pidfd < 0 ? QUIET_MS : LOOK_MS);

	return until_ms < run->end_ms ? until_ms : run->end_ms;
}

static bool is_time_over(const struct run *run)
{
	return cancel_is_set(run->cancel) || clock_monotonic_ms() >= run->end_ms;
}

/* Reads until the command has ended and its output with it. True if the time was over first. */
static bool follow(struct run *run)
{
	for (;;) {
		struct pollfd fds[] = {
			{ .fd = run->process.out, .events = POLLIN },
			{ .fd = run->process.err, .events = POLLIN },
			{ .fd = run->pidfd, .events = POLLIN },
		};
		bool is_over = run->pidfd < 0;

		if (is_over && run->process.out < 0 && run->process.err < 0)
			return false;
		if (is_time_over(run)) /* also of one that never stops talking */
			return !is_over;
		int n = clock_poll(fds, ARRAY_LEN(fds), wait_until_ms(run));
		if (n > 0)
			look(run, fds);
		else if (n < 0 || is_over)
			return !is_over;
	}
}

static void run_fini(struct run *run)
{
	int *const fds[] = { &run->process.in, &run->process.out, &run->process.err, &run->pidfd };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (*fds[i] >= 0)
			close(TAKE_FD(*fds[i]));
}

int runtime_exec_run(const struct runtime_driver *driver, void *state,
		     const struct runtime_exec *exec, struct runtime_exec_result *ret,
		     struct err *err)
{
	struct runtime_exec_result result = { 0 };
	struct run run = { .pidfd = -1, .result = &result };
	struct err ignored;

	if (!driver->exec || !driver->exec->begin)
		return err_set(err, -ENOTSUP, "commands cannot be run in what %s runs",
			       driver->name);
	run.end_ms = clock_monotonic_ms() + exec->timeout_ms;
	run.cancel = exec->cancel;
	int r = driver->exec->begin(state, exec, &run.process, err);
	if (r < 0)
		return r;
	if (run.process.proc.pid)
		run.pidfd = proc_open(&run.process.proc, &ignored);
	result.is_timed_out = follow(&run);
	r = driver->exec->end(state, exec, result.is_timed_out, &result.exit_code, err);
	run_fini(&run);
	if (r == 0)
		*ret = result;
	return r;
}
