/* Without a probe nobody knows when a program has started. Its first TCP port that is mapped tells at least
 * when somebody listens: until then others of its service get the connections, which it would refuse. One
 * that nobody could stand in for gets them at once, and so does, after a while, one that never listens. */
#include "worker/life/life.h"
#include "worker/private.h"

#define EVERY_MS  20
#define ANSWER_MS 100 /* a guest that is not there yet says nothing */
#define MAX_MS    5000

struct listening {
	struct winst *inst;
	struct net_probe_target target;
	struct net_probe *question; /* under way */
	struct timer *timer;        /* between two of them */
	uint64_t until_ms;
};

static struct loop *loop_of(const struct listening *l)
{
	return l->inst->worker->config.loop;
}

static void become_ready(struct winst *inst)
{
	listen_end(inst);
	inst->life.is_ready = inst->life.was_ready = true;
	inst->publish_after = network_publish(inst->worker);
}

static void ask(void *arg);

static void on_answer(void *arg, const struct net_probe_answer *answer)
{
	struct listening *l = arg;
	struct winst *inst = l->inst;

	l->question = NULL;
	if (!answer->err.code || loop_now_ms(loop_of(l)) >= l->until_ms ||
	    !network_has_others(inst)) {
		become_ready(inst);
		return;
	}
	if (!inst->status.is_paused)
		winst_set_state(inst, STATE_CREATED, "nothing listens on its port %u yet",
				l->target.port);
	l->timer = timer_start(loop_of(l), EVERY_MS, ask, l);
}

static void ask(void *arg)
{
	struct listening *l = arg;

	l->timer = NULL;
	l->question = prober_of(l->inst)->begin(loop_of(l), &l->target, on_answer, l);
}

void listen_begin(struct winst *inst)
{
	uint16_t port = spec_ready_port(&inst->current.spec);
	struct net_probe_target target = { .port = port, .timeout_ms = ANSWER_MS };

	if (!inst->life.is_ready || !port || !network_has_others(inst) ||
	    parse_ipv4(inst->record.namespace_ip, &target.ip) < 0)
		return;
	struct listening *l = NEW(struct listening);
	*l = (struct listening){ .inst = inst, .target = target };
	l->until_ms = loop_now_ms(loop_of(l)) + MAX_MS;
	inst->life.listening = l;
	inst->life.is_ready = inst->life.was_ready = false;
	ask(l);
}

void listen_end(struct winst *inst)
{
	struct listening *l = TAKE(inst->life.listening);

	if (!l)
		return;
	timer_cancel(l->timer);
	prober_of(inst)->cancel(l->question);
	free(l);
}

struct listening *listen_free(struct listening *listening)
{
	if (listening)
		prober_of(listening->inst)->free(listening->question);
	free(listening);
	return NULL;
}
