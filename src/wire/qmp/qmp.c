/* A message is one line. Whatever is not an answer to the command under way is skipped. */
#include <sys/socket.h>

#include "base/clock.h"
#include "base/socket.h"
#include "wire/qmp/qmp.h"

#define CHUNK       4096
#define COMMAND_MAX 65536
#define SKIP_MAX    1024 /* messages in front of an answer */

struct qmp {
	int fd;
	struct buf in; /* what was read beyond the last message */
};

/* Waits for readiness until the deadline. */
static int wait_for(struct qmp *qmp, short events, uint64_t end_ms, struct err *err)
{
	struct pollfd p = { .fd = qmp->fd, .events = events };
	int r = clock_poll(&p, 1, end_ms);

	if (r == 0)
		return err_set(err, -ETIMEDOUT, "wait for qemu: no answer in time");
	return r < 0 ? err_set(err, r, "wait for qemu: %s", strerror(-r)) : 0;
}

static int read_more(struct qmp *qmp, uint64_t end_ms, struct err *err)
{
	char chunk[CHUNK];

	if (wait_for(qmp, POLLIN, end_ms, err) < 0)
		return err->code;
	ssize_t n = recv(qmp->fd, chunk, sizeof(chunk), MSG_DONTWAIT);
	if (n == 0 || (n < 0 && errno == ECONNRESET))
		return err_set(err, -ECONNRESET, "read from qemu: it closed the connection");
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : err_errno(err, "read from qemu");
	if (buf_add(&qmp->in, chunk, (size_t)n) < 0)
		return err_set(err, -EPROTO, "read from qemu: message of more than %d bytes",
			       QMP_MESSAGE_MAX);
	return 0;
}

static int read_message(struct qmp *qmp, uint64_t end_ms, struct json **ret, struct err *err)
{
	const char *end;

	while (!(end = memchr(qmp->in.data, '\n', qmp->in.len)))
		if (read_more(qmp, end_ms, err) < 0)
			return err->code;
	size_t len = (size_t)(end - qmp->in.data);
	int r = json_parse(qmp->in.data, len, ret, err);
	buf_drop(&qmp->in, len + 1);
	if (r < 0) {
		err_wrap(err, "read from qemu");
		return err->code = -EPROTO;
	}
	return 0;
}

static int write_all(struct qmp *qmp, const char *data, size_t len, uint64_t end_ms,
		     struct err *err)
{
	while (len) {
		ssize_t n = send(qmp->fd, data, len, MSG_DONTWAIT | MSG_NOSIGNAL);

		if (n > 0) {
			data += n;
			len -= (size_t)n;
		} else if (n < 0 && errno != EAGAIN && errno != EINTR) {
			return err_set(err, -ECONNRESET, "write to qemu: %s", strerror(errno));
		} else if (wait_for(qmp, POLLOUT, end_ms, err) < 0) {
			return err->code;
		}
	}
	return 0;
}

static int read_answer(struct qmp *qmp, const char *command, uint64_t end_ms, char **ret,
		       struct err *err)
{
	for (int i = 0; i < SKIP_MAX; i++) {
		auto_(json_free) struct json *message = NULL;

		if (read_message(qmp, end_ms, &message, err) < 0)
			return err->code;
		/* No answer comes any more: QEMU 7.2 may even wait for ever now, for the command. */
		if (str_eq(json_get_str(message, "event"), "SHUTDOWN"))
			return err_set(err, -ECONNRESET, "read from qemu: it ends");
		const struct json *error = json_get(message, "error");
		const struct json *value = json_get(message, "return");
		if (error) {
			const char *why = json_get_str(error, "desc");

			return err_set(err, -EREMOTEIO, "qemu refuses %s: %s", command,
				       why ? why : "no reason given");
		}
		if (!value)
			continue;
		if (ret)
			*ret = json_format(value);
		return 0;
	}
	return err_set(err, -EPROTO, "read from qemu: no answer to %s", command);
}

int qmp_execute(struct qmp *qmp, const struct qmp_command *command, char **ret, struct err *err)
{
	uint64_t end_ms = clock_monotonic_ms() + command->timeout_ms;
	auto_json_out struct json_out out;
	auto_free char *text = NULL;

	json_out_init(&out, COMMAND_MAX);
	json_out_object(&out, NULL);
	json_out_str(&out, "execute", command->name);
	if (command->arguments)
		json_out_raw(&out, "arguments", command->arguments);
	json_out_object_end(&out);
	if (json_out_finish(&out, &text, err) < 0 ||
	    write_all(qmp, text, strlen(text), end_ms, err) < 0 ||
	    write_all(qmp, "\n", 1, end_ms, err) < 0)
		return err->code;
	return read_answer(qmp, command->name, end_ms, ret, err);
}

/* The descriptor goes with the first byte. */
static int send_with_fd(struct qmp *qmp, const char *text, int fd, uint64_t end_ms, struct err *err)
{
	union {
		char space[CMSG_SPACE(sizeof(int))];
		struct cmsghdr align;
	} control = { 0 };
	struct iovec first = { .iov_base = (char *)text, .iov_len = 1 };
	struct msghdr message = {
		.msg_iov = &first,
		.msg_iovlen = 1,
		.msg_control = control.space,
		.msg_controllen = sizeof(control.space),
	};
	struct cmsghdr *part = CMSG_FIRSTHDR(&message);

	part->cmsg_level = SOL_SOCKET;
	part->cmsg_type = SCM_RIGHTS;
	part->cmsg_len = CMSG_LEN(sizeof(int));
	memcpy(CMSG_DATA(part), &fd, sizeof(fd));
	if (wait_for(qmp, POLLOUT, end_ms, err) < 0)
		return err->code;
	if (sendmsg(qmp->fd, &message, MSG_DONTWAIT | MSG_NOSIGNAL) != 1)
		return err_set(err, -ECONNRESET, "write to qemu: %s", strerror(errno));
	return write_all(qmp, text + 1, strlen(text + 1), end_ms, err);
}

int qmp_give_fd(struct qmp *qmp, const char *name, int fd, unsigned timeout_ms, struct err *err)
{
	uint64_t end_ms = clock_monotonic_ms() + timeout_ms;
	auto_json_out struct json_out out;
	auto_free char *text = NULL;

	json_out_init(&out, COMMAND_MAX);
	json_out_object(&out, NULL);
	json_out_str(&out, "execute", "getfd");
	json_out_object(&out, "arguments");
	json_out_str(&out, "fdname", name);
	json_out_object_end(&out);
	json_out_object_end(&out);
	if (json_out_finish(&out, &text, err) < 0 || send_with_fd(qmp, text, fd, end_ms, err) < 0 ||
	    write_all(qmp, "\n", 1, end_ms, err) < 0)
		return err->code;
	return read_answer(qmp, "getfd", end_ms, NULL, err);
}

int qmp_await_event(struct qmp *qmp, const char *event, unsigned timeout_ms, char **ret_data,
		    struct err *err)
{
	uint64_t end_ms = clock_monotonic_ms() + timeout_ms;

	for (int i = 0; i < SKIP_MAX; i++) {
		auto_(json_free) struct json *message = NULL;

		if (read_message(qmp, end_ms, &message, err) < 0)
			return err->code;
		if (!str_eq(json_get_str(message, "event"), event))
			continue;
		const struct json *data = json_get(message, "data");
		*ret_data = data ? json_format(data) : xstrdup("{}");
		return 0;
	}
	return err_set(err, -EPROTO, "read from qemu: no event %s", event);
}

int qmp_query_status(struct qmp *qmp, unsigned timeout_ms, char ret[QMP_STATUS_SIZE],
		     struct err *err)
{
	const struct qmp_command command = { .name = "query-status", .timeout_ms = timeout_ms };
	auto_free char *text = NULL;
	auto_(json_free) struct json *value = NULL;

	if (qmp_execute(qmp, &command, &text, err) < 0 ||
	    json_parse(text, strlen(text), &value, err) < 0)
		return err->code;
	const char *status = json_get_str(value, "status");
	if (!status)
		return err_set(err, -EPROTO, "read from qemu: query-status gave no status");
	str_copy(ret, QMP_STATUS_SIZE, status);
	return 0;
}

int qmp_quit(struct qmp *qmp, unsigned timeout_ms, struct err *err)
{
	const struct qmp_command command = { .name = "quit", .timeout_ms = timeout_ms };
	struct err ignored;
	int r = qmp_execute(qmp, &command, NULL, &ignored);

	return r < 0 && r != -ECONNRESET ? err_copy(err, &ignored) : 0;
}

static int greet(struct qmp *qmp, uint64_t end_ms, unsigned timeout_ms, struct err *err)
{
	const struct qmp_command command = { .name = "qmp_capabilities", .timeout_ms = timeout_ms };
	auto_(json_free) struct json *greeting = NULL;

	if (read_message(qmp, end_ms, &greeting, err) < 0)
		return err->code;
	if (!json_get(greeting, "QMP"))
		return err_set(err, -EPROTO, "read from qemu: the greeting is none");
	return qmp_execute(qmp, &command, NULL, err);
}

int qmp_open(const char *dir, const char *name, unsigned timeout_ms, struct qmp **ret,
	     struct err *err)
{
	uint64_t end_ms = clock_monotonic_ms() + timeout_ms;
	int fd = socket_connect(dir, name, SOCK_STREAM, err);

	if (fd < 0)
		return fd;
	auto_(qmp_close) struct qmp *qmp = NEW(struct qmp);
	qmp->fd = fd;
	buf_init(&qmp->in, QMP_MESSAGE_MAX);
	if (greet(qmp, end_ms, timeout_ms, err) < 0)
		return err->code;
	*ret = TAKE(qmp);
	return 0;
}

struct qmp *qmp_close(struct qmp *qmp)
{
	if (!qmp)
		return NULL;
	close(qmp->fd);
	buf_fini(&qmp->in);
	free(qmp);
	return NULL;
}
