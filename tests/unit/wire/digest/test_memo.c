/* What is read again, and what is not. */
#include <fcntl.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "wire/digest/digest.h"

#define HELLO "sha256:2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
#define OTHER "sha256:0000000000000000000000000000000000000000000000000000000000000000"

static struct timespec after(const struct stat *st, time_t seconds)
{
	return (struct timespec){ .tv_sec = st->st_ctim.tv_sec + seconds };
}

static bool is_known(const struct digest_memo *memo, const struct stat *st)
{
	char digest[DIGEST_TEXT_MAX];

	return digest_memo_find(memo, st, digest);
}

static struct stat a_file(ino_t inode)
{
	return (struct stat){
		.st_dev = 1,
		.st_ino = inode,
		.st_size = 5,
		.st_mtim = { 1000, 1 },
		.st_ctim = { 1000, 2 },
	};
}

static void any_change_is_another_file(void **state)
{
	const struct stat st = a_file(7);
	const struct timespec now = after(&st, DIGEST_MEMO_SETTLED_S + 1);
	struct digest_memo memo = { 0 };
	struct stat changed[7];
	char digest[DIGEST_TEXT_MAX];

	assert_false(is_known(&memo, &st));
	digest_memo_note(&memo, &st, &now, HELLO);
	assert_true(digest_memo_find(&memo, &st, digest));
	assert_string_equal(digest, HELLO);
	for (size_t i = 0; i < ARRAY_LEN(changed); i++)
		changed[i] = st;
	changed[0].st_dev++;
	changed[1].st_ino++;
	changed[2].st_size++;
	changed[3].st_mtim.tv_sec++;
	changed[4].st_mtim.tv_nsec++;
	changed[5].st_ctim.tv_sec++;
	changed[6].st_ctim.tv_nsec++;
	for (size_t i = 0; i < ARRAY_LEN(changed); i++)
		assert_false(is_known(&memo, &changed[i]));
}

static void what_has_just_changed_is_not_kept_in_mind(void **state)
{
	static const time_t too_soon[] = { 0, 1, DIGEST_MEMO_SETTLED_S, -1, -100 };
	const struct stat st = a_file(7);
	struct digest_memo memo = { 0 };

	for (size_t i = 0; i < ARRAY_LEN(too_soon); i++) {
		const struct timespec now = after(&st, too_soon[i]);

		digest_memo_note(&memo, &st, &now, HELLO);
		assert_false(is_known(&memo, &st));
	}
}

static void the_first_makes_room(void **state)
{
	struct digest_memo memo = { 0 };

	for (ino_t i = 1; i <= DIGEST_MEMO_MAX + 2; i++) {
		struct stat st = a_file(i);

		for (int again = 0; again < 2; again++) {
			const struct timespec now = after(&st, DIGEST_MEMO_SETTLED_S + 1);

			digest_memo_note(&memo, &st, &now, HELLO);
			assert_true(is_known(&memo, &st));
			st.st_ctim.tv_sec++;
		}
	}
	for (ino_t i = 1; i <= DIGEST_MEMO_MAX + 2; i++) {
		struct stat st = a_file(i);

		st.st_ctim.tv_sec++;
		assert_int_equal(is_known(&memo, &st), i > 2);
	}
}

/* The one that is in mind is given for another one here, which tells that nothing was read. */
static void a_file_is_read_again_when_it_has_changed(void **state)
{
	char path[] = "/tmp/holm-test-memo.XXXXXX";
	struct digest_memo memo = { 0 };
	char digest[DIGEST_TEXT_MAX];
	struct stat st;
	struct err err;

	auto_close int fd = mkstemp(path);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, "hello", 5), 5);
	assert_int_equal(digest_memo_fd(&memo, fd, digest, &err), 0);
	assert_string_equal(digest, HELLO);
	assert_int_equal(fstat(fd, &st), 0);
	assert_false(is_known(&memo, &st));
	const struct timespec now = after(&st, DIGEST_MEMO_SETTLED_S + 1);
	digest_memo_note(&memo, &st, &now, OTHER);
	assert_int_equal(digest_memo_fd(&memo, fd, digest, &err), 0);
	assert_string_equal(digest, OTHER);
	assert_int_equal(ftruncate(fd, 0), 0);
	assert_int_equal(pwrite(fd, "hello", 5, 0), 5);
	assert_int_equal(digest_memo_fd(&memo, fd, digest, &err), 0);
	assert_string_equal(digest, HELLO);
	unlink(path);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(any_change_is_another_file),
		cmocka_unit_test(what_has_just_changed_is_not_kept_in_mind),
		cmocka_unit_test(the_first_makes_room),
		cmocka_unit_test(a_file_is_read_again_when_it_has_changed),
	};

	return cmocka_run_group_tests_name("wire/digest/memo", tests, NULL, NULL);
}
