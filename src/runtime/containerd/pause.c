/* Pausing: containerd asks the OCI runtime, which freezes the control group (runc, crun) or its own kernel
 * (runsc). */
#include "base/base.h"
#include "runtime/containerd/driver.h"

int container_set_paused(void *state, const char *instance_id, bool is_paused, struct err *err)
{
	const char *what = is_paused ? "pause" : "resume";
	auto_client struct client client = client_open(state, NULL);
	struct containerd api = client_with(&client, CALL_MS, NULL);
	struct runtime_status status = { 0 };
	int r = container_find(&client, instance_id, &status, NULL, err);

	if (r < 0)
		return err_wrap(err, "%s container %s", what, instance_id);
	if (r == 0 || status.phase != RUNTIME_RUNNING)
		return err_set(err, -ENOENT, "%s container %s: it does not run", what, instance_id);
	if (status.is_paused == is_paused)
		return 0;
	r = containerd_task_set_paused(&api, instance_id, is_paused, err);
	return r < 0 ? err_wrap(err, "%s container %s", what, instance_id) : 0;
}
