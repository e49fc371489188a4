/* `holm logs`. */
#include "cli/private.h"
#include "cli/remote.h"

#define URL_BYTES_MAX 4096

static int on_data(void *arg, const char *data, size_t len)
{
	FILE *out = arg;

	return fwrite(data, 1, len, out) != len || fflush(out) != 0;
}

static int build_path(const struct cli_call *call, struct buf *path)
{
	uint32_t tail;

	if (cli_number(call, "tail", 0, &tail) < 0)
		return CLI_USAGE;
	buf_add_str(path, "/api/v1/instances/");
	url_add(path, call->args[0]);
	buf_addf(path, "/logs?follow=%d&timestamps=%d", cli_value(call, "follow") != NULL,
		 cli_value(call, "timestamps") != NULL);
	if (cli_value(call, "tail"))
		buf_addf(path, "&tail=%u", tail);
	return CLI_OK;
}

int run_logs(const struct cli_call *call)
{
	struct remote remote;
	auto_buf struct buf path;

	buf_init(&path, URL_BYTES_MAX);
	int code = build_path(call, &path);
	if (code != CLI_OK)
		return code;
	code = remote_open(call, &remote);
	if (code == CLI_OK) {
		const struct listening listening = {
			.path = path.data,
			.take = on_data,
			.arg = call->out,
		};

		code = remote_listen(&remote, &listening);
	}
	remote_close(&remote);
	return code;
}
