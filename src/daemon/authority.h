/* The server's own certificate authority, and the certificate that it issues to the server, in one folder:
 * ca.pem and server.pem for all to read, ca.key and server.key for this user alone.
 *
 * Keys are made once, so that clients may pin them; certificates are made again a while before they end, or
 * when the names are others. The authority's second certificate has the name and key of the first, so that
 * who trusts either trusts what it issues. */
#ifndef HOLM_DAEMON_AUTHORITY_H
#define HOLM_DAEMON_AUTHORITY_H

#include "base/base.h"
#include "base/secret.h"

#define AUTHORITY_CA "ca.pem"

struct authority_wish {
	const char *dir;
	const char *id;           /* tells authorities apart */
	const struct strv *names; /* of the server, the first is its common name */
	uint64_t now_s;
};

/* Makes what is missing or has to be made again; the caller's are the server's certificate and key. What
 * stands there and is not understood is an error, never replaced: -EACCES, -EBADMSG, -ENOENT for a key that
 * is missing beside its certificate. */
int authority_keep(const struct authority_wish *wish, struct secret *ret_certificate,
		   struct secret *ret_key, struct err *err);

#endif
