/* QEMU argument lists against files, one argument per line. HOLM_UPDATE_GOLDEN=1 rewrites them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "base/base.h"
#include "runtime/qemu/args.h"

#define INSTANCE "5f0c2a9b1d3e4f5a6b7c8d9e"

struct fixture {
	struct strv cmd;
	struct strv env;
	struct runtime_spec spec;
	struct qemu_vm vm;
};

static void fixture_init(struct fixture *f)
{
	*f = (struct fixture){
		.spec = { .instance_id = INSTANCE,
			  .name = "shop.test.web.prod.instance.0",
			  .image = "/images/web",
			  .net = { .tap = "tap0",
				   .mac = "02:00:0a:12:00:02",
				   .ip = "10.18.0.2",
				   .prefix = 26,
				   .gateway = "10.18.0.1",
				   .dns = "10.18.0.1",
				   .mtu = 1450 } },
		.vm = { .has_tap = true, .kernel = { .version = QEMU_KERNEL_VERSION(0, 17, 0) } },
	};
	f->spec.cmd = &f->cmd;
	f->spec.env = &f->env;
}

static void fixture_fini(struct fixture *f)
{
	strv_fini(&f->cmd);
	strv_fini(&f->env);
}

static char *golden_path(const char *name)
{
	const char *source = getenv("HOLM_SOURCE");

	assert_non_null(source);
	return xasprintf("%s/tests/golden/qemu/%s.txt", source, name);
}

static void compare(const char *name, const char *text)
{
	auto_free char *path = golden_path(name);
	auto_free char *expected = NULL;
	struct err err = { 0 };

	if (getenv("HOLM_UPDATE_GOLDEN"))
		assert_int_equal(file_write_atomic(path, text, strlen(text), 0644, &err), 0);
	assert_int_equal(file_read(path, 1 << 20, &expected, NULL, &err), 0);
	assert_string_equal(text, expected);
}

static void check(struct fixture *f, const char *name)
{
	auto_strv struct strv args = { 0 };
	struct err err = { 0 };

	if (qemu_args_build(&f->spec, &f->vm, &args, &err) < 0)
		fail_msg("%s: %s", name, err.msg);
	auto_free char *lines = strv_join(&args, "\n");
	auto_free char *text = xasprintf("%s\n", lines);
	compare(name, text);
	fixture_fini(f);
}

static void plain(void **state)
{
	struct fixture f;

	fixture_init(&f);
	check(&f, "pc_tcg");
}

static void with_kvm_and_limits(void **state)
{
	struct fixture f;

	fixture_init(&f);
	f.vm.accel = QEMU_ACCEL_KVM;
	f.vm.has_vhost = true;
	f.spec.memory_mib = 256;
	f.spec.vcpus = 4;
	check(&f, "pc_kvm");
}

static void without_network(void **state)
{
	struct fixture f;

	fixture_init(&f);
	f.vm.has_tap = false;
	f.spec.net = (struct runtime_net){ 0 };
	strv_add(&f.cmd, "-v");
	check(&f, "no_network");
}

static void words_and_variables(void **state)
{
	struct fixture f;

	fixture_init(&f);
	strv_add(&f.cmd, "-c");
	strv_add(&f.cmd, "two words");
	strv_add(&f.cmd, "it's");
	strv_add(&f.cmd, "say \"hi\", it's back\\slash");
	strv_add(&f.cmd, "--");
	strv_add(&f.env, "A=1");
	strv_add(&f.env, "LIST=[1, 2]");
	strv_add(&f.env, "EMPTY=");
	check(&f, "words");
}

static void with_initrd(void **state)
{
	struct fixture f;

	fixture_init(&f);
	f.vm.has_initrd = true;
	f.vm.kernel.has_libs = true;
	f.vm.kernel.libs = QEMU_LIB_VIRTIO_PCI | QEMU_LIB_CPIO;
	check(&f, "initrd");
}

static void with_files(void **state)
{
	struct fixture f;

	fixture_init(&f);
	f.vm.has_files = true;
	check(&f, "files");
	fixture_init(&f);
	f.vm.has_files = true;
	f.vm.kernel.names_tag = true;
	check(&f, "files_of_its_own");
}

static void on_microvm(void **state)
{
	struct fixture f;

	fixture_init(&f);
	f.vm.kernel.has_libs = true;
	f.vm.kernel.libs = QEMU_LIB_VIRTIO_MMIO | QEMU_LIB_9PFS;
	f.vm.machine = qemu_machine_for(&f.vm.kernel, f.vm.accel);
	f.vm.has_files = true;
	check(&f, "microvm");
}

static void machines(void **state)
{
	static const unsigned both = QEMU_LIB_VIRTIO_MMIO | QEMU_LIB_VIRTIO_PCI;
	static const struct {
		uint32_t version;
		uint32_t libs;
		enum qemu_accel accel;
		enum qemu_machine machine;
	} cases[] = {
		{ QEMU_KERNEL_VERSION(0, 17, 0), both, QEMU_ACCEL_TCG, QEMU_MACHINE_MICROVM },
		{ 0, both, QEMU_ACCEL_TCG, QEMU_MACHINE_MICROVM },
		{ QEMU_KERNEL_VERSION(0, 13, 1), both, QEMU_ACCEL_TCG, QEMU_MACHINE_PC },
		{ QEMU_KERNEL_VERSION(0, 17, 0), both, QEMU_ACCEL_KVM, QEMU_MACHINE_PC },
		{ 0, QEMU_LIB_VIRTIO_MMIO, QEMU_ACCEL_KVM, QEMU_MACHINE_MICROVM },
		{ 0, QEMU_LIB_VIRTIO_PCI, QEMU_ACCEL_TCG, QEMU_MACHINE_PC },
		{ 0, 0, QEMU_ACCEL_TCG, QEMU_MACHINE_PC },
	};
	const struct qemu_kernel unknown = { .libs = both };

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		const struct qemu_kernel kernel = { .version = cases[i].version,
						    .has_libs = true,
						    .libs = cases[i].libs };

		assert_int_equal(qemu_machine_for(&kernel, cases[i].accel), cases[i].machine);
	}
	assert_int_equal(qemu_machine_for(&unknown, QEMU_ACCEL_TCG), QEMU_MACHINE_PC);
}

static void from_a_state(void **state)
{
	struct fixture f;

	fixture_init(&f);
	f.vm.machine = QEMU_MACHINE_MICROVM;
	f.vm.is_restored = true;
	check(&f, "restored");
	f.vm.has_vhost = true;
	assert_int_equal(qemu_state_fd(&f.vm), QEMU_FD_VHOST + 1);
}

static void on_arm64(void **state)
{
	struct fixture f;

	fixture_init(&f);
	f.vm.kernel.kind = QEMU_KERNEL_ARM64;
	f.vm.machine = qemu_machine_for(&f.vm.kernel, f.vm.accel);
	check(&f, "arm64");
}

/* A kernel that drives no PCI; the command line is the same, since `virt` tells of its devices. */
static void on_arm64_without_pci(void **state)
{
	struct fixture f;

	fixture_init(&f);
	f.vm.kernel = (struct qemu_kernel){ .kind = QEMU_KERNEL_ARM64,
					    .version = QEMU_KERNEL_VERSION(0, 17, 0),
					    .has_libs = true,
					    .libs = QEMU_LIB_VIRTIO_MMIO | QEMU_LIB_9PFS |
						    QEMU_LIB_ENVIRON };
	f.vm.machine = qemu_machine_for(&f.vm.kernel, f.vm.accel);
	f.vm.has_files = true;
	strv_add(&f.cmd, "-p");
	strv_add(&f.env, "A=b c");
	check(&f, "arm64_mmio");
}

static void on_arm64_with_initrd(void **state)
{
	struct fixture f;

	fixture_init(&f);
	f.vm.kernel.kind = QEMU_KERNEL_ARM64;
	f.vm.machine = qemu_machine_for(&f.vm.kernel, QEMU_ACCEL_KVM);
	f.vm.accel = QEMU_ACCEL_KVM;
	f.vm.has_initrd = true;
	check(&f, "arm64_kvm");
}

static void with_seed(void **state)
{
	struct fixture f;

	fixture_init(&f);
	f.vm.kernel.version = QEMU_KERNEL_VERSION(0, 18, 0);
	for (uint32_t i = 0; i < QEMU_SEED_WORDS; i++)
		f.vm.seed[i] = 4000000000u + i;
	check(&f, "seed");
}

static struct runtime_mount two_mounts[] = {
	{ .source = "/volumes/data", .target = "/data" },
	{ .source = "/srv/films", .target = "/mnt/films", .is_read_only = true },
};

static void with_mounts(struct fixture *f)
{
	fixture_init(f);
	f->spec.mounts = two_mounts;
	f->spec.n_mounts = ARRAY_LEN(two_mounts);
}

static void with_volumes(void **state)
{
	struct fixture f;

	with_mounts(&f);
	f.vm.has_files = true;
	f.vm.kernel.names_tag = true; /* its own table is no use any more */
	check(&f, "volumes");
	with_mounts(&f);
	f.vm.kernel.has_libs = true;
	f.vm.kernel.libs = QEMU_LIB_VIRTIO_MMIO | QEMU_LIB_9PFS | QEMU_LIB_CPIO;
	f.vm.machine = QEMU_MACHINE_MICROVM;
	f.vm.has_initrd = true;
	check(&f, "volumes_microvm");
}

/* The root file system's parameter by version. */
static void initrd_of_old_versions(void **state)
{
	static const struct {
		uint32_t version;
		const char *param;
	} cases[] = {
		{ 0, " vfs.fstab=initrd0:/:extract::ramfs=2: -- " },
		{ QEMU_KERNEL_VERSION(0, 13, 1), " vfs.rootfs=initrd vfs.rootdev=initrd0 -- " },
		{ QEMU_KERNEL_VERSION(0, 15, 0), " vfs.fstab=initrd0:/:initrd -- " },
		{ QEMU_KERNEL_VERSION(0, 16, 1), " vfs.fstab=initrd0:/:extract -- " },
	};

	for (size_t i = 0; i < ARRAY_LEN(cases); i++) {
		struct fixture f;
		auto_free char *line = NULL;
		struct err err = { 0 };

		fixture_init(&f);
		strv_add(&f.cmd, "x");
		f.vm.has_initrd = true;
		f.vm.kernel.version = cases[i].version;
		assert_int_equal(qemu_cmdline_build(&f.spec, &f.vm, &line, &err), 0);
		assert_non_null(strstr(line, cases[i].param));
		fixture_fini(&f);
	}
}

/* Expects a refusal whose reason has `part` in it. */
static void check_refused(struct fixture *f, const char *part)
{
	auto_strv struct strv args = { 0 };
	struct err err = { 0 };

	assert_true(qemu_args_build(&f->spec, &f->vm, &args, &err) < 0);
	if (!strstr(err.msg, part))
		fail_msg("expected \"%s\", got \"%s\"", part, err.msg);
	assert_int_equal(args.n, 0);
	fixture_fini(f);
}

static void refuses_volumes(void **state)
{
	struct runtime_mount many[8];
	struct fixture f;

	with_mounts(&f);
	f.vm.kernel.has_libs = true;
	f.vm.kernel.libs = QEMU_LIB_VIRTIO_PCI;
	check_refused(&f, "volumes are asked for but the image's kernel was built without lib9pfs");
	with_mounts(&f);
	f.vm.kernel.version = QEMU_KERNEL_VERSION(0, 13, 1);
	check_refused(&f, "volumes are asked for but the image is of a Unikraft before 0.14");
	for (size_t i = 0; i < ARRAY_LEN(many); i++)
		many[i] = two_mounts[0];
	with_mounts(&f);
	f.vm.machine = QEMU_MACHINE_MICROVM;
	f.spec.mounts = many;
	f.spec.n_mounts = 8;
	check_refused(&f, "8 volumes are asked for: this guest's machine has room for 7");
	many[0].target = "/a:b";
	with_mounts(&f);
	f.spec.mounts = many;
	check_refused(&f, "mount path /a:b");
}

/* They are called what they are. */
static void refuses_secrets(void **state)
{
	struct runtime_mount mounts[] = { two_mounts[0], two_mounts[1] };
	struct fixture f;

	mounts[1].is_given = true;
	with_mounts(&f);
	f.spec.mounts = mounts;
	f.vm.kernel.version = QEMU_KERNEL_VERSION(0, 13, 1);
	check_refused(&f, "volumes and folders of secrets and configuration are asked for but");
	with_mounts(&f);
	f.spec.mounts = &mounts[1];
	f.spec.n_mounts = 1;
	f.vm.kernel.has_libs = true;
	f.vm.kernel.libs = QEMU_LIB_VIRTIO_PCI;
	check_refused(&f, "folders of secrets and configuration are asked for but the image's "
			  "kernel was built without lib9pfs");
}

static char *line_of(struct fixture *f)
{
	char *line = NULL;
	struct err err = { 0 };

	assert_int_equal(qemu_cmdline_build(&f->spec, &f->vm, &line, &err), 0);
	return line;
}

/* A mount point needs a root. */
static void volumes_without_a_root(void **state)
{
	struct fixture f;

	with_mounts(&f);
	f.vm.kernel.has_libs = true;
	f.vm.kernel.libs = QEMU_LIB_VIRTIO_PCI | QEMU_LIB_9PFS;
	assert_false(qemu_needs_root(&f.spec, &f.vm));
	auto_free char *line = line_of(&f);
	assert_non_null(strstr(line, " vfs.fstab=none:/:ramfs vfs.fstab=vol0:/data:9pfs:::mkmp "));
	f.vm.kernel.libs |= QEMU_LIB_CPIO;
	assert_true(qemu_needs_root(&f.spec, &f.vm));
	f.vm.kernel.version = QEMU_KERNEL_VERSION(0, 16, 1); /* it may be inside */
	assert_false(qemu_needs_root(&f.spec, &f.vm));
	f.vm.kernel.version = 0;
	f.vm.has_files = true;
	assert_false(qemu_needs_root(&f.spec, &f.vm));
	f.vm.has_files = false;
	f.spec.n_mounts = 0;
	assert_false(qemu_needs_root(&f.spec, &f.vm));
	fixture_fini(&f);
}

/* Before 0.16.0 nothing makes a mount point. */
static void volumes_of_old_versions(void **state)
{
	struct fixture f;
	auto_free char *line = NULL;
	struct err err = { 0 };

	with_mounts(&f);
	f.vm.kernel.version = QEMU_KERNEL_VERSION(0, 15, 0);
	assert_int_equal(qemu_cmdline_build(&f.spec, &f.vm, &line, &err), 0);
	assert_non_null(strstr(line, " vfs.fstab=vol0:/data:9pfs vfs.fstab=vol1:/mnt/films:9pfs "));
	fixture_fini(&f);
}

static void refuses_memory_that_the_kernel_alone_fills(void **state)
{
	struct fixture f;

	fixture_init(&f);
	f.spec.memory_mib = 2;
	f.vm.kernel.reach = (2 << 20) + (1 << 19);
	check_refused(&f, "memory of 2 MiB is too small: the image's kernel alone reaches to 2.5");
	fixture_init(&f);
	f.vm.kernel.reach = 65 << 20;
	check_refused(&f, "memory of 64 MiB is too small");
}

static void refuses_words(void **state)
{
	struct fixture f;

	fixture_init(&f);
	strv_add(&f.cmd, "a");
	strv_add(&f.cmd, "");
	check_refused(&f, "argument 2 is empty");
	fixture_init(&f);
	strv_add(&f.cmd, "a\x1b[0m");
	check_refused(&f, "control character (0x1b)");
	fixture_init(&f);
	strv_add(&f.env, "NOVALUE");
	check_refused(&f, "environment variable 1 is not of the form NAME=value");
}

static void refuses_too_much(void **state)
{
	struct fixture f;
	auto_free char *big = xmalloc(4001);

	fixture_init(&f);
	memset(big, 'x', 4000);
	big[4000] = '\0';
	strv_add(&f.cmd, big);
	check_refused(&f, "more than 4096 bytes");
	fixture_init(&f);
	for (int i = 0; i < 9; i++)
		strv_addf(&f.env, "V%d=1", i);
	f.vm.n_image_variables = 7;
	check_refused(&f, "9 variables, 7 of them the image's: a unikernel takes at most 8");
	fixture_init(&f);
	for (int i = 0; i < 54; i++)
		strv_add(&f.cmd, "x");
	check_refused(&f, "command line of 61 words");
}

/* An image may tell that its kernel takes more, or less. */
static void takes_what_the_image_takes(void **state)
{
	struct fixture f;
	auto_free char *line = NULL;
	struct err err = { 0 };

	fixture_init(&f);
	f.vm.variables_max = 9;
	f.vm.words_max = 80;
	for (int i = 0; i < 9; i++)
		strv_addf(&f.env, "V%d=1", i);
	for (int i = 0; i < 60; i++)
		strv_add(&f.cmd, "x");
	if (qemu_cmdline_build(&f.spec, &f.vm, &line, &err) < 0)
		fail_msg("%s", err.msg);
	assert_non_null(strstr(line, " env.vars=V8=1 "));
	f.vm.variables_max = 4;
	check_refused(&f, "environment has 9 variables: this unikernel takes at most 4");
}

/* Exactly at the limits it is accepted: 4096 bytes with "kernel " and NUL, 60 words with it. */
static void accepts_the_limits(void **state)
{
	struct fixture f;
	auto_free char *line = NULL;
	auto_free char *longest = NULL;
	auto_free char *big = NULL;
	struct err err = { 0 };

	fixture_init(&f);
	assert_int_equal(qemu_cmdline_build(&f.spec, &f.vm, &line, &err), 0);
	size_t rest = 4096 - sizeof("kernel ") - strlen(line) - 1;
	big = xcalloc(1, rest + 2);
	memset(big, 'x', rest);
	strv_add(&f.cmd, big);
	assert_int_equal(qemu_cmdline_build(&f.spec, &f.vm, &longest, &err), 0);
	assert_int_equal(strlen(longest) + sizeof("kernel "), 4096);
	big[rest] = 'x';
	strv_fini(&f.cmd);
	strv_add(&f.cmd, big);
	check_refused(&f, "more than 4096 bytes");
	fixture_init(&f);
	for (int i = 0; i < 53; i++)
		strv_add(&f.cmd, "x");
	free(TAKE(line));
	assert_int_equal(qemu_cmdline_build(&f.spec, &f.vm, &line, &err), 0);
	fixture_fini(&f);
}

static void refuses_what_the_kernel_cannot(void **state)
{
	struct fixture f;

	fixture_init(&f);
	f.vm.has_initrd = true;
	f.vm.kernel.has_libs = true;
	check_refused(&f, "without libukcpio");
	fixture_init(&f);
	f.vm.has_files = true;
	f.vm.kernel.has_libs = true;
	check_refused(&f, "without lib9pfs");
	fixture_init(&f);
	f.spec.ready_port = 80;
	f.vm.kernel.has_libs = true;
	check_refused(&f, "port 80 is asked for but the image's kernel was built without libuknet");
	fixture_init(&f);
	f.spec.ready_port = 80;
	f.vm.kernel.has_libs = true;
	f.vm.kernel.libs = QEMU_LIB_NETDEV;
	check_refused(&f, "without libvirtio_net");
	fixture_init(&f);
	strv_add(&f.env, "A=1");
	f.vm.kernel.has_libs = true;
	check_refused(&f, "without libposix_environ");
	fixture_init(&f);
	f.spec.net.mac = "02:00:0a:12:00:02,x";
	check_refused(&f, "is no hardware address");
	fixture_init(&f);
	f.spec.net.ip = "10.18.0.2 --";
	check_refused(&f, "is no IPv4 address");
	fixture_init(&f);
	f.spec.instance_id = "../etc";
	check_refused(&f, "is no instance id");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(plain),
		cmocka_unit_test(with_kvm_and_limits),
		cmocka_unit_test(without_network),
		cmocka_unit_test(words_and_variables),
		cmocka_unit_test(takes_what_the_image_takes),
		cmocka_unit_test(with_initrd),
		cmocka_unit_test(with_files),
		cmocka_unit_test(on_microvm),
		cmocka_unit_test(machines),
		cmocka_unit_test(from_a_state),
		cmocka_unit_test(on_arm64),
		cmocka_unit_test(on_arm64_without_pci),
		cmocka_unit_test(on_arm64_with_initrd),
		cmocka_unit_test(with_seed),
		cmocka_unit_test(with_volumes),
		cmocka_unit_test(refuses_volumes),
		cmocka_unit_test(refuses_secrets),
		cmocka_unit_test(volumes_of_old_versions),
		cmocka_unit_test(volumes_without_a_root),
		cmocka_unit_test(initrd_of_old_versions),
		cmocka_unit_test(refuses_memory_that_the_kernel_alone_fills),
		cmocka_unit_test(refuses_words),
		cmocka_unit_test(refuses_too_much),
		cmocka_unit_test(accepts_the_limits),
		cmocka_unit_test(refuses_what_the_kernel_cannot),
	};

	return cmocka_run_group_tests_name("golden/qemu", tests, NULL, NULL);
}
