/* Pushing to a registry that takes blobs itself, or has others take them. */
#include <sys/mman.h>

#include "image/image.h"
#include "image/private.h"
#include "image/registry/hosts.h"
#include "site.h"

#define BYTES   "the bytes of a blob"
#define UPLOADS "/v2/team/web/blobs/uploads/"

struct push {
	const char *location; /* that the registry tells */
	struct web *registry;
	struct err err;
};

static void log_in(struct kit *kit, const char *host)
{
	struct credential me = { .host = (char *)(uintptr_t)host,
				 .user = (char *)(uintptr_t) "me" };
	struct err err = { 0 };

	kit->config.credentials_file = kit_path(kit, "credentials.json");
	secret_set(&me.password, "open up", 7);
	assert_int_equal(credentials_set(&kit->config, &me, &err), 0);
	secret_fini(&me.password);
}

/* One blob, a manifest and an index, with a password. */
static int push_once(struct kit *kit, struct push *p)
{
	auto_free char *headers = xasprintf("Location: %s\r\n", p->location);
	char digest[DIGEST_TEXT_MAX];
	struct err ignored;

	digest_of(BYTES, strlen(BYTES), digest);
	auto_free char *by_digest = xasprintf(MANIFESTS "%s", digest);
	const struct web_page pages[] = {
		{ .path = UPLOADS, .status = 202, .headers = headers, .wants_password = true },
		{ .path = UPLOADS "here", .status = 201, .wants_password = true },
		{ .path = by_digest, .status = 201, .wants_password = true },
		{ .path = MANIFESTS "v1", .status = 201, .wants_password = true },
	};
	p->registry = web_new(pages, ARRAY_LEN(pages));
	auto_free char *host = xasprintf("127.0.0.1:%d", web_port(p->registry));
	log_in(kit, host);
	auto_close int fd = memfd_create("blob", MFD_CLOEXEC);
	assert_int_equal(write(fd, BYTES, strlen(BYTES)), strlen(BYTES));
	struct image_descriptor text = { .size = 2 };
	struct image_blob blob = { .descriptor.size = strlen(BYTES), .fd = fd };
	STR_COPY(text.digest, digest);
	STR_COPY(text.media_type, "application/vnd.oci.image.manifest.v1+json");
	STR_COPY(blob.descriptor.digest, digest);
	const struct image_upload upload = { .blobs = { &blob },
					     .n_blobs = 1,
					     .manifest = &text,
					     .manifest_text = "{}",
					     .index = &text,
					     .index_text = "{}" };
	struct image_ref ref;
	auto_free char *name = xasprintf("%s/team/web:v1", host);
	assert_int_equal(image_ref_parse(name, &ref, &ignored), 0);
	int r = registry_push(&kit->config, &ref, &upload, NULL, &p->err);
	image_ref_fini(&ref);
	return r;
}

static void to_the_registry_itself(void **state)
{
	struct kit *kit = *state;
	struct push p = { .location = UPLOADS "here" };

	if (push_once(kit, &p) < 0)
		fail_msg("%s", p.err.msg);
	assert_int_equal(web_count(p.registry, UPLOADS "here?digest=sha256:"), 1);
	assert_int_equal(web_count(p.registry, MANIFESTS "v1"), 1);
	web_free(p.registry);
}

/* The permission is in the location; who we are is the registry's to know. */
static void to_storage_elsewhere(void **state)
{
	struct kit *kit = *state;
	const struct web_page there = { .path = "/bucket/blob", .status = 201 };
	struct web *storage = web_new(&there, 1);
	auto_free char *url = xasprintf("http://127.0.0.1:%d/bucket/blob?key=s3cret",
					web_port(storage));
	struct push p = { .location = url };

	if (push_once(kit, &p) < 0)
		fail_msg("%s", p.err.msg);
	assert_int_equal(web_count(storage, "/bucket/blob?key=s3cret&digest=sha256:"), 1);
	assert_int_equal(web_authorized(storage, ""), 0);
	assert_true(web_authorized(p.registry, "Basic ") > 0);
	assert_int_equal(web_count(p.registry, MANIFESTS "v1"), 1);
	web_free(storage);
	web_free(p.registry);
}

static void never_in_the_clear_over_the_net(void **state)
{
	struct kit *kit = *state;
	struct push p = { .location = "http://storage.example/blob?key=s3cret" };

	assert_int_equal(push_once(kit, &p), -EPROTO);
	assert_non_null(strstr(p.err.msg, "http://storage.example/blob, which is not https"));
	assert_int_equal(web_count(p.registry, MANIFESTS), 0);
	web_free(p.registry);
}

static void storage_that_refuses(void **state)
{
	struct kit *kit = *state;
	const struct web_page there = { .path = "/blob", .status = 403 };
	struct web *storage = web_new(&there, 1);
	auto_free char *url = xasprintf("http://127.0.0.1:%d/blob?key=s3cret", web_port(storage));
	struct push p = { .location = url };

	assert_int_equal(push_once(kit, &p), -EPROTO);
	assert_non_null(strstr(p.err.msg, "/blob, where the registry sends blobs: HTTP 403"));
	assert_null(strstr(p.err.msg, "s3cret"));
	assert_int_equal(web_count(p.registry, MANIFESTS), 0);
	web_free(storage);
	web_free(p.registry);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(to_the_registry_itself),
		KIT_TEST(to_storage_elsewhere),
		KIT_TEST(never_in_the_clear_over_the_net),
		KIT_TEST(storage_that_refuses),
	};

	return cmocka_run_group_tests_name("image/push", tests, NULL, NULL);
}
