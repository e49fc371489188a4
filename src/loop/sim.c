/* The simulated loop: virtual time, and a seeded generator that decides the order of what is due at
 * once and how long work takes. Posts stay in order among themselves, and so does the work of an
 * executor of one thread, as in the real loop; everything else is shuffled. */
#include "base/base.h"
#include "loop/internal.h"

#define START_MS      1000           /* so that 0 can mean "never" */
#define WALL_START_MS 1767225600000u /* 2026-01-01 */
#define STEP_MAX_MS   10             /* of each half of a piece of work */

struct sim;

struct event {
	struct timer base;
	uint64_t due_ms;
	uint64_t order; /* random, among those due at once */
	size_t at;      /* index in the heap */
	loop_fn fn;
	void *arg;
};

struct post {
	struct list node;
	loop_fn fn;
	void *arg;
};

struct job {
	struct list node;
	struct sim *sim;
	enum executor executor;
	struct work work;
};

struct lane {
	unsigned n_busy;
	struct list queue;
	struct list running;
};

struct sim {
	struct loop base;
	uint64_t now_ms;
	uint64_t random;
	bool is_stopped;
	struct event **heap; /* earliest first */
	size_t n;
	struct list posts;
	struct lane lanes[EXECUTOR_N];
};

static struct sim *sim_of(const struct loop *loop)
{
	return container_of(loop, struct sim, base);
}

/* splitmix64, by Sebastiano Vigna (public domain). */
static uint64_t next_random(struct sim *sim)
{
	uint64_t z = (sim->random += 0x9e3779b97f4a7c15u);

	z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
	z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
	return z ^ (z >> 31);
}

static bool is_before(const struct event *a, const struct event *b)
{
	return a->due_ms != b->due_ms ? a->due_ms < b->due_ms : a->order < b->order;
}

static void heap_put(struct sim *sim, size_t at, struct event *event)
{
	sim->heap[at] = event;
	event->at = at;
}

static void sift_up(struct sim *sim, struct event *event)
{
	size_t at = event->at;

	for (; at && is_before(event, sim->heap[(at - 1) / 2]); at = (at - 1) / 2)
		heap_put(sim, at, sim->heap[(at - 1) / 2]);
	heap_put(sim, at, event);
}

static void sift_down(struct sim *sim, struct event *event)
{
	size_t at = event->at;

	for (;;) {
		size_t child = 2 * at + 1;

		if (child + 1 < sim->n && is_before(sim->heap[child + 1], sim->heap[child]))
			child++;
		if (child >= sim->n || !is_before(sim->heap[child], event))
			break;
		heap_put(sim, at, sim->heap[child]);
		at = child;
	}
	heap_put(sim, at, event);
}

static struct event *add_event(struct sim *sim, uint64_t delay_ms, loop_fn fn, void *arg)
{
	struct event *event = NEW(struct event);

	event->base.loop = &sim->base;
	/* A delay of "never" must not wrap around. */
	event->due_ms = delay_ms < UINT64_MAX - sim->now_ms ? sim->now_ms + delay_ms : UINT64_MAX;
	event->order = next_random(sim);
	event->fn = fn;
	event->arg = arg;
	event->at = sim->n;
	*ARRAY_ADD(sim->heap, sim->n) = event;
	sift_up(sim, event);
	return event;
}

static void remove_event(struct sim *sim, struct event *event)
{
	struct event *last = sim->heap[--sim->n];

	if (last != event) {
		heap_put(sim, event->at, last);
		sift_up(sim, last);
		sift_down(sim, last);
	}
	free(event);
}

static struct timer *sim_timer_start(struct loop *loop, uint64_t delay_ms, loop_fn fn, void *arg)
{
	return &add_event(sim_of(loop), delay_ms, fn, arg)->base;
}

static void sim_timer_cancel(struct timer *timer)
{
	remove_event(sim_of(timer->loop), container_of(timer, struct event, base));
}

static void sim_post(struct loop *loop, loop_fn fn, void *arg)
{
	struct sim *sim = sim_of(loop);
	struct post *post = NEW(struct post);

	post->fn = fn;
	post->arg = arg;
	list_push(&sim->posts, &post->node);
}

static void start_jobs(struct sim *sim, enum executor executor);

static uint64_t step_ms(struct sim *sim)
{
	return next_random(sim) % STEP_MAX_MS;
}

static void on_job_done(void *arg)
{
	struct job *job = arg;
	struct sim *sim = job->sim;
	struct work work = job->work;

	list_remove(&job->node);
	sim->lanes[job->executor].n_busy--;
	start_jobs(sim, job->executor);
	free(job);
	work.done(work.arg);
}

static void on_job_run(void *arg)
{
	struct job *job = arg;

	job->work.run(job->work.arg);
	add_event(job->sim, step_ms(job->sim), on_job_done, job);
}

static void start_jobs(struct sim *sim, enum executor executor)
{
	struct lane *lane = &sim->lanes[executor];

	while (lane->n_busy < executor_width(executor) && !list_is_empty(&lane->queue)) {
		struct job *job = container_of(list_pop(&lane->queue), struct job, node);

		lane->n_busy++;
		list_push(&lane->running, &job->node);
		add_event(sim, 1 + step_ms(sim), on_job_run, job);
	}
}

static void sim_work_begin(struct loop *loop, enum executor executor, const struct work *work)
{
	struct sim *sim = sim_of(loop);
	struct job *job = NEW(struct job);

	job->sim = sim;
	job->executor = executor;
	job->work = *work;
	list_push(&sim->lanes[executor].queue, &job->node);
	start_jobs(sim, executor);
}

static void run_post(struct sim *sim)
{
	struct post *post = container_of(list_pop(&sim->posts), struct post, node);
	loop_fn fn = post->fn;
	void *arg = post->arg;

	free(post);
	fn(arg);
}

static void run_event(struct sim *sim)
{
	struct event *event = sim->heap[0];
	loop_fn fn = event->fn;
	void *arg = event->arg;

	sim->now_ms = event->due_ms;
	remove_event(sim, event);
	fn(arg);
}

bool loop_sim_step(struct loop *loop)
{
	struct sim *sim = sim_of(loop);
	bool has_post = !list_is_empty(&sim->posts);
	bool is_due = sim->n && sim->heap[0]->due_ms <= sim->now_ms;

	if (!has_post && !sim->n)
		return false;
	if (has_post && (!is_due || next_random(sim) & 1))
		run_post(sim);
	else
		run_event(sim);
	return true;
}

int loop_sim_run(struct loop *loop, uint64_t until_ms)
{
	struct sim *sim = sim_of(loop);

	while (!sim->is_stopped) {
		if (list_is_empty(&sim->posts) && sim->n && sim->heap[0]->due_ms > until_ms) {
			if (until_ms > sim->now_ms)
				sim->now_ms = until_ms;
			return 1;
		}
		if (!loop_sim_step(loop))
			return 0;
	}
	sim->is_stopped = false;
	return 0;
}

static void sim_run(struct loop *loop)
{
	loop_sim_run(loop, UINT64_MAX);
}

static void sim_stop(struct loop *loop)
{
	sim_of(loop)->is_stopped = true;
}

static uint64_t sim_now_ms(const struct loop *loop)
{
	return sim_of(loop)->now_ms;
}

static uint64_t sim_wall_ms(const struct loop *loop)
{
	return WALL_START_MS - START_MS + sim_of(loop)->now_ms;
}

static void sim_random(struct loop *loop, void *out, size_t len)
{
	struct sim *sim = sim_of(loop);

	for (char *p = out; len;) {
		uint64_t random = next_random(sim);
		size_t n = len < sizeof(random) ? len : sizeof(random);

		memcpy(p, &random, n);
		p += n;
		len -= n;
	}
}

static void free_jobs(struct list *jobs)
{
	struct list *node;

	while ((node = list_pop(jobs)))
		free(container_of(node, struct job, node));
}

static void sim_free(struct loop *loop)
{
	struct sim *sim = sim_of(loop);
	struct list *node;

	for (size_t i = 0; i < sim->n; i++)
		free(sim->heap[i]);
	free(sim->heap);
	while ((node = list_pop(&sim->posts)))
		free(container_of(node, struct post, node));
	for (int i = 0; i < EXECUTOR_N; i++) {
		free_jobs(&sim->lanes[i].queue);
		free_jobs(&sim->lanes[i].running);
	}
	free(sim);
}

static const struct loop_driver sim_driver = {
	.free = sim_free,
	.run = sim_run,
	.stop = sim_stop,
	.now_ms = sim_now_ms,
	.wall_ms = sim_wall_ms,
	.random = sim_random,
	.timer_start = sim_timer_start,
	.timer_cancel = sim_timer_cancel,
	.post = sim_post,
	.work_begin = sim_work_begin,
};

struct loop *loop_sim_new(uint64_t seed)
{
	struct sim *sim = NEW(struct sim);

	sim->base.driver = &sim_driver;
	sim->now_ms = START_MS;
	sim->random = seed;
	list_init(&sim->posts);
	for (int i = 0; i < EXECUTOR_N; i++) {
		list_init(&sim->lanes[i].queue);
		list_init(&sim->lanes[i].running);
	}
	return &sim->base;
}
