/* Which images are kept, and which go: on request, and when the disk is full. */
#include "kit.h"
#include "wire/stream.h"
#include "worker/private.h"

#define WEB          "registry.example/web:1" /* what the kit's wishes name */
#define OTHER_IMAGE  "registry.example/other:1"
#define WEB_DIGEST   "sha256:fake" /* what the simulated host has for every name */
#define OTHER_DIGEST "sha256:0123456789abcdef0123456789abcdef0123456789abcdef0123456789abcdef"

/* What the runtime of these tests has stored; tests run one after the other. */
static struct runtime_image stored[8];
static size_t n_stored;
static unsigned n_touched;

static void store(const char *name, const char *digest, uint64_t used_ms)
{
	struct runtime_image *image = &stored[n_stored++];

	*image = (struct runtime_image){ .name = (char *)(uintptr_t)name,
					 .bytes = 1 << 20,
					 .created_ms = 1,
					 .used_ms = used_ms,
					 .is_earlier = strchr(name, '@') };
	STR_COPY(image->digest, digest);
	STR_COPY(image->platform, "linux/amd64");
}

static bool is_stored(const char *name)
{
	for (size_t i = 0; i < n_stored; i++)
		if (str_eq(stored[i].name, name))
			return true;
	return false;
}

static int image_list(void *state, struct runtime_images *ret, struct err *err)
{
	*ret = (struct runtime_images){ 0 };
	for (size_t i = 0; i < n_stored; i++) {
		struct runtime_image *image = ARRAY_ADD(ret->items, ret->n);

		*image = stored[i];
		image->name = xstrdup(stored[i].name);
	}
	return 0;
}

static int image_remove(void *state, const struct strv *names, uint64_t *ret_freed, struct err *err)
{
	size_t n = 0;

	for (size_t i = 0; i < n_stored; i++)
		if (!strv_has(names, stored[i].name))
			stored[n++] = stored[i];
	*ret_freed = (n_stored - n) << 20;
	n_stored = n;
	return 0;
}

static int image_touch(void *state, const char *name, struct err *err)
{
	n_touched += str_eq(name, WEB);
	return 0;
}

static int image_dirs(void *state, struct strv *ret, struct err *err)
{
	strv_add(ret, "/tmp");
	return 0;
}

static unsigned n_settled;
static bool is_web_wanted; /* when it was settled last */

static int image_settle(void *state, const struct strv *wanted, struct err *err)
{
	n_settled++;
	is_web_wanted = strv_has(wanted, WEB);
	return 0;
}

static const struct runtime_image_ops ops = { image_list, image_remove, image_touch, image_dirs,
					      image_settle };

/* Only what is stored is there. */
static int has_image(void *state, const char *name, char digest[DIGEST_SIZE], struct err *err)
{
	for (size_t i = 0; i < n_stored; i++) {
		if (!str_eq(stored[i].name, name))
			continue;
		str_copy(digest, DIGEST_SIZE, stored[i].digest);
		return 0;
	}
	return err_set(err, -ENOENT, "image %s: not there", name);
}

static struct runtime_driver driver;

static struct kit *boot(void **state, uint32_t high)
{
	struct kit *kit = *state;

	kit_crash(kit);
	driver = fake_driver;
	driver.images = &ops;
	driver.has_image = has_image;
	kit->driver = &driver;
	kit->image_gc_high = kit->image_gc_low = high;
	kit->streams = stream_hub_new();
	n_stored = n_touched = n_settled = 0;
	kit_boot(kit);
	kit_run(kit, 1000);
	kit_sync(kit, NULL, 0);
	kit_run(kit, 1000);
	return kit;
}

static void end(struct kit *kit)
{
	kit_crash(kit);
	kit->streams = stream_hub_free(kit->streams);
}

struct answer {
	struct buf text;
	bool is_ended;
	struct err err;
};

static void on_data(void *arg, const char *data, size_t len)
{
	buf_add(&((struct answer *)arg)->text, data, len);
}

static void on_end(void *arg, const struct err *err)
{
	struct answer *answer = arg;

	answer->is_ended = true;
	answer->err = *err;
}

/* Asks the node; the text of the answer or the error's, the caller's. */
static char *ask(struct kit *kit, const char *call, const char *args)
{
	auto_free char *question = xasprintf("{\"kind\":\"call\",\"call\":\"%s\",\"args\":%s}",
					     call, args);
	struct answer answer = { 0 };
	const struct stream_reader reader = { .data = on_data, .end = on_end, .arg = &answer };
	struct err err;

	buf_init(&answer.text, 1 << 20);
	assert_non_null(stream_open(kit->streams, NODE, question, &reader, &err));
	kit_run(kit, 1000);
	assert_true(answer.is_ended);
	char *text = answer.err.code ? xasprintf("%d: %s", answer.err.code, answer.err.msg)
				     : xstrdup(answer.text.data);
	buf_fini(&answer.text);
	return text;
}

static void expect(struct kit *kit, const char *call, const char *args, const char *part)
{
	auto_free char *answer = ask(kit, call, args);

	if (!strstr(answer, part))
		fail_msg("%s %s: no \"%s\" in %s", call, args, part, answer);
}

static void what_runs_is_kept(void **state)
{
	struct kit *kit = boot(state, 0);

	store(WEB, WEB_DIGEST, 1);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	expect(kit, "image.ls", "{}", "\"instances\":1,\"used_by\":[\"a.t.web.t.instance.1\"]");
	expect(kit, "image.rm", "{\"names\":[\"" WEB "\"]}",
	       "-16: image " WEB " is used by a.t.web.t.instance.1");
	expect(kit, "image.prune", "{\"all\":true}", "\"removed\":[],\"freed_bytes\":0");
	assert_true(is_stored(WEB));
	kit_delete(kit, ID_1);
	kit_await(kit, ID_1, STATE_UNDEPLOYED);
	kit_run(kit, 1000);
	assert_int_equal(n_touched, 1);
	expect(kit, "image.rm", "{\"names\":[\"" WEB "\"]}", "\"freed_bytes\":1048576");
	assert_false(is_stored(WEB));
	end(kit);
}

/* A node that has just started again knows by its records what it will need. */
static void what_is_wanted_is_kept(void **state)
{
	struct kit *kit = boot(state, 0);

	store(WEB, WEB_DIGEST, 1);
	fake_host_fail_starts(kit->host, 1000);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_FAILED);
	expect(kit, "image.rm", "{\"names\":[\"" WEB "\"]}",
	       "image " WEB " is wanted by a.t.web.t.instance.1");
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 1000);
	kit_sync(kit, &(struct wish){ .id = ID_1 }, 1);
	kit_run(kit, 100);
	expect(kit, "image.prune", "{\"all\":true}", "\"removed\":[]");
	assert_true(is_stored(WEB));
	end(kit);
}

static void nothing_is_removed_before_the_wish_is_known(void **state)
{
	struct kit *kit = boot(state, 0);

	store(OTHER_IMAGE, OTHER_DIGEST, 1);
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 1000);
	expect(kit, "image.prune", "{\"all\":true}", "still starting");
	assert_true(is_stored(OTHER_IMAGE));
	end(kit);
}

static void all_or_none_is_removed(void **state)
{
	struct kit *kit = boot(state, 0);

	store(WEB, WEB_DIGEST, 1);
	store(OTHER_IMAGE, OTHER_DIGEST, 1);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	expect(kit, "image.rm", "{\"names\":[\"" OTHER_IMAGE "\",\"" WEB "\"]}", "is used by");
	assert_int_equal(n_stored, 2);
	expect(kit, "image.rm", "{\"names\":[\"registry.example/none:1\"]}",
	       "-2: image registry.example/none:1 is not on this node");
	expect(kit, "image.rm", "{\"names\":[]}", "none is named");
	expect(kit, "image.rm", "{\"names\":[\"01234567\"]}", "\"name\":\"" OTHER_IMAGE "\"");
	assert_int_equal(n_stored, 1);
	end(kit);
}

static void one_digest_may_have_several_names(void **state)
{
	struct kit *kit = boot(state, 0);

	store(OTHER_IMAGE, OTHER_DIGEST, 1);
	store("registry.example/same:1", OTHER_DIGEST, 1);
	expect(kit, "image.rm", "{\"names\":[\"0123456789\"]}", "-17: 2 images have digest");
	expect(kit, "image.rm", "{\"names\":[\"" OTHER_IMAGE "\"]}", "\"freed_bytes\":1048576");
	expect(kit, "image.rm", "{\"names\":[\"0123456789\"]}", "registry.example/same:1");
	end(kit);
}

/* Its name leads to another image by now: the instance keeps the one that it has, and starts from it
 * again after a crash of the node. */
static void an_earlier_image_is_kept_by_its_digest(void **state)
{
	struct kit *kit = boot(state, 0);

	store(WEB, WEB_DIGEST, 1);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	n_stored = 0;
	store(WEB, OTHER_DIGEST, 1);
	store(WEB "@" WEB_DIGEST, WEB_DIGEST, 1);
	store(WEB "@" OTHER_DIGEST, OTHER_DIGEST, 1);
	expect(kit, "image.rm", "{\"names\":[\"" WEB "@" WEB_DIGEST "\"]}", "is used by");
	expect(kit, "image.prune", "{}", "\"removed\":[{\"name\":\"" WEB "@" OTHER_DIGEST "\"");
	assert_int_equal(n_stored, 2);
	kit_crash(kit);
	fake_host_end(kit->host, ID_1, RUNTIME_END_CRASH);
	kit_forget(kit);
	kit_boot(kit);
	kit_await(kit, ID_1, STATE_RUNNING);
	assert_string_equal(kit_status(kit, ID_1)->digest, WEB_DIGEST);
	end(kit);
}

static void prune_looks_at_the_age(void **state)
{
	struct kit *kit = boot(state, 0);
	uint64_t now_ms = loop_wall_ms(kit->loop);

	store(OTHER_IMAGE, OTHER_DIGEST, now_ms - 7200000);
	store("registry.example/new:1", WEB_DIGEST, now_ms - 1800000);
	expect(kit, "image.prune", "{}", "\"removed\":[]");
	expect(kit, "image.prune", "{\"all\":true,\"older_than_s\":3600}", OTHER_IMAGE);
	assert_int_equal(n_stored, 1);
	expect(kit, "image.prune", "{\"all\":true,\"older_than_s\":3600}", "\"removed\":[]");
	end(kit);
}

/* Any real disk is fuller than one percent. */
static void a_full_disk_is_pruned(void **state)
{
	struct kit *kit = boot(state, 1);

	store(WEB, WEB_DIGEST, 1);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_RUNNING);
	store(OTHER_IMAGE, OTHER_DIGEST, 2);
	kit->n_registered = 1;
	kit_run(kit, 60000);
	assert_false(is_stored(OTHER_IMAGE));
	assert_true(is_stored(WEB));
	assert_true(kit->n_registered > 1); /* with the problem */
	end(kit);
}

/* A transfer lacked one and a half megabyte: two images of one make room, and no more go. */
static void no_more_is_pruned_than_was_missing(void **state)
{
	static const char *const names[] = { "r.example/a:1", "r.example/b:1", "r.example/c:1",
					     "r.example/d:1" };
	struct kit *kit = boot(state, 0);

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		store(names[i], OTHER_DIGEST, i + 1);
	images_transferred(kit->worker->images, -ENOSPC, 1 << 19);
	kit_run(kit, 60000);
	assert_false(is_stored(names[0]));
	assert_false(is_stored(names[1]));
	assert_true(is_stored(names[2]));
	assert_true(is_stored(names[3]));
	end(kit);
}

/* What a fetch that failed has kept stays for its instance's next try, and no longer. */
static void failed_fetches_are_settled(void **state)
{
	struct kit *kit = boot(state, 0);

	store(WEB, WEB_DIGEST, 1);
	fake_host_fail_starts(kit->host, 1000);
	kit_deploy(kit, &(struct wish){ .id = ID_1 });
	kit_await(kit, ID_1, STATE_FAILED);
	n_settled = 0;
	kit_run(kit, 60000);
	assert_true(n_settled > 0);
	assert_true(is_web_wanted);
	kit_crash(kit);
	n_settled = 0;
	kit_boot(kit);
	kit_run(kit, 60000);
	assert_int_equal(n_settled, 0); /* the whole wish is not known yet */
	kit_sync(kit, &(struct wish){ .id = ID_1 }, 1);
	kit_run(kit, 60000);
	assert_true(n_settled > 0);
	assert_true(is_web_wanted);
	kit_delete(kit, ID_1);
	kit_run(kit, 1000);
	assert_false(is_web_wanted);
	end(kit);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(what_runs_is_kept),
		KIT_TEST(what_is_wanted_is_kept),
		KIT_TEST(nothing_is_removed_before_the_wish_is_known),
		KIT_TEST(all_or_none_is_removed),
		KIT_TEST(one_digest_may_have_several_names),
		KIT_TEST(an_earlier_image_is_kept_by_its_digest),
		KIT_TEST(prune_looks_at_the_age),
		KIT_TEST(a_full_disk_is_pruned),
		KIT_TEST(no_more_is_pruned_than_was_missing),
		KIT_TEST(failed_fetches_are_settled),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
