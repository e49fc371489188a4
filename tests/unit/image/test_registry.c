/* Images from a registry that behaves well, and from ones that do not. */
#include "site.h"

static void by_tag_and_by_digest(void **state)
{
	struct kit *kit = *state;
	struct site site;

	site_init(&site);
	site_open(&site);
	assert_pulls(kit, site.ref);
	auto_free char *pinned = xasprintf("127.0.0.1:%d/team/web@%s", web_port(site.web),
					   site.image.manifest);
	assert_pulls(kit, pinned);
	auto_free char *localhost = xasprintf("localhost:%d/team/web:v1", web_port(site.web));
	assert_pulls(kit, localhost);
	assert_int_equal(web_count(site.web, "/token"), 0);
	site_fini(&site);
}

static void a_token_is_fetched_when_asked_for(void **state)
{
	static const char *const answers[] = { "{\"token\":\"sesame\"}",
					       "{\"access_token\":\"sesame\",\"expires_in\":60}" };

	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		struct kit *kit = *state;
		struct site site;

		site_init(&site);
		for (size_t k = 0; k < site.n; k++)
			site.pages[k].wants_token = true;
		add_page(&site, "/token", "", answers[i]);
		site_open(&site);
		assert_pulls(kit, site.ref);
		/* Once for all, with what the challenge named. */
		assert_int_equal(web_count(site.web, "/token"), 1);
		assert_int_equal(web_count(site.web, "/token?service=a%20registry&"
						     "scope=repository:web:pull"),
				 1);
		site_fini(&site);
	}
}

static void no_token(void **state)
{
	static const struct {
		unsigned status;
		const char *body;
		int code;
		const char *words;
	} cases[] = {
		{ 200, "{\"token\":\"wrong\"}", -EACCES, "the registry refuses" },
		{ 200, "{}", -EACCES, "without token" },
		{ 200, "<html>", -EACCES, "without token" },
		{ 401, "", -EACCES, "refuses" },
		{ 503, "", -EAGAIN, "503" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct site site;

		site_init(&site);
		site.pages[PAGE_TAG].wants_token = true;
		add_page(&site, "/token", "", cases[i].body)->status = cases[i].status;
		assert_fails(*state, &site, cases[i].code, cases[i].words);
	}
}

static void a_token_that_expires_is_renewed(void **state)
{
	struct kit *kit = *state;
	struct site site;

	site_init(&site);
	site.pages[PAGE_TAG].wants_token = true;
	site.pages[PAGE_LAYER].wants_token = true;
	add_page(&site, "/token", "", "{\"token\":\"sesame\"}");
	/* The second token is good, the first only for as long as the tag's manifest is asked. */
	site.pages[PAGE_LAYER] = (struct web_page){
		.path = site.pages[PAGE_LAYER].path,
		.status = 401,
		.headers =
			"WWW-Authenticate: bearer realm=\"http://127.0.0.1:%PORT%/token?x=1\"\r\n",
		.body = "expired",
		.times = 1,
	};
	add_page(&site, BLOBS, site.image.layer, KIT_LAYER)->wants_token = true;
	site_open(&site);
	assert_pulls(kit, site.ref);
	assert_int_equal(web_count(site.web, "/token"), 2);
	assert_int_equal(web_count(site.web, "/token?x=1"), 1);
	site_fini(&site);
}

static void statuses_become_reasons(void **state)
{
	static const struct {
		unsigned status;
		const char *headers;
		int code;
		const char *words;
	} cases[] = {
		{ 404, NULL, -ENOENT, "not found" },
		{ 401, NULL, -EACCES, "the registry wants credentials" },
		{ 401, "WWW-Authenticate: Basic realm=\"x\"\r\n", -EACCES, "wants credentials" },
		{ 403, NULL, -EACCES, "forbids" },
		{ 429, NULL, -EAGAIN, "later" },
		{ 500, NULL, -EAGAIN, "HTTP 500" },
		{ 418, NULL, -EPROTO, "HTTP 418" },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct site site;

		site_init(&site);
		site.pages[PAGE_TAG].status = cases[i].status;
		site.pages[PAGE_TAG].headers = cases[i].headers;
		assert_fails(*state, &site, cases[i].code, cases[i].words);
		site_init(&site);
		site.pages[PAGE_LAYER].status = cases[i].status;
		site.pages[PAGE_LAYER].headers = cases[i].headers;
		assert_fails(*state, &site, cases[i].code, cases[i].words);
	}
}

static void a_broken_body_is_resumed(void **state)
{
	struct kit *kit = *state;

	for (int ignores_range = 0; ignores_range < 2; ignores_range++) {
		struct site site;

		site_init(&site);
		site.pages[PAGE_LAYER].cut = 5;
		site.pages[PAGE_LAYER].times = 1;
		add_page(&site, BLOBS, site.image.layer, KIT_LAYER)->ignores_range = ignores_range;
		site_open(&site);
		assert_pulls(kit, site.ref);
		assert_int_equal(web_count(site.web, site.pages[PAGE_LAYER].path), 2);
		site_fini(&site);
	}
}

static void crumbs_add_up(void **state)
{
	struct kit *kit = *state;
	struct site site;

	site_init(&site);
	site.pages[PAGE_LAYER].cut = 1;
	site_open(&site);
	assert_pulls(kit, site.ref);
	assert_int_equal(web_count(site.web, site.pages[PAGE_LAYER].path), strlen(KIT_LAYER));
	site_fini(&site);
}

static void a_body_that_never_comes_ends(void **state)
{
	struct kit *kit = *state;
	struct err err = { 0 };
	struct site site;

	site_init(&site);
	site.pages[PAGE_LAYER].cut = 5;
	site.pages[PAGE_LAYER].ignores_range = true;
	site_open(&site);
	assert_int_equal(kit_pull(kit, site.ref, &err), -ECONNRESET);
	assert_in_range(web_count(site.web, site.pages[PAGE_LAYER].path), 2, 5);
	site_fini(&site);
}

static void wrong_contents(void **state)
{
	struct site site;

	site_init(&site);
	site.pages[PAGE_LAYER].body = "the bytes of a LAYER";
	assert_fails(*state, &site, -EBADMSG, "its content has digest sha256:");
	site_init(&site);
	site.pages[PAGE_LAYER].body = "short";
	assert_fails(*state, &site, -EBADMSG, "");
	site_init(&site);
	site.pages[PAGE_LAYER].body = KIT_LAYER "!";
	assert_fails(*state, &site, -EBADMSG, "longer than its descriptor says");
	site_init(&site);
	site.pages[PAGE_MANIFEST].body = "{\"schemaVersion\":2}";
	assert_fails(*state, &site, -EBADMSG, "its content has digest sha256:");
	site_init(&site);
	site.pages[PAGE_TAG].body = "<html>welcome</html>";
	assert_fails(*state, &site, -EBADMSG, "manifest");
}

static void a_pinned_digest_holds(void **state)
{
	struct kit *kit = *state;
	struct err err = { 0 };
	struct site site;

	site_init(&site);
	add_page(&site, MANIFESTS, site.image.layer, site.image.manifest_text);
	site_open(&site);
	auto_free char *ref = xasprintf("127.0.0.1:%d/team/web@%s", web_port(site.web),
					site.image.layer);
	assert_int_equal(kit_pull(kit, ref, &err), -EBADMSG);
	site_fini(&site);
}

static void redirects_end(void **state)
{
	struct kit *kit = *state;
	struct site site;
	auto_free char *loop = NULL;

	site_init(&site);
	site.pages[PAGE_TAG].status = 302;
	site.pages[PAGE_TAG].headers = "Location: " MANIFESTS "v1\r\n";
	assert_fails(kit, &site, -ELOOP, "redirect");

	site_init(&site);
	loop = xasprintf("Location: /elsewhere\r\n");
	site.pages[PAGE_LAYER].status = 307;
	site.pages[PAGE_LAYER].headers = loop;
	add_page(&site, "/elsewhere", "", KIT_LAYER);
	site_open(&site);
	assert_pulls(kit, site.ref);
	site_fini(&site);
}

static void a_huge_manifest_is_refused(void **state)
{
	size_t len = (4u << 20) + 1;
	auto_free char *body = xmalloc(len);
	struct site site;

	memset(body, ' ', len);
	site_init(&site);
	site.pages[PAGE_TAG].body = body;
	site.pages[PAGE_TAG].len = len;
	assert_fails(*state, &site, -E2BIG, "bytes");
}

static void nobody_is_there(void **state)
{
	struct kit *kit = *state;
	struct err err = { 0 };
	struct site site;

	site_init(&site);
	site_open(&site);
	auto_free char *ref = xstrdup(site.ref);
	site_fini(&site);
	assert_int_equal(kit_pull(kit, ref, &err), -ECONNREFUSED);
	assert_non_null(strstr(err.msg, ref));
}

static void only_loopback_and_named_ones_are_spoken_to_in_the_clear(void **state)
{
	struct kit *kit = *state;
	struct err err = { 0 };
	struct site site;

	site_init(&site);
	site_open(&site);
	/* Names that resolve to this machine without being it. */
	auto_free char *ref = xasprintf("localhost.:%d/team/web:v1", web_port(site.web));
	assert_true(kit_pull(kit, ref, &err) < 0);
	auto_free char *mapped = xasprintf("[::ffff:127.0.0.1]:%d/team/web:v1", web_port(site.web));
	assert_true(kit_pull(kit, mapped, &err) < 0);
	auto_free char *other = xasprintf("0.0.0.0:%d/team/web:v1", web_port(site.web));
	assert_true(kit_pull(kit, other, &err) < 0);
	assert_non_null(strstr(err.msg, "https://"));
	auto_free char *host = xasprintf("0.0.0.0:%d", web_port(site.web));
	strv_add(&kit->config.insecure, host);
	assert_pulls(kit, other);
	strv_fini(&kit->config.insecure);
	site_fini(&site);
}

/* Layers are read on several threads at once, each of which may have to renew the token. */
struct reader {
	struct image_source *source;
	int result;
	int n_left;
};

static int ignore(void *arg, const void *data, size_t len, struct err *err)
{
	return 0;
}

static void read_layer(void *arg)
{
	struct reader *reader = arg;
	const struct image_sink sink = { .write = ignore };
	struct err err = { 0 };

	reader->result = reader->source->read(reader->source, &reader->source->layers[0], &sink,
					      NULL, &err);
}

struct readers {
	struct loop *loop;
	struct reader all[8];
	size_t n_done;
};

static void on_read(void *arg)
{
	struct readers *readers = *(struct readers **)arg;

	if (++readers->n_done == ARRAY_LEN(readers->all))
		loop_stop(readers->loop);
}

struct job {
	struct readers *readers;
	struct reader *reader;
};

static void run_job(void *arg)
{
	read_layer(((struct job *)arg)->reader);
}

static void threads_share_a_token(void **state)
{
	struct kit *kit = *state;
	struct readers readers = { .loop = loop_new() };
	struct job jobs[ARRAY_LEN(readers.all)];
	struct image_source *source = NULL;
	struct err err = { 0 };
	struct site site;

	site_init(&site);
	for (size_t k = 0; k < site.n; k++)
		site.pages[k].wants_token = k != PAGE_TAG && k != PAGE_MANIFEST;
	add_page(&site, "/token", "", "{\"token\":\"sesame\"}");
	site_open(&site);
	const struct image_request request = { .ref = site.ref, .platform = "linux/amd64" };
	assert_int_equal(image_source_open(&kit->config, &request, NULL, &source, &err), 0);
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++) {
		readers.all[i].source = source;
		jobs[i] = (struct job){ .readers = &readers, .reader = &readers.all[i] };
		work_begin(readers.loop, EXECUTOR_TRANSFER, run_job, on_read, &jobs[i]);
	}
	loop_run(readers.loop);
	for (size_t i = 0; i < ARRAY_LEN(jobs); i++)
		assert_int_equal(readers.all[i].result, 0);
	image_source_close(source);
	loop_free(readers.loop);
	site_fini(&site);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(by_tag_and_by_digest),
		KIT_TEST(a_token_is_fetched_when_asked_for),
		KIT_TEST(no_token),
		KIT_TEST(a_token_that_expires_is_renewed),
		KIT_TEST(statuses_become_reasons),
		KIT_TEST(a_broken_body_is_resumed),
		KIT_TEST(crumbs_add_up),
		KIT_TEST(a_body_that_never_comes_ends),
		KIT_TEST(wrong_contents),
		KIT_TEST(a_pinned_digest_holds),
		KIT_TEST(redirects_end),
		KIT_TEST(a_huge_manifest_is_refused),
		KIT_TEST(nobody_is_there),
		KIT_TEST(only_loopback_and_named_ones_are_spoken_to_in_the_clear),
		KIT_TEST(threads_share_a_token),
	};

	return cmocka_run_group_tests_name("image/registry", tests, NULL, NULL);
}
