/* `holm logs`. */
#include "cli/private.h"
#include "cli/remote.h"
#include "cli/session/log_print.h"

#define URL_BYTES_MAX 4096

static int on_data(void *arg, const char *data, size_t len)
{
	return log_print_feed(arg, data, len);
}

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
	buf_add_str(path, "/api/v1/instances/");
	url_add(path, call->args[0]);
	buf_addf(path, "/logs?names=1&follow=%d", cli_value(call, "follow") != NULL);
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

static int listen_to(const struct cli_call *call, const char *path, bool shows_time)
{
	struct log_print print = { .out = call->out,
				   .err = call->err,
				   .has_names = true,
				   .shows_time = shows_time,
				   .is_colored = call->is_colored };
	struct remote remote;
	int code = remote_open(call, &remote);

	log_print_init(&print);
	if (code == CLI_OK) {
		const struct listening listening = {
			.path = path,
			.take = on_data,
			.arg = &print,
		};

		code = remote_listen(&remote, &listening);
	}
	log_print_fini(&print);
	remote_close(&remote);
	return code;
}

int run_logs(const struct cli_call *call)
{
	auto_buf struct buf path;

	buf_init(&path, URL_BYTES_MAX);
	int code = build_path(call, &path);
	return code == CLI_OK ? listen_to(call, path.data, cli_value(call, "timestamps")) : code;
}
