/* Further processes of the container. */
#include <signal.h>

#include "base/base.h"
#include "json/json.h"
#include "shim/shim.h"

void exec_add(struct container *container, struct task_call *take_call)
{
	const struct task_request *r = task_call_request(take_call);
	struct process *process = NEW(struct process);

	process_init(process, container, r);
	process->spec = xstrndup(r->json ? r->json : "", r->json_len);
	list_push(&container->others, &process->node);
	process_tell(process, TASK_EVENT_EXEC_ADDED);
	task_reply_empty(take_call);
}

/* Whatever its id: none of the container's own files, such as config.json. */
char *exec_file(const struct process *process, const char *ending)
{
	return xasprintf("%s/exec.%s.%s", process->container->bundle, process->id, ending);
}

/* Whether there is a terminal is what the request says, whatever the process does. */
static int write_spec(const struct process *process, const char *path, struct err *err)
{
	auto_(json_free) struct json *root = NULL;
	auto_json_out struct json_out out = { 0 };
	auto_free char *text = NULL;
	int r = json_parse(process->spec, strlen(process->spec), &root, err);

	if (r < 0)
		return err_wrap(err, "read the process");
	json_out_init(&out, JSON_TEXT_MAX);
	json_out_object(&out, NULL);
	for (const char *key = NULL; (key = json_key_next(root, key));) {
		auto_free char *value = json_format(json_get(root, key));

		if (!str_eq(key, "terminal"))
			json_out_raw(&out, key, value);
	}
	json_out_bool(&out, "terminal", process->io.is_terminal);
	json_out_object_end(&out);
	r = json_out_finish(&out, &text, err);
	return r < 0 ? r : file_replace(path, text, err);
}

/* Who waits for the end of what never began is told that it has none. */
static void not_started(struct process *process, const struct err *err)
{
	process->is_starting = false;
	if (process->pid) { /* it runs, and nobody can talk to it */
		kill(process->pid, SIGKILL);
		process->state = TASK_IS_RUNNING;
	}
	process->end.exit_status = 255;
	stdio_fini(&process->io);
	stdio_init(&process->io, &process->container->shim->children,
		   &(struct task_request){ .input = "", .output = "", .errors = "" });
	for (size_t i = 0; i < process->n_waiters; i++)
		task_reply_end(process->waiters[i], &process->end);
	process->n_waiters = 0;
	task_reply_error(TAKE(process->call), err);
	process_done(process);
}

static void on_started(void *arg, const struct err *failure, const char *output)
{
	struct process *process = arg;
	auto_free char *spec = exec_file(process, "json");
	auto_free char *pid_file = exec_file(process, "pid");
	struct err err;
	int r;

	unlink(spec);
	if (failure)
		r = err_set(&err, failure->code, "OCI runtime exec failed: %s", failure->msg);
	else
		r = process_started(process, pid_file, &err);
	if (r < 0)
		not_started(process, &err);
	else
		process_set_running(process, TASK_EVENT_EXEC_STARTED);
}

void exec_start(struct process *process)
{
	struct container *c = process->container;
	const struct stdio_owner owner = { c->shim->ns, c->shim->id, c->shim->socket,
					   c->shim->n_stdio++ };
	auto_free char *spec = exec_file(process, "json");
	auto_free char *pid_file = exec_file(process, "pid");
	const char *words[16] = { "exec", "--process", spec, "--detach", "--pid-file", pid_file };
	size_t n = 6;
	struct err err;

	if (process->state != TASK_IS_CREATED || process->pid) {
		err_set(&err, -EBUSY, "cannot start a process twice");
		task_reply_error(TAKE(process->call), &err);
		process_done(process);
		return;
	}
	process->is_starting = true;
	process->end = (struct task_end){ 0 };
	if (write_spec(process, spec, &err) < 0 || stdio_open(&process->io, &owner, &err) < 0) {
		not_started(process, &err);
		return;
	}
	if (process->io.listener_path) {
		words[n++] = "--console-socket";
		words[n++] = process->io.listener_path;
	}
	words[n++] = c->shim->id;
	oci_run(&c->oci, &(struct oci_words){ .words = words, .stdio = process->io.theirs },
		on_started, process);
}
