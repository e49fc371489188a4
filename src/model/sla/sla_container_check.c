/* What is refused of the fields that only containers have, one function per field. */
#include <arpa/inet.h>
#include <stdarg.h>

#include "base/base.h"
#include "base/signals.h"
#include "model/capability.h"
#include "model/sla_container.h"

#define HOST_NAME_MAX_LEN 64 /* of the kernel */
#define USER_MAX          256
#define OOM_ADJ_MAX       1000
#define WEIGHT_MIN        10
#define CPUS_MAX          8192

#define LETTERS "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
#define DIGITS  "0123456789"

struct look {
	const struct sla_container *c;
	struct sla_flaw *flaw;
};

typedef bool (*look_fn)(struct look *l);

static void at(struct look *l, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
static void at(struct look *l, const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(l->flaw->field, sizeof(l->flaw->field), fmt, ap);
	va_end(ap);
}

/* Always true: a flaw was found. */
static bool wrong(struct look *l, const char *expected, const char *value)
{
	l->flaw->expected = expected;
	STR_COPY(l->flaw->value, value ? value : "");
	return true;
}

static bool wrong_number(struct look *l, const char *expected, int64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%lld", (long long)value);
	return wrong(l, expected, text);
}

static bool consists_of(const char *s, const char *set)
{
	return *s && s[strspn(s, set)] == '\0';
}

/* True if one of the names before index `i` is the same. */
static bool is_repeated(const struct strv *names, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (str_eq(names->items[k], names->items[i]))
			return true;
	return false;
}

static bool look_user(struct look *l)
{
	const char *s = l->c->user;
	const char *colon = s ? strchr(s, ':') : NULL;

	at(l, "user");
	if (!s || (*s != ':' && strlen(s) <= USER_MAX && !strpbrk(s, " \t\r\n/") &&
		   (!colon || (colon[1] && !strchr(colon + 1, ':')))))
		return false;
	return wrong(l, "NAME[:GROUP] or UID[:GID]", s);
}

static bool look_dir(struct look *l)
{
	const char *s = l->c->working_dir;

	at(l, "working_dir");
	if (!s || str_eq(s, "/") || sla_path_is_valid(s))
		return false;
	return wrong(l, "an absolute path without . and ..", s);
}

static bool look_stop_signal(struct look *l)
{
	int sig;

	at(l, "stop_signal");
	if (!l->c->stop_signal || signal_parse(l->c->stop_signal, &sig) == 0)
		return false;
	return wrong(l, "a signal such as SIGTERM, INT or 15", l->c->stop_signal);
}

static bool hostname_is_valid(const char *s)
{
	return strlen(s) <= HOST_NAME_MAX_LEN && consists_of(s, LETTERS DIGITS "-.") &&
	       strchr(LETTERS DIGITS, *s) && strchr(LETTERS DIGITS, s[strlen(s) - 1]);
}

static bool look_hostname(struct look *l)
{
	at(l, "hostname");
	if (!l->c->hostname || hostname_is_valid(l->c->hostname))
		return false;
	return wrong(l, "at most 64 letters, digits, hyphens and dots", l->c->hostname);
}

static bool look_tmpfs(struct look *l)
{
	auto_strv struct strv seen = { 0 };

	for (size_t i = 0; i < l->c->n_tmpfs; i++) {
		const struct sla_tmpfs *t = &l->c->tmpfs[i];

		strv_add(&seen, t->path);
		at(l, "tmpfs[%zu].path", i);
		if (!sla_path_is_valid(t->path))
			return wrong(l, "an absolute path below / without . and ..", t->path);
		if (is_repeated(&seen, i))
			return wrong(l, "each path once", t->path);
		at(l, "tmpfs[%zu].mode", i);
		if (t->mode && (!consists_of(t->mode, "01234567") || strlen(t->mode) > 4))
			return wrong(l, "up to four octal digits", t->mode);
	}
	return false;
}

static bool number_is_limit(int64_t v)
{
	return v >= 0 || v == ULIMIT_UNLIMITED;
}

static bool exceeds(int64_t soft, int64_t hard)
{
	return hard != ULIMIT_UNLIMITED && (soft == ULIMIT_UNLIMITED || soft > hard);
}

static bool look_ulimits(struct look *l)
{
	auto_strv struct strv seen = { 0 };

	for (size_t i = 0; i < l->c->n_ulimits; i++) {
		const struct sla_ulimit *u = &l->c->ulimits[i];

		strv_add(&seen, u->name);
		at(l, "ulimits[%zu].name", i);
		if (!sla_ulimit_type(u->name))
			return wrong(l, "a limit of setrlimit(2) such as nofile", u->name);
		if (is_repeated(&seen, i))
			return wrong(l, "each limit once", u->name);
		at(l, "ulimits[%zu].soft", i);
		if (!number_is_limit(u->soft))
			return wrong_number(l, "0 or more, or -1 for unlimited", u->soft);
		at(l, "ulimits[%zu].hard", i);
		if (u->has_hard && (!number_is_limit(u->hard) || exceeds(u->soft, u->hard)))
			return wrong_number(l, "-1 for unlimited, or no less than soft", u->hard);
	}
	return false;
}

/* Only what a namespace of the container's own has; all else would change the node. */
static bool sysctl_is_own(const char *name)
{
	static const char *const prefixes[] = { "net.", "kernel.shm", "kernel.msg", "fs.mqueue." };

	for (size_t i = 0; i < ARRAY_LEN(prefixes); i++)
		if (str_starts(name, prefixes[i]) && name[strlen(prefixes[i])])
			return true;
	return str_eq(name, "kernel.sem");
}

static bool look_sysctls(struct look *l)
{
	auto_strv struct strv seen = { 0 };

	for (size_t i = 0; i < l->c->sysctls.n; i++) {
		const char *s = l->c->sysctls.items[i];

		strv_take(&seen, xstrndup(s, strcspn(s, "=")));
		at(l, "sysctls[%zu]", i);
		if (!strchr(s, '=') || !consists_of(seen.items[i], LETTERS DIGITS "._-"))
			return wrong(l, "NAME=VALUE with a name such as net.core.somaxconn", s);
		if (!sysctl_is_own(seen.items[i]))
			return wrong(l,
				     "net.*, kernel.shm*, kernel.msg*, kernel.sem or fs.mqueue.*, "
				     "since all else would be set for the whole node",
				     s);
		if (is_repeated(&seen, i))
			return wrong(l, "each name once", s);
	}
	return false;
}

static bool look_devices(struct look *l)
{
	auto_strv struct strv seen = { 0 };

	for (size_t i = 0; i < l->c->n_devices; i++) {
		const struct sla_device *d = &l->c->devices[i];

		strv_add(&seen, d->target ? d->target : d->path);
		at(l, "devices[%zu].path", i);
		if (!sla_path_is_valid(d->path) || !path_is_below(d->path, "/dev"))
			return wrong(l, "a path below /dev", d->path);
		at(l, "devices[%zu].target", i);
		if (d->target && !sla_path_is_valid(d->target))
			return wrong(l, "an absolute path", d->target);
		if (is_repeated(&seen, i))
			return wrong(l, "a path that no other device has", seen.items[i]);
		at(l, "devices[%zu].permissions", i);
		if (d->permissions && !consists_of(d->permissions, "rwm"))
			return wrong(l, "letters of rwm", d->permissions);
	}
	return false;
}

static bool look_cap_list(struct look *l, const char *field, const struct strv *names)
{
	for (size_t i = 0; i < names->n; i++) {
		at(l, "%s[%zu]", field, i);
		if (!capability_parse(names->items[i]))
			return wrong(l, "a capability such as NET_ADMIN, or ALL", names->items[i]);
	}
	return false;
}

static bool look_caps(struct look *l)
{
	return look_cap_list(l, "cap_add", &l->c->cap_add) ||
	       look_cap_list(l, "cap_drop", &l->c->cap_drop);
}

static bool look_hosts(struct look *l)
{
	for (size_t i = 0; i < l->c->extra_hosts.n; i++) {
		const char *s = l->c->extra_hosts.items[i];
		auto_free char *name = xstrndup(s, strcspn(s, ":"));
		const char *address = s[strlen(name)] ? s + strlen(name) + 1 : "";
		struct in6_addr parsed;

		at(l, "extra_hosts[%zu]", i);
		if (!*name || !hostname_is_valid(name) ||
		    (!str_eq(address, HOST_GATEWAY) && inet_pton(AF_INET, address, &parsed) != 1 &&
		     inet_pton(AF_INET6, address, &parsed) != 1))
			return wrong(l, "NAME:ADDRESS or NAME:" HOST_GATEWAY, s);
	}
	return false;
}

static bool look_oom(struct look *l)
{
	at(l, "oom_score_adj");
	if (l->c->oom_score_adj >= -OOM_ADJ_MAX && l->c->oom_score_adj <= OOM_ADJ_MAX)
		return false;
	return wrong_number(l, "-1000 to 1000", l->c->oom_score_adj);
}

/* "0-1,3" */
static bool cpuset_is_valid(const char *text)
{
	auto_strv struct strv parts = { 0 };

	strv_split(&parts, text, ",");
	for (size_t i = 0; i < parts.n; i++) {
		char *last = strchr(parts.items[i], '-');
		uint32_t from;
		uint32_t to;

		if (last)
			*last++ = '\0';
		if (parse_u32(parts.items[i], 0, CPUS_MAX, &from) < 0 ||
		    (last && parse_u32(last, from, CPUS_MAX, &to) < 0))
			return false;
	}
	return parts.n > 0;
}

static bool look_cpuset(struct look *l)
{
	at(l, "cpuset");
	if (!l->c->cpuset || cpuset_is_valid(l->c->cpuset))
		return false;
	return wrong(l, "numbers of processors such as 0-1,3", l->c->cpuset);
}

static bool look_io(struct look *l)
{
	at(l, "io.weight");
	if (!l->c->io.weight || l->c->io.weight >= WEIGHT_MIN)
		return false;
	return wrong_number(l, "10 to 1000", l->c->io.weight);
}

/* A unikernel is a machine of its own: it has no user, no capabilities, no files of an image. */
static bool look_given(struct look *l)
{
	const struct sla_container *c = l->c;
	const struct {
		const char *field;
		bool is_given;
	} given[] = {
		{ "entrypoint", c->entrypoint.n > 0 },
		{ "user", c->user },
		{ "working_dir", c->working_dir },
		{ "stop_signal", c->stop_signal },
		{ "hostname", c->hostname },
		{ "read_only", c->is_read_only },
		{ "tty", c->has_terminal },
		{ "stdin", c->has_input },
		{ "tmpfs", c->n_tmpfs > 0 },
		{ "shm_size", c->shm_size_mib > 0 },
		{ "ulimits", c->n_ulimits > 0 },
		{ "sysctls", c->sysctls.n > 0 },
		{ "devices", c->n_devices > 0 },
		{ "cap_add", c->cap_add.n > 0 },
		{ "cap_drop", c->cap_drop.n > 0 },
		{ "seccomp", c->seccomp != SECCOMP_DEFAULT },
		{ "no_new_privileges", c->has_no_new_privileges },
		{ "extra_hosts", c->extra_hosts.n > 0 },
		{ "oom_score_adj", c->oom_score_adj != 0 },
		{ "cpuset", c->cpuset },
		{ "io", !sla_io_is_empty(&c->io) },
	};

	for (size_t i = 0; i < ARRAY_LEN(given); i++) {
		at(l, "%s", given[i].field);
		if (given[i].is_given)
			return wrong(l, "nothing, since a unikernel is no container", "a value");
	}
	return false;
}

bool sla_container_find_flaw(const struct sla_container *container, bool is_unikernel,
			     struct sla_flaw *ret)
{
	static const look_fn looks[] = {
		look_user,    look_dir,     look_stop_signal, look_hostname, look_tmpfs,
		look_ulimits, look_sysctls, look_devices,     look_caps,     look_hosts,
		look_oom,     look_cpuset,  look_io,
	};
	struct look l = { container, ret };

	if (is_unikernel && look_given(&l))
		return true;
	for (size_t i = 0; i < ARRAY_LEN(looks); i++)
		if (looks[i](&l))
			return true;
	return false;
}
