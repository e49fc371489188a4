/* Looking at the machine, and the small files of a data directory. */
#include <arpa/inet.h>
#include <fcntl.h>
#include <limits.h>
#include <sys/file.h>
#include <sys/random.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/sysinfo.h>
#include <sys/utsname.h>

#include "daemon/host.h"

#define TOKEN_BYTES 32

/* No packet is sent: connecting a datagram socket only chooses the route. 198.51.100.1 is
 * documentation space (RFC 5737), so only a default route can lead there. */
static void look_address(char *out, size_t size)
{
	auto_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons(9) };
	struct sockaddr_in from;
	socklen_t len = sizeof(from);

	str_copy(out, size, "127.0.0.1");
	inet_pton(AF_INET, "198.51.100.1", &to.sin_addr);
	if (fd < 0 || connect(fd, (struct sockaddr *)&to, sizeof(to)) < 0 ||
	    getsockname(fd, (struct sockaddr *)&from, &len) < 0)
		return;
	inet_ntop(AF_INET, &from.sin_addr, out, (socklen_t)size);
}

static uint64_t kernel_number(const char *path)
{
	auto_free char *text = NULL;
	uint64_t n = 0;
	struct err err;

	if (file_read(path, 64, &text, NULL, &err) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return parse_u64(text, 0, UINT64_MAX, &n) < 0 ? 0 : n;
}

void host_look(struct host_facts *ret)
{
	struct utsname uts;
	struct sysinfo info;

	*ret = (struct host_facts){ .arch = "amd64", .cpus = 1 };
	if (uname(&uts) == 0) {
		STR_COPY(ret->hostname, uts.nodename);
		if (str_eq(uts.machine, "aarch64"))
			ret->arch = "arm64";
	}
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus > 0)
		ret->cpus = (uint32_t)cpus;
	if (sysinfo(&info) == 0)
		ret->memory_mib = (uint64_t)info.totalram * info.mem_unit >> 20;
	ret->pids = kernel_number("/proc/sys/kernel/pid_max");
	look_address(ret->address, sizeof(ret->address));
}

uint64_t host_disk_mib(const char *data_dir)
{
	struct statvfs vfs;

	return statvfs(data_dir, &vfs) < 0 ? 0 : (uint64_t)vfs.f_blocks * vfs.f_frsize >> 20;
}

int host_lock(const char *data_dir, struct err *err)
{
	auto_free char *path = path_join(data_dir, "lock");
	auto_close int fd = open(path, O_RDWR | O_CREAT | O_CLOEXEC, 0600);
	char text[32] = "";

	if (fd < 0)
		return err_errno(err, "open %s", path);
	if (flock(fd, LOCK_EX | LOCK_NB) < 0) {
		ssize_t n = read(fd, text, sizeof(text) - 1);

		text[n > 0 ? n : 0] = '\0';
		return err_set(err, -EBUSY, "%s is in use by another holm (process %s)", data_dir,
			       text);
	}
	int n = snprintf(text, sizeof(text), "%d", (int)getpid());
	if (ftruncate(fd, 0) < 0 || pwrite(fd, text, (size_t)n, 0) < 0)
		return err_errno(err, "write %s", path);
	return TAKE_FD(fd);
}

static void random_bytes(uint8_t *out, size_t len)
{
	if (getrandom(out, len, 0) != (ssize_t)len)
		abort(); /* never short for 256 bytes or fewer once the pool is ready */
}

/* The file's text, or a new one written by `make`. */
static int file_or_new(const char *data_dir, const char *name, char *(*make)(void), char **ret,
		       struct err *err)
{
	auto_free char *path = path_join(data_dir, name);

	if (path_exists(path))
		return file_read(path, 256, ret, NULL, err);
	auto_free char *text = make();
	int r = file_write_atomic(path, text, strlen(text), 0600, err);
	if (r == 0)
		*ret = TAKE(text);
	return r;
}

static char *make_node_id(void)
{
	uint8_t random[12];
	char *id = xmalloc(ID_SIZE);

	random_bytes(random, sizeof(random));
	id_format(random, id);
	return id;
}

static char *make_token(void)
{
	uint8_t random[TOKEN_BYTES];
	char *token = xcalloc(1, 2 * TOKEN_BYTES + 1);

	random_bytes(random, sizeof(random));
	for (size_t i = 0; i < TOKEN_BYTES; i++)
		snprintf(token + 2 * i, 3, "%02x", random[i]);
	return token;
}

int host_node_id(const char *data_dir, char ret[ID_SIZE], struct err *err)
{
	auto_free char *text = NULL;
	int r = file_or_new(data_dir, "node-id", make_node_id, &text, err);

	if (r < 0)
		return r;
	if (!id_is_valid(text))
		return err_set(err, -EINVAL, "%s/node-id: expected 24 hex digits, got %s", data_dir,
			       text);
	str_copy(ret, ID_SIZE, text);
	return 0;
}

int host_token(const char *data_dir, char **ret, struct err *err)
{
	return file_or_new(data_dir, "token", make_token, ret, err);
}

int host_program_path(const char *name, char **ret, struct err *err)
{
	static const char *const places[] = { "../libexec", "../helper", "../shim", "." };
	char exe[PATH_MAX];
	ssize_t n = readlink("/proc/self/exe", exe, sizeof(exe) - 1);

	if (n < 0)
		return err_errno(err, "read /proc/self/exe");
	exe[n] = '\0';
	*strrchr(exe, '/') = '\0';
	for (size_t i = 0; i < ARRAY_LEN(places); i++) {
		auto_free char *path = xasprintf("%s/%s/%s", exe, places[i], name);
		char *real = realpath(path, NULL);

		if (real) {
			*ret = real;
			return 0;
		}
	}
	return err_set(err, -ENOENT, "find %s: it is neither beside %s nor in ../libexec", name,
		       exe);
}
