/* Records by time and from the end. */
#include <sys/stat.h>

#include "worker/logs/range.h"

#define BLOCK      ((size_t)64 << 10)
#define STAMP_LEN  30
#define STREAM_AT  (STAMP_LEN + 1) /* "stdout" */
#define LETTER_AT  (STREAM_AT + 3) /* "o" or "e" */
#define RECORD_MIN (LETTER_AT + 1)

void log_stamp(uint64_t unix_ms, char out[LOG_STAMP_SIZE])
{
	time_t seconds = (time_t)(unix_ms / 1000);
	char text[24];
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(out, LOG_STAMP_SIZE, "%s.%03u000000Z", text, (unsigned)(unix_ms % 1000));
}

static int64_t size_of(int fd)
{
	struct stat st;

	return fstat(fd, &st) == 0 ? st.st_size : 0;
}

/* Begin of the first record at or behind `from`, the file's size if none begins there. `block` holds
 * BLOCK bytes. */
static int64_t next_record(int fd, int64_t from, char *block)
{
	int64_t at = from ? from - 1 : 0; /* it may begin exactly there */
	ssize_t n;

	if (!from)
		return 0;
	while ((n = pread(fd, block, BLOCK, at)) > 0) {
		const char *newline = memchr(block, '\n', (size_t)n);

		if (newline)
			return at + (newline - block) + 1;
		at += n;
	}
	return at;
}

/* Whether the record that begins at `at` is older. */
static bool is_before(int fd, int64_t at, const char *stamp)
{
	char have[STAMP_LEN];
	ssize_t n = pread(fd, have, sizeof(have), at);

	return n == STAMP_LEN && memcmp(have, stamp, STAMP_LEN) < 0;
}

int64_t log_find_since(int fd, const char *stamp)
{
	auto_free char *block = xmalloc(BLOCK);
	int64_t low = 0; /* what lies before is older */
	int64_t high = size_of(fd);

	while (low < high) {
		int64_t middle = low + (high - low) / 2;
		int64_t at = next_record(fd, middle, block);

		if (at >= high)
			high = middle; /* none begins between */
		else if (is_before(fd, at, stamp))
			low = at + 1;
		else
			high = middle;
	}
	return next_record(fd, low, block);
}

int64_t log_find_tail(int fd, uint32_t n, uint32_t *ret_found)
{
	auto_free char *block = xmalloc(BLOCK);
	int64_t end = size_of(fd);
	int64_t at = end;

	*ret_found = 0;
	if (!n)
		return end;
	while (at > 0) {
		int64_t start = at > (int64_t)BLOCK ? at - (int64_t)BLOCK : 0;
		ssize_t len = pread(fd, block, (size_t)(at - start), start);

		if (len != at - start)
			return end;
		for (ssize_t i = len; i-- > 0;) {
			/* The newline that ends the last record begins none. */
			if (block[i] != '\n' || start + i + 1 == end)
				continue;
			if (++*ret_found == n)
				return start + i + 1;
		}
		at = start;
	}
	*ret_found += end > 0;
	return 0;
}

static bool passes(const struct log_filter *filter, const char *record, size_t len)
{
	return !filter->stream || (len >= RECORD_MIN && record[LETTER_AT] == filter->stream);
}

static bool is_too_late(const struct log_filter *filter, const char *record, size_t len)
{
	return filter->until[0] && len >= STAMP_LEN && memcmp(record, filter->until, STAMP_LEN) > 0;
}

bool log_filter_add(const struct log_filter *filter, const char *data, size_t len, struct buf *out)
{
	const char *end = data + len;

	if (!filter->stream && !filter->until[0]) {
		buf_add(out, data, len);
		return true;
	}
	while (data < end) {
		const char *newline = memchr(data, '\n', (size_t)(end - data));
		size_t n = newline ? (size_t)(newline - data) + 1 : (size_t)(end - data);

		if (is_too_late(filter, data, n))
			return false;
		if (passes(filter, data, n))
			buf_add(out, data, n);
		data += n;
	}
	return true;
}
