/* A small HTTP/1 server on lwIP's callback interface. */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "web/request.h"

struct http_conn;

/* Answers each request with exactly one http_reply(), at once or later. */
typedef void http_handler(void *arg, struct http_conn *conn, const struct http_request *request);

struct http_server {
	http_handler *handler;
	void *arg;
	uint32_t requests;    /* answered or being answered */
	uint32_t connections; /* open now */
};

struct http_reply {
	unsigned status;
	const char *body;
	size_t length;
};

/* Listens on `port`; returns 0, or -1 when there is no memory for it. */
int http_server_start(struct http_server *server, uint16_t port);

/* Copies and sends the reply. */
void http_reply(struct http_conn *conn, const struct http_reply *reply);

/* The same with a line of text. */
void http_reply_text(struct http_conn *conn, unsigned status, const char *format, ...)
	__attribute__((format(printf, 3, 4)));

/* To be called when the client leaves before the reply; NULL takes it back. */
void http_on_leave(struct http_conn *conn, void (*leave)(void *arg), void *arg);

/* To be called once the client has all of the reply, or left; the connection is
 * closed then. Call before http_reply(). */
void http_on_sent(struct http_conn *conn, void (*sent)(void));
