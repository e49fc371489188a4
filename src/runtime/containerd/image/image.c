/* Images in containerd: blobs into the content store, layers into snapshots, under a lease that
 * keeps the collector away until the image refers to all of it. */
#include <sys/random.h>

#include "base/base.h"
#include "runtime/containerd/driver.h"
#include "runtime/containerd/image/image.h"
#include "runtime/containerd/image/leases.h"
#include "runtime/containerd/image/pull.h"

#define GC_CONFIG   "containerd.io/gc.ref.content.config"
#define GC_SNAPSHOT "containerd.io/gc.ref.snapshot." SNAPSHOTTER

/* One fetch. */
struct fetch {
	struct client client;
	struct containerd api; /* with the lease */
	struct image_source *source;
	const struct runtime_ctx *ctx;
	struct oci_image image;
	struct buf config;
	struct pull *pull; /* its blobs */
};

static void random_id(char out[ID_SIZE])
{
	uint8_t bytes[12];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		abort();
	id_format(bytes, out);
}

void image_configs_fini(struct image_configs *configs)
{
	for (size_t i = 0; i < CONFIGS_MAX; i++)
		free(configs->items[i].text);
	*configs = (struct image_configs){ 0 };
}

void image_forget(struct driver *d)
{
	pthread_mutex_lock(&d->lock);
	image_configs_fini(&d->configs);
	pthread_mutex_unlock(&d->lock);
}

/* The caller's; NULL if it is not known. */
static char *recall_config(struct driver *d, const char *digest)
{
	char *text = NULL;

	pthread_mutex_lock(&d->lock);
	for (size_t i = 0; i < CONFIGS_MAX && !text; i++)
		if (str_eq(d->configs.items[i].digest, digest))
			text = xstrdup(d->configs.items[i].text);
	pthread_mutex_unlock(&d->lock);
	return text;
}

static void remember_config(struct driver *d, const char *digest, const char *text)
{
	pthread_mutex_lock(&d->lock);
	size_t i = d->configs.next++ % CONFIGS_MAX;
	STR_COPY(d->configs.items[i].digest, digest);
	free(d->configs.items[i].text);
	d->configs.items[i].text = xstrdup(text);
	pthread_mutex_unlock(&d->lock);
}

static int read_config_text(const struct client *client, const char *digest, char **ret,
			    struct err *err)
{
	auto_free char *manifest = NULL;
	auto_free char *config = NULL;
	int r = containerd_blob_read(&client->api, digest, OCI_MANIFEST_MAX, &manifest, err);

	if (r == 0)
		r = oci_manifest_config(manifest, &config, err);
	return r < 0 ? r : containerd_blob_read(&client->api, config, OCI_MANIFEST_MAX, ret, err);
}

int image_load(struct client *client, const char *digest, struct oci_image *ret, char **ret_chain,
	       struct err *err)
{
	auto_free char *text = recall_config(client->driver, digest);
	bool is_known = text;
	/* It may be gone all the same: then it is to be had again. */
	int r = is_known ? containerd_blob_find(&client->api, digest, err)
			 : read_config_text(client, digest, &text, err);

	if (r == 0)
		r = oci_image_parse(text, ret, err);
	if (r < 0)
		return err_wrap(err, "read image %s", digest);
	if (!is_known)
		remember_config(client->driver, digest, text);
	*ret_chain = oci_chain_id(&ret->diff_ids, ret->diff_ids.n);
	return 0;
}

int image_has(void *state, const char *name, char digest[DIGEST_SIZE], struct err *err)
{
	auto_client struct client client = client_open(state, NULL);
	auto_oci_image struct oci_image image = { 0 };
	auto_containerd_image struct containerd_image found = { 0 };
	auto_free char *chain = NULL;
	int r = containerd_image_get(&client.api, name, &found, err);

	if (r == 0)
		r = image_load(&client, found.digest, &image, &chain, err);
	if (r == 0)
		r = containerd_snapshot_find(&client.api, chain, err);
	if (r == 0)
		r = image_store_claim(state, &client.api, &found, err);
	if (r < 0)
		return r;
	str_copy(digest, DIGEST_SIZE, found.digest);
	return 0;
}

static int collect(void *arg, const void *data, size_t len, struct err *err)
{
	struct buf *text = arg;

	if (buf_add(text, data, len) < 0)
		return err_set(err, -EFBIG, "larger than %zu bytes", text->max);
	return 0;
}

static int read_config(struct fetch *f, struct err *err)
{
	const struct image_descriptor *config = &f->source->config;
	struct image_sink sink = { collect, &f->config };
	int r = f->source->read(f->source, config, &sink, f->api.cancel, err);

	if (r == 0)
		r = oci_image_parse(f->config.data, &f->image, err);
	if (r < 0)
		return r;
	if (f->image.diff_ids.n != f->source->n_layers)
		return err_set(err, -EBADMSG, "read image config: %zu diff ids for %zu layers",
			       f->image.diff_ids.n, f->source->n_layers);
	return 0;
}

static int apply_layer(struct fetch *f, size_t i, const struct containerd_mounts *mounts,
		       struct err *err)
{
	const struct image_descriptor *layer = &f->source->layers[i];
	struct containerd_descriptor d = { layer->media_type, layer->digest, layer->size };
	struct containerd api = f->api;
	auto_free char *diff_id = NULL;

	api.timeout_ms = TRANSFER_MS;
	int r = containerd_diff_apply(&api, &d, mounts, &diff_id, err);
	if (r < 0)
		return r;
	if (!str_eq(diff_id, f->image.diff_ids.items[i]))
		return err_set(err, -EBADMSG, "unpacked it is %s, its image says %s", diff_id,
			       f->image.diff_ids.items[i]);
	return 0;
}

static int unpack_layer(struct fetch *f, size_t i, const char *parent, const char *chain,
			struct err *err)
{
	auto_containerd_mounts struct containerd_mounts mounts = { 0 };
	struct err ignored;
	char id[ID_SIZE];

	random_id(id);
	auto_free char *key = xasprintf("holm-unpack-%s", id);
	struct containerd_snapshot snapshot = { .key = key, .parent = parent };
	int r = containerd_snapshot_prepare(&f->api, &snapshot, &mounts, err);
	if (r == 0)
		r = apply_layer(f, i, &mounts, err);
	if (r == 0)
		r = containerd_snapshot_commit(&f->api, chain, key, NULL, err);
	if (r < 0) {
		struct containerd api = f->api;

		api.cancel = NULL;
		containerd_snapshot_remove(&api, key, &ignored);
	}
	/* Somebody else unpacked it at the same time. */
	if (r == -EEXIST)
		return 0;
	return r < 0 ? err_wrap(err, "unpack layer %s", f->source->layers[i].digest) : 0;
}

/* Each layer as soon as it and those below it are there; meanwhile others come. */
static int unpack(struct fetch *f, char **ret_chain, struct err *err)
{
	auto_free char *parent = xstrdup("");
	struct err unknown;

	for (size_t i = 0; i < f->source->n_layers; i++) {
		char *chain = oci_chain_id(&f->image.diff_ids, i + 1);
		int r = pull_wait(f->pull, i, err);

		if (r == 0)
			r = check_cancel(f->ctx, err);
		if (pull_is_done(f->pull))
			tell_phase(f->ctx, "unpacking", i, f->source->n_layers);
		/* Before it is looked for: else the collector may take it in between. */
		if (r == 0)
			r = containerd_lease_snapshot(&f->api, chain, err);
		if (r == 0 && containerd_snapshot_find(&f->api, chain, &unknown) < 0)
			r = unpack_layer(f, i, parent, chain, err);
		free(parent);
		parent = chain;
		if (r < 0)
			return r;
	}
	*ret_chain = TAKE(parent);
	return 0;
}

/* The collector follows these labels: manifest to config and layers, config to the snapshot. */
static int label_blobs(struct fetch *f, const char *chain, struct err *err)
{
	struct containerd_label snapshot = { GC_SNAPSHOT, chain };
	struct containerd_labels one = { &snapshot, 1 };
	size_t n = f->source->n_layers;
	auto_free struct containerd_label *items = xcalloc(n + 1, sizeof(*items));
	auto_strv struct strv keys = { 0 };

	for (size_t i = 0; i < n; i++)
		strv_addf(&keys, "containerd.io/gc.ref.content.l.%zu", i);
	items[0] = (struct containerd_label){ GC_CONFIG, f->source->config.digest };
	for (size_t i = 0; i < n; i++)
		items[i + 1] = (struct containerd_label){ keys.items[i],
							  f->source->layers[i].digest };
	struct containerd_labels all = { items, n + 1 };
	int r = containerd_blob_label(&f->api, f->source->config.digest, &one, err);
	return r < 0 ? r : containerd_blob_label(&f->api, f->source->manifest.digest, &all, err);
}

static int fetch_leased(struct fetch *f, struct err *err)
{
	const struct image_descriptor *m = &f->source->manifest;
	struct containerd_descriptor target = { m->media_type, m->digest, m->size };
	auto_free char *chain = NULL;
	int r = read_config(f, err);

	if (r == 0)
		r = unpack(f, &chain, err);
	if (r == 0)
		r = pull_store_text(f->pull, &f->source->config, f->config.data, err);
	if (r == 0)
		r = pull_store_text(f->pull, m, f->source->manifest_text, err);
	if (r == 0)
		r = label_blobs(f, chain, err);
	if (r == 0)
		r = image_store_put(f->client.driver, &f->api, f->source->name, &target, err);
	return r;
}

/* Whether another try may use what this one has stored. */
static bool is_retryable(int r)
{
	return r == -ETIMEDOUT || r == -ECONNRESET || r == -ECONNREFUSED || r == -EHOSTUNREACH ||
	       r == -EPIPE || r == -EIO || r == -EAGAIN;
}

/* containerd says so in words alone. */
static bool is_out_of_space(const struct err *err)
{
	return err->code == -ENOSPC || strstr(err->msg, "no space left on device") ||
	       strstr(err->msg, "disk quota exceeded");
}

/* On a full disk all of it goes at once, what was stored half too. */
static enum lease_end end_of(const struct fetch *f, int r)
{
	struct containerd api = client_with(&f->client, TRANSFER_MS, NULL);

	if (r == -ENOSPC) {
		pull_abort_uploads(&api, f->source);
		return LEASE_CLEANED;
	}
	if (is_retryable(r))
		return LEASE_KEPT;
	/* What it has stored is nobody's, and the collector does not come by itself. */
	return r < 0 ? LEASE_CLEANED : LEASE_DROPPED;
}

int image_fetch(void *state, struct image_source *source, const struct runtime_ctx *ctx,
		struct err *err)
{
	struct fetch f = { .source = source, .ctx = ctx };
	auto_client struct client client = client_open(state, ctx ? ctx->cancel : NULL);
	auto_free char *id = NULL;

	buf_init(&f.config, OCI_MANIFEST_MAX);
	f.client = client;
	f.api = client_with(&client, START_MS, client.api.cancel);
	int r = lease_begin(&client, source->name, &id, err);
	f.api.lease = id;
	if (r == 0) {
		const struct pull_config config = { state, id, source, ctx };

		f.pull = pull_begin(&config);
		r = fetch_leased(&f, err);
		f.pull = pull_end(f.pull);
	}
	if (r < 0 && is_out_of_space(err))
		r = err->code = -ENOSPC;
	lease_end(&client, source->name, id, end_of(&f, r));
	oci_image_fini(&f.image);
	buf_fini(&f.config);
	return r < 0 ? err_wrap(err, "fetch image %s", source->name) : 0;
}
