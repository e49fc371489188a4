/* Probes of the instances that run: when they are tried, and what follows. The counting is in
 * reconcile/probe.c, the asking in wire/net_probe.
 *
 *   begun ──▶ startup (if there is one) ──▶ passed ──▶ readiness: ready, or not
 *                     └─▶ failed                   └─▶ liveness: failed
 *                            └──────▶ condemned: stopped and started again ◀──┘
 *
 * Which run was ready last is on disk: after a restart of Holm it stays so until a probe says
 * otherwise, and traffic goes on. */
#include "worker/life/exec_probe.h"
#include "worker/life/life.h"
#include "worker/private.h"

#define REQUEST_MAX ((size_t)64 << 10)
#define WORDS_MAX   400

struct probe {
	struct probing *probing;
	enum sla_probe_kind kind;
	struct probe_rule rule;
	struct probe_tally tally;
	struct net_probe_target target;
	char *request;
	struct exec_probe_target exec; /* without words: none */
	char *subject;                 /* "GET http://10.18.0.3:80/health" */
	struct timer *timer;
	struct net_probe *question; /* under way */
	struct exec_probe *command; /* the same */
};

struct probing {
	struct winst *inst;
	struct probe *probes[SLA_PROBE_N]; /* NULL: none, or not yet, or no longer */
};

static const struct prober by_sockets = { net_probe_begin, net_probe_cancel, net_probe_free };

const struct prober *prober_of(const struct winst *inst)
{
	const struct prober *given = inst->worker->config.prober;

	return given ? given : &by_sockets;
}

static struct loop *loop_of(const struct probe *probe)
{
	return probe->probing->inst->worker->config.loop;
}

static void probe_release(struct probe *probe)
{
	free(probe->request);
	strv_fini(&probe->exec.cmd);
	free(probe->subject);
	free(probe);
}

static void probe_drop(struct probe **probe)
{
	if (!*probe)
		return;
	timer_cancel((*probe)->timer);
	prober_of((*probe)->probing->inst)->cancel((*probe)->question);
	exec_probe_cancel((*probe)->command);
	probe_release(*probe);
	*probe = NULL;
}

struct probing *probes_free(struct probing *probing)
{
	for (int kind = 0; probing && kind < SLA_PROBE_N; kind++) {
		if (!probing->probes[kind])
			continue;
		prober_of(probing->inst)->free(probing->probes[kind]->question);
		probe_release(probing->probes[kind]);
	}
	free(probing);
	return NULL;
}

void probes_end(struct winst *inst)
{
	struct probing *probing = TAKE(inst->life.probing);

	for (int kind = 0; probing && kind < SLA_PROBE_N; kind++)
		probe_drop(&probing->probes[kind]);
	free(probing);
}

static char *http_request(const struct sla_probe_http *http, const char *authority)
{
	auto_buf struct buf text;

	buf_init(&text, REQUEST_MAX);
	buf_addf(&text, "GET %s HTTP/1.1\r\nHost: %s\r\nUser-Agent: holm/" HOLM_VERSION "\r\n",
		 http->path ? http->path : "/", http->host ? http->host : authority);
	buf_add_str(&text, "Accept: */*\r\nConnection: close\r\n");
	for (size_t i = 0; i < http->headers.n; i++)
		buf_addf(&text, "%s\r\n", http->headers.items[i]);
	buf_add_str(&text, "\r\n");
	return buf_take(&text);
}

static void aim_at_command(struct probe *probe, const struct sla_probe *spec)
{
	auto_free char *words = strv_join(&spec->exec, " ");

	strv_copy(&probe->exec.cmd, &spec->exec);
	probe->exec.timeout_ms = (uint32_t)sla_probe_timeout_ms(spec);
	probe->subject = xasprintf("exec %.100s", words);
}

static void aim_at_port(struct probe *probe, const struct sla_probe *spec)
{
	const char *ip = probe->probing->inst->record.namespace_ip;
	bool is_http = spec->http.port != 0;
	uint32_t port = is_http ? spec->http.port : spec->tcp.port;
	auto_free char *authority = xasprintf("%s:%u", ip, port);

	probe->request = is_http ? http_request(&spec->http, authority) : NULL;
	probe->subject = is_http ? xasprintf("GET http://%s%.200s", authority,
					     spec->http.path ? spec->http.path : "/")
				 : xasprintf("connect to %s", authority);
	probe->target = (struct net_probe_target){ .port = (uint16_t)port,
						   .request = probe->request,
						   .timeout_ms = sla_probe_timeout_ms(spec) };
	parse_ipv4(ip, &probe->target.ip);
}

static struct probe *probe_new(struct probing *probing, enum sla_probe_kind kind,
			       const struct sla_probe *spec)
{
	struct probe *probe = NEW(struct probe);

	probe->probing = probing;
	probe->kind = kind;
	probe->rule = probe_rule_of(spec);
	if (spec->exec.n)
		aim_at_command(probe, spec);
	else
		aim_at_port(probe, spec);
	return probe;
}

static void on_time(void *arg);

/* Up to a tenth sooner, so that those that were begun together spread. */
static void schedule(struct probe *probe)
{
	uint64_t delay_ms = probe_delay_ms(&probe->rule, &probe->tally);
	uint16_t random;

	loop_random(loop_of(probe), &random, sizeof(random));
	delay_ms -= delay_ms * random / 10 / UINT16_MAX;
	probe->timer = timer_start(loop_of(probe), delay_ms, on_time, probe);
}

static void start_one(struct probing *probing, enum sla_probe_kind kind, bool has_passed)
{
	const struct sla_probe *spec = spec_probe(&probing->inst->current.spec, kind);

	if (!spec || probing->probes[kind])
		return;
	struct probe *probe = probe_new(probing, kind, spec);
	probing->probes[kind] = probe;
	probe_tally_init(&probe->tally, loop_now_ms(loop_of(probe)), has_passed);
	schedule(probe);
}

static void start_others(struct probing *probing)
{
	start_one(probing, SLA_PROBE_READINESS, probing->inst->life.is_ready);
	start_one(probing, SLA_PROBE_LIVENESS, false);
}

static void become_ready(struct winst *inst)
{
	inst->life.is_ready = inst->life.was_ready = true;
	inst->record.started_incarnation = inst->status.incarnation;
	inst->record.ready_incarnation = inst->status.incarnation;
	records_save(inst);
	inst->publish_after = network_publish(inst->worker);
}

/* The detail of one that is not ready; tells it if that is news. */
static void tell_not_ready(struct winst *inst, const char *words)
{
	winst_set_state(inst, STATE_CREATED, "not ready: %s", words);
}

static void become_unready(struct winst *inst, const char *words)
{
	log_warning("instance %s of %s: not ready: %s", inst->id, inst->current.sname, words);
	inst->life.is_ready = false;
	inst->publish_after = 0;
	inst->record.ready_incarnation = 0;
	records_save(inst);
	network_publish(inst->worker);
	tell_not_ready(inst, words);
}

static void condemn(const struct probe *probe, const char *words)
{
	struct winst *inst = probe->probing->inst;
	const struct probe_tally *tally = &probe->tally;

	life_condemn(inst, tally->good_ms >= tally->begun_ms + LIFE_HEALTHY_MS,
		     "%s probe failed: %.*s", sla_probe_names[probe->kind], WORDS_MAX, words);
	winst_tick(inst); /* the probe is gone now */
}

static void startup_passed(struct probing *probing)
{
	struct winst *inst = probing->inst;

	probe_drop(&probing->probes[SLA_PROBE_STARTUP]);
	inst->record.started_incarnation = inst->status.incarnation;
	if (spec_probe(&inst->current.spec, SLA_PROBE_READINESS))
		records_save(inst);
	else
		become_ready(inst);
	start_others(probing);
}

/* What a try leads to. The probe may be gone afterwards. */
static void act(struct probe *probe, bool is_good, const char *words)
{
	struct winst *inst = probe->probing->inst;
	enum probe_verdict verdict = probe->tally.verdict;

	switch (probe->kind) {
	case SLA_PROBE_STARTUP:
		if (verdict == PROBE_PASSED)
			startup_passed(probe->probing);
		else if (verdict == PROBE_FAILED)
			condemn(probe, words);
		else if (!is_good)
			tell_not_ready(inst, words);
		return;
	case SLA_PROBE_READINESS:
		if (verdict == PROBE_PASSED && !inst->life.is_ready)
			become_ready(inst);
		else if (verdict == PROBE_FAILED && inst->life.is_ready)
			become_unready(inst, words);
		else if (!is_good && !inst->life.is_ready)
			tell_not_ready(inst, words);
		return;
	case SLA_PROBE_LIVENESS:
		if (verdict == PROBE_FAILED)
			condemn(probe, words);
		return;
	case SLA_PROBE_N:
		return;
	}
}

static void take_result(struct probe *probe, bool is_good, const char *why)
{
	auto_buf struct buf words;

	buf_init(&words, 2 * WORDS_MAX + DETAIL_MAX);
	probe_take(&probe->rule, &probe->tally, is_good, loop_now_ms(loop_of(probe)));
	if (!is_good)
		buf_addf(&words, "%s %s", probe->subject, why);
	if (probe->tally.failures)
		buf_addf(&words, " (%u of %u)", probe->tally.failures,
			 probe->rule.failure_threshold);
	schedule(probe);
	act(probe, is_good, words.data);
}

static void on_answer(void *arg, const struct net_probe_answer *answer)
{
	struct probe *probe = arg;
	char why[ERR_MSG_MAX];
	bool is_good = !answer->err.code &&
		       (!answer->status || (answer->status >= 200 && answer->status < 400));

	probe->question = NULL;
	probe->command = NULL;
	if (answer->is_own) { /* says nothing about the instance */
		log_warning("probe of instance %s: %s", probe->probing->inst->id, answer->err.msg);
		schedule(probe);
		return;
	}
	if (answer->err.code)
		snprintf(why, sizeof(why), "failed: %.400s", answer->err.msg);
	else
		snprintf(why, sizeof(why), "answered %u", answer->status);
	take_result(probe, is_good, why);
}

static void on_time(void *arg)
{
	struct probe *probe = arg;

	struct winst *inst = probe->probing->inst;

	probe->timer = NULL;
	if (probe->exec.cmd.n)
		probe->command = exec_probe_begin(inst, &probe->exec, on_answer, probe);
	else
		probe->question = prober_of(inst)->begin(loop_of(probe), &probe->target, on_answer,
							 probe);
}

static bool is_gated(const struct service_spec *spec)
{
	return spec_probe(spec, SLA_PROBE_STARTUP) || spec_probe(spec, SLA_PROBE_READINESS);
}

static bool has_probes(const struct service_spec *spec)
{
	return is_gated(spec) || spec_probe(spec, SLA_PROBE_LIVENESS);
}

void probes_saw_alive(struct winst *inst)
{
	inst->life.is_ready = !is_gated(&inst->current.spec) ||
			      inst->record.ready_incarnation == inst->status.incarnation;
	inst->life.was_ready = inst->life.is_ready;
	inst->life.oom_kills = 0;
}

void probes_begin(struct winst *inst)
{
	const struct service_spec *spec = &inst->current.spec;
	bool has_started = !spec_probe(spec, SLA_PROBE_STARTUP) ||
			   inst->record.started_incarnation == inst->status.incarnation;

	if (inst->life.probing || inst->is_draining || inst->run != RUN_ALIVE ||
	    inst->status.is_paused || !has_probes(spec))
		return;
	inst->life.probing = NEW(struct probing);
	inst->life.probing->inst = inst;
	if (!inst->life.is_ready)
		tell_not_ready(inst, has_started ? "its readiness probe has not passed yet"
						 : "its startup probe has not passed yet");
	if (has_started)
		start_others(inst->life.probing);
	else
		start_one(inst->life.probing, SLA_PROBE_STARTUP, false);
}

void probes_change(struct winst *inst)
{
	if (!inst->life.probing && (inst->run != RUN_ALIVE || !has_probes(&inst->current.spec)))
		return;
	probes_end(inst);
	/* What is ready stays so until its new probes say otherwise; without any it is. */
	if (inst->life.is_ready) {
		inst->record.started_incarnation = inst->status.incarnation;
		inst->record.ready_incarnation = inst->status.incarnation;
	} else if (!is_gated(&inst->current.spec)) {
		become_ready(inst);
	}
	probes_begin(inst);
}
