/* Tables of file systems, each with what Unikraft makes of it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "fs/fstab.h"
#include "kernel/console.h"

struct fixture {
	struct variant variant;
	struct fstab_devices devices;
	char line[256];
	struct cmdline cmdline;
	struct fs fs;
	char said[1024];
};

static char *said;

/* The console, in place of the guest's. */
void console_printf(const char *format, ...)
{
	va_list args;

	va_start(args, format);
	vsnprintf(said + strlen(said), 1024 - strlen(said), format, args);
	va_end(args);
}

static const char trailer[] = "070701"
			      "00000000"
			      "00000000"
			      "00000000"
			      "00000000"
			      "00000001"
			      "00000000"
			      "00000000"
			      "00000000"
			      "00000000"
			      "00000000"
			      "00000000"
			      "0000000b"
			      "00000000"
			      "TRAILER!!!\0\0\0";

static long refuse(void *arg, size_t length)
{
	(void)arg;
	(void)length;
	return -1;
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));

	if (!f)
		return -1;
	f->variant = (struct variant){ .has_files = true };
	said = f->said;
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	free(*state);
	return 0;
}

static int mount(struct fixture *f, const char *table)
{
	f->fs = (struct fs){ 0 };
	f->said[0] = '\0';
	snprintf(f->line, sizeof(f->line), "/k a uk.pad=1 %s --", table);
	assert_int_equal(cmdline_parse(f->line, &f->variant, &f->cmdline), 0);
	return fstab_mount(&f->fs, &f->devices, &f->cmdline);
}

static void give_initrd(struct fixture *f)
{
	f->devices.initrd = (struct cpio){ (const uint8_t *)trailer, sizeof(trailer) - 1 };
}

static void check_refused(struct fixture *f, const char *table, const char *why)
{
	assert_int_equal(mount(f, table), -1);
	if (!strstr(f->said, why))
		fail_msg("%s: no %s in %s", table, why, f->said);
}

static void cuts_a_line_into_fields(void **state)
{
	char line[] = "fs1:/mnt/x:9pfs:0x1:a,b:mkmp", short_line[] = "a:/:b";
	char few[] = "a:/", empty[] = "a::b", many[] = "a:/:b::::";
	struct fstab_entry e;

	(void)state;
	assert_true(fstab_parse(line, &e));
	assert_string_equal(e.device, "fs1");
	assert_string_equal(e.path, "/mnt/x");
	assert_string_equal(e.driver, "9pfs");
	assert_string_equal(e.flags, "0x1");
	assert_string_equal(e.options, "a,b");
	assert_string_equal(e.unikraft_options, "mkmp");
	assert_true(fstab_parse(short_line, &e));
	assert_string_equal(e.options, "");
	assert_false(fstab_parse(few, &e));
	assert_false(fstab_parse(empty, &e));
	assert_false(fstab_parse(many, &e));
}

static void extracts_where_unikraft_does(void **state)
{
	static const char *const good[] = {
		"vfs.fstab=[ \"initrd0:/:extract::ramfs=2:\" ]",
		"vfs.fstab=[\"initrd0:/:extract::ramfs=1:\"]",
		"vfs.fstab=initrd0:/:extract::ramfs",
		"vfs.fstab=[ none:/:ramfs initrd0:/:extract ]",
		"vfs.fstab=none:/:ramfs vfs.fstab=initrd0:/data:extract:::mkmp,ifinitrd0",
		"",
	};
	struct fixture *f = *state;

	give_initrd(f);
	for (size_t i = 0; i < sizeof(good) / sizeof(good[0]); i++) {
		assert_int_equal(mount(f, good[i]), 0);
		assert_string_equal(f->fs.mounts[f->fs.count - 1].device, "initrd0");
	}
	check_refused(f, "vfs.fstab=initrd0:/:extract:::", "not a directory");
	check_refused(f, "vfs.fstab=initrd0:/:extract::ramfs=0:", "not a directory");
	check_refused(f, "vfs.fstab=[ none:/:ramfs initrd0:/data:extract ]", "no such directory");
	check_refused(f, "vfs.fstab=initrd1:/:extract::ramfs:", "no such initrd");
	check_refused(f, "vfs.fstab=initrd0:/:initrd", "no such file system driver");
	check_refused(f, "vfs.fstab=initrd0:data:extract", "no absolute path");
	check_refused(f, "vfs.fstab=initrd0:/", "entry 0");
	assert_int_equal(mount(f, "vfs.fstab=none:/:ramfs:::ifnoinitrd0"), 0);
	assert_int_equal(f->fs.count, 0);
}

static void older_kernels_name_the_driver_otherwise(void **state)
{
	struct fixture *f = *state;

	give_initrd(f);
	f->variant.has_old_network = true;
	assert_int_equal(mount(f, "vfs.fstab=initrd0:/:initrd"), 0);
	assert_int_equal(mount(f, ""), 0);
	assert_int_equal(f->fs.count, 1);
	check_refused(f, "vfs.fstab=initrd0:/:extract::ramfs=2:", "no such file system driver");
}

static void refuses_an_initrd_that_is_none(void **state)
{
	struct fixture *f = *state;

	f->devices.initrd = (struct cpio){ (const uint8_t *)"\x1f\x8b\x08", 3 };
	check_refused(f, "", "bad magic number");
	f->devices.initrd = (struct cpio){ 0 };
	check_refused(f, "vfs.fstab=initrd0:/:extract::ramfs=2:", "no such initrd");
	assert_int_equal(mount(f, ""), 0);
	assert_int_equal(f->fs.count, 0);
}

static void wants_the_share_that_it_is_told(void **state)
{
	struct fixture *f = *state;

	f->devices.shares[0] =
		(struct p9){ .tag = "fs1", .call = refuse, .out = (uint8_t[64]){ 0 } };
	f->devices.share_count = 1;
	check_refused(f, "vfs.fstab=fs9:/:9pfs", "no 9p device has this tag");
	check_refused(f, "vfs.fstab=fs1:/:9pfs", "the host refuses to attach");
	check_refused(f, "vfs.fstab=fs1:/mnt/data:9pfs:::mkmp", "no such directory");
	/* Only fs0 is mounted without being asked for. */
	assert_int_equal(mount(f, ""), 0);
	assert_int_equal(f->fs.count, 0);
	f->devices.shares[0].tag = "fs0";
	check_refused(f, "", "the host refuses to attach");
}

static void a_variant_without_files_ignores_the_table(void **state)
{
	struct fixture *f = *state;

	f->variant.has_files = false;
	assert_int_equal(mount(f, "vfs.fstab=fs9:/:9pfs"), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(cuts_a_line_into_fields),
		cmocka_unit_test_setup_teardown(extracts_where_unikraft_does, setup, teardown),
		cmocka_unit_test_setup_teardown(older_kernels_name_the_driver_otherwise, setup,
						teardown),
		cmocka_unit_test_setup_teardown(refuses_an_initrd_that_is_none, setup, teardown),
		cmocka_unit_test_setup_teardown(wants_the_share_that_it_is_told, setup, teardown),
		cmocka_unit_test_setup_teardown(a_variant_without_files_ignores_the_table, setup,
						teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
