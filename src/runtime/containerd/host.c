/* What this node has for a container: limits, capabilities, device nodes. */
#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/sysmacros.h>

#include "base/base.h"
#include "model/capability.h"
#include "runtime/containerd/host.h"

#define DEVICES_MAX 4000 /* in one container: a spec is bounded */
#define STATUS_MAX  ((size_t)64 << 10)
#define ALL_ACCESS  "rwm"

#if defined(__x86_64__)
#define ARCH "amd64"
#elif defined(__aarch64__)
#define ARCH "arm64"
#else
#define ARCH NULL
#endif

void host_devices_fini(struct host_devices *devices)
{
	for (size_t i = 0; i < devices->n; i++)
		free(devices->items[i].path);
	free(devices->items);
	*devices = (struct host_devices){ 0 };
}

static bool is_device(const struct stat *st)
{
	return S_ISCHR(st->st_mode) || S_ISBLK(st->st_mode);
}

static void add(struct host_devices *devices, const char *path, const struct stat *st,
		const char *access)
{
	*ARRAY_ADD(devices->items, devices->n) = (struct spec_device){
		.path = xstrdup(path),
		.type = S_ISBLK(st->st_mode) ? 'b' : 'c',
		.major = major(st->st_rdev),
		.minor = minor(st->st_rdev),
		.mode = st->st_mode & 07777,
		.uid = st->st_uid,
		.gid = st->st_gid,
		.access = access,
	};
}

int host_find_devices(const struct sla_container *container, struct host_devices *ret,
		      struct err *err)
{
	for (size_t i = 0; container && i < container->n_devices; i++) {
		const struct sla_device *d = &container->devices[i];
		struct stat st;

		if (stat(d->path, &st) < 0)
			return err_errno(err, "find device %.200s", d->path);
		if (!is_device(&st))
			return err_set(err, -ENOTSUP, "find device %.200s: it is none", d->path);
		add(ret, d->target ? d->target : d->path, &st,
		    d->permissions ? d->permissions : ALL_ACCESS);
	}
	return 0;
}

static bool is_own_of_containers(const char *name)
{
	static const char *const names[] = {
		"pts", "shm", "fd", "mqueue", "console", "ptmx", "tty"
	};

	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq(name, names[i]))
			return true;
	return *name == '.';
}

static bool has_path(const struct host_devices *devices, const char *path)
{
	for (size_t i = 0; i < devices->n; i++)
		if (str_eq(devices->items[i].path, path))
			return true;
	return false;
}

/* Folders that vanish meanwhile are passed over. */
int host_list_devices(const char *dir, struct host_devices *ret, struct err *err)
{
	DIR *d = opendir(dir);
	int r = 0;

	for (struct dirent *e; d && r == 0 && (e = readdir(d));) {
		auto_free char *path = path_join(dir, e->d_name);
		struct stat st;

		if (is_own_of_containers(e->d_name) || lstat(path, &st) < 0)
			continue;
		if (S_ISDIR(st.st_mode))
			r = host_list_devices(path, ret, err);
		else if (is_device(&st) && !has_path(ret, path))
			add(ret, path, &st, ALL_ACCESS);
		if (r == 0 && ret->n > DEVICES_MAX)
			r = err_set(err, -E2BIG, "list devices: more than %d", DEVICES_MAX);
	}
	if (d)
		closedir(d);
	return r;
}

/* Raising the hard limit takes CAP_SYS_RESOURCE, which root lacks in many containers. */
static uint64_t files_max(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_max == RLIM_INFINITY)
		return 0;
	return limit.rlim_max;
}

uint64_t host_capabilities(const char *status)
{
	static const char key[] = "CapBnd:";
	static const char digits[] = "0123456789abcdef";
	const char *p = strstr(status, key);
	const char *digit;
	uint64_t set = 0;

	if (!p)
		return CAPABILITY_ALL;
	p += strlen(key);
	for (p += strspn(p, "\t "); *p && (digit = strchr(digits, *p)); p++)
		set = set << 4 | (uint64_t)(digit - digits);
	return set & CAPABILITY_ALL;
}

static uint64_t own_capabilities(void)
{
	auto_free char *text = NULL;
	struct err ignored;
	int r = file_read("/proc/self/status", STATUS_MAX, &text, NULL, &ignored);

	return host_capabilities(r < 0 ? "" : text);
}

/* x32 calls are the usual ones with a bit set (syscall(2), arch/x86/entry of the kernel). */
static bool has_x32(void)
{
#ifdef __x86_64__
	return syscall(0x40000000L | SYS_getpid) > 0;
#else
	return false;
#endif
}

void host_fill(const struct driver *driver, struct spec_host *ret)
{
	*ret = (struct spec_host){
		.cgroup_parent = driver->cgroup_parent,
		.arch = ARCH,
		.has_seccomp = path_exists("/proc/sys/kernel/seccomp/actions_avail"),
		.has_x32 = has_x32(),
		.has_cgroup_v2 = driver->cgroups.layout == CGROUP_V2,
		.has_swap_limit = driver->has_swap_limit,
		.files_max = files_max(),
		.capabilities = own_capabilities(),
	};
}
