/* What a request does, in words. */
#include <stdarg.h>

#include "server/private.h"

#define VALUE_SHOWN_MAX 60

int plan_undo_dry_run(const struct plan_answer *answer, int result, struct err *err)
{
	return result == 0 && answer->plan.is_dry_run ? err_set(err, -ECANCELED, "dry run")
						      : result;
}

void plan_tell(struct server *server, struct plan_answer *answer, const struct err *err)
{
	static const struct err none = { 0 };

	if (answer->plan.is_dry_run && err->code == -ECANCELED)
		err = &none;
	answer->plan.revision = server_revision(server);
	if (err->code != -ESHUTDOWN)
		answer->done(answer->arg, err->code ? NULL : &answer->plan, err);
	fields_fini(&plan_view_table, &answer->plan);
}

void plan_add(struct plan_view *plan, const char *action, const char *kind, const char *name)
{
	*ARRAY_ADD(plan->items, plan->n_items) = (struct plan_item_view){
		.action = xstrdup(action),
		.kind = xstrdup(kind),
		.name = xstrdup(name),
		.detail = xstrdup(""),
	};
}

void plan_detail(struct plan_view *plan, const char *fmt, ...)
{
	char text[1024];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	struct plan_item_view *item = &plan->items[plan->n_items - 1];
	free(item->detail);
	item->detail = xstrdup(text);
}

static struct json *spec_json(const struct service_spec *spec)
{
	auto_free char *text = fields_format(&service_spec_table, spec);
	struct json *json = NULL;
	struct err err;

	if (json_parse(text, strlen(text), &json, &err) < 0)
		abort(); /* our own emitter's text */
	return json;
}

static char *shown(const struct json *value)
{
	char *text = value ? json_format(value) : xstrdup("none");

	if (strlen(text) > VALUE_SHOWN_MAX)
		text[VALUE_SHOWN_MAX] = '\0';
	return text;
}

static void add_difference(struct buf *out, const char *name, const struct json *before,
			   const struct json *after)
{
	auto_free char *was = before ? json_format(before) : xstrdup("");
	auto_free char *is = after ? json_format(after) : xstrdup("");

	if (str_eq(was, is) || str_eq(name, "replicas"))
		return;
	auto_free char *left = shown(before);
	auto_free char *right = shown(after);
	buf_addf(out, "%s%s: %s → %s", out->len ? ", " : "", name, left, right);
}

char *plan_diff(const struct service_spec *before, const struct service_spec *after)
{
	auto_(json_free) struct json *old = spec_json(before);
	auto_(json_free) struct json *new = spec_json(after);
	auto_buf struct buf out;

	buf_init(&out, 1 << 16);
	for (const char *key = json_key_next(old, NULL); key; key = json_key_next(old, key))
		add_difference(&out, key, json_get(old, key), json_get(new, key));
	for (const char *key = json_key_next(new, NULL); key; key = json_key_next(new, key))
		if (!json_get(old, key))
			add_difference(&out, key, NULL, json_get(new, key));
	return buf_take(&out);
}
