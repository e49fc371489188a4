/* Following a request to its end.
 *
 *   list services and instances ──▶ listen to events from that revision on ──▶ verdict
 *        ▲                                   │
 *        └── connection lost, or "reset" ◀───┘ */
#include <poll.h>

#include "cli/watch/follow.h"
#include "cli/watch/live.h"
#include "cli/watch/sse.h"
#include "cli/watch/watch.h"

#define LIST_TRIES       5
#define IDLE_MS          45000 /* the server says something every 15 s */
#define RECONNECT_MS     250
#define RECONNECT_FOR_MS 10000
#define STEADY_MS        3000 /* what has ended while we waited has to run for so long */

struct wait_state {
	const struct waiting *w;
	struct follow follow;
	struct live live;
	struct sse sse;
	uint64_t deadline_ms;
	uint64_t revision;  /* up to which everything is known */
	uint64_t lost_ms;   /* when the connection was lost, 0: it is there */
	uint64_t steady_ms; /* from when on what runs counts, 0: at once */
	bool is_reset;      /* list anew */
	struct err err;     /* of what the server said */
};

/* Good only if it stays so: a program that fails at its start runs for a moment each time. */
static enum follow_verdict verdict_of(struct wait_state *s)
{
	enum follow_verdict verdict = follow_verdict(&s->follow);
	uint64_t settle_ms = (uint64_t)s->w->settle_s * 1000;

	if (follow_has_restarted(&s->follow) && settle_ms < STEADY_MS)
		settle_ms = STEADY_MS;
	if (verdict != FOLLOW_GOOD || !settle_ms) {
		s->steady_ms = 0;
		return verdict;
	}
	if (!s->steady_ms)
		s->steady_ms = now_ms() + settle_ms;
	return now_ms() >= s->steady_ms ? FOLLOW_GOOD : FOLLOW_PENDING;
}

typedef void (*view_fn)(void *arg, const void *view);

static int each_view(const char *text, const struct field_table *table, view_fn fn, void *arg,
		     struct err *err)
{
	auto_free void *view = xcalloc(1, table->size);
	struct json *json = NULL;
	int r = json_parse(text, strlen(text), &json, err);

	for (size_t i = 0; r == 0 && i < json_count(json); i++) {
		memset(view, 0, table->size);
		r = fields_parse(table, json_at(json, i), view, FIELD_UNKNOWN_IGNORE, err);
		if (r < 0)
			break;
		fn(arg, view);
		fields_fini(table, view);
	}
	json_free(json);
	return r;
}

static void on_before(void *arg, const void *view)
{
	follow_before(arg, view);
}

static void on_listed_service(void *arg, const void *view)
{
	follow_service(arg, view);
}

static void on_listed_instance(void *arg, const void *view)
{
	follow_instance(arg, view);
}

static void on_instance_event(struct wait_state *s, const struct json *json)
{
	struct instance_view view = { 0 };

	if (json_bool(json_get(json, "is_gone"), false)) {
		follow_instance_gone(&s->follow, json_get_str(json, "id"));
		return;
	}
	if (fields_parse(&instance_view_table, json, &view, FIELD_UNKNOWN_IGNORE, &s->err) < 0)
		return;
	follow_instance(&s->follow, &view);
	fields_fini(&instance_view_table, &view);
}

static void on_service_event(struct wait_state *s, const struct json *json)
{
	struct service_view view = { 0 };

	if (json_bool(json_get(json, "is_gone"), false)) {
		follow_service_gone(&s->follow, json_get_str(json, "id"));
		return;
	}
	if (fields_parse(&service_view_table, json, &view, FIELD_UNKNOWN_IGNORE, &s->err) < 0)
		return;
	follow_service(&s->follow, &view);
	fields_fini(&service_view_table, &view);
}

static void on_event(void *arg, const char *id, const char *event, const char *data)
{
	struct wait_state *s = arg;
	struct json *json = NULL;

	parse_u64(id, 0, UINT64_MAX, &s->revision);
	if (str_eq(event, "reset")) {
		s->is_reset = true;
		return;
	}
	bool is_instance = str_eq(event, "instance");
	if (!is_instance && !str_eq(event, "service"))
		return;
	if (json_parse(data, strlen(data), &json, &s->err) < 0)
		return;
	if (json_get_str(json, "id")) {
		if (is_instance)
			on_instance_event(s, json);
		else
			on_service_event(s, json);
	}
	json_free(json);
}

static int on_data(void *arg, const char *data, size_t len)
{
	struct wait_state *s = arg;

	s->lost_ms = 0;
	if (sse_feed(&s->sse, data, len, &s->err) < 0 || s->err.code || s->is_reset)
		return 1;
	live_show(&s->live, &s->follow);
	uint64_t steady_ms = s->steady_ms;
	bool is_decided = verdict_of(s) != FOLLOW_PENDING;
	/* Listening has another deadline from now on. */
	s->is_reset = s->steady_ms != steady_ms;
	return is_decided || s->is_reset;
}

/* Both lists at the same revision, if the state stands still for so long. */
static int list(struct wait_state *s, struct reply *services, struct reply *instances)
{
	int code = CLI_OK;

	for (unsigned i = 0; i < LIST_TRIES && code == CLI_OK; i++) {
		const struct question one = { .method = "GET",
					      .path = "/api/v1/instances",
					      .is_quiet = true };
		const struct question two = { .method = "GET",
					      .path = "/api/v1/services",
					      .is_quiet = true };

		reply_fini(instances);
		reply_fini(services);
		code = remote_ask(s->w->remote, &one, instances);
		if (code == CLI_OK)
			code = remote_ask(s->w->remote, &two, services);
		if (code == CLI_OK && instances->revision == services->revision)
			break;
	}
	return code;
}

static int list_and_take(struct wait_state *s)
{
	auto_reply struct reply services = { 0 };
	auto_reply struct reply instances = { 0 };
	int code = list(s, &services, &instances);

	if (code != CLI_OK)
		return code;
	follow_list_begin(&s->follow);
	if (each_view(services.body, &service_view_table, on_listed_service, &s->follow, &s->err) <
		    0 ||
	    each_view(instances.body, &instance_view_table, on_listed_instance, &s->follow,
		      &s->err) < 0)
		return CLI_FAILED;
	follow_list_end(&s->follow);
	s->revision = instances.revision;
	s->is_reset = false;
	s->lost_ms = 0;
	live_show(&s->live, &s->follow);
	return CLI_OK;
}

static int listen_to_events(struct wait_state *s)
{
	auto_free char *path = xasprintf("/api/v1/events?since=%lu", s->revision);
	const struct listening listening = {
		.path = path,
		.take = on_data,
		.arg = s,
		.deadline_ms = s->steady_ms && s->steady_ms < s->deadline_ms ? s->steady_ms
									     : s->deadline_ms,
		.idle_ms = IDLE_MS,
		.is_quiet = true,
	};

	sse_init(&s->sse, on_event, s);
	int code = remote_listen(s->w->remote, &listening);
	sse_fini(&s->sse);
	return code;
}

/* Whether to try again after CLI_UNREACHABLE: a restarted holm is back soon. */
static bool may_reconnect(struct wait_state *s)
{
	if (!s->lost_ms)
		s->lost_ms = now_ms();
	if (now_ms() > s->lost_ms + RECONNECT_FOR_MS)
		return false;
	poll(NULL, 0, RECONNECT_MS);
	return true;
}

/* Listening has ended for a reason of ours. */
static bool is_for_another_look(const struct wait_state *s, int code)
{
	if (code == CLI_TIMEOUT)
		return now_ms() < s->deadline_ms;
	return code == CLI_OK && s->is_reset;
}

static int follow_to_the_end(struct wait_state *s)
{
	for (;;) {
		int code = list_and_take(s);

		if (code == CLI_OK && verdict_of(s) != FOLLOW_PENDING)
			return CLI_OK;
		if (now_ms() >= s->deadline_ms)
			return CLI_TIMEOUT;
		if (code == CLI_OK)
			code = listen_to_events(s);
		if (s->err.code)
			return cli_error(s->w->remote->call, CLI_FAILED, "read the answer: %s",
					 s->err.msg);
		if (code == CLI_OK && verdict_of(s) != FOLLOW_PENDING)
			return CLI_OK;
		if (is_for_another_look(s, code))
			continue;
		if (code == CLI_TIMEOUT || code == CLI_FAILED)
			return code;
		if (!may_reconnect(s))
			return cli_error(s->w->remote->call, CLI_UNREACHABLE,
					 "the connection to holm was lost: what was asked for goes "
					 "on once it runs (`holm get instances`)");
	}
}

struct tally {
	size_t n_good, n_failed, n_removed, n_pending, n_paused;
};

static struct tally count(const struct follow *follow)
{
	struct tally tally = { 0 };

	map_for_each(&follow->instances, i, e) {
		const struct followed *f = e->value;
		enum follow_verdict verdict = follow_verdict_of(follow, f);

		tally.n_removed += f->is_gone;
		tally.n_good += !f->is_gone && verdict == FOLLOW_GOOD;
		tally.n_paused += !f->is_gone && verdict == FOLLOW_GOOD && f->is_paused;
		tally.n_failed += verdict == FOLLOW_FAILED;
		tally.n_pending += verdict == FOLLOW_PENDING;
	}
	return tally;
}

/* What did not come about, with its reason, and what to look at next. */
static void explain(const struct wait_state *s, enum follow_verdict wanted)
{
	const struct cli_call *call = s->w->remote->call;
	const char *label = NULL;

	map_for_each(&s->follow.instances, i, e) {
		const struct followed *f = e->value;

		if (follow_verdict_of(&s->follow, f) != wanted)
			continue;
		label = label ? label : f->label;
		cli_error(call, CLI_FAILED, "%s is %s%s%s", f->label, f->state,
			  *f->reason ? ": " : "", f->reason);
	}
	if (label)
		fprintf(call->err, "Look further with `holm logs %s` and `holm get instances`.\n",
			label);
}

static int finish(const struct wait_state *s, int code)
{
	const struct cli_call *call = s->w->remote->call;
	struct tally tally = count(&s->follow);
	double seconds = (double)(now_ms() - s->w->started_ms) / 1000;

	if (code == CLI_TIMEOUT) {
		explain(s, FOLLOW_FAILED);
		explain(s, FOLLOW_PENDING);
		return cli_error(call, CLI_TIMEOUT,
				 "gave up after %.1f s with %zu of %zu instances as wished; holm "
				 "goes on trying",
				 seconds, tally.n_good,
				 tally.n_good + tally.n_failed + tally.n_pending);
	}
	if (code != CLI_OK)
		return code;
	if (tally.n_failed) {
		explain(s, FOLLOW_FAILED);
		return CLI_FAILED;
	}
	if (s->w->is_quiet)
		return CLI_OK;
	size_t n_up = tally.n_good - tally.n_paused;
	fprintf(call->out, "done in %.1f s: %zu instance%s up", seconds, n_up,
		n_up == 1 ? "" : "s");
	if (tally.n_paused)
		fprintf(call->out, ", %zu paused", tally.n_paused);
	if (tally.n_removed)
		fprintf(call->out, ", %zu removed", tally.n_removed);
	fprintf(call->out, "\n");
	return CLI_OK;
}

int wait_for(const struct waiting *w)
{
	struct wait_state s = { .w = w };

	s.deadline_ms = w->started_ms + (uint64_t)w->timeout_s * 1000;
	follow_init(&s.follow, w->plan);
	s.follow.is_narrow = w->is_narrow;
	live_init(&s.live, w->remote->call, w->is_quiet);
	int code = CLI_FAILED;
	if (each_view(w->before, &instance_view_table, on_before, &s.follow, &s.err) < 0)
		cli_error(w->remote->call, CLI_FAILED, "read the answer: %s", s.err.msg);
	else
		code = finish(&s, follow_to_the_end(&s));
	live_fini(&s.live);
	follow_fini(&s.follow);
	return code;
}
