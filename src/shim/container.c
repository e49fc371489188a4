/* The container as a whole: making it, and what is asked of all of it. */
#include "base/base.h"
#include "base/cgroup.h"
#include "json/json.h"
#include "shim/shim.h"

#define CGROUP_ROOT "/sys/fs/cgroup"
#define LINES_MAX   (64u << 10)
#define PIDS_MAX    65536

struct container *container_free(struct container *container)
{
	struct list *at;

	if (!container)
		return NULL;
	while ((at = list_pop(&container->others))) {
		struct process *process = container_of(at, struct process, node);

		process_fini(process);
		free(process);
	}
	process_fini(&container->first);
	oci_forget(&container->shim->children, container);
	free(container->bundle);
	free(container->rootfs);
	free(container->oci.program);
	free(container->oci.root);
	free(container);
	return NULL;
}

/* For whoever cleans up behind us (remove.c); the names are those of containerd's own shim. */
static int note_options(const struct task_request *r, struct err *err)
{
	auto_json_out struct json_out out;
	auto_free char *text = NULL;

	json_out_init(&out, JSON_TEXT_MAX);
	json_out_object(&out, NULL);
	json_out_str(&out, "binary_name", r->binary);
	json_out_str(&out, "root", r->root);
	json_out_bool(&out, "systemd_cgroup", r->has_systemd_cgroup);
	json_out_object_end(&out);
	int code = json_out_finish(&out, &text, err);
	if (code == 0)
		code = file_replace("options.json", text, err);
	return code < 0 ? code : file_replace("runtime", r->binary, err);
}

static struct container *container_new(struct shim *shim, const struct task_request *r)
{
	struct container *c = NEW(struct container);

	c->shim = shim;
	c->bundle = xstrdup(r->bundle);
	c->oci.children = &shim->children;
	c->oci.bundle = c->bundle;
	c->oci.program = xstrdup(*r->binary ? r->binary : "runc");
	c->oci.root = path_join(*r->root ? r->root : RUNTIME_ROOT, shim->ns);
	c->oci.has_systemd_cgroup = r->has_systemd_cgroup;
	list_init(&c->others);
	process_init(&c->first, c, r);
	return c;
}

static void on_create_closed(void *arg)
{
	shim_release(((struct container *)arg)->shim);
}

/* All of it or nothing. The answer comes first: who asked begins to clean up with it. */
static void give_up(struct container *c, const struct err *err)
{
	struct err ignored;

	task_reply_error(TAKE(c->first.call), err);
	if (c->rootfs && rootfs_unmount(c->rootfs, &ignored) < 0)
		log_warning("%s", ignored.msg);
	c->has_failed = true;
	stdio_close(&c->first.io, on_create_closed, c);
}

static void on_created(void *arg, const struct err *failure, const char *output)
{
	struct container *c = arg;
	auto_free char *pid_file = path_join(c->bundle, PID_FILE);
	struct err err;
	int r = 0;

	if (failure)
		r = err_set(&err, failure->code, "OCI runtime create failed: %s", failure->msg);
	else
		r = process_started(&c->first, pid_file, &err);
	if (r < 0) {
		give_up(c, &err);
		return;
	}
	task_events_send(c->shim->events,
			 &(struct task_event){ .type = TASK_EVENT_CREATE,
					       .id = c->shim->id,
					       .exec_id = "",
					       .pid = (uint32_t)c->first.pid,
					       .request = task_call_request(c->first.call) });
	task_reply_pid(TAKE(c->first.call), (uint32_t)c->first.pid);
	process_done(&c->first);
}

static int prepare(struct container *c, const struct task_request *r, struct err *err)
{
	const struct stdio_owner owner = { c->shim->ns, c->shim->id, c->shim->socket,
					   c->shim->n_stdio++ };
	int code = note_options(r, err);

	if (code == 0 && r->n_mounts) {
		c->rootfs = path_join(c->bundle, ROOTFS);
		code = rootfs_mount(r->mounts, r->n_mounts, c->rootfs, err);
	}
	return code < 0 ? code : stdio_open(&c->first.io, &owner, err);
}

void container_create(struct shim *shim, struct task_call *take_call)
{
	const struct task_request *r = task_call_request(take_call);
	const char *words[16] = { "create", "--bundle", r->bundle, "--pid-file", PID_FILE };
	size_t n = 5;
	struct err err;

	if (r->has_checkpoint) {
		err_set(&err, -ENOTSUP, "restoring a checkpoint is not supported");
		task_reply_error(take_call, &err);
		return;
	}
	struct container *c = shim->container = container_new(shim, r);
	c->first.call = take_call;
	if (prepare(c, r, &err) < 0) {
		give_up(c, &err);
		return;
	}
	if (c->first.io.listener_path) {
		words[n++] = "--console-socket";
		words[n++] = c->first.io.listener_path;
	}
	if (r->has_no_pivot)
		words[n++] = "--no-pivot";
	if (r->has_no_keyring)
		words[n++] = "--no-new-keyring";
	words[n++] = shim->id;
	oci_run(&c->oci, &(struct oci_words){ .words = words, .stdio = c->first.io.theirs },
		on_created, c);
}

static struct process *find(struct container *c, const char *exec_id)
{
	struct list *at, *next;

	if (!*exec_id)
		return &c->first;
	list_for_each(at, next, &c->others) {
		struct process *process = container_of(at, struct process, node);

		if (str_eq(process->id, exec_id))
			return process;
	}
	return NULL;
}

/* Where the first process is, which is where the container's limits are. */
static int find_cgroup(pid_t pid, const struct cgroup_fs *fs, char **ret, struct err *err)
{
	auto_free char *path = xasprintf("/proc/%d/cgroup", (int)pid);
	auto_free char *text = NULL;
	auto_strv struct strv lines = { 0 };
	const char *wanted = fs->layout == CGROUP_V2 ? "0::" : ":memory:";
	int r = file_read(path, LINES_MAX, &text, NULL, err);

	if (r < 0)
		return r;
	strv_split(&lines, text, "\n");
	for (size_t i = 0; i < lines.n; i++) {
		const char *at = strstr(lines.items[i], wanted);

		if (at) {
			*ret = xstrdup(at + strlen(wanted) + 1); /* without its slash */
			return 0;
		}
	}
	return err_set(err, -ENOENT, "cgroup does not exist: not found");
}

static void reply_stats(struct container *c, struct task_call *take_call)
{
	auto_free char *group = NULL;
	struct cgroup_stats stats = { 0 };
	struct cgroup_fs fs;
	struct err err;
	int r = cgroup_detect(CGROUP_ROOT, &fs, &err);

	if (r == 0)
		r = find_cgroup(c->first.pid, &fs, &group, &err);
	if (r == 0)
		r = cgroup_stats(&fs, group, &stats, &err);
	if (r < 0) {
		task_reply_error(take_call, &err);
		return;
	}
	task_reply_stats(take_call,
			 &(struct task_stats){ .is_v2 = fs.layout == CGROUP_V2,
					       .memory_bytes = stats.memory_bytes,
					       .memory_limit_bytes = stats.memory_limit_bytes,
					       .cpu_ns = stats.cpu_ns,
					       .pids = stats.pids,
					       .oom_kills = stats.oom_kills });
}

struct listing {
	const struct shim *shim;
	struct task_call *call;
};

static const char *exec_of(const struct container *c, uint32_t pid)
{
	struct list *at, *next;

	if (!c)
		return "";
	list_for_each(at, next, &c->others) {
		const struct process *process = container_of(at, struct process, node);

		if (process->pid == (pid_t)pid)
			return process->id;
	}
	return "";
}

static void on_listed(void *arg, const struct err *failure, const char *output)
{
	auto_free struct listing *listing = arg;
	auto_(json_free) struct json *root = NULL;
	struct task_pid *pids = NULL;
	struct err err;

	if (failure || json_parse(output, strlen(output), &root, &err) < 0) {
		task_reply_error(listing->call, failure ? failure : &err);
		return;
	}
	size_t n = json_count(root) < PIDS_MAX ? json_count(root) : PIDS_MAX;
	pids = xcalloc(n + 1, sizeof(*pids));
	for (size_t i = 0; i < n; i++) {
		uint32_t pid = (uint32_t)json_int(json_at(root, i), 0);

		pids[i] = (struct task_pid){ pid, exec_of(listing->shim->container, pid) };
	}
	task_reply_pids(listing->call, pids, n);
	free(pids);
}

static void list_pids(struct container *c, struct task_call *take_call)
{
	const char *const words[] = { "ps", "--format", "json", c->shim->id, NULL };
	struct listing *listing = NEW(struct listing);

	listing->shim = c->shim;
	listing->call = take_call;
	oci_run(&c->oci, &(struct oci_words){ .words = words, .input = "" }, on_listed, listing);
}

static void on_updated(void *arg, const struct err *failure, const char *output)
{
	struct task_call *call = arg;

	if (failure)
		task_reply_error(call, failure);
	else
		task_reply_empty(call);
}

static void update(struct container *c, struct task_call *take_call)
{
	const struct task_request *r = task_call_request(take_call);
	const char *const words[] = { "update", "--resources", "-", c->shim->id, NULL };
	auto_free char *text = xstrndup(r->json ? r->json : "", r->json_len);

	oci_run(&c->oci, &(struct oci_words){ .words = words, .input = text }, on_updated,
		take_call);
}

void container_call(struct container *c, struct task_call *take_call)
{
	const struct task_request *r = task_call_request(take_call);
	struct process *process = find(c, r->exec_id);
	struct err err;

	if (r->method == TASK_EXEC && !process) {
		exec_add(c, take_call);
	} else if (r->method == TASK_EXEC) {
		err_set(&err, -EEXIST, "id %s: already exists", r->exec_id);
		task_reply_error(take_call, &err);
	} else if (!process) {
		err_set(&err, -ENOENT, "process does not exist %s: not found", r->exec_id);
		task_reply_error(take_call, &err);
	} else if (r->method == TASK_STATS) {
		reply_stats(c, take_call);
	} else if (r->method == TASK_PIDS) {
		list_pids(c, take_call);
	} else if (r->method == TASK_UPDATE) {
		update(c, take_call);
	} else {
		process_call(process, take_call);
	}
}
