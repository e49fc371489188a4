/* Leases in containerd, and which of them belong to fetches under way. */
#include <sys/random.h>

#include "base/clock.h"
#include "runtime/containerd/image/leases.h"

#define LEASE_HOURS  6 /* if nobody of ours ever comes back */
#define LABEL_EXPIRE "containerd.io/gc.expire"
#define LABEL_IMAGE  "holm/image"
#define LABEL_MAX    2000           /* bytes of a value; containerd takes 4096 with the key */
#define COLLECT      "holm-collect" /* in place of an image's name */
#define QUIET_MS     2000           /* without a removal */

/* Which leases are to go: those of one image, or all but those of some. */
struct choice {
	const char *only;
	const struct strv *but;
};

static void under_way_begin(struct driver *driver, const char *id)
{
	pthread_mutex_lock(&driver->lock);
	strv_add(&driver->fetching, id);
	pthread_mutex_unlock(&driver->lock);
}

static void under_way_end(struct driver *driver, const char *id)
{
	struct strv rest = { 0 };

	pthread_mutex_lock(&driver->lock);
	for (size_t i = 0; i < driver->fetching.n; i++)
		if (!str_eq(driver->fetching.items[i], id))
			strv_add(&rest, driver->fetching.items[i]);
	strv_fini(&driver->fetching);
	driver->fetching = rest;
	pthread_mutex_unlock(&driver->lock);
}

static bool is_under_way(struct driver *driver, const char *id)
{
	pthread_mutex_lock(&driver->lock);
	bool is_there = strv_has(&driver->fetching, id);
	pthread_mutex_unlock(&driver->lock);
	return is_there;
}

int lease_begin(const struct client *client, const char *image, char **ret_id, struct err *err)
{
	auto_free char *label = xstrndup(image, LABEL_MAX);
	char expire[RFC3339_MAX];
	char random[ID_SIZE];
	struct timespec now;
	uint8_t bytes[12];

	if (getrandom(bytes, sizeof(bytes), 0) != sizeof(bytes))
		abort();
	id_format(bytes, random);
	*ret_id = xasprintf("holm-fetch-%s", random);
	clock_gettime(CLOCK_REALTIME, &now);
	format_rfc3339(((uint64_t)now.tv_sec + LEASE_HOURS * 3600) * 1000, expire);
	const struct containerd_label items[] = {
		{ LABEL_EXPIRE, expire },
		{ LABEL_NODE, client->driver->node_id },
		{ LABEL_IMAGE, label },
	};
	const struct containerd_labels labels = { items, ARRAY_LEN(items) };
	under_way_begin(client->driver, *ret_id);
	return containerd_lease_create(&client->api, *ret_id, &labels, err);
}

static bool is_chosen(const struct choice *choice, const char *label)
{
	if (choice->only)
		return strncmp(choice->only, label, LABEL_MAX) == 0;
	for (size_t i = 0; i < choice->but->n; i++)
		if (strncmp(choice->but->items[i], label, LABEL_MAX) == 0)
			return false;
	return true;
}

/* Of this node, but for those of fetches under way. */
static int drop(struct driver *driver, const struct containerd *api, const struct choice *choice,
		bool is_synced, struct err *err)
{
	auto_free char *filter = xasprintf("labels.\"" LABEL_NODE "\"==\"%s\"", driver->node_id);
	auto_containerd_leases struct containerd_leases leases = { 0 };
	int r = containerd_lease_list(api, filter, LABEL_IMAGE, &leases, err);

	for (size_t i = 0; r == 0 && i < leases.n; i++) {
		const struct containerd_lease *lease = &leases.items[i];

		if (is_chosen(choice, lease->value) && !is_under_way(driver, lease->id))
			r = containerd_lease_delete(api, lease->id, is_synced, err);
	}
	return r;
}

void lease_end(const struct client *client, const char *image, const char *id, enum lease_end how)
{
	bool is_synced = how == LEASE_CLEANED;
	struct containerd api = client_with(client, is_synced ? TRANSFER_MS : CALL_MS, NULL);
	const struct choice choice = { .only = image };
	struct err err;

	under_way_end(client->driver, id);
	if (how != LEASE_KEPT && drop(client->driver, &api, &choice, is_synced, &err) < 0)
		log_debug("drop leases of %s: %s", image, err.msg);
}

/* What is removed while containerd collects stays until the next removal (1.6, gc/scheduler: an event from
 * before the end of a collection counts as dealt with). So the last one is followed by a collection that
 * is waited for, and by another, since the first may have begun before. */
static int collect(const struct client *client, struct err *err)
{
	for (int i = 0; i < 2; i++) {
		auto_free char *id = NULL;
		int r = lease_begin(client, COLLECT, &id, err);

		lease_end(client, COLLECT, id, r < 0 ? LEASE_DROPPED : LEASE_CLEANED);
		if (r < 0)
			return r;
	}
	return 0;
}

static int collect_removed(const struct client *client, struct err *err)
{
	struct driver *d = client->driver;
	uint64_t removed_ms = atomic_load(&d->removed_ms);

	if (!removed_ms || clock_monotonic_ms() - removed_ms < QUIET_MS)
		return 0;
	int r = collect(client, err);
	/* Unless another one has been removed since. */
	if (r == 0)
		atomic_compare_exchange_strong(&d->removed_ms, &removed_ms, 0);
	return r;
}

int leases_settle(void *state, const struct strv *wanted, struct err *err)
{
	auto_client struct client client = client_open(state, NULL);
	const struct choice choice = { .but = wanted };
	/* Synced: else containerd's collector comes when it likes, and for half a blob that may be never. */
	if (drop(state, &client.api, &choice, true, err) < 0)
		return err_wrap(err, "drop leases of fetches");
	return collect_removed(&client, err) < 0 ? err_wrap(err, "collect what was removed") : 0;
}
