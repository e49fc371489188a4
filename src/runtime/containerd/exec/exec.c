/* Beginning and ending of commands through containerd's Tasks.Exec.
 *
 * Each has a folder INSTANCE/exec/ID (0700) with its FIFOs, made first and removed last: what is
 * listed there is what may exist. Our ends are opened before the shim's, which would wait for them. */
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "runtime/containerd/exec/attach.h"
#include "runtime/containerd/exec/exec.h"
#include "runtime/containerd/exec/fifo.h"
#include "runtime/containerd/exec/process.h"
#include "runtime/containerd/exec/session.h"

#define NOTICE_MS 5000 /* from the end of a process to containerd's knowing it */
#define DELETE_MS 15000
#define TRIES     3

/* One begin. */
struct begin {
	struct client *client;
	const struct runtime_exec *exec;
	char *dir;
	char *in; /* paths */
	char *out;
	char *err;
	char *process;
	struct runtime_exec_process fds;
};

static char *dir_of(const struct driver *driver, const struct runtime_exec *exec)
{
	auto_free char *instance = container_dir(driver, exec->instance_id);

	return xasprintf("%s/exec/%s", instance, exec->id);
}

static struct containerd_exec_ref ref_of(const struct runtime_exec *exec)
{
	return (struct containerd_exec_ref){ exec->instance_id, exec->id };
}

static void close_fds(struct runtime_exec_process *p)
{
	int *const fds[] = { &p->in, &p->out, &p->err };

	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (*fds[i] >= 0)
			close(TAKE_FD(*fds[i]));
}

static void begin_fini(struct begin *b)
{
	close_fds(&b->fds);
	free(b->dir);
	free(b->in);
	free(b->out);
	free(b->err);
	free(b->process);
}

static int make_fifos(struct begin *b, struct err *err)
{
	int r = dir_make(b->dir, 0700, err);

	if (r < 0)
		return r;
	/* The writing end opens only where somebody reads: this way we are both. */
	if (b->exec->has_input) {
		r = fifo_make(b->dir, "in", O_RDWR, &b->in, err);
		b->fds.in = r;
	}
	if (r >= 0) {
		r = fifo_make(b->dir, "out", O_RDONLY, &b->out, err);
		b->fds.out = r;
	}
	if (r >= 0 && !b->exec->is_terminal) {
		r = fifo_make(b->dir, "err", O_RDONLY, &b->err, err);
		b->fds.err = r;
	}
	return r < 0 ? r : 0;
}

static int find_user(struct begin *b, struct oci_user *ret, struct err *err)
{
	auto_containerd_mounts struct containerd_mounts rootfs = { 0 };

	if (!user_needs_files(b->exec->user, ret))
		return 0;
	int r = containerd_snapshot_mounts(&b->client->api, b->exec->instance_id, &rootfs, err);
	if (r == 0)
		r = rootfs_user(&rootfs, b->exec->user, ret, err);
	if (r == -ENOENT)
		err->code = r = -EINVAL; /* it is not the command that is missing */
	return r;
}

static int build_process(struct begin *b, struct err *err)
{
	auto_free char *spec = NULL;
	struct oci_user user = { 0 };
	bool has_user = !str_is_empty(b->exec->user);
	int r = containerd_container_spec(&b->client->api, b->exec->instance_id, &spec, err);

	if (r == -ENOENT)
		return err_set(err, -ESRCH, "it does not run");
	if (r == 0 && has_user)
		r = find_user(b, &user, err);
	if (r < 0)
		return r;
	return exec_process_build(spec, b->exec, has_user ? &user : NULL, &b->process, err);
}

static int tell_failure(const struct runtime_exec *exec, struct err *err)
{
	auto_free char *words = exec_failure_words(err->msg);
	int code = err->code == -ENOENT ? -ESRCH : exec_failure_code(err->msg);

	return err_set(err, code, "run %.100s: %s", exec->cmd->items[0], words);
}

static int begin_task(struct begin *b, struct err *err)
{
	struct containerd api = client_with(b->client, START_MS, NULL);
	const struct containerd_exec exec = {
		.container_id = b->exec->instance_id,
		.id = b->exec->id,
		.input = b->in,
		.output = b->out,
		.error = b->err,
		.is_terminal = b->exec->is_terminal,
		.process = b->process,
	};
	uint32_t exit_code;
	struct err ignored;
	pid_t pid = 0;
	int r = containerd_exec_add(&api, &exec, err);

	if (r < 0)
		return tell_failure(b->exec, err);
	r = containerd_exec_start(&api, ref_of(b->exec), &pid, err);
	if (r < 0) {
		containerd_exec_delete(&api, ref_of(b->exec), &exit_code, &ignored);
		return tell_failure(b->exec, err);
	}
	if (proc_identify(pid, &b->fds.proc, &ignored) < 0)
		b->fds.proc = (struct proc_id){ 0 };
	return 0;
}

static int exec_begin(void *state, const struct runtime_exec *exec,
		      struct runtime_exec_process *ret, struct err *err)
{
	auto_client struct client client = client_open(state, NULL);
	struct begin b = { .client = &client,
			   .exec = exec,
			   .dir = dir_of(state, exec),
			   .fds = { .in = -1, .out = -1, .err = -1 } };
	struct runtime_status status;
	struct err ignored;
	int r = container_find(&client, exec->instance_id, &status, NULL, err);

	if (r >= 0)
		r = r && status.phase == RUNTIME_RUNNING ? 0
							 : err_set(err, -ESRCH, "it does not run");
	if (r == 0)
		r = build_process(&b, err);
	if (r == 0) {
		r = make_fifos(&b, err);
		if (r == 0)
			r = begin_task(&b, err);
		if (r < 0)
			path_remove(b.dir, &ignored);
	}
	if (r == 0) {
		*ret = b.fds;
		b.fds = (struct runtime_exec_process){ .in = -1, .out = -1, .err = -1 };
	}
	begin_fini(&b);
	return r;
}

static int exec_close_input(void *state, const struct runtime_exec *exec, struct err *err)
{
	auto_client struct client client = client_open(state, NULL);

	return containerd_exec_close_input(&client.api, ref_of(exec), err);
}

static int exec_resize(void *state, const struct runtime_exec *exec, struct err *err)
{
	auto_client struct client client = client_open(state, NULL);
	const struct containerd_size size = { exec->columns, exec->rows };

	return containerd_exec_resize(&client.api, ref_of(exec), &size, err);
}

static int exec_kill(void *state, const struct runtime_exec *exec, int sig, struct err *err)
{
	auto_client struct client client = client_open(state, NULL);

	return containerd_exec_kill(&client.api, ref_of(exec), sig, err);
}

/* The command and what it has started in its session, which it leads. */
static void kill_all(struct client *client, const struct runtime_exec *exec)
{
	struct containerd_process process = { 0 };
	struct err err;

	if (containerd_exec_get(&client->api, ref_of(exec), &process, &err) < 0)
		return;
	if (process.pid > 1)
		session_kill(process.pid);
	if (process.state != CONTAINERD_TASK_STOPPED)
		containerd_exec_kill(&client->api, ref_of(exec), SIGKILL, &err);
	containerd_process_fini(&process);
}

static int delete_task(struct client *client, const struct runtime_exec *exec, int *ret_exit_code,
		       struct err *err)
{
	struct containerd waiting = client_with(client, NOTICE_MS, NULL);
	struct containerd api = client_with(client, DELETE_MS, NULL);
	uint32_t exit_code = 0;
	struct err ignored;
	int r = 0;

	for (int i = 0; i < TRIES; i++) {
		containerd_exec_wait(&waiting, ref_of(exec), &exit_code, &ignored);
		r = containerd_exec_delete(&api, ref_of(exec), &exit_code, err);
		if (r == 0) {
			*ret_exit_code = (int)exit_code;
			return 0;
		}
		if (r == -ENOENT)
			return err_set(err, -ENOENT, "its container has ended");
		kill_all(client, exec);
	}
	return r;
}

static int exec_end(void *state, const struct runtime_exec *exec, bool is_forced,
		    int *ret_exit_code, struct err *err)
{
	auto_client struct client client = client_open(state, NULL);
	auto_free char *dir = dir_of(state, exec);
	struct err ignored;

	if (is_forced)
		kill_all(&client, exec);
	int r = delete_task(&client, exec, ret_exit_code, err);
	if (r == 0 || r == -ENOENT)
		path_remove(dir, &ignored);
	return r < 0 ? err_wrap(err, "end command in %s", exec->instance_id) : 0;
}

/* gVisor keeps what a container sees to itself. */
static int open_root(void *state, const char *instance_id, struct err *err)
{
	auto_client struct client client = client_open(state, NULL);
	struct runtime_status status;
	char path[40];
	int r = container_find(&client, instance_id, &status, NULL, err);

	if (r < 0)
		return r;
	if (!r || status.phase != RUNTIME_RUNNING)
		return err_set(err, -ESRCH, "it does not run");
	if (str_starts(status.kind, "runsc"))
		return err_set(err, -ENOTSUP,
			       "files of an instance in gVisor cannot be reached from outside: use "
			       "`holm exec -i` with tar or cat in it");
	snprintf(path, sizeof(path), "/proc/%d/root", (int)status.proc.pid);
	auto_close int fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "open %s", path);
	/* It is the root of this process, and no later one's with its number. */
	if (!proc_is_alive(&status.proc))
		return err_set(err, -ESRCH, "it does not run");
	return TAKE_FD(fd);
}

/* A shim that is still opening them waits for another end, and keeps whoever asks it about the command
 * waiting, too. */
static void hold_fifos(const char *dir, int fds[3])
{
	static const char *const names[] = { "in", "out", "err" };

	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		auto_free char *path = path_join(dir, names[i]);

		fds[i] = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	}
}

static void sweep_one(struct driver *driver, const struct runtime_exec *exec)
{
	auto_free char *dir = dir_of(driver, exec);
	int fds[3];
	int exit_code;
	struct err err;

	hold_fifos(dir, fds);
	if (exec_end(driver, exec, true, &exit_code, &err) < 0 && err.code != -ENOENT)
		log_warning("%s", err.msg);
	for (size_t i = 0; i < ARRAY_LEN(fds); i++)
		if (fds[i] >= 0)
			close(fds[i]);
}

static void sweep_instance(struct driver *driver, const char *instance_id)
{
	auto_free char *instance = container_dir(driver, instance_id);
	auto_free char *path = path_join(instance, "exec");
	DIR *dir = opendir(path);

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		const struct runtime_exec exec = { .instance_id = instance_id, .id = e->d_name };

		if (id_is_valid(e->d_name))
			sweep_one(driver, &exec);
	}
	closedir(dir);
}

void exec_sweep(struct driver *driver)
{
	DIR *dir = opendir(driver->instances_dir);

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));)
		if (id_is_valid(e->d_name))
			sweep_instance(driver, e->d_name);
	closedir(dir);
}

const struct runtime_exec_ops containerd_exec_ops = {
	.attach = stdio_attach,
	.begin = exec_begin,
	.close_input = exec_close_input,
	.resize = exec_resize,
	.kill = exec_kill,
	.open_root = open_root,
	.end = exec_end,
};
