/* A log as it is kept (format of the container runtime interface, see helper/log_file.h) to the
 * text that the program wrote: "TIME stdout F text" to "text". Pure, in any pieces. */
#ifndef HOLM_API_LOG_TEXT_H
#define HOLM_API_LOG_TEXT_H

#include "base/buf.h"

/* A zeroed one is at the beginning of a log. */
struct log_text {
	unsigned field;      /* 0 time, 1 stream, 2 tag, 3 text */
	unsigned at;         /* bytes of the field so far */
	char stream;         /* 'o'ut or 'e'rr */
	char tag;            /* 'F'ull or 'P'artial */
	char partial_stream; /* whose line waits for its end, or 0 */
};

/* Adds the text of `len` bytes to `out`, which has to have room for twice as much. */
void log_text_feed(struct log_text *log, const char *data, size_t len, struct buf *out);

#endif
