/* Ends of processes. All of them are collected here: the container's become our children only when the
 * OCI runtime that started them has gone. */
#include <signal.h>
#include <sys/wait.h>

#include "base/base.h"
#include "shim/shim.h"

struct watched {
	struct list node;
	struct children *children;
	pid_t pid;
	child_fn fn;
	void *arg;
	int status;
	bool is_run;
	bool has_ended;
};

static struct watched *find(const struct children *children, pid_t pid)
{
	struct list *at, *next;

	list_for_each(at, next, &children->watched) {
		struct watched *w = container_of(at, struct watched, node);

		if (w->pid == pid && !w->has_ended)
			return w;
	}
	return NULL;
}

static void tell(void *arg)
{
	struct watched *w = arg;

	list_remove(&w->node);
	w->children->n_runs -= w->is_run;
	if (w->fn)
		w->fn(w->arg, w->status);
	free(w);
}

static void end(struct watched *w, int status)
{
	w->status = status;
	w->has_ended = true;
	loop_post(w->children->loop, tell, w);
}

/* The oldest are given up: so many have ended since that nobody will ask for them. */
static void note(struct children *children, pid_t pid, int status)
{
	if (children->n_ends == ARRAY_LEN(children->ends))
		memmove(children->ends, children->ends + 1,
			--children->n_ends * sizeof(*children->ends));
	children->ends[children->n_ends++] = (struct child_end){ pid, status };
}

static void on_child(void *arg, int signum)
{
	struct children *children = arg;
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		int code = WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
		struct watched *w = find(children, pid);

		if (w)
			end(w, code);
		else if (children->n_runs)
			note(children, pid, code);
	}
}

void children_init(struct children *children, struct loop *loop)
{
	*children = (struct children){ .loop = loop };
	list_init(&children->watched);
	list_init(&children->runs);
	children->watch = signal_watch(loop, SIGCHLD, on_child, children);
}

void children_fini(struct children *children)
{
	struct list *at;

	signal_cancel(children->watch);
	while ((at = list_pop(&children->watched)))
		free(container_of(at, struct watched, node));
}

static struct watched *watch(struct children *children, pid_t pid, child_fn fn, void *arg)
{
	struct watched *w = NEW(struct watched);

	w->children = children;
	w->pid = pid;
	w->fn = fn;
	w->arg = arg;
	list_push(&children->watched, &w->node);
	return w;
}

void children_watch(struct children *children, pid_t pid, child_fn fn, void *arg)
{
	struct watched *w = watch(children, pid, fn, arg);

	for (size_t i = 0; i < children->n_ends; i++)
		if (children->ends[i].pid == pid) {
			end(w, children->ends[i].status);
			return;
		}
}

void children_forget(struct children *children, const void *arg)
{
	struct list *at, *next;

	list_for_each(at, next, &children->watched) {
		struct watched *w = container_of(at, struct watched, node);

		if (w->arg == arg)
			w->fn = NULL;
	}
}

int children_run(struct children *children, const struct child_spec *spec, child_fn fn, void *arg,
		 struct err *err)
{
	struct proc_id proc;
	int r = child_spawn(spec, &proc, err);

	if (r < 0)
		return r;
	/* What ended before has nothing to do with whom this one starts. */
	if (children->n_runs++ == 0)
		children->n_ends = 0;
	watch(children, proc.pid, fn, arg)->is_run = true;
	return 0;
}
