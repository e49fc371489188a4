/* Options in the order of qemu(1). Devices, networks and objects are JSON, which needs no escaping
 * rules of QEMU's own. */
#include "json/json.h"
#include "runtime/qemu/args.h"

#define JSON_MAX 4096

static const char *const accel_args[] = { "tcg,tb-size=32", "kvm" };
static_assert(ARRAY_LEN(accel_args) == QEMU_ACCEL_N, "one per accelerator");

/* Without ACPI microvm's interrupts stay below 16, where the guests listen; "rtc=off" would hang
 * them. */
static const char *const machine_args[] = { "pc", "microvm,acpi=off", "virt" };
static_assert(ARRAY_LEN(machine_args) == QEMU_MACHINE_N, "one per machine");

enum qemu_machine qemu_machine_for(const struct qemu_kernel *kernel, enum qemu_accel accel)
{
	if (kernel->kind == QEMU_KERNEL_ARM64)
		return QEMU_MACHINE_VIRT;
	if (!kernel->has_libs || !(kernel->libs & QEMU_LIB_VIRTIO_MMIO))
		return QEMU_MACHINE_PC;
	if (!(kernel->libs & QEMU_LIB_VIRTIO_PCI))
		return QEMU_MACHINE_MICROVM;
	if (accel == QEMU_ACCEL_KVM ||
	    (kernel->version && kernel->version < QEMU_KERNEL_VERSION(0, 14, 0)))
		return QEMU_MACHINE_PC;
	return QEMU_MACHINE_MICROVM;
}

static const struct {
	const char *arch;
	const char *program;
} architectures[] = {
	{ "amd64", "qemu-system-x86_64" },
	{ "arm64", "qemu-system-aarch64" },
};
static_assert(ARRAY_LEN(architectures) == QEMU_KERNEL_N, "one per kind of kernel");

const char *qemu_arch(enum qemu_kernel_kind kind)
{
	return architectures[kind].arch;
}

const char *qemu_program(enum qemu_kernel_kind kind)
{
	return architectures[kind].program;
}

int qemu_state_fd(const struct qemu_vm *vm)
{
	return vm->has_vhost ? QEMU_FD_VHOST + 1 : QEMU_FD_TAP + 1;
}

static void add(struct strv *args, const char *option, const char *value)
{
	strv_add(args, option);
	strv_add(args, value);
}

/* Under TCG the local APIC of microvm masks the interrupts of the 8259, which the guests use. */
static const char *cpu_arg(const struct qemu_vm *vm)
{
	if (vm->accel == QEMU_ACCEL_KVM)
		return "host";
	return vm->machine == QEMU_MACHINE_MICROVM ? "max,-apic" : "max";
}

static uint32_t memory_mib(const struct runtime_spec *spec)
{
	return spec->memory_mib ? spec->memory_mib : QEMU_MEMORY_DEFAULT_MIB;
}

static void add_machine(struct strv *args, const struct runtime_spec *spec,
			const struct qemu_vm *vm)
{
	strv_add(args, qemu_program(vm->kernel.kind));
	strv_add(args, "-name");
	strv_addf(args, "guest=%s,debug-threads=on", spec->instance_id);
	add(args, "-machine", machine_args[vm->machine]);
	add(args, "-accel", accel_args[vm->accel]);
	add(args, "-cpu", cpu_arg(vm));
	strv_add(args, "-smp");
	strv_addf(args, "%u", spec->vcpus ? spec->vcpus : 1);
	strv_add(args, "-m");
	strv_addf(args, "%u", memory_mib(spec));
	strv_add(args, "-nodefaults");
	strv_add(args, "-no-user-config");
	strv_add(args, "-no-reboot");
	add(args, "-display", "none");
	add(args, "-sandbox",
	    "on,obsolete=deny,elevateprivileges=deny,spawn=deny,resourcecontrol=deny");
}

/* The console is standard output, a pipe to the supervisor. When that dies, QEMU, which ignores
 * SIGPIPE, drops the guest's output and goes on. */
static void add_channels(struct strv *args)
{
	add(args, "-chardev", "stdio,id=console,signal=off");
	add(args, "-serial", "chardev:console");
	strv_add(args, "-chardev");
	strv_addf(args, "socket,id=qmp,fd=%d,server=on,wait=off", QEMU_FD_QMP);
	add(args, "-mon", "chardev=qmp,mode=control");
	strv_add(args, "-chardev");
	strv_addf(args, "socket,id=events,fd=%d", QEMU_FD_EVENTS);
	add(args, "-mon", "chardev=events,mode=control");
}

static void take_json(struct strv *args, const char *option, struct json_out *out)
{
	char *text = NULL;
	struct err err;

	json_out_object_end(out);
	int r = json_out_finish(out, &text, &err);
	assert(r == 0); /* fixed members and a checked address: far below the maximum */
	strv_add(args, option);
	strv_take(args, text);
}

static void begin_device(struct json_out *out, const char *driver, const char *id)
{
	json_out_init(out, JSON_MAX);
	json_out_object(out, NULL);
	json_out_str(out, "driver", driver);
	json_out_str(out, "id", id);
}

/* isa-debug-exit is the only way to learn how a guest ended: exit code 83 for a clean end, 85 for
 * a crash. pvpanic tells a crash on QMP; "panic=none" leaves the end to the other one. */
static void add_exit_devices(struct strv *args)
{
	auto_json_out struct json_out exit_device = { 0 };
	auto_json_out struct json_out panic_device = { 0 };

	begin_device(&exit_device, "isa-debug-exit", "exit");
	json_out_int(&exit_device, "iobase", 0x501);
	json_out_int(&exit_device, "iosize", 2);
	take_json(args, "-device", &exit_device);
	begin_device(&panic_device, "pvpanic", "panic");
	take_json(args, "-device", &panic_device);
	add(args, "-action", "panic=none");
}

/* `virt` has both; its guests find either by the device tree. */
static bool uses_mmio(const struct qemu_vm *vm)
{
	const struct qemu_kernel *k = &vm->kernel;

	return vm->machine == QEMU_MACHINE_MICROVM ||
	       (vm->machine == QEMU_MACHINE_VIRT && k->has_libs &&
		(k->libs & QEMU_LIB_VIRTIO_MMIO) && !(k->libs & QEMU_LIB_VIRTIO_PCI));
}

static const char *device_name(const struct qemu_vm *vm, const char *pci, const char *mmio)
{
	return uses_mmio(vm) ? mmio : pci;
}

static void put_mmio_bus(struct json_out *out, const struct qemu_vm *vm, unsigned bus)
{
	char name[32];

	if (vm->machine != QEMU_MACHINE_MICROVM)
		return;
	snprintf(name, sizeof(name), "virtio-mmio-bus.%u", bus);
	json_out_str(out, "bus", name);
}

static bool is_mac(const char *s)
{
	for (int i = 0; i < 6; i++, s += 3)
		if (strspn(s, "0123456789abcdefABCDEF") != 2 || s[2] != (i < 5 ? ':' : '\0'))
			return false;
	return true;
}

/* No host_mtu: Unikraft 0.17 reads the MTU from where the address is (drivers/virtio/net,
 * virtio_netdev_feature_negotiate), and offering one breaks its network. */
static void add_net(struct strv *args, const struct runtime_spec *spec, const struct qemu_vm *vm)
{
	auto_json_out struct json_out net;
	auto_json_out struct json_out device = { 0 };
	char fd[16];

	json_out_init(&net, JSON_MAX);
	json_out_object(&net, NULL);
	json_out_str(&net, "type", "tap");
	json_out_str(&net, "id", "net0");
	snprintf(fd, sizeof(fd), "%d", QEMU_FD_TAP);
	json_out_str(&net, "fd", fd);
	json_out_bool(&net, "vhost", vm->has_vhost);
	if (vm->has_vhost) {
		snprintf(fd, sizeof(fd), "%d", QEMU_FD_VHOST);
		json_out_str(&net, "vhostfd", fd);
	}
	take_json(args, "-netdev", &net);
	begin_device(&device, device_name(vm, "virtio-net-pci", "virtio-net-device"), "nic0");
	json_out_str(&device, "netdev", "net0");
	json_out_str(&device, "mac", spec->net.mac);
	put_mmio_bus(&device, vm, 0);
	if (!uses_mmio(vm))
		json_out_str(&device, "romfile", "");
	take_json(args, "-device", &device);
}

struct share {
	const char *tag;
	const char *path;
	bool is_read_only;
	unsigned bus; /* microvm's */
};

/* Owners and modes of files are the host's own; what the guest cannot set it is not told of. */
static void add_share(struct strv *args, const struct qemu_vm *vm, const struct share *share)
{
	auto_json_out struct json_out device;

	strv_add(args, "-fsdev");
	strv_addf(args, "local,id=%s,path=%s,security_model=none%s", share->tag, share->path,
		  share->is_read_only ? ",readonly=on" : "");
	json_out_init(&device, JSON_MAX);
	json_out_object(&device, NULL);
	json_out_str(&device, "driver", device_name(vm, "virtio-9p-pci", "virtio-9p-device"));
	json_out_str(&device, "fsdev", share->tag);
	json_out_str(&device, "mount_tag", share->tag);
	put_mmio_bus(&device, vm, share->bus);
	take_json(args, "-device", &device);
}

/* Images mount their folder by the tag they were built for: fs0 by Unikraft's default, fs1 by
 * its tools' numbering. Both lead to the same copy. */
static void add_files(struct strv *args, const struct qemu_vm *vm)
{
	add_share(args, vm, &(struct share){ "fs0", "files", false, 1 });
	add_share(args, vm, &(struct share){ "fs1", "files", false, 2 });
}

static void add_mounts(struct strv *args, const struct runtime_spec *spec, const struct qemu_vm *vm)
{
	for (unsigned i = 0; i < spec->n_mounts; i++) {
		char tag[16], path[32];

		snprintf(tag, sizeof(tag), "vol%u", i);
		snprintf(path, sizeof(path), "/proc/self/fd/%u", QEMU_FD_SHARE + i);
		add_share(args, vm,
			  &(struct share){ tag, path, spec->mounts[i].is_read_only,
					   QEMU_MMIO_MOUNTS(vm) + i });
	}
}

/* Ports and probes want an answer, which a guest without a network never gives. */
static int check_net(const struct runtime_spec *spec, const struct qemu_vm *vm, struct err *err)
{
	if (!spec->ready_port || !vm->has_tap)
		return 0;
	if (!qemu_kernel_may_have(&vm->kernel, QEMU_LIB_NETDEV))
		return err_set(err, -ENOTSUP,
			       "port %u is asked for but the image's kernel was built without "
			       "libuknetdev and has no network",
			       spec->ready_port);
	if (!qemu_kernel_may_have(&vm->kernel, QEMU_LIB_VIRTIO_NET))
		return err_set(err, -ENOTSUP,
			       "port %u is asked for but the image's kernel was built without "
			       "libvirtio_net and drives no card that there is",
			       spec->ready_port);
	return 0;
}

const char *qemu_mounts_name(const struct runtime_spec *spec)
{
	size_t n_given = 0;

	for (size_t i = 0; i < spec->n_mounts; i++)
		n_given += spec->mounts[i].is_given;
	if (!n_given)
		return "volumes";
	return n_given == spec->n_mounts ? "folders of secrets and configuration"
					 : "volumes and folders of secrets and configuration";
}

static int check_mounts(const struct runtime_spec *spec, const struct qemu_vm *vm, struct err *err)
{
	size_t max = QEMU_MOUNTS_MAX;

	if (!spec->n_mounts)
		return 0;
	if (!qemu_kernel_may_have(&vm->kernel, QEMU_LIB_9PFS))
		return err_set(err, -ENOTSUP,
			       "%s are asked for but the image's kernel was built without lib9pfs "
			       "and cannot mount them",
			       qemu_mounts_name(spec));
	if (vm->machine == QEMU_MACHINE_MICROVM)
		max = QEMU_MMIO_MAX - QEMU_MMIO_MOUNTS(vm);
	if (spec->n_mounts > max)
		return err_set(err, -ENOTSUP,
			       "%zu %s are asked for: this guest's machine has room for %zu",
			       spec->n_mounts, qemu_mounts_name(spec), max);
	return 0;
}

/* QEMU boots one that does not fit: into silence, or a reset before its first word. */
static int check_memory(const struct runtime_spec *spec, const struct qemu_vm *vm, struct err *err)
{
	if (vm->kernel.reach <= (uint64_t)memory_mib(spec) << 20)
		return 0;
	return err_set(
		err, -ENOTSUP,
		"memory of %u MiB is too small: the image's kernel alone reaches to %.1f MiB",
		memory_mib(spec), (double)vm->kernel.reach / (1 << 20));
}

static int check(const struct runtime_spec *spec, const struct qemu_vm *vm, struct err *err)
{
	if (!id_is_valid(spec->instance_id))
		return err_set(err, -EINVAL, "%s is no instance id", spec->instance_id);
	if (vm->has_tap && (!spec->net.mac || !is_mac(spec->net.mac)))
		return err_set(err, -EINVAL, "%s is no hardware address",
			       spec->net.mac ? spec->net.mac : "-");
	if (vm->has_files && !qemu_kernel_may_have(&vm->kernel, QEMU_LIB_9PFS))
		return err_set(err, -ENOTSUP,
			       "image has a folder of files but its kernel was built without "
			       "lib9pfs and cannot mount it");
	if (check_memory(spec, vm, err) < 0 || check_mounts(spec, vm, err) < 0)
		return err->code;
	return check_net(spec, vm, err);
}

int qemu_args_build(const struct runtime_spec *spec, const struct qemu_vm *vm, struct strv *ret,
		    struct err *err)
{
	auto_strv struct strv args = { 0 };
	auto_free char *line = NULL;

	if (check(spec, vm, err) < 0 || qemu_cmdline_build(spec, vm, &line, err) < 0)
		return err->code;
	add_machine(&args, spec, vm);
	add_channels(&args);
	if (vm->machine != QEMU_MACHINE_VIRT)
		add_exit_devices(&args);
	if (vm->has_tap)
		add_net(&args, spec, vm);
	if (vm->has_files)
		add_files(&args, vm);
	add_mounts(&args, spec, vm);
	add(&args, "-kernel", "kernel");
	if (vm->has_initrd)
		add(&args, "-initrd", "initrd");
	add(&args, "-append", line);
	if (vm->is_restored) {
		strv_add(&args, "-incoming");
		strv_addf(&args, "fd:%d", qemu_state_fd(vm));
	}
	if (vm->is_halted)
		strv_add(&args, "-S");
	*ret = args;
	args = (struct strv){ 0 };
	return 0;
}
