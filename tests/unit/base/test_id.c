/* Ids: form and check. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "base/id.h"

static void bits_become_hex_digits(void **state)
{
	const uint8_t bits[12] = { 0x00, 0x01, 0x9a, 0xff, 0x10, 0, 0, 0, 0, 0, 0, 0x7e };
	char id[ID_SIZE];

	id_format(bits, id);
	assert_string_equal(id, "00019aff100000000000007e");
	assert_true(id_is_valid(id));
}

static void other_forms_are_no_ids(void **state)
{
	assert_false(id_is_valid(NULL));
	assert_false(id_is_valid(""));
	assert_false(id_is_valid("00019aff100000000000007"));
	assert_false(id_is_valid("00019aff100000000000007e0"));
	assert_false(id_is_valid("00019AFF100000000000007e"));
	assert_false(id_is_valid("00019aff10000000000000/e"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bits_become_hex_digits),
		cmocka_unit_test(other_forms_are_no_ids),
	};

	return cmocka_run_group_tests_name("base/id", tests, NULL, NULL);
}
