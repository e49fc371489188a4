/* HTTP/1 requests and the URLs in them. Pure text functions. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum {
	URL_HOST_MAX = 253,
};

struct http_request {
	const char *method;
	const char *path;  /* starts with a slash, without the query */
	const char *query; /* what follows '?', or "" */
	bool is_head;
	bool keep_alive; /* the client wants to send another request */
};

/* Reads the request at the start of `in`, cutting it into strings in place.
 * Returns the bytes that it took, 0 when more are needed, or -1 when this is no
 * request. `in` has a byte of room behind `length`. */
long http_request_parse(char *in, size_t length, struct http_request *ret);

/* Finds the value of header `name` among the lines in [head, end); NULL when it is
 * not there. The value ends at the line's end. */
const char *http_header_find(const char *head, const char *end, const char *name);

/* Whether `text` starts with `word`, in any case. */
bool http_starts_with(const char *text, const char *word);

struct url {
	char host[URL_HOST_MAX + 1]; /* name or IPv4 address */
	uint16_t port;
	const char *path; /* into the text, starts with a slash, or "" */
};

/* Parses http://HOST[:PORT][/PATH]; false when `text` is not of that form. */
bool url_parse(const char *text, struct url *ret);

/* Copies the value of `name` in a query of NAME=VALUE&NAME=VALUE, with %XX and + decoded.
 * False when it is not there, has a NUL, or does not fit into `size` bytes with its NUL. */
bool query_find(const char *query, const char *name, char *ret_value, size_t size);

/* The same for a number, in decimal or after 0x, of at most `max`. */
bool query_find_number(const char *query, const char *name, uint64_t max, uint64_t *ret_value);

/* Replaces %XX in place; false when what comes out has a byte that a URL cannot. */
bool url_decode(char *text);
