/* The file registries.json: what an operator says about registries. */
#include "image/registry/hosts.h"
#include "json/json.h"

#define FILE_MAX    (1u << 20)
#define TEXT_MAX    4096
#define MIRRORS_MAX 16
#define HOSTS_MAX   1000

#define S(member, ...) FIELD(struct registry_host, member, __VA_ARGS__)
static const struct field host_fields[] = {
	S(host, "host", F_STR, .max = TEXT_MAX, .flags = F_REQUIRED),
	S(ca_file, "ca_file", F_STR, .max = TEXT_MAX, .flags = F_OMIT_EMPTY),
	S(cert_file, "client_cert_file", F_STR, .max = TEXT_MAX, .flags = F_OMIT_EMPTY),
	S(key_file, "client_key_file", F_STR, .max = TEXT_MAX, .flags = F_OMIT_EMPTY),
	S(is_plain, "plain_http", F_BOOL, .flags = F_OMIT_EMPTY),
	S(allows_urls, "allow_foreign_layers", F_BOOL, .flags = F_OMIT_EMPTY),
	S(mirrors, "mirrors", F_STRV, .max = MIRRORS_MAX, .flags = F_OMIT_EMPTY),
};
#undef S
static FIELD_TABLE(host_table, struct registry_host, "registry", host_fields);

static const struct field hosts_fields[] = {
	FIELD_ARRAY(struct registry_hosts, items, n, "registries", &host_table, .max = HOSTS_MAX,
		    .flags = F_REQUIRED),
};
static FIELD_TABLE(hosts_table, struct registry_hosts, "registries", hosts_fields);

void registry_hosts_fini(struct registry_hosts *hosts)
{
	fields_fini(&hosts_table, hosts);
}

char *registry_canonical(const char *host)
{
	if (str_eq(host, "index.docker.io") || str_eq(host, "registry-1.docker.io"))
		host = "docker.io";
	return xstrdup(host);
}

/* Of what a name and a port are made; a slash only where a prefix may follow. */
static bool is_place(const char *text, bool may_have_prefix)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789"
				    "._-:[]/";

	if (!*text || *text == '/' || strspn(text, chars) != strlen(text) || strstr(text, "//"))
		return false;
	return may_have_prefix ? !str_ends(text, "/") : !strchr(text, '/');
}

static int check_file(size_t i, const char *field, const char *path, struct err *err)
{
	if (!path || *path == '/')
		return 0;
	return err_set(err, -EBADMSG,
		       "registries[%zu].%s: expected an absolute path, got \"%.200s\"", i, field,
		       path);
}

static int check_host(const struct registry_hosts *hosts, size_t i, struct err *err)
{
	const struct registry_host *h = &hosts->items[i];

	if (!is_place(h->host, false))
		return err_set(err, -EBADMSG,
			       "registries[%zu].host: expected HOST[:PORT], got \"%.200s\"", i,
			       h->host);
	for (size_t k = 0; k < i; k++)
		if (str_eq(hosts->items[k].host, h->host))
			return err_set(err, -EBADMSG, "registries[%zu].host: %s is there twice", i,
				       h->host);
	for (size_t k = 0; k < h->mirrors.n; k++)
		if (!is_place(h->mirrors.items[k], true))
			return err_set(err, -EBADMSG,
				       "registries[%zu].mirrors[%zu]: expected "
				       "HOST[:PORT][/PREFIX], got \"%.200s\"",
				       i, k, h->mirrors.items[k]);
	if (!h->cert_file != !h->key_file)
		return err_set(err, -EBADMSG,
			       "registries[%zu]: client_cert_file and client_key_file belong "
			       "together",
			       i);
	int r = check_file(i, "ca_file", h->ca_file, err);
	if (r == 0)
		r = check_file(i, "client_cert_file", h->cert_file, err);
	return r < 0 ? r : check_file(i, "client_key_file", h->key_file, err);
}

static int parse(const char *text, struct registry_hosts *ret, struct err *err)
{
	struct registry_hosts hosts = { 0 };
	int r = fields_parse_text(&hosts_table, text, &hosts, FIELD_UNKNOWN_ERROR, err);

	for (size_t i = 0; r == 0 && i < hosts.n; i++) {
		char *host = registry_canonical(hosts.items[i].host);

		free(hosts.items[i].host);
		hosts.items[i].host = host;
		r = check_host(&hosts, i, err);
	}
	if (r < 0) {
		registry_hosts_fini(&hosts);
		return err->code = -EBADMSG;
	}
	*ret = hosts;
	return 0;
}

int registry_hosts_read(const struct image_config *config, struct registry_hosts *ret,
			struct err *err)
{
	auto_free char *text = NULL;

	*ret = (struct registry_hosts){ 0 };
	if (!config->registries_file)
		return 0;
	int r = file_read(config->registries_file, FILE_MAX, &text, NULL, err);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return r;
	r = parse(text, ret, err);
	return r < 0 ? err_wrap(err, "%s", config->registries_file) : 0;
}

const struct registry_host *registry_hosts_find(const struct registry_hosts *hosts,
						const char *host)
{
	auto_free char *name = registry_canonical(host);

	for (size_t i = 0; i < hosts->n; i++)
		if (str_eq(hosts->items[i].host, name))
			return &hosts->items[i];
	return NULL;
}

/* "localhost.example.com" and "127.0.0.1.example.com" are not. */
static bool is_loopback(const char *registry)
{
	auto_free char *host = xstrdup(registry);
	char *port = strrchr(host, ':');
	uint32_t addr;

	if (port && !strchr(port, ']'))
		*port = '\0';
	return str_eq(host, "localhost") || str_eq(host, "[::1]") ||
	       (parse_ipv4(host, &addr) == 0 && addr >> 24 == 127);
}

bool registry_is_plain(const struct image_config *config, const struct registry_hosts *hosts,
		       const char *host)
{
	const struct registry_host *said = registry_hosts_find(hosts, host);

	if (strv_has(&config->insecure, host) || (said && said->is_plain))
		return true;
	/* Loopback speaks HTTP unless something is said about its certificates. */
	return is_loopback(host) && !(said && (said->ca_file || said->cert_file));
}
