/* Users by the files of an image's layers, which are not to be trusted. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>

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

#define TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_top_layer_wins),
		TEST(a_deleted_file_hides_those_below),
		TEST(nothing_leads_out_of_a_layer),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
