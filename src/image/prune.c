/* Which images go when their disk fills: arithmetic alone. */
#include "image/image.h"

uint64_t prune_need(const struct prune_disk *disk)
{
	uint64_t high = disk->total / 100 * disk->high_percent;
	uint64_t low = disk->total / 100 * disk->low_percent;

	if (!disk->high_percent || disk->used < high || !disk->total)
		return 0;
	/* At least something, should the marks be the same. */
	return disk->used > low ? disk->used - low : 1;
}

unsigned prune_percent(const struct prune_disk *disk)
{
	if (!disk->total)
		return 0;
	/* As df rounds: up. */
	return (unsigned)((100.0 * (double)disk->used + (double)disk->total - 1) /
			  (double)disk->total);
}

static struct prune_image *oldest(struct prune_image *images, size_t n)
{
	struct prune_image *found = NULL;

	for (size_t i = 0; i < n; i++) {
		struct prune_image *image = &images[i];

		if (!image->is_kept && !image->is_chosen &&
		    (!found || image->used_ms < found->used_ms))
			found = image;
	}
	return found;
}

uint64_t prune_plan(struct prune_image *images, size_t n, uint64_t need)
{
	uint64_t planned = 0;
	struct prune_image *next;

	while (planned < need && (next = oldest(images, n))) {
		next->is_chosen = true;
		planned += next->bytes;
	}
	return planned;
}
