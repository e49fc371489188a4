/* See exec.h. containerd's own loggers (binary://) take no input along (pkg/process/io.go of 1.6), so
 * FIFOs it is. */
#include <fcntl.h>
#include <sys/socket.h>

#include "base/socket.h"
#include "loop/child.h"
#include "runtime/containerd/exec/attach.h"
#include "runtime/containerd/exec/exec.h"
#include "runtime/containerd/exec/fifo.h"

#define NOTE   "logger" /* who it is */
#define SOCKET "attach"

bool stdio_is_wanted(const struct runtime_spec *spec)
{
	return spec->log_path && spec->container &&
	       (spec->container->has_terminal || spec->container->has_input);
}

/* One to be started. */
struct logger {
	const char *dir; /* of the container */
	const char *target;
	bool is_again;
};

static int spawn(const struct driver *driver, const struct logger *logger, const int fds[2],
		 struct err *err)
{
	char word[] = "logger";
	char attach[] = "attach";
	char again[] = "again";
	auto_free char *to = xstrdup(logger->target);
	auto_free char *note = path_join(logger->dir, NOTE);
	char *argv[] = { driver->helper, word, to, attach, logger->is_again ? again : NULL, NULL };
	auto_close int listener = socket_listen(logger->dir, SOCKET, SOCK_SEQPACKET, err);
	char text[PROC_ID_TEXT_MAX];
	struct proc_id proc;

	if (listener < 0)
		return listener;
	const int keep[] = { fds[0], fds[1], listener };
	const struct child_spec child = { .argv = argv,
					  .keep_fds = keep,
					  .n_keep_fds = ARRAY_LEN(keep),
					  .is_detached = true };
	int r = child_spawn(&child, &proc, err);
	return r < 0 ? r : file_replace(note, proc_id_format(&proc, text), err);
}

/* Reading ends, that of err already at its end if there is none. */
static int open_ends(const char *dir, int ret[2], struct err *err)
{
	auto_free char *out = path_join(dir, "out");
	auto_free char *errors = path_join(dir, "err");
	const char *second = path_exists(errors) ? errors : "/dev/null";

	auto_close int first = open(out, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (first < 0)
		return err_errno(err, "open %s", out);
	ret[1] = open(second, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (ret[1] < 0)
		return err_errno(err, "open %s", second);
	ret[0] = TAKE_FD(first);
	return 0;
}

static int start_logger(const struct driver *driver, const struct logger *logger, struct err *err)
{
	int ends[2] = { -1, -1 };
	int r = open_ends(logger->dir, ends, err);

	if (r < 0)
		return r;
	r = spawn(driver, logger, ends, err);
	close(ends[0]);
	close(ends[1]);
	return r;
}

static int make_input(const char *dir, struct stdio *stdio, struct err *err)
{
	/* The shim opens both ends of it: nothing of ours has to stay. */
	auto_close int fd = fifo_make(dir, "in", O_RDWR, &stdio->in, err);

	return fd < 0 ? fd : 0;
}

int stdio_open(const struct driver *driver, const struct runtime_spec *spec, const char *target,
	       struct stdio *ret, struct err *err)
{
	auto_free char *dir = container_dir(driver, spec->instance_id);
	struct stdio stdio = STDIO_NONE;
	int r = spec->container->has_input ? make_input(dir, &stdio, err) : 0;

	if (r == 0)
		r = stdio.out_fd = fifo_make(dir, "out", O_RDWR, &stdio.out, err);
	if (r >= 0 && !spec->container->has_terminal)
		r = stdio.err_fd = fifo_make(dir, "err", O_RDWR, &stdio.err, err);
	if (r >= 0)
		r = start_logger(driver, &(struct logger){ dir, target, false }, err);
	if (r < 0) {
		stdio_close(&stdio);
		return r;
	}
	*ret = stdio;
	return 0;
}

void stdio_close(struct stdio *stdio)
{
	if (stdio->out_fd >= 0)
		close(stdio->out_fd);
	if (stdio->err_fd >= 0)
		close(stdio->err_fd);
	free(stdio->in);
	free(stdio->out);
	free(stdio->err);
	*stdio = STDIO_NONE;
}

int stdio_tend(const struct driver *driver, const char *instance_id, const char *target,
	       struct err *err)
{
	auto_free char *dir = container_dir(driver, instance_id);
	auto_free char *note = path_join(dir, NOTE);
	auto_free char *text = NULL;
	struct proc_id proc;

	if (!path_exists(note))
		return -ENOENT;
	int r = file_read(note, PROC_ID_TEXT_MAX, &text, NULL, err);
	if (r < 0)
		return r;
	if (proc_id_parse(text, &proc) == 0 && proc_is_alive(&proc))
		return 0;
	r = start_logger(driver, &(struct logger){ dir, target, true }, err);
	return r < 0 ? r : 1;
}

int stdio_attach(void *state, const char *instance_id, struct runtime_attachment *ret,
		 struct err *err)
{
	auto_client struct client client = client_open(state, NULL);
	auto_free char *dir = container_dir(state, instance_id);
	auto_free char *note = path_join(dir, NOTE);
	auto_free char *in = path_join(dir, "in");
	auto_free char *errors = path_join(dir, "err");
	struct runtime_status status;
	int r = container_find(&client, instance_id, &status, NULL, err);

	if (r < 0)
		return r;
	if (!r || status.phase != RUNTIME_RUNNING)
		return err_set(err, -ESRCH, "it does not run");
	if (!path_exists(note))
		return err_set(err, -ENOTSUP, "it has neither a terminal nor standard input");
	int output = socket_connect(dir, SOCKET, SOCK_SEQPACKET, err);
	if (output < 0)
		return err_wrap(err, "attach to it");
	/* Without a reader its end has been told: no input any more. */
	*ret = (struct runtime_attachment){ .is_terminal = !path_exists(errors),
					    .in = open(in, O_WRONLY | O_NONBLOCK | O_CLOEXEC),
					    .output = output };
	return 0;
}
