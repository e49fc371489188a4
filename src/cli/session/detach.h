/* The keys that leave an instance to itself: ctrl-p ctrl-q, as Docker has them. */
#ifndef HOLM_CLI_DETACH_H
#define HOLM_CLI_DETACH_H

#include <stdbool.h>
#include <stddef.h>

struct detach {
	bool has_first; /* ctrl-p has come, and is held back */
	bool is_done;   /* both have */
};

/* Of what was typed, what is the program's: at most len + 1 bytes into `out`. What comes behind the
 * keys is dropped. */
size_t detach_feed(struct detach *detach, const char *typed, size_t len, char *out);

#endif
