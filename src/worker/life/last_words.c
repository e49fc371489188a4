/* The end of a log in one line of text. Records are joined to lines as the log's reader does it; of
 * these only the last few are kept. */
#include <fcntl.h>
#include <sys/stat.h>

#include "base/base.h"
#include "worker/life/life.h"

#define TAIL_MAX        ((size_t)16 << 10) /* bytes of a file that are looked at */
#define ENOUGH          ((size_t)4 << 10)  /* in the current file: the older one is not needed */
#define TIME_LEN        23                 /* "2026-11-23T13:18:02.123" */
#define SEPARATOR       " | "
#define ELLIPSIS        "…"
#define UTF8_IS_TAIL(c) (((unsigned char)(c)&0xc0) == 0x80)

struct record {
	const char *text;
	size_t len;
	bool is_partial;
	bool is_old; /* before the time in question */
};

static void format_since(uint64_t since_ms, char out[TIME_LEN + 8])
{
	char seconds[RFC3339_MAX];

	format_rfc3339(since_ms, seconds);
	snprintf(out, TIME_LEN + 8, "%.19s.%03u", seconds, (unsigned)(since_ms % 1000));
}

/* "TIME stdout F text"; false for anything else, such as a record whose beginning is missing. */
static bool parse_record(const char *line, size_t len, const char *since, struct record *ret)
{
	const char *end = line + len;
	const char *stream = memchr(line, ' ', len);

	if (!stream || stream - line <= TIME_LEN || line[10] != 'T' || end - stream < 10)
		return false;
	stream++;
	const char *tag = stream + strlen("stdout ");
	if (strncmp(stream, "std", 3) != 0 || tag[-1] != ' ' || tag[1] != ' ')
		return false;
	*ret = (struct record){
		.text = tag + 2,
		.len = (size_t)(end - tag - 2),
		.is_partial = *tag == 'P',
		.is_old = strncmp(line, since, TIME_LEN) < 0,
	};
	return true;
}

/* Where a sequence "ESC [ … letter" ends that colours or moves. */
static size_t escape_len(const char *s, size_t len)
{
	size_t n = 1;

	if (n < len && s[n] == '[')
		for (n++; n < len && !(s[n] >= '@' && s[n] <= '~');)
			n++;
	return n < len ? n + 1 : len;
}

static bool is_control(const char *s, size_t len)
{
	unsigned char c = (unsigned char)s[0];

	return c < ' ' || c == 0x7f ||
	       (c == 0xc2 && len > 1 && (unsigned char)s[1] >= 0x80 && (unsigned char)s[1] < 0xa0);
}

static void add_clean(struct buf *line, const char *text, size_t len)
{
	for (size_t i = 0; i < len;) {
		if (text[i] == '\x1b') {
			i += escape_len(text + i, len - i);
		} else if (is_control(text + i, len - i)) {
			buf_add(line, " ", text[i] == '\t');
			i += (unsigned char)text[i] == 0xc2 ? 2 : 1;
		} else {
			buf_add(line, text + i++, 1);
		}
	}
}

static char *without_ends(const struct buf *line)
{
	const char *s = line->data + strspn(line->data, " ");
	size_t len = strlen(s);

	while (len && s[len - 1] == ' ')
		len--;
	return xstrndup(s, len);
}

static void keep_line(struct strv *lines, struct buf *line)
{
	char *text = without_ends(line);

	buf_reset(line);
	if (*text)
		strv_take(lines, text);
	else
		free(text);
}

static void collect(const char *log, size_t len, const char *since, struct strv *lines)
{
	const char *end = log + len;
	struct record record;
	auto_buf struct buf line;

	buf_init(&line, TAIL_MAX + ENOUGH);
	while (log < end) {
		const char *stop = memchr(log, '\n', (size_t)(end - log));
		size_t n = (size_t)((stop ? stop : end) - log);

		if (parse_record(log, n, since, &record) && !record.is_old) {
			add_clean(&line, record.text, record.len);
			if (!record.is_partial)
				keep_line(lines, &line);
		}
		log += n + 1;
	}
	keep_line(lines, &line);
}

/* Shortens to `max` bytes, not inside a character. */
static void cut(char *s, size_t max)
{
	size_t n = max - strlen(ELLIPSIS);

	if (strlen(s) <= max)
		return;
	while (n && UTF8_IS_TAIL(s[n]))
		n--;
	memcpy(s + n, ELLIPSIS, strlen(ELLIPSIS) + 1);
}

void first_words(const char *text, char *out, size_t size)
{
	auto_buf struct buf line;

	buf_init(&line, TAIL_MAX);
	add_clean(&line, text, strcspn(text, "\n"));
	auto_free char *words = without_ends(&line);
	cut(words, size - 1);
	str_copy(out, size, words);
}

void last_words(const char *log, size_t len, uint64_t since_ms, char out[LAST_WORDS_MAX + 1])
{
	auto_strv struct strv lines = { 0 };
	char since[TIME_LEN + 8];
	size_t used = 0;
	size_t first;

	format_since(since_ms, since);
	collect(log, len, since, &lines);
	if (lines.n)
		cut(lines.items[lines.n - 1], LAST_WORDS_MAX);
	for (first = lines.n; first > 0 && lines.n - first < LAST_WORDS_LINES; first--) {
		size_t n = strlen(lines.items[first - 1]) + (used ? strlen(SEPARATOR) : 0);

		if (used + n > LAST_WORDS_MAX)
			break;
		used += n;
	}
	out[0] = '\0';
	for (size_t i = first, at = 0; i < lines.n; i++)
		at += (size_t)snprintf(out + at, LAST_WORDS_MAX + 1 - at, "%s%s",
				       at ? SEPARATOR : "", lines.items[i]);
}

static void read_tail(const char *path, struct buf *data)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	auto_free char *chunk = xmalloc(TAIL_MAX);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return;
	off_t at = st.st_size > (off_t)TAIL_MAX ? st.st_size - (off_t)TAIL_MAX : 0;
	ssize_t n = pread(fd, chunk, TAIL_MAX, at);
	if (n > 0)
		buf_add(data, chunk, (size_t)n);
}

void last_words_read(const char *path, uint64_t since_ms, char out[LAST_WORDS_MAX + 1])
{
	auto_free char *older = xasprintf("%s.1", path);
	auto_buf struct buf current;
	auto_buf struct buf all;

	buf_init(&current, TAIL_MAX);
	buf_init(&all, 2 * TAIL_MAX);
	read_tail(path, &current);
	if (current.len < ENOUGH)
		read_tail(older, &all);
	buf_add(&all, current.data, current.len);
	last_words(all.data, all.len, since_ms, out);
}
