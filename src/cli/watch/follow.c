/* Which instances are awaited, and how they stand.
 *
 * A status without generation (nothing runs) may be older than the request. It counts
 * unless the request replaces the instance and the status is still the one from before. */
#include "cli/watch/follow.h"

struct followed_service {
	char id[ID_SIZE];
	uint32_t replicas;
	bool is_replaced; /* by the request */
	bool is_there;
	bool is_seen;
};

static char *standing_of(const struct instance_view *v)
{
	return xasprintf("%s %u %d %s", v->state, v->incarnation, v->is_update_failed,
			 v->reason ? v->reason : "");
}

static struct followed_service *add_service(struct follow *follow, const char *name)
{
	struct followed_service *s = map_find(&follow->services, name);

	if (!s) {
		s = NEW(struct followed_service);
		map_set(&follow->services, name, s);
	}
	return s;
}

void follow_init(struct follow *follow, const struct plan_view *plan)
{
	*follow = (struct follow){ 0 };
	for (size_t i = 0; i < plan->services.n; i++)
		add_service(follow, plan->services.items[i]);
	for (size_t i = 0; i < plan->n_items; i++) {
		const struct plan_item_view *item = &plan->items[i];

		if (str_eq(item->action, "restart"))
			map_set(&follow->restarted, item->name, follow);
		if (str_eq(item->kind, "service"))
			add_service(follow, item->name)->is_replaced = str_eq(item->action,
									      "replace");
	}
}

static void followed_free(struct followed *f)
{
	free(f->label);
	free(f->service);
	free(f->before);
	free(f->state);
	free(f->reason);
	free(f);
}

void follow_fini(struct follow *follow)
{
	map_for_each(&follow->instances, i, e)
		followed_free(e->value);
	map_for_each(&follow->services, i, e)
		free(e->value);
	map_fini(&follow->instances);
	map_fini(&follow->restarted);
	map_fini(&follow->services);
	map_fini(&follow->service_ids);
}

/* NULL if its service is not followed. */
static struct followed *find_or_add(struct follow *follow, const struct instance_view *view)
{
	struct followed *f = map_find(&follow->instances, view->id);
	auto_free char *service = xasprintf("%s.%s", view->app, view->service);

	if (f || !map_find(&follow->services, service))
		return f;
	f = NEW(struct followed);
	STR_COPY(f->id, view->id);
	f->label = xasprintf("%s.%u", view->service, view->number);
	auto_free char *name = xasprintf("%s.%u", service, view->number);
	f->is_restarted = map_find(&follow->restarted, name);
	f->service = TAKE(service);
	f->state = xstrdup("");
	f->reason = xstrdup("");
	map_set(&follow->instances, view->id, f);
	return f;
}

void follow_before(struct follow *follow, const struct instance_view *view)
{
	struct followed *f = find_or_add(follow, view);

	if (!f || f->before)
		return;
	f->before = standing_of(view);
	f->incarnation_before = view->incarnation;
}

void follow_list_begin(struct follow *follow)
{
	map_for_each(&follow->instances, i, e)
		((struct followed *)e->value)->is_seen = false;
	map_for_each(&follow->services, i, e)
		((struct followed_service *)e->value)->is_seen = false;
}

void follow_list_end(struct follow *follow)
{
	map_for_each(&follow->instances, i, e) {
		struct followed *f = e->value;

		f->is_gone = f->is_gone || !f->is_seen;
	}
	map_for_each(&follow->services, i, e) {
		struct followed_service *s = e->value;

		s->is_there = s->is_seen;
	}
}

static void replace_text(char **text, const char *with)
{
	free(*text);
	*text = xstrdup(with ? with : "");
}

const struct followed *follow_instance(struct follow *follow, const struct instance_view *view)
{
	struct followed *f = find_or_add(follow, view);

	if (!f)
		return NULL;
	bool is_dead = str_eq(view->state, "DEAD");
	if (is_dead && (!str_eq(f->state, "DEAD") || f->incarnation != view->incarnation))
		f->ends++;
	auto_free char *standing = standing_of(view);
	f->is_changed = f->is_changed || !str_eq(f->before, standing);
	replace_text(&f->state, view->state);
	replace_text(&f->reason, view->reason);
	f->progress_percent = view->progress_percent;
	f->generation = view->generation;
	f->wished_generation = view->wished_generation;
	f->incarnation = view->incarnation;
	f->is_removed = view->is_removed;
	f->is_update_failed = view->is_update_failed;
	f->is_paused = view->is_paused;
	f->is_pause_wished = view->is_pause_wished;
	f->is_pause_failed = view->is_pause_failed;
	f->is_seen = true;
	f->is_gone = false;
	return f;
}

const struct followed *follow_instance_gone(struct follow *follow, const char *id)
{
	struct followed *f = map_find(&follow->instances, id);

	if (f)
		f->is_gone = true;
	return f;
}

void follow_service(struct follow *follow, const struct service_view *view)
{
	struct followed_service *s = map_find(&follow->services, view->name);

	if (!s)
		return;
	if (!str_eq(s->id, view->id)) {
		STR_COPY(s->id, view->id);
		map_set(&follow->service_ids, s->id, s);
	}
	s->replicas = view->replicas;
	s->is_there = s->is_seen = true;
}

void follow_service_gone(struct follow *follow, const char *id)
{
	struct followed_service *s = map_find(&follow->service_ids, id);

	if (s && str_eq(s->id, id))
		s->is_there = false;
}

static bool has_removals(const struct follow *follow)
{
	map_for_each(&follow->instances, i, e) {
		const struct followed *f = e->value;

		if (f->is_removed && !f->is_gone)
			return true;
	}
	return false;
}

static bool is_news(const struct follow *follow, const struct followed *f)
{
	const struct followed_service *s = map_find(&follow->services, f->service);

	return f->is_changed || !s->is_replaced;
}

/* Whether what is told is about the spec that is wished now. */
static bool is_current(const struct follow *follow, const struct followed *f)
{
	return f->generation ? f->generation == f->wished_generation : is_news(follow, f);
}

/* Of one that runs. Paused as wished it need not be ready. */
static enum follow_verdict verdict_of_alive(const struct follow *follow, const struct followed *f,
					    bool is_up)
{
	if (f->is_paused != f->is_pause_wished)
		return f->is_pause_failed ? FOLLOW_FAILED : FOLLOW_PENDING;
	if (!is_up && !f->is_paused)
		return FOLLOW_PENDING;
	return is_current(follow, f) ? FOLLOW_GOOD : FOLLOW_PENDING;
}

static enum follow_verdict verdict_of_state(const struct follow *follow, const struct followed *f,
					    enum instance_state state)
{
	switch (state) {
	case STATE_RUNNING:
	case STATE_CREATED:
		return verdict_of_alive(follow, f, state == STATE_RUNNING);
	case STATE_COMPLETED:
		return is_current(follow, f) ? FOLLOW_GOOD : FOLLOW_PENDING;
	case STATE_FAILED:
		return is_current(follow, f) ? FOLLOW_FAILED : FOLLOW_PENDING;
	case STATE_DEAD:
		return f->ends >= FOLLOW_ENDS_MAX ? FOLLOW_FAILED : FOLLOW_PENDING;
	case STATE_NO_WORKER_CAPACITY:
		/* What is about to go may leave the room. */
		return has_removals(follow) ? FOLLOW_PENDING : FOLLOW_FAILED;
	case STATE_REQUESTED:
	case STATE_NODE_SCHEDULED:
	case STATE_CREATING:
	case STATE_UNDEPLOYED:
	case STATE_N:
		break;
	}
	return FOLLOW_PENDING;
}

enum follow_verdict follow_verdict_of(const struct follow *follow, const struct followed *f)
{
	enum instance_state state;

	if (f->is_gone || (follow->is_narrow && !f->is_restarted))
		return FOLLOW_GOOD;
	if (f->is_removed || (f->is_restarted && f->incarnation <= f->incarnation_before))
		return FOLLOW_PENDING;
	if (f->is_update_failed)
		return is_news(follow, f) ? FOLLOW_FAILED : FOLLOW_PENDING;
	if (state_parse(f->state, &state) < 0)
		return FOLLOW_PENDING;
	if (f->ends >= FOLLOW_ENDS_MAX && state != STATE_COMPLETED)
		return FOLLOW_FAILED;
	return verdict_of_state(follow, f, state);
}

bool follow_has_restarted(const struct follow *follow)
{
	map_for_each(&follow->instances, i, e) {
		const struct followed *f = e->value;

		if (f->ends && !f->is_gone && str_eq(f->state, state_name(STATE_RUNNING)) &&
		    (f->is_restarted || !follow->is_narrow))
			return true;
	}
	return false;
}

static uint32_t count_wished(const struct follow *follow, const char *service)
{
	uint32_t n = 0;

	map_for_each(&follow->instances, i, e) {
		const struct followed *f = e->value;

		n += !f->is_gone && !f->is_removed && str_eq(f->service, service);
	}
	return n;
}

enum follow_verdict follow_verdict(const struct follow *follow)
{
	enum follow_verdict all = FOLLOW_GOOD;

	map_for_each(&follow->services, i, e) {
		const struct followed_service *s = e->value;

		if (s->is_there && !follow->is_narrow &&
		    count_wished(follow, e->key) != s->replicas)
			return FOLLOW_PENDING;
	}
	map_for_each(&follow->instances, i, e) {
		enum follow_verdict verdict = follow_verdict_of(follow, e->value);

		if (verdict == FOLLOW_PENDING)
			return FOLLOW_PENDING;
		all = verdict == FOLLOW_FAILED ? verdict : all;
	}
	return all;
}
