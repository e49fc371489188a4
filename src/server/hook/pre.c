/* Hooks that are asked before a change: one after the other in order of their names, for one object after
 * the other, while the request waits. It may go on when all have agreed, with what they made of it.
 *
 *     next hook --called--> waits --agrees, or fails and is open--> next hook ... --> request_begin()
 *                             |--refuses, or fails and is closed--> done with the reason
 *                             |--30 s are over--> the hooks that are left have failed
 */
#include "server/hook/private.h"

#define TOTAL_MS 30000

enum verdict { AGREED, CHANGED, REFUSED, FAILED };
static const enum hook_outcome outcomes[] = {
	[AGREED] = HOOK_AGREED,
	[CHANGED] = HOOK_CHANGED,
	[REFUSED] = HOOK_REFUSED,
	[FAILED] = HOOK_FAILED,
};

struct question {
	enum hook_event event;
	char *entity;
	char *object;
	hook_take_fn take;
	void *target;
	struct strv hooks; /* ids of those to be asked */
	size_t n_asked;
};

struct hook_inquiry {
	struct list node;
	struct server *server;
	struct question *questions;
	size_t n;
	size_t at; /* the question under way */
	struct hook_call *call;
	struct timer *timer;
	bool is_late;
	request_fn run;
	request_done_fn done;
	void *arg;
};

bool hooks_ask(const struct server *server)
{
	state_for_each(server, KIND_HOOK, struct hook, hook)
	{
		for (enum hook_event event = 0; event < HOOK_EVENT_N; event++)
			if (hook_event_is_pre(event) && hook_has_event(hook, event))
				return true;
	}
	return false;
}

struct hook_inquiry *hook_inquiry_new(struct server *server)
{
	struct hook_inquiry *inquiry = NEW(struct hook_inquiry);

	inquiry->server = server;
	list_push(&server->hooks->inquiries, &inquiry->node);
	return inquiry;
}

static void inquiry_free(struct hook_inquiry *inquiry)
{
	list_remove(&inquiry->node);
	for (size_t i = 0; i < inquiry->n; i++) {
		free(inquiry->questions[i].entity);
		free(inquiry->questions[i].object);
		strv_fini(&inquiry->questions[i].hooks);
	}
	free(inquiry->questions);
	free(inquiry);
}

/* By name. */
static void collect(const struct server *server, struct question *question)
{
	const struct hook *last = NULL;

	for (;;) {
		const struct hook *next = NULL;

		state_for_each(server, KIND_HOOK, struct hook, hook)
		{
			if (str_eq(hook->entity, question->entity) &&
			    hook_has_event(hook, question->event) &&
			    (!last || strcmp(hook->name, last->name) > 0) &&
			    (!next || strcmp(hook->name, next->name) < 0))
				next = hook;
		}
		if (!next)
			return;
		strv_add(&question->hooks, next->id);
		last = next;
	}
}

void hook_inquiry_add(struct hook_inquiry *inquiry, const struct hook_question *asked)
{
	struct question question = {
		.event = asked->event,
		.entity = xstrdup(asked->entity),
		.object = asked->take_object,
		.take = asked->take,
		.target = asked->target,
	};

	collect(inquiry->server, &question);
	*ARRAY_ADD(inquiry->questions, inquiry->n) = question;
}

static void finish(struct hook_inquiry *inquiry, const struct err *err)
{
	struct server *server = inquiry->server;

	timer_cancel(inquiry->timer);
	if (err && err->code)
		inquiry->done(server, inquiry->arg, err);
	else
		request_begin(server, inquiry->run, inquiry->done, inquiry->arg);
	inquiry_free(inquiry);
}

struct note {
	char hook_id[ID_SIZE];
	struct hook_result result;
};

static int run_note(struct server *server, void *arg, struct err *err)
{
	struct note *note = arg;

	if (!next_get(server, KIND_HOOK, note->hook_id))
		return 0;
	struct hook_log *log = hook_log_copy(server, note->hook_id);
	hook_log_add(log, &note->result);
	note->result = (struct hook_result){ 0 };
	next_put(server, KIND_HOOK_LOG, log->id, log);
	return 0;
}

static void note_done(struct server *server, void *arg, const struct err *err)
{
	struct note *note = arg;

	hook_result_fini(&note->result);
	free(note);
}

static void note_begin(struct server *server, const struct hook *hook,
		       const struct question *question, const struct hook_result *known)
{
	struct note *note = NEW(struct note);

	note->result = *known;
	note->result.event = xstrdup(hook_event_name(question->event));
	STR_COPY(note->hook_id, hook->id);
	format_rfc3339(loop_wall_ms(server->config.loop), note->result.at);
	request_begin(server, run_note, note_done, note);
}

/* What a hook says why, or NULL. */
static char *message_of(const struct server_hook_answer *answer)
{
	auto_(json_free) struct json *json = NULL;
	struct err ignored;

	if (!answer->body || json_parse(answer->body, answer->len, &json, &ignored) < 0 ||
	    !json_is_object(json))
		return NULL;
	return xstrdup(json_get_str(json, "message"));
}

static bool is_blank(const struct server_hook_answer *answer)
{
	return !answer->body || strspn(answer->body, " \t\r\n") == answer->len;
}

static bool is_same(const struct question *question, const char *text)
{
	auto_(json_free) struct json *sent = NULL;
	struct err ignored;

	if (json_parse(question->object, strlen(question->object), &sent, &ignored) < 0)
		return false;
	auto_free char *before = json_format(sent);
	return str_eq(before, text);
}

/* It agrees; with the object as it is, or as its answer has it? */
static enum verdict judge_object(struct question *question, const struct server_hook_answer *answer,
				 struct err *err)
{
	auto_(json_free) struct json *json = NULL;
	struct err why = { 0 };

	if (is_blank(answer) || !question->take)
		return AGREED;
	if (json_parse(answer->body, answer->len, &json, &why) < 0) {
		err_set(err, -EPROTO, "its answer: %s", why.msg);
		return FAILED;
	}
	if (!json_is_object(json)) {
		err_set(err, -EPROTO, "its answer is no JSON object");
		return FAILED;
	}
	auto_free char *text = json_format(json);
	if (is_same(question, text))
		return AGREED;
	if (question->take(question->target, text, &why) < 0) {
		err_set(err, -EINVAL, "its answer: %s", why.msg);
		return REFUSED;
	}
	free(question->object);
	question->object = TAKE(text);
	return CHANGED;
}

static enum verdict judge(struct question *question, const struct hook_call *call, struct err *err)
{
	unsigned kind = call->answer.status / 100;

	if (call->result == 0 && kind == 2)
		return judge_object(question, &call->answer, err);
	auto_free char *message = call->result == 0 ? message_of(&call->answer) : NULL;
	if (kind == 4 || (kind == 5 && message)) {
		if (message)
			err_set(err, -EACCES, "%s", message);
		else
			err_set(err, -EACCES, "status %u", call->answer.status);
		return REFUSED;
	}
	hook_call_judge(call, err);
	return FAILED;
}

static void step(struct hook_inquiry *inquiry);

/* Whether that was the end of it. Where the hook is and why it does not answer is for administrators. */
static bool ends(struct hook_inquiry *inquiry, const struct hook *hook, enum verdict verdict,
		 const struct err *why)
{
	struct err err = { 0 };

	if (verdict == FAILED)
		log_warning("hook %s could not be asked%s: %s", hook->name,
			    hook->on_failure == HOOK_OPEN ? ", goes on without" : "", why->msg);
	if (verdict == REFUSED)
		err_set(&err, why->code, "hook %s refuses: %s", hook->name, why->msg);
	else if (verdict == FAILED && hook->on_failure == HOOK_CLOSED)
		err_set(&err, -EHOSTUNREACH, "hook %s could not be asked", hook->name);
	if (err.code)
		finish(inquiry, &err);
	return err.code != 0;
}

static void on_called(struct hook_call *call)
{
	struct hook_inquiry *inquiry = call->arg;
	struct hook_result result = { .number = 1, .status = call->answer.status };
	struct err err = { 0 };
	bool is_over = false;

	if (!inquiry) { /* nobody waits for it any more */
		hook_call_free(call);
		return;
	}
	struct question *question = &inquiry->questions[inquiry->at];
	const struct hook *hook = state_get(inquiry->server, KIND_HOOK, call->hook_id);
	inquiry->call = NULL;
	if (hook) { /* else it was deleted meanwhile */
		enum verdict verdict = judge(question, call, &err);

		result.outcome = outcomes[verdict];
		STR_COPY(result.delivery, call->id);
		result.message = err.code ? xstrdup(err.msg) : NULL;
		note_begin(inquiry->server, hook, question, &result);
		is_over = ends(inquiry, hook, verdict, &err);
	}
	hook_call_free(call);
	if (!is_over)
		step(inquiry);
}

static void ask(struct hook_inquiry *inquiry, const struct question *question,
		const struct hook *hook)
{
	char id[ID_SIZE];

	id_new(inquiry->server, id);
	inquiry->call = hook_call_begin(inquiry->server,
					&(struct hook_call_begin){
						.hook = hook,
						.event = question->event,
						.id = id,
						.take_body = xstrdup(question->object),
						.done = on_called,
						.arg = inquiry,
					});
}

/* The next one to be asked, or NULL. */
static const struct hook *next_hook(const struct server *server, struct question *question)
{
	while (question->n_asked < question->hooks.n) {
		const struct hook *hook = state_get(server, KIND_HOOK,
						    question->hooks.items[question->n_asked++]);

		if (hook)
			return hook;
	}
	return NULL;
}

static void step(struct hook_inquiry *inquiry)
{
	static const struct err late = { .code = -ETIMEDOUT,
					 .msg = "hooks were waited for long enough" };

	while (inquiry->at < inquiry->n) {
		struct question *question = &inquiry->questions[inquiry->at];
		const struct hook *hook = next_hook(inquiry->server, question);

		if (hook && !inquiry->is_late) {
			ask(inquiry, question, hook);
			return;
		}
		if (!hook)
			inquiry->at++;
		else if (ends(inquiry, hook, FAILED, &late))
			return;
	}
	finish(inquiry, NULL);
}

static void on_late(void *arg)
{
	struct hook_inquiry *inquiry = arg;
	struct question *question = &inquiry->questions[inquiry->at];

	inquiry->timer = NULL;
	inquiry->is_late = true;
	hook_call_abandon(TAKE(inquiry->call));
	question->n_asked--; /* the one that was being asked */
	step(inquiry);
}

void hook_inquiry_then(struct hook_inquiry *take_inquiry, request_fn run, request_done_fn done,
		       void *arg)
{
	struct hook_inquiry *inquiry = take_inquiry;

	inquiry->run = run;
	inquiry->done = done;
	inquiry->arg = arg;
	if (inquiry->n)
		inquiry->timer = timer_start(inquiry->server->config.loop, TOTAL_MS, on_late,
					     inquiry);
	step(inquiry);
}

void hook_inquiries_free(struct server *server)
{
	static const struct err closed = { .code = -ESHUTDOWN, .msg = "the server has ended" };

	for (struct list *l; (l = list_pop(&server->hooks->inquiries));) {
		struct hook_inquiry *inquiry = container_of(l, struct hook_inquiry, node);

		inquiry->done(server, inquiry->arg, &closed);
		inquiry_free(inquiry);
	}
}
