/* Users by the files of an image's layers, which are not to be trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/xattr.h>

#include <cmocka.h>

#include "runtime/containerd/driver.h"

struct place {
	char dir[64];
	struct containerd_mount mount;
	struct containerd_mounts mounts;
};

static void make(const struct place *p, const char *layer, const char *name, const char *text)
{
	auto_free char *dir = xasprintf("%s/%s/etc", p->dir, layer);
	auto_free char *path = path_join(dir, name);
	struct err err;

	assert_int_equal(dir_make(dir, 0755, &err), 0);
	if (text)
		assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, &err), 0);
}

static int setup(void **state)
{
	struct place *p = NEW(struct place);

	STR_COPY(p->dir, "/tmp/holm-rootfs-XXXXXX");
	assert_non_null(mkdtemp(p->dir));
	p->mount.type = xstrdup("overlay");
	p->mount.source = xstrdup("overlay");
	strv_add(&p->mount.options, "index=off");
	strv_addf(&p->mount.options, "upperdir=%s/upper", p->dir);
	strv_addf(&p->mount.options, "lowerdir=%s/top:%s/bottom", p->dir, p->dir);
	p->mounts = (struct containerd_mounts){ .items = &p->mount, .n = 1 };
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct place *p = *state;
	struct err err;

	assert_int_equal(path_remove(p->dir, &err), 0);
	free(p->mount.type);
	free(p->mount.source);
	strv_fini(&p->mount.options);
	free(p);
	return 0;
}

static void the_top_layer_wins(void **state)
{
	struct place *p = *state;
	struct oci_user user;
	struct err err;

	make(p, "bottom", "passwd", "web:x:1:1::/:\n");
	make(p, "top", "passwd", "web:x:2:3::/:\n");
	make(p, "bottom", "group", "log:x:9:web\n");
	assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), 0);
	assert_int_equal(user.uid, 2);
	assert_int_equal(user.gid, 3);
	assert_int_equal(user.n_groups, 1);
	assert_int_equal(rootfs_user(&p->mounts, "db", &user, &err), -ENOENT);
}

static void a_deleted_file_hides_those_below(void **state)
{
	struct place *p = *state;
	auto_free char *path = xasprintf("%s/top/etc/passwd", p->dir);
	struct oci_user user;
	struct err err;

	make(p, "bottom", "passwd", "web:x:1:1::/:\n");
	make(p, "top", "other", "");
	if (mknod(path, S_IFCHR, 0) < 0)
		skip(); /* takes root */
	assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), -ENOENT);
}

static void nothing_leads_out_of_a_layer(void **state)
{
	struct place *p = *state;
	auto_free char *link = xasprintf("%s/top/etc/passwd", p->dir);
	auto_free char *target = xasprintf("%s/outside", p->dir);
	struct oci_user user;
	struct err err;

	make(p, "top", "other", "");
	assert_int_equal(file_write_atomic(target, "web:x:5:5::/:\n", 14, 0644, &err), 0);
	assert_int_equal(symlink("../../outside", link), 0);
	assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), -ENOENT);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(symlink(target, link), 0);
	assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), -ENOENT);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(mkfifo(link, 0600), 0);
	assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), -ENOENT);
}

static void make_link(const struct place *p, const char *layer, const char *target)
{
	auto_free char *link = xasprintf("%s/%s/etc/passwd", p->dir, layer);

	make(p, layer, "other", "");
	unlink(link);
	assert_int_equal(symlink(target, link), 0);
}

/* As in a container, where layers are one: from the upper one into the lower, and not above the root. */
static void links_lead_from_layer_to_layer(void **state)
{
	static const char *const targets[] = { "users", "/etc/users", "../../../etc/./users",
					       "../etc/../etc//users" };
	struct place *p = *state;
	struct oci_user user;
	struct err err;

	make(p, "bottom", "users", "web:x:4:4::/:\n");
	for (size_t i = 0; i < ARRAY_LEN(targets); i++) {
		make_link(p, "top", targets[i]);
		assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), 0);
		assert_int_equal(user.uid, 4);
	}
	make_link(p, "top", "passwd");
	assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), -ENOENT);
	make_link(p, "top", "/etc");
	assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), -ENOENT);
	make_link(p, "top", "users/passwd");
	assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), -ENOENT);
}

static void a_folder_that_is_a_link(void **state)
{
	struct place *p = *state;
	auto_free char *dir = xasprintf("%s/top", p->dir);
	auto_free char *link = xasprintf("%s/top/etc", p->dir);
	auto_free char *real = xasprintf("%s/bottom/config", p->dir);
	auto_free char *etc = xasprintf("%s/bottom/etc", p->dir);
	struct oci_user user;
	struct err err;

	make(p, "bottom", "passwd", "web:x:6:6::/:\n");
	assert_int_equal(rename(etc, real), 0);
	assert_int_equal(dir_make(dir, 0755, &err), 0);
	assert_int_equal(symlink("config", link), 0);
	assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), 0);
	assert_int_equal(user.uid, 6);
	/* What is no folder above hides the folder below. */
	assert_int_equal(rename(real, etc), 0);
	assert_int_equal(unlink(link), 0);
	assert_int_equal(file_write_atomic(link, "", 0, 0644, &err), 0);
	assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), -ENOENT);
}

static void a_folder_made_anew_hides_those_below(void **state)
{
	struct place *p = *state;
	auto_free char *etc = xasprintf("%s/top/etc", p->dir);
	struct oci_user user;
	struct err err;

	make(p, "bottom", "passwd", "web:x:1:1::/:\n");
	make(p, "top", "other", "");
	assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), 0);
	if (setxattr(etc, "trusted.overlay.opaque", "y", 1, 0) < 0)
		skip(); /* takes root */
	assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), -ENOENT);
}

static void a_huge_file_is_not_read(void **state)
{
	struct place *p = *state;
	auto_free char *path = xasprintf("%s/top/etc/passwd", p->dir);
	struct oci_user user;
	struct err err;

	make(p, "top", "passwd", "web:x:1:1::/:\n");
	assert_int_equal(truncate(path, 1 << 30), 0);
	assert_int_equal(rootfs_user(&p->mounts, "web", &user, &err), -EFBIG);
	assert_string_equal(strstr(err.msg, "the image's"), "the image's etc/passwd: longer than "
							    "1048576 bytes");
}

static void folders_by_their_links(void **state)
{
	struct place *p = *state;
	auto_free char *link = xasprintf("%s/top/etc/data", p->dir);
	struct stat st = { 0 };

	make(p, "bottom", "passwd", "");
	make(p, "top", "other", "");
	assert_int_equal(symlink("../etc/..//etc/", link), 0);
	assert_true(rootfs_find_folder(&p->mounts, "/etc/data", &st));
	assert_int_equal(st.st_mode & 0777, 0755);
	assert_false(rootfs_find_folder(&p->mounts, "/etc/passwd", &st));
	assert_false(rootfs_find_folder(&p->mounts, "/none", &st));
	assert_false(rootfs_find_folder(&p->mounts, "/etc/../..", &st));
}

static void where_a_container_writes(void **state)
{
	struct place *p = *state;
	auto_free char *expected = xasprintf("%s/upper", p->dir);
	auto_free char *upper = rootfs_upper_dir(&p->mounts);

	assert_string_equal(upper, expected);
	assert_null(rootfs_upper_dir(&(struct containerd_mounts){ 0 }));
}

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_top_layer_wins),           TEST(a_deleted_file_hides_those_below),
		TEST(nothing_leads_out_of_a_layer), TEST(links_lead_from_layer_to_layer),
		TEST(a_folder_that_is_a_link),      TEST(a_folder_made_anew_hides_those_below),
		TEST(a_huge_file_is_not_read),      TEST(folders_by_their_links),
		TEST(where_a_container_writes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
