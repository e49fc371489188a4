/* The op is the probe: it is freed with the op, when that is done. */
#include "worker/life/exec_probe.h"
#include "worker/life/life.h"
#include "worker/private.h"

#define OUTPUT_KEPT 120 /* bytes of its output in a reason */

struct exec_probe {
	struct op op;
	struct runtime_slot slot;
	char instance_id[ID_SIZE];
	char id[ID_SIZE];
	struct strv cmd;
	uint32_t timeout_ms;
	net_probe_fn done; /* NULL: cancelled */
	void *arg;
	struct net_probe_answer answer;
};

static void exec_fini(struct op *op)
{
	strv_fini(&container_of(op, struct exec_probe, op)->cmd);
}

static void judge(struct net_probe_answer *answer, const struct runtime_exec_result *result)
{
	char output[OUTPUT_KEPT + 1];

	if (result->is_timed_out) {
		err_set(&answer->err, -ETIMEDOUT, "it does not end in time");
	} else if (result->exit_code) {
		first_words(result->output, output, sizeof(output));
		err_set(&answer->err, -EIO, "exit code %d%s%s", result->exit_code,
			output[0] ? ": " : "", output);
	}
}

/* What the command or the instance is the cause of; everything else says nothing about them. */
static bool is_about_it(int code)
{
	return code == -ENOENT || code == -EACCES || code == -EINVAL || code == -ENOTSUP;
}

static void exec_run(struct op *op)
{
	struct exec_probe *e = container_of(op, struct exec_probe, op);
	const struct runtime_exec exec = { .instance_id = e->instance_id,
					   .id = e->id,
					   .cmd = &e->cmd,
					   .timeout_ms = e->timeout_ms,
					   .cancel = &op->cancel };
	struct runtime_exec_result result = { 0 };

	op->result = runtime_exec_run(e->slot.driver, e->slot.state, &exec, &result,
				      &e->answer.err);
	if (op->result < 0)
		e->answer.is_own = !is_about_it(op->result);
	else
		judge(&e->answer, &result);
}

static void exec_done(struct op *op)
{
	struct exec_probe *e = container_of(op, struct exec_probe, op);

	if (e->done)
		e->done(e->arg, &e->answer);
}

struct exec_probe *exec_probe_begin(struct winst *inst, const struct exec_probe_target *target,
				    net_probe_fn done, void *arg)
{
	struct exec_probe *e = NEW(struct exec_probe);
	uint8_t random[ID_LEN / 2];

	loop_random(inst->worker->config.loop, random, sizeof(random));
	id_format(random, e->id);
	e->op = (struct op){ .run = exec_run, .done = exec_done, .fini = exec_fini };
	e->slot = *inst->slot;
	STR_COPY(e->instance_id, inst->id);
	strv_copy(&e->cmd, &target->cmd);
	e->timeout_ms = target->timeout_ms;
	e->done = done;
	e->arg = arg;
	op_begin(inst->worker, EXECUTOR_PROBE, &e->op);
	return e;
}

void exec_probe_cancel(struct exec_probe *e)
{
	if (!e)
		return;
	e->done = NULL;
	cancel_set(&e->op.cancel);
}
