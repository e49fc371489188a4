/* mkfifo(3). */
#include <fcntl.h>
#include <sys/stat.h>

#include "runtime/containerd/exec/fifo.h"

int fifo_make(const char *dir, const char *name, int flags, char **ret_path, struct err *err)
{
	auto_free char *path = path_join(dir, name);

	if (mkfifo(path, 0600) < 0)
		return err_errno(err, "create %s", path);
	int fd = open(path, flags | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0)
		return err_errno(err, "open %s", path);
	*ret_path = TAKE(path);
	return fd;
}
