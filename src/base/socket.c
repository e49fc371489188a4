/* Named relative to an open folder. */
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>

#include "base/base.h"
#include "base/socket.h"

struct place {
	int dir;
	struct sockaddr_un address;
};

static int place_open(const char *dir, const char *name, struct place *ret, struct err *err)
{
	int fd = open(dir, O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(err, "open %s", dir);
	*ret = (struct place){ .dir = fd, .address = { .sun_family = AF_UNIX } };
	int n = snprintf(ret->address.sun_path, sizeof(ret->address.sun_path),
			 "/proc/thread-self/fd/%d/%s", fd, name);
	if (n >= 0 && (size_t)n < sizeof(ret->address.sun_path))
		return 0;
	close(fd);
	return err_set(err, -ENAMETOOLONG, "%s/%s: name too long", dir, name);
}

static int listen_at(const struct place *place, const char *name, int type)
{
	const struct sockaddr *address = (const struct sockaddr *)&place->address;
	auto_close int fd = socket(AF_UNIX, type | SOCK_CLOEXEC, 0);

	if (fd < 0)
		return -errno;
	unlinkat(place->dir, name, 0);
	if (fchmod(fd, 0600) < 0 || bind(fd, address, sizeof(place->address)) < 0 ||
	    listen(fd, SOCKET_BACKLOG) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int socket_listen(const char *dir, const char *name, int type, struct err *err)
{
	struct place place;

	if (place_open(dir, name, &place, err) < 0)
		return err->code;
	int fd = listen_at(&place, name, type);
	close(place.dir);
	return fd < 0 ? err_set(err, fd, "listen on %s/%s: %s", dir, name, strerror(-fd)) : fd;
}

static int connect_at(const struct place *place, int type)
{
	const struct sockaddr *address = (const struct sockaddr *)&place->address;
	auto_close int fd = socket(AF_UNIX, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || connect(fd, address, sizeof(place->address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int socket_connect(const char *dir, const char *name, int type, struct err *err)
{
	struct place place;

	if (place_open(dir, name, &place, err) < 0)
		return err->code;
	int fd = connect_at(&place, type);
	close(place.dir);
	return fd < 0 ? err_set(err, fd, "connect to %s/%s: %s", dir, name, strerror(-fd)) : fd;
}
