/* Runs of the OCI runtime, which tells in its log why it failed (runc(8): --log, --log-format). */
#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>

#include "base/base.h"
#include "json/json.h"
#include "shim/shim.h"

#define LOG          "log.json"
#define LOG_MAX      (64u << 10) /* of one run */
#define OUTPUT_MAX   (1u << 20)
#define PID_TEXT_MAX 32

struct run {
	struct list node;
	oci_fn fn;
	void *arg;
	char *log;
	off_t log_from; /* what was in it before */
	int output;     /* -1: nobody wants it */
	struct err err; /* why it was not started */
};

bool oci_is(const char *program, const char *name)
{
	const char *slash = strrchr(program, '/');

	return str_eq(slash ? slash + 1 : program, name);
}

int oci_read_pid(const char *path, pid_t *ret, struct err *err)
{
	auto_free char *text = NULL;
	uint32_t pid = 0;
	int r = file_read(path, PID_TEXT_MAX, &text, NULL, err);

	if (r < 0)
		return r;
	text[strcspn(text, "\n")] = '\0';
	if (parse_u32(text, 1, INT32_MAX, &pid) < 0)
		return err_set(err, -EBADMSG, "read %s: %s is no process", path, text);
	*ret = (pid_t)pid;
	return 0;
}

static off_t size_of(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 ? 0 : st.st_size;
}

/* A line of it is an object. */
static char *error_in(const char *line)
{
	auto_(json_free) struct json *root = NULL;
	struct err ignored;

	if (json_parse(line, strlen(line), &root, &ignored) < 0 ||
	    !str_eq(json_get_str(root, "level"), "error"))
		return NULL;
	return xstrdup(json_get_str(root, "msg"));
}

/* The last error since we began, without space around it; NULL. */
static char *last_error(const struct run *run)
{
	auto_close int fd = open(run->log, O_RDONLY | O_CLOEXEC);
	auto_free char *text = xcalloc(1, LOG_MAX + 1);
	auto_strv struct strv lines = { 0 };

	/* What was in it before may be long: of every run that failed. */
	if (fd < 0 || pread(fd, text, LOG_MAX, run->log_from) <= 0)
		return NULL;
	strv_split(&lines, text, "\n");
	for (size_t i = lines.n; i > 0; i--) {
		char *found = error_in(lines.items[i - 1]);
		size_t end = found ? strlen(found) : 0;

		while (end && strchr(" \n\t", found[end - 1]))
			found[--end] = '\0';
		if (found)
			return found;
	}
	return NULL;
}

static char *read_output(const struct run *run)
{
	off_t size = lseek(run->output, 0, SEEK_END);
	char *text = xcalloc(1, OUTPUT_MAX + 1);

	if (size > 0 && pread(run->output, text, OUTPUT_MAX, 0) < 0)
		text[0] = '\0';
	return text;
}

static void run_free(struct run *run)
{
	list_remove(&run->node);
	cleanup_close(&run->output);
	free(run->log);
	free(run);
}

static void finish(struct run *run, const struct err *err, const char *output)
{
	if (run->fn)
		run->fn(run->arg, err, output);
	run_free(run);
}

static void on_end(void *arg, int status)
{
	struct run *run = arg;
	auto_free char *error = status ? last_error(run) : NULL;
	auto_free char *output = !status && run->output >= 0 ? read_output(run) : NULL;
	struct err err;

	if (error)
		err_set(&err, -EIO, "%s", error);
	else if (status)
		err_set(&err, -EIO, "it ended with %d", status);
	finish(run, status ? &err : NULL, output);
}

static void add_options(const struct oci *oci, const struct run *run, struct strv *argv)
{
	strv_add(argv, oci->program);
	strv_add(argv, "--root");
	strv_add(argv, oci->root);
	strv_add(argv, "--log");
	strv_add(argv, run->log);
	strv_add(argv, "--log-format");
	strv_add(argv, "json");
	if (oci->has_systemd_cgroup)
		strv_add(argv, "--systemd-cgroup");
}

/* Text to be read from and written to, without a process to do it. */
static int open_text(const char *text)
{
	int fd = memfd_create("text", MFD_CLOEXEC);

	if (fd >= 0 && (fd_write_all(fd, text, strlen(text)) < 0 || lseek(fd, 0, SEEK_SET) < 0))
		cleanup_close(&fd);
	return fd;
}

static int spawn(struct oci *oci, const struct oci_words *words, struct run *run)
{
	auto_strv struct strv argv = { 0 };
	auto_close int nowhere = open("/dev/null", O_RDWR | O_CLOEXEC);
	auto_close int input = words->input ? open_text(words->input) : -1;
	int stdio[] = { nowhere, nowhere, nowhere };

	if (words->stdio)
		memcpy(stdio, words->stdio, sizeof(stdio));
	if (words->input) {
		run->output = open_text("");
		stdio[0] = input;
		stdio[1] = run->output;
	}
	for (int i = 0; i < 3; i++)
		if (stdio[i] < 0)
			stdio[i] = nowhere;
	add_options(oci, run, &argv);
	for (size_t i = 0; words->words[i]; i++)
		strv_add(&argv, words->words[i]);
	const struct child_spec spec = { .argv = argv.items,
					 .env = environ,
					 .dir = oci->bundle,
					 .stdio = stdio };
	return children_run(oci->children, &spec, on_end, run, &run->err);
}

/* Whatever lacks: "not found" would be said of the container. */
static void fail(void *arg)
{
	struct run *run = arg;

	run->err.code = -EIO;
	finish(run, &run->err, NULL);
}

void oci_forget(struct children *children, const void *arg)
{
	struct list *at, *next;

	list_for_each(at, next, &children->runs) {
		struct run *run = container_of(at, struct run, node);

		if (run->arg == arg)
			run->fn = NULL;
	}
}

void oci_give_up(struct children *children)
{
	struct list *at, *next;
	struct err err;

	err_set(&err, -ECANCELED, "the shim ends");
	list_for_each(at, next, &children->runs)
		finish(container_of(at, struct run, node), &err, NULL);
}

void oci_run(struct oci *oci, const struct oci_words *words, oci_fn fn, void *arg)
{
	struct run *run = NEW(struct run);

	list_push(&oci->children->runs, &run->node);
	run->fn = fn;
	run->arg = arg;
	run->output = -1;
	run->log = path_join(oci->bundle, LOG);
	run->log_from = size_of(run->log);
	if (spawn(oci, words, run) < 0)
		loop_post(oci->children->loop, fail, run);
}
