#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "image/image.h"
#include "images.h"

#define LAYER_BYTES ((uint64_t)5 << 20) /* noise of a tag, which does not get smaller */
#define NAME        "holm.invalid/images:1"

/* Fetches a tag of the layout, or "main", under a name. */
static void fetch(const struct subject *s, const char *tag, const char *name, char *ret_digest)
{
	struct image_config config = { .local_root = xstrdup(s->config.data_dir) };
	auto_free char *ref = xasprintf("oci:%s/layout:%s", s->config.data_dir, tag);
	struct image_request request = { .ref = ref };
	struct image_source *source;
	struct err err;

	must(image_source_open(&config, &request, NULL, &source, &err), &err);
	free(source->name);
	source->name = xstrdup(name);
	must(s->driver->fetch(s->state, source, NULL, &err), &err);
	str_copy(ret_digest, DIGEST_SIZE, source->manifest.digest);
	image_source_close(source);
	free(config.local_root);
}

static bool list(const struct subject *s, const char *name, struct runtime_image *ret)
{
	struct runtime_images images;
	bool is_found = false;
	struct err err;

	must(s->driver->images->list(s->state, &images, &err), &err);
	for (size_t i = 0; i < images.n; i++) {
		if (!str_eq(images.items[i].name, name))
			continue;
		is_found = true;
		*ret = images.items[i];
		ret->name = NULL;
	}
	runtime_images_fini(&images);
	return is_found;
}

static uint64_t drop(const struct subject *s, const char *name)
{
	auto_strv struct strv names = { 0 };
	struct runtime_image image;
	uint64_t freed = 0;
	struct err err;

	strv_add(&names, name);
	must(s->driver->images->remove(s->state, &names, &freed, &err), &err);
	assert_false(list(s, name, &image));
	return freed;
}

void images_are_listed(void **state)
{
	const struct subject *s = *state;
	auto_strv struct strv dirs = { 0 };
	struct runtime_image image;
	struct err err;
	uint64_t now_ms = (uint64_t)time(NULL) * 1000;

	assert_true(list(s, s->image, &image));
	assert_string_equal(image.digest, s->digest);
	assert_string_equal(image.platform, "linux/amd64");
	/* Busybox, compressed and unpacked. */
	assert_true(image.bytes > (1 << 20) && image.bytes < (8 << 20));
	assert_true(image.created_ms > now_ms - 600000 && image.created_ms <= now_ms + 1000);
	assert_true(image.used_ms > now_ms - 600000 && image.used_ms <= now_ms + 1000);
	assert_false(image.is_earlier);
	must(s->driver->images->dirs(s->state, &dirs, &err), &err);
	assert_int_equal(dirs.n, 2);
	for (size_t i = 0; i < dirs.n; i++)
		assert_true(path_is_below(dirs.items[i], s->config.data_dir));
}

/* A container keeps its layers, whatever becomes of the image; what started earlier is not lost. */
void images_keep_what_runs(void **state)
{
	const struct subject *s = *state;
	struct runtime_status status;
	struct runtime_image image;
	char digest[DIGEST_SIZE];
	struct instance i;
	struct err err;

	instance_init(&i, s, PROGRAM_HELLO);
	start(s, &i, &status);
	assert_true(list(s, s->image, &image));
	uint64_t freed = drop(s, s->image);
	/* The blobs are gone, the unpacked layers stay. */
	assert_true(freed > 0 && freed + (1 << 20) < image.bytes);
	assert_int_equal(s->driver->has_image(s->state, s->image, digest, &err), -ENOENT);
	assert_true(proc_is_alive(&status.proc));
	wait_log(&i, "hello");
	stop(s, &i, NULL);
	/* Without its image it does not start, and the next fetch brings all of it back. */
	assert_int_equal(s->driver->start(s->state, &i.spec, NULL, &status, &err), -ENOENT);
	fetch(s, "main", s->image, digest);
	assert_string_equal(digest, s->digest);
	start(s, &i, &status);
	stop(s, &i, NULL);
	instance_fini(&i);
}

void images_share_content(void **state)
{
	const struct subject *s = *state;
	struct runtime_image one, two;
	char digest[DIGEST_SIZE];

	fetch(s, "6", NAME, digest);
	fetch(s, "6", "holm.invalid/other:1", digest);
	assert_true(list(s, NAME, &one));
	assert_true(list(s, "holm.invalid/other:1", &two));
	assert_string_equal(one.digest, two.digest);
	assert_int_equal(one.bytes, two.bytes);
	assert_true(one.bytes >= 2 * LAYER_BYTES);
	assert_int_equal(drop(s, NAME), 0);
	assert_true(list(s, "holm.invalid/other:1", &two));
	assert_int_equal(two.bytes, one.bytes);
	assert_int_equal(drop(s, "holm.invalid/other:1"), one.bytes);
	assert_int_equal(drop(s, "holm.invalid/other:1"), 0);
}

/* A name that moves on leaves the earlier image to what was started from it. */
void images_keep_earlier_ones(void **state)
{
	const struct subject *s = *state;
	auto_free char *name = xasprintf(NAME "@%s", s->digest);
	struct runtime_image image;
	struct runtime_status status;
	char digest[DIGEST_SIZE];
	struct instance i;
	struct err err;

	fetch(s, "main", NAME, digest);
	drop(s, s->image);
	fetch(s, "6", NAME, digest);
	assert_true(list(s, NAME, &image));
	assert_string_equal(image.digest, digest);
	assert_true(list(s, name, &image));
	assert_string_equal(image.digest, s->digest);
	assert_true(image.is_earlier);
	instance_init(&i, s, PROGRAM_HELLO);
	i.spec.image = NAME;
	start(s, &i, &status);
	wait_log(&i, "hello");
	stop(s, &i, NULL);
	instance_fini(&i);
	assert_true(drop(s, name) > (1 << 20));
	assert_true(list(s, NAME, &image));
	assert_true(drop(s, NAME) >= 2 * LAYER_BYTES);
	fetch(s, "main", s->image, digest);
	must(s->driver->has_image(s->state, s->image, digest, &err), &err);
}

void images_belong_to_nodes(void **state)
{
	const struct subject *s = *state;
	auto_free char *socket = xasprintf("/run/holm-%.8s/containerd/containerd.sock",
					   s->config.node_id);
	auto_free char *dir = path_join(s->config.data_dir, "neighbour");
	struct runtime_config config = s->config;
	struct subject other = *s;
	struct runtime_image image;
	char digest[DIGEST_SIZE];
	struct err err;

	config.node_id = "eeeeeeeeeeeeeeeeeeeeeeee";
	config.data_dir = dir;
	config.containerd_address = socket;
	must(s->driver->open(&config, &other.state, &err), &err);
	fetch(s, "7", NAME, digest);
	assert_false(list(&other, NAME, &image));
	assert_false(list(&other, s->image, &image));
	assert_int_equal(drop(&other, NAME), 0);
	assert_true(list(s, NAME, &image));
	/* Had by both: it goes with the last one. */
	must(s->driver->has_image(other.state, NAME, digest, &err), &err);
	assert_true(list(&other, NAME, &image));
	assert_int_equal(drop(s, NAME), 0);
	assert_true(list(&other, NAME, &image));
	assert_true(drop(&other, NAME) >= 2 * LAYER_BYTES);
	must(s->driver->shutdown(other.state, &err), &err);
	s->driver->close(other.state);
}

void images_note_their_use(void **state)
{
	const struct subject *s = *state;
	struct runtime_image before, after;
	struct timespec second = { .tv_sec = 1, .tv_nsec = 100000000 };
	struct err err;

	assert_true(list(s, s->image, &before));
	nanosleep(&second, NULL); /* what is noted has seconds */
	must(s->driver->images->touch(s->state, s->image, &err), &err);
	assert_true(list(s, s->image, &after));
	assert_true(after.used_ms > before.used_ms);
	assert_int_equal(s->driver->images->touch(s->state, "holm.invalid/none:1", &err), -ENOENT);
}
