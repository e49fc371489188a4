/* "delete": containerd asks for it when the shim of a container has gone, by plan or not. It prints how
 * the container ended, as far as that can be known. */
#include <signal.h>
#include <sys/stat.h>
#include <time.h>

#include "base/base.h"
#include "json/json.h"
#include "shim/start.h"

#define RUN_MS   1800 /* containerd waits 5 s, for orphan_end() too */
#define TEXT_MAX 65536

struct options {
	char *program;
	char *root;
};

static void read_options(const char *bundle, struct options *ret)
{
	auto_free char *path = path_join(bundle, "options.json");
	auto_free char *text = NULL;
	auto_(json_free) struct json *root = NULL;
	size_t len = 0;
	struct err ignored;

	if (file_read(path, TEXT_MAX, &text, &len, &ignored) == 0 &&
	    json_parse(text, len, &root, &ignored) < 0)
		root = NULL;
	const char *program = root ? json_get_str(root, "binary_name") : NULL;
	const char *dir = root ? json_get_str(root, "root") : NULL;
	ret->program = xstrdup(str_is_empty(program) ? "runc" : program);
	ret->root = xstrdup(str_is_empty(dir) ? RUNTIME_ROOT : dir);
}

/* runc has a folder for each container that there is; to be told so by it costs a start of it. */
static bool is_there(const struct options *options, const char *root, const char *id)
{
	auto_free char *dir = path_join(root, id);

	return !oci_is(options->program, "runc") || path_exists(dir);
}

static bool is_not_started(const struct options *options, const char *root, const char *id)
{
	auto_free char *dir = path_join(root, id);
	auto_free char *gate = path_join(dir, GATE);

	return oci_is(options->program, "runc") && path_exists(gate);
}

static void delete_container(const struct options *options, const char *root, const char *id)
{
	char *argv[] = { options->program,  (char *)"--root",      (char *)root, (char *)"delete",
			 (char *)"--force", (char *)(uintptr_t)id, NULL };
	auto_free char *output = NULL;
	struct err err;

	int r = child_run(&(struct child_spec){ .argv = argv, .env = environ }, RUN_MS, &output,
			  &err);
	if (r < 0)
		fprintf(stderr, "%s\n", err.msg);
	else if (r > 0 && !strstr(output, "does not exist"))
		fprintf(stderr, "%s", output);
}

static uint32_t read_pid(const char *bundle)
{
	auto_free char *path = path_join(bundle, PID_FILE);
	pid_t pid = 0;
	struct err ignored;

	oci_read_pid(path, &pid, &ignored);
	return (uint32_t)pid;
}

int remove_main(int argc, char **argv)
{
	const char *ns = start_option(argc, argv, "-namespace");
	const char *id = start_option(argc, argv, "-id");
	const char *bundle = start_option(argc, argv, "-bundle");
	struct task_end end = { .exit_status = 128 + SIGKILL };
	struct options options;
	struct err err;
	size_t len;

	if (!ns || !id || strchr(id, '/')) {
		fprintf(stderr, "usage: holm-shim -namespace N -id I [-bundle DIR] delete\n");
		return 2;
	}
	if (!bundle)
		bundle = ".";
	read_options(bundle, &options);
	auto_free char *root = path_join(options.root, ns);
	if (is_there(&options, root, id)) {
		if (!is_not_started(&options, root, id))
			orphan_end(id, bundle, start_option(argc, argv, "-address"));
		delete_container(&options, root, id);
	}
	auto_free char *rootfs = path_join(bundle, ROOTFS);
	if (rootfs_unmount(rootfs, &err) < 0)
		fprintf(stderr, "%s\n", err.msg);
	clock_gettime(CLOCK_REALTIME, &end.at);
	auto_free char *answer = task_format_deleted(read_pid(bundle), &end, &len);
	free(options.program);
	free(options.root);
	return fwrite(answer, 1, len, stdout) == len && fflush(stdout) == 0 ? 0 : 1;
}
