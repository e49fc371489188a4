/* Bounded log in CRI format: lines are gathered in memory and written once per chunk of input. */
#include <fcntl.h>
#include <limits.h>
#include <sys/stat.h>

#include "base/base.h"
#include "helper/log_file.h"

#define OUT_SIZE    ((size_t)64 << 10)
#define STAMP_SIZE  36 /* "2026-11-23T13:18:02.123456789Z" */
#define RECORD_ROOM (STAMP_SIZE + 16 + LOG_LINE_MAX + 1)

struct line {
	size_t len;
	char text[LOG_LINE_MAX];
};

struct log_file {
	char *path;
	char *old_path;
	int fd;         /* -1: not open, tried again at the next write */
	uint64_t size;  /* of the current file */
	uint64_t half;  /* most bytes of one file */
	uint64_t lost;  /* bytes of output that could not be written since the last success */
	int lost_error; /* why, as an errno */
	char stamp[STAMP_SIZE];
	struct line lines[LOG_STREAM_N]; /* unfinished ones */
	size_t out_len;
	char out[OUT_SIZE]; /* records not yet in the file */
};

static const char *const stream_names[] = { "stdout", "stderr" };
static_assert(ARRAY_LEN(stream_names) == LOG_STREAM_N, "one name per stream");

static void stamp_now(struct log_file *log)
{
	struct timespec now;
	struct tm tm;
	char seconds[24];

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	strftime(seconds, sizeof(seconds), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(log->stamp, sizeof(log->stamp), "%s.%09ldZ", seconds, now.tv_nsec);
}

/* False if the path is a link that leads nowhere yet. Once it leads somewhere, that is the path: files
 * are rotated where they are. */
static bool follow_link(struct log_file *log)
{
	char target[PATH_MAX];
	ssize_t n = readlink(log->path, target, sizeof(target));

	if (n <= 0 || (size_t)n == sizeof(target))
		return true;
	if (*target != '/')
		return false;
	free(log->path);
	free(log->old_path);
	log->path = xstrndup(target, (size_t)n);
	log->old_path = xasprintf("%s.1", log->path);
	return true;
}

static void open_current(struct log_file *log)
{
	struct stat st;

	if (log->fd >= 0)
		return;
	if (!follow_link(log)) {
		errno = ENOLINK;
		return;
	}
	log->fd = open(log->path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0640);
	log->size = log->fd >= 0 && fstat(log->fd, &st) == 0 ? (uint64_t)st.st_size : 0;
}

/* All or nothing: half a record would spoil the one after it. */
static int append(struct log_file *log, const char *data, size_t len)
{
	size_t done = 0;

	open_current(log);
	if (log->fd < 0)
		return -errno;
	while (done < len) {
		ssize_t n = write(log->fd, data + done, len - done);
		int error = n < 0 ? errno : ENOSPC;

		if (n < 0 && error == EINTR)
			continue;
		if (n <= 0) {
			if (done && ftruncate(log->fd, (off_t)log->size) < 0)
				log->size += done;
			return -error;
		}
		done += (size_t)n;
	}
	log->size += len;
	return 0;
}

static int append_loss(struct log_file *log)
{
	char note[160];

	snprintf(note, sizeof(note), "%s stderr F holm: %llu bytes of log lost: %s\n", log->stamp,
		 (unsigned long long)log->lost, strerror(log->lost_error));
	return append(log, note, strlen(note));
}

static void write_out(struct log_file *log)
{
	int r = 0;

	if (!log->out_len)
		return;
	if (log->lost)
		r = append_loss(log);
	if (r == 0) {
		log->lost = 0;
		r = append(log, log->out, log->out_len);
	}
	if (r < 0) {
		log->lost += log->out_len;
		log->lost_error = -r;
	}
	log->out_len = 0;
}

static void rotate(struct log_file *log)
{
	write_out(log);
	if (log->fd < 0)
		return;
	close(log->fd);
	log->fd = -1;
	if (rename(log->path, log->old_path) < 0 && unlink(log->path) < 0)
		log->lost_error = errno;
	open_current(log);
}

static void put(struct log_file *log, const void *data, size_t len)
{
	memcpy(log->out + log->out_len, data, len);
	log->out_len += len;
}

/* One record of what was kept of the line and of the `len` bytes that follow. */
static void put_record(struct log_file *log, enum log_stream stream, char tag, const char *data,
		       size_t len)
{
	struct line *kept = &log->lines[stream];

	if (log->out_len + RECORD_ROOM > OUT_SIZE)
		write_out(log);
	if (log->size + log->out_len + RECORD_ROOM > log->half)
		rotate(log);
	if (tag == 'F' && len && data[len - 1] == '\r')
		len--;
	else if (tag == 'F' && !len && kept->len && kept->text[kept->len - 1] == '\r')
		kept->len--;
	log->out_len += (size_t)snprintf(log->out + log->out_len, RECORD_ROOM, "%s %s %c ",
					 log->stamp, stream_names[stream], tag);
	put(log, kept->text, kept->len);
	put(log, data, len);
	put(log, "\n", 1);
	kept->len = 0;
}

void log_file_write(struct log_file *log, enum log_stream stream, const void *data, size_t len)
{
	struct line *kept = &log->lines[stream];
	const char *p = data;

	stamp_now(log);
	while (len) {
		size_t room = LOG_LINE_MAX - kept->len;
		size_t n = len < room ? len : room;
		const char *end = memchr(p, '\n', n);

		if (end) {
			n = (size_t)(end - p);
			put_record(log, stream, 'F', p, n);
			n++;
		} else if (n == room) {
			put_record(log, stream, 'P', p, n);
		} else {
			memcpy(kept->text + kept->len, p, n);
			kept->len += n;
		}
		p += n;
		len -= n;
	}
	write_out(log);
}

bool log_file_has_partial(const struct log_file *log)
{
	return log->lines[LOG_STREAM_OUT].len || log->lines[LOG_STREAM_ERR].len;
}

static void end_lines(struct log_file *log, char tag)
{
	stamp_now(log);
	for (enum log_stream s = 0; s < LOG_STREAM_N; s++)
		if (log->lines[s].len)
			put_record(log, s, tag, "", 0);
	write_out(log);
}

void log_file_flush_partial(struct log_file *log)
{
	end_lines(log, 'P');
}

struct log_file *log_file_new(const char *path, uint64_t max_bytes)
{
	struct log_file *log = NEW(struct log_file);

	log->path = xstrdup(path);
	log->old_path = xasprintf("%s.1", path);
	log->half = (max_bytes < LOG_FILE_MIN ? LOG_FILE_MIN : max_bytes) / 2;
	log->fd = -1;
	open_current(log);
	return log;
}

struct log_file *log_file_free(struct log_file *log)
{
	if (!log)
		return NULL;
	end_lines(log, 'F');
	if (log->fd >= 0)
		close(log->fd);
	free(log->path);
	free(log->old_path);
	free(log);
	return NULL;
}

int log_file_parse(const char *text, uint64_t *ret_max, const char **ret_path)
{
	const char *colon = strchr(text, ':');

	if (!colon || colon[1] != '/')
		return -EINVAL;
	auto_free char *number = xstrndup(text, (size_t)(colon - text));
	if (parse_u64(number, 0, LOG_FILE_MAX, ret_max) < 0)
		return -EINVAL;
	*ret_path = colon + 1;
	return 0;
}
