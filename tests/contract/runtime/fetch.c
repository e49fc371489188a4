#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "fetch.h"
#include "image/image.h"
#include "wire/digest/digest.h"

/* A source that passes on another one's blobs, with faults in layers. */
struct faulty {
	struct image_source source; /* a copy of the real one's facts */
	struct image_source *real;
	uint64_t break_at; /* bytes of a layer after which the connection is lost; 0: never */
	uint64_t cancel_at;
	bool is_damaged;
	char *config; /* given instead of the real one */
	struct cancel cancel;
	uint64_t n_read; /* bytes of layers handed on */
	const struct image_sink *sink;
};

static int on_bytes(void *arg, const void *data, size_t len, struct err *err)
{
	struct faulty *f = arg;
	auto_free char *copy = xmemdup(data, len);

	f->n_read += len;
	if (f->break_at && f->n_read > f->break_at)
		return err_set(err, -ECONNRESET, "connection lost");
	if (f->cancel_at && f->n_read > f->cancel_at)
		cancel_set(&f->cancel);
	if (f->is_damaged)
		copy[0] ^= 1;
	return f->sink->write(f->sink->arg, copy, len, err);
}

static int on_read(struct image_source *source, const struct image_descriptor *blob,
		   const struct image_sink *sink, const struct cancel *cancel, struct err *err)
{
	struct faulty *f = source->state;
	struct image_sink faults = { on_bytes, f };
	bool is_config = str_eq(blob->digest, source->config.digest);

	if (is_config && f->config)
		return sink->write(sink->arg, f->config, strlen(f->config), err);
	if (is_config)
		return f->real->read(f->real, blob, sink, cancel, err);
	f->sink = sink;
	f->n_read = 0;
	return f->real->read(f->real, blob, &faults, cancel, err);
}

static void faulty_open(struct faulty *f, const struct subject *s, int tag)
{
	struct image_config config = { .local_root = xstrdup(s->config.data_dir) };
	auto_free char *ref = xasprintf("oci:%s/layout:%d", s->config.data_dir, tag);
	struct image_request request = { .ref = ref };
	struct err err;

	*f = (struct faulty){ 0 };
	must(image_source_open(&config, &request, NULL, &f->real, &err), &err);
	free(config.local_root);
	f->source = *f->real;
	f->source.name = xasprintf("holm.invalid/fetch:%d", tag);
	f->source.state = f;
	f->source.read = on_read;
}

static void faulty_close(struct faulty *f)
{
	free(f->source.name);
	free(f->config);
	image_source_close(f->real);
}

static int fetch(const struct subject *s, struct faulty *f, struct err *err)
{
	struct runtime_ctx ctx = { .cancel = &f->cancel };

	return s->driver->fetch(s->state, &f->source, &ctx, err);
}

static void expect_absent(const struct subject *s, const struct faulty *f)
{
	char digest[DIGEST_SIZE];
	struct err err;

	assert_int_equal(s->driver->has_image(s->state, f->source.name, digest, &err), -ENOENT);
}

static void expect_present(const struct subject *s, const struct faulty *f)
{
	char digest[DIGEST_SIZE];
	struct err err;

	must(s->driver->has_image(s->state, f->source.name, digest, &err), &err);
	assert_string_equal(digest, f->source.manifest.digest);
}

void fetch_continues_after_a_break(void **state)
{
	const struct subject *s = *state;
	struct faulty f;
	struct err err;

	faulty_open(&f, s, 1);
	f.break_at = 3 << 20;
	assert_int_equal(fetch(s, &f, &err), -ECONNRESET);
	assert_non_null(strstr(err.msg, "connection lost"));
	expect_absent(s, &f);
	f.break_at = 0;
	must(fetch(s, &f, &err), &err);
	expect_present(s, &f);
	must(fetch(s, &f, &err), &err); /* again: nothing to do */
	faulty_close(&f);
}

void fetch_refuses_damaged_blobs(void **state)
{
	const struct subject *s = *state;
	struct faulty f;
	struct err err;

	faulty_open(&f, s, 2);
	f.is_damaged = true;
	assert_int_equal(fetch(s, &f, &err), -EBADMSG);
	expect_absent(s, &f);
	f.is_damaged = false;
	must(fetch(s, &f, &err), &err);
	expect_present(s, &f);
	faulty_close(&f);
}

static void replace(char **text, const char *from, const char *to)
{
	char *at = strstr(*text, from);

	assert_non_null(at);
	assert_int_equal(strlen(from), strlen(to));
	memcpy(at, to, strlen(to));
}

static int on_config(void *arg, const void *data, size_t len, struct err *err)
{
	return buf_add(arg, data, len);
}

/* Every blob is what its digest says, but a layer unpacked is not what the config says. */
void fetch_refuses_another_content(void **state)
{
	static const char other[] =
		"sha256:0000000000000000000000000000000000000000000000000000000000000000";
	const struct subject *s = *state;
	char digest[DIGEST_TEXT_MAX];
	auto_buf struct buf config = { 0 };
	struct image_sink sink = { on_config, &config };
	struct faulty f;
	struct err err;

	faulty_open(&f, s, 3);
	buf_init(&config, 1 << 20);
	must(f.real->read(f.real, &f.real->config, &sink, NULL, &err), &err);
	f.config = buf_take(&config);
	char *id = strstr(f.config, "\"sha256:");
	assert_non_null(id);
	memcpy(id + 1, other, strlen(other));
	digest_of(f.config, strlen(f.config), digest);
	auto_free char *manifest = xstrdup(f.real->manifest_text);
	replace(&manifest, f.real->config.digest, digest);
	STR_COPY(f.source.config.digest, digest);
	f.source.manifest_text = manifest;
	digest_of(manifest, strlen(manifest), f.source.manifest.digest);
	assert_int_equal(fetch(s, &f, &err), -EBADMSG);
	assert_non_null(strstr(err.msg, other));
	expect_absent(s, &f);
	faulty_close(&f);
}

void fetch_can_be_cancelled(void **state)
{
	const struct subject *s = *state;
	struct faulty f;
	struct err err;

	faulty_open(&f, s, 4);
	f.cancel_at = 2 << 20;
	assert_int_equal(fetch(s, &f, &err), -ECANCELED);
	expect_absent(s, &f);
	faulty_close(&f);
}

struct fetcher {
	const struct subject *subject;
	struct faulty faulty;
	int result;
	struct err err;
};

static void *run(void *arg)
{
	struct fetcher *f = arg;

	f->result = fetch(f->subject, &f->faulty, &f->err);
	return NULL;
}

void fetch_serves_several_threads(void **state)
{
	struct fetcher fetchers[3] = { 0 };
	pthread_t threads[3];

	for (size_t i = 0; i < ARRAY_LEN(fetchers); i++) {
		fetchers[i].subject = *state;
		faulty_open(&fetchers[i].faulty, *state, 5);
		free(fetchers[i].faulty.source.name);
		fetchers[i].faulty.source.name = xasprintf("holm.invalid/shared:%zu", i);
		assert_int_equal(pthread_create(&threads[i], NULL, run, &fetchers[i]), 0);
	}
	for (size_t i = 0; i < ARRAY_LEN(fetchers); i++)
		pthread_join(threads[i], NULL);
	for (size_t i = 0; i < ARRAY_LEN(fetchers); i++) {
		must(fetchers[i].result, &fetchers[i].err);
		expect_present(*state, &fetchers[i].faulty);
		faulty_close(&fetchers[i].faulty);
	}
}
