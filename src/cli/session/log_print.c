/* One record at a time. */
#include "cli/remote.h"
#include "cli/session/log_print.h"

/* A record taken apart; the fields point into the line. */
struct record {
	const char *name; /* "" without names */
	const char *time;
	const char *stream;
	const char *tag;
	const char *text;
	size_t len;
};

void log_print_init(struct log_print *print)
{
	buf_init(&print->line, LOG_PRINT_LINE_MAX);
	print->open = NULL;
	print->open_name = NULL;
}

void log_print_fini(struct log_print *print)
{
	buf_fini(&print->line);
	free(print->open_name);
}

/* The word at *rest, which moves behind the blank after it; NULL if there is none. */
static const char *take_word(char **rest)
{
	char *word = *rest;
	char *blank = strchr(word, ' ');

	if (!blank)
		return NULL;
	*blank = '\0';
	*rest = blank + 1;
	return word;
}

static bool parse(char *line, size_t len, bool has_names, struct record *ret)
{
	const char *end = line + len;

	*ret = (struct record){ .name = "" };
	if (has_names)
		ret->name = take_word(&line);
	ret->time = ret->name ? take_word(&line) : NULL;
	ret->stream = ret->time ? take_word(&line) : NULL;
	ret->tag = ret->stream ? take_word(&line) : NULL;
	ret->text = line;
	ret->len = (size_t)(end - line);
	return ret->tag && (str_eq(ret->stream, "stdout") || str_eq(ret->stream, "stderr"));
}

static void print_head(const struct log_print *print, const struct record *r, FILE *to)
{
	if (*r->name && !str_eq(r->name, "-"))
		fprintf(to, print->is_colored ? "\033[36m%s |\033[0m " : "%s | ", r->name);
	if (print->shows_time)
		fprintf(to, "%s ", r->time);
}

/* A line of the other stream, or of another instance, ends the one that waits. */
static void print_record(struct log_print *print, const struct record *r)
{
	FILE *to = str_eq(r->stream, "stderr") ? print->err : print->out;
	bool goes_on = print->open == to && str_eq(print->open_name, r->name);

	if (print->open && !goes_on)
		fputc('\n', print->open);
	if (!goes_on)
		print_head(print, r, to);
	fwrite(r->text, 1, r->len, to);
	print->open = *r->tag == 'P' ? to : NULL;
	if (!print->open) {
		fputc('\n', to);
	} else if (!goes_on) {
		free(print->open_name);
		print->open_name = xstrdup(r->name);
	}
}

static void print_line(struct log_print *print)
{
	struct record record;
	auto_free char *line = xmemdup(print->line.data, print->line.len + 1);

	if (parse(line, print->line.len, print->has_names, &record))
		print_record(print, &record);
	else if (print->line.len)
		fprintf(print->err, "%s\n", print->line.data);
	buf_reset(&print->line);
}

int log_print_feed(struct log_print *print, const char *data, size_t len)
{
	const char *end = data + len;

	while (data < end) {
		const char *newline = memchr(data, '\n', (size_t)(end - data));
		size_t n = (size_t)((newline ? newline : end) - data);

		buf_add(&print->line, data, n);
		data += n + (newline != NULL);
		if (newline)
			print_line(print);
	}
	if (fflush(print->out) != 0 || fflush(print->err) != 0)
		return -errno;
	return 0;
}

static int on_data(void *arg, const char *data, size_t len)
{
	return log_print_feed(arg, data, len);
}

int log_print_listen(const struct cli_call *call, const struct remote *remote, const char *path,
		     bool shows_time)
{
	struct log_print print = { .out = call->out,
				   .err = call->err,
				   .has_names = true,
				   .shows_time = shows_time,
				   .is_colored = call->is_colored };
	const struct listening listening = { .path = path, .take = on_data, .arg = &print };

	log_print_init(&print);
	int code = remote_listen(remote, &listening);
	log_print_fini(&print);
	return code;
}
