/* Calling a hook: what is sent is signed here, and sent by a thread. */
#include "server/hook/private.h"
#include "wire/digest/digest.h"

/* Signed together with the time, so that who kept a message cannot send it again later. */
static void sign(struct hook_call *call, const struct secret *secret)
{
	uint64_t now_s = loop_wall_ms(call->server->config.loop) / 1000;
	auto_free char *text = xasprintf("%lu.%s", now_s, call->body);
	char digest[DIGEST_HMAC_SIZE];

	digest_hmac(secret, text, digest);
	strv_addf(&call->headers, "Holm-Signature: t=%lu,v1=%s", now_s, digest);
}

static void run(void *arg)
{
	struct hook_call *call = arg;
	const struct server_config *config = &call->server->config;
	const struct server_hook_call asked = {
		.url = call->url,
		.headers = &call->headers,
		.body = call->body,
		.len = strlen(call->body),
		.cancel = &call->cancel,
	};

	if (call->is_over)
		return;
	if (cancel_is_set(&call->cancel))
		call->result = err_set(&call->err, -ECANCELED, "canceled");
	else if (!config->call_hook)
		call->result = err_set(&call->err, -ENOTSUP, "this server calls no hooks");
	else
		call->result = config->call_hook(config->hook_arg, &asked, &call->answer,
						 &call->err);
}

static void done(void *arg)
{
	struct hook_call *call = arg;

	call->done(call);
}

struct hook_call *hook_call_begin(struct server *server, const struct hook_call_begin *begin)
{
	struct hook_call *call = NEW(struct hook_call);
	const struct hook *hook = begin->hook;
	auto_free char *label = hook_secret_label(hook);
	auto_secret struct secret secret = { 0 };

	call->server = server;
	call->cancel.parent = &server->hooks->cancel;
	call->release = begin->release;
	STR_COPY(call->id, begin->id);
	STR_COPY(call->hook_id, hook->id);
	call->url = xstrdup(hook->url);
	call->body = begin->take_body;
	call->done = begin->done;
	call->arg = begin->arg;
	strv_add(&call->headers, "Content-Type: application/json");
	strv_addf(&call->headers, "Holm-Delivery: %s", begin->id);
	strv_addf(&call->headers, "Holm-Event: %s", hook_event_name(begin->event));
	strv_addf(&call->headers, "Holm-Entity: %s", hook->entity);
	call->result = values_unseal(server, label, hook->secret, &secret, &call->err);
	call->is_over = call->result < 0;
	if (!call->is_over)
		sign(call, &secret);
	list_push(&server->hooks->calls, &call->node);
	work_begin(server->config.loop, EXECUTOR_HOOK, run, done, call);
	return call;
}

void hook_call_abandon(struct hook_call *call)
{
	call->arg = NULL;
	cancel_set(&call->cancel);
}

int hook_call_judge(const struct hook_call *call, struct err *err)
{
	if (call->result < 0)
		return err_copy(err, &call->err);
	if (call->answer.status / 100 == 2)
		return 0;
	return err_set(err, -EPROTO, "it answered with status %u", call->answer.status);
}

void hook_call_free(struct hook_call *call)
{
	list_remove(&call->node);
	free(call->url);
	strv_fini(&call->headers);
	free(call->body);
	free(call->answer.body);
	free(call);
}
