/* What hooks are asked about applications and services: objects of a descriptor, with what is around them.
 * What they give back is read like a descriptor. */
#include "server/hook/private.h"

/* Members that are not the descriptor's. */
#define ID_KEY    "_id"
#define OWNER_KEY "owner"
#define APP_KEY   "application_name"
#define NS_KEY    "application_namespace"
#define DESC_KEY  "application_desc"

static void put_around(struct json_out *out, const struct hook_about *about, const char *id)
{
	json_out_object(out, NULL);
	if (id)
		json_out_str(out, ID_KEY, id);
	json_out_str(out, APP_KEY, about->name);
	json_out_str(out, NS_KEY, about->ns);
	json_out_str(out, OWNER_KEY, about->owner);
}

static char *finish(struct json_out *out)
{
	struct err err;
	char *text = NULL;

	json_out_object_end(out);
	int r = json_out_finish(out, &text, &err);
	assert(r == 0); /* it came from a descriptor, or fits into one */
	return text;
}

/* An object of one application, named like nothing, with what is given of it. */
static int parse(const struct json *object, bool is_service, struct sla *ret, struct err *err)
{
	auto_json_out struct json_out out;
	auto_free char *text = NULL;

	json_out_init(&out, SLA_TEXT_MAX);
	json_out_object(&out, NULL);
	json_out_str(&out, "sla_version", "v2.0");
	json_out_str(&out, "customerID", "");
	json_out_array(&out, "applications");
	json_out_object(&out, NULL);
	json_out_str(&out, APP_KEY, "a");
	json_out_str(&out, NS_KEY, "a");
	if (!is_service) {
		auto_free char *desc = json_format(json_get(object, DESC_KEY));

		json_out_raw(&out, DESC_KEY, desc);
	}
	json_out_array(&out, "microservices");
	if (is_service) {
		json_out_object(&out, NULL);
		for (const char *k = json_key_next(object, NULL); k; k = json_key_next(object, k)) {
			auto_free char *value = json_format(json_get(object, k));

			if (!str_eq(k, ID_KEY) && !str_eq(k, OWNER_KEY) && !str_eq(k, APP_KEY) &&
			    !str_eq(k, NS_KEY))
				json_out_raw(&out, k, value);
		}
		json_out_object_end(&out);
	}
	json_out_array_end(&out);
	json_out_object_end(&out);
	json_out_array_end(&out);
	json_out_object_end(&out);
	int r = json_out_finish(&out, &text, err);
	return r < 0 ? r : sla_parse(text, strlen(text), ret, NULL, err);
}

static int take_app(void *target, const char *text, struct err *err)
{
	char **desc = target;
	auto_(json_free) struct json *json = NULL;
	struct sla sla = { 0 };
	int r = json_parse(text, strlen(text), &json, err);

	if (r < 0 || !json_get(json, DESC_KEY))
		return r;
	r = parse(json, false, &sla, err);
	if (r < 0)
		return r;
	free(*desc);
	*desc = TAKE(sla.apps[0].desc);
	sla_fini(&sla);
	return 0;
}

static int take_service(void *target, const char *text, struct err *err)
{
	struct service_spec *spec = target;
	auto_(json_free) struct json *json = NULL;
	struct sla sla = { 0 };
	int r = json_parse(text, strlen(text), &json, err);

	if (r == 0)
		r = parse(json, true, &sla, err);
	if (r < 0)
		return r;
	struct service_spec *new = &sla.apps[0].services[0];
	if (str_eq(new->name, spec->name) && str_eq(new->ns, spec->ns)) {
		const struct service_spec old = *spec;

		*spec = *new;
		*new = old;
	} else {
		r = err_set(err, -EINVAL,
			    "microservice_name, microservice_namespace: expected %s.%s, the "
			    "service keeps its name",
			    spec->name, spec->ns);
	}
	sla_fini(&sla);
	return r;
}

struct hook_about hook_about_app(const struct app *app, enum hook_event event)
{
	return (struct hook_about){
		.event = event,
		.app = app,
		.name = app->name,
		.ns = app->ns,
		.owner = app->owner,
	};
}

void hook_ask_app(struct hook_inquiry *inquiry, const struct hook_about *about, const char *now,
		  char **desc)
{
	auto_json_out struct json_out out;

	json_out_init(&out, JSON_TEXT_MAX);
	put_around(&out, about, about->app ? about->app->id : NULL);
	json_out_str(&out, DESC_KEY, now ? now : "");
	hook_inquiry_add(inquiry, &(struct hook_question){
					  .event = about->event,
					  .entity = HOOK_APPLICATIONS,
					  .take_object = finish(&out),
					  .take = desc ? take_app : NULL,
					  .target = desc,
				  });
}

void hook_ask_service(struct hook_inquiry *inquiry, const struct hook_about *about, const char *id,
		      const struct service_spec *spec, struct service_spec *target)
{
	auto_json_out struct json_out out;

	json_out_init(&out, JSON_TEXT_MAX);
	put_around(&out, about, id);
	fields_emit_members(&service_spec_table, spec, &out);
	hook_inquiry_add(inquiry, &(struct hook_question){
					  .event = about->event,
					  .entity = HOOK_JOBS,
					  .take_object = finish(&out),
					  .take = target ? take_service : NULL,
					  .target = target,
				  });
}

void hook_ask_delete(struct hook_inquiry *inquiry, struct server *server, const struct app *app,
		     const struct service *service)
{
	const struct hook_about about = hook_about_app(app, HOOK_PRE_DELETE);

	if (service) {
		hook_ask_service(inquiry, &about, service->id, &service->spec, NULL);
		return;
	}
	hook_ask_app(inquiry, &about, app->desc, NULL);
	next_for_each(server, KIND_SERVICE, struct service, each)
	{
		if (str_eq(each->app_id, app->id))
			hook_ask_service(inquiry, &about, each->id, &each->spec, NULL);
	}
}
