/* Images made by the test, on disk and behind a small web server. */
#ifndef HOLM_TESTS_IMAGE_KIT_H
#define HOLM_TESTS_IMAGE_KIT_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/base.h"
#include "image/image.h"
#include "loop/loop.h"
#include "wire/digest/digest.h"

struct kit {
	char dir[64];
	char *root;  /* of local images */
	char *store; /* of unikernels */
	struct image_config config;
};

int kit_setup(void **state);
int kit_teardown(void **state);
#define KIT_TEST(name) cmocka_unit_test_setup_teardown(name, kit_setup, kit_teardown)

/* Below kit->dir; folders on the way are made. */
void kit_write(const struct kit *kit, const char *name, const void *data, size_t len);
char *kit_path(const struct kit *kit, const char *name); /* the caller's */

/* An image of one configuration and one layer. */
#define KIT_LAYER "the bytes of a layer"
struct kit_image {
	char config[DIGEST_TEXT_MAX];
	char layer[DIGEST_TEXT_MAX];
	char manifest[DIGEST_TEXT_MAX];
	char *manifest_text;
	char *index; /* names the manifest for linux/amd64 */
};
void kit_image_init(struct kit_image *image);
void kit_image_fini(struct kit_image *image);
/* As a layout in a folder. */
void kit_layout(const struct kit *kit, const char *name, const struct kit_image *image);

/* A tar file of entries, compressed with gzip. */
struct kit_entry {
	const char *name;
	const char *data; /* of a file */
	unsigned type;    /* AE_IFREG, ...; 0: a file */
	const char *link; /* of a hard or symbolic link */
	size_t zeros;     /* bytes of zeros in place of data */
};
void kit_tar(const struct kit *kit, const char *name, const struct kit_entry *entries, size_t n);

/* Opens an image and reads config and layer; the first error of them. */
int kit_pull(const struct kit *kit, const char *ref, struct err *err);

/* What a server answers under a path; the first of that path that fits. */
struct web_page {
	const char *path;
	unsigned status;     /* 0: 200 */
	const char *headers; /* lines, each ended by \r\n; may be NULL */
	const char *body;
	size_t len;          /* 0: strlen(body) */
	size_t cut;          /* the connection breaks after so many bytes of the body; 0: never */
	unsigned times;      /* then the next page of that path answers; 0: always */
	bool wants_token;    /* 401 with the challenge unless "Bearer sesame" is given */
	bool wants_password; /* the same for user "me" with the password "open up" */
	bool ignores_range;
};

struct web;
/* Pages are copied; bodies and headers are borrowed. "%PORT%" in headers is replaced. */
struct web *web_new(const struct web_page *pages, size_t n);
struct web *web_free(struct web *web);
int web_port(const struct web *web);
/* Requests for paths that begin so. */
unsigned web_count(struct web *web, const char *path);
/* Requests that carried an authorization that begins so. */
unsigned web_authorized(struct web *web, const char *start);

#endif
