/* Record by record, a state machine over bytes. */
#include "api/log_text.h"
#include "base/base.h"

enum { FIELD_STREAM = 1, FIELD_TAG, FIELD_TEXT };

static void take_header_byte(struct log_text *log, char c)
{
	if (c == ' ') {
		log->field++;
		log->at = 0;
		return;
	}
	if (log->field == FIELD_STREAM && log->at == 3) /* stdo, stde */
		log->stream = c;
	if (log->field == FIELD_TAG && log->at == 0)
		log->tag = c;
	log->at++;
}

/* Text of the other stream does not continue a line that waits. */
static void begin_text(struct log_text *log, struct buf *out)
{
	if (log->partial_stream && log->partial_stream != log->stream)
		buf_add(out, "\n", 1);
	log->partial_stream = 0;
}

static void end_record(struct log_text *log, struct buf *out)
{
	bool is_partial = log->tag == 'P';

	if (log->field == FIELD_TEXT && !is_partial)
		buf_add(out, "\n", 1);
	*log = (struct log_text){ .partial_stream = is_partial ? log->stream : 0 };
}

void log_text_feed(struct log_text *log, const char *data, size_t len, struct buf *out)
{
	const char *end = data + len;

	while (data < end) {
		if (*data == '\n') {
			end_record(log, out);
			data++;
		} else if (log->field < FIELD_TEXT) {
			take_header_byte(log, *data++);
			if (log->field == FIELD_TEXT)
				begin_text(log, out);
		} else {
			const char *stop = memchr(data, '\n', (size_t)(end - data));
			size_t n = (size_t)((stop ? stop : end) - data);

			buf_add(out, data, n);
			data += n;
		}
	}
}
