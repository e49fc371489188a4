/* Lines for people who wait. */
#include <ctype.h>
#include <sys/ioctl.h>

#include "cli/table.h"
#include "cli/watch/live.h"

#define LINE_MAX_BYTES 4096
#define STATE_COLUMNS  18 /* NO_WORKER_CAPACITY */

void live_init(struct live *live, const struct cli_call *call, bool is_quiet)
{
	*live = (struct live){ .call = call, .is_quiet = is_quiet };
}

void live_fini(struct live *live)
{
	map_for_each(&live->said, i, e)
		free(e->value);
	map_fini(&live->said);
}

static const char *state_shown(const struct followed *f)
{
	return f->is_gone ? "removed" : f->is_removed ? "UNDEPLOYED" : f->state;
}

static const char *reason_shown(const struct followed *f)
{
	return f->is_gone ? "" : f->reason;
}

/* Plain lines: numbers in a reason (progress, attempts, delays) are no news by themselves. */
static bool is_news(const char *said, const char *line)
{
	if (!said)
		return true;
	for (;;) {
		while (isdigit((unsigned char)*said) || *said == '.')
			said++;
		while (isdigit((unsigned char)*line) || *line == '.')
			line++;
		if (*said != *line)
			return true;
		if (!*said)
			return false;
		said++;
		line++;
	}
}

static void say(struct live *live, const struct followed *f)
{
	const char *reason = reason_shown(f);
	auto_buf struct buf line;

	buf_init(&line, LINE_MAX_BYTES);
	/* Nothing is known yet; or what comes next says the same. */
	if (!f->is_gone &&
	    (!*f->state || (str_eq(f->state, "UNDEPLOYED") && str_eq(reason, "removed"))))
		return;
	buf_addf(&line, "%s: %s", f->label, state_shown(f));
	if (!str_is_empty(reason)) {
		buf_add_str(&line, ": ");
		text_add(&line, reason, SIZE_MAX, STYLE_NONE);
	}
	const char *key = f->id;
	if (!is_news(map_find(&live->said, key), line.data))
		return;
	fprintf(live->call->out, "%s\n", line.data);
	free(map_set(&live->said, key, xstrdup(line.data)));
}

static void add_padded(struct buf *line, const char *text, size_t width, enum style style)
{
	text_add(line, text, width, style);
	for (size_t w = text_width(text); w < width + 2; w++)
		buf_add_str(line, " ");
}

struct frame {
	size_t columns, rows; /* of the terminal */
	size_t label_width;
	bool is_colored;
};

static void add_line(struct buf *out, const struct followed *f, const struct frame *frame)
{
	enum style style = f->is_gone || f->is_removed ? STYLE_DIM : style_of_state(f->state);
	size_t used = 2 + frame->label_width + 2 + STATE_COLUMNS + 2;
	size_t room = frame->columns > used ? frame->columns - used : 0;
	auto_buf struct buf rest;

	buf_init(&rest, LINE_MAX_BYTES);
	if (f->progress_percent && !f->is_gone)
		text_add_bar(&rest, f->progress_percent);
	else
		buf_add_str(&rest, reason_shown(f));
	buf_add_str(out, "  ");
	add_padded(out, f->label, frame->label_width, STYLE_NONE);
	add_padded(out, state_shown(f), STATE_COLUMNS, frame->is_colored ? style : STYLE_NONE);
	text_add(out, rest.data, room, frame->is_colored ? STYLE_DIM : STYLE_NONE);
	buf_add_str(out, "\n");
}

static struct frame measure(const struct live *live, const struct follow *follow)
{
	struct frame frame = { .columns = 80, .rows = 24, .is_colored = live->call->is_colored };
	struct winsize size;

	if (ioctl(fileno(live->call->out), TIOCGWINSZ, &size) == 0 && size.ws_col && size.ws_row) {
		frame.columns = size.ws_col;
		frame.rows = size.ws_row;
	}
	map_for_each(&follow->instances, i, e) {
		size_t width = text_width(((const struct followed *)e->value)->label);

		frame.label_width = width > frame.label_width ? width : frame.label_width;
	}
	if (frame.label_width > frame.columns / 2)
		frame.label_width = frame.columns / 2;
	return frame;
}

static void draw(struct live *live, const struct follow *follow)
{
	struct frame frame = measure(live, follow);
	size_t left = follow->instances.n;
	auto_buf struct buf out;

	buf_init(&out, (size_t)1 << 20);
	if (live->n_drawn)
		buf_addf(&out, "\033[%zuA\033[J", live->n_drawn);
	live->n_drawn = 0;
	map_for_each(&follow->instances, i, e) {
		if (live->n_drawn + 3 > frame.rows)
			break;
		add_line(&out, e->value, &frame);
		live->n_drawn++;
		left--;
	}
	if (left) {
		buf_addf(&out, "  and %zu more\n", left);
		live->n_drawn++;
	}
	fputs(out.data, live->call->out);
}

void live_show(struct live *live, const struct follow *follow)
{
	if (live->is_quiet)
		return;
	if (live->call->is_tty)
		draw(live, follow);
	else
		map_for_each(&follow->instances, i, e)
			say(live, e->value);
	fflush(live->call->out);
}
