/* The pages of one image behind a web server; tests change them. */
#ifndef HOLM_TESTS_IMAGE_SITE_H
#define HOLM_TESTS_IMAGE_SITE_H

#include "kit.h"

#define MANIFESTS "/v2/team/web/manifests/"
#define BLOBS     "/v2/team/web/blobs/"
#define CONFIG    "{\"architecture\":\"amd64\",\"os\":\"linux\"}"
#define PAGES_MAX 12

struct site {
	struct kit_image image;
	struct strv paths;
	struct web_page pages[PAGES_MAX];
	size_t n;
	struct web *web;
	char *host; /* 127.0.0.1:PORT */
	char *ref;
};

enum { PAGE_TAG, PAGE_MANIFEST, PAGE_CONFIG, PAGE_LAYER };

struct web_page *add_page(struct site *site, const char *folder, const char *name,
			  const char *body);
void site_init(struct site *site);
void site_open(struct site *site);
void site_fini(struct site *site);

void assert_pulls(const struct kit *kit, const char *ref);
/* Opens the site, fails to pull from it, and is done with it. */
void assert_fails(const struct kit *kit, struct site *site, int code, const char *words);
/* The file of what is said about registries. */
void write_registries(struct kit *kit, const char *text);

#endif
