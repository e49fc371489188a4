/* Private: how registries ask for credentials (RFC 9110 section 11.6.1, distribution spec "token
 * authentication"), and the tokens that were had. */
#ifndef HOLM_IMAGE_REGISTRY_AUTH_H
#define HOLM_IMAGE_REGISTRY_AUTH_H

#include "base/base.h"

struct cancel; /* loop/loop.h */
struct credential;

/* One challenge of a registry; what it does not say is NULL. */
struct challenge {
	bool is_bearer; /* else Basic */
	char *realm;    /* URL of the token server */
	char *service;
	char *scope;
};
void challenge_fini(struct challenge *challenge);
#define auto_challenge __attribute__((cleanup(challenge_fini)))
/* The best of all that the headers ("Name: value") carry, a token before a password; false if there is
 * none that is understood. */
bool challenge_parse(const struct strv *headers, struct challenge *ret);

/* Tokens by what they are for, kept until they expire; safe for several threads. */
struct image_tokens;
/* The caller's, NULL if there is none that is good for a while. */
char *tokens_find(struct image_tokens *tokens, const char *key);
void tokens_put(struct image_tokens *tokens, const char *key, const char *token,
		uint64_t lifetime_s);
/* It was refused; another one may have taken its place already. */
void tokens_drop(struct image_tokens *tokens, const char *key, const char *token);

/* Asks a token server. */
struct token_request {
	const struct challenge *challenge;
	const struct credential *credential; /* NULL: anonymous */
	const char *ca_file;
	bool may_be_plain; /* the token server may be spoken to without TLS */
	const struct cancel *cancel;
};
int token_get(const struct token_request *request, char **ret_token, uint64_t *ret_lifetime_s,
	      struct err *err);

#endif
