/* The real loop, on libuv.
 *
 * libuv closes handles asynchronously; here a cancelled watcher is closed at once for its owner, and
 * its memory is freed by the close callback. Posts, ends of work and timers that are due at once
 * share one queue and one wake-up descriptor. */
#include <pthread.h>
#include <sys/random.h>

#include <uv.h>

#include "base/base.h"
#include "loop/internal.h"

struct real {
	struct loop base;
	uv_loop_t uv;
	uv_async_t wake;
	uv_prepare_t prepare; /* before it waits */
	struct turn_watch watch;
	pthread_mutex_t lock; /* of `posts` */
	struct list posts;
	struct executors *executors;
};

struct post {
	struct list node;
	loop_fn fn;
	void *arg;
	struct real_timer *timer; /* that it stands for, or NULL */
};

/* With a delay a handle of libuv's, without one a post: libuv would run a timer that is started
 * with 0 from a timer's callback in the same turn. */
struct real_timer {
	struct timer base;
	struct post post;
	bool is_post;
	uv_timer_t handle;
};

struct io {
	uv_poll_t handle;
	struct real *real;
	unsigned events;
	io_fn fn;
	void *arg;
};

struct signal_watch {
	uv_signal_t handle;
	signal_fn fn;
	void *arg;
};

static struct real *real_of(const struct loop *loop)
{
	return container_of(loop, struct real, base);
}

static void check(int r)
{
	if (r < 0) {
		log_error("event loop: %s", uv_strerror(r));
		abort();
	}
}

/* Every handle's data is the allocation that holds it (NULL for those in the loop itself). */
static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void close_handle(uv_handle_t *handle, void *arg)
{
	if (!uv_is_closing(handle))
		uv_close(handle, on_closed);
}

static void add_post(struct real *real, struct post *post)
{
	pthread_mutex_lock(&real->lock);
	bool was_empty = list_is_empty(&real->posts);
	list_push(&real->posts, &post->node);
	if (was_empty)
		uv_async_send(&real->wake);
	pthread_mutex_unlock(&real->lock);
}

static void free_post(struct post *post)
{
	free(post->timer ? (void *)post->timer : (void *)post);
}

static void take_posts(struct real *real, struct list *ret)
{
	struct list *node;

	list_init(ret);
	pthread_mutex_lock(&real->lock);
	while ((node = list_pop(&real->posts)))
		list_push(ret, node);
	pthread_mutex_unlock(&real->lock);
}

static void on_wake(uv_async_t *handle)
{
	struct real *real = container_of(handle, struct real, wake);
	struct list batch;
	struct list *node;

	turn_begin(&real->watch);
	take_posts(real, &batch);
	while ((node = list_pop(&batch))) {
		struct post *post = container_of(node, struct post, node);
		loop_fn fn = post->fn;
		void *arg = post->arg;

		free_post(post);
		fn(arg);
	}
}

static void real_post(struct loop *loop, loop_fn fn, void *arg)
{
	struct post *post = NEW(struct post);

	post->fn = fn;
	post->arg = arg;
	add_post(real_of(loop), post);
}

static void on_timer(uv_timer_t *handle)
{
	struct real_timer *timer = container_of(handle, struct real_timer, handle);
	loop_fn fn = timer->post.fn;
	void *arg = timer->post.arg;

	turn_begin(&real_of(timer->base.loop)->watch);
	uv_close((uv_handle_t *)handle, on_closed);
	fn(arg);
}

static struct timer *real_timer_start(struct loop *loop, uint64_t delay_ms, loop_fn fn, void *arg)
{
	struct real *real = real_of(loop);
	struct real_timer *timer = NEW(struct real_timer);

	timer->base.loop = loop;
	timer->post = (struct post){ .fn = fn, .arg = arg, .timer = timer };
	timer->is_post = delay_ms == 0;
	if (timer->is_post) {
		add_post(real, &timer->post);
		return &timer->base;
	}
	check(uv_timer_init(&real->uv, &timer->handle));
	timer->handle.data = timer;
	/* libuv counts from the start of the turn, which may be long ago, and on a coarser clock: 1 ms
	 * more, so that no timer is early by loop_now_ms(). */
	uv_update_time(&real->uv);
	delay_ms += delay_ms < UINT64_MAX;
	check(uv_timer_start(&timer->handle, on_timer, delay_ms, 0));
	return &timer->base;
}

static void real_timer_cancel(struct timer *base)
{
	struct real_timer *timer = container_of(base, struct real_timer, base);
	struct real *real = real_of(base->loop);

	if (!timer->is_post) {
		uv_close((uv_handle_t *)&timer->handle, on_closed);
		return;
	}
	pthread_mutex_lock(&real->lock);
	list_remove(&timer->post.node);
	pthread_mutex_unlock(&real->lock);
	free(timer);
}

static int to_uv(unsigned events)
{
	return (events & IO_READ ? UV_READABLE : 0) | (events & IO_WRITE ? UV_WRITABLE : 0) |
	       (events & IO_HANGUP ? UV_DISCONNECT : 0);
}

static unsigned from_uv(int events)
{
	return (events & UV_READABLE ? IO_READ : 0) | (events & UV_WRITABLE ? IO_WRITE : 0) |
	       (events & UV_DISCONNECT ? IO_HANGUP : 0);
}

/* On an error of the descriptor libuv stops watching: the owner is told that everything is ready,
 * and meets the error in its next call. */
static void on_io(uv_poll_t *handle, int status, int events)
{
	struct io *io = container_of(handle, struct io, handle);

	turn_begin(&io->real->watch);
	if (status < 0)
		check(uv_poll_start(handle, to_uv(io->events), on_io));
	io->fn(io->arg, status < 0 ? io->events : from_uv(events));
}

struct io *uv_io_watch(struct loop *loop, int fd, unsigned events, io_fn fn, void *arg)
{
	struct io *io = NEW(struct io);

	io->real = real_of(loop);
	io->events = events;
	io->fn = fn;
	io->arg = arg;
	check(uv_poll_init(&io->real->uv, &io->handle, fd));
	io->handle.data = io;
	check(uv_poll_start(&io->handle, to_uv(events), on_io));
	return io;
}

void uv_io_cancel(struct io *io)
{
	uv_close((uv_handle_t *)&io->handle, on_closed);
}

static void on_signal(uv_signal_t *handle, int signum)
{
	struct signal_watch *watch = container_of(handle, struct signal_watch, handle);

	turn_begin(&container_of(handle->loop, struct real, uv)->watch);
	watch->fn(watch->arg, signum);
}

struct signal_watch *uv_signal_watch(struct loop *loop, int signum, signal_fn fn, void *arg)
{
	struct signal_watch *watch = NEW(struct signal_watch);

	watch->fn = fn;
	watch->arg = arg;
	check(uv_signal_init(&real_of(loop)->uv, &watch->handle));
	watch->handle.data = watch;
	check(uv_signal_start(&watch->handle, on_signal, signum));
	return watch;
}

void uv_signal_cancel(struct signal_watch *watch)
{
	uv_close((uv_handle_t *)&watch->handle, on_closed);
}

static void on_prepare(uv_prepare_t *handle)
{
	turn_end(&container_of(handle, struct real, prepare)->watch);
}

static void real_turns(const struct loop *loop, struct loop_turns *ret)
{
	*ret = real_of(loop)->watch.turns;
}

static void real_run(struct loop *loop)
{
	uv_run(&real_of(loop)->uv, UV_RUN_DEFAULT);
}

static void real_stop(struct loop *loop)
{
	uv_stop(&real_of(loop)->uv);
}

static uint64_t real_now_ms(const struct loop *loop)
{
	return uv_hrtime() / 1000000;
}

static uint64_t real_wall_ms(const struct loop *loop)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

static void real_random(struct loop *loop, void *out, size_t len)
{
	for (char *p = out; len;) {
		ssize_t n = getrandom(p, len, 0);

		if (n < 0 && errno != EINTR) {
			log_error("getrandom: %s", strerror(errno));
			abort();
		}
		if (n > 0) {
			p += n;
			len -= (size_t)n;
		}
	}
}

static void real_work_begin(struct loop *loop, enum executor executor, const struct work *work)
{
	executors_begin(real_of(loop)->executors, executor, work);
}

static void real_free(struct loop *loop)
{
	struct real *real = real_of(loop);
	struct list batch;
	struct list *node;

	executors_free(real->executors);
	take_posts(real, &batch);
	while ((node = list_pop(&batch)))
		free_post(container_of(node, struct post, node));
	uv_walk(&real->uv, close_handle, NULL);
	/* A loop_stop() that nobody ran into would end this run before its closing callbacks. */
	while (uv_run(&real->uv, UV_RUN_DEFAULT))
		;
	check(uv_loop_close(&real->uv));
	pthread_mutex_destroy(&real->lock);
	free(real);
}

static const struct loop_driver real_driver = {
	.has_io = true,
	.free = real_free,
	.run = real_run,
	.stop = real_stop,
	.now_ms = real_now_ms,
	.wall_ms = real_wall_ms,
	.random = real_random,
	.timer_start = real_timer_start,
	.timer_cancel = real_timer_cancel,
	.post = real_post,
	.work_begin = real_work_begin,
	.turns = real_turns,
};

struct loop *loop_new(void)
{
	struct real *real = NEW(struct real);

	real->base.driver = &real_driver;
	check(uv_loop_init(&real->uv));
	check(uv_async_init(&real->uv, &real->wake, on_wake));
	check(uv_prepare_init(&real->uv, &real->prepare));
	check(uv_prepare_start(&real->prepare, on_prepare));
	pthread_mutex_init(&real->lock, NULL);
	list_init(&real->posts);
	real->executors = executors_new(&real->base);
	return &real->base;
}
