/* A serial line is what a terminal is connected to: it is shown and typed into as it is, has no end, and
 * no size that anybody could tell the guest. */
#include <fcntl.h>
#include <sys/socket.h>

#include "base/socket.h"
#include "runtime/qemu/console.h"
#include "runtime/qemu/instance.h"

static int attach(void *state, const char *instance_id, struct runtime_attachment *ret,
		  struct err *err)
{
	auto_free char *dir = instance_path(state, instance_id);
	auto_free char *input = path_join(dir, "in");
	struct runtime_status status;
	struct err cause;

	if (instance_status(state, instance_id, &status, err) < 0)
		return err->code;
	if (status.phase != RUNTIME_RUNNING)
		return err_set(err, -ESRCH, "it does not run");
	int output = socket_connect(dir, "attach", SOCK_SEQPACKET, &cause);
	if (output == -ECONNREFUSED)
		return err_set(err, -ESRCH,
			       "its supervisor has ended: nobody reads its console until its next "
			       "start");
	if (output < 0)
		return err_copy(err, &cause);
	*ret = (struct runtime_attachment){ .is_terminal = true,
					    .in = open(input, O_WRONLY | O_NONBLOCK | O_CLOEXEC),
					    .output = output };
	return 0;
}

static int resize(void *state, const struct runtime_exec *exec, struct err *err)
{
	return 0;
}

const struct runtime_exec_ops qemu_console_ops = { .attach = attach, .resize = resize };
