/* Private: talking to one registry about one repository: who we are, when to come back, and bodies
 * that break off. Safe for several threads. */
#ifndef HOLM_IMAGE_REGISTRY_SESSION_H
#define HOLM_IMAGE_REGISTRY_SESSION_H

#include "image/image.h"
#include "image/registry/auth.h"
#include "image/registry/hosts.h"
#include "wire/http_client/http_client.h"

struct registry_session;

struct registry_session_config {
	const struct image_config *images;
	const struct registry_hosts *hosts;
	const char *place;      /* HOST[:PORT][/PREFIX] */
	const char *repository; /* NULL: only the registry itself is asked */
	const struct cancel *cancel;
	bool is_patient; /* comes back when it is asked to, instead of failing */
};
/* Reads what is stored about the host. */
int registry_session_open(const struct registry_session_config *config,
			  struct registry_session **ret, struct err *err);
/* With this credential instead of a stored one, which is borrowed. */
int registry_session_open_as(const struct registry_session_config *config,
			     const struct credential *credential, struct registry_session **ret,
			     struct err *err);
struct registry_session *registry_session_close(struct registry_session *session); /* NULL-safe */
DEFINE_AUTO(registry_session_close, struct registry_session *)

const char *registry_session_place(const struct registry_session *session);
/* Whether the registry has wanted to know who we are. */
bool registry_session_is_known(const struct registry_session *session);

/* GET of "BASE/path" with token or password if the registry wants one; url, authorization, TLS and
 * redirects of the request are filled in. 200 and 206 are success. -ENOENT, -EACCES, -EAGAIN (come
 * back later), and those of http_client_perform(). */
int registry_session_get(struct registry_session *session, const char *path,
			 struct http_client_request *request, struct http_client_response *response,
			 struct err *err);

/* The same for any method, of which every 2xx is success and no redirect is followed. `path` may be a
 * Location that the registry gave: -EPROTO if it leads to somebody else. */
int registry_session_ask(struct registry_session *session, const char *path,
			 struct http_client_request *request, struct http_client_response *response,
			 struct err *err);

/* Whether a Location leads to somebody else, who is not to know who we are. */
bool registry_session_leads_away(const struct registry_session *session, const char *location);

/* blob.c: a body piece by piece, taken up again where it breaks off. */
struct blob_read {
	/* One GET of the rest: url and so on are filled in. */
	int (*get)(void *arg, struct http_client_request *request,
		   struct http_client_response *response, struct err *err);
	void *arg;
	uint64_t size;
	uint64_t done; /* bytes that the sink has had */
	const struct image_sink *sink;
	const struct cancel *cancel;
	uint32_t retry_first_ms;
	bool is_sink_error; /* it is the sink that has failed */
};
/* 0: all of it came, which is not verified. -EBADMSG: the other side has less than `size`, or sends
 * more. May be called again with another `get`. */
int blob_read(struct blob_read *read, struct err *err);

/* The random part of a back-off, for threads without a loop. */
uint64_t registry_session_delay_ms(unsigned attempt, uint32_t first_ms);

#endif
