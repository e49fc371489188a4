/* Keeping the disks of images from filling: looked at from time to time and after each transfer. Above
 * the high mark the least recently used images that nobody keeps go, down to the low mark. */
#include "worker/images/care.h"
#include "worker/images/images.h"

#define LOOK_EVERY_MS  30000
#define LOOK_FIRST_MS  5000
#define SPACE_TRIES    5
#define UNPACKED_TIMES 3 /* an image's blobs and what they unpack to, of its transfer's bytes */

static void on_timer(void *arg)
{
	struct images *images = arg;

	images->timer = timer_start(images->worker->config.loop, LOOK_EVERY_MS, on_timer, images);
	images_care(images);
	images_settle(images);
}

struct images *images_new(struct worker *worker)
{
	struct images *images = NEW(struct images);

	images->worker = worker;
	list_init(&images->jobs);
	images->timer = timer_start(worker->config.loop, LOOK_FIRST_MS, on_timer, images);
	return images;
}

struct images *images_free(struct images *images)
{
	if (!images)
		return NULL;
	jobs_free_all(images);
	free(images);
	return NULL;
}

const char *images_problem(const struct images *images)
{
	return images->problem;
}

/* Numbers alone are no news. */
static void set_problem(struct images *images, const char *text)
{
	bool is_news = !text[0] != !images->problem[0];

	STR_COPY(images->problem, text);
	if (!is_news)
		return;
	if (text[0])
		log_warning("%s", text);
	else
		log_info("disks of images have room again");
	messages_register(images->worker);
}

/* One look at one disk. */
struct look {
	struct images *images;
	const struct inventory *inventory;
	struct image_uses uses;
	const struct image_row **chosen;
	size_t n_chosen;
	char problem[DETAIL_MAX];
};

static bool is_kept(const struct look *look, const struct image_row *row)
{
	return image_uses_count(&look->uses, row, NULL) ||
	       fetch_is_under_way(look->images->worker, row->name);
}

static void note_problem(struct look *look, const struct image_fs *fs)
{
	char size[SIZE_STR_MAX];
	uint64_t bytes = 0;
	unsigned n = 0;

	for (size_t i = 0; i < look->inventory->n; i++) {
		const struct image_row *row = &look->inventory->rows[i];

		if (row->device != fs->device)
			continue;
		n++;
		bytes += row->bytes;
	}
	snprintf(look->problem, sizeof(look->problem),
		 "disk %u %% full (%s): %u %s in use hold%s %s, and there is nothing to prune",
		 prune_percent(&fs->disk), fs->dir, n, n == 1 ? "image" : "images",
		 n == 1 ? "s" : "", format_size(bytes, size));
}

static void look_at(struct look *look, const struct image_fs *fs)
{
	size_t n = look->inventory->n;
	auto_free struct prune_image *items = xcalloc(n + 1, sizeof(*items));
	uint64_t need = prune_need(&fs->disk);
	bool is_over = need > 0;

	if (look->images->missing > need)
		need = look->images->missing;
	if (!need)
		return;
	for (size_t i = 0; i < n; i++) {
		const struct image_row *row = &look->inventory->rows[i];

		items[i] = (struct prune_image){ .bytes = row->bytes,
						 .used_ms = row->used_ms,
						 .is_kept = row->device != fs->device ||
							    is_kept(look, row) };
	}
	prune_plan(items, n, need);
	size_t before = look->n_chosen;
	for (size_t i = 0; i < n; i++)
		if (items[i].is_chosen)
			look->chosen[look->n_chosen++] = &look->inventory->rows[i];
	if (is_over && look->n_chosen == before)
		note_problem(look, fs);
}

/* What waits for an image need not wait any longer. */
static void hurry(struct worker *worker)
{
	map_for_each(&worker->instances, i, e) {
		struct winst *inst = e->value;

		if (inst->fetched_generation == inst->wish.generation)
			continue;
		inst->retry = timer_cancel(inst->retry);
		inst->update_retry = timer_cancel(inst->update_retry);
		winst_tick(inst);
	}
}

/* There is nothing that could be pruned. What has waited for room for some tries (others may be about to
 * leave) has failed, and is tried again as after any failure. */
static void tell_hopeless(struct worker *worker)
{
	map_for_each(&worker->instances, i, e) {
		struct winst *inst = e->value;

		if (!inst->lacks_space || inst->update_failures < SPACE_TRIES)
			continue;
		inst->lacks_space = false;
		if (inst->state == STATE_CREATING && !inst->fetching_generation)
			winst_set_state(inst, STATE_FAILED, "%s", inst->detail);
		else
			messages_report(inst);
	}
}

static void care_done(struct images *images)
{
	bool has_helped = images->is_short && images->freed;
	bool is_hopeless = images->is_short && !images->freed;

	images->is_caring = images->is_short = false;
	images->missing = 0;
	images->freed = 0;
	if (has_helped)
		hurry(images->worker);
	if (is_hopeless)
		tell_hopeless(images->worker);
	if (images->needs_care)
		images_care(images);
}

/* Bytes are known only afterwards, since images share some: another look. */
static void on_removed(void *arg, struct worker *worker, uint64_t freed, const struct err *err)
{
	struct images *images = arg;
	char size[SIZE_STR_MAX];

	images->is_caring = false;
	if (err->code) {
		log_warning("prune images: %s", err->msg);
		care_done(images);
		return;
	}
	log_info("pruned images: %s are free again", format_size(freed, size));
	images->freed += freed;
	images->missing = freed < images->missing ? images->missing - freed : 0;
	images_care(images);
}

static void remove_chosen(struct look *look)
{
	const struct removal removal = {
		.rows = look->chosen,
		.n = look->n_chosen,
		.done = on_removed,
		.arg = look->images,
	};

	for (size_t i = 0; i < look->n_chosen; i++)
		log_info("pruning image %s (%s)",
			 look->chosen[i]->name[0] ? look->chosen[i]->name : "without a name",
			 look->chosen[i]->digest);
	removal_begin(look->images->worker, &removal);
}

static void on_looked(void *arg, struct worker *worker, struct inventory *inventory,
		      const struct err *err)
{
	struct look look = { .images = arg, .inventory = inventory };

	if (err->code) {
		log_debug("look at images: %s", err->msg);
		care_done(look.images);
		return;
	}
	image_uses_init(&look.uses, worker);
	look.chosen = xcalloc(inventory->n + 1, sizeof(*look.chosen));
	for (size_t i = 0; i < inventory->n_disks; i++)
		look_at(&look, &inventory->disks[i]);
	if (look.n_chosen) {
		remove_chosen(&look);
	} else {
		set_problem(look.images, look.problem);
		care_done(look.images);
	}
	image_uses_fini(&look.uses);
	free(look.chosen);
}

void images_care(struct images *images)
{
	struct worker *worker = images->worker;

	if (images->is_caring) {
		images->needs_care = true;
		return;
	}
	images->needs_care = false;
	/* Who uses what is known only when all runtimes were asked and the whole wish is known. */
	if (!worker->is_open || !worker->is_synced || worker->is_down)
		return;
	images->is_caring = true;
	inventory_begin(worker, on_looked, images);
}

void images_transferred(struct images *images, int result, uint64_t bytes)
{
	if (result == -ENOSPC) {
		images->is_short = true;
		images->missing = bytes ? bytes * UNPACKED_TIMES : 1;
	}
	images_care(images);
}

void images_left(struct images *images, const struct winst *inst)
{
	struct worker *worker = images->worker;
	auto_free char *ref = inst->current.generation
				      ? spec_code_on(&inst->current.spec, worker->config.arch)
				      : NULL;
	struct runtime_slot *slot =
		ref ? worker_find_slot(worker, inst->current.spec.virtualization) : NULL;
	struct image_uses uses;
	bool is_last = true;

	images_settle(images);
	if (!slot || worker->is_down)
		return;
	auto_free char *name = image_name_of(ref);
	image_uses_init(&uses, worker);
	for (size_t i = 0; i < uses.n; i++)
		if (uses.items[i].inst != inst && str_eq(uses.items[i].name, name))
			is_last = false;
	image_uses_fini(&uses);
	if (is_last)
		touch_begin(worker, slot, name);
}
