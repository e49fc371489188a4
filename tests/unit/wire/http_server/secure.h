/* A server's certificate, and clients that speak TLS by OpenSSL itself. */
#ifndef HOLM_TESTS_HTTP_SERVER_SECURE_H
#define HOLM_TESTS_HTTP_SERVER_SECURE_H

#include <stddef.h>
#include <sys/types.h>

struct http_server;

/* An authority, and what it issued for 127.0.0.1 and localhost. */
struct identity;
struct identity *identity_new(void);
struct identity *identity_free(struct identity *identity);
void identity_write_authority(const struct identity *identity, const char *path);
/* Of the server's key; the caller's. */
char *identity_pin(const struct identity *identity);
void identity_show(const struct identity *identity, struct http_server *server);
/* The server's certificate and key shown together with those of another one. */
int identity_show_mixed(const struct identity *identity, const struct identity *other,
			struct http_server *server, char *ret_message, size_t size);

/* What a client of its own kind asks for; NULL or 0: nothing special. */
struct secure_options {
	int version;          /* TLS1_1_VERSION and so on, alone */
	const char *protocol; /* of ALPN */
	const char *ca_file;  /* trusts this alone; NULL: everybody */
};

struct secure;
/* The handshake on a connected blocking socket, which stays the caller's; NULL if it fails. */
struct secure *secure_open(int fd, const struct secure_options *options);
struct secure *secure_free(struct secure *secure);
ssize_t secure_read(struct secure *secure, void *out, size_t size);
ssize_t secure_write(struct secure *secure, const void *data, size_t len);
/* Says that nothing more comes. */
void secure_end(struct secure *secure);
/* The chosen protocol of ALPN, "" if none. */
const char *secure_protocol(const struct secure *secure);
int secure_version(const struct secure *secure);
/* 1: asked the server for other keys, and it did not mind. */
int secure_renegotiate(struct secure *secure);

#endif
