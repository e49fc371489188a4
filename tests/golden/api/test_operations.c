/* Names that clients made from the API's document call: what was once there stays. HOLM_UPDATE_GOLDEN=1 adds
 * what is new, and is not to be used to take something away. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "api/private.h"

#define FILE_MAX ((size_t)1 << 20)

/* "listApps GET /api/v1/apps" of every route. */
static void operations(struct strv *ret)
{
	for (const struct route_group *const *group = api_groups; *group; group++)
		for (size_t i = 0; i < (*group)->n; i++) {
			const struct route *route = &(*group)->routes[i];

			strv_addf(ret, "%s %s %s", route->id, route->method, route->path);
		}
}

static void write_all(const char *path, const struct strv *lines)
{
	auto_free char *text = strv_join(lines, "\n");
	auto_free char *whole = xasprintf("%s\n", text);
	struct err err;

	assert_int_equal(file_write_atomic(path, whole, strlen(whole), 0644, &err), 0);
}

static void names_stay(void **state)
{
	const char *source = getenv("HOLM_SOURCE");
	auto_strv struct strv now = { 0 };
	auto_strv struct strv before = { 0 };
	auto_free char *text = NULL;
	struct err err;

	assert_non_null(source);
	auto_free char *path = xasprintf("%s/tests/golden/api/operations.txt", source);
	operations(&now);
	if (getenv("HOLM_UPDATE_GOLDEN"))
		write_all(path, &now);
	if (file_read(path, FILE_MAX, &text, NULL, &err) < 0)
		fail_msg("%s", err.msg);
	strv_split(&before, text, "\n");
	assert_true(before.n > 80);
	for (size_t i = 0; i < before.n; i++)
		if (*before.items[i] && !strv_has(&now, before.items[i]))
			fail_msg("%s: is not there any more", before.items[i]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(names_stay),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
