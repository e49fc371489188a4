/* What was used over time: the last points of a ring that grows to its size as they come. */
#include "server/private.h"

void history_add(struct history *history, const struct usage *usage)
{
	if (history->n < HISTORY_MAX) {
		size_t n = history->n;

		*ARRAY_ADD(history->points, n) = *usage;
		history->n = (uint32_t)n;
		return;
	}
	history->points[history->next] = *usage;
	history->next = (history->next + 1) % HISTORY_MAX;
}

const struct usage *history_get(const struct history *history, uint32_t index)
{
	return index < history->n ? &history->points[(history->next + index) % history->n] : NULL;
}

void history_fini(struct history *history)
{
	free(history->points);
	*history = (struct history){ 0 };
}
