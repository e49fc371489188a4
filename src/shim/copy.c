/* Bytes from one descriptor to another. Nothing is read before what was read before is written, so a
 * reader that is slow slows the writer. */
#include <fcntl.h>

#include "base/base.h"
#include "shim/shim.h"

#define CHUNK ((size_t)16 << 10)

struct copy {
	struct loop *loop;
	int from;
	int to;
	struct io *io;
	loop_fn on_end;
	void *arg;
	size_t at;
	size_t len;
	char bytes[CHUNK];
};

static void on_readable(void *arg, unsigned events);
static void on_writable(void *arg, unsigned events);

static void wait_for(struct copy *copy, bool is_for_room)
{
	io_cancel(copy->io);
	copy->io = is_for_room ? io_watch(copy->loop, copy->to, IO_WRITE, on_writable, copy)
			       : io_watch(copy->loop, copy->from, IO_READ, on_readable, copy);
}

static void finish(struct copy *copy)
{
	loop_fn fn = copy->on_end;
	void *arg = copy->arg;

	copy->io = io_cancel(copy->io);
	cleanup_close(&copy->from);
	cleanup_close(&copy->to);
	copy->from = copy->to = -1;
	fn(arg);
}

/* 1: all of it, 0: there is no room for more now. */
static int put(struct copy *copy)
{
	while (copy->at < copy->len) {
		ssize_t n = write(copy->to, copy->bytes + copy->at, copy->len - copy->at);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		copy->at += (size_t)n;
	}
	return 1;
}

static void on_writable(void *arg, unsigned events)
{
	struct copy *copy = arg;
	int r = put(copy);

	if (r < 0)
		finish(copy);
	else if (r == 1)
		wait_for(copy, false);
}

/* The end of a terminal shows as EIO. */
static void on_readable(void *arg, unsigned events)
{
	struct copy *copy = arg;
	ssize_t n = read(copy->from, copy->bytes, sizeof(copy->bytes));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		finish(copy);
		return;
	}
	copy->at = 0;
	copy->len = (size_t)n;
	int r = put(copy);
	if (r < 0)
		finish(copy);
	else if (r == 0)
		wait_for(copy, true);
}

struct copy *copy_new(struct loop *loop, int take_from, int take_to, loop_fn on_end, void *arg)
{
	struct copy *copy = xmalloc(sizeof(*copy));

	*copy = (struct copy){ .loop = loop,
			       .from = take_from,
			       .to = take_to,
			       .on_end = on_end,
			       .arg = arg };
	fcntl(take_from, F_SETFL, fcntl(take_from, F_GETFL) | O_NONBLOCK);
	fcntl(take_to, F_SETFL, fcntl(take_to, F_GETFL) | O_NONBLOCK);
	wait_for(copy, false);
	return copy;
}

bool copy_has_ended(const struct copy *copy)
{
	return copy->from < 0;
}

struct copy *copy_free(struct copy *copy)
{
	if (!copy)
		return NULL;
	io_cancel(copy->io);
	cleanup_close(&copy->from);
	cleanup_close(&copy->to);
	free(copy);
	return NULL;
}
