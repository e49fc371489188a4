/* `holm logs`. */
#include "cli/private.h"
#include "cli/remote.h"
#include "cli/session/log_print.h"

#define URL_BYTES_MAX 4096

static void add_text(const struct cli_call *call, const char *name, struct buf *path)
{
	const char *value = cli_value(call, name);

	if (!value)
		return;
	buf_addf(path, "&%s=", name);
	url_add(path, value);
}

static int build_path(const struct cli_call *call, struct buf *path)
{
	bool is_out = cli_value(call, "stdout");
	bool is_err = cli_value(call, "stderr");
	uint32_t tail;

	if (cli_number(call, "tail", 0, &tail) < 0)
		return CLI_USAGE;
	if (is_out && is_err)
		return cli_error(call, CLI_USAGE,
				 "--stdout and --stderr: give one of them, or none");
	url_add_instance(path, call->args[0], "/logs");
	buf_addf(path, "?names=1&follow=%d", cli_value(call, "follow") != NULL);
	if (cli_value(call, "previous"))
		buf_add_str(path, "&previous=1");
	if (cli_value(call, "tail"))
		buf_addf(path, "&tail=%u", tail);
	if (is_out || is_err)
		buf_addf(path, "&stream=%s", is_out ? "stdout" : "stderr");
	add_text(call, "since", path);
	add_text(call, "until", path);
	return CLI_OK;
}

int run_logs(const struct cli_call *call)
{
	auto_buf struct buf path;
	struct remote remote = { 0 };

	buf_init(&path, URL_BYTES_MAX);
	int code = build_path(call, &path);
	if (code == CLI_OK)
		code = remote_open(call, &remote);
	if (code == CLI_OK)
		code = log_print_listen(call, &remote, path.data, cli_value(call, "timestamps"));
	remote_close(&remote);
	return code;
}
