/* What an operator says about registries. */
#include "image/registry/hosts.h"
#include "site.h"

static void what_is_said(void **state)
{
	struct kit *kit = *state;
	struct registry_hosts hosts;
	struct err err = { 0 };

	assert_int_equal(registry_hosts_read(&kit->config, &hosts, &err), 0);
	assert_int_equal(hosts.n, 0);
	write_registries(kit, "{\"registries\":[{\"host\":\"a.lan:5000\",\"plain_http\":true},"
			      "{\"host\":\"index.docker.io\",\"ca_file\":\"/etc/ca.pem\","
			      "\"mirrors\":[\"m.lan\",\"[fd00::1]:5000/cache/docker\"]}]}");
	assert_int_equal(registry_hosts_read(&kit->config, &hosts, &err), 0);
	assert_int_equal(hosts.n, 2);
	assert_null(registry_hosts_find(&hosts, "a.lan"));
	assert_true(registry_hosts_find(&hosts, "a.lan:5000")->is_plain);
	assert_int_equal(registry_hosts_find(&hosts, "docker.io")->mirrors.n, 2);
	assert_true(registry_is_plain(&kit->config, &hosts, "a.lan:5000"));
	assert_false(registry_is_plain(&kit->config, &hosts, "docker.io"));
	assert_false(registry_is_plain(&kit->config, &hosts, "m.lan"));
	assert_true(registry_is_plain(&kit->config, &hosts, "127.0.0.1:5000"));
	registry_hosts_fini(&hosts);
	/* Loopback with certificates of its own speaks TLS. */
	write_registries(kit, "{\"registries\":[{\"host\":\"localhost:1\",\"ca_file\":\"/x\"}]}");
	assert_int_equal(registry_hosts_read(&kit->config, &hosts, &err), 0);
	assert_false(registry_is_plain(&kit->config, &hosts, "localhost:1"));
	registry_hosts_fini(&hosts);
	image_registry_logout(&kit->config, "nobody", &err);
}

static void mistakes_are_named(void **state)
{
	static const struct {
		const char *entry;
		const char *words;
	} cases[] = {
		{ "{\"host\":\"https://a\"}", "registries[0].host: expected HOST[:PORT]" },
		{ "{\"host\":\"\"}", "registries[0].host" },
		{ "{\"host\":\"a\"},{\"host\":\"a\"}", "registries[1].host: a is there twice" },
		{ "{\"host\":\"a\",\"mirrors\":[\"http://b\"]}", "registries[0].mirrors[0]" },
		{ "{\"host\":\"a\",\"mirrors\":[\"b/\"]}", "registries[0].mirrors[0]" },
		{ "{\"host\":\"a\",\"ca_file\":\"ca.pem\"}", "expected an absolute path" },
		{ "{\"host\":\"a\",\"client_cert_file\":\"/c\"}", "belong together" },
		{ "{\"host\":\"a\",\"mirror\":[\"b\"]}", "mirrors" },
		{ "{}", "host" },
		{ "{", "" },
	};
	struct kit *kit = *state;
	struct registry_hosts hosts;

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		auto_free char *text = xasprintf("{\"registries\":[%s]}", cases[i].entry);
		struct err err = { 0 };

		write_registries(kit, text);
		assert_int_equal(registry_hosts_read(&kit->config, &hosts, &err), -EBADMSG);
		assert_non_null(strstr(err.msg, "registries.json: "));
		if (!strstr(err.msg, cases[i].words))
			fail_msg("no \"%s\" in: %s", cases[i].words, err.msg);
	}
}

static void the_list(void **state)
{
	struct kit *kit = *state;
	struct image_registries list;
	struct secret secret = { 0 };
	struct err err = { 0 };

	write_registries(kit, "{\"registries\":[{\"host\":\"a.lan\",\"mirrors\":[\"m.lan\"]}]}");
	kit->config.credentials_file = kit_path(kit, "credentials.json");
	strv_add(&kit->config.insecure, "c.lan:1");
	secret_set(&secret, "hunter2", 7);
	const struct image_login a = { "a.lan", "ann", &secret }, b = { "b.lan", "bob", &secret };
	assert_int_equal(image_registry_login(&kit->config, &a, &err), 0);
	assert_int_equal(image_registry_login(&kit->config, &b, &err), 0);
	secret_fini(&secret);
	assert_int_equal(image_registries_list(&kit->config, &list, &err), 0);
	assert_int_equal(list.n, 3);
	assert_string_equal(list.items[0].host, "a.lan");
	assert_string_equal(list.items[0].user, "ann");
	assert_string_equal(list.items[0].mirrors.items[0], "m.lan");
	assert_string_equal(list.items[1].user, "bob");
	assert_false(list.items[1].is_plain);
	assert_string_equal(list.items[2].host, "c.lan:1");
	assert_null(list.items[2].user);
	assert_true(list.items[2].is_plain);
	image_registries_fini(&list);
	strv_fini(&kit->config.insecure);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		KIT_TEST(what_is_said),
		KIT_TEST(mistakes_are_named),
		KIT_TEST(the_list),
	};

	return cmocka_run_group_tests_name("image/hosts", tests, NULL, NULL);
}
