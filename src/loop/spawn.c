/* From fork to exec.
 *
 * Parent and child talk over a socket pair that the exec closes: the child says its number and waits
 * until the parent has identified it (so even one that ends at once has an identity), then either
 * reports a failed step or vanishes into the exec. A detached child is forked twice, so that init
 * is its parent. Between fork and exec only async-signal-safe functions are called. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>

#include "base/base.h"
#include "loop/spawn.h"

enum step {
	STEP_READY,
	STEP_FORK,
	STEP_SESSION,
	STEP_NETNS,
	STEP_DIR,
	STEP_FDS,
	STEP_EXEC,
	STEP_N
};

struct report {
	enum step step;
	int value; /* READY: the process number; else errno */
};

static ssize_t receive(int fd, void *out, size_t len)
{
	ssize_t n;

	do
		n = recv(fd, out, len, 0);
	while (n < 0 && errno == EINTR);
	return n;
}

static void report(int control, enum step step, int value)
{
	const struct report r = { .step = step, .value = value };
	ssize_t ignored = send(control, &r, sizeof(r), MSG_NOSIGNAL);

	(void)ignored;
}

static __attribute__((noreturn)) void give_up(int control, enum step step)
{
	report(control, step, errno);
	_exit(127);
}

static void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts stdin, stdout, stderr and the kept descriptors in their places and closes all others but the
 * control socket, which the exec closes. By way of high numbers, as a place may be a source. */
static int place_fds(const struct spawn *s, int *control)
{
	int sources[3 + CHILD_FDS_MAX] = { s->input_fd, s->output_fd, s->output_fd };
	int n = 3 + (int)s->spec->n_keep_fds;

	for (int i = 0; s->spec->stdio && i < 3; i++)
		sources[i] = s->spec->stdio[i];
	for (int i = 3; i < n; i++)
		sources[i] = s->spec->keep_fds[i - 3];
	*control = fcntl(*control, F_DUPFD_CLOEXEC, n + 1);
	if (*control < 0)
		return -1;
	for (int i = 0; i < n; i++) {
		sources[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, n + 1);
		if (sources[i] < 0)
			return -1;
	}
	for (int i = 0; i < n; i++)
		if (dup2(sources[i], i) < 0)
			return -1;
	if (dup3(*control, n, O_CLOEXEC) < 0)
		return -1;
	*control = n;
	return close_range((unsigned)n + 1, ~0u, 0);
}

static __attribute__((noreturn)) void become(const struct spawn *s, int control)
{
	const char *dir = s->spec->dir ? s->spec->dir : "/";
	char go;

	if (setsid() < 0)
		give_up(control, STEP_SESSION);
	report(control, STEP_READY, getpid());
	if (receive(control, &go, 1) != 1)
		_exit(127);
	if (s->netns_fd >= 0 && setns(s->netns_fd, CLONE_NEWNET) < 0)
		give_up(control, STEP_NETNS);
	if (chdir(dir) < 0)
		give_up(control, STEP_DIR);
	if (place_fds(s, &control) < 0)
		give_up(control, STEP_FDS);
	reset_signals();
	execve(s->path, s->spec->argv, s->env);
	give_up(control, STEP_EXEC);
}

static __attribute__((noreturn)) void run_child(const struct spawn *s, int control, pid_t parent)
{
	if (!s->spec->is_detached) {
		/* The parent may have ended before the death signal was asked for. */
		if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != parent)
			_exit(127);
		become(s, control);
	}
	pid_t pid = fork();
	if (pid < 0)
		give_up(control, STEP_FORK);
	if (pid > 0)
		_exit(0);
	become(s, control);
}

/* Signals stay blocked until the child has default actions: a handler of ours that ran in the child
 * would write to the loop's own wake-up pipe. */
static pid_t fork_blocked(const struct spawn *s, int control[2])
{
	pid_t parent = getpid();
	sigset_t all;
	sigset_t before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = fork();
	if (pid == 0) {
		close(control[0]);
		run_child(s, control[1], parent);
	}
	int code = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = code;
	return pid;
}

static int step_failed(const struct spawn *s, const struct report *r, struct err *err)
{
	const char *name = s->spec->argv[0];
	const char *cause = strerror(r->value);

	switch (r->step) {
	case STEP_NETNS:
		return err_set(err, -r->value, "start %s: enter network namespace %s: %s", name,
			       s->spec->join_netns, cause);
	case STEP_DIR:
		return err_set(err, -r->value, "start %s: change to folder %s: %s", name,
			       s->spec->dir ? s->spec->dir : "/", cause);
	case STEP_FDS:
		return err_set(err, -r->value, "start %s: pass on descriptors: %s", name, cause);
	case STEP_EXEC:
		return err_set(err, -r->value, "start %s: execute %s: %s", name, s->path, cause);
	case STEP_FORK:
	case STEP_SESSION:
	case STEP_READY:
	case STEP_N:
		break;
	}
	return err_set(err, -r->value, "start %s: fork: %s", name, cause);
}

static int follow(const struct spawn *s, int control, struct proc_id *ret, struct err *err)
{
	struct report r = { .step = STEP_FORK, .value = ESRCH };
	struct proc_id id;

	if (receive(control, &r, sizeof(r)) != sizeof(r) || r.step != STEP_READY)
		return step_failed(s, &r, err);
	int code = proc_identify((pid_t)r.value, &id, err);
	if (code < 0)
		return err_wrap(err, "start %s", s->spec->argv[0]);
	if (send(control, "", 1, MSG_NOSIGNAL) != 1)
		return err_errno(err, "start %s", s->spec->argv[0]);
	ssize_t n = receive(control, &r, sizeof(r));
	if (n == sizeof(r))
		return step_failed(s, &r, err);
	*ret = id;
	return 0;
}

int spawn(const struct spawn *s, struct proc_id *ret, struct err *err)
{
	int control[2];

	assert(s->spec->n_keep_fds <= CHILD_FDS_MAX);
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, control) < 0)
		return err_errno(err, "start %s: make socket pair", s->spec->argv[0]);
	pid_t pid = fork_blocked(s, control);
	int code = errno;
	close(control[1]);
	auto_close int ours = control[0];
	if (pid < 0)
		return err_set(err, -code, "start %s: fork: %s", s->spec->argv[0], strerror(code));
	int r = follow(s, ours, ret, err);
	/* Of a detached child this is the one in between, which has ended. */
	if (r < 0 || s->spec->is_detached) {
		close(TAKE_FD(ours));
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	}
	return r;
}
