/* Routes: a const table of method, path pattern and handler. The same table dispatches,
 * authorises and documents. */
#ifndef HOLM_API_ROUTE_H
#define HOLM_API_ROUTE_H

#include "base/base.h"

#define ROUTE_PARAMS_MAX 2
#define ROUTE_PARAM_SIZE 256 /* a longer part of a path matches nothing */

struct api_request;

struct route {
	const char *method;
	const char *path; /* "/api/v1/apps/{name}" */
	void (*handle)(struct api_request *request);
	bool is_public;    /* answers without a token */
	bool has_body;     /* JSON */
	bool takes_bytes;  /* the body is no JSON */
	const char *query; /* "follow, tail", NULL: takes none */
	const char *summary;
};

struct route_match {
	const struct route *route;
	char params[ROUTE_PARAMS_MAX][ROUTE_PARAM_SIZE]; /* of the {…} from left to right */
	char allow[64];                                  /* methods of the path, for 405 */
};

/* 0; -ENOENT: no such path; -EPERM: not by this method, see ret->allow. */
int route_find(const struct route *routes, size_t n, const char *method, const char *path,
	       struct route_match *ret);

/* {"version": …, "routes": [{"method", "path", "query", "is_public", "summary"}]}; the caller's. */
char *route_document(const struct route *routes, size_t n, const char *version);

#endif
