/* Keys, then certificates: after a crash between two of them the missing ones are made. */
#include "daemon/authority.h"
#include "daemon/pem_file.h"
#include "wire/certificate/certificate.h"

#define DAY_S       ((uint64_t)86400)
#define CA_DAYS     3650
#define CA_LEFT     365 /* days, below which it is made again */
#define SERVER_DAYS 90  /* what the big authorities settled on; browsers refuse more than 825 */
#define SERVER_LEFT 30
#define EARLIER_S   3600 /* for clients whose clocks are late */

struct authority {
	const struct authority_wish *wish;
	char *ca_path;
	char *server_path;
	struct secret ca_key, ca;
	struct secret server_key, server;
};

static void authority_fini(struct authority *a)
{
	free(a->ca_path);
	free(a->server_path);
	secret_fini(&a->ca_key);
	secret_fini(&a->ca);
	secret_fini(&a->server_key);
	secret_fini(&a->server);
}

/* The key in DIR/NAME.key, made if neither it nor its certificate is there. */
static int keep_key(const char *dir, const char *name, const char *certificate, struct secret *ret,
		    struct err *err)
{
	auto_free char *path = xasprintf("%s/%s.key", dir, name);

	if (path_exists(path))
		return pem_read(path, true, ret, NULL, err);
	if (path_exists(certificate))
		return err_set(err, -ENOENT,
			       "key %s is missing: remove %s as well if both are to be made anew",
			       path, certificate);
	certificate_make_key(ret);
	return file_write_atomic(path, ret->bytes, ret->len, 0600, err);
}

/* 1 if there is one, 0 if it has to be made. */
static int read_certificate(const char *path, struct secret *ret, struct certificate_facts *facts,
			    struct err *err)
{
	if (!path_exists(path))
		return 0;
	int r = pem_read(path, false, ret, NULL, err);
	if (r == 0)
		r = certificate_read(ret, facts, err);
	return r < 0 ? err_wrap(err, "certificate %s", path) : 1;
}

static bool lasts(const struct authority *a, const struct certificate_facts *facts,
		  unsigned days_left)
{
	return facts->from_s <= a->wish->now_s &&
	       facts->until_s > a->wish->now_s + days_left * DAY_S;
}

static struct certificate_wish wish_of(const struct authority *a, const char *name, unsigned days)
{
	return (struct certificate_wish){
		.common_name = name,
		.names = a->wish->names,
		.from_s = a->wish->now_s - EARLIER_S,
		.until_s = a->wish->now_s + days * DAY_S,
	};
}

static int keep_ca(struct authority *a, struct err *err)
{
	auto_certificate_facts struct certificate_facts facts = { 0 };
	auto_free char *name = xasprintf("Holm %s", a->wish->id);
	int r = keep_key(a->wish->dir, "ca", a->ca_path, &a->ca_key, err);

	if (r == 0)
		r = read_certificate(a->ca_path, &a->ca, &facts, err);
	if (r < 0)
		return r;
	if (r && lasts(a, &facts, CA_LEFT)) {
		r = certificate_check(&a->ca, &a->ca_key, NULL, err);
		return r < 0 ? err_wrap(err, "certificate %s", a->ca_path) : 0;
	}
	const struct certificate_wish wish = wish_of(a, name, CA_DAYS);
	r = certificate_make_authority(&a->ca_key, &wish, &a->ca, err);
	if (r == 0)
		r = file_write_atomic(a->ca_path, a->ca.bytes, a->ca.len, 0644, err);
	return r;
}

static int keep_server(struct authority *a, struct err *err)
{
	auto_certificate_facts struct certificate_facts facts = { 0 };
	const struct certificate_issuer issuer = { &a->ca, &a->ca_key };
	struct err other;
	int r = keep_key(a->wish->dir, "server", a->server_path, &a->server_key, err);

	if (r == 0)
		r = read_certificate(a->server_path, &a->server, &facts, err);
	if (r < 0)
		return r;
	if (r && lasts(a, &facts, SERVER_LEFT) && strv_eq(&facts.names, a->wish->names) &&
	    certificate_check(&a->server, &a->server_key, &a->ca, &other) == 0)
		return 0;
	const struct certificate_wish wish = wish_of(a, a->wish->names->items[0], SERVER_DAYS);
	r = certificate_issue(&issuer, &a->server_key, &wish, &a->server, err);
	if (r == 0)
		r = file_write_atomic(a->server_path, a->server.bytes, a->server.len, 0644, err);
	return r;
}

int authority_keep(const struct authority_wish *wish, struct secret *ret_certificate,
		   struct secret *ret_key, struct err *err)
{
	struct authority a = {
		.wish = wish,
		.ca_path = path_join(wish->dir, AUTHORITY_CA),
		.server_path = path_join(wish->dir, "server.pem"),
	};
	/* The one file that users of this machine look for is in it. */
	int r = dir_make(wish->dir, 0711, err);

	assert(wish->names->n > 0);
	if (r == 0)
		r = keep_ca(&a, err);
	if (r == 0)
		r = keep_server(&a, err);
	if (r == 0) {
		secret_set(ret_certificate, a.server.bytes, a.server.len);
		secret_set(ret_key, a.server_key.bytes, a.server_key.len);
	}
	authority_fini(&a);
	return r;
}
