/* The reference page of the descriptor against the field tables that it is made of.
 * HOLM_UPDATE_GOLDEN=1 rewrites it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/sla.h"

#define HEAD                                                                                      \
	"<!-- Made by the test golden/descriptor from the tables in src/model/sla/sla_fields.c. " \
	"HOLM_UPDATE_GOLDEN=1 rewrites it. -->\n\n"

static void page_is_current(void **state)
{
	const char *source = getenv("HOLM_SOURCE");

	assert_non_null(source);
	auto_free char *path = xasprintf("%s/docs/descriptor.md", source);
	auto_free char *reference = sla_reference();
	auto_free char *text = xasprintf("%s%s", HEAD, reference);
	auto_free char *page = NULL;
	struct err err = { 0 };

	if (getenv("HOLM_UPDATE_GOLDEN"))
		assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, &err), 0);
	if (file_read(path, SLA_TEXT_MAX, &page, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	assert_string_equal(text, page);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(page_is_current),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
