/* Getting images: container images from OCI registries, layouts and archives on the node;
 * unikernels as archives by URL, and as OCI artifacts. All functions block and are meant for the transfer executor. */
#ifndef HOLM_IMAGE_IMAGE_H
#define HOLM_IMAGE_IMAGE_H

#include "base/base.h"
#include "base/secret.h"
#include "image/build.h"
#include "image/tree.h"
#include "model/image_source.h"

struct image_config {
	char *store_dir;  /* unikernels are kept below it, by digest */
	char *local_root; /* oci:, oci-archive: and file: paths must lie below it */
	struct strv
		insecure; /* registries (host[:port]) spoken to by plain HTTP; loopback always is */
	uint64_t archive_max;        /* bytes of an unpacked unikernel archive */
	char *registries_file;       /* docs/registries.md; NULL: nothing is said about any */
	char *credentials_file;      /* written by image_registry_login(), mode 0600; NULL: none */
	struct image_tokens *tokens; /* shared by all pulls; NULL: each one its own */
	uint32_t retry_first_ms;     /* of the back-off; 0: 500 */
};

/* What token servers gave, until it expires. */
struct image_tokens *image_tokens_new(void);
struct image_tokens *image_tokens_free(struct image_tokens *tokens); /* NULL-safe */

typedef void (*image_progress_fn)(void *arg, uint64_t done_bytes, uint64_t total_bytes);

/* "nginx:latest" is not expanded to docker.io: as in Oakestra, references are fully qualified;
 * without a tag it is "latest". */
struct image_ref {
	char *registry;   /* host[:port], NULL for local forms */
	char *repository; /* library/nginx, or the path of a layout or archive */
	char *tag;        /* or NULL */
	char *digest;     /* sha256:…, or NULL */
	enum image_form { IMAGE_REGISTRY, IMAGE_OCI_LAYOUT, IMAGE_OCI_ARCHIVE } form;
};
int image_ref_parse(const char *text, struct image_ref *ret, struct err *err);
void image_ref_fini(struct image_ref *ref);
/* The name to store it under; the caller's. */
char *image_ref_format(const struct image_ref *ref);

/* Finds the image and the manifest for the platform ("linux/amd64", NULL: this machine's). Errors:
 * -ENOENT no such image, -EACCES not allowed, -ENOTSUP not for this platform, -EBADMSG damaged,
 * -ECONNREFUSED/-EHOSTUNREACH/-ETIMEDOUT worth a retry. */
struct image_request {
	const char *ref;
	const char *platform; /* NULL: this machine's */
};
int image_source_open(const struct image_config *config, const struct image_request *request,
		      const struct cancel *cancel, struct image_source **ret, struct err *err);
void image_source_close(struct image_source *source); /* NULL-safe */

/* Who this node is to a registry. The password is sent to the registry and its token server. */
struct image_login {
	const char *host; /* host[:port] */
	const char *user;
	const struct secret *password;
};
/* Asks the registry: 0 if it takes them, -EACCES if not. `ret_is_asked`: false if the registry lets
 * anybody in, so that nothing is proved. */
int image_registry_check(const struct image_config *config, const struct image_login *login,
			 const struct cancel *cancel, bool *ret_is_asked, struct err *err);
/* Stores or replaces; one at a time, as image_registry_logout(). */
int image_registry_login(const struct image_config *config, const struct image_login *login,
			 struct err *err);
/* -ENOENT: none are stored. */
int image_registry_logout(const struct image_config *config, const char *host, struct err *err);
/* Registries about which this node knows something. */
struct image_registry {
	char *host;
	char *user; /* NULL: nobody is logged in */
	char *ca_file;
	bool is_plain; /* HTTP without TLS */
	struct strv mirrors;
};
struct image_registries {
	struct image_registry *items;
	size_t n;
};
int image_registries_list(const struct image_config *config, struct image_registries *ret,
			  struct err *err);
void image_registries_fini(struct image_registries *registries);

/* A unikernel on disk, unpacked and verified. */
struct unikernel_image {
	char *dir; /* holds kernel and perhaps files/, files1/, initramfs.cpio; read-only by
	              * convention, shared between instances */
	char digest[DIGEST_SIZE]; /* of the archive, or of the artifact's manifest */
	char platform[64];        /* of an artifact, "qemu/amd64"; "" */
};
/* Oakestra's .tar.gz from http(s):// or file:, with an optional "#sha256=…" that must match.
 * Unpacked once per digest. -EBADMSG: digest mismatch, an entry that escapes, no kernel in it;
 * -E2BIG: larger than archive_max; -EPERM: file: outside local_root. */
struct image_transfer {
	image_progress_fn progress; /* may be NULL */
	void *arg;
	const struct cancel *cancel;
};
int image_unikernel_get(const struct image_config *config, const char *url,
			const struct image_transfer *transfer, struct unikernel_image *ret,
			struct err *err);
/* An OCI artifact as Unikraft's tools pack it, from a registry or this node, through all that holds for
 * containers' images; of the platform "…/arm64", NULL: this machine's. Its folder holds kernel, perhaps
 * initramfs.cpio, and artifact.json, the image's configuration (image spec 1.0), of which Cmd and Env
 * are the program's. Errors as of image_source_open(); -EBADMSG: no kernel in it; -E2BIG. */
int image_unikernel_get_artifact(const struct image_config *config,
				 const struct image_request *request,
				 const struct image_transfer *transfer, struct unikernel_image *ret,
				 struct err *err);
/* "qemu/amd64" of a platform that is asked for, NULL: this machine's. */
void image_unikernel_platform(const char *given, char *out, size_t size);
/* The folder of one that is here, the caller's; false if it is not. */
bool image_unikernel_find(const struct image_config *config, const char *digest, char **ret_dir);
void unikernel_image_fini(struct unikernel_image *image);

/* Unikernels on disk. */
struct unikernel_entry {
	char *dir;
	char digest[DIGEST_SIZE]; /* of the archive */
	uint64_t bytes;           /* on disk */
	uint64_t created_ms;      /* unix time */
	uint64_t used_ms;         /* unpacked or last touched */
};
struct unikernel_list {
	struct unikernel_entry *items;
	size_t n;
};
void unikernel_list_fini(struct unikernel_list *list);
int image_unikernel_list(const struct image_config *config, struct unikernel_list *ret,
			 struct err *err);
/* Gone is success. */
int image_unikernel_remove(const struct image_config *config, const char *digest, struct err *err);
/* Notes that it was used just now. */
int image_unikernel_touch(const struct image_config *config, const char *digest, struct err *err);

/* What is to go when a disk fills; pure. */
struct prune_disk {
	uint64_t used;         /* bytes */
	uint64_t total;        /* used and available ones */
	uint32_t high_percent; /* from which images are pruned, 0: never */
	uint32_t low_percent;  /* down to which */
};
/* Bytes that have to become free, 0 below the high mark. */
uint64_t prune_need(const struct prune_disk *disk);
unsigned prune_percent(const struct prune_disk *disk);

struct prune_image {
	uint64_t bytes;
	uint64_t used_ms;
	bool is_kept; /* used or wished: never chosen */
	bool is_chosen;
};
/* Chooses the least recently used until their bytes make up `need`. The sum of the chosen ones, which is
 * smaller if all that may go is not enough. */
uint64_t prune_plan(struct prune_image *images, size_t n, uint64_t need);

#endif
