/* X.509 certificates for TLS servers (RFC 5280), and an authority of one's own that issues them: ECDSA
 * on P-256 with SHA-256. All texts are PEM, private keys PKCS #8. */
#ifndef HOLM_WIRE_CERTIFICATE_CERTIFICATE_H
#define HOLM_WIRE_CERTIFICATE_CERTIFICATE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "base/secret.h"
#include "base/str.h"

#define CERTIFICATE_NAME_MAX 64 /* of a common name (RFC 5280, appendix A.1) */

struct certificate_wish {
	const char *common_name;  /* cut at CERTIFICATE_NAME_MAX */
	const struct strv *names; /* of a server: DNS names and numeric addresses */
	uint64_t from_s, until_s; /* unix time */
};

struct certificate_facts {
	uint64_t from_s, until_s;
	struct strv names; /* as in the wish, in their order */
	/* Of the public key, which the next certificate may keep: "sha256//" and base64, as curl's
	 * --pinnedpubkey has it. */
	char *pin;
};

/* A new private key. */
void certificate_make_key(struct secret *ret);
/* Signed by itself. -EBADMSG: the key is none. */
int certificate_make_authority(const struct secret *key, const struct certificate_wish *wish,
			       struct secret *ret, struct err *err);

struct certificate_issuer {
	const struct secret *certificate;
	const struct secret *key;
};
/* Of a server with that key. -EBADMSG: a text is none, or the issuer's do not belong together; -EINVAL:
 * a name is none. */
int certificate_issue(const struct certificate_issuer *issuer, const struct secret *key,
		      const struct certificate_wish *wish, struct secret *ret, struct err *err);

/* Of the first certificate in the text. */
int certificate_read(const struct secret *certificate, struct certificate_facts *ret,
		     struct err *err);
void certificate_facts_fini(struct certificate_facts *facts);
#define auto_certificate_facts __attribute__((cleanup(certificate_facts_fini)))
/* 0 if the certificate has that key and was issued by the authority (NULL: by whomever); -EBADMSG. */
int certificate_check(const struct secret *certificate, const struct secret *key,
		      const struct secret *authority, struct err *err);

/* A name that a certificate can have: of hosts (RFC 1123, 2.1; "*." in front), or an address. */
bool certificate_is_name(const char *text);

#endif
