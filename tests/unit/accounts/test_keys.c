/* The folder of keys, and its life. */
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "accounts/accounts.h"

#define NOW_MS     ((uint64_t)1800000000000)
#define REFRESH_MS ((uint64_t)TOKEN_REFRESH_S * 1000)

static const unsigned char noise[32] = "0123456789abcdef0123456789abcde";

struct fixture {
	char dir[64];
	char *keys;
	struct err err;
};

static int set_up(void **state)
{
	struct fixture *f = NEW(struct fixture);

	STR_COPY(f->dir, "/tmp/holm-keys-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->keys = path_join(f->dir, "keys");
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	path_remove(f->dir, &f->err);
	free(f->keys);
	free(f);
	return 0;
}

static struct keys *load(struct fixture *f, uint64_t now_ms)
{
	struct keys *keys = NULL;

	if (keys_load(f->keys, now_ms, &keys, &f->err) < 0)
		fail_msg("%s", f->err.msg);
	return keys;
}

static void make(struct fixture *f, uint64_t now_ms, bool is_sudden)
{
	if (keys_make(f->keys, now_ms, is_sudden, &f->err) < 0)
		fail_msg("%s", f->err.msg);
}

static char *issue(const struct keys *keys, uint64_t now_ms)
{
	static char user[] = "bob";
	const struct token token = { .user = user,
				     .type = TOKEN_REFRESH,
				     .issued_s = now_ms / 1000 };

	return token_issue(keys, &token, noise);
}

static int check(const struct keys *keys, const char *text, uint64_t now_ms)
{
	auto_token struct token token = { 0 };
	struct err err;

	return token_check(keys, text, now_ms / 1000, &token, &err);
}

/* Path of the only file there is. */
static char *only_file(const struct fixture *f)
{
	DIR *d = opendir(f->keys);
	char *path = NULL;

	assert_non_null(d);
	for (const struct dirent *e; (e = readdir(d));) {
		if (e->d_name[0] == '.')
			continue;
		assert_null(path);
		path = path_join(f->keys, e->d_name);
	}
	closedir(d);
	assert_non_null(path);
	return path;
}

static void they_are_kept_and_nobody_elses(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	auto_(keys_free) struct keys *none = load(f, NOW_MS);
	assert_int_equal(keys_count(none), 0);
	make(f, NOW_MS, false);
	auto_(keys_free) struct keys *keys = load(f, NOW_MS);
	assert_int_equal(keys_count(keys), 1);
	auto_free char *token = issue(keys, NOW_MS);
	auto_(keys_free) struct keys *again = load(f, NOW_MS);
	assert_int_equal(check(again, token, NOW_MS), 0);
	assert_int_equal(check(none, token, NOW_MS), -EKEYREJECTED);
	assert_int_equal(stat(f->keys, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0700);
	auto_free char *path = only_file(f);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
}

static void a_rotated_key_verifies_until_its_last_token_is_gone(void **state)
{
	struct fixture *f = *state;
	uint64_t rotated_ms = NOW_MS + 5000;

	make(f, NOW_MS, false);
	auto_(keys_free) struct keys *first = load(f, NOW_MS);
	auto_free char *old = issue(first, rotated_ms);
	make(f, rotated_ms, false);
	auto_(keys_free) struct keys *both = load(f, rotated_ms + REFRESH_MS);
	assert_int_equal(keys_count(both), 2);
	auto_free char *young = issue(both, rotated_ms);
	assert_int_equal(check(both, old, rotated_ms), 0);
	assert_int_equal(check(both, young, rotated_ms), 0);
	assert_int_equal(check(first, young, rotated_ms), -EKEYREJECTED);
	auto_(keys_free) struct keys *last = load(f, rotated_ms + REFRESH_MS + 1);
	assert_int_equal(keys_count(last), 1);
	assert_int_equal(check(last, young, rotated_ms), 0);
	assert_int_equal(check(last, old, rotated_ms), -EKEYREJECTED);
}

static void a_sudden_change_ends_what_was_signed(void **state)
{
	struct fixture *f = *state;

	make(f, NOW_MS, false);
	auto_(keys_free) struct keys *first = load(f, NOW_MS);
	auto_free char *old = issue(first, NOW_MS);
	/* The clock went back: it is the newest all the same. */
	make(f, NOW_MS - 1000, true);
	auto_(keys_free) struct keys *now = load(f, NOW_MS);
	assert_int_equal(keys_count(now), 1);
	assert_int_equal(check(now, old, NOW_MS), -EKEYREJECTED);
	auto_free char *young = issue(now, NOW_MS);
	assert_int_equal(check(now, young, NOW_MS), 0);
}

static void files_that_are_no_keys(void **state)
{
	struct fixture *f = *state;
	struct keys *untouched = NULL;

	make(f, NOW_MS, false);
	auto_free char *path = only_file(f);
	auto_free char *other = path_join(f->keys, "README.pem");
	assert_int_equal(file_write_atomic(other, "x", 1, 0644, &f->err), 0);
	auto_(keys_free) struct keys *keys = load(f, NOW_MS);
	assert_int_equal(keys_count(keys), 1);
	assert_int_equal(chmod(path, 0640), 0);
	assert_int_equal(keys_load(f->keys, NOW_MS, &untouched, &f->err), -EACCES);
	assert_non_null(strstr(f->err.msg, path));
	assert_int_equal(file_write_atomic(path, "no key", 6, 0600, &f->err), 0);
	assert_int_equal(keys_load(f->keys, NOW_MS, &untouched, &f->err), -EBADMSG);
	assert_non_null(strstr(f->err.msg, path));
	assert_null(untouched);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(they_are_kept_and_nobody_elses),
		T(a_rotated_key_verifies_until_its_last_token_is_gone),
		T(a_sudden_change_ends_what_was_signed),
		T(files_that_are_no_keys),
	};

	return cmocka_run_group_tests_name("accounts/keys", tests, NULL, NULL);
}
