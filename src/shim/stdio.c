#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/base.h"
#include "shim/shim.h"

#define BINARY      "binary://"
#define FILE_SCHEME "file://"
#define DRAIN_MS    2000  /* what is on its way */
#define LOGGER_MS   12000 /* a logger's own end */

static void close_fd(int *fd)
{
	cleanup_close(fd);
	*fd = -1;
}

void stdio_init(struct stdio *io, struct children *children, const struct task_request *request)
{
	*io = (struct stdio){
		.children = children,
		.input = xstrdup(request->input),
		.output = xstrdup(request->output),
		.errors = xstrdup(request->errors),
		.is_terminal = request->is_terminal,
		.theirs = { -1, -1, -1 },
		.readers = { -1, -1 },
		.writers = { -1, -1 },
		.input_writer = -1,
		.terminal = -1,
		.listener = -1,
	};
}

static void close_theirs(struct stdio *io)
{
	for (int i = 0; i < 3; i++)
		close_fd(&io->theirs[i]);
}

static void close_listener(struct stdio *io)
{
	close_fd(&io->listener);
	if (io->listener_path)
		unlink(io->listener_path);
	free(TAKE(io->listener_path));
}

/* All but a logger, which has to read what is left. */
static void release(struct stdio *io)
{
	io->to_terminal = copy_free(io->to_terminal);
	for (int i = 0; i < 2; i++)
		io->outputs[i] = copy_free(io->outputs[i]);
	close_theirs(io);
	stdio_ended(io);
	for (int i = 0; i < 2; i++)
		close_fd(&io->writers[i]);
	close_fd(&io->input_writer);
	close_fd(&io->terminal);
	close_listener(io);
}

void stdio_fini(struct stdio *io)
{
	release(io);
	children_forget(io->children, io);
	io->timer = timer_cancel(io->timer);
	free(io->input);
	free(io->output);
	free(io->errors);
}

void stdio_ended(struct stdio *io)
{
	for (int i = 0; i < 2; i++)
		close_fd(&io->readers[i]);
}

static int listen_for_terminal(struct stdio *io, const struct stdio_owner *owner, struct err *err)
{
	struct sockaddr_un addr = { .sun_family = AF_UNIX };

	io->listener_path = xasprintf("%s.t%u", owner->socket, owner->number % 1000);
	if (strlen(io->listener_path) >= sizeof(addr.sun_path))
		return err_set(err, -ENAMETOOLONG, "listen at %s: too long", io->listener_path);
	STR_COPY(addr.sun_path, io->listener_path);
	unlink(addr.sun_path);
	io->listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (io->listener < 0 || fchmod(io->listener, 0600) < 0 ||
	    bind(io->listener, (const struct sockaddr *)&addr, sizeof(addr)) < 0 ||
	    listen(io->listener, 1) < 0)
		return err_errno(err, "listen at %s", addr.sun_path);
	return 0;
}

static bool is_fifo(const char *path)
{
	struct stat st;

	return stat(path, &st) == 0 && S_ISFIFO(st.st_mode);
}

/* Does not wait for a client: bytes stay in the FIFO until one reads. */
static int open_output(const char *path, int *ret_fd, int *ret_reader, struct err *err)
{
	if (is_fifo(path)) {
		*ret_reader = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
		if (*ret_reader < 0)
			return err_errno(err, "open %s", path);
	}
	*ret_fd = open(path, O_WRONLY | O_APPEND | O_CLOEXEC);
	return *ret_fd < 0 ? err_errno(err, "open %s", path) : 0;
}

static void on_output_end(void *arg)
{
	struct stdio *io = arg;

	for (int i = 0; i < 2; i++)
		if (io->outputs[i] && copy_has_ended(io->outputs[i]))
			io->outputs[i] = copy_free(io->outputs[i]);
	if (io->is_terminal)
		stdio_ended(io);
	stdio_proceed(io);
}

/* Through a pipe: with the file itself the process could do more than to add to it. */
static int carry_into(struct stdio *io, int which, int take_file, struct err *err)
{
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0) {
		close(take_file);
		return err_errno(err, "make pipe");
	}
	io->theirs[1 + which] = ends[1];
	io->outputs[which] = copy_new(io->children->loop, ends[0], take_file, on_output_end, io);
	return 0;
}

static int open_path(struct stdio *io, int which, const char *path, struct err *err)
{
	int fd = -1;
	int r = open_output(path, &fd, &io->readers[which], err);

	if (r < 0)
		return r;
	if (io->readers[which] < 0)
		return carry_into(io, which, fd, err);
	io->theirs[1 + which] = fd;
	return 0;
}

static int open_input(struct stdio *io, int *ret, struct err *err)
{
	*ret = open(io->input, O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (*ret < 0)
		return err_errno(err, "open %s", io->input);
	if (is_fifo(io->input))
		io->input_writer = open(io->input, O_WRONLY | O_NONBLOCK | O_CLOEXEC);
	fcntl(*ret, F_SETFL, 0);
	return 0;
}

/* Both outputs in one, whatever the second is said to be. */
static int open_file(struct stdio *io, struct err *err)
{
	const char *path = io->output + strlen(FILE_SCHEME);
	auto_free char *copy = xstrdup(path);
	int r = dir_make(dirname(copy), 0755, err);

	for (int i = 0; r == 0 && i < 2; i++) {
		int fd = open(path, O_WRONLY | O_APPEND | O_CREAT | O_CLOEXEC, 0644);

		r = fd < 0 ? err_errno(err, "open %s", path) : carry_into(io, i, fd, err);
	}
	return r;
}

static int open_logger(struct stdio *io, const struct stdio_owner *owner, struct err *err)
{
	int r = logger_start(io, owner, err);

	for (int i = 0; r == 0 && !io->is_terminal && i < 2; i++)
		io->theirs[1 + i] = fcntl(io->writers[i], F_DUPFD_CLOEXEC, 3);
	return r;
}

static int open_paths(struct stdio *io, struct err *err)
{
	int r = 0;

	if (*io->output)
		r = open_path(io, 0, io->output, err);
	if (r == 0 && *io->errors)
		r = open_path(io, 1, io->errors, err);
	if (r == 0 && *io->input)
		r = open_input(io, &io->theirs[0], err);
	return r;
}

int stdio_open(struct stdio *io, const struct stdio_owner *owner, struct err *err)
{
	int r = io->is_terminal ? listen_for_terminal(io, owner, err) : 0;

	if (r < 0)
		return r;
	if (str_starts(io->output, BINARY))
		return open_logger(io, owner, err);
	if (io->is_terminal)
		return 0;
	if (str_starts(io->output, FILE_SCHEME))
		return open_file(io, err);
	if (strstr(io->output, "://"))
		return err_set(err, -EINVAL, "unknown STDIO scheme %.*s",
			       (int)strcspn(io->output, ":"), io->output);
	return open_paths(io, err);
}

/* The OCI runtime has sent it before it ended. */
static int receive_terminal(struct stdio *io, struct err *err)
{
	auto_close int fd = accept4(io->listener, NULL, NULL, SOCK_CLOEXEC);
	char name[256];
	struct iovec part = { name, sizeof(name) };
	union {
		struct cmsghdr head;
		char room[CMSG_SPACE(sizeof(int))];
	} control = { 0 };
	struct msghdr message = { .msg_iov = &part,
				  .msg_iovlen = 1,
				  .msg_control = &control,
				  .msg_controllen = sizeof(control) };

	if (fd < 0 || recvmsg(fd, &message, MSG_CMSG_CLOEXEC) < 0)
		return err_errno(err, "receive the terminal");
	const struct cmsghdr *head = CMSG_FIRSTHDR(&message);
	if (!head || head->cmsg_type != SCM_RIGHTS)
		return err_set(err, -EBADMSG, "receive the terminal: there is none");
	memcpy(&io->terminal, CMSG_DATA(head), sizeof(int));
	return 0;
}

static void on_input_end(void *arg)
{
	struct stdio *io = arg;

	io->to_terminal = copy_free(io->to_terminal);
}

static int open_terminal_output(struct stdio *io, struct err *err)
{
	int fd = -1;
	int r = 0;

	if (io->writers[0] >= 0)
		fd = fcntl(io->writers[0], F_DUPFD_CLOEXEC, 3);
	else
		r = open_output(*io->output ? io->output : "/dev/null", &fd, &io->readers[0], err);
	return r < 0 ? r : fd;
}

static int carry_terminal(struct stdio *io, struct err *err)
{
	struct loop *loop = io->children->loop;
	int input = -1;
	int output = open_terminal_output(io, err);

	if (output < 0)
		return output;
	io->outputs[0] = copy_new(loop, fcntl(io->terminal, F_DUPFD_CLOEXEC, 3), output,
				  on_output_end, io);
	if (!*io->input)
		return 0;
	int r = open_input(io, &input, err);
	if (r == 0)
		io->to_terminal = copy_new(loop, input, fcntl(io->terminal, F_DUPFD_CLOEXEC, 3),
					   on_input_end, io);
	return r;
}

int stdio_begin(struct stdio *io, struct err *err)
{
	close_theirs(io);
	if (!io->is_terminal)
		return 0;
	int r = receive_terminal(io, err);
	close_listener(io);
	return r < 0 ? r : carry_terminal(io, err);
}

void stdio_close_input(struct stdio *io)
{
	close_fd(&io->input_writer);
}

int stdio_resize(struct stdio *io, uint32_t columns, uint32_t rows, struct err *err)
{
	const struct winsize size = { .ws_col = (unsigned short)columns,
				      .ws_row = (unsigned short)rows };

	if (io->terminal >= 0 && ioctl(io->terminal, TIOCSWINSZ, &size) < 0)
		return err_errno(err, "resize the terminal");
	return 0;
}

static void on_late(void *arg)
{
	struct stdio *io = arg;

	io->timer = NULL;
	if (io->is_ending && io->logger)
		kill(io->logger, SIGKILL); /* its end brings us on */
	io->is_late = true;
	stdio_proceed(io);
}

static void begin_ending_logger(struct stdio *io)
{
	release(io);
	timer_cancel(io->timer);
	io->timer = timer_start(io->children->loop, LOGGER_MS, on_late, io);
	kill(io->logger, SIGTERM); /* so that it does not wait for others who write */
	io->is_ending = io->is_late = true;
}

void stdio_proceed(struct stdio *io)
{
	bool is_carrying = io->outputs[0] || io->outputs[1];

	if (!io->on_closed || (is_carrying && !io->is_late))
		return;
	if (io->logger) {
		if (!io->is_ending)
			begin_ending_logger(io);
		return;
	}
	release(io);
	io->timer = timer_cancel(io->timer);
	loop_post(io->children->loop, TAKE(io->on_closed), io->arg);
}

void stdio_close(struct stdio *io, loop_fn fn, void *arg)
{
	close_theirs(io);
	io->on_closed = fn;
	io->arg = arg;
	io->timer = timer_start(io->children->loop, DRAIN_MS, on_late, io);
	stdio_proceed(io);
}
