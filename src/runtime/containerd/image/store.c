/* Image records: claims, names that move, listing and removing. */
#include "base/base.h"
#include "runtime/containerd/image/content.h"
#include "runtime/containerd/image/image.h"
#include "runtime/containerd/image/leases.h"
#include "runtime/containerd/probe/probe.h"

#define CLAIM         "holm/image." /* and the node's id; its value: unix time in seconds */
#define LABEL_EARLIER "holm/earlier"
#define LABELS_MAX    64

static char *claim_key(const struct driver *driver)
{
	return xasprintf(CLAIM "%s", driver->node_id);
}

static void format_now(char out[24])
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	snprintf(out, 24, "%lld", (long long)now.tv_sec);
}

/* One label of `image` as containerd takes them; `text` is changed. */
static struct containerd_label split_label(char *text)
{
	char *equals = strchr(text, '=');

	*equals = '\0';
	return (struct containerd_label){ text, equals + 1 };
}

/* How many nodes lay claim to it, without this one. */
static size_t count_others(const struct driver *driver, const struct containerd_image *image)
{
	auto_free char *own = claim_key(driver);
	size_t n = 0;

	for (size_t i = 0; i < image->labels.n; i++) {
		const char *label = image->labels.items[i];

		n += str_starts(label, CLAIM) && !str_starts(label, own);
	}
	return n;
}

/* What nobody claims in a containerd of our own is ours too. */
static bool is_ours(const struct driver *driver, const struct containerd_image *image)
{
	auto_free char *own = claim_key(driver);

	return *containerd_image_value(image, own) ||
	       (driver->is_own && !count_others(driver, image));
}

static int set_claim(const struct driver *driver, const struct containerd *api, const char *name,
		     const char *value, struct err *err)
{
	auto_free char *key = claim_key(driver);
	struct containerd_label label = { key, value };
	struct containerd_labels labels = { &label, 1 };

	return containerd_image_label(api, name, &labels, err);
}

int image_store_claim(const struct driver *driver, const struct containerd *api,
		      const struct containerd_image *image, struct err *err)
{
	auto_free char *key = claim_key(driver);
	char now[24];

	if (*containerd_image_value(image, key))
		return 0;
	format_now(now);
	return set_claim(driver, api, image->name, now, err);
}

/* The manifest that a name leads to until now goes on under its digest. */
static int keep_earlier(const struct containerd *api, const struct containerd_image *old,
			struct err *err)
{
	auto_free char *name = xasprintf("%s@%s", old->name, old->digest);
	struct containerd_descriptor target = { old->media_type, old->digest, old->size };
	struct containerd_label labels[LABELS_MAX] = { { LABEL_EARLIER, "1" } };
	auto_strv struct strv texts = { 0 };
	size_t n = 1;

	for (size_t i = 0; i < old->labels.n && n < LABELS_MAX; i++) {
		if (!str_starts(old->labels.items[i], CLAIM))
			continue;
		strv_add(&texts, old->labels.items[i]);
		labels[n++] = split_label(texts.items[texts.n - 1]);
	}
	struct containerd_labels all = { labels, n };
	return containerd_image_put(api, name, &target, &all, err);
}

int image_store_put(const struct driver *driver, const struct containerd *api, const char *name,
		    const struct containerd_descriptor *target, struct err *err)
{
	auto_containerd_image struct containerd_image old = { 0 };
	auto_free char *key = claim_key(driver);
	struct containerd_label label = { key, NULL };
	struct containerd_labels labels = { &label, 1 };
	struct err failed;
	char now[24];
	int r = containerd_image_get(api, name, &old, &failed);

	format_now(now);
	label.value = now;
	if (r < 0 && r != -ENOENT)
		return err_copy(err, &failed);
	if (r == 0 && str_eq(old.digest, target->digest))
		return set_claim(driver, api, name, now, err);
	r = r == 0 ? keep_earlier(api, &old, err) : 0;
	if (r < 0)
		return r;
	return containerd_image_put(api, name, target, &labels, err);
}

static bool is_listed(const struct driver *driver, const struct containerd_image *image)
{
	return is_ours(driver, image) && !str_starts(image->name, PROBE_IMAGE_NAME);
}

static uint64_t used_ms(const struct driver *driver, const struct containerd_image *image)
{
	auto_free char *key = claim_key(driver);
	uint64_t s;

	if (parse_u64(containerd_image_value(image, key), 0, UINT32_MAX, &s) < 0)
		return image->updated_ms;
	return s * 1000;
}

static int fill(const struct client *client, const struct containerd_image *from,
		struct runtime_image *ret, struct err *err)
{
	auto_image_content struct image_content content = { 0 };
	int r = image_content_read(&client->api, from->digest, &content, err);

	if (r < 0)
		return r;
	*ret = (struct runtime_image){
		.name = xstrdup(from->name),
		.bytes = content.bytes,
		.created_ms = from->updated_ms ? from->updated_ms : from->created_ms,
		.used_ms = used_ms(client->driver, from),
		.is_earlier = *containerd_image_value(from, LABEL_EARLIER),
	};
	STR_COPY(ret->digest, from->digest);
	STR_COPY(ret->platform, content.platform);
	return 0;
}

static int store_list(void *state, struct runtime_images *ret, struct err *err)
{
	auto_client struct client client = client_open(state, NULL);
	auto_containerd_images struct containerd_images images = { 0 };
	struct runtime_images list = { 0 };
	int r = containerd_image_list(&client.api, &images, err);

	for (size_t i = 0; r == 0 && i < images.n; i++) {
		struct runtime_image image;

		if (!is_listed(state, &images.items[i]))
			continue;
		r = fill(&client, &images.items[i], &image, err);
		if (r == 0)
			*ARRAY_ADD(list.items, list.n) = image;
	}
	if (r < 0) {
		runtime_images_fini(&list);
		return err_wrap(err, "list images");
	}
	*ret = list;
	return 0;
}

/* One removal. */
struct removal {
	struct client client;
	struct image_content *contents; /* what may go, an array */
	size_t n;
	struct strv doomed; /* records to be deleted */
};

static void removal_fini(struct removal *r)
{
	for (size_t i = 0; i < r->n; i++)
		image_content_fini(&r->contents[i]);
	free(r->contents);
	strv_fini(&r->doomed);
	client_close(&r->client);
}

/* Takes our claim away; what nobody else claims is to be deleted. */
static int give_up(struct removal *r, const char *name, struct err *err)
{
	const struct driver *driver = r->client.driver;
	auto_containerd_image struct containerd_image image = { 0 };
	struct image_content content;
	struct err failed;
	int result = containerd_image_get(&r->client.api, name, &image, &failed);

	if (result < 0)
		return result == -ENOENT ? 0 : err_copy(err, &failed);
	if (!is_ours(driver, &image))
		return 0;
	if (count_others(driver, &image))
		return set_claim(driver, &r->client.api, name, "", err);
	result = image_content_read(&r->client.api, image.digest, &content, err);
	if (result < 0)
		return result;
	*ARRAY_ADD(r->contents, r->n) = content;
	strv_add(&r->doomed, name);
	return 0;
}

/* The last one returns when the collector is through. */
static int delete_doomed(struct removal *r, struct err *err)
{
	struct containerd api = client_with(&r->client, TRANSFER_MS, NULL);
	int result = 0;

	for (size_t i = 0; result == 0 && i < r->doomed.n; i++)
		result = containerd_image_delete(&api, r->doomed.items[i], i + 1 == r->doomed.n,
						 err);
	image_forget(r->client.driver);
	return result;
}

/* Parts that several had are counted once, and those that something refers to are still there. */
static int count_freed(const struct removal *r, uint64_t *ret, struct err *err)
{
	struct map seen = { 0 };
	uint64_t freed = 0;
	int result = 0;

	for (size_t i = 0; i < r->n; i++) {
		for (size_t k = 0; result >= 0 && k < r->contents[i].n; k++) {
			struct image_part *part = &r->contents[i].parts[k];

			if (map_set(&seen, part->key, part))
				continue;
			result = image_part_exists(&r->client.api, part, err);
			if (result == 0)
				freed += part->bytes;
		}
	}
	map_fini(&seen);
	if (result < 0)
		return result;
	*ret = freed;
	return 0;
}

static int store_remove(void *state, const struct strv *names, uint64_t *ret_freed, struct err *err)
{
	struct removal removal = { .client = client_open(state, NULL) };
	uint64_t freed = 0;
	int r = 0;

	for (size_t i = 0; r == 0 && i < names->n; i++)
		r = give_up(&removal, names->items[i], err);
	if (r == 0)
		r = delete_doomed(&removal, err);
	if (r == 0)
		r = count_freed(&removal, &freed, err);
	removal_fini(&removal);
	if (r < 0)
		return err_wrap(err, "remove %zu images", names->n);
	*ret_freed = freed;
	return 0;
}

static int store_touch(void *state, const char *name, struct err *err)
{
	auto_client struct client client = client_open(state, NULL);
	char now[24];

	format_now(now);
	int r = set_claim(state, &client.api, name, now, err);
	return r < 0 ? err_wrap(err, "note the use of image %s", name) : 0;
}

static int store_dirs(void *state, struct strv *ret, struct err *err)
{
	static const struct {
		const char *type;
		const char *id;
	} plugins[] = {
		{ "io.containerd.content.v1", "content" },
		{ "io.containerd.snapshotter.v1", SNAPSHOTTER },
	};
	auto_client struct client client = client_open(state, NULL);
	auto_strv struct strv dirs = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(plugins); i++) {
		auto_free char *dir = NULL;
		int r = containerd_plugin_root(&client.api, plugins[i].type, plugins[i].id, &dir,
					       err);

		if (r < 0)
			return r;
		strv_add(&dirs, dir);
	}
	for (size_t i = 0; i < dirs.n; i++)
		strv_add(ret, dirs.items[i]);
	return 0;
}

const struct runtime_image_ops image_store_ops = {
	.list = store_list,
	.remove = store_remove,
	.touch = store_touch,
	.dirs = store_dirs,
	.settle = leases_settle,
};
