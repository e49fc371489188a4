/* The parser of server-sent events. */
#include "cli/watch/sse.h"

void sse_init(struct sse *sse, sse_fn fn, void *arg)
{
	*sse = (struct sse){ .fn = fn, .arg = arg };
	buf_init(&sse->line, SSE_EVENT_MAX + 64);
	buf_init(&sse->data, SSE_EVENT_MAX);
}

void sse_fini(struct sse *sse)
{
	buf_fini(&sse->line);
	buf_fini(&sse->data);
}

static void dispatch(struct sse *sse)
{
	if (sse->has_data)
		sse->fn(sse->arg, sse->id, sse->event[0] ? sse->event : "message", sse->data.data);
	buf_reset(&sse->data);
	sse->event[0] = '\0';
	sse->has_data = false;
}

static int add_data(struct sse *sse, const char *value)
{
	int r = sse->has_data ? buf_add_str(&sse->data, "\n") : 0;

	sse->has_data = true;
	return r < 0 ? r : buf_add_str(&sse->data, value);
}

static int take_line(struct sse *sse, char *line)
{
	char *colon = strchr(line, ':');
	const char *value = "";

	if (!*line) {
		dispatch(sse);
		return 0;
	}
	if (colon) {
		*colon = '\0';
		value = colon[1] == ' ' ? colon + 2 : colon + 1;
	}
	if (str_eq(line, "data"))
		return add_data(sse, value);
	if (str_eq(line, "event"))
		STR_COPY(sse->event, value);
	else if (str_eq(line, "id"))
		STR_COPY(sse->id, value);
	return 0;
}

int sse_feed(struct sse *sse, const char *data, size_t len, struct err *err)
{
	while (len) {
		const char *end = memchr(data, '\n', len);
		size_t n = end ? (size_t)(end - data) : len;

		if (buf_add(&sse->line, data, n) < 0)
			goto too_big;
		data += n;
		len -= n;
		if (!end)
			break;
		data++;
		len--;
		if (sse->line.len && sse->line.data[sse->line.len - 1] == '\r')
			sse->line.data[--sse->line.len] = '\0';
		if (take_line(sse, sse->line.data) < 0)
			goto too_big;
		buf_reset(&sse->line);
	}
	return 0;
too_big:
	return err_set(err, -E2BIG, "read events: an event is larger than %zu bytes",
		       SSE_EVENT_MAX);
}
