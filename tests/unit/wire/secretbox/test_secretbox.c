/* Sealing and unsealing, and key files as they should not be. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

#include <cmocka.h>

#include "base/base.h"
#include "wire/secretbox/secretbox.h"

#define WORD "correct horse"

struct fixture {
	char dir[64];
	char *path;
	struct secretbox *box;
	struct err err;
};

static int set_up(void **state)
{
	struct fixture *f = NEW(struct fixture);

	STR_COPY(f->dir, "/tmp/holm-secretbox-XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->path = path_join(f->dir, "secrets.key");
	if (secretbox_make_key(f->path, &f->err) < 0 ||
	    secretbox_open(f->path, &f->box, &f->err) < 0)
		fail_msg("%s", f->err.msg);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	struct fixture *f = *state;

	secretbox_close(f->box);
	path_remove(f->dir, &f->err);
	free(f->path);
	free(f);
	return 0;
}

static char *seal(const struct fixture *f, const char *label, const char *word)
{
	auto_secret struct secret plain = { 0 };

	secret_set(&plain, word, strlen(word));
	return secretbox_seal(f->box, label, &plain);
}

static int unseal(struct fixture *f, const char *label, const char *sealed, const char *expected)
{
	auto_secret struct secret plain = { 0 };
	int r = secretbox_unseal(f->box, label, sealed, &plain, &f->err);

	if (r < 0) {
		assert_null(plain.bytes);
		return r;
	}
	assert_string_equal((char *)plain.bytes, expected);
	return 0;
}

static void what_is_sealed_comes_back(void **state)
{
	struct fixture *f = *state;
	auto_free char *one = seal(f, "secret db 1", WORD);
	auto_free char *two = seal(f, "secret db 1", WORD);
	auto_free char *nothing = seal(f, "secret db 1", "");

	assert_null(strstr(one, WORD));
	assert_string_not_equal(one, two); /* another nonce */
	assert_int_equal(unseal(f, "secret db 1", one, WORD), 0);
	assert_int_equal(unseal(f, "secret db 1", two, WORD), 0);
	assert_int_equal(unseal(f, "secret db 1", nothing, ""), 0);
}

static void it_is_of_use_in_its_own_place_only(void **state)
{
	struct fixture *f = *state;
	auto_free char *sealed = seal(f, "secret db 1", WORD);

	assert_int_equal(unseal(f, "secret db 2", sealed, WORD), -EBADMSG);
	assert_int_equal(unseal(f, "secret mail 1", sealed, WORD), -EBADMSG);
	assert_string_equal(f->err.msg,
			    "unseal secret mail 1: it is damaged, or was sealed as something else");
}

static void damage_is_noticed(void **state)
{
	struct fixture *f = *state;
	auto_free char *sealed = seal(f, "x", WORD);
	size_t len = strlen(sealed);

	/* Each digit of nonce, ciphertext and tag; the last ones before padding carry fewer bits. */
	for (size_t i = strlen("1:12345678:"); i < len; i++) {
		char was = sealed[i];

		sealed[i] = was == 'A' ? 'Q' : 'A';
		if (unseal(f, "x", sealed, WORD) != -EBADMSG)
			fail_msg("a change of byte %zu of %zu was not noticed", i, len);
		sealed[i] = was;
	}
	sealed[len - 4] = '\0';
	assert_int_equal(unseal(f, "x", sealed, WORD), -EBADMSG);
	assert_int_equal(unseal(f, "x", "", WORD), -EBADMSG);
	assert_int_equal(unseal(f, "x", "2:12345678:AAAA", WORD), -EBADMSG);
	sealed[strlen("1:12345678:")] = '\0';
	assert_int_equal(unseal(f, "x", sealed, WORD), -EBADMSG);
}

static void another_key_is_named(void **state)
{
	struct fixture *f = *state;
	auto_free char *sealed = seal(f, "secret db 1", WORD);

	secretbox_close(f->box);
	f->box = NULL;
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(secretbox_make_key(f->path, &f->err), 0);
	assert_int_equal(secretbox_open(f->path, &f->box, &f->err), 0);
	assert_int_equal(unseal(f, "secret db 1", sealed, WORD), -EKEYREJECTED);
	assert_non_null(strstr(f->err.msg, f->path));
	assert_non_null(strstr(f->err.msg, "sealed with key"));
}

static int reopen(struct fixture *f)
{
	f->box = secretbox_close(f->box);
	return secretbox_open(f->path, &f->box, &f->err);
}

static void key_files_that_are_none(void **state)
{
	struct fixture *f = *state;
	struct stat st;

	assert_int_equal(stat(f->path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0600);
	assert_int_equal(st.st_size, 32);
	assert_int_equal(secretbox_make_key(f->path, &f->err), -EEXIST);
	assert_int_equal(chmod(f->path, 0640), 0);
	assert_int_equal(reopen(f), -EACCES);
	assert_non_null(strstr(f->err.msg, "others may read it"));
	assert_int_equal(chmod(f->path, 0600), 0);
	assert_int_equal(reopen(f), 0);
	assert_int_equal(file_write_atomic(f->path, "short", 5, 0600, &f->err), 0);
	assert_int_equal(reopen(f), -EBADMSG);
	assert_non_null(strstr(f->err.msg, f->path));
	assert_int_equal(unlink(f->path), 0);
	assert_int_equal(reopen(f), -ENOENT);
	auto_free char *expected = xasprintf("key file %s is missing", f->path);
	assert_string_equal(f->err.msg, expected);
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		T(what_is_sealed_comes_back), T(it_is_of_use_in_its_own_place_only),
		T(damage_is_noticed),         T(another_key_is_named),
		T(key_files_that_are_none),
	};

	return cmocka_run_group_tests_name("wire/secretbox", tests, NULL, NULL);
}
