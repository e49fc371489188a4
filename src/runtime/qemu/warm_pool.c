/* The table of machines that wait. What is taken out of it under the lock is nobody else's. Processes are
 * made and ended without the lock: one that is being ended stays, and its memory counts, until it is gone. */
#include <dirent.h>
#include <sys/stat.h>

#include "base/clock.h"
#include "loop/loop.h"
#include "runtime/qemu/build.h"
#include "runtime/qemu/instance.h"
#include "runtime/qemu/machine.h"
#include "runtime/qemu/warm.h"

#define KEPT_MS 60000 /* for an instance that is about to start */

struct warm {
	pthread_mutex_t lock;   /* of all but the next */
	pthread_mutex_t making; /* by whoever makes one */
	pthread_cond_t ended;   /* one that was being ended is not any more */
	struct warm_machine *items;
	size_t n;
	uint64_t making_bytes; /* of the one that is being made */
	char why[ERR_MSG_MAX]; /* none was made last */
};

struct warm *warm_new(void)
{
	struct warm *warm = NEW(struct warm);

	pthread_mutex_init(&warm->lock, NULL);
	pthread_mutex_init(&warm->making, NULL);
	pthread_cond_init(&warm->ended, NULL);
	return warm;
}

struct warm *warm_free(struct qemu *qemu)
{
	struct warm *warm = qemu->warm;

	if (!warm)
		return NULL;
	warm_empty(qemu);
	pthread_mutex_destroy(&warm->lock);
	pthread_mutex_destroy(&warm->making);
	pthread_cond_destroy(&warm->ended);
	for (size_t i = 0; i < warm->n; i++)
		warm_machine_fini(&warm->items[i]);
	free(warm->items);
	free(warm);
	return NULL;
}

static struct warm_machine take_out(struct warm *warm, size_t i)
{
	struct warm_machine machine = warm->items[i];

	warm->items[i] = warm->items[--warm->n];
	return machine;
}

/* Of those beside the instance's own; `ret_ending` (may be NULL): of them what is being given back. */
static uint64_t bytes_beside(const struct warm *warm, const char *instance_id, uint64_t *ret_ending)
{
	uint64_t bytes = warm->making_bytes;
	uint64_t ending = 0;

	for (size_t i = 0; i < warm->n; i++) {
		const struct warm_machine *m = &warm->items[i];

		if (instance_id && str_eq(m->instance_id, instance_id))
			continue;
		bytes += m->bytes;
		ending += m->is_ending ? m->bytes : 0;
	}
	if (ret_ending)
		*ret_ending = ending;
	return bytes;
}

/* One to end: of those that are kept for nobody first; -1: none. */
static ssize_t find_victim(const struct warm *warm, const char *instance_id)
{
	ssize_t found = -1;

	for (size_t i = 0; i < warm->n; i++) {
		const struct warm_machine *m = &warm->items[i];

		if (m->is_ending || m->is_stuck)
			continue;
		if (!m->instance_id[0])
			return (ssize_t)i;
		if (!instance_id || !str_eq(m->instance_id, instance_id))
			found = (ssize_t)i;
	}
	return found;
}

static ssize_t find_named(const struct warm *warm, const char *name)
{
	for (size_t i = 0; i < warm->n; i++)
		if (str_eq(warm->items[i].name, name))
			return (ssize_t)i;
	return -1;
}

/* With the lock, which it lets go of meanwhile. One that does not end stays as the last one. */
static bool end_at(struct qemu *qemu, size_t i)
{
	struct warm *warm = qemu->warm;
	char name[sizeof(warm->items[i].name)];
	struct warm_machine machine;
	struct err err;

	STR_COPY(name, warm->items[i].name);
	warm->items[i].is_ending = true;
	pthread_mutex_unlock(&warm->lock);
	int r = machine_remove(qemu, name, &err);
	if (r < 0)
		log_warning("%s", err.msg);
	pthread_mutex_lock(&warm->lock);
	machine = take_out(warm, (size_t)find_named(warm, name));
	machine.is_ending = false;
	machine.is_stuck = r < 0;
	if (r == 0)
		warm_machine_fini(&machine);
	else
		warm->items[warm->n++] = machine;
	pthread_cond_broadcast(&warm->ended);
	return r == 0;
}

/* True if there was one to end. */
static bool end_one_beyond(struct qemu *qemu, const char *instance_id, uint64_t max_bytes)
{
	struct warm *warm = qemu->warm;
	uint64_t ending;
	ssize_t i = -1;

	pthread_mutex_lock(&warm->lock);
	if (bytes_beside(warm, instance_id, &ending) > max_bytes + ending)
		i = find_victim(warm, instance_id);
	if (i >= 0)
		end_at(qemu, (size_t)i);
	pthread_mutex_unlock(&warm->lock);
	return i >= 0;
}

void warm_empty(struct qemu *qemu)
{
	pthread_mutex_lock(&qemu->warm->making);
	while (end_one_beyond(qemu, NULL, 0))
		;
	pthread_mutex_unlock(&qemu->warm->making);
}

/* Whether they have more; waits for those that others are ending, whose time has a bound. */
static bool is_over(struct warm *warm, const char *instance_id, uint64_t max_bytes)
{
	uint64_t bytes, ending;

	pthread_mutex_lock(&warm->lock);
	while ((bytes = bytes_beside(warm, instance_id, &ending)) > max_bytes && ending)
		pthread_cond_wait(&warm->ended, &warm->lock);
	pthread_mutex_unlock(&warm->lock);
	return bytes > max_bytes;
}

/* One that is being made was broken off; its memory is waited for. */
static int driver_trim(void *state, const char *instance_id, uint64_t max_bytes, struct err *err)
{
	struct qemu *qemu = state;
	struct warm *warm = qemu->warm;

	while (end_one_beyond(qemu, instance_id, max_bytes))
		;
	if (!is_over(warm, instance_id, max_bytes))
		return 0;
	pthread_mutex_lock(&warm->making);
	while (end_one_beyond(qemu, instance_id, max_bytes))
		;
	bool is_full = is_over(warm, instance_id, max_bytes);
	pthread_mutex_unlock(&warm->making);
	return is_full ? err_set(err, -EBUSY, "machines that wait have its memory and do not end")
		       : 0;
}

static bool is_alive(const struct warm_machine *m)
{
	return !m->is_ending && !m->is_stuck && proc_is_alive(&m->processes.vm) &&
	       proc_is_alive(&m->processes.helper);
}

static pid_t driver_reserve(void *state, const char *label, const char *instance_id)
{
	struct warm *warm = ((struct qemu *)state)->warm;
	pid_t pid = 0;

	pthread_mutex_lock(&warm->lock);
	for (size_t i = 0; i < warm->n && !pid; i++) {
		struct warm_machine *m = &warm->items[i];
		bool is_free = !m->instance_id[0] || str_eq(m->instance_id, instance_id);

		if (!is_free || !str_eq(m->label, label) || !is_alive(m))
			continue;
		STR_COPY(m->instance_id, instance_id);
		m->kept_ms = clock_monotonic_ms();
		pid = m->processes.helper.pid;
	}
	pthread_mutex_unlock(&warm->lock);
	return pid;
}

static void driver_look(void *state, struct runtime_warm_use *ret)
{
	struct warm *warm = ((struct qemu *)state)->warm;

	pthread_mutex_lock(&warm->lock);
	*ret = (struct runtime_warm_use){ .machines = (uint32_t)warm->n,
					  .bytes = bytes_beside(warm, NULL, NULL) };
	pthread_mutex_unlock(&warm->lock);
}

static bool is_in(const struct warm_machine *m, const char *netns_path)
{
	struct stat st;

	return netns_path && stat(netns_path, &st) == 0 && st.st_ino == m->netns;
}

/* Why it is not for this start; NULL: it is. */
static const char *find_fault(const struct warm_machine *m, const struct runtime_spec *spec,
			      const char *key)
{
	if (!is_alive(m))
		return "it has ended";
	if (!str_eq(m->key, key))
		return "it is of another image or configuration";
	return is_in(m, spec->net.netns_path) ? NULL : "the instance has a network already";
}

int warm_claim(struct qemu *qemu, const struct runtime_spec *spec, const char *key,
	       struct warm_machine *ret, struct err *err)
{
	struct warm *warm = qemu->warm;
	struct warm_machine machine = { 0 };
	const char *fault = NULL;
	bool is_found = false;

	pthread_mutex_lock(&warm->lock);
	for (size_t i = 0; i < warm->n && !is_found; i++) {
		if (!str_eq(warm->items[i].instance_id, spec->instance_id) ||
		    warm->items[i].is_ending)
			continue;
		machine = take_out(warm, i);
		is_found = true;
	}
	if (!is_found)
		err_set(err, -ENOENT, "%s", warm->why[0] ? warm->why : "all are taken");
	pthread_mutex_unlock(&warm->lock);
	if (!is_found)
		return err->code;
	fault = find_fault(&machine, spec, key);
	if (!fault) {
		*ret = machine;
		return 0;
	}
	pthread_mutex_lock(&warm->lock);
	*ARRAY_ADD(warm->items, warm->n) = machine;
	end_at(qemu, warm->n - 1);
	pthread_mutex_unlock(&warm->lock);
	return err_set(err, -ENOENT, "%s", fault);
}

/* What a tending is about. */
struct tending {
	struct qemu *qemu;
	const struct runtime_warm_wish *wish;
	char (*keys)[SNAPSHOT_KEY_SIZE]; /* parallel to its specs; "": it cannot be */
};

static bool is_wished(const struct tending *t, const struct warm_machine *m)
{
	for (size_t i = 0; i < t->wish->n; i++)
		if (str_eq(t->wish->specs[i]->warm_label, m->label))
			return str_eq(t->keys[i], m->key);
	return false;
}

static bool is_doomed(const struct tending *t, const struct warm_machine *m)
{
	bool is_late = m->instance_id[0] && clock_monotonic_ms() - m->kept_ms > KEPT_MS;

	if (m->is_ending)
		return false;
	return !is_alive(m) || is_late || (!m->instance_id[0] && !is_wished(t, m));
}

static bool end_one_doomed(const struct tending *t)
{
	struct warm *warm = t->qemu->warm;
	bool is_ended = false;
	size_t i = 0;

	pthread_mutex_lock(&warm->lock);
	while (i < warm->n && !is_doomed(t, &warm->items[i]))
		i++;
	if (i < warm->n)
		is_ended = end_at(t->qemu, i);
	pthread_mutex_unlock(&warm->lock);
	return is_ended;
}

static unsigned count(const struct warm *warm, const char *label)
{
	unsigned n = 0;

	for (size_t i = 0; i < warm->n; i++)
		n += str_eq(warm->items[i].label, label) && !warm->items[i].instance_id[0] &&
		     !warm->items[i].is_ending;
	return n;
}

/* The wish that has fewest, of those that lack one and have room for it; NULL: none. Its memory counts
 * from now on. */
static const struct runtime_spec *choose(const struct tending *t)
{
	struct warm *warm = t->qemu->warm;
	const struct runtime_spec *chosen = NULL;
	unsigned fewest = WARM_PER_LABEL;

	pthread_mutex_lock(&warm->lock);
	for (size_t i = 0; i < t->wish->n; i++) {
		const struct runtime_spec *spec = t->wish->specs[i];
		unsigned n = count(warm, spec->warm_label);

		if (n >= fewest || !t->keys[i][0])
			continue;
		uint64_t bytes = bytes_beside(warm, NULL, NULL) + warm_bytes(spec);
		if (bytes > t->wish->max_bytes) {
			snprintf(warm->why, sizeof(warm->why),
				 "the pool has room for %llu MiB, one more would be %llu",
				 (unsigned long long)(t->wish->max_bytes >> 20),
				 (unsigned long long)(bytes >> 20));
			continue;
		}
		chosen = spec;
		fewest = n;
	}
	warm->making_bytes = chosen ? warm_bytes(chosen) : 0;
	pthread_mutex_unlock(&warm->lock);
	return chosen;
}

static int make_one(const struct tending *t, const struct runtime_ctx *ctx, struct err *err)
{
	struct warm *warm = t->qemu->warm;
	struct warm_machine machine;
	const struct runtime_spec *spec = choose(t);

	if (!spec)
		return 0;
	int r = warm_make(t->qemu, spec, ctx, &machine, err);
	pthread_mutex_lock(&warm->lock);
	warm->making_bytes = 0;
	if (r == 0)
		*ARRAY_ADD(warm->items, warm->n) = machine;
	STR_COPY(warm->why, r < 0 ? err->msg : "");
	pthread_mutex_unlock(&warm->lock);
	if (r == -ENOENT) { /* nothing to make it from yet */
		log_debug("%s: no machine waits: %s", spec->warm_label, err->msg);
		return 0;
	}
	return r < 0 ? err_wrap(err, "%s", spec->warm_label) : 1;
}

static int driver_tend(void *state, const struct runtime_warm_wish *wish,
		       const struct runtime_ctx *ctx, struct err *err)
{
	struct qemu *qemu = state;
	auto_free void *keys = xcalloc(wish->n + 1, SNAPSHOT_KEY_SIZE);
	struct tending t = { qemu, wish, keys };

	for (size_t i = 0; i < wish->n; i++) {
		struct build b = BUILD(qemu, wish->specs[i], ctx);
		struct err ignored;

		b.is_key_only = true;
		if (build_examine(&b, &ignored) == 0)
			STR_COPY(t.keys[i], b.key);
		build_fini(&b);
	}
	pthread_mutex_lock(&qemu->warm->making);
	while (end_one_doomed(&t) || end_one_beyond(qemu, NULL, wish->max_bytes))
		;
	int r = ctx && cancel_is_set(ctx->cancel) ? 0 : make_one(&t, ctx, err);
	pthread_mutex_unlock(&qemu->warm->making);
	return r;
}

/* True if an instance is called by its folder. */
static bool is_taken(const struct qemu *qemu, const char *name)
{
	DIR *dir = opendir(qemu->dir);
	bool is_found = false;

	if (!dir)
		return true;
	for (struct dirent *e; !is_found && (e = readdir(dir));) {
		if (!id_is_valid(e->d_name))
			continue;
		auto_free char *path = instance_real_path(qemu, e->d_name);
		is_found = str_eq(strrchr(path, '/') + 1, name);
	}
	closedir(dir);
	return is_found;
}

void warm_sweep(const struct qemu *qemu)
{
	DIR *dir = opendir(qemu->dir);
	struct err err;

	if (!dir)
		return;
	for (struct dirent *e; (e = readdir(dir));) {
		if (!str_starts(e->d_name, WARM_PREFIX) || is_taken(qemu, e->d_name))
			continue;
		if (machine_remove(qemu, e->d_name, &err) < 0)
			log_warning("%s", err.msg);
	}
	closedir(dir);
}

const struct runtime_warm_ops qemu_warm_ops = {
	.tend = driver_tend,
	.reserve = driver_reserve,
	.trim = driver_trim,
	.look = driver_look,
};
