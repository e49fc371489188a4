/* From fork to exec: privileges go in the order in which each step is still allowed. */
#include <fcntl.h>
#include <grp.h>
#include <linux/close_range.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include "base/cgroup.h"
#include "helper/program.h"

#define CGROUP_ROOT   "/sys/fs/cgroup"
#define LOCK_FD       3
#define PIPE_CAPACITY (256 * 1024)

/* Moving a process makes the kernel wait for a grace period, 5 to 30 ms. On v1 a single thread can
 * move itself without that. On v2 it cannot, so there the parent does it while the program is
 * loaded, which takes longer; what it allocates until then is not charged. */
int program_join(const struct run_options *options, pid_t pid, struct err *err)
{
	struct err cause;
	struct cgroup_fs fs;

	if (!options->cgroup)
		return 0;
	if (cgroup_detect(CGROUP_ROOT, &fs, err) < 0)
		return err->code;
	if ((fs.layout == CGROUP_V2) != (pid != 0))
		return 0;
	int r = cgroup_join(&fs, options->cgroup, pid, &cause);
	return r < 0 && r != -ESRCH ? err_copy(err, &cause) : 0; /* gone already: no matter */
}

static int enter_folder(const struct run_options *options, struct err *err)
{
	auto_free char *dir = path_join(options->dir, "vm");

	return chdir(dir) < 0 ? err_errno(err, "enter %s", dir) : 0;
}

static int drop_privileges(const struct run_options *options, struct err *err)
{
	const struct rlimit no_core = { 0 };
	gid_t group = options->group;
	struct err ignored;

	/* A guest is no better than other programs, however well we are protected ourselves. */
	file_write_value("/proc/self/oom_score_adj", "0", &ignored);
	if (setrlimit(RLIMIT_CORE, &no_core) < 0)
		return err_errno(err, "forbid core dumps");
	umask(077);
	if (options->uid && (setgroups(group ? 1 : 0, &group) < 0 ||
			     setresgid(options->gid, options->gid, options->gid) < 0 ||
			     setresuid(options->uid, options->uid, options->uid) < 0))
		return err_errno(err, "become user %u", options->uid);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		return err_errno(err, "forbid new privileges");
	return 0;
}

/* Standard input is empty; output and errors go to the supervisor. */
static int connect_streams(int output, int errors, struct err *err)
{
	auto_close int null = open("/dev/null", O_RDWR | O_CLOEXEC);

	if (null < 0 || dup2(null, STDIN_FILENO) < 0 || dup2(output, STDOUT_FILENO) < 0 ||
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

static void wait_for_gate(int gate)
{
	char c;

	while (read(gate, &c, 1) < 0 && errno == EINTR)
		;
}

static _Noreturn void child_main(const struct run_options *options, int gate, int output,
				 int errors)
{
	struct err err;
	int r = connect_streams(output, errors, &err);

	wait_for_gate(gate);
	fcntl(LOCK_FD, F_SETFD, FD_CLOEXEC);
	close_range(PROGRAM_FDS_END, ~0u, CLOSE_RANGE_CLOEXEC);
	reset_signals();
	if (r == 0)
		r = program_join(options, 0, &err);
	if (r == 0)
		r = enter_folder(options, &err);
	if (r == 0)
		r = drop_privileges(options, &err);
	if (r == 0) {
		execvp(options->argv[0], options->argv);
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

static int fork_child(const struct run_options *options, const int gate[2], const int output[2],
		      const int errors[2])
{
	pid_t pid = fork();

	if (pid == 0) {
		close(gate[1]);
		child_main(options, gate[0], output[1], errors[1]);
	}
	return pid;
}

int program_fork(const struct run_options *options, struct program *ret, int *ret_gate,
		 struct err *err)
{
	int gate[2], output[2], errors[2];

	if (make_pipe(gate, err) < 0 || make_pipe(output, err) < 0 || make_pipe(errors, err) < 0)
		return err->code; /* the process ends with this, and its descriptors with it */
	pid_t pid = fork_child(options, gate, output, errors);
	if (pid < 0)
		return err_errno(err, "fork");
	int pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	if (pidfd < 0)
		return err_errno(err, "watch process %d", pid);
	close(gate[0]);
	close(output[1]);
	close(errors[1]);
	*ret = (struct program){ pid, pidfd, output[0], errors[0] };
	*ret_gate = gate[1];
	return 0;
}

void program_release(int take_gate)
{
	close(take_gate);
}
