/* What a node has for a container. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include <cmocka.h>

#include "base/base.h"
#include "model/capability.h"
#include "runtime/containerd/host.h"

static void finds_devices(void **state)
{
	struct sla_device wanted[] = {
		{ .path = (char *)"/dev/null", .permissions = (char *)"r" },
		{ .path = (char *)"/dev/zero", .target = (char *)"/dev/mem0" },
	};
	struct sla_container container = { .devices = wanted, .n_devices = 2 };
	struct host_devices found = { 0 };
	struct err err;

	assert_int_equal(host_find_devices(&container, &found, &err), 0);
	assert_int_equal(found.n, 2);
	assert_string_equal(found.items[0].path, "/dev/null");
	assert_string_equal(found.items[0].access, "r");
	assert_int_equal(found.items[0].minor, 3);
	assert_string_equal(found.items[1].path, "/dev/mem0");
	assert_string_equal(found.items[1].access, "rwm");
	assert_int_equal(found.items[1].type, 'c');
	assert_int_equal(found.items[1].major, 1);
	assert_int_equal(found.items[1].minor, 5);
	assert_int_equal(found.items[1].mode & 0666, 0666);
	host_devices_fini(&found);
	assert_int_equal(host_find_devices(NULL, &found, &err), 0);
	assert_int_equal(found.n, 0);
}

static void tells_what_is_no_device(void **state)
{
	struct sla_device wanted = { .path = (char *)"/dev/holm-none" };
	struct sla_container container = { .devices = &wanted, .n_devices = 1 };
	struct host_devices found = { 0 };
	struct err err;

	assert_int_equal(host_find_devices(&container, &found, &err), -ENOENT);
	assert_non_null(strstr(err.msg, "find device /dev/holm-none: "));
	wanted.path = (char *)"/dev/../etc";
	assert_int_equal(host_find_devices(&container, &found, &err), -ENOTSUP);
	assert_int_equal(found.n, 0);
}

static void make_node(const char *dir, const char *name, mode_t type, dev_t device)
{
	auto_free char *path = path_join(dir, name);

	if (mknod(path, type | 0600, device) < 0)
		skip(); /* takes root */
}

static void lists_all_devices_but_a_containers_own(void **state)
{
	char dir[] = "/tmp/holm-dev-XXXXXX";
	struct host_devices found = { 0 };
	struct err err;

	assert_non_null(mkdtemp(dir));
	auto_free char *inner = path_join(dir, "bus/usb");
	auto_free char *terminals = path_join(dir, "pts");
	auto_free char *text = path_join(dir, "text");
	assert_int_equal(dir_make(inner, 0755, &err), 0);
	assert_int_equal(dir_make(terminals, 0755, &err), 0);
	assert_int_equal(file_write_atomic(text, "", 0, 0644, &err), 0);
	make_node(dir, "sda", S_IFBLK, makedev(8, 1));
	make_node(dir, "ptmx", S_IFCHR, makedev(5, 2));
	make_node(inner, "001", S_IFCHR, makedev(189, 0));
	make_node(terminals, "0", S_IFCHR, makedev(136, 0));
	assert_int_equal(host_list_devices(dir, &found, &err), 0);
	assert_int_equal(host_list_devices(dir, &found, &err), 0); /* each once */
	assert_int_equal(found.n, 2);
	const struct spec_device *disk = &found.items[found.items[0].type == 'b' ? 0 : 1];
	assert_int_equal(disk->major, 8);
	assert_int_equal(disk->minor, 1);
	assert_int_equal(disk->mode, 0600);
	assert_true(str_ends(disk->path, "/sda"));
	host_devices_fini(&found);
	assert_int_equal(path_remove(dir, &err), 0);
}

static void reads_capabilities(void **state)
{
	assert_true(host_capabilities("Name:\tx\nCapEff:\t0000000000000000\n"
				      "CapBnd:\t00000000a80425fb\nCapAmb:\t0\n") == 0xa80425fb);
	assert_true(host_capabilities("CapBnd:\tffffffffffffffff\n") == CAPABILITY_ALL);
	assert_true(host_capabilities("") == CAPABILITY_ALL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(finds_devices),
		cmocka_unit_test(tells_what_is_no_device),
		cmocka_unit_test(lists_all_devices_but_a_containers_own),
		cmocka_unit_test(reads_capabilities),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
