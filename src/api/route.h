/* Routes: a const table of method, path pattern and handler. The same table dispatches,
 * authorises and documents. */
#ifndef HOLM_API_ROUTE_H
#define HOLM_API_ROUTE_H

#include "base/base.h"

#define ROUTE_PARAMS_MAX 2
#define ROUTE_PARAM_SIZE 256 /* a longer part of a path matches nothing */

struct api_request;
struct field_table;

/* Whom a route answers; others get 401 or 403. */
enum route_access {
	ROUTE_ADMIN, /* the machine's administrator, or who has role Admin */
	ROUTE_MANAGER, /* those, and who manages the organization he asks in: the handler looks at what
			* is its */
	ROUTE_USER,    /* any user: the handler looks at what is whose */
	ROUTE_REFRESH, /* who has a refresh token, which is good for nothing else */
	ROUTE_PUBLIC,  /* everybody, without a token */
	ROUTE_ACCESS_N,
};

/* What a good answer is. */
enum route_form {
	ROUTE_OBJECT, /* of the table `answer` */
	ROUTE_LIST,   /* of such objects */
	ROUTE_STRING, /* one text, as JSON */
	ROUTE_TEXT,   /* plain, as long as it lasts */
	ROUTE_EVENTS, /* server-sent ones, as long as somebody listens */
	ROUTE_BOTH,   /* 101, and then a connection both ways */
	ROUTE_PAGE,   /* for a browser */
	ROUTE_NEVER,  /* there is none: always refused */
	ROUTE_FORM_N,
};

struct route {
	const char *method;
	const char *path; /* "/api/v1/apps/{name}"; without a slash at its end */
	void (*handle)(struct api_request *request);
	enum route_access access;
	const struct field_table *body;   /* JSON that it takes; NULL: none */
	const struct field_table *answer; /* of what it answers with, in this form */
	enum route_form form;
	bool takes_bytes;     /* the body is no JSON */
	bool changes_nothing; /* though its method could: the audit log has its refusals alone */
	unsigned status;      /* of a good answer, 0: 200; 204 has none */
	const char *id;       /* "listApps": what generated clients call it; never changes */
	const char *query;    /* "follow, tail", NULL: takes none; api/document/params.c has them */
	const char *summary;
};

/* A part of the table. */
struct route_group {
	const struct route *routes;
	size_t n;
};

struct route_match {
	const struct route *route;
	char params[ROUTE_PARAMS_MAX][ROUTE_PARAM_SIZE]; /* of the {…} from left to right */
	char allow[64];                                  /* methods of the path, for 405 */
};

/* `groups` ends with NULL. 0; -ENOENT: no such path; -EPERM: not by this method, see ret->allow. */
int route_find(const struct route_group *const *groups, const char *method, const char *path,
	       struct route_match *ret);

/* Whether it is one of Oakestra's paths: below /api/ or /docs/, but not /api/v1. Those answer pages of
 * other origins, and both with a slash at the end and without. */
bool route_is_compat(const char *path);

/* Whether it may have a slash at its end: those, and of /api/v1 what Oakestra has under the same path. */
bool route_takes_slash(const char *path);

/* {"version": …, "routes": [{"method", "path", "query", "access", "is_public", "summary"}]}; the
 * caller's. */
char *route_document(const struct route_group *const *groups, const char *version);

#endif
