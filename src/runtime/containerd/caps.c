/* Which OCI runtimes work here: each one that is installed runs a container of one small program
 * through containerd, with exactly what instances get. */
#include <sys/stat.h>

#include "base/base.h"
#include "runtime/containerd/driver.h"
#include "runtime/containerd/probe_image.h"
#include "wire/digest/digest.h"

#define END_MS       10000
#define WRAPPER_MODE 0755

/* Debian's runsc cannot use its own network stack on current kernels, and its other platforms need
 * hardware or a newer build. Inside the instance's network namespace this is as good as runc's. */
#define RUNSC_FLAGS "--network=host --platform=ptrace"

static const struct runtime {
	const char *program;
	const char *names[3]; /* in descriptors */
} runtimes[] = {
	{ "runc", { "docker", "runc" } },
	{ "crun", { "crun" } },
	{ "runsc", { "runsc" } },
	{ "youki", { "youki" } },
};

static bool has_name(const struct runtime *runtime, const char *name)
{
	for (const char *const *n = runtime->names; *n; n++)
		if (str_eq(*n, name))
			return true;
	return false;
}

/* The caller's path, or NULL. */
static char *find_program(const char *name)
{
	static const char *const dirs[] = { "/usr/local/sbin", "/usr/local/bin", "/usr/sbin",
					    "/usr/bin",        "/sbin",          "/bin" };

	for (size_t i = 0; i < ARRAY_LEN(dirs); i++) {
		char *path = path_join(dirs[i], name);

		if (access(path, X_OK) == 0)
			return path;
		free(path);
	}
	return NULL;
}

static char *wrapper_path(const struct driver *d)
{
	return path_join(d->dir, "runsc-holm");
}

int caps_prepare(struct driver *d, struct err *err)
{
	auto_free char *program = find_program("runsc");
	auto_free char *path = wrapper_path(d);

	if (!program)
		return path_remove(path, err);
	auto_free char *text = xasprintf("#!/bin/sh\nexec %s " RUNSC_FLAGS " \"$@\"\n", program);
	return file_write_atomic(path, text, strlen(text), WRAPPER_MODE, err);
}

int caps_binary(const struct driver *d, const char *runtime, char **ret_binary, struct err *err)
{
	const char *name = str_is_empty(runtime) ? "docker" : runtime;
	const char *program = NULL;

	for (size_t i = 0; i < ARRAY_LEN(runtimes); i++)
		if (has_name(&runtimes[i], name))
			program = runtimes[i].program;
	auto_free char *path = program ? find_program(program) : NULL;
	if (!path)
		return err_set(err, -ENOTSUP, "find runtime %s: it is not on this node", name);
	if (str_eq(program, "runsc"))
		*ret_binary = wrapper_path(d);
	else
		*ret_binary = str_eq(program, "runc") ? NULL : TAKE(path);
	return 0;
}

/* An id that no instance has, the same at each probe, so that a broken-off one is found again. */
static void probe_id(const struct driver *d, const char *program, char out[ID_SIZE])
{
	auto_free char *text = xasprintf("probe %s %s", d->node_id, program);
	char digest[DIGEST_TEXT_MAX];

	digest_of(text, strlen(text), digest);
	str_copy(out, ID_SIZE, strchr(digest, ':') + 1);
}

static int check_end(struct driver *d, const char *id, struct runtime_status *status,
		     struct err *err)
{
	auto_client struct client client = client_open(d, NULL);
	int r = 0;

	if (status->phase == RUNTIME_RUNNING) {
		r = proc_wait(&status->proc, END_MS, err);
		if (r == 0)
			r = container_find(&client, id, status, NULL, err);
		if (r < 0)
			return r;
	}
	if (status->phase != RUNTIME_ENDED || status->exit_code != PROBE_EXIT_CODE)
		return err_set(err, -EIO, "a test container ended with \"%s\", not exit code %d",
			       status->detail, PROBE_EXIT_CODE);
	return 0;
}

static int prove(struct driver *d, const struct runtime *runtime, struct err *err)
{
	char id[ID_SIZE];
	struct runtime_spec spec = {
		.instance_id = id,
		.name = PROBE_NAME,
		.runtime = runtime->names[0],
		.image = PROBE_IMAGE_NAME,
		.digest = "",
		.memory_mib = 64,
		.pids = 64,
	};
	struct runtime_status status;
	struct err ignored;

	probe_id(d, runtime->program, id);
	int r = container_start(d, &spec, NULL, &status, err);
	if (r == 0)
		r = check_end(d, id, &status, err);
	container_stop(d, id, NULL, NULL, &ignored);
	return r;
}

static int fetch_probe(struct driver *d, struct err *err)
{
	struct image_source *source = probe_image_new();
	char digest[DIGEST_SIZE];

	if (!source)
		return err_set(err, -ENOTSUP, "no test container for this architecture");
	int r = image_has(d, PROBE_IMAGE_NAME, digest, err);
	if (r < 0 || !str_eq(digest, source->manifest.digest))
		r = image_fetch(d, source, NULL, err);
	probe_image_free(source);
	return r;
}

int caps_probe(void *state, struct runtime_info *ret, struct err *err)
{
	struct driver *d = state;
	struct runtime_info info = { 0 };
	int r = fetch_probe(d, err);

	if (r < 0)
		return err_wrap(err, "probe containerd");
	for (size_t i = 0; i < ARRAY_LEN(runtimes); i++) {
		const struct runtime *runtime = &runtimes[i];
		auto_free char *path = find_program(runtime->program);
		struct err why;

		if (!path)
			continue;
		if (prove(d, runtime, &why) < 0)
			strv_addf(&info.problems, "%s: %s", runtime->program, why.msg);
		else
			for (const char *const *name = runtime->names; *name; name++)
				strv_add(&info.virtualization, *name);
	}
	*ret = info;
	return 0;
}
