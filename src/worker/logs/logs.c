/* Serving an instance's log as a stream: what the files hold, then, if wanted, what is added.
 *
 * The helper writes PATH and turns it into PATH.1 when it is full. Files are read on an executor;
 * inotify tells of growth and of the turn. */
#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>

#include "worker/logs/range.h"
#include "worker/private.h"

#define CHUNK_MAX    (256u << 10)
#define LOG_HELD_MAX (64u << 20) /* more than two files of any sensible limit */

struct log_stream {
	struct list node;
	struct worker *worker;
	struct stream *stream; /* NULL: the reader has gone */
	char *path;
	uint32_t tail;              /* UINT32_MAX: everything */
	char since[LOG_STAMP_SIZE]; /* "": the beginning */
	struct log_filter filter;
	struct buf rest; /* of a record that is not whole yet, where records are filtered */
	bool is_follow;
	struct err
		refusal; /* a request that is none, or a file that cannot be read; code 0: neither */
	bool is_pushing; /* the reader may go away meanwhile */
	bool is_reading;
	bool is_dirty; /* the file grew during a read */
	int fd;        /* file that is being read, -1: none yet, or a read has it */
	int notify_fd;
	struct io *notify;
	struct timer *soon; /* a push */
	struct buf pending; /* read, not sent yet */
};

struct log_op {
	struct op op;
	struct log_stream *log;
	char *path;
	int fd;
	bool is_first;
	uint32_t tail;
	char since[LOG_STAMP_SIZE];
	struct log_filter filter;
	struct buf data;
	bool is_turned; /* the file was renamed away: fd is the new one, of which nothing was read */
};

static void read_begin(struct log_stream *log, bool is_first);

char *logs_path(const struct worker *worker, const char *instance_id)
{
	return xasprintf("%s/logs/%s.log", worker->config.data_dir, instance_id);
}

void logs_remove(const char *path)
{
	auto_free char *older = xasprintf("%s.1", path);

	unlink(path);
	unlink(older);
}

static void log_op_fini(struct op *op)
{
	struct log_op *l = container_of(op, struct log_op, op);

	if (l->fd >= 0)
		close(l->fd);
	free(l->path);
	buf_fini(&l->data);
}

/* All but what is the loop's. */
static void log_release(struct log_stream *log)
{
	list_remove(&log->node);
	if (log->notify_fd >= 0)
		close(log->notify_fd);
	if (log->fd >= 0)
		close(log->fd);
	buf_fini(&log->pending);
	buf_fini(&log->rest);
	free(log->path);
	free(log);
}

static void log_free(struct log_stream *log)
{
	io_cancel(log->notify);
	timer_cancel(log->soon);
	log_release(log);
}

void logs_free_all(struct worker *worker)
{
	while (!list_is_empty(&worker->logs)) {
		struct log_stream *log = container_of(worker->logs.next, struct log_stream, node);

		if (log->stream)
			stream_serve(log->stream, NULL, NULL);
		log_release(log);
	}
}

static void read_rest(int fd, struct buf *data)
{
	auto_free char *chunk = xmalloc(CHUNK_MAX);
	ssize_t n;

	while ((n = read(fd, chunk, CHUNK_MAX)) > 0)
		if (buf_add(data, chunk, (size_t)n) < 0)
			return;
}

static bool is_same_file(int a, int b)
{
	struct stat sa;
	struct stat sb;

	return a >= 0 && b >= 0 && fstat(a, &sa) == 0 && fstat(b, &sb) == 0 &&
	       sa.st_ino == sb.st_ino && sa.st_dev == sb.st_dev;
}

/* Whether the path leads to another file than this one by now. */
static bool is_turned(const char *path, int fd)
{
	struct stat have;
	struct stat now;

	return fstat(fd, &have) == 0 && stat(path, &now) == 0 && have.st_ino != now.st_ino;
}

/* -1 for one that is not there. */
static int open_file(const char *path, int *ret, struct err *err)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0 && errno != ENOENT)
		return err_errno(err, "read log: open %s", path);
	*ret = fd;
	return 0;
}

/* The current file and the one before it, at one moment: if the current one is still that after the
 * other was opened, there was no turn between the two. 1, or 0: ask again. */
static int open_both(const char *path, int *ret_older, int *ret_current, struct err *err)
{
	auto_free char *older_path = xasprintf("%s.1", path);
	auto_close int current = -1;
	auto_close int older = -1;

	if (open_file(path, &current, err) < 0)
		return err->code;
	if (current < 0)
		return 0;
	if (open_file(older_path, &older, err) < 0)
		return err->code;
	if (is_turned(path, current))
		return 0;
	*ret_current = TAKE_FD(current);
	*ret_older = TAKE_FD(older);
	return 1;
}

/* Goes on from a file that was turned away, or from none, to the current one. It is opened here: a
 * turn between two reads would hide it from the next one. */
static int go_on(struct log_op *l)
{
	auto_close int older = -1;
	int current = -1;
	int r = open_both(l->path, &older, &current, &l->op.err);

	if (r <= 0)
		return r;
	if (l->fd >= 0)
		read_rest(l->fd, &l->data); /* written to it until it was turned away */
	/* It was turned again since: the file between the two. */
	if (older >= 0 && !is_same_file(older, l->fd))
		read_rest(older, &l->data);
	if (l->fd >= 0)
		close(l->fd);
	l->fd = current;
	return 0;
}

static int read_current(struct log_op *l)
{
	if (l->fd >= 0)
		read_rest(l->fd, &l->data);
	if (l->fd >= 0 && !is_turned(l->path, l->fd))
		return 0;
	int r = go_on(l);
	l->is_turned = l->fd >= 0; /* the new one is read next */
	return r;
}

/* Leaves the last `tail` lines. */
static void cut_to_tail(struct buf *data, uint32_t tail)
{
	size_t at = data->len;

	if (at && data->data[at - 1] == '\n')
		at--;
	for (uint32_t lines = 0; at > 0; at--)
		if (data->data[at - 1] == '\n' && ++lines == tail)
			break;
	buf_drop(data, tail ? at : data->len);
}

/* Moves to where what was asked for begins. Returns how many records of the tail come from here. */
static uint32_t seek_to_begin(const struct log_op *l, int fd, uint32_t tail)
{
	int64_t since = l->since[0] ? log_find_since(fd, l->since) : 0;
	uint32_t found = 0;
	int64_t at = 0;

	/* Which records count is known only when they have been read. */
	if (tail != UINT32_MAX && !l->filter.stream && !l->filter.until[0])
		at = log_find_tail(fd, tail, &found);
	lseek(fd, at > since ? at : since, SEEK_SET);
	return found;
}

/* Both files from where it begins. */
static int read_first(struct log_op *l)
{
	auto_free char *older_path = xasprintf("%s.1", l->path);
	auto_close int older = -1;
	uint32_t tail = l->tail;

	if (open_file(l->path, &l->fd, &l->op.err) < 0 ||
	    open_file(older_path, &older, &l->op.err) < 0)
		return l->op.err.code;
	if (l->fd >= 0) {
		uint32_t found = seek_to_begin(l, l->fd, tail);

		tail -= tail == UINT32_MAX ? 0 : found;
	}
	/* Unless it is the one that is open: it was turned away after we opened it. */
	if (older >= 0 && !is_same_file(older, l->fd)) {
		seek_to_begin(l, older, tail);
		read_rest(older, &l->data);
	}
	if (l->fd >= 0)
		return read_current(l);
	l->fd = TAKE_FD(older); /* caught within a turn, or there is no more than this */
	return 0;
}

/* Of what was read, the part that was asked for. */
static void filter_first(struct log_op *l)
{
	struct buf out;

	buf_init(&out, LOG_HELD_MAX);
	log_filter_add(&l->filter, l->data.data, l->data.len, &out);
	buf_fini(&l->data);
	l->data = out;
	if (l->tail != UINT32_MAX)
		cut_to_tail(&l->data, l->tail);
}

static void log_run(struct op *op)
{
	struct log_op *l = container_of(op, struct log_op, op);

	op->result = l->is_first ? read_first(l) : read_current(l);
	if (l->is_first)
		filter_first(l);
}

static void finish(struct log_stream *log)
{
	struct stream *stream = log->stream;
	struct err err = log->refusal;

	log_free(log);
	stream_end(stream, &err);
}

/* Hands on what is pending as far as the reader takes it. */
static void push_pending(struct log_stream *log)
{
	log->is_pushing = true;
	while (log->stream && log->pending.len && !stream_is_full(log->stream)) {
		size_t n = log->pending.len < CHUNK_MAX ? log->pending.len : CHUNK_MAX;

		stream_send(log->stream, log->pending.data, n);
		buf_drop(&log->pending, n);
	}
	log->is_pushing = false;
}

static void push(struct log_stream *log)
{
	push_pending(log);
	if (!log->stream)
		log_free(log);
	else if (log->pending.len) /* until the reader has room */
		return;
	else if (log->is_dirty && !log->refusal.code)
		read_begin(log, false);
	else if (!log->is_follow || log->refusal.code)
		finish(log);
}

static void on_soon(void *arg)
{
	struct log_stream *log = arg;

	log->soon = NULL;
	push(log);
}

/* Never from inside a callback of the stream: the push may end it. */
static void on_room(void *arg)
{
	struct log_stream *log = arg;

	if (log->pending.len && !log->is_reading && !log->soon)
		log->soon = timer_start(log->worker->config.loop, 0, on_soon, log);
}

/* What was added, whole records only where they are filtered. */
static void add_news(struct log_stream *log, const struct buf *data)
{
	if (!log->filter.stream) {
		buf_add(&log->pending, data->data, data->len);
		return;
	}
	buf_add(&log->rest, data->data, data->len);
	const char *last = memrchr(log->rest.data, '\n', log->rest.len);
	size_t len = last ? (size_t)(last - log->rest.data) + 1 : 0;
	log_filter_add(&log->filter, log->rest.data, len, &log->pending);
	buf_drop(&log->rest, len);
}

static void log_done(struct op *op)
{
	struct log_op *l = container_of(op, struct log_op, op);
	struct log_stream *log = l->log;

	log->is_reading = false;
	log->fd = TAKE_FD(l->fd);
	if (!log->stream) {
		log_free(log);
		return;
	}
	log->is_dirty |= l->is_turned;
	if (op->result < 0)
		log->refusal = op->err;
	if (l->is_first)
		buf_add(&log->pending, l->data.data, l->data.len);
	else
		add_news(log, &l->data);
	push(log);
}

static void read_begin(struct log_stream *log, bool is_first)
{
	struct log_op *l = NEW(struct log_op);

	log->is_dirty = false;
	log->is_reading = true;
	l->op = (struct op){ .run = log_run, .done = log_done, .fini = log_op_fini };
	l->log = log;
	l->path = xstrdup(log->path);
	l->fd = TAKE_FD(log->fd);
	l->is_first = is_first;
	l->tail = log->tail;
	STR_COPY(l->since, log->since);
	l->filter = log->filter;
	buf_init(&l->data, LOG_HELD_MAX);
	op_begin(log->worker, EXECUTOR_RUNTIME, &l->op);
}

/* The folder is that of all logs. */
static bool is_about(const struct log_stream *log, const char *notes, size_t len)
{
	const char *name = strrchr(log->path, '/') + 1;
	const struct inotify_event *e;

	for (size_t at = 0; at < len; at += sizeof(*e) + e->len) {
		e = (const struct inotify_event *)(const void *)(notes + at);
		if (e->mask & IN_Q_OVERFLOW || (e->len && str_eq(e->name, name)))
			return true;
	}
	return false;
}

static void on_notify(void *arg, unsigned events)
{
	struct log_stream *log = arg;
	char notes[4096] __attribute__((aligned(__alignof__(struct inotify_event))));
	ssize_t n;

	while ((n = read(log->notify_fd, notes, sizeof(notes))) > 0)
		log->is_dirty |= is_about(log, notes, (size_t)n);
	if (log->is_dirty && !log->is_reading && !log->pending.len && !log->soon)
		read_begin(log, false);
}

static int follow(struct log_stream *log, struct err *err)
{
	auto_free char *dir = xstrndup(log->path, (size_t)(strrchr(log->path, '/') - log->path));

	log->notify_fd = inotify_init1(IN_CLOEXEC | IN_NONBLOCK);
	if (log->notify_fd < 0)
		return err_errno(err, "follow log: watch %s", dir);
	/* The folder tells of new files, the file of its growth; the folder's events name both. */
	if (inotify_add_watch(log->notify_fd, dir, IN_MODIFY | IN_CREATE | IN_MOVED_TO) < 0)
		return err_errno(err, "follow log: watch %s", dir);
	log->notify = io_watch(log->worker->config.loop, log->notify_fd, IO_READ, on_notify, log);
	return 0;
}

static void on_gone(void *arg)
{
	struct log_stream *log = arg;

	log->stream = NULL;
	if (!log->is_reading && !log->is_pushing)
		log_free(log);
}

/* Since when, until when, and of which stream. */
static void read_range(struct log_stream *log, const struct json *request)
{
	int64_t since_ms = json_get_int(request, "since_ms", -1);
	int64_t until_ms = json_get_int(request, "until_ms", -1);
	const char *stream = json_get_str(request, "stream");

	if (since_ms >= 0)
		log_stamp((uint64_t)since_ms, log->since);
	if (until_ms >= 0)
		log_stamp((uint64_t)until_ms, log->filter.until);
	if (stream)
		log->filter.stream = str_eq(stream, "stderr") ? 'e' : 'o';
}

/* The run before the one that goes on, or else the last one. What it wrote is told by the time. */
static int read_previous(struct log_stream *log, const char *id)
{
	const struct winst *inst = map_find(&log->worker->instances, id);
	const struct run_record *record = inst ? &inst->record : NULL;
	bool is_alive = inst && inst->run == RUN_ALIVE;
	uint64_t from_ms = !inst ? 0 : is_alive ? record->previous_ms : record->run_ms;
	char stamp[LOG_STAMP_SIZE];

	if (!from_ms)
		return err_set(&log->refusal, -ENOENT, "no earlier run of it is known");
	log_stamp(from_ms, stamp);
	if (strcmp(stamp, log->since) > 0)
		STR_COPY(log->since, stamp);
	log_stamp(record->run_ms, stamp);
	if (is_alive && (!log->filter.until[0] || strcmp(stamp, log->filter.until) < 0))
		STR_COPY(log->filter.until, stamp);
	return 0;
}

/* What the request names; else the refusal is set. */
static void read_request(struct log_stream *log, const struct json *request)
{
	const char *id = json_get_str(request, "instance");
	int64_t tail = json_get_int(request, "tail", -1);

	read_range(log, request);
	log->tail = tail < 0 || tail >= UINT32_MAX ? UINT32_MAX : (uint32_t)tail;
	if (!id || !id_is_valid(id)) {
		err_set(&log->refusal, -EINVAL,
			"read log: expected a JSON object with an instance's id");
		return;
	}
	if (json_bool(json_get(request, "previous"), false) && read_previous(log, id) < 0)
		return;
	log->path = logs_path(log->worker, id);
	log->is_follow = json_bool(json_get(request, "follow"), false);
}

void logs_open(struct worker *worker, struct stream *stream, struct json *take_request)
{
	auto_(json_free) struct json *request = take_request;
	struct log_stream *log = NEW(struct log_stream);
	const struct stream_server server = { .room = on_room, .gone = on_gone, .arg = log };

	*log = (struct log_stream){ .worker = worker, .stream = stream, .fd = -1, .notify_fd = -1 };
	list_push(&worker->logs, &log->node);
	buf_init(&log->pending, LOG_HELD_MAX);
	buf_init(&log->rest, LOG_HELD_MAX);
	stream_serve_both(stream, &server);
	read_request(log, request);
	if (log->refusal.code || (log->is_follow && follow(log, &log->refusal) < 0))
		log->soon = timer_start(worker->config.loop, 0, on_soon, log);
	else
		read_begin(log, true);
}
