/* Accounts on virtual time: what is kept over a start, and what ends by itself. */
#include <unistd.h>

#include "kit.h"
#include "server/accounts.h"

#define DAY_MS (86400u * 1000)

struct fixture {
	struct kit *kit;
	char dir[64];
	char *keys;
};

static int set_up(void **state)
{
	struct fixture *f = NEW(struct fixture);
	void *kit = NULL;

	STR_COPY(f->dir, "/tmp/holm-server-accounts-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->keys = path_join(f->dir, "keys");
	kit_setup(&kit);
	f->kit = kit;
	kit_crash(f->kit);
	f->kit->config.keys_dir = f->keys;
	kit_boot(f->kit);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;
	void *kit = f->kit;
	struct err err;

	kit_teardown(&kit);
	path_remove(f->dir, &err);
	free(f->keys);
	free(f);
	return 0;
}

struct answer {
	struct kit *kit;
	int code;
	char *text;
	char *refresh; /* of a login that wants to know; the test's own */
	bool wants_refresh;
};

static void on_login(void *arg, const struct server_tokens *tokens, const struct err *err)
{
	struct answer *answer = arg;

	answer->code = err->code;
	answer->text = xstrdup(err->code ? err->msg : tokens->access);
	if (answer->wants_refresh)
		answer->refresh = xstrdup(tokens->refresh);
	loop_stop(answer->kit->loop);
}

static void on_token(void *arg, const char *text, const struct err *err)
{
	struct answer *answer = arg;

	answer->code = err->code;
	answer->text = xstrdup(err->code ? err->msg : text);
	loop_stop(answer->kit->loop);
}

static void on_plan(void *arg, const struct plan_view *plan, const struct err *err)
{
	struct answer *answer = arg;

	answer->code = err->code;
	answer->text = xstrdup(err->msg);
	loop_stop(answer->kit->loop);
}

/* Runs until it is answered. */
static struct answer *finish(struct answer *answer)
{
	loop_run(answer->kit->loop);
	assert_non_null(answer->text);
	return answer;
}

/* The access token, or why not; the caller's. */
static char *login(struct kit *kit, const char *user, const char *password, int code)
{
	const struct server_login request = { .user = user,
					      .password = password,
					      .address = "10.99.0.7",
					      .may_use_default = true };
	struct answer answer = { .kit = kit };

	server_login_begin(kit->server, &request, on_login, &answer);
	finish(&answer);
	if (answer.code != code)
		fail_msg("%d, expected %d: %s", answer.code, code, answer.text);
	return answer.text;
}

static int identify(struct kit *kit, const char *token)
{
	auto_identity struct identity who = { 0 };
	struct err err;

	return server_identify(kit->server, token, &who, &err);
}

static void restart(struct kit *kit)
{
	kit_crash(kit);
	kit_boot(kit);
	kit_run(kit, 1000);
}

static void accounts_and_tokens_survive_a_start(void **state)
{
	const struct fixture *f = *state;
	auto_identity struct identity before = { 0 };
	auto_identity struct identity after = { 0 };

	kit_run(f->kit, 1000);
	server_identify_local(f->kit->server, &before);
	assert_string_equal(before.user, "Admin");
	assert_int_equal(strlen(before.user_id), ID_LEN);
	assert_int_equal(before.roles.n, 4);
	assert_true(before.is_admin && before.is_local);
	auto_free char *token = login(f->kit, "Admin", "Admin", 0);
	const struct server_user user = { .name = "bob", .is_new = true, .password = "builder" };
	struct answer answer = { .kit = f->kit };
	server_user_put_begin(f->kit->server, &user, on_plan, &answer);
	assert_int_equal(finish(&answer)->code, 0);
	free(answer.text);
	restart(f->kit);
	server_identify_local(f->kit->server, &after);
	assert_string_equal(after.user_id, before.user_id);
	auto_free char *bob = login(f->kit, "bob", "builder", 0);
	auto_identity struct identity who = { 0 };
	struct err err;
	assert_int_equal(server_identify(f->kit->server, bob, &who, &err), 0);
	assert_false(who.is_admin || who.is_local);
	/* Virtual time has gone on: the first one has expired, but it is known. */
	assert_int_equal(identify(f->kit, token), -ETIME);
}

/* Ten minutes and thirty days, on the server's own clock. */
static void logins_expire(void **state)
{
	const struct fixture *f = *state;
	const struct server_login request = { .user = "Admin",
					      .password = "Admin",
					      .address = "10.99.0.7",
					      .may_use_default = true };
	struct answer answer = { .kit = f->kit, .wants_refresh = true };
	auto_identity struct identity who = { 0 };
	struct err err;

	kit_run(f->kit, 1000);
	server_login_begin(f->kit->server, &request, on_login, &answer);
	auto_free char *access = finish(&answer)->text;
	auto_free char *refresh = answer.refresh;
	kit_run(f->kit, (TOKEN_ACCESS_S - 2) * 1000);
	assert_int_equal(identify(f->kit, access), 0);
	kit_run(f->kit, 4000);
	assert_int_equal(identify(f->kit, access), -ETIME);
	/* It is for another access token alone, which is as good as the first was. */
	assert_int_equal(server_identify(f->kit->server, refresh, &who, &err), 0);
	assert_true(who.is_refresh);
	auto_free char *again = server_refresh(f->kit->server, &who);
	assert_int_equal(identify(f->kit, again), 0);
	kit_run(f->kit, (TOKEN_ACCESS_S + 2) * 1000);
	assert_int_equal(identify(f->kit, again), -ETIME);
	/* A server that was away for most of the time. */
	f->kit->n_boots += (TOKEN_REFRESH_S - DAY_MS / 1000) * 1000ull / KIT_BOOT_MS;
	restart(f->kit);
	assert_int_equal(identify(f->kit, refresh), 0);
	kit_run(f->kit, 2ull * DAY_MS);
	assert_int_equal(identify(f->kit, refresh), -ETIME);
}

static void machine_tokens_expire(void **state)
{
	const struct fixture *f = *state;
	const struct server_token_request request = { "ci", "Admin", 3 * 86400 };
	struct answer answer = { .kit = f->kit };

	kit_run(f->kit, 1000);
	server_token_create_begin(f->kit->server, &request, on_token, &answer);
	auto_free char *token = finish(&answer)->text;
	assert_int_equal(answer.code, 0);
	restart(f->kit);
	assert_int_equal(identify(f->kit, token), 0);
	kit_run(f->kit, 2ull * DAY_MS);
	assert_int_equal(identify(f->kit, token), 0);
	kit_run(f->kit, 1ull * DAY_MS);
	assert_int_equal(identify(f->kit, token), -ETIME);
}

static void failures_have_to_be_waited_for(void **state)
{
	const struct fixture *f = *state;

	kit_run(f->kit, 1000);
	for (size_t i = 0; i < 5; i++)
		free(login(f->kit, "Admin", "wrong", -EACCES));
	auto_free char *why = login(f->kit, "Admin", "Admin", -EBUSY);
	assert_string_equal(why, "too many failed logins: wait 1 s");
	/* Another name is not concerned. */
	free(login(f->kit, "bob", "wrong", -EACCES));
	kit_run(f->kit, 2000);
	free(login(f->kit, "Admin", "Admin", 0));
	free(login(f->kit, "Admin", "wrong", -EACCES));
}

/* Ever so many names from one place. */
static void an_address_has_to_wait_too(void **state)
{
	const struct fixture *f = *state;
	int code = 0;

	kit_run(f->kit, 1000);
	for (size_t i = 0; i < 30 && code != -EBUSY; i++) {
		auto_free char *name = xasprintf("user%zu", i);
		const struct server_login request = { .user = name,
						      .password = "x",
						      .address = "2001:db8::1" };
		struct answer answer = { .kit = f->kit };

		server_login_begin(f->kit->server, &request, on_login, &answer);
		code = finish(&answer)->code;
		free(answer.text);
	}
	assert_int_equal(code, -EBUSY);
	const struct server_login neighbour = { .user = "eve",
						.password = "x",
						.address = "2001:db8::2" };
	struct answer answer = { .kit = f->kit };
	server_login_begin(f->kit->server, &neighbour, on_login, &answer);
	assert_int_equal(finish(&answer)->code, -EBUSY);
	free(answer.text);
	free(login(f->kit, "Admin", "Admin", 0));
}

/* Tries count before they are answered, so that many at once are no more than one after the other. */
static void old_passwords_at_once_are_limited(void **state)
{
	const struct fixture *f = *state;
	struct answer answers[20];
	size_t n_tried = 0;

	kit_run(f->kit, 1000);
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		const struct server_user user = { .name = "Admin",
						  .password = "new one",
						  .old_password = "wrong" };

		answers[i] = (struct answer){ .kit = f->kit };
		server_user_put_begin(f->kit->server, &user, on_plan, &answers[i]);
	}
	for (size_t i = 0; i < ARRAY_LEN(answers); i++) {
		while (!answers[i].text)
			loop_run(f->kit->loop);
		n_tried += answers[i].code == -EACCES;
		assert_true(answers[i].code == -EACCES || answers[i].code == -EBUSY);
		free(answers[i].text);
	}
	assert_int_equal(n_tried, 5);
}

static void unknown_organizations_are_limited(void **state)
{
	const struct fixture *f = *state;
	const struct server_login request = { .user = "eve",
					      .password = "x",
					      .organization = "none",
					      .address = "10.99.0.9" };
	int code = 0;

	kit_run(f->kit, 1000);
	for (size_t i = 0; i < 30 && code != -EBUSY; i++) {
		struct answer answer = { .kit = f->kit };

		server_login_begin(f->kit->server, &request, on_login, &answer);
		code = finish(&answer)->code;
		free(answer.text);
	}
	assert_int_equal(code, -EBUSY);
}

static void the_audit_log_is_kept_and_bounded(void **state)
{
	static char user[] = "bob";
	static char path[] = "/x";
	const struct fixture *f = *state;
	struct audit_entry entry = { .user = user, .path = path, .status = 200 };

	for (size_t i = 0; i < 5010; i++)
		server_audit(f->kit->server, &entry);
	for (size_t i = 0; i < 510; i++) {
		entry.status = i < 255 ? 404 : 401;
		server_audit(f->kit->server, &entry);
	}
	kit_run(f->kit, 100000);
	restart(f->kit);
	server_audit(f->kit->server, &entry);
	auto_free char *text = server_list_audit(f->kit->server, 10000);
	auto_(json_free) struct json *list = NULL;
	struct err err;
	assert_int_equal(json_parse(text, strlen(text), &list, &err), 0);
	assert_int_equal(json_count(list), 5500);
	assert_string_equal(json_get_str(json_at(list, 0), "user"), "bob");
	assert_int_equal(json_get_int(json_at(list, 5499), "status", 0), 401);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(accounts_and_tokens_survive_a_start),
		T(machine_tokens_expire),
		T(logins_expire),
		T(failures_have_to_be_waited_for),
		T(an_address_has_to_wait_too),
		T(the_audit_log_is_kept_and_bounded),
		T(old_passwords_at_once_are_limited),
		T(unknown_organizations_are_limited),
	};

	return cmocka_run_group_tests_name("server/accounts", tests, NULL, NULL);
}
