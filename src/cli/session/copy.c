/* `holm cp`: a thread packs or unpacks what is here, at one end of a pipe; the session moves it. */
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>

#include "cli/private.h"
#include "cli/remote.h"
#include "cli/session/pump.h"
#include "model/session.h"
#include "wire/http_client/http_client.h"

#define URL_BYTES_MAX 4096

/* One end of a copy: "web.0:/etc/x", a path here, or "-", an archive on standard input or output. */
struct place {
	char *instance; /* NULL: here */
	const char *path;
};

struct work {
	const struct cli_extension *extension;
	const char *path;
	bool is_put;
	int fd; /* -1: there is nothing to do */
	int result;
	struct err err;
};

/* A slash or dot before the colon makes it a path, as with other programs of this kind. */
static void parse_place(const char *text, struct place *ret)
{
	size_t len = strcspn(text, ":");
	bool is_here = !text[len] || memchr(text, '/', len) || text[0] == '.' || text[0] == '-';

	ret->instance = is_here ? NULL : xstrndup(text, len);
	ret->path = is_here ? text : text + len + 1;
}

static void *work_run(void *arg)
{
	struct work *w = arg;

	w->result = w->is_put ? w->extension->pack(w->path, w->fd, &w->err)
			      : w->extension->unpack(w->path, w->fd, &w->err);
	close(w->fd);
	return NULL;
}

static int run_pump(const struct cli_call *call, struct http_client_session *session,
		    struct work *w)
{
	struct pump pump = { .call = call,
			     .session = session,
			     .in = w->is_put ? STDIN_FILENO : -1,
			     .out = STDOUT_FILENO,
			     .err = STDERR_FILENO };
	pthread_t thread;
	int fds[2];

	if (str_eq(w->path, "-"))
		return pump_run(&pump);
	if (pipe2(fds, O_CLOEXEC) < 0)
		return cli_error(call, CLI_FAILED, "make pipe: %s", strerror(errno));
	w->fd = fds[w->is_put];
	int ours = fds[!w->is_put];
	pump.in = w->is_put ? ours : -1;
	pump.out = w->is_put ? STDOUT_FILENO : ours;
	signal(SIGPIPE, SIG_IGN);
	int r = pthread_create(&thread, NULL, work_run, w);
	assert(r == 0);
	int code = pump_run(&pump);
	close(ours);
	pthread_join(thread, NULL);
	/* A broken pipe is what the other end's trouble looks like from here. */
	bool is_ours = w->result < 0 && (code == CLI_OK || code > 128) && w->err.code != -EPIPE;
	return is_ours ? cli_error(call, CLI_FAILED, "%s", w->err.msg) : code;
}

static int copy(const struct cli_call *call, const struct place *there, struct work *w)
{
	struct copy_request request = { .is_put = w->is_put, .is_archive = str_eq(w->path, "-") };
	struct http_client_session *session = NULL;
	struct remote remote;
	auto_buf struct buf path = { 0 };

	request.path = (char *)(uintptr_t)there->path;
	auto_free char *body = fields_format(&copy_request_table, &request);
	buf_init(&path, URL_BYTES_MAX);
	url_add_instance(&path, there->instance, "/copy");
	const struct question question = { .method = "POST", .path = path.data, .body = body };
	int code = remote_open(call, &remote);
	if (code == CLI_OK)
		code = remote_upgrade(&remote, &question, &session);
	if (code == CLI_OK)
		code = run_pump(call, session, w);
	http_client_session_free(session);
	remote_close(&remote);
	return code;
}

int run_copy(const struct cli_call *call)
{
	struct place from;
	struct place to;
	struct work work = { .extension = call->extension, .fd = -1 };
	int code;

	parse_place(call->args[0], &from);
	parse_place(call->args[1], &to);
	work.is_put = to.instance;
	work.path = work.is_put ? from.path : to.path;
	const struct place *there = work.is_put ? &to : &from;
	if (!from.instance == !to.instance)
		code = cli_error(call, CLI_USAGE,
				 "one of both has to be INSTANCE:PATH, the other a path here or -");
	else if (there->path[0] != '/')
		code = cli_error(call, CLI_USAGE, "%s:%s: the path has to be absolute",
				 there->instance, there->path);
	else if (work.is_put && !str_eq(work.path, "-") && access(work.path, F_OK) < 0)
		code = cli_error(call, CLI_FAILED, "read %s: %s", work.path, strerror(errno));
	else
		code = copy(call, there, &work);
	free(from.instance);
	free(to.instance);
	return code;
}
