/* Private: what this node knows about registries, beside what they answer: the file registries.json
 * (docs/registries.md) and the credentials of `holm registry login`. Both are read at each use, so
 * that a change needs no restart. */
#ifndef HOLM_IMAGE_REGISTRY_HOSTS_H
#define HOLM_IMAGE_REGISTRY_HOSTS_H

#include "base/secret.h"
#include "image/image.h"

struct registry_host {
	char *host; /* host[:port], as references name it */
	char *ca_file;
	char *cert_file; /* of this client, with key_file */
	char *key_file;
	bool is_plain;       /* HTTP without TLS */
	bool allows_urls;    /* layers that are kept elsewhere may be had from there */
	struct strv mirrors; /* HOST[:PORT][/PREFIX], tried in this order */
};
struct registry_hosts {
	struct registry_host *items;
	size_t n;
};
/* Without a file: none. -EBADMSG names what is wrong in it. */
int registry_hosts_read(const struct image_config *config, struct registry_hosts *ret,
			struct err *err);
void registry_hosts_fini(struct registry_hosts *hosts);
#define auto_registry_hosts __attribute__((cleanup(registry_hosts_fini)))
/* NULL if nothing is said about it. */
const struct registry_host *registry_hosts_find(const struct registry_hosts *hosts,
						const char *host);

/* The one name of a registry that has several: Docker's. The caller's. */
char *registry_canonical(const char *host);
/* Spoken to by HTTP without TLS: loopback, and what is named so. */
bool registry_is_plain(const struct image_config *config, const struct registry_hosts *hosts,
		       const char *host);

struct credential {
	char *host;
	char *user;
	struct secret password;
};
void credential_fini(struct credential *credential);
#define auto_credential __attribute__((cleanup(credential_fini)))
/* 1 and the credential, 0 if there is none for this registry. */
int credentials_find(const struct image_config *config, const char *host, struct credential *ret,
		     struct err *err);
/* Users by registry: "HOST USER" each, in the order in which they were stored. */
int credentials_list(const struct image_config *config, struct strv *ret, struct err *err);
int credentials_set(const struct image_config *config, const struct credential *credential,
		    struct err *err);
/* -ENOENT */
int credentials_remove(const struct image_config *config, const char *host, struct err *err);

#endif
