/* Pull policies, and everybody who waits for an image. */
#include "kit.h"
#include "wire/digest/digest.h"
#include "worker/private.h"

#define CONFIG "{\"architecture\":\"amd64\",\"os\":\"linux\"}"

static unsigned n_fetches; /* of the driver below; tests run one after the other */
static unsigned n_full;    /* of the next fetches, those that find no space */
static bool has_newest;    /* what the node has is what the layout holds */
static char newest[DIGEST_TEXT_MAX];

static int count_fetch(void *state, struct image_source *source, const struct runtime_ctx *ctx,
		       struct err *err)
{
	n_fetches++;
	if (n_full && n_full--)
		return err_set(err, -ENOSPC, "no space left on device");
	ctx->progress(ctx->arg, "pulling", 1, 4);
	return fake_driver.fetch(state, source, ctx, err);
}

static int has_image(void *state, const char *name, char digest[DIGEST_SIZE], struct err *err)
{
	int r = fake_driver.has_image(state, name, digest, err);

	if (r == 0 && has_newest)
		str_copy(digest, DIGEST_SIZE, newest);
	return r;
}

static void write_blob(const struct kit *kit, const char *text, char digest[DIGEST_TEXT_MAX])
{
	struct err err = { 0 };

	digest_of(text, strlen(text), digest);
	auto_free char *path = xasprintf("%s/layout/blobs/sha256/%s", kit->dir, digest + 7);
	if (file_write_atomic(path, text, strlen(text), 0644, &err) < 0)
		fail_msg("%s", err.msg);
}

/* An image without layers, which is all that a simulated host looks at. */
static void make_layout(const struct kit *kit)
{
	auto_free char *blobs = xasprintf("%s/layout/blobs/sha256", kit->dir);
	auto_free char *path = xasprintf("%s/layout/index.json", kit->dir);
	char config[DIGEST_TEXT_MAX];
	struct err err = { 0 };

	assert_int_equal(dir_make(blobs, 0755, &err), 0);
	write_blob(kit, CONFIG, config);
	auto_free char *manifest = xasprintf(
		"{\"schemaVersion\":2,\"config\":{\"mediaType\":\"application/vnd.oci.image."
		"config.v1+json\",\"digest\":\"%s\",\"size\":%zu},\"layers\":[]}",
		config, strlen(CONFIG));
	write_blob(kit, manifest, newest);
	auto_free char *index = xasprintf("{\"schemaVersion\":2,\"manifests\":[{\"digest\":\"%s\","
					  "\"size\":%zu}]}",
					  newest, strlen(manifest));
	assert_int_equal(file_write_atomic(path, index, strlen(index), 0644, &err), 0);
}

static void remove_layout(const struct kit *kit)
{
	auto_free char *path = path_join(kit->dir, "layout");
	struct err err = { 0 };

	assert_int_equal(path_remove(path, &err), 0);
}

static struct runtime_driver counting;

static struct kit *boot(void **state)
{
	struct kit *kit = *state;

	kit_crash(kit);
	counting = fake_driver;
	counting.fetch = count_fetch;
	counting.has_image = has_image;
	kit->driver = &counting;
	n_fetches = 0;
	has_newest = false;
	kit_boot(kit);
	kit_run(kit, 1000);
	kit_sync(kit, NULL, 0);
	make_layout(kit);
	return kit;
}

/* A spec that wants the image of the layout. */
static char *spec_of(const struct kit *kit, const char *pull)
{
	return xasprintf(",\"code\":\"oci:%s/layout\",\"pull\":\"%s\"", kit->dir, pull);
}

static void missing_takes_what_is_here(void **state)
{
	struct kit *kit = boot(state);
	auto_free char *spec = spec_of(kit, "missing");

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = spec });
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(n_fetches, 0);
}

static void never_asks_nobody(void **state)
{
	struct kit *kit = boot(state);
	auto_free char *spec = spec_of(kit, "never");

	fake_host_hide_images(kit->host, "layout");
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = spec });
	kit_await(kit, ID_1, STATE_FAILED);
	assert_non_null(strstr(kit_status(kit, ID_1)->detail,
			       "layout: not on this node, and its pull policy is never"));
	fake_host_hide_images(kit->host, NULL);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(n_fetches, 0);
}

static void a_lack_of_space_is_no_failure_yet(void **state)
{
	struct kit *kit = boot(state);
	auto_free char *spec = spec_of(kit, "always");

	n_full = 4;
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = spec });
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_true(kit_has_told(kit, ID_1, "no space left on device (attempt 1, next in "));
	auto_free char *states = kit_states(kit, ID_1);
	assert_string_equal(states, "CREATING RUNNING");
	/* What runs goes on, and nobody gives up the update. */
	n_full = 4;
	kit_forget(kit);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = spec, .generation = 2 });
	kit_run(kit, 600000);
	assert_int_equal(n_full, 0);
	assert_true(
		kit_has_told(kit, ID_1, "no space left on device; the earlier version is kept"));
	for (size_t i = 0; i < kit->n_told; i++)
		assert_false(kit->told[i].is_update_failed);
	assert_int_equal(kit_status(kit, ID_1)->generation, 2);
}

static void what_can_never_fit_has_failed(void **state)
{
	struct kit *kit = boot(state);
	auto_free char *spec = spec_of(kit, "always");

	n_full = 100;
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = spec });
	kit_await(kit, ID_1, STATE_FAILED);
	assert_non_null(strstr(kit_status(kit, ID_1)->detail, "no space left on device"));
	n_full = 0;
	kit_await(kit, ID_1, STATE_RUNNING);
	/* An update that does not fit is one that failed. */
	n_full = 10;
	kit_forget(kit);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = spec, .generation = 2 });
	kit_run(kit, 600000);
	bool is_told = false;
	for (size_t i = 0; i < kit->n_told; i++)
		is_told |= kit->told[i].is_update_failed;
	assert_true(is_told);
	assert_int_equal(kit_status(kit, ID_1)->generation, 2);
}

static void always_asks_at_creation_and_change_only(void **state)
{
	struct kit *kit = boot(state);
	auto_free char *spec = spec_of(kit, "always");

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = spec });
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(n_fetches, 1);
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = spec, .generation = 2 });
	kit_run(kit, 60000);
	assert_int_equal(kit_status(kit, ID_1)->generation, 2);
	assert_int_equal(n_fetches, 2);
	/* Neither an end nor a reboot asks again. */
	remove_layout(kit);
	fake_host_end(kit->host, ID_1, RUNTIME_END_CRASH);
	kit_await(kit, ID_1, STATE_DEAD);
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_crash(kit);
	fake_host_end(kit->host, ID_1, RUNTIME_END_CRASH);
	kit_forget(kit);
	kit_boot(kit);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(n_fetches, 2);
	/* A change does. */
	kit_sync(kit, &(struct wish){ .id = ID_1, .spec = spec, .generation = 3 }, 1);
	kit_run(kit, 60000);
	assert_true(kit_status(kit, ID_1)->is_update_failed);
	assert_int_equal(kit_status(kit, ID_1)->generation, 2);
}

static void always_transfers_nothing_that_is_here(void **state)
{
	struct kit *kit = boot(state);
	auto_free char *spec = spec_of(kit, "always");

	has_newest = true;
	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = spec });
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_int_equal(n_fetches, 0);
}

/* Waiters other than instances. */
struct guest {
	struct fetch_waiter waiter;
	struct guest *other; /* leaves when this one is told */
	unsigned n_began;
	unsigned n_done;
	bool was_here;
	int code;
	char digest[DIGEST_SIZE];
};

static void on_began(struct fetch_waiter *waiter)
{
	container_of(waiter, struct guest, waiter)->n_began++;
}

static void on_done(struct fetch_waiter *waiter, const struct fetch_result *result,
		    const struct err *err)
{
	struct guest *guest = container_of(waiter, struct guest, waiter);

	guest->n_done++;
	guest->code = result ? 0 : err->code;
	if (result) {
		guest->was_here = result->was_here;
		STR_COPY(guest->digest, result->digest);
	}
	if (guest->other)
		fetch_leave(&guest->other->waiter);
}

static void join(struct kit *kit, struct guest *guest, enum sla_pull policy)
{
	auto_free char *ref = xasprintf("oci:%s/layout", kit->dir);
	const struct fetch_want want = { &kit->worker->slots[0], ref, NULL, policy };

	guest->waiter.began = on_began;
	guest->waiter.done = on_done;
	fetch_join(kit->worker, &want, &guest->waiter);
}

static void many_wait_for_one_transfer(void **state)
{
	struct kit *kit = boot(state);
	auto_free char *spec = spec_of(kit, "always");
	struct guest a = { 0 }, b = { 0 }, c = { .other = &b };

	kit_deploy(kit, &(struct wish){ .id = ID_1, .spec = spec });
	while (!kit_has_told(kit, ID_1, "looking for the image"))
		assert_true(loop_sim_step(kit->loop));
	join(kit, &a, SLA_PULL_ALWAYS);
	join(kit, &c, SLA_PULL_ALWAYS);
	join(kit, &b, SLA_PULL_ALWAYS);
	assert_int_equal(a.n_done, 0);
	kit_await(kit, ID_1, STATE_RUNNING);
	kit_run(kit, 1000);
	assert_int_equal(n_fetches, 1);
	assert_int_equal(a.n_done, 1);
	assert_int_equal(a.n_began, 1);
	assert_int_equal(a.code, 0);
	assert_false(a.was_here);
	assert_string_equal(a.digest, newest);
	assert_int_equal(c.n_done, 1);
	assert_int_equal(b.n_done, 0); /* it left while the others were told */
	assert_int_equal(kit->worker->transfers.n, 0);
}

static void who_leaves_is_not_told(void **state)
{
	struct kit *kit = boot(state);

	for (unsigned steps = 0; steps < 12; steps++) {
		struct guest a = { 0 }, b = { 0 };

		join(kit, &a, SLA_PULL_ALWAYS);
		for (unsigned i = 0; i < steps; i++)
			loop_sim_step(kit->loop);
		bool was_told = a.n_done;
		fetch_leave(&a.waiter);
		fetch_leave(&a.waiter);
		join(kit, &b, SLA_PULL_ALWAYS);
		kit_run(kit, 1000);
		assert_int_equal(a.n_done, was_told);
		assert_int_equal(b.n_done, 1);
		assert_int_equal(b.code, 0);
	}
}

static void failures_are_told_to_all(void **state)
{
	struct kit *kit = boot(state);
	struct guest a = { 0 }, b = { 0 };

	fake_host_hide_images(kit->host, "layout");
	remove_layout(kit);
	join(kit, &a, SLA_PULL_MISSING);
	join(kit, &b, SLA_PULL_NEVER);
	kit_run(kit, 1000);
	assert_int_equal(a.code, -ENOENT);
	assert_int_equal(a.n_began, 1);
	assert_int_equal(b.code, -ENOENT);
	assert_int_equal(b.n_began, 0);
}

static void a_worker_that_ends_forgets_who_waits(void **state)
{
	struct kit *kit = boot(state);
	struct guest a = { 0 };

	join(kit, &a, SLA_PULL_ALWAYS);
	kit_crash(kit);
	assert_null(a.waiter.transfer);
	fetch_leave(&a.waiter);
	assert_int_equal(a.n_done, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(missing_takes_what_is_here),
		KIT_TEST(never_asks_nobody),
		KIT_TEST(a_lack_of_space_is_no_failure_yet),
		KIT_TEST(what_can_never_fit_has_failed),
		KIT_TEST(always_asks_at_creation_and_change_only),
		KIT_TEST(always_transfers_nothing_that_is_here),
		KIT_TEST(many_wait_for_one_transfer),
		KIT_TEST(who_leaves_is_not_told),
		KIT_TEST(failures_are_told_to_all),
		KIT_TEST(a_worker_that_ends_forgets_who_waits),
	};

	return cmocka_run_group_tests_name("worker/fetch", tests, NULL, NULL);
}
