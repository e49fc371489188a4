/* One byte is held back at most: a second ctrl-p lets the first one pass. */
#include "cli/session/detach.h"

#define FIRST  '\x10'
#define SECOND '\x11'

size_t detach_feed(struct detach *detach, const char *typed, size_t len, char *out)
{
	size_t n = 0;

	for (size_t i = 0; i < len && !detach->is_done; i++) {
		char c = typed[i];

		if (detach->has_first && c == SECOND) {
			detach->is_done = true;
			break;
		}
		if (detach->has_first)
			out[n++] = FIRST;
		detach->has_first = c == FIRST;
		if (!detach->has_first)
			out[n++] = c;
	}
	return n;
}
