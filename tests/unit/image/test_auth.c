/* Challenges, tokens and passwords. */
#include <sys/stat.h>

#include "image/registry/auth.h"
#include "image/registry/hosts.h"
#include "site.h"

static bool parse(const char *const *lines, struct challenge *ret)
{
	struct strv headers = { 0 };

	*ret = (struct challenge){ 0 };
	for (; *lines; lines++)
		strv_add(&headers, *lines);
	bool is_one = challenge_parse(&headers, ret);
	strv_fini(&headers);
	return is_one;
}

#define CHALLENGE(...) parse((const char *const[]){ __VA_ARGS__, NULL }, &c)

static void challenges(void **state)
{
	struct challenge c;

	assert_true(CHALLENGE("Www-Authenticate: Bearer realm=\"https://auth/token\","
			      "service=\"a, \\\"b\\\"\" , scope=\"repository:x:pull,push\""));
	assert_true(c.is_bearer);
	assert_string_equal(c.realm, "https://auth/token");
	assert_string_equal(c.service, "a, \"b\"");
	assert_string_equal(c.scope, "repository:x:pull,push");
	challenge_fini(&c);

	/* Unquoted, odd case, unknown parameters, spaces around the sign. */
	assert_true(
		CHALLENGE("WWW-Authenticate:bearer  error=invalid_token, REALM = \"x\",service=y"));
	assert_true(c.is_bearer);
	assert_string_equal(c.realm, "x");
	assert_string_equal(c.service, "y");
	assert_null(c.scope);
	challenge_fini(&c);

	/* Of several the token, in one header or in two. */
	assert_true(CHALLENGE("WWW-Authenticate: Basic realm=\"b\", Bearer realm=\"t\""));
	assert_true(c.is_bearer);
	assert_string_equal(c.realm, "t");
	challenge_fini(&c);
	assert_true(CHALLENGE("WWW-Authenticate: Negotiate", "Server: x",
			      "WWW-Authenticate: Basic realm=\"b\"",
			      "WWW-Authenticate: Bearer realm=\"t\""));
	assert_true(c.is_bearer);
	challenge_fini(&c);
	assert_true(CHALLENGE("WWW-Authenticate: Negotiate, Basic"));
	assert_false(c.is_bearer);
	challenge_fini(&c);

	assert_false(CHALLENGE("WWW-Authenticate: Digest realm=\"b\", nonce=\"n\""));
	assert_false(CHALLENGE("WWW-Authenticate: Bearer service=\"no realm\""));
	assert_false(CHALLENGE("WWW-Authenticate: Bearer realm=\"never ends"));
	assert_false(CHALLENGE("WWW-Authenticate: "));
	assert_false(CHALLENGE("WWW-Authenticate: ,,=\"\""));
	assert_false(CHALLENGE("Server: Basic realm=\"b\""));
}

static void tokens_end(void **state)
{
	struct image_tokens *tokens = image_tokens_new();

	tokens_put(tokens, "a", "one", 300);
	tokens_put(tokens, "b", "two", 0);
	auto_free char *one = tokens_find(tokens, "a");
	assert_string_equal(one, "one");
	assert_null(tokens_find(tokens, "b")); /* it is no longer good for anything */
	assert_null(tokens_find(tokens, "c"));
	tokens_drop(tokens, "a", "another");
	auto_free char *same = tokens_find(tokens, "a");
	assert_string_equal(same, "one");
	tokens_drop(tokens, "a", "one");
	assert_null(tokens_find(tokens, "a"));
	for (int i = 0; i < 3000; i++) {
		auto_free char *key = xasprintf("k%d", i);

		tokens_put(tokens, key, "x", 300);
	}
	auto_free char *last = tokens_find(tokens, "k2999");
	assert_string_equal(last, "x");
	image_tokens_free(tokens);
}

static void log_in(struct kit *kit, const char *host, const char *user, const char *password)
{
	struct err err = { 0 };
	struct secret secret = { 0 };

	if (!kit->config.credentials_file)
		kit->config.credentials_file = kit_path(kit, "credentials.json");
	secret_set(&secret, password, strlen(password));
	const struct image_login login = { host, user, &secret };
	if (image_registry_login(&kit->config, &login, &err) < 0)
		fail_msg("%s", err.msg);
	secret_fini(&secret);
}

static int check(struct kit *kit, const char *host, const char *password, bool *ret_is_asked,
		 struct err *err)
{
	struct secret secret = { 0 };

	secret_set(&secret, password, strlen(password));
	const struct image_login login = { host, "me", &secret };
	int r = image_registry_check(&kit->config, &login, NULL, ret_is_asked, err);
	secret_fini(&secret);
	return r;
}

static void want_password(struct site *site)
{
	for (size_t i = 0; i < site->n; i++)
		site->pages[i].wants_password = true;
}

static void a_password_is_given_when_asked_for(void **state)
{
	struct kit *kit = *state;
	struct site site;

	site_init(&site);
	want_password(&site);
	site_open(&site);
	log_in(kit, site.host, "me", "open up");
	assert_pulls(kit, site.ref);
	/* Asked once, then given at once. */
	assert_int_equal(web_count(site.web, "/"), 5);
	assert_int_equal(web_authorized(site.web, "Basic "), 4);
	site_fini(&site);
}

static void a_wrong_password_is_told_and_not_shown(void **state)
{
	struct kit *kit = *state;
	struct err err = { 0 };
	struct site site;

	site_init(&site);
	want_password(&site);
	site_open(&site);
	log_in(kit, site.host, "me", "hunter2");
	assert_int_equal(kit_pull(kit, site.ref, &err), -EACCES);
	assert_non_null(strstr(err.msg, "refuses the credentials of user me"));
	assert_null(strstr(err.msg, "hunter2"));
	assert_int_equal(web_count(site.web, "/"), 2);
	image_registry_logout(&kit->config, site.host, &err);
	assert_int_equal(kit_pull(kit, site.ref, &err), -EACCES);
	assert_non_null(strstr(err.msg, "none are stored for 127.0.0.1:"));
	site_fini(&site);
}

static void the_token_server_is_given_the_password(void **state)
{
	struct kit *kit = *state;
	struct err err = { 0 };
	struct site site;

	site_init(&site);
	for (size_t i = 0; i < site.n; i++)
		site.pages[i].wants_token = true;
	add_page(&site, "/token", "", "{\"token\":\"sesame\"}")->wants_password = true;
	site_open(&site);
	assert_int_equal(kit_pull(kit, site.ref, &err), -EACCES);
	assert_non_null(strstr(err.msg, "refuses a token without credentials"));
	log_in(kit, site.host, "me", "hunter2");
	assert_int_equal(kit_pull(kit, site.ref, &err), -EACCES);
	assert_non_null(strstr(err.msg, "refuses user me"));
	assert_null(strstr(err.msg, "hunter2"));
	log_in(kit, site.host, "me", "open up");
	assert_pulls(kit, site.ref);
	assert_int_equal(web_count(site.web, "/token?service=a%20registry&scope=repository:web:pull"
					     "&account=me"),
			 2);
	/* The registry itself never saw it. */
	assert_int_equal(web_authorized(site.web, "Basic "), 2);
	site_fini(&site);
}

static void pulls_share_tokens(void **state)
{
	struct kit *kit = *state;
	struct site site;

	kit->config.tokens = image_tokens_new();
	site_init(&site);
	for (size_t i = 0; i < site.n; i++)
		site.pages[i].wants_token = true;
	add_page(&site, "/token", "", "{\"token\":\"sesame\",\"expires_in\":300}");
	site_open(&site);
	assert_pulls(kit, site.ref);
	assert_pulls(kit, site.ref);
	assert_int_equal(web_count(site.web, "/token"), 1);
	site_fini(&site);
}

/* A registry with TLS could be played by somebody who has no certificate for the token server. */
static void the_token_server_of_a_safe_registry_is_safe(void **state)
{
	struct challenge challenge = { .is_bearer = true,
				       .realm = (char[]){ "http://127.0.0.1:1/token" } };
	const struct token_request request = { .challenge = &challenge };
	struct err err = { 0 };
	uint64_t lifetime_s;
	char *token;

	assert_int_equal(token_get(&request, &token, &lifetime_s, &err), -EPROTO);
	assert_non_null(strstr(err.msg, "expected https://"));
}

static void logging_in_is_checked(void **state)
{
	struct kit *kit = *state;
	struct err err = { 0 };
	bool is_asked = false;
	struct site site;

	site_init(&site);
	add_page(&site, "/v2/", "", "{}")->wants_password = true;
	site_open(&site);
	assert_int_equal(check(kit, site.host, "open up", &is_asked, &err), 0);
	assert_true(is_asked);
	assert_int_equal(check(kit, site.host, "hunter2", &is_asked, &err), -EACCES);
	assert_null(strstr(err.msg, "hunter2"));
	assert_int_equal(check(kit, "127.0.0.1:1/x", "open up", &is_asked, &err), -EINVAL);
	assert_int_equal(check(kit, site.host, "", &is_asked, &err), -EINVAL);
	site_fini(&site);

	site_init(&site);
	add_page(&site, "/v2/", "", "{}");
	site_open(&site);
	assert_int_equal(check(kit, site.host, "open up", &is_asked, &err), 0);
	assert_false(is_asked);
	site_fini(&site);

	site_init(&site);
	add_page(&site, "/v2/", "", "{}")->wants_token = true;
	add_page(&site, "/token", "", "{\"token\":\"sesame\"}")->wants_password = true;
	site_open(&site);
	/* A token that somebody else was given proves nothing. */
	kit->config.tokens = image_tokens_new();
	assert_int_equal(check(kit, site.host, "open up", &is_asked, &err), 0);
	assert_true(is_asked);
	assert_int_equal(check(kit, site.host, "hunter2", &is_asked, &err), -EACCES);
	site_fini(&site);
}

static void a_password_follows_no_redirect(void **state)
{
	struct kit *kit = *state;
	struct site site, other;

	site_init(&other);
	site_open(&other);
	site_init(&site);
	want_password(&site);
	auto_free char *headers = xasprintf("Location: http://localhost:%d%s\r\n",
					    web_port(other.web), other.pages[PAGE_LAYER].path);
	site.pages[PAGE_LAYER].status = 307;
	site.pages[PAGE_LAYER].headers = headers;
	site_open(&site);
	log_in(kit, site.host, "me", "open up");
	assert_pulls(kit, site.ref);
	assert_int_equal(web_count(other.web, BLOBS), 1);
	assert_int_equal(web_authorized(other.web, ""), 0);
	site_fini(&site);
	site_fini(&other);
}

static void credentials_are_kept(void **state)
{
	struct kit *kit = *state;
	struct strv users = { 0 };
	struct err err = { 0 };
	struct stat st;

	log_in(kit, "a.example", "ann", "1");
	log_in(kit, "index.docker.io", "dora", "2");
	log_in(kit, "a.example", "anna", "3");
	assert_int_equal(stat(kit->config.credentials_file, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	assert_int_equal(credentials_list(&kit->config, &users, &err), 0);
	assert_int_equal(users.n, 2);
	assert_string_equal(users.items[0], "a.example anna");
	assert_string_equal(users.items[1], "docker.io dora");
	strv_fini(&users);
	struct credential found = { 0 };
	assert_int_equal(credentials_find(&kit->config, "registry-1.docker.io", &found, &err), 1);
	assert_string_equal((char *)found.password.bytes, "2");
	credential_fini(&found);
	assert_int_equal(credentials_find(&kit->config, "b.example", &found, &err), 0);
	assert_int_equal(image_registry_logout(&kit->config, "b.example", &err), -ENOENT);
	assert_int_equal(image_registry_logout(&kit->config, "a.example", &err), 0);
	assert_int_equal(credentials_find(&kit->config, "a.example", &found, &err), 0);
}

static void a_damaged_file_shows_nothing(void **state)
{
	static const char *const texts[] = {
		"{\"registries\":[{\"host\":\"a\",\"user\":\"u\",\"password\":[\"hunter2\"]}]}",
		"{\"registries\":[{\"host\":\"a\",\"user\":\"u\",\"password\":\"hunter2\" oops",
		"{\"registries\":\"hunter2\"}",
	};
	struct kit *kit = *state;
	struct credential found = { 0 };
	struct err err = { 0 };

	log_in(kit, "a.example", "ann", "1");
	for (size_t i = 0; i < ARRAY_LEN(texts); i++) {
		kit_write(kit, "credentials.json", texts[i], strlen(texts[i]));
		assert_int_equal(chmod(kit->config.credentials_file, 0600), 0);
		assert_int_equal(credentials_find(&kit->config, "a", &found, &err), -EBADMSG);
		assert_non_null(strstr(err.msg, "damaged"));
		assert_null(strstr(err.msg, "hunter"));
	}
	assert_int_equal(chmod(kit->config.credentials_file, 0640), 0);
	assert_int_equal(credentials_find(&kit->config, "a", &found, &err), -EACCES);
	assert_non_null(strstr(err.msg, "others may read it"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(challenges),
		cmocka_unit_test(tokens_end),
		KIT_TEST(a_password_is_given_when_asked_for),
		KIT_TEST(a_wrong_password_is_told_and_not_shown),
		KIT_TEST(the_token_server_is_given_the_password),
		KIT_TEST(pulls_share_tokens),
		cmocka_unit_test(the_token_server_of_a_safe_registry_is_safe),
		KIT_TEST(logging_in_is_checked),
		KIT_TEST(a_password_follows_no_redirect),
		KIT_TEST(credentials_are_kept),
		KIT_TEST(a_damaged_file_shows_nothing),
	};

	return cmocka_run_group_tests_name("image/auth", tests, NULL, NULL);
}
