/* Registries that are slow, away or wrong: mirrors, coming back later, layers from elsewhere. */
#include <pthread.h>

#include "base/clock.h"
#include "site.h"

/* A reference to an origin that has mirrors. */
struct pair {
	struct site mirror;
	struct site origin;
};

static void pair_open(struct kit *kit, struct pair *pair, const char *prefix)
{
	site_open(&pair->mirror);
	site_open(&pair->origin);
	auto_free char *text = xasprintf(
		"{\"registries\":[{\"host\":\"%s\",\"mirrors\":[\"127.0.0.1:1\",\"%s%s\"]}]}",
		pair->origin.host, pair->mirror.host, prefix);
	write_registries(kit, text);
}

static void pair_init(struct pair *pair)
{
	site_init(&pair->mirror);
	site_init(&pair->origin);
}

static void pair_fini(struct pair *pair)
{
	site_fini(&pair->mirror);
	site_fini(&pair->origin);
}

static void a_mirror_serves_all(void **state)
{
	struct pair pair;

	pair_init(&pair);
	pair_open(*state, &pair, "");
	assert_pulls(*state, pair.origin.ref);
	assert_int_equal(web_count(pair.origin.web, "/"), 0);
	assert_int_equal(web_count(pair.mirror.web, "/"), 4);
	pair_fini(&pair);
}

static void a_mirror_may_have_a_prefix(void **state)
{
	struct pair pair;

	pair_init(&pair);
	add_page(&pair.mirror, "/v2/cache/team/web/manifests/v1", "", pair.mirror.image.index);
	pair_open(*state, &pair, "/cache");
	assert_pulls(*state, pair.origin.ref);
	assert_int_equal(web_count(pair.mirror.web, "/v2/cache/team/web/"), 4);
	assert_int_equal(web_count(pair.origin.web, MANIFESTS "v1"), 0);
	assert_int_equal(web_count(pair.origin.web, BLOBS), 2);
	pair_fini(&pair);
}

static void the_origin_has_what_a_mirror_has_not(void **state)
{
	struct pair pair;

	pair_init(&pair);
	pair.mirror.pages[PAGE_LAYER].status = 503; /* which is not waited for */
	pair.mirror.pages[PAGE_LAYER].headers = "Retry-After: 30\r\n";
	pair_open(*state, &pair, "");
	assert_pulls(*state, pair.origin.ref);
	assert_int_equal(web_count(pair.origin.web, "/"), 1);
	pair_fini(&pair);
}

static void the_origin_continues_what_a_mirror_began(void **state)
{
	struct pair pair;

	pair_init(&pair);
	pair.mirror.pages[PAGE_LAYER].cut = 5;
	pair.mirror.pages[PAGE_LAYER].times = 1;
	pair_open(*state, &pair, "");
	assert_pulls(*state, pair.origin.ref);
	assert_int_equal(web_count(pair.origin.web, BLOBS), 1);
	pair_fini(&pair);
}

static int to_buf(void *arg, const void *data, size_t len, struct err *err)
{
	return buf_add(arg, data, len);
}

static void a_mirror_that_lies_is_found_out(void **state)
{
	struct kit *kit = *state;
	struct image_source *source = NULL;
	struct err err = { 0 };
	auto_buf struct buf layer = { 0 };
	const struct image_sink sink = { .write = to_buf, .arg = &layer };
	struct pair pair;

	pair_init(&pair);
	pair.mirror.pages[PAGE_MANIFEST].body = "{\"schemaVersion\":2}";
	pair.mirror.pages[PAGE_LAYER].body = "the bytes of a LAYER";
	pair_open(kit, &pair, "");
	const struct image_request request = { .ref = pair.origin.ref, .platform = "linux/amd64" };
	if (image_source_open(&kit->config, &request, NULL, &source, &err) < 0)
		fail_msg("%s", err.msg);
	assert_int_equal(web_count(pair.origin.web, MANIFESTS), 1);
	buf_init(&layer, 1 << 20);
	assert_int_equal(source->read(source, &source->layers[0], &sink, NULL, &err), -ESTALE);
	buf_reset(&layer);
	/* It is not asked again. */
	if (source->read(source, &source->layers[0], &sink, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(layer.data, KIT_LAYER);
	assert_int_equal(web_count(pair.mirror.web, BLOBS), 1);
	image_source_close(source);
	pair_fini(&pair);
}

static void the_reason_names_all(void **state)
{
	struct err err = { 0 };
	struct pair pair;

	pair_init(&pair);
	pair.mirror.pages[PAGE_TAG].status = 404;
	pair.origin.pages[PAGE_TAG].status = 403;
	pair_open(*state, &pair, "");
	assert_int_equal(kit_pull(*state, pair.origin.ref, &err), -EACCES);
	assert_non_null(strstr(err.msg, "forbids it"));
	assert_non_null(strstr(err.msg, "; mirror 127.0.0.1:1: "));
	assert_non_null(strstr(err.msg, pair.mirror.host));
	pair_fini(&pair);
}

static void later_is_waited_for(void **state)
{
	static const struct {
		unsigned status;
		const char *headers;
		uint64_t wait_ms;
	} cases[] = {
		{ 429, "Retry-After: 1\r\n", 1000 },
		{ 503, "Retry-After: 1\r\n", 1000 },
		{ 429, NULL, 0 },
		{ 502, NULL, 0 },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct site site;

		site_init(&site);
		for (int page = PAGE_TAG; page <= PAGE_LAYER; page += PAGE_LAYER - PAGE_TAG) {
			struct web_page good = site.pages[page];

			site.pages[page].status = cases[i].status;
			site.pages[page].headers = cases[i].headers;
			site.pages[page].times = 1;
			*add_page(&site, "", "", NULL) = good;
		}
		site_open(&site);
		uint64_t begin_ms = clock_monotonic_ms();
		assert_pulls(*state, site.ref);
		assert_true(clock_monotonic_ms() - begin_ms >= 2 * cases[i].wait_ms);
		assert_int_equal(web_count(site.web, BLOBS), 3);
		site_fini(&site);
	}
}

static void later_has_an_end(void **state)
{
	struct site site;

	site_init(&site);
	site.pages[PAGE_LAYER].status = 429;
	site.pages[PAGE_LAYER].body = "{\"errors\":[{\"code\":\"TOOMANYREQUESTS\"}]}";
	assert_fails(*state, &site, -EAGAIN, "come back later (HTTP 429, TOOMANYREQUESTS)");
	site_init(&site);
	site.pages[PAGE_LAYER].status = 429;
	site.pages[PAGE_LAYER].headers = "Retry-After: 3600\r\n";
	assert_fails(*state, &site, -EAGAIN, "asks to come back in 3600 s");
}

static void *cancel_soon(void *arg)
{
	struct site *site = ((void **)arg)[0];

	while (!web_count(site->web, MANIFESTS))
		cancel_wait(NULL, 1);
	cancel_set(((void **)arg)[1]);
	return NULL;
}

static void waiting_can_be_cancelled(void **state)
{
	struct kit *kit = *state;
	struct cancel cancel = { 0 };
	struct image_source *source = NULL;
	struct err err = { 0 };
	struct site site;
	pthread_t thread;

	site_init(&site);
	site.pages[PAGE_TAG].status = 503;
	site.pages[PAGE_TAG].headers = "Retry-After: 50\r\n";
	site_open(&site);
	void *args[] = { &site, &cancel };
	assert_int_equal(pthread_create(&thread, NULL, cancel_soon, args), 0);
	uint64_t begin_ms = clock_monotonic_ms();
	const struct image_request request = { .ref = site.ref };
	assert_int_equal(image_source_open(&kit->config, &request, &cancel, &source, &err),
			 -ECANCELED);
	assert_true(clock_monotonic_ms() - begin_ms < 40000);
	pthread_join(thread, NULL);
	site_fini(&site);
}

/* A manifest whose layer is elsewhere. */
static void send_away(struct site *site, const char *url, struct strv *texts)
{
	strv_addf(texts,
		  "{\"schemaVersion\":2,\"config\":{\"mediaType\":"
		  "\"application/vnd.oci.image.config.v1+json\",\"digest\":\"%s\",\"size\":%zu},"
		  "\"layers\":[{\"mediaType\":"
		  "\"application/vnd.oci.image.layer.nondistributable.v1.tar\",\"digest\":\"%s\","
		  "\"size\":%zu,\"urls\":[\"ftp://nowhere/x\",\"%s\"]}]}",
		  site->image.config, strlen(CONFIG), site->image.layer, strlen(KIT_LAYER), url);
	site->pages[PAGE_TAG].body = texts->items[0];
	site->pages[PAGE_TAG].headers = NULL;
	site->pages[PAGE_LAYER].status = 404;
}

static void layers_may_be_elsewhere(void **state)
{
	struct kit *kit = *state;
	auto_strv struct strv texts = { 0 };
	struct err err = { 0 };
	struct site site, other;

	site_init(&other);
	other.pages[PAGE_LAYER].cut = 5;
	other.pages[PAGE_LAYER].times = 1;
	add_page(&other, BLOBS, other.image.layer, KIT_LAYER);
	site_open(&other);
	auto_free char *url = xasprintf("http://%s%s", other.host, other.pages[PAGE_LAYER].path);
	site_init(&site);
	send_away(&site, url, &texts);
	site_open(&site);
	assert_int_equal(kit_pull(kit, site.ref, &err), -EPERM);
	assert_non_null(strstr(err.msg, "only with allow_foreign_layers"));
	assert_int_equal(web_count(other.web, "/"), 0);
	auto_free char *text = xasprintf(
		"{\"registries\":[{\"host\":\"%s\",\"allow_foreign_layers\":true}]}", site.host);
	write_registries(kit, text);
	assert_pulls(kit, site.ref);
	assert_int_equal(web_count(other.web, "/"), 2);
	site_fini(&site);
	site_fini(&other);
}

static void an_old_format_is_told(void **state)
{
	struct site site;

	site_init(&site);
	site.pages[PAGE_TAG].headers =
		"Content-Type: application/vnd.docker.distribution.manifest.v1+prettyjws\r\n";
	site.pages[PAGE_TAG].body = "{\"schemaVersion\":1,\"name\":\"team/web\",\"fsLayers\":[]}";
	assert_fails(*state, &site, -ENOTSUP, "Docker's schema 1");
}

/* What a store has of an earlier try is not transferred again. */
static void reading_begins_behind_what_is_there(void **state)
{
	struct kit *kit = *state;
	struct image_source *source = NULL;
	struct err err = { 0 };
	auto_buf struct buf layer = { 0 };
	struct image_sink sink = { .write = to_buf, .arg = &layer, .have = 4 };
	struct site site;

	site_init(&site);
	site_open(&site);
	kit_layout(kit, "root/layout", &site.image);
	auto_free char *local = xasprintf("oci:%s/layout:v1", kit->root);
	const char *const refs[] = { site.ref, local };
	for (size_t i = 0; i < ARRAY_LEN(refs); i++) {
		const struct image_request request = { .ref = refs[i], .platform = "linux/amd64" };

		buf_init(&layer, 1 << 20);
		assert_int_equal(image_source_open(&kit->config, &request, NULL, &source, &err), 0);
		sink.have = 4;
		assert_int_equal(source->read(source, &source->layers[0], &sink, NULL, &err), 0);
		assert_string_equal(layer.data, &KIT_LAYER[4]);
		sink.have = strlen(KIT_LAYER);
		assert_int_equal(source->read(source, &source->layers[0], &sink, NULL, &err), 0);
		sink.have++;
		assert_int_equal(source->read(source, &source->layers[0], &sink, NULL, &err),
				 -EBADMSG);
		image_source_close(source);
		if (i + 1 < ARRAY_LEN(refs))
			buf_fini(&layer);
	}
	assert_int_equal(web_count(site.web, BLOBS), 1);
	site_fini(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(a_mirror_serves_all),
		KIT_TEST(a_mirror_may_have_a_prefix),
		KIT_TEST(the_origin_has_what_a_mirror_has_not),
		KIT_TEST(the_origin_continues_what_a_mirror_began),
		KIT_TEST(a_mirror_that_lies_is_found_out),
		KIT_TEST(the_reason_names_all),
		KIT_TEST(later_is_waited_for),
		KIT_TEST(later_has_an_end),
		KIT_TEST(waiting_can_be_cancelled),
		KIT_TEST(layers_may_be_elsewhere),
		KIT_TEST(an_old_format_is_told),
		KIT_TEST(reading_begins_behind_what_is_there),
	};

	return cmocka_run_group_tests_name("image/mirrors", tests, NULL, NULL);
}
