/* The front of the loop: calls go to the implementation that made it. */
#include "base/base.h"
#include "loop/internal.h"

struct loop *loop_free(struct loop *loop)
{
	if (loop)
		loop->driver->free(loop);
	return NULL;
}

void loop_run(struct loop *loop)
{
	loop->driver->run(loop);
}

void loop_stop(struct loop *loop)
{
	loop->driver->stop(loop);
}

uint64_t loop_now_ms(const struct loop *loop)
{
	return loop->driver->now_ms(loop);
}

uint64_t loop_wall_ms(const struct loop *loop)
{
	return loop->driver->wall_ms(loop);
}

void loop_random(struct loop *loop, void *out, size_t len)
{
	loop->driver->random(loop, out, len);
}

struct timer *timer_start(struct loop *loop, uint64_t delay_ms, loop_fn fn, void *arg)
{
	return loop->driver->timer_start(loop, delay_ms, fn, arg);
}

struct timer *timer_cancel(struct timer *timer)
{
	if (timer)
		timer->loop->driver->timer_cancel(timer);
	return NULL;
}

void loop_post(struct loop *loop, loop_fn fn, void *arg)
{
	loop->driver->post(loop, fn, arg);
}

void loop_post_from_thread(struct loop *loop, loop_fn fn, void *arg)
{
	loop->driver->post(loop, fn, arg);
}

struct io *io_watch(struct loop *loop, int fd, unsigned events, io_fn fn, void *arg)
{
	assert(loop->driver->has_io);
	return uv_io_watch(loop, fd, events, fn, arg);
}

struct io *io_cancel(struct io *io)
{
	if (io)
		uv_io_cancel(io);
	return NULL;
}

struct signal_watch *signal_watch(struct loop *loop, int signum, signal_fn fn, void *arg)
{
	assert(loop->driver->has_io);
	return uv_signal_watch(loop, signum, fn, arg);
}

struct signal_watch *signal_cancel(struct signal_watch *watch)
{
	if (watch)
		uv_signal_cancel(watch);
	return NULL;
}

void work_begin(struct loop *loop, enum executor executor, loop_fn run, loop_fn done, void *arg)
{
	const struct work work = { .run = run, .done = done, .arg = arg };

	assert(executor < EXECUTOR_N);
	loop->driver->work_begin(loop, executor, &work);
}

void loop_turns(const struct loop *loop, struct loop_turns *ret)
{
	*ret = (struct loop_turns){ 0 };
	if (loop->driver->turns)
		loop->driver->turns(loop, ret);
}

uint64_t retry_delay_of(uint64_t random, unsigned attempt, uint64_t first_ms, uint64_t cap_ms)
{
	uint64_t delay = first_ms < cap_ms ? first_ms : cap_ms;

	for (; attempt && delay < cap_ms; attempt--)
		delay = delay > cap_ms / 2 ? cap_ms : 2 * delay;
	return delay - random % (delay / 2 + 1);
}

uint64_t retry_delay_ms(struct loop *loop, unsigned attempt, uint64_t first_ms, uint64_t cap_ms)
{
	uint64_t random;

	loop_random(loop, &random, sizeof(random));
	return retry_delay_of(random, attempt, first_ms, cap_ms);
}
