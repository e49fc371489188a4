/* From clone to exec.
 *
 * A child shares our memory until its exec, and the thread that starts it stands still until then: a
 * fork would copy the tables of all our memory, which takes milliseconds, and have every page that we
 * write to afterwards copied. What a child has to tell it therefore leaves in a struct: the step that
 * failed, if one did, and its line in /proc, so that even one that ends at once has an identity. A
 * detached child is cloned twice, so that init is its parent. Between clone and exec only
 * async-signal-safe functions are called, and nothing is written but that struct, the stack and
 * errno. */
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/wait.h>

#include "base/base.h"
#include "loop/spawn.h"

#define STACK_SIZE 65536
#define STAT_MAX   2048

/* The sanitizer knows one stack per thread, and these run on another one. */
#define ON_OWN_STACK __attribute__((no_sanitize("address")))

enum step {
	STEP_NONE,
	STEP_FORK,
	STEP_SESSION,
	STEP_IDENTITY,
	STEP_NETNS,
	STEP_DIR,
	STEP_FDS,
	STEP_EXEC,
};

struct birth {
	const struct spawn *s;
	pid_t parent;
	char *stacks; /* two */
	pid_t pid;
	enum step failed;
	int error; /* errno of that */
	char stat[STAT_MAX];
};

static ON_OWN_STACK int give_up(struct birth *b, enum step step)
{
	b->failed = step;
	b->error = errno;
	return 127;
}

static ON_OWN_STACK void reset_signals(void)
{
	sigset_t none;

	for (int sig = 1; sig < NSIG; sig++)
		signal(sig, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* Puts stdin, stdout, stderr and the kept descriptors in their places and closes all others. By way of
 * high numbers, as a place may be a source. */
static ON_OWN_STACK int place_fds(const struct spawn *s)
{
	int sources[3 + CHILD_FDS_MAX] = { s->input_fd, s->output_fd, s->output_fd };
	int n = 3 + (int)s->spec->n_keep_fds;

	for (int i = 0; s->spec->stdio && i < 3; i++)
		sources[i] = s->spec->stdio[i];
	for (int i = 3; i < n; i++)
		sources[i] = s->spec->keep_fds[i - 3];
	for (int i = 0; i < n; i++) {
		sources[i] = fcntl(sources[i], F_DUPFD_CLOEXEC, n);
		if (sources[i] < 0)
			return -1;
	}
	for (int i = 0; i < n; i++)
		if (dup2(sources[i], i) < 0)
			return -1;
	return close_range((unsigned)n, ~0u, 0);
}

static ON_OWN_STACK bool read_stat(struct birth *b)
{
	int fd = open("/proc/self/stat", O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, b->stat, sizeof(b->stat) - 1);

	if (fd >= 0)
		close(fd);
	return n > 0;
}

static ON_OWN_STACK int become(void *arg)
{
	struct birth *b = arg;
	const struct spawn *s = b->s;

	b->pid = getpid();
	if (setsid() < 0)
		return give_up(b, STEP_SESSION);
	if (!read_stat(b))
		return give_up(b, STEP_IDENTITY);
	if (s->netns_fd >= 0 && setns(s->netns_fd, CLONE_NEWNET) < 0)
		return give_up(b, STEP_NETNS);
	if (chdir(s->spec->dir ? s->spec->dir : "/") < 0)
		return give_up(b, STEP_DIR);
	if (place_fds(s) < 0)
		return give_up(b, STEP_FDS);
	reset_signals();
	execve(s->path, s->spec->argv, s->env);
	return give_up(b, STEP_EXEC);
}

/* Returns once the new process has a program of its own, or has ended. */
static ON_OWN_STACK pid_t clone_on(char *stack, int (*run)(void *arg), struct birth *b)
{
	return clone(run, stack + STACK_SIZE, CLONE_VM | CLONE_VFORK | SIGCHLD, b);
}

static ON_OWN_STACK int run_attached(void *arg)
{
	struct birth *b = arg;

	/* The parent may have ended before the death signal was asked for. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0 || getppid() != b->parent)
		return give_up(b, STEP_FORK);
	return become(b);
}

static ON_OWN_STACK int run_between(void *arg)
{
	struct birth *b = arg;

	return clone_on(b->stacks + STACK_SIZE, become, b) < 0 ? give_up(b, STEP_FORK) : 0;
}

/* Signals stay blocked until the child has default actions: a handler of ours that ran in the child
 * would write to the loop's own wake-up pipe. */
static pid_t clone_blocked(struct birth *b)
{
	sigset_t all;
	sigset_t before;

	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	pid_t pid = clone_on(b->stacks, b->s->spec->is_detached ? run_between : run_attached, b);
	int code = errno;
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	errno = code;
	return pid;
}

static int step_failed(const struct birth *b, struct err *err)
{
	const struct spawn *s = b->s;
	const char *name = s->spec->argv[0];
	const char *cause = strerror(b->error);

	switch (b->failed) {
	case STEP_IDENTITY:
		return err_set(err, -b->error, "start %s: read /proc/self/stat: %s", name, cause);
	case STEP_NETNS:
		return err_set(err, -b->error, "start %s: enter network namespace %s: %s", name,
			       s->spec->join_netns, cause);
	case STEP_DIR:
		return err_set(err, -b->error, "start %s: change to folder %s: %s", name,
			       s->spec->dir ? s->spec->dir : "/", cause);
	case STEP_FDS:
		return err_set(err, -b->error, "start %s: pass on descriptors: %s", name, cause);
	case STEP_EXEC:
		return err_set(err, -b->error, "start %s: execute %s: %s", name, s->path, cause);
	case STEP_FORK:
	case STEP_SESSION:
	case STEP_NONE:
		break;
	}
	return err_set(err, -b->error, "start %s: fork: %s", name, cause);
}

static int finish(struct birth *b, struct proc_id *ret, struct err *err)
{
	if (b->failed != STEP_NONE)
		return step_failed(b, err);
	if (proc_identify_by(b->pid, b->stat, ret, err) < 0)
		return err_wrap(err, "start %s", b->s->spec->argv[0]);
	return 0;
}

static int spawn_on(char *stacks, const struct spawn *s, struct proc_id *ret, struct err *err)
{
	struct birth b = { .s = s, .parent = getpid(), .stacks = stacks };
	pid_t pid = clone_blocked(&b);

	if (pid < 0)
		return err_errno(err, "start %s: fork", s->spec->argv[0]);
	int r = finish(&b, ret, err);
	/* Of a detached child this is the one in between, which has ended. */
	if (r < 0 || s->spec->is_detached)
		while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
			;
	return r;
}

int spawn(const struct spawn *s, struct proc_id *ret, struct err *err)
{
	const size_t size = 2 * (size_t)STACK_SIZE;
	char *stacks = mmap(NULL, size, PROT_READ | PROT_WRITE,
			    MAP_PRIVATE | MAP_ANONYMOUS | MAP_STACK, -1, 0);

	assert(s->spec->n_keep_fds <= CHILD_FDS_MAX);
	if (stacks == MAP_FAILED)
		return err_errno(err, "start %s: map a stack", s->spec->argv[0]);
	int r = spawn_on(stacks, s, ret, err);
	munmap(stacks, size);
	return r;
}
