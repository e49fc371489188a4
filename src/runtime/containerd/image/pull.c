/* Getting blobs into the content store: a few threads of one image's own, so that a layer is unpacked
 * while others still come. What an earlier try has left of a blob is continued. */
#include <pthread.h>

#include "base/base.h"
#include "base/clock.h"
#include "loop/loop.h"
#include "runtime/containerd/image/pull.h"

#define THREADS_MAX   3
#define TRIES_MAX     3 /* at a blob whose content was wrong, but may be had anew */
#define LOCK_RETRY_MS 200
#define CHUNK         ((size_t)CONTAINERD_CHUNK)
#define REF_PREFIX    "holm-"

struct pull {
	struct pull_config config;
	struct cancel cancel; /* child of the fetch's: set at the first error too */
	pthread_t threads[THREADS_MAX];
	size_t n_threads;
	pthread_mutex_t lock; /* guards what follows */
	pthread_cond_t changed;
	size_t next;   /* layer to begin */
	bool *is_done; /* per layer */
	size_t n_done;
	uint64_t done_bytes;
	uint64_t total_bytes;
	struct err err; /* the first one */
};

/* One try to store a blob. */
struct upload {
	struct pull *pull;
	struct containerd api;
	const struct image_descriptor *blob;
	const char *text; /* NULL: it is read from the source */
	char *ref;
	struct containerd_writer *writer;
	uint64_t counted; /* bytes of it in the pull's progress */
	bool is_resumed;
	size_t len;
	char chunk[CONTAINERD_CHUNK];
};

static size_t n_layers(const struct pull *pull)
{
	return pull->config.source->n_layers;
}

/* An image may have the same layer several times: the first one stands for all. */
static size_t first_of(const struct pull *pull, size_t i)
{
	const struct image_descriptor *layers = pull->config.source->layers;
	size_t first = 0;

	while (!str_eq(layers[first].digest, layers[i].digest))
		first++;
	return first;
}

static void count(struct upload *u, int64_t bytes)
{
	struct pull *pull = u->pull;

	if (u->text)
		return;
	pthread_mutex_lock(&pull->lock);
	u->counted += (uint64_t)bytes;
	pull->done_bytes += (uint64_t)bytes;
	tell_phase(pull->config.ctx, "pulling", pull->done_bytes, pull->total_bytes);
	pthread_mutex_unlock(&pull->lock);
}

static int flush(struct upload *u, struct err *err)
{
	size_t len = u->len;
	int r = len ? containerd_writer_write(u->writer, u->chunk, len, err) : 0;

	u->len = 0;
	if (r == 0 && len)
		count(u, (int64_t)len);
	return r;
}

static int on_data(void *arg, const void *data, size_t len, struct err *err)
{
	struct upload *u = arg;
	const char *p = data;

	while (len) {
		size_t n = CHUNK - u->len < len ? CHUNK - u->len : len;

		memcpy(u->chunk + u->len, p, n);
		u->len += n;
		p += n;
		len -= n;
		if (u->len < CHUNK)
			break;
		int r = flush(u, err);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Another fetch may be uploading the same blob: wait until it is there or the other has gone. */
static int open_writer(struct upload *u, struct err *err)
{
	const struct image_descriptor *blob = u->blob;
	struct containerd_descriptor d = { blob->media_type, blob->digest, blob->size };
	uint64_t end_ms = clock_monotonic_ms() + TRANSFER_MS;

	for (;;) {
		int r = containerd_writer_open(&u->api, u->ref, &d, &u->writer, err);

		if (r != -EAGAIN || clock_monotonic_ms() >= end_ms)
			return r;
		if (cancel_wait(u->api.cancel, LOCK_RETRY_MS))
			return err_set(err, -ECANCELED, "cancelled");
	}
}

static int transfer(struct upload *u, struct err *err)
{
	struct image_source *source = u->pull->config.source;
	uint64_t have = containerd_writer_offset(u->writer);
	struct image_sink sink = { .write = on_data, .arg = u, .have = have };
	int r;

	if (u->text && have <= u->blob->size) {
		r = on_data(u, u->text + have, u->blob->size - have, err);
	} else {
		u->is_resumed = have > 0;
		count(u, (int64_t)have);
		r = source->read(source, u->blob, &sink, u->api.cancel, err);
	}
	if (r == 0)
		r = flush(u, err);
	return r < 0 ? r : containerd_writer_commit(u->writer, NULL, err);
}

/* What was wrong, or wanted by nobody any more, is not continued. */
static void abort_upload(struct upload *u, int r)
{
	struct containerd api = u->api;
	struct err ignored;

	if (r != -EBADMSG && r != -EBUSY && r != -ESTALE && r != -ECANCELED)
		return;
	api.cancel = NULL;
	containerd_blob_abort(&api, u->ref, &ignored);
}

static int try_blob(struct upload *u, struct err *err)
{
	int r = open_writer(u, err);

	if (r == -EEXIST) {
		count(u, (int64_t)u->blob->size);
		return 0;
	}
	if (r < 0)
		return r;
	r = transfer(u, err);
	u->writer = containerd_writer_close(u->writer);
	if (r == 0)
		return 0;
	abort_upload(u, r);
	count(u, -(int64_t)u->counted);
	if (r == -EBUSY)
		r = err->code = -EBADMSG;
	return r;
}

static int store(struct pull *pull, const struct containerd *api,
		 const struct image_descriptor *blob, const char *text, struct err *err)
{
	auto_free struct upload *u = xmalloc(sizeof(*u));
	auto_free char *ref = xasprintf("%s%s", REF_PREFIX, blob->digest);
	int r;

	for (int try = 1;; try++) {
		u->pull = pull;
		u->api = *api;
		u->blob = blob;
		u->text = text;
		u->ref = ref;
		u->writer = NULL;
		u->counted = 0;
		u->is_resumed = false;
		u->len = 0;
		r = try_blob(u, err);
		/* A mirror was wrong, or what had been left of an earlier try. */
		bool is_another = r == -ESTALE || (r == -EBADMSG && u->is_resumed);
		if (!is_another || try == TRIES_MAX)
			break;
	}
	if (r == -ESTALE)
		err->code = -EBADMSG;
	return r < 0 ? err_wrap(err, "store %s", blob->digest) : 0;
}

/* The next layer that is no copy of an earlier one, or n_layers(). With the lock held. */
static size_t take_next(struct pull *pull)
{
	while (pull->next < n_layers(pull) && first_of(pull, pull->next) != pull->next)
		pull->next++;
	return pull->err.code || pull->next == n_layers(pull) ? n_layers(pull) : pull->next++;
}

static void note(struct pull *pull, size_t i, int r, const struct err *err)
{
	for (size_t k = i; r == 0 && k < n_layers(pull); k++) {
		if (first_of(pull, k) != i)
			continue;
		pull->is_done[k] = true;
		pull->n_done++;
	}
	if (r < 0 && !pull->err.code) {
		pull->err = *err;
		cancel_set(&pull->cancel);
	}
	pthread_cond_broadcast(&pull->changed);
}

static void *run(void *arg)
{
	struct pull *pull = arg;
	auto_client struct client client = client_open(pull->config.driver, &pull->cancel);
	struct containerd api = client_with(&client, START_MS, &pull->cancel);

	api.lease = pull->config.lease;
	pthread_mutex_lock(&pull->lock);
	for (size_t i; (i = take_next(pull)) < n_layers(pull);) {
		struct err err = { 0 };

		pthread_mutex_unlock(&pull->lock);
		int r = store(pull, &api, &pull->config.source->layers[i], NULL, &err);
		pthread_mutex_lock(&pull->lock);
		note(pull, i, r, &err);
	}
	pthread_mutex_unlock(&pull->lock);
	return NULL;
}

struct pull *pull_begin(const struct pull_config *config)
{
	struct pull *pull = NEW(struct pull);

	pull->config = *config;
	pull->cancel.parent = config->ctx ? config->ctx->cancel : NULL;
	pull->is_done = xcalloc(n_layers(pull) + 1, sizeof(*pull->is_done));
	pthread_mutex_init(&pull->lock, NULL);
	pthread_cond_init(&pull->changed, NULL);
	for (size_t i = 0; i < n_layers(pull); i++)
		if (first_of(pull, i) == i)
			pull->total_bytes += config->source->layers[i].size;
	while (pull->n_threads < THREADS_MAX && pull->n_threads < n_layers(pull))
		if (pthread_create(&pull->threads[pull->n_threads++], NULL, run, pull) != 0)
			abort();
	return pull;
}

int pull_wait(struct pull *pull, size_t i, struct err *err)
{
	int r = 0;

	pthread_mutex_lock(&pull->lock);
	while (!pull->is_done[i] && !pull->err.code)
		pthread_cond_wait(&pull->changed, &pull->lock);
	if (pull->err.code)
		r = err_copy(err, &pull->err);
	pthread_mutex_unlock(&pull->lock);
	return r;
}

bool pull_is_done(struct pull *pull)
{
	pthread_mutex_lock(&pull->lock);
	bool is_done = pull->n_done == n_layers(pull);
	pthread_mutex_unlock(&pull->lock);
	return is_done;
}

int pull_store_text(struct pull *pull, const struct image_descriptor *blob, const char *text,
		    struct err *err)
{
	auto_client struct client client = client_open(pull->config.driver, &pull->cancel);
	struct containerd api = client_with(&client, START_MS, &pull->cancel);

	api.lease = pull->config.lease;
	return store(pull, &api, blob, text, err);
}

struct pull *pull_end(struct pull *pull)
{
	if (!pull)
		return NULL;
	if (!pull_is_done(pull))
		cancel_set(&pull->cancel);
	for (size_t i = 0; i < pull->n_threads; i++)
		pthread_join(pull->threads[i], NULL);
	pthread_cond_destroy(&pull->changed);
	pthread_mutex_destroy(&pull->lock);
	free(pull->is_done);
	free(pull);
	return NULL;
}

void pull_abort_uploads(const struct containerd *api, const struct image_source *source)
{
	struct err ignored;

	for (size_t i = 0; i < source->n_layers; i++) {
		auto_free char *ref = xasprintf("%s%s", REF_PREFIX, source->layers[i].digest);

		containerd_blob_abort(api, ref, &ignored);
	}
}
