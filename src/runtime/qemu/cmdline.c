/* The guest's command line. NAME is there because arm64 and Firecracker take the first word as
 * argv[0] (on x86 QEMU puts the kernel's path first and NAME is an unknown parameter), and at least
 * one parameter because "--" counts only behind one. */
#include <stdarg.h>

#include "runtime/qemu/args.h"

#define LINE_MAX_BYTES 4096 /* with the kernel's path and the final NUL */
#define WORDS_MAX      60   /* with the kernel's path; CONFIG_LIBUKBOOT_MAXNBARGS */
#define VARIABLES_MAX  8    /* CONFIG_LIBPOSIX_ENVIRON_LIBPARAM_MAXCOUNT */
#define KERNEL_PATH    "kernel "
#define NAME           "app"

struct line {
	struct buf text;
	size_t words;
};

static int too_long(struct err *err)
{
	return err_set(err, -EINVAL,
		       "arguments and environment make a command line of more than %d bytes, "
		       "which a unikernel cannot take",
		       LINE_MAX_BYTES);
}

/* A piece in quotes that do not occur in it. Inside '…' nothing is special; inside "…" later
 * versions interpret backslashes, so only apostrophes go there. */
static int add_quoted(struct buf *text, const char *s, size_t len, char quote)
{
	if (buf_add(text, &quote, 1) < 0 || buf_add(text, s, len) < 0)
		return -E2BIG;
	return buf_add(text, &quote, 1);
}

static bool needs_quotes(const char *word)
{
	return word[strcspn(word, " \t\r\n\v\f'\"\\")] != '\0';
}

/* One word that arrives as it is; pieces in different quotes stick together. */
static int add_word(struct line *line, const char *word, struct err *err)
{
	int r = line->text.len ? buf_add_str(&line->text, " ") : 0;

	line->words++;
	if (!needs_quotes(word))
		r = r < 0 ? r : buf_add_str(&line->text, word);
	else
		for (const char *p = word; r == 0 && *p;) {
			size_t quotes = strspn(p, "'");
			size_t n = quotes ? quotes : strcspn(p, "'");

			r = add_quoted(&line->text, p, n, quotes ? '"' : '\'');
			p += n;
		}
	return r < 0 ? too_long(err) : 0;
}

static int add_wordf(struct line *line, struct err *err, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int add_wordf(struct line *line, struct err *err, const char *fmt, ...)
{
	char word[256];
	va_list ap;

	va_start(ap, fmt);
	int n = vsnprintf(word, sizeof(word), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(word))
		return too_long(err);
	return add_word(line, word, err);
}

static int check_word(const char *word, const char *what, struct err *err)
{
	if (!*word)
		return err_set(err, -EINVAL,
			       "%s is empty: a unikernel's command line has no "
			       "empty words",
			       what);
	for (const char *p = word; *p; p++)
		if ((unsigned char)*p < 0x20 && *p != '\t' && *p != '\n')
			return err_set(err, -EINVAL,
				       "%s has a control character (0x%02x), which a unikernel's "
				       "command line cannot carry",
				       what, (unsigned char)*p);
	return 0;
}

static int check_address(const char *what, const char *text, struct err *err)
{
	uint32_t addr;

	if (!text || parse_ipv4(text, &addr) < 0)
		return err_set(err, -EINVAL, "%s %s is no IPv4 address", what, text ? text : "-");
	return 0;
}

/* Both syntaxes: the switch was in 0.16.1, and what a kernel does not know it ignores. */
static int add_net(struct line *line, const struct runtime_net *net, struct err *err)
{
	char mask[IPV4_STR_MAX];
	int r;

	if (!net->ip)
		return 0;
	if (net->prefix < 1 || net->prefix > 32)
		return err_set(err, -EINVAL, "prefix length %u is not within 1..32", net->prefix);
	if (check_address("address", net->ip, err) < 0 ||
	    check_address("gateway", net->gateway, err) < 0 ||
	    (net->dns && check_address("name server", net->dns, err) < 0))
		return err->code;
	format_ipv4(~0u << (32 - net->prefix), mask);
	r = add_wordf(line, err, "netdev.ip=%s/%u:%s%s%s", net->ip, net->prefix, net->gateway,
		      net->dns ? ":" : "", net->dns ? net->dns : "");
	if (r == 0)
		r = add_wordf(line, err, "netdev.ipv4_addr=%s", net->ip);
	if (r == 0)
		r = add_wordf(line, err, "netdev.ipv4_gw_addr=%s", net->gateway);
	if (r == 0)
		r = add_wordf(line, err, "netdev.ipv4_subnet_mask=%s", mask);
	return r;
}

static bool is_before(const struct qemu_kernel *kernel, uint32_t version)
{
	return kernel->version && kernel->version < version;
}

/* The parameter of the root file system changed its name in 0.14. */
static int add_root(struct line *line, const struct qemu_kernel *kernel, const char *device,
		    const char *driver, struct err *err)
{
	if (!is_before(kernel, QEMU_KERNEL_VERSION(0, 14, 0)))
		return add_wordf(line, err, "vfs.fstab=%s:/:%s", device, driver);
	if (add_wordf(line, err, "vfs.rootfs=%s", driver) < 0)
		return err->code;
	return add_wordf(line, err, "vfs.rootdev=%s", device);
}

/* The driver changed its name in 0.16.1; "ramfs=2" (mount a RAM disk where nothing is mounted) came
 * with 0.16.2. */
static int add_initrd(struct line *line, const struct qemu_kernel *kernel, struct err *err)
{
	if (!qemu_kernel_may_have(kernel, QEMU_LIB_CPIO))
		return err_set(err, -ENOTSUP,
			       "image has an initramfs.cpio but its kernel was built without "
			       "libukcpio and cannot read it");
	if (is_before(kernel, QEMU_KERNEL_VERSION(0, 16, 1)))
		return add_root(line, kernel, "initrd0", "initrd", err);
	if (is_before(kernel, QEMU_KERNEL_VERSION(0, 16, 2)))
		return add_root(line, kernel, "initrd0", "extract", err);
	return add_root(line, kernel, "initrd0", "extract::ramfs=2:", err);
}

/* "mkmp" (make the mount point) came with 0.16.0; before, it has to be in the image. */
static int add_mount(struct line *line, const struct qemu_kernel *kernel, size_t i,
		     const char *target, struct err *err)
{
	bool can_make = !is_before(kernel, QEMU_KERNEL_VERSION(0, 16, 0));
	auto_free char *word = xasprintf("vfs.fstab=vol%zu:%s:9pfs%s", i, target,
					 can_make ? ":::mkmp" : "");

	if (*target != '/' || target[strcspn(target, ":[]\"' \t\n")])
		return err_set(err, -EINVAL,
			       "mount path %s: a unikernel's has no blanks, colons, quotes and "
			       "brackets",
			       target);
	return add_word(line, word, err);
}

static int add_mounts(struct line *line, const struct runtime_spec *spec, const struct qemu_vm *vm,
		      struct err *err)
{
	int r = 0;

	if (spec->n_mounts && is_before(&vm->kernel, QEMU_KERNEL_VERSION(0, 14, 0)))
		return err_set(err, -ENOTSUP,
			       "%s are asked for but the image is of a Unikraft before 0.14, which "
			       "mounts its root alone",
			       qemu_mounts_name(spec));
	for (size_t i = 0; r == 0 && i < spec->n_mounts; i++)
		r = add_mount(line, &vm->kernel, i, spec->mounts[i].target, err);
	return r;
}

bool qemu_needs_root(const struct runtime_spec *spec, const struct qemu_vm *vm)
{
	return spec->n_mounts && !vm->has_initrd && !vm->has_files &&
	       qemu_kernel_may_have(&vm->kernel, QEMU_LIB_CPIO) &&
	       !is_before(&vm->kernel, QEMU_KERNEL_VERSION(0, 16, 2));
}

/* A parameter replaces the table that an image brings for its folder, which is left alone as long as
 * nothing else has to be mounted. */
static int add_file_systems(struct line *line, const struct runtime_spec *spec,
			    const struct qemu_vm *vm, struct err *err)
{
	int r = 0;

	if (vm->has_initrd)
		r = add_initrd(line, &vm->kernel, err);
	else if (vm->has_files && (!vm->kernel.names_tag || spec->n_mounts))
		r = add_root(line, &vm->kernel, "fs0", "9pfs", err);
	else if (!vm->has_files && spec->n_mounts &&
		 !qemu_kernel_may_have(&vm->kernel, QEMU_LIB_CPIO))
		r = add_root(line, &vm->kernel, "none", "ramfs", err);
	return r == 0 ? add_mounts(line, spec, vm, err) : r;
}

/* Devices on microvm's MMIO bus are told to the guest: the network card on bus 0, shared folders
 * from bus 1. The prefix depends on how the kernel was configured. */
static int add_mmio(struct line *line, const struct runtime_spec *spec, const struct qemu_vm *vm,
		    struct err *err)
{
	unsigned devices = QEMU_MMIO_MOUNTS(vm) + (unsigned)spec->n_mounts;

	for (unsigned i = 0; i < devices; i++) {
		unsigned base = 0xfeb00000u + 0x200u * i;

		if (i == 0 && !vm->has_tap)
			continue;
		if (add_wordf(line, err, "virtio_mmio.device=512@0x%x:%u", base, 5 + i) < 0 ||
		    add_wordf(line, err, "libvirtio_mmio.device=512@0x%x:%u", base, 5 + i) < 0)
			return err->code;
	}
	return 0;
}

static int add_seed(struct line *line, const struct qemu_vm *vm, struct err *err)
{
	int r;

	if (vm->kernel.version < QEMU_KERNEL_VERSION(0, 18, 0))
		return 0;
	r = add_word(line, "random.seed=[", err);
	for (size_t i = 0; r == 0 && i < QEMU_SEED_WORDS; i++)
		r = add_wordf(line, err, "%u", vm->seed[i]);
	return r == 0 ? add_word(line, "]", err) : r;
}

static int check_env(size_t n, const struct qemu_vm *vm, struct err *err)
{
	uint32_t max = vm->variables_max ? vm->variables_max : VARIABLES_MAX;
	char whose[64] = "";

	if (n && !qemu_kernel_may_have(&vm->kernel, QEMU_LIB_ENVIRON))
		return err_set(err, -ENOTSUP,
			       "environment has %zu variables but the image's kernel was built "
			       "without libposix_environ and cannot take them",
			       n);
	if (n <= max)
		return 0;
	if (vm->n_image_variables)
		snprintf(whose, sizeof(whose), ", %zu of them the image's", vm->n_image_variables);
	return err_set(err, -EINVAL, "environment has %zu variables%s: %s takes at most %u", n,
		       whose, vm->variables_max ? "this unikernel" : "a unikernel", max);
}

/* Repeated single values rather than a list, which a value's "]" would end. */
static int add_env(struct line *line, const struct runtime_spec *spec, const struct qemu_vm *vm,
		   struct err *err)
{
	size_t n = spec->env ? spec->env->n : 0;

	if (check_env(n, vm, err) < 0)
		return err->code;
	for (size_t i = 0; i < n; i++) {
		const char *var = spec->env->items[i];
		auto_free char *word = xasprintf("env.vars=%s", var);
		char what[64];

		snprintf(what, sizeof(what), "environment variable %zu", i + 1);
		if (!strchr(var, '=') || *var == '=' || *var == '[')
			return err_set(err, -EINVAL, "%s is not of the form NAME=value", what);
		if (check_word(var, what, err) < 0 || add_word(line, word, err) < 0)
			return err->code;
	}
	return 0;
}

static int add_params(struct line *line, const struct runtime_spec *spec, const struct qemu_vm *vm,
		      struct err *err)
{
	size_t before = line->words;
	int r = vm->machine == QEMU_MACHINE_MICROVM ? add_mmio(line, spec, vm, err) : 0;

	if (r == 0)
		r = add_net(line, &spec->net, err);
	if (r == 0)
		r = add_file_systems(line, spec, vm, err);
	if (r == 0)
		r = add_seed(line, vm, err);
	if (r == 0)
		r = add_env(line, spec, vm, err);
	if (r == 0 && line->words == before)
		r = add_word(line, "uk.pad=1", err);
	return r;
}

static int add_all(struct line *line, const struct runtime_spec *spec, const struct qemu_vm *vm,
		   struct err *err)
{
	if (add_word(line, NAME, err) < 0 || add_params(line, spec, vm, err) < 0 ||
	    add_word(line, "--", err) < 0)
		return err->code;
	for (size_t i = 0; spec->cmd && i < spec->cmd->n; i++) {
		char what[64];

		snprintf(what, sizeof(what), "argument %zu", i + 1);
		if (check_word(spec->cmd->items[i], what, err) < 0 ||
		    add_word(line, spec->cmd->items[i], err) < 0)
			return err->code;
	}
	uint32_t max = vm->words_max ? vm->words_max : WORDS_MAX;
	if (line->words + 1 > max)
		return err_set(err, -EINVAL,
			       "arguments and environment make a command line of %zu words: a "
			       "unikernel takes at most %u",
			       line->words + 1, max);
	return 0;
}

int qemu_cmdline_build(const struct runtime_spec *spec, const struct qemu_vm *vm, char **ret,
		       struct err *err)
{
	struct line line = { 0 };
	int r;

	buf_init(&line.text, LINE_MAX_BYTES - sizeof(KERNEL_PATH));
	r = add_all(&line, spec, vm, err);
	if (r == 0)
		*ret = buf_take(&line.text);
	buf_fini(&line.text);
	return r;
}
