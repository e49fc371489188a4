/* `holm exec`. */
#include "cli/private.h"
#include "cli/remote.h"
#include "cli/session/pump.h"
#include "cli/session/terminal.h"
#include "model/session.h"
#include "wire/http_client/http_client.h"

#define URL_BYTES_MAX 4096

static int build(const struct cli_call *call, struct exec_request *exec)
{
	const char *value;

	exec->has_input = cli_value(call, "interactive");
	exec->is_terminal = cli_value(call, "tty");
	exec->user = xstrdup(cli_value(call, "user"));
	exec->dir = xstrdup(cli_value(call, "workdir"));
	for (size_t at = 0; (value = cli_next(call, "env", &at));) {
		if (!strchr(value, '=') || *value == '=')
			return cli_error(call, CLI_USAGE, "--env: expected K=V, got \"%s\"", value);
		strv_add(&exec->env, value);
	}
	for (size_t i = 1; i < call->n_args; i++)
		strv_add(&exec->cmd, call->args[i]);
	if (exec->is_terminal)
		terminal_size(&exec->rows, &exec->columns);
	return CLI_OK;
}

static int run_session(const struct cli_call *call, const struct exec_request *exec)
{
	auto_buf struct buf path;
	auto_free char *body = fields_format(&exec_request_table, exec);
	struct http_client_session *session = NULL;
	struct remote remote;

	buf_init(&path, URL_BYTES_MAX);
	url_add_instance(&path, call->args[0], "/exec");
	const struct question question = { .method = "POST", .path = path.data, .body = body };
	int code = remote_open(call, &remote);
	if (code == CLI_OK)
		code = remote_upgrade(&remote, &question, &session);
	if (code == CLI_OK) {
		const struct pump pump = { .call = call,
					   .session = session,
					   .in = exec->has_input ? STDIN_FILENO : -1,
					   .out = STDOUT_FILENO,
					   .err = STDERR_FILENO,
					   .is_terminal = exec->is_terminal };

		code = pump_run(&pump);
	}
	http_client_session_free(session);
	remote_close(&remote);
	return code;
}

int run_exec(const struct cli_call *call)
{
	struct exec_request exec = { 0 };
	int code = build(call, &exec);

	if (code == CLI_OK)
		code = run_session(call, &exec);
	fields_fini(&exec_request_table, &exec);
	return code;
}
