/* From fork to exec: privileges go in the order in which each step is still allowed. */
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cgroup.h"
#include "helper/jail.h"
#include "helper/program.h"

#define LOCK_FD       3
#define PIPE_CAPACITY (256 * 1024)
#define OOM_ADJUST    "250"

/* Pipes between supervisor and program: read end, write end. */
struct birth {
	int gate[2];
	int output[2];
	int errors[2];
	int events; /* the program's end, or -1 */
};

/* Moving a process makes the kernel wait for a grace period, 5 to 30 ms. On v1 a single thread can
 * move itself without that; on v2 a process can be born into the group (open_group()). */
static int join_group(const struct run_options *options, struct err *err)
{
	struct cgroup_fs fs;

	if (!options->cgroup)
		return 0;
	if (cgroup_detect(options->cgroup_root, &fs, err) < 0)
		return err->code;
	return cgroup_join(&fs, options->cgroup, 0, err);
}

/* The group's folder on v2; -1: there is none to be born into. */
static int open_group(const struct run_options *options)
{
	struct cgroup_fs fs;
	struct err ignored;

	if (!options->cgroup || cgroup_detect(options->cgroup_root, &fs, &ignored) < 0 ||
	    fs.layout != CGROUP_V2)
		return -1;
	auto_free char *path = path_join(options->cgroup_root, options->cgroup);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

/* Real path of an executable; the caller's. */
static char *find_program(const char *name)
{
	auto_free char *path = xstrdup(strchr(name, '/') || !getenv("PATH") ? "" : getenv("PATH"));
	char *rest = path;

	for (char *dir; (dir = strsep(&rest, ":"));) {
		auto_free char *file = *dir ? path_join(dir, name) : xstrdup(name);

		if (access(file, X_OK) == 0)
			return realpath(file, NULL);
	}
	return NULL;
}

static int enter_folder(const struct run_options *options, char **program, struct err *err)
{
	auto_free char *dir = path_join(options->dir, "vm");

	if (!options->is_jailed)
		return chdir(dir) < 0 ? err_errno(err, "enter %s", dir) : 0;
	*program = find_program(options->argv[0]);
	if (!*program)
		return err_errno(err, "find %s", options->argv[0]);
	const struct jail jail = { dir, *program, options->device };
	return jail_enter(&jail, err);
}

static int drop_capabilities(struct err *err)
{
	for (int cap = 0; prctl(PR_CAPBSET_READ, cap, 0, 0, 0) >= 0; cap++)
		if (prctl(PR_CAPBSET_DROP, cap, 0, 0, 0) < 0)
			return err_errno(err, "drop capability %d", cap);
	return 0;
}

/* What needs paths of the host, and is inherited. */
static int limit_self(struct err *err)
{
	const struct rlimit no_core = { 0 };

	/* When the machine itself has no memory left, a guest goes before its host's services. */
	if (file_write_value("/proc/self/oom_score_adj", OOM_ADJUST, err) < 0)
		return err->code;
	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		return err_errno(err, "forbid core dumps");
	return 0;
}

static int drop_privileges(const struct run_options *options, struct err *err)
{
	gid_t group = options->group;

	umask(077);
	if (options->uid && drop_capabilities(err) < 0)
		return err->code;
	if (options->uid && (setgroups(group ? 1 : 0, &group) < 0 ||
			     setresgid(options->gid, options->gid, options->gid) < 0 ||
			     setresuid(options->uid, options->uid, options->uid) < 0))
		return err_errno(err, "become user %u", options->uid);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, "forbid new privileges");
	return 0;
}

/* Standard input is a pipe with a name, which has no end since the program holds both; output and
 * errors go to the supervisor. */
static int connect_streams(const struct run_options *options, int output, int errors,
			   struct err *err)
{
	auto_free char *path = path_join(options->dir, PROGRAM_INPUT);
	auto_close int input = open(path, O_RDWR | O_CLOEXEC);

	if (input < 0 || dup2(input, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
	    dup2(errors, STDERR_FILENO) < 0)
		return err_errno(err, "connect streams");
	return 0;
}

static void reset_signals(void)
{
	sigset_t none;

	for (int signum = 1; signum < NSIG; signum++)
		signal(signum, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
}

/* False if the supervisor ended before it had written down who we are. */
static bool wait_for_gate(int gate)
{
	ssize_t n;
	char c;

	do
		n = read(gate, &c, 1);
	while (n < 0 && errno == EINTR);
	return n == 1;
}

static int become(const struct run_options *options, bool is_in_group, char **program,
		  struct err *err)
{
	if ((!is_in_group && join_group(options, err) < 0) || limit_self(err) < 0 ||
	    enter_folder(options, program, err) < 0)
		return err->code;
	return drop_privileges(options, err);
}

static _Noreturn void child_main(const struct run_options *options, const struct birth *birth,
				 bool is_in_group)
{
	char *program = NULL;
	struct err err;
	int r = connect_streams(options, birth->output[1], birth->errors[1], &err);

	fcntl(LOCK_FD, F_SETFD, FD_CLOEXEC);
	close_range(PROGRAM_FDS_END, ~0u, CLOSE_RANGE_CLOEXEC);
	if (birth->events >= 0 && dup2(birth->events, PROGRAM_EVENTS) < 0)
		r = err_errno(&err, "duplicate descriptor");
	for (size_t i = 0; i < options->n_shares; i++)
		fcntl(PROGRAM_SHARES_FROM + (int)i, F_SETFD, 0);
	reset_signals();
	if (r == 0)
		r = become(options, is_in_group, &program, &err);
	if (!wait_for_gate(birth->gate[0]))
		_exit(PROGRAM_FAILED);
	if (r == 0) {
		execvp(program ? program : options->argv[0], options->argv);
		err_errno(&err, "execute %s", options->argv[0]);
	}
	dprintf(STDERR_FILENO, "%s\n", err.msg);
	_exit(PROGRAM_FAILED);
}

static int make_pipe(int ends[2], struct err *err)
{
	if (pipe2(ends, O_CLOEXEC) < 0)
		return err_errno(err, "create pipe");
	fcntl(ends[1], F_SETPIPE_SZ, PIPE_CAPACITY);
	return 0;
}

static pid_t clone_self(int flags, int group)
{
	struct clone_args args = { .flags = (uint64_t)(unsigned)flags, .exit_signal = SIGCHLD };

	if (group >= 0) {
		args.flags |= CLONE_INTO_CGROUP;
		args.cgroup = (uint64_t)group;
	}
	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

/* Where clone3() is not to be had (Linux before 5.7, filters of system calls), with what was there
 * before it. */
static pid_t fork_child(const struct run_options *options, const struct birth *birth)
{
	int flags = options->is_jailed ? jail_clone_flags() : 0;
	auto_close int group = open_group(options);
	pid_t pid = clone_self(flags, group);
	bool is_in_group = group >= 0 && pid >= 0;

	if (pid < 0 && (errno == ENOSYS || errno == E2BIG || errno == EINVAL))
		pid = (pid_t)syscall(SYS_clone, flags | SIGCHLD, 0, 0, 0, 0);
	if (pid == 0) {
		close(birth->gate[1]);
		child_main(options, birth, is_in_group);
	}
	return pid;
}

int program_fork(const struct run_options *options, int events, struct program *ret, int *ret_gate,
		 struct err *err)
{
	struct birth birth = { .events = events };

	if (make_pipe(birth.gate, err) < 0 || make_pipe(birth.output, err) < 0 ||
	    make_pipe(birth.errors, err) < 0)
		return err->code; /* the process ends with this, and its descriptors with it */
	pid_t pid = fork_child(options, &birth);
	if (pid < 0)
		return err_errno(err, "fork into namespaces and group %s",
				 options->cgroup ? options->cgroup : "-");
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return err_errno(err, "watch process %d", pid);
	close(birth.gate[0]);
	close(birth.output[1]);
	close(birth.errors[1]);
	*ret = (struct program){ pid, pidfd, birth.output[0], birth.errors[0] };
	*ret_gate = birth.gate[1];
	return 0;
}

void program_release(int take_gate)
{
	ssize_t n = write(take_gate, "", 1);

	(void)n; /* if it is gone already, its end tells */
	close(take_gate);
}
