/* A program that takes what a process writes: "binary://PATH?KEY=VALUE&…" (containerd, pkg/process/io.go).
 * It is started with the words KEY VALUE …, the reading ends as descriptors 3 and 4, and 5 to be closed
 * when it is ready: nobody waits for that, as pipes hold what is written before. */
#include <fcntl.h>

#include "base/base.h"
#include "shim/shim.h"

#define SCHEME "binary://"

static int hex_digit(char c)
{
	const char *digits = "0123456789abcdef";
	const char *at = c ? strchr(digits, c | 0x20) : NULL;

	return at ? (int)(at - digits) : -1;
}

/* "a%20b" as "a b"; the caller's. */
static char *unescape(const char *text, size_t len)
{
	char *out = xmalloc(len + 1);
	size_t n = 0;

	for (size_t i = 0; i < len; i++) {
		bool is_escape = text[i] == '%' && i + 2 < len && hex_digit(text[i + 1]) >= 0 &&
				 hex_digit(text[i + 2]) >= 0;

		out[n++] = is_escape ? (char)(16 * hex_digit(text[i + 1]) + hex_digit(text[i + 2]))
				     : text[i];
		i += is_escape ? 2 : 0;
	}
	out[n] = '\0';
	return out;
}

static void parse(const char *uri, struct strv *argv)
{
	const char *path = uri + strlen(SCHEME);
	size_t len = strcspn(path, "?");
	const char *at = path[len] ? path + len + 1 : "";

	strv_take(argv, unescape(path, len));
	while (*at) {
		size_t pair = strcspn(at, "&");
		size_t key = strcspn(at, "=&");

		strv_take(argv, unescape(at, key));
		if (key < pair)
			strv_take(argv, unescape(at + key + 1, pair - key - 1));
		at += pair + (at[pair] == '&');
	}
}

static void on_logger_end(void *arg, int status)
{
	struct stdio *io = arg;

	io->logger = 0;
	stdio_proceed(io);
}

/* Detached: it has to outlive us to read what is left. It is our child all the same. */
static int start(struct stdio *io, const struct stdio_owner *owner, const int fds[3],
		 struct err *err)
{
	auto_strv struct strv argv = { 0 };
	auto_free char *id = xasprintf("CONTAINER_ID=%s", owner->container_id);
	auto_free char *ns = xasprintf("CONTAINER_NAMESPACE=%s", owner->ns);
	char *env[] = { id, ns, NULL };
	struct child_spec spec = { .env = env,
				   .keep_fds = fds,
				   .n_keep_fds = 3,
				   .is_detached = true };
	struct proc_id proc;

	parse(io->output, &argv);
	spec.argv = argv.items;
	int r = child_spawn(&spec, &proc, err);
	if (r < 0)
		return r;
	io->logger = proc.pid;
	children_watch(io->children, proc.pid, on_logger_end, io);
	return 0;
}

int logger_start(struct stdio *io, const struct stdio_owner *owner, struct err *err)
{
	int pipes[3][2] = { { -1, -1 }, { -1, -1 }, { -1, -1 } };
	int r = 0;

	for (int i = 0; r == 0 && i < 3; i++)
		r = pipe2(pipes[i], O_CLOEXEC) < 0 ? err_errno(err, "make pipe") : 0;
	if (r == 0)
		r = start(io, owner, (int[]){ pipes[0][0], pipes[1][0], pipes[2][1] }, err);
	for (int i = 0; r == 0 && i < 2; i++)
		io->writers[i] = TAKE_FD(pipes[i][1]);
	for (int i = 0; i < 3; i++) {
		cleanup_close(&pipes[i][0]);
		cleanup_close(&pipes[i][1]);
	}
	return r;
}
