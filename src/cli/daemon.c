/* `holm down` and `holm version`: about the holm that runs. */
#include <fcntl.h>
#include <poll.h>
#include <sys/file.h>

#include "cli/private.h"
#include "cli/remote.h"
#include "json/json.h"

#define DOWN_MS        300000 /* grace periods, and what has to be killed after them */
#define GONE_WITHIN_MS 60000  /* the images of a year have to be removed */
#define LOOK_EVERY_MS  50

static const struct question health = { .method = "GET",
					.path = "/api/v1/health",
					.is_quiet = true };

/* A holm holds its lock to the very end; opened before that, it can be asked even when the folder is
 * removed. -1: a holm elsewhere. */
static int open_lock(const struct remote *remote)
{
	auto_free char *path = path_join(remote->call->data_dir, "lock");

	return remote->socket ? open(path, O_RDONLY | O_CLOEXEC) : -1;
}

/* Down has been answered: the API ends next, then the process. */
static bool is_gone(const struct remote *remote, int lock)
{
	auto_reply struct reply reply = { 0 };

	return remote_ask(remote, &health, &reply) == CLI_UNREACHABLE &&
	       (lock < 0 || flock(lock, LOCK_SH | LOCK_NB) == 0);
}

static int wait_until_gone(const struct remote *remote, int lock)
{
	uint64_t deadline_ms = now_ms() + GONE_WITHIN_MS;

	while (now_ms() < deadline_ms) {
		if (is_gone(remote, lock))
			return CLI_OK;
		poll(NULL, 0, LOOK_EVERY_MS);
	}
	return cli_error(remote->call, CLI_FAILED,
			 "all instances are stopped, but holm still runs");
}

static int down_running(const struct remote *remote, bool is_purge)
{
	auto_reply struct reply reply = { 0 };
	auto_close int lock = open_lock(remote);
	const struct question question = {
		.method = "POST",
		.path = "/api/v1/down",
		.patience_ms = DOWN_MS,
		.body = is_purge ? "{\"purge\":true}" : "{\"purge\":false}",
	};
	int code = remote_ask(remote, &question, &reply);

	if (code == CLI_OK)
		code = wait_until_gone(remote, lock);
	if (code == CLI_OK)
		fprintf(remote->call->out, "%s\n",
			is_purge ? "everything is stopped and forgotten"
				 : "everything is stopped; `holm up` brings it back");
	return code;
}

int run_down(const struct cli_call *call)
{
	bool is_purge = cli_value(call, "purge");
	auto_reply struct reply reply = { 0 };
	struct remote remote;
	int code = remote_open(call, &remote);

	if (code == CLI_OK)
		code = remote_ask(&remote, &health, &reply);
	if (code == CLI_OK)
		code = down_running(&remote, is_purge);
	else if (code == CLI_UNREACHABLE && !call->api && call->extension &&
		 call->extension->down_offline)
		code = call->extension->down_offline(call, is_purge);
	else if (code == CLI_UNREACHABLE)
		cli_error(call, code, "holm is not running: there is nothing to stop");
	remote_close(&remote);
	return code;
}

int run_version(const struct cli_call *call)
{
	const struct question question = { .method = "GET",
					   .path = "/api/v1/version",
					   .is_quiet = true };
	auto_reply struct reply reply = { 0 };
	struct json *json = NULL;
	struct remote remote;
	struct err err;

	fprintf(call->out, "holm %s\n", HOLM_VERSION);
	if (!call->command) /* holm --version */
		return CLI_OK;
	int code = remote_open(call, &remote);
	if (code == CLI_OK && remote_ask(&remote, &question, &reply) == CLI_OK &&
	    json_parse(reply.body, strlen(reply.body), &json, &err) == 0)
		fprintf(call->out, "running: holm %s\n", json_get_str(json, "version"));
	else if (code == CLI_OK)
		fprintf(call->out, "running: none here\n");
	json_free(json);
	remote_close(&remote);
	return code;
}
