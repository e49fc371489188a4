/* Calls about images. A job is a call that waits: for the inventory, then for a removal or a transfer. */
#include "model/code.h"
#include "model/image_view.h"
#include "worker/images/care.h"
#include "worker/images/images.h"

#define VIEWS_MAX     ((size_t)8 << 20)
#define DIGEST_DIGITS 8 /* least of a digest that stands for it */
#define DIGEST_PREFIX "sha256:"

struct job {
	struct list node;
	struct call *call;
	struct images *images;
	struct image_remove_request remove; /* names: of rm; none: prune */
	struct image_prune_request prune;
	struct image_removed_view removed;
	char *ref; /* of pull */
	bool is_stored;
	struct fetch_waiter fetch;
};

static struct job *job_new(struct call *call)
{
	struct job *job = NEW(struct job);

	job->call = call;
	job->images = call_worker(call)->images;
	list_push(&job->images->jobs, &job->node);
	return job;
}

static void job_free(struct job *job)
{
	list_remove(&job->node);
	fields_fini(&image_remove_request_table, &job->remove);
	fields_fini(&image_removed_view_table, &job->removed);
	free(job->ref);
	free(job);
}

void jobs_free_all(struct images *images)
{
	while (!list_is_empty(&images->jobs))
		job_free(container_of(images->jobs.next, struct job, node));
}

static void job_fail(struct job *job, const struct err *err)
{
	struct call *call = job->call;

	job_free(job);
	call_fail(call, err);
}

static void job_reply(struct job *job, char *take_json)
{
	struct call *call = job->call;

	job_free(job);
	call_reply(call, take_json);
}

/* -EAGAIN until the runtimes were asked and the wish is known. */
static int check_ready(const struct worker *worker, struct err *err)
{
	if (!worker->is_open || !worker->is_synced || worker->is_down)
		return err_set(err, -EAGAIN, "this node is %s, try again",
			       worker->is_down ? "going down" : "still starting");
	return 0;
}

/* `table` NULL: without arguments. */
static int parse_args(const struct call *call, const struct field_table *table,
		      const struct json *args, void *ret, struct err *err)
{
	int r = check_ready(call_worker(call), err);

	if (r < 0 || !table)
		return r;
	return fields_parse(table, args, ret, FIELD_UNKNOWN_ERROR, err);
}

static void fill_view(struct image_view *view, const struct image_row *row,
		      const struct image_uses *uses)
{
	view->name = xstrdup(row->name[0] ? row->name : row->digest);
	STR_COPY(view->kind, row->slot == SLOT_NONE ? "unikernel" : "container");
	STR_COPY(view->digest, row->digest);
	view->platform = xstrdup(row->platform);
	view->size_bytes = row->bytes;
	format_rfc3339(row->created_ms, view->created_at);
	format_rfc3339(row->used_ms, view->last_used_at);
	view->is_earlier = row->is_earlier;
	image_uses_names(uses, row, &view->used_by);
	view->instances = (uint32_t)view->used_by.n;
}

static void on_listed(void *arg, struct worker *worker, struct inventory *inventory,
		      const struct err *err)
{
	struct image_uses uses;
	struct images_view views = { 0 };

	if (err->code) {
		job_fail(arg, err);
		return;
	}
	image_uses_init(&uses, worker);
	for (size_t i = 0; i < inventory->n; i++)
		fill_view(ARRAY_ADD(views.images, views.n_images), &inventory->rows[i], &uses);
	image_uses_fini(&uses);
	job_reply(arg, fields_format(&images_view_table, &views));
	fields_fini(&images_view_table, &views);
}

void call_image_ls(struct call *call, const struct json *args)
{
	struct err err;

	if (parse_args(call, NULL, args, NULL, &err) < 0)
		call_fail(call, &err);
	else
		inventory_begin(call_worker(call), on_listed, job_new(call));
}

static void on_removed(void *arg, struct worker *worker, uint64_t freed, const struct err *err)
{
	struct job *job = arg;

	job->removed.freed_bytes = freed;
	if (err->code)
		job_fail(job, err);
	else
		job_reply(job, fields_format(&image_removed_view_table, &job->removed));
}

/* What a job takes from the inventory. */
struct choice {
	struct job *job;
	const struct inventory *inventory;
	struct image_uses uses;
	const struct image_row **rows;
	size_t n;
};

static void choose(struct choice *choice, const struct image_row *row)
{
	struct image_removed_view *view = &choice->job->removed;

	for (size_t i = 0; i < choice->n; i++)
		if (choice->rows[i] == row)
			return;
	choice->rows[choice->n++] = row;
	struct image_removed *removed = ARRAY_ADD(view->removed, view->n_removed);
	removed->name = xstrdup(row->name[0] ? row->name : row->digest);
	STR_COPY(removed->digest, row->digest);
}

static bool is_digest_of(const char *word, const struct image_row *row)
{
	const char *digits = str_starts(word, DIGEST_PREFIX) ? word + strlen(DIGEST_PREFIX) : word;

	return strlen(digits) >= DIGEST_DIGITS && is_hex(digits, strlen(digits)) &&
	       str_starts(row->digest + strlen(DIGEST_PREFIX), digits);
}

/* By name; else by digest, if that has one name only. */
static int find_row(const struct choice *choice, const char *word, const struct image_row **ret,
		    struct err *err)
{
	auto_free char *name = image_name_of(word);
	const struct image_row *found = NULL;
	unsigned n = 0;

	for (size_t i = 0; i < choice->inventory->n; i++) {
		const struct image_row *row = &choice->inventory->rows[i];

		if (str_eq(row->name, name)) {
			*ret = row;
			return 0;
		}
		if (is_digest_of(word, row)) {
			found = row;
			n++;
		}
	}
	if (n == 0)
		return err_set(err, -ENOENT, "image %s is not on this node", word);
	if (n > 1)
		return err_set(err, -EEXIST, "%u images have digest %s: name one of them", n, word);
	*ret = found;
	return 0;
}

static int check_free(const struct choice *choice, const struct image_row *row, struct err *err)
{
	const char *shown = row->name[0] ? row->name : row->digest;
	const struct winst *first = NULL;
	size_t n = image_uses_count(&choice->uses, row, &first);

	if (!n && fetch_is_under_way(choice->job->images->worker, row->name))
		return err_set(err, -EBUSY, "image %s is being pulled", shown);
	if (!n)
		return 0;
	auto_free char *user = image_user_name(first);
	auto_free char *others = n > 1 ? xasprintf(" and %zu more", n - 1) : xstrdup("");
	return err_set(err, -EBUSY, "image %s is %s by %s%s", shown,
		       first->run == RUN_ABSENT ? "wanted" : "used", user, others);
}

static int choose_named(struct choice *choice, struct err *err)
{
	const struct strv *names = &choice->job->remove.names;
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->n; i++) {
		const struct image_row *row = NULL;

		r = find_row(choice, names->items[i], &row, err);
		if (r == 0)
			r = check_free(choice, row, err);
		if (r == 0)
			choose(choice, row);
	}
	return r;
}

static void choose_unused(struct choice *choice)
{
	const struct job *job = choice->job;
	uint64_t now_ms = loop_wall_ms(job->images->worker->config.loop);
	struct err ignored;

	for (size_t i = 0; i < choice->inventory->n; i++) {
		const struct image_row *row = &choice->inventory->rows[i];

		if (!row->is_earlier && !job->prune.is_all)
			continue;
		if (row->used_ms + (uint64_t)job->prune.older_than_s * 1000 > now_ms)
			continue;
		if (check_free(choice, row, &ignored) == 0)
			choose(choice, row);
	}
}

static void on_to_remove(void *arg, struct worker *worker, struct inventory *inventory,
			 const struct err *found)
{
	struct choice choice = { .job = arg, .inventory = inventory };
	struct err err = *found;

	image_uses_init(&choice.uses, worker);
	choice.rows = xcalloc(inventory->n + 1, sizeof(*choice.rows));
	if (!err.code && choice.job->remove.names.n)
		choose_named(&choice, &err);
	else if (!err.code)
		choose_unused(&choice);
	if (err.code) {
		job_fail(choice.job, &err);
	} else {
		const struct removal removal = { choice.rows, choice.n, on_removed, choice.job };

		removal_begin(worker, &removal);
	}
	image_uses_fini(&choice.uses);
	free(choice.rows);
}

void call_image_rm(struct call *call, const struct json *args)
{
	struct image_remove_request request = { 0 };
	struct err err;

	if (parse_args(call, &image_remove_request_table, args, &request, &err) < 0) {
		call_fail(call, &err);
		return;
	}
	if (!request.names.n) {
		err_set(&err, -EINVAL, "remove images: none is named");
		call_fail(call, &err);
		return;
	}
	struct job *job = job_new(call);
	job->remove = request;
	inventory_begin(call_worker(call), on_to_remove, job);
}

void call_image_prune(struct call *call, const struct json *args)
{
	struct image_prune_request request = { 0 };
	struct err err;

	if (parse_args(call, &image_prune_request_table, args, &request, &err) < 0) {
		call_fail(call, &err);
		return;
	}
	struct job *job = job_new(call);
	job->prune = request;
	inventory_begin(call_worker(call), on_to_remove, job);
}

static void on_moved(struct fetch_waiter *waiter, const struct fetch_progress *progress)
{
	struct job *job = container_of(waiter, struct job, fetch);

	if (!call_is_wanted(job->call)) {
		struct err err;

		fetch_leave(waiter);
		err_set(&err, -ECANCELED, "cancelled");
		job_fail(job, &err);
		return;
	}
	call_tell(job->call, xasprintf("{\"phase\":\"%s\",\"done\":%llu,\"total\":%llu}",
				       progress->phase ? progress->phase : "pulling",
				       (unsigned long long)progress->done_bytes,
				       (unsigned long long)progress->total_bytes));
}

static void on_pulled(struct fetch_waiter *waiter, const struct fetch_result *result,
		      const struct err *err)
{
	struct job *job = container_of(waiter, struct job, fetch);
	struct image_pulled_view view = { 0 };

	if (!result) {
		job_fail(job, err);
		return;
	}
	view.name = xstrdup(job->is_stored ? result->image : job->ref);
	STR_COPY(view.digest, result->digest);
	view.was_here = result->was_here;
	job_reply(job, fields_format(&image_pulled_view_table, &view));
	free(view.name);
}

static struct runtime_slot *find_store(struct worker *worker)
{
	for (size_t i = 0; i < worker->config.n_runtimes; i++)
		if (worker->slots[i].state && worker->slots[i].driver->images)
			return &worker->slots[i];
	return NULL;
}

/* An artifact of a registry is a unikernel if it is asked for as one. */
static bool is_unikernel(const struct image_pull_request *request)
{
	return code_is_archive(request->ref) ||
	       (request->platform && str_starts(request->platform, "qemu/"));
}

static int find_place(struct worker *worker, const struct image_pull_request *request,
		      struct runtime_slot **ret, struct err *err)
{
	bool is_archive = code_is_archive(request->ref);

	if (!is_archive && !code_is_image(request->ref))
		return err_set(err, -EINVAL,
			       "pull %.200s: expected " CODE_IMAGE_EXPECTED
			       ", or a unikernel: " CODE_ARCHIVE_EXPECTED,
			       request->ref);
	if (is_archive && request->platform)
		return err_set(err, -EINVAL, "pull %.200s: an archive has no --platform",
			       request->ref);
	*ret = is_unikernel(request) ? worker_find_slot(worker, "unikernel") : find_store(worker);
	if (!*ret)
		return err_set(err, -ENOTSUP, "pull %.200s: this node runs no %s", request->ref,
			       is_unikernel(request) ? "unikernels" : "containers");
	return 0;
}

void call_image_pull(struct call *call, const struct json *args)
{
	struct worker *worker = call_worker(call);
	struct image_pull_request request = { 0 };
	struct runtime_slot *slot;
	struct err err;
	int r = parse_args(call, &image_pull_request_table, args, &request, &err);

	if (r == 0)
		r = find_place(worker, &request, &slot, &err);
	if (r < 0) {
		call_fail(call, &err);
	} else {
		struct job *job = job_new(call);
		const struct fetch_want want = { slot, request.ref, request.platform,
						 SLA_PULL_ALWAYS };

		job->ref = xstrdup(request.ref);
		job->is_stored = slot->driver->images;
		job->fetch.moved = on_moved;
		job->fetch.done = on_pulled;
		fetch_join(worker, &want, &job->fetch);
	}
	fields_fini(&image_pull_request_table, &request);
}
