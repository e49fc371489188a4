/* One GET over HTTP/1.0 by IPv4, for the programs in the test images. */
#ifndef APPS_HTTP_GET_H
#define APPS_HTTP_GET_H

#include <stddef.h>

#define BODY_SIZE (64 * 1024)

struct answer {
	int status; /* 0: none came */
	char error[256];
	size_t len;
	char body[BODY_SIZE]; /* ended by a zero */
};

/* "http://host[:port]/path"; 0, or -1 with the error told. Nothing takes longer than 5 s. */
int http_get(const char *url, struct answer *ret);

/* Decimal digits to a number; everything else ends it. */
unsigned number_of(const char *text);

#endif
