/* Loading a certificate and its key, and seeing that they have changed. */
#include <signal.h>

#include "daemon/authority.h"
#include "daemon/keeper.h"
#include "daemon/names.h"
#include "daemon/pem_file.h"
#include "loop/loop.h"
#include "wire/certificate/certificate.h"

#define LOOK_FILES_MS     60000
#define LOOK_AUTHORITY_MS 3600000 /* weeks before an end */
#define ENDS_SOON_S       ((uint64_t)14 * 86400)

struct keeper {
	struct keeper_config config;
	struct pem_stamp certificate_stamp;
	struct pem_stamp key_stamp;
	struct secret loaded; /* the certificate */
	struct timer *timer;
	struct signal_watch *signal;
};

struct keeper *keeper_new(const struct keeper_config *config)
{
	struct keeper *k = NEW(struct keeper);

	k->config = *config;
	return k;
}

struct keeper *keeper_free(struct keeper *k)
{
	if (!k)
		return NULL;
	timer_cancel(k->timer);
	if (k->signal)
		signal_cancel(k->signal);
	secret_fini(&k->loaded);
	free(k);
	return NULL;
}

static uint64_t now_s(const struct keeper *k)
{
	return loop_wall_ms(k->config.loop) / 1000;
}

static void warn_of_end(const struct keeper *k, const struct certificate_facts *facts)
{
	const char *file = k->config.certificate_file;
	uint64_t now = now_s(k);

	if (facts->until_s <= now)
		log_warning("certificate %s has expired", file);
	else if (facts->until_s - now < ENDS_SOON_S)
		log_warning("certificate %s expires in %lu hours", file,
			    (unsigned long)((facts->until_s - now) / 3600));
}

static int load_files(struct keeper *k, struct secret *ret_certificates, struct secret *ret_key,
		      struct err *err)
{
	const struct keeper_config *c = &k->config;
	auto_certificate_facts struct certificate_facts facts = { 0 };
	int r = pem_read(c->certificate_file, false, ret_certificates, &k->certificate_stamp, err);

	if (r == 0)
		r = pem_read(c->key_file, true, ret_key, &k->key_stamp, err);
	if (r < 0)
		return r;
	r = certificate_read(ret_certificates, &facts, err);
	if (r < 0)
		return err_wrap(err, "certificate %s", c->certificate_file);
	r = certificate_check(ret_certificates, ret_key, NULL, err);
	if (r < 0)
		return err_wrap(err, "certificate %s with key %s", c->certificate_file,
				c->key_file);
	warn_of_end(k, &facts);
	return 0;
}

static int load_authority(struct keeper *k, struct secret *ret_certificates, struct secret *ret_key,
			  struct err *err)
{
	const struct keeper_config *c = &k->config;
	auto_strv struct strv names = { 0 };

	names_collect(c->hostname, c->address, c->more_names, &names);
	const struct authority_wish wish = { c->authority_dir, c->authority_id, &names, now_s(k) };
	return authority_keep(&wish, ret_certificates, ret_key, err);
}

int keeper_load(struct keeper *k, struct secret *ret_certificates, struct secret *ret_key,
		struct err *err)
{
	int r = (k->config.authority_dir ? load_authority : load_files)(k, ret_certificates,
									ret_key, err);

	if (r == 0)
		secret_set(&k->loaded, ret_certificates->bytes, ret_certificates->len);
	return r;
}

/* Of the authority only what is new. */
static void show_again(struct keeper *k, bool is_asked)
{
	auto_secret struct secret certificates = { 0 };
	auto_secret struct secret key = { 0 };
	auto_secret struct secret earlier = { 0 };
	struct err err;
	secret_set(&earlier, k->loaded.bytes, k->loaded.len);
	int r = keeper_load(k, &certificates, &key, &err);

	if (r == 0 && !is_asked && secret_equal(&earlier, &certificates))
		return;
	if (r == 0)
		r = k->config.show(k->config.arg, &certificates, &key, &err);
	if (r == 0)
		log_info("another certificate is shown from now on");
	else
		log_error("the earlier certificate stays: %s", err.msg);
}

static void on_look(void *arg);

static void look_later(struct keeper *k)
{
	k->timer = timer_start(k->config.loop,
			       k->config.authority_dir ? LOOK_AUTHORITY_MS : LOOK_FILES_MS, on_look,
			       k);
}

static void on_look(void *arg)
{
	struct keeper *k = arg;

	look_later(k);
	if (k->config.authority_dir ||
	    pem_has_changed(k->config.certificate_file, &k->certificate_stamp) ||
	    pem_has_changed(k->config.key_file, &k->key_stamp))
		show_again(k, !k->config.authority_dir);
}

static void on_signal(void *arg, int signum)
{
	show_again(arg, true);
}

void keeper_begin(struct keeper *k)
{
	k->signal = signal_watch(k->config.loop, SIGHUP, on_signal, k);
	look_later(k);
}
