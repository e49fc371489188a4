/* What the files of the API share. */
#ifndef HOLM_API_PRIVATE_H
#define HOLM_API_PRIVATE_H

#include "api/api.h"
#include "api/route.h"
#include "json/json.h"
#include "loop/loop.h"
#include "server/accounts.h"
#include "wire/http_server/http_server.h"

#define API_STREAM_MAX  ((size_t)4 << 20) /* unsent bytes of one stream */
#define API_EVENTS_MAX  64                /* event streams at a time */
#define API_LOGS_MAX    64                /* log streams at a time */
#define API_CALLS_MAX   256               /* questions to nodes at a time */
#define API_SPLICES_MAX 64                /* commands and copies at a time */
#define API_REQUEST_MAX SLA_TEXT_MAX      /* bytes of a request's body */

struct api {
	struct api_config config; /* its strings are ours */
	struct http_server *http;
	uint16_t port;
	char *openapi;        /* the document, once somebody has asked for it */
	struct strv names;    /* of the certificate */
	struct list requests; /* under way */
	unsigned n_events;
	unsigned n_logs;
	unsigned n_calls;
	unsigned n_splices;
	struct list lists; /* streamed ones that have something to write, see list/list.c */
	int lists_fd;      /* always ready */
	struct io *lists_io;
};

/* A request until it is answered. Whoever handles it ends it by one of the replies below. */
struct api_request {
	struct list node;
	struct api *api;
	struct http_request *http;
	struct route_match match;
	struct identity who; /* as the route's access asks for, before its handler runs */
	bool is_compat;      /* of Oakestra's paths, see route_is_compat() */
	bool is_begun;       /* a stream was */
	bool is_noted;       /* in the audit log */
	const char *type;    /* of the answer's body, NULL: JSON */
	char *claimed;       /* who he said he is, for the audit log; NULL: `who` */
	/* Lets go of what the answer is made from (a stream, a watch); NULL: nothing is held. */
	void (*release)(void *arg);
	void *arg;
};

extern const struct route_group *const api_groups[]; /* up to NULL */

/* What bodies and small answers consist of. */
extern const struct field_table api_status_table, api_version_table, api_config_table,
	api_ping_table, api_scale_table, api_down_table, api_routes_table, api_message_table,
	api_line_table, api_turns_table, api_volume_table;

/* access.c: whether it may go on; if not, it has been answered. `route` is NULL if there is none. */
bool access_check(struct api_request *request, const struct route *route);

/* Whether the Host header names this server. If not, a browser may have it from a page whose name was
 * rebound to our address: nothing may be granted to where a request comes from then. */
bool api_is_own_host(const struct api_request *request);

/* Each answers and frees the request. */
void api_reply(struct api_request *request, unsigned status, char *take_json); /* NULL: no body */
/* With a body of its own for what the audit log has as `message`. */
void api_reply_refusal(struct api_request *request, unsigned status, const char *message,
		       char *take_json);
void api_reply_json(struct api_request *request, char *take_json);
/* The revision of the state that is answered with: a header. */
void api_add_revision(struct api_request *request);
/* list/list.c: streams it if it is long. */
void api_reply_list(struct api_request *request, struct server_list *take_list);
/* Of another type than JSON. */
void api_reply_text(struct api_request *request, const char *type, char *take_text);
/* An object whose only member is the message. */
void api_reply_message(struct api_request *request, const char *message);
void api_reply_error(struct api_request *request, unsigned status, const char *message);
void api_reply_err(struct api_request *request, const struct err *err);
/* A stream is begun by http_stream_begin() with is_begun set. */
void api_stream_end(struct api_request *request);

/* Answers to what changes something: for server_…_begin(), with the request as `arg`. */
void api_on_planned(void *arg, const struct plan_view *plan, const struct err *err);

/* Value of a switch in the query: "?name", "?name=1", "?name=true". */
bool api_param_is_set(const struct api_request *request, const char *name);

/* Asks a node (?node=NAME, else the only one there is) and answers with what it answers; `call` is a
 * name in worker/call.c, `take_args` JSON text of an object, NULL: {}. */
void api_call_node(struct api_request *request, const char *call, char *take_args);
/* The same with the request's body as arguments, which has to fit the table; none is {}. */
void api_call_node_with_body(struct api_request *request, const struct field_table *table,
			     const char *call);

/* False if it does not ask for an upgrade, or too many go on: answered then. */
bool api_may_splice(struct api_request *request);
/* The instance that the path names, which has a node. */
int api_find_running(const struct api_request *request, struct server_instance_ref *ret,
		     struct err *err);
/* Connects the client with a stream of the node both ways. */
void api_splice(struct api_request *request, const char *node_id, const char *question);

/* audit.c: notes what a request has changed or was refused, before it is answered; once. */
void audit_note(struct api_request *request, unsigned status, const char *message);

/* Handlers, by what they are about. */
void api_get_document(struct api_request *request);
void api_get_health(struct api_request *request);
void api_get_version(struct api_request *request);
void api_get_turns(struct api_request *request);
void api_get_apps(struct api_request *request);
void api_get_services(struct api_request *request);
void api_get_instances(struct api_request *request);
void api_get_stats(struct api_request *request);
void api_get_nodes(struct api_request *request);
void api_get_node(struct api_request *request);
void api_get_secrets(struct api_request *request);
void api_put_secret(struct api_request *request);
void api_delete_secret(struct api_request *request);
void api_get_configs(struct api_request *request);
void api_get_config(struct api_request *request);
void api_put_config(struct api_request *request);
void api_delete_config(struct api_request *request);
void api_post_apply(struct api_request *request);
void api_delete_app(struct api_request *request);
void api_post_restart(struct api_request *request);
void api_post_pause(struct api_request *request);
void api_post_resume(struct api_request *request);
void api_post_cordon(struct api_request *request);
void api_post_uncordon(struct api_request *request);
void api_post_scale(struct api_request *request);
void api_post_down(struct api_request *request);
void api_post_attach(struct api_request *request);
void api_post_copy(struct api_request *request);
void api_post_exec(struct api_request *request);
void api_get_logs(struct api_request *request);
void api_get_events(struct api_request *request);
void api_get_volumes(struct api_request *request);
void api_post_volume(struct api_request *request);
void api_delete_volume(struct api_request *request);
void api_get_images(struct api_request *request);
void api_post_image_pull(struct api_request *request);
void api_post_image_remove(struct api_request *request);
void api_post_image_prune(struct api_request *request);
void api_get_registries(struct api_request *request);
void api_post_registry_login(struct api_request *request);
void api_post_registry_logout(struct api_request *request);
void api_get_node_ping(struct api_request *request);
void api_get_audit(struct api_request *request);

#endif
