/* Executors: threads for blocking work, a queue per kind.
 *
 * Threads start on first use, up to the kind's width, and then wait for work until the loop is
 * freed: a child process whose death signal hangs on one of them keeps its parent. */
#include <pthread.h>
#include <signal.h>

#include "base/base.h"
#include "loop/internal.h"

/* Enough for TLS, name resolution and decompression, whose big buffers are on the heap. */
#define STACK_SIZE (512u << 10)

static const struct {
	unsigned first_index; /* of its threads, see executor_thread_index() */
	unsigned width;
} kinds[] = {
	[EXECUTOR_STORE] = { 1, 1 },
	[EXECUTOR_NETWORK] = { 2, 1 },
	[EXECUTOR_RUNTIME] = { 3, 8 },
	[EXECUTOR_TRANSFER] = { 11, 8 }, /* servers that hang hold theirs for half a minute */
	[EXECUTOR_VOLUME] = { 19, 4 },   /* storage drivers that hang hold theirs for a minute */
	[EXECUTOR_PROBE] = { 23, 4 },    /* so may commands of probes */
	[EXECUTOR_ACCOUNT] = { 27, 1 },
	[EXECUTOR_HOOK] = { 28, 4 },
};
static_assert(ARRAY_LEN(kinds) == EXECUTOR_N, "an entry per executor");

struct job {
	struct list node;
	struct work work;
};

struct pool {
	struct executors *owner;
	enum executor kind;
	struct list queue;
	unsigned n_queued;
	unsigned n_idle; /* threads that wait */
	unsigned n_threads;
	pthread_t threads[EXECUTOR_THREADS_MAX];
	pthread_cond_t wake;
};

struct executors {
	struct loop *loop;
	pthread_mutex_t lock;
	bool is_closing;
	struct pool pools[EXECUTOR_N];
};

/* What a new thread needs to know; freed by the thread. */
struct start {
	struct pool *pool;
	unsigned index;
};

static _Thread_local unsigned thread_index;

unsigned executor_thread_index(void)
{
	return thread_index;
}

unsigned executor_width(enum executor executor)
{
	return kinds[executor].width;
}

struct executors *executors_new(struct loop *loop)
{
	struct executors *e = NEW(struct executors);

	e->loop = loop;
	pthread_mutex_init(&e->lock, NULL);
	for (int kind = 0; kind < EXECUTOR_N; kind++) {
		struct pool *pool = &e->pools[kind];

		pool->owner = e;
		pool->kind = (enum executor)kind;
		list_init(&pool->queue);
		pthread_cond_init(&pool->wake, NULL);
	}
	return e;
}

/* The next job, or NULL when the thread shall end. */
static struct job *next_job(struct pool *pool)
{
	struct executors *e = pool->owner;
	struct list *node = NULL;

	pthread_mutex_lock(&e->lock);
	pool->n_idle++;
	while (!e->is_closing && list_is_empty(&pool->queue))
		pthread_cond_wait(&pool->wake, &e->lock);
	pool->n_idle--;
	if (!e->is_closing) {
		node = list_pop(&pool->queue);
		pool->n_queued--;
	}
	pthread_mutex_unlock(&e->lock);
	return node ? container_of(node, struct job, node) : NULL;
}

static void *thread_main(void *arg)
{
	auto_free struct start *start = arg;
	struct job *job;

	thread_index = start->index;
	while ((job = next_job(start->pool))) {
		job->work.run(job->work.arg);
		loop_post_from_thread(start->pool->owner->loop, job->work.done, job->work.arg);
		free(job);
	}
	return NULL;
}

/* Signals are the loop thread's: ours are started with all of them blocked. */
static void start_thread(struct pool *pool)
{
	struct start *start = NEW(struct start);
	pthread_attr_t attr;
	sigset_t all;
	sigset_t before;

	start->pool = pool;
	start->index = kinds[pool->kind].first_index + pool->n_threads;
	pthread_attr_init(&attr);
	pthread_attr_setstacksize(&attr, STACK_SIZE);
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int r = pthread_create(&pool->threads[pool->n_threads], &attr, thread_main, start);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	pthread_attr_destroy(&attr);
	if (r == 0) {
		pool->n_threads++;
		return;
	}
	free(start);
	/* The threads that are there do the work; without any it would never be done. */
	log_error("start thread: %s", strerror(r));
	if (!pool->n_threads)
		abort();
}

void executors_begin(struct executors *e, enum executor kind, const struct work *work)
{
	struct pool *pool = &e->pools[kind];
	struct job *job = NEW(struct job);

	job->work = *work;
	pthread_mutex_lock(&e->lock);
	list_push(&pool->queue, &job->node);
	pool->n_queued++;
	if (pool->n_queued > pool->n_idle && pool->n_threads < kinds[kind].width)
		start_thread(pool);
	pthread_cond_signal(&pool->wake);
	pthread_mutex_unlock(&e->lock);
}

static void pool_fini(struct pool *pool)
{
	struct list *node;

	for (unsigned i = 0; i < pool->n_threads; i++)
		pthread_join(pool->threads[i], NULL);
	while ((node = list_pop(&pool->queue)))
		free(container_of(node, struct job, node));
	pthread_cond_destroy(&pool->wake);
}

struct executors *executors_free(struct executors *e)
{
	if (!e)
		return NULL;
	pthread_mutex_lock(&e->lock);
	e->is_closing = true;
	for (int kind = 0; kind < EXECUTOR_N; kind++)
		pthread_cond_broadcast(&e->pools[kind].wake);
	pthread_mutex_unlock(&e->lock);
	for (int kind = 0; kind < EXECUTOR_N; kind++)
		pool_fini(&e->pools[kind]);
	pthread_mutex_destroy(&e->lock);
	free(e);
	return NULL;
}
