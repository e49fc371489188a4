/* Serving an image. */
#include "site.h"

struct web_page *add_page(struct site *site, const char *folder, const char *name, const char *body)
{
	assert_true(site->n < PAGES_MAX);
	strv_addf(&site->paths, "%s%s", folder, name);
	site->pages[site->n] = (struct web_page){
		.path = site->paths.items[site->paths.n - 1],
		.body = body,
	};
	return &site->pages[site->n++];
}

void site_init(struct site *site)
{
	*site = (struct site){ 0 };
	kit_image_init(&site->image);
	add_page(site, MANIFESTS, "v1", site->image.index)->headers =
		"Content-Type: application/vnd.oci.image.index.v1+json; charset=utf-8\r\n";
	add_page(site, MANIFESTS, site->image.manifest, site->image.manifest_text);
	add_page(site, BLOBS, site->image.config, CONFIG);
	add_page(site, BLOBS, site->image.layer, KIT_LAYER);
}

void site_open(struct site *site)
{
	site->web = web_new(site->pages, site->n);
	site->host = xasprintf("127.0.0.1:%d", web_port(site->web));
	site->ref = xasprintf("%s/team/web:v1", site->host);
}

void site_fini(struct site *site)
{
	web_free(site->web);
	free(site->ref);
	free(site->host);
	strv_fini(&site->paths);
	kit_image_fini(&site->image);
}

void assert_pulls(const struct kit *kit, const char *ref)
{
	struct err err = { 0 };

	if (kit_pull(kit, ref, &err) < 0)
		fail_msg("%s", err.msg);
}

void assert_fails(const struct kit *kit, struct site *site, int code, const char *words)
{
	struct err err = { 0 };

	site_open(site);
	int r = kit_pull(kit, site->ref, &err);
	if (r != code || err.code != code || !strstr(err.msg, words))
		fail_msg("%d, expected %d and \"%s\": %s", r, code, words, err.msg);
	site_fini(site);
}

void write_registries(struct kit *kit, const char *text)
{
	if (!kit->config.registries_file)
		kit->config.registries_file = kit_path(kit, "registries.json");
	kit_write(kit, "registries.json", text, strlen(text));
}
