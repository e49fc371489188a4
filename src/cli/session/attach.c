/* `holm attach`: with input for those who take it; the output of others is that of their log. */
#include "cli/private.h"
#include "cli/remote.h"
#include "cli/session/log_print.h"
#include "cli/session/pump.h"
#include "cli/session/terminal.h"
#include "model/session.h"
#include "wire/http_client/http_client.h"

#define URL_BYTES_MAX 4096
#define NO_INPUT      422 /* it takes none, and has no terminal: -ENOTSUP of its node */

/* What comes from now on. */
static int listen_to(const struct cli_call *call, const struct remote *remote)
{
	auto_buf struct buf path;

	buf_init(&path, URL_BYTES_MAX);
	url_add_instance(&path, call->args[0], "/logs?names=1&follow=1&tail=0");
	return log_print_listen(call, remote, path.data, false);
}

/* CLI_OK without a session: it is nothing to be attached to both ways. */
static int open_session(const struct cli_call *call, const struct remote *remote,
			struct http_client_session **ret)
{
	struct attach_request attach = { .has_input = !cli_value(call, "no-stdin") };
	auto_buf struct buf path;

	buf_init(&path, URL_BYTES_MAX);
	url_add_instance(&path, call->args[0], "/attach");
	auto_free char *body = fields_format(&attach_request_table, &attach);
	const struct question question = { .method = "POST",
					   .path = path.data,
					   .body = body,
					   .no_session = NO_INPUT };
	return remote_upgrade(remote, &question, ret);
}

static int run_session(const struct cli_call *call, struct http_client_session *session)
{
	const struct pump pump = { .call = call,
				   .session = session,
				   .in = cli_value(call, "no-stdin") ? -1 : STDIN_FILENO,
				   .out = STDOUT_FILENO,
				   .err = STDERR_FILENO,
				   .is_attached = true };
	int code = pump_run(&pump);

	if (code != PUMP_DETACHED)
		return code;
	fprintf(call->err, "\ndetached: %s goes on\n", call->args[0]);
	return CLI_OK;
}

int run_attach(const struct cli_call *call)
{
	struct http_client_session *session = NULL;
	struct remote remote;
	int code = remote_open(call, &remote);

	if (code == CLI_OK)
		code = open_session(call, &remote, &session);
	if (code == CLI_OK)
		code = session ? run_session(call, session) : listen_to(call, &remote);
	http_client_session_free(session);
	remote_close(&remote);
	return code;
}
