/* Users of images, by number and by name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "runtime/oci/user.h"

static const char passwd[] = "root:x:0:0:root:/root:/bin/sh\n"
			     "# a comment\n"
			     "\n"
			     "bad:x:minus:1::/:\n"
			     "web:x:101:102:web:/srv:/bin/false\n"
			     "db:x:200:201::/:";
static const char group[] = "root:x:0:\nweb:x:102:\nlog:x:4:web,db\nstaff:x:50:db,web,x\nempty:x\n";

static void numbers_need_no_files(void **state)
{
	struct oci_user u = { .uid = 9 };

	assert_false(user_needs_files("", &u));
	assert_int_equal(u.uid, 0);
	assert_false(user_needs_files("0", &u));
	assert_false(user_needs_files("1000:1001", &u));
	assert_int_equal(u.uid, 1000);
	assert_int_equal(u.gid, 1001);
	assert_true(user_needs_files("1000", &u));
	assert_true(user_needs_files("web", &u));
	assert_true(user_needs_files("0:web", &u));
	assert_true(user_needs_files("web:0", &u));
	assert_true(user_needs_files("99999999999:1", &u));
}

static void resolves_names(void **state)
{
	struct oci_user u;
	struct err err;

	assert_int_equal(user_resolve("web", passwd, group, &u, &err), 0);
	assert_int_equal(u.uid, 101);
	assert_int_equal(u.gid, 102);
	assert_int_equal(u.n_groups, 2);
	assert_int_equal(u.groups[0], 4);
	assert_int_equal(u.groups[1], 50);
	assert_int_equal(user_resolve("web:staff", passwd, group, &u, &err), 0);
	assert_int_equal(u.gid, 50);
	assert_int_equal(u.n_groups, 0);
	assert_int_equal(user_resolve("200", passwd, group, &u, &err), 0);
	assert_int_equal(u.gid, 201);
	assert_int_equal(u.n_groups, 2);
	assert_int_equal(user_resolve("777", passwd, group, &u, &err), 0);
	assert_int_equal(u.uid, 777);
	assert_int_equal(u.gid, 0);
	assert_int_equal(user_resolve("777:88", "", "", &u, &err), 0);
	assert_int_equal(u.gid, 88);
}

static void tells_what_is_missing(void **state)
{
	struct oci_user u = { .uid = 1 };
	struct err err;

	assert_int_equal(user_resolve("nobody", passwd, group, &u, &err), -ENOENT);
	assert_string_equal(err.msg, "find user nobody: not in the image's /etc/passwd");
	assert_int_equal(user_resolve("web:nobody", passwd, group, &u, &err), -ENOENT);
	assert_string_equal(err.msg, "find group nobody: not in the image's /etc/group");
	assert_int_equal(user_resolve("bad", passwd, group, &u, &err), -ENOENT);
	assert_int_equal(u.uid, 1);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(numbers_need_no_files),
		cmocka_unit_test(resolves_names),
		cmocka_unit_test(tells_what_is_missing),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
