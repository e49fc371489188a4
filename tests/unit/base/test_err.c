/* Errors: sentences that are wrapped, and that never run over. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"

static void a_code_and_a_sentence(void **state)
{
	struct err err = { 0 };
	struct err copy = { 0 };

	assert_int_equal(err_set(&err, -ENOENT, "open %s: %s", "/x", "gone"), -ENOENT);
	assert_int_equal(err.code, -ENOENT);
	assert_string_equal(err.msg, "open /x: gone");
	assert_int_equal(err_wrap(&err, "deploy %d", 7), -ENOENT);
	assert_string_equal(err.msg, "deploy 7: open /x: gone");
	assert_int_equal(err_copy(&copy, &err), -ENOENT);
	assert_string_equal(copy.msg, "deploy 7: open /x: gone");
}

static void errno_becomes_words(void **state)
{
	struct err err = { 0 };

	errno = EACCES;
	assert_int_equal(err_errno(&err, "open %s", "/x"), -EACCES);
	assert_string_equal(err.msg, "open /x: Permission denied");
}

static void the_old_message_may_be_an_argument(void **state)
{
	struct err err = { 0 };

	err_set(&err, -EIO, "one");
	err_set(&err, -EIO, "two after %s", err.msg);
	assert_string_equal(err.msg, "two after one");
	err_wrap(&err, "three before %s", err.msg);
	assert_string_equal(err.msg, "three before two after one: two after one");
}

static void long_sentences_are_cut(void **state)
{
	struct err err = { 0 };
	char text[2 * ERR_MSG_MAX];

	memset(text, 'x', sizeof(text) - 1);
	text[sizeof(text) - 1] = '\0';
	err_set(&err, -EIO, "%s", text);
	assert_int_equal(strlen(err.msg), ERR_MSG_MAX - 1);
	for (size_t n = ERR_MSG_MAX - 5; n < ERR_MSG_MAX + 5; n++) {
		err_set(&err, -EIO, "cause");
		err_wrap(&err, "%.*s", (int)n, text);
		assert_true(strlen(err.msg) < ERR_MSG_MAX);
		assert_true(str_starts(err.msg, "xxxx"));
	}
	errno = EIO;
	err_errno(&err, "%s", text);
	assert_true(strlen(err.msg) < ERR_MSG_MAX);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_code_and_a_sentence),
		cmocka_unit_test(errno_becomes_words),
		cmocka_unit_test(the_old_message_may_be_an_argument),
		cmocka_unit_test(long_sentences_are_cut),
	};

	return cmocka_run_group_tests_name("base/err", tests, NULL, NULL);
}
