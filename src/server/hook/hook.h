/* Hooks, for the server's own files, by way of server/private.h. */
#ifndef HOLM_SERVER_HOOK_H
#define HOLM_SERVER_HOOK_H

#include "model/hook.h"
#include "server/private.h"

/* post.c: around state_load(). */
void hooks_new(struct server *server);
void hooks_begin(struct server *server);
void hooks_free(struct server *server);
/* While a commit is made of what its requests changed: who is told of it. */
void hooks_note(struct server *server);
/* After it: a hook or a delivery was changed. */
void hooks_changed(struct server *server, const struct doc *doc, const void *old);

/* pre.c: asking hooks before a request that changes something. */
struct hook_inquiry;
/* Whether anybody is asked about anything. */
bool hooks_ask(const struct server *server);
struct hook_inquiry *hook_inquiry_new(struct server *server);
/* What a hook made of the object goes into `target`, or is refused with -EINVAL. */
typedef int (*hook_take_fn)(void *target, const char *json, struct err *err);
struct hook_question {
	enum hook_event event;
	const char *entity;
	char *take_object; /* JSON */
	hook_take_fn take; /* NULL: nothing can be made of it */
	void *target;      /* there as long as the inquiry */
};
void hook_inquiry_add(struct hook_inquiry *inquiry, const struct hook_question *question);
/* As request_begin(), once all hooks agree; if not, `done` has the reason: -EACCES from a hook,
 * -EHOSTUNREACH: it could not be asked, and is closed then. Takes the inquiry. */
void hook_inquiry_then(struct hook_inquiry *take_inquiry, request_fn run, request_done_fn done,
		       void *arg);

/* ask.c: questions about an application and a service. */
struct hook_about {
	enum hook_event event;
	const struct app *app; /* NULL: it is to be made */
	const char *name;      /* of the application, as it is to be */
	const char *ns;
	const char *owner;
};
struct hook_about hook_about_app(const struct app *app, enum hook_event event);
/* `desc` becomes what hooks made of it; NULL: it cannot be changed. */
void hook_ask_app(struct hook_inquiry *inquiry, const struct hook_about *about, const char *now,
		  char **desc);
/* `target` the same; `id` is the service's, NULL: it is to be made. */
void hook_ask_service(struct hook_inquiry *inquiry, const struct hook_about *about, const char *id,
		      const struct service_spec *spec, struct service_spec *target);
/* Before it is deleted, with its services or (`service` is not NULL) that one alone. */
void hook_ask_delete(struct hook_inquiry *inquiry, struct server *server, const struct app *app,
		     const struct service *service);

#endif
