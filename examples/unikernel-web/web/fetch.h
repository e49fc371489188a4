/* Fetches a page by HTTP, its host by name or by address. */
#pragma once

#include "web/request.h"

enum {
	FETCH_BODY_MAX = 65536,
	FETCH_TIMEOUT_MS = 5000,
};

struct fetch;

struct fetch_result {
	const char *failure; /* NULL when the page was had, else why not */
	unsigned status;
	const char *body; /* valid during the call of done() */
	size_t length;
};

/* Calls done() once, never from inside, unless cancelled. Borrows `url`. Returns
 * NULL when there is no memory. */
struct fetch *fetch_begin(const struct url *url,
			  void (*done)(void *arg, const struct fetch_result *result), void *arg);

void fetch_cancel(struct fetch *fetch);
