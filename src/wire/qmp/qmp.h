/* QEMU's machine protocol (docs/interop/qmp-spec) over its unix socket, blocking, with deadlines.
 * One command at a time; events that arrive meanwhile are skipped. */
#ifndef HOLM_WIRE_QMP_QMP_H
#define HOLM_WIRE_QMP_QMP_H

#include "base/base.h"
#include "json/json.h"

#define QMP_MESSAGE_MAX (256 * 1024) /* bytes of one message */

struct qmp;

/* Connects to the socket `name` in `dir` (of any length: the socket is named relative to the folder),
 * waits for the greeting and leaves negotiation. A listening socket inherited by QEMU may be
 * connected to before QEMU runs; the greeting is then what tells that it does. -ETIMEDOUT;
 * -ECONNRESET: it ended; -EPROTO: what answers is no QEMU. */
int qmp_open(const char *dir, const char *name, unsigned timeout_ms, struct qmp **ret,
	     struct err *err);
struct qmp *qmp_close(struct qmp *qmp); /* NULL-safe, returns NULL */
DEFINE_AUTO(qmp_close, struct qmp *)

struct qmp_command {
	const char *name;
	const char *arguments; /* text of a JSON object, or NULL */
	unsigned timeout_ms;
};
/* Runs a command. The answer's "return" member, whatever it is, as text for the caller to free; ret
 * may be NULL. QEMU's own refusal is -EREMOTEIO with its description; -ECONNRESET: it ended, or its guest
 * has powered off, after which it answers nothing. */
int qmp_execute(struct qmp *qmp, const struct qmp_command *command, char **ret, struct err *err);

/* Hands over a descriptor, which commands then know by this name ("fd:NAME"). */
int qmp_give_fd(struct qmp *qmp, const char *name, int fd, unsigned timeout_ms, struct err *err);

/* Waits for the next event of this name, its "data" as text for the caller to free, "{}" if it has
 * none. One that came before an answer was read has been skipped with it. */
int qmp_await_event(struct qmp *qmp, const char *event, unsigned timeout_ms, char **ret_data,
		    struct err *err);

/* "running", "paused", "guest-panicked", … */
#define QMP_STATUS_SIZE 32
int qmp_query_status(struct qmp *qmp, unsigned timeout_ms, char ret[QMP_STATUS_SIZE],
		     struct err *err);

/* Makes QEMU end; that it closes the connection before it answers is success too. */
int qmp_quit(struct qmp *qmp, unsigned timeout_ms, struct err *err);

#endif
