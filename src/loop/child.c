/* Starting, waiting for and running children. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>

#include "base/base.h"
#include "base/clock.h"
#include "loop/spawn.h"

#define OUTPUT_MAX   (64u << 10)
#define DEFAULT_PATH "/usr/local/bin:/usr/bin:/bin"
/* Where the programs of this trade are, and what the PATH of most users lacks. */
#define SBIN_PATH "/usr/local/sbin:/usr/sbin:/sbin"

static const char *search_path(void)
{
	const char *path = getenv("PATH");

	return str_is_empty(path) ? DEFAULT_PATH : path;
}

static bool is_executable(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISREG(st.st_mode) && access(path, X_OK) == 0;
}

static int find_program(const char *name, char **ret, struct err *err)
{
	auto_free char *folders = xasprintf("%s:%s", search_path(), SBIN_PATH);
	auto_strv struct strv dirs = { 0 };

	if (strchr(name, '/')) {
		*ret = xstrdup(name);
		return 0;
	}
	strv_split(&dirs, folders, ":");
	for (size_t i = 0; i < dirs.n; i++) {
		auto_free char *path = path_join(dirs.items[i], name);

		if (is_executable(path)) {
			*ret = TAKE(path);
			return 0;
		}
	}
	return err_set(err, -ENOENT, "start %s: not found in %s", name, folders);
}

static int open_netns(const struct child_spec *spec, struct spawn *s, struct err *err)
{
	if (!spec->join_netns)
		return 0;
	s->netns_fd = open(spec->join_netns, O_RDONLY | O_CLOEXEC);
	if (s->netns_fd < 0)
		return err_errno(err, "open network namespace %s", spec->join_netns);
	return 0;
}

static int open_fds(const struct child_spec *spec, struct spawn *s, struct err *err)
{
	const char *output = spec->output_path ? spec->output_path : "/dev/null";

	if (spec->stdio)
		return open_netns(spec, s, err);
	s->input_fd = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (s->input_fd < 0)
		return err_errno(err, "open /dev/null");
	if (s->output_fd < 0)
		s->output_fd = open(output, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0600);
	if (s->output_fd < 0)
		return err_errno(err, "open %s", output);
	return open_netns(spec, s, err);
}

static int spawn_with(const struct child_spec *spec, struct spawn *s, struct proc_id *ret,
		      struct err *err)
{
	auto_free char *path = NULL;
	auto_free char *path_env = xasprintf("PATH=%s", search_path());
	char lang[] = "LANG=C";
	char *env[] = { path_env, lang, NULL };
	int r = find_program(spec->argv[0], &path, err);

	if (r < 0)
		return r;
	r = open_fds(spec, s, err);
	if (r < 0)
		return err_wrap(err, "start %s", spec->argv[0]);
	s->spec = spec;
	s->path = path;
	s->env = spec->env ? spec->env : env;
	return spawn(s, ret, err);
}

/* Takes output_fd; -1: as the spec says. */
static int start(const struct child_spec *spec, int take_output_fd, struct proc_id *ret,
		 struct err *err)
{
	struct spawn s = { .input_fd = -1, .output_fd = take_output_fd, .netns_fd = -1 };
	int r = spawn_with(spec, &s, ret, err);

	cleanup_close(&s.input_fd);
	cleanup_close(&s.output_fd);
	cleanup_close(&s.netns_fd);
	return r;
}

int child_spawn(const struct child_spec *spec, struct proc_id *ret, struct err *err)
{
	return start(spec, -1, ret, err);
}

/* Of a child that has ended. */
static int collect(pid_t pid, struct err *err)
{
	int status;
	pid_t r;

	do
		r = waitpid(pid, &status, 0);
	while (r < 0 && errno == EINTR);
	if (r < 0)
		return err_errno(err, "wait for child %d", pid);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}

static int open_child(pid_t pid, struct err *err)
{
	siginfo_t info;

	/* Only of a child that nobody has waited for is the number still its own. */
	if (waitid(P_PID, (id_t)pid, &info, WEXITED | WNOHANG | WNOWAIT) < 0)
		return err_errno(err, "wait for child %d", pid);
	int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	return fd < 0 ? err_errno(err, "open child %d", pid) : fd;
}

int child_wait(const struct proc_id *id, unsigned timeout_ms, struct err *err)
{
	auto_close int fd = open_child(id->pid, err);
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (fd < 0)
		return fd;
	int r = clock_poll(&p, 1, clock_monotonic_ms() + timeout_ms);
	if (r < 0)
		return err_set(err, r, "wait for child %d: %s", id->pid, strerror(-r));
	if (r == 0)
		return err_set(err, -ETIMEDOUT, "wait for child %d: still running after %u ms",
			       id->pid, timeout_ms);
	return collect(id->pid, err);
}

/* Reads what is there: 1, or 0 at the end. Keeps the last OUTPUT_MAX bytes. */
static int read_output(int fd, struct buf *output)
{
	char chunk[4096];
	ssize_t n = read(fd, chunk, sizeof(chunk));

	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 1 : 0;
	if (n == 0)
		return 0;
	if (output->len + (size_t)n > OUTPUT_MAX)
		buf_drop(output, output->len + (size_t)n - OUTPUT_MAX);
	int r = buf_add(output, chunk, (size_t)n);
	assert(r == 0);
	return 1;
}

/* Until the child has ended (1), whatever its own children do with the pipe, or the time (0). */
static int follow_output(int child_fd, int output_fd, uint64_t end_ms, struct buf *output)
{
	struct pollfd fds[] = { { .fd = child_fd, .events = POLLIN },
				{ .fd = output_fd, .events = POLLIN } };

	for (;;) {
		int r = clock_poll(fds, 2, end_ms);

		if (r <= 0)
			return r;
		if (fds[1].revents) {
			if (!read_output(output_fd, output))
				fds[1].fd = -1;
		} else if (fds[0].revents) {
			return 1;
		}
		/* A flood of output must not keep the deadline from being seen. */
		if (clock_monotonic_ms() >= end_ms)
			return 0;
	}
}

static int finish(const struct child_spec *spec, const struct proc_id *id, int r, struct err *err)
{
	struct err ignored;

	if (r == 1)
		return collect(id->pid, err);
	kill(-id->pid, SIGKILL);
	collect(id->pid, &ignored);
	if (r == 0)
		return err_set(err, -ETIMEDOUT, "run %s: not done in time, killed", spec->argv[0]);
	return err_set(err, r, "run %s: poll: %s", spec->argv[0], strerror(-r));
}

int child_run(const struct child_spec *spec, unsigned timeout_ms, char **ret_output,
	      struct err *err)
{
	uint64_t end_ms = clock_monotonic_ms() + timeout_ms;
	auto_buf struct buf output;
	struct proc_id id;
	int fds[2];

	assert(!spec->is_detached);
	buf_init(&output, OUTPUT_MAX);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(err, "run %s: make pipe", spec->argv[0]);
	auto_close int output_fd = fds[0];
	fcntl(output_fd, F_SETFL, O_NONBLOCK);
	int r = start(spec, fds[1], &id, err);
	if (r < 0)
		return r;
	auto_close int child_fd = open_child(id.pid, err);
	r = child_fd < 0 ? child_fd : follow_output(child_fd, output_fd, end_ms, &output);
	r = finish(spec, &id, r, err);
	if (r >= 0 && ret_output)
		*ret_output = buf_take(&output);
	return r;
}
