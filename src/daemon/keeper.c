/* Reading a certificate and its key, and seeing that they have changed. */
#include <fcntl.h>
#include <signal.h>
#include <sys/stat.h>

#include "daemon/keeper.h"
#include "loop/loop.h"
#include "wire/certificate/certificate.h"

#define FILE_MAX    (256 << 10)
#define LOOK_MS     60000
#define ENDS_SOON_S ((uint64_t)14 * 86400)

/* What a file that was written again differs in. */
struct stamp {
	ino_t inode;
	off_t size;
	struct timespec written;
};

struct keeper {
	struct keeper_config config; /* without its strings */
	char *certificate_file;
	char *key_file;
	struct stamp certificate_stamp;
	struct stamp key_stamp;
	struct timer *timer;
	struct signal_watch *signal;
};

struct keeper *keeper_new(const struct keeper_config *config)
{
	struct keeper *k = NEW(struct keeper);

	k->config = *config;
	k->certificate_file = xstrdup(config->certificate_file);
	k->key_file = xstrdup(config->key_file);
	return k;
}

struct keeper *keeper_free(struct keeper *k)
{
	if (!k)
		return NULL;
	timer_cancel(k->timer);
	if (k->signal)
		signal_cancel(k->signal);
	free(k->certificate_file);
	free(k->key_file);
	free(k);
	return NULL;
}

static struct stamp stamp_of(const struct stat *st)
{
	return (struct stamp){ st->st_ino, st->st_size, st->st_mtim };
}

static int read_file(const char *path, bool is_key, struct secret *ret, struct stamp *ret_stamp,
		     struct err *err)
{
	auto_close int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK);
	struct stat st;

	if (fd < 0 || fstat(fd, &st) < 0)
		return err_errno(err, "open %s", path);
	*ret_stamp = stamp_of(&st);
	if (!S_ISREG(st.st_mode) || st.st_size <= 0 || st.st_size > FILE_MAX)
		return err_set(err, -EBADMSG, "%s: expected a file of 1 to %d bytes", path,
			       FILE_MAX);
	if (is_key && st.st_uid != geteuid())
		return err_set(err, -EACCES, "key %s: it belongs to user %u: chown root", path,
			       st.st_uid);
	if (is_key && st.st_mode & 077)
		return err_set(err, -EACCES, "key %s: others may read it (mode %04o): chmod 600",
			       path, st.st_mode & 07777);
	secret_make_room(ret, (size_t)st.st_size);
	if (read(fd, ret->bytes, ret->len) != st.st_size)
		return err_set(err, -EIO, "read %s: it is cut off", path);
	return 0;
}

static void warn_of_end(const struct keeper *k, const struct certificate_facts *facts)
{
	uint64_t now_s = loop_wall_ms(k->config.loop) / 1000;

	if (facts->until_s <= now_s)
		log_warning("certificate %s has expired", k->certificate_file);
	else if (facts->until_s - now_s < ENDS_SOON_S)
		log_warning("certificate %s expires in %lu hours", k->certificate_file,
			    (unsigned long)((facts->until_s - now_s) / 3600));
}

int keeper_load(struct keeper *k, struct secret *ret_certificates, struct secret *ret_key,
		struct err *err)
{
	auto_certificate_facts struct certificate_facts facts = { 0 };
	int r = read_file(k->certificate_file, false, ret_certificates, &k->certificate_stamp, err);

	if (r == 0)
		r = read_file(k->key_file, true, ret_key, &k->key_stamp, err);
	if (r < 0)
		return r;
	r = certificate_read(ret_certificates, &facts, err);
	if (r < 0)
		return err_wrap(err, "certificate %s", k->certificate_file);
	r = certificate_check(ret_certificates, ret_key, NULL, err);
	if (r < 0)
		return err_wrap(err, "certificate %s with key %s", k->certificate_file,
				k->key_file);
	warn_of_end(k, &facts);
	return 0;
}

static void show_again(struct keeper *k)
{
	auto_secret struct secret certificates = { 0 };
	auto_secret struct secret key = { 0 };
	struct err err;
	int r = keeper_load(k, &certificates, &key, &err);

	if (r == 0)
		r = k->config.show(k->config.arg, &certificates, &key, &err);
	if (r == 0)
		log_info("certificate %s is shown from now on", k->certificate_file);
	else
		log_error("the earlier certificate stays: %s", err.msg);
}

static bool has_changed(const char *path, const struct stamp *earlier)
{
	struct stat st;
	struct stamp now;

	/* A file that is missing for a moment is being replaced. */
	if (stat(path, &st) < 0)
		return false;
	now = stamp_of(&st);
	return now.inode != earlier->inode || now.size != earlier->size ||
	       now.written.tv_sec != earlier->written.tv_sec ||
	       now.written.tv_nsec != earlier->written.tv_nsec;
}

static void on_look(void *arg)
{
	struct keeper *k = arg;

	k->timer = timer_start(k->config.loop, LOOK_MS, on_look, k);
	if (has_changed(k->certificate_file, &k->certificate_stamp) ||
	    has_changed(k->key_file, &k->key_stamp))
		show_again(k);
}

static void on_signal(void *arg, int signum)
{
	show_again(arg);
}

void keeper_begin(struct keeper *k)
{
	k->signal = signal_watch(k->config.loop, SIGHUP, on_signal, k);
	k->timer = timer_start(k->config.loop, LOOK_MS, on_look, k);
}
