#include "programs.h"

#define WARM_UP_MS 3000
#define ANSWER_MS  2

struct run {
	pid_t pid;
	uint64_t begun_ms; /* asked for the first time */
	bool is_hung;
	bool has_answered;
};

struct programs {
	struct world *world;
	struct map runs; /* instance id → struct run */
};

static struct programs *those; /* probes are given no argument of ours */

struct programs *programs_new(struct world *world)
{
	struct programs *programs = NEW(struct programs);

	programs->world = world;
	those = programs;
	return programs;
}

struct programs *programs_free(struct programs *programs)
{
	map_for_each(&programs->runs, i, e)
		free(e->value);
	map_fini(&programs->runs);
	free(programs);
	those = NULL;
	return NULL;
}

pid_t programs_pid(struct programs *programs, const char *instance_id)
{
	struct runtime_list list = { 0 };
	struct err err;
	pid_t pid = 0;

	if (fake_driver.list(programs->world->host, instance_id, &list, &err) < 0)
		return 0;
	if (list.n && list.items[0].phase == RUNTIME_RUNNING)
		pid = list.items[0].proc.pid;
	runtime_list_fini(&list);
	return pid;
}

/* NULL: none. */
static struct run *run_of(struct programs *programs, const char *instance_id)
{
	pid_t pid = programs_pid(programs, instance_id);
	struct run *run = map_find(&programs->runs, instance_id);

	if (!pid)
		return NULL;
	if (!run) {
		run = NEW(struct run);
		map_set(&programs->runs, instance_id, run);
	}
	if (run->pid != pid)
		*run = (struct run){ .pid = pid, .begun_ms = world_now_ms(programs->world) };
	return run;
}

static struct run *run_at(struct programs *programs, uint32_t ip)
{
	struct runtime_list list = { 0 };
	struct run *run = NULL;
	struct err err;

	if (fake_driver.list(programs->world->host, NULL, &list, &err) < 0)
		return NULL;
	for (size_t i = 0; i < list.n && !run; i++)
		if (fake_network_ip(programs->world->network, list.items[i].instance_id) == ip)
			run = run_of(programs, list.items[i].instance_id);
	runtime_list_fini(&list);
	return run;
}

pid_t programs_hang(struct programs *programs, const char *instance_id)
{
	struct run *run = run_of(programs, instance_id);

	if (run)
		run->is_hung = true;
	return run ? run->pid : 0;
}

bool programs_has_answered(struct programs *programs, const char *instance_id)
{
	const struct run *run = run_of(programs, instance_id);

	return run && run->has_answered;
}

struct net_probe {
	struct timer *timer;
	struct net_probe_target target;
	net_probe_fn done;
	void *arg;
};

static void on_time(void *arg)
{
	struct net_probe *probe = arg;
	struct run *run = run_at(those, probe->target.ip);
	struct net_probe_answer answer = { 0 };

	if (!run || world_now_ms(those->world) < run->begun_ms + WARM_UP_MS)
		err_set(&answer.err, -ECONNREFUSED, "connect: Connection refused");
	else if (run->is_hung)
		err_set(&answer.err, -ETIMEDOUT, "no answer in time");
	else
		run->has_answered = true;
	if (!answer.err.code && probe->target.request)
		answer.status = 200;
	probe->done(probe->arg, &answer);
	free(probe);
}

static struct net_probe *begin(struct loop *loop, const struct net_probe_target *target,
			       net_probe_fn done, void *arg)
{
	struct net_probe *probe = NEW(struct net_probe);
	const struct run *run = run_at(those, target->ip);
	bool is_silent = run && run->is_hung;

	*probe = (struct net_probe){ .target = *target, .done = done, .arg = arg };
	probe->timer = timer_start(loop, is_silent ? target->timeout_ms : ANSWER_MS, on_time,
				   probe);
	return probe;
}

static struct net_probe *release(struct net_probe *probe)
{
	free(probe);
	return NULL;
}

static struct net_probe *cancel(struct net_probe *probe)
{
	if (probe)
		timer_cancel(probe->timer);
	return release(probe);
}

const struct prober programs_prober = { begin, cancel, release };
