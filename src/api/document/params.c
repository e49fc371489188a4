/* Parameters of paths and queries: a name means the same wherever it stands, but where a path is given. */
#include "api/document/private.h"
#include "model/state.h"

#define V1 "/api/v1"

static const char *const stream_names[] = { "stdout", "stderr", NULL };

#define P(name_, kind, ...)                                              \
	{                                                                \
		.field = {.name = (name_), .type = (kind), __VA_ARGS__ } \
	}
#define OF(path_, name_, kind, ...)                                                       \
	{                                                                                 \
		.path = (path_), .field = {.name = (name_), .type = (kind), __VA_ARGS__ } \
	}

static const struct param params[] = {
	OF(V1 "/events", "since", F_U64,
	   .help = "a revision: changes after it; the header Last-Event-ID goes before it"),
	OF(V1 "/stats", "name", F_STR,
	   .help = "of a service or an instance, or the begin of an id"),
	OF(V1 "/nodes/{name}", "name", F_STR,
	   .help = "host name of a node, or the begin of its id"),
	OF(V1 "/instances/{name}/logs", "name", F_STR,
	   .help = "an instance, such as web.0, or a service: all of its instances"),
	OF(V1 "/audit", "limit", F_U32, .min = 1, .max = 10000,
	   .help = "at most so many; without it 1000"),
	OF(V1 "/instances", "node", F_STR, .help = "host name or id: those on this node alone"),
	OF("/api/service/{id}/instance/{number}", "number", F_I64,
	   .help = "of the instance; -1: all of them"),
	P("after", F_STR, .help = "an id: those after it, in order of their ids"),
	P("app", F_STR, .help = "NAME.NAMESPACE: those of this application alone"),
	P("application_id", F_STR, .help = "24 hexadecimal digits"),
	P("dry_run", F_BOOL, .help = "answers with the plan and changes nothing"),
	P("follow", F_BOOL, .help = "goes on with what is written from now on"),
	P("force", F_BOOL, .help = "though services use it"),
	P("id", F_STR, .help = "24 hexadecimal digits"),
	P("limit", F_U32, .min = 1, .max = 10000,
	  .help = "at most so many, in order of their ids; without it all. If there are more, the "
		  "header Holm-Next has what `after` of the next request is"),
	P("name", F_STR, .help = "name, or the begin of an id where the thing has one"),
	P("names", F_BOOL, .help = "each line begins with its instance's name"),
	P("node", F_STR, .help = "host name or id; without it the only node there is"),
	P("organization", F_STR, .help = "its id; below /api/v1 its name, too"),
	P("previous", F_BOOL, .help = "of the run before this one"),
	P("progress", F_BOOL, .help = "answers with the steps on the way, a line of JSON each"),
	P("since", F_STR, .help = "from then on: RFC 3339, or how long ago, such as 10m"),
	P("status", F_ENUM, .names = state_names,
	  .help = "those in this state; a service is in that of its least advanced instance"),
	P("stream", F_ENUM, .names = stream_names, .help = "this one alone"),
	P("tail", F_U32, .max = UINT32_MAX, .help = "at most so many of the last lines"),
	P("timestamps", F_BOOL, .help = "each line begins with when it was written"),
	P("type", F_STR, .help = "of custom resources"),
	P("until", F_STR, .help = "up to then: RFC 3339, or how long ago"),
	P("user_id", F_STR, .help = "one's own, 24 hexadecimal digits"),
	P("username", F_STR, .help = "name of a user"),
};

const struct param *param_find(const char *path, const char *name)
{
	for (size_t i = 0; i < ARRAY_LEN(params); i++)
		if (str_eq(params[i].field.name, name) &&
		    (!params[i].path || str_eq(params[i].path, path)))
			return &params[i];
	return NULL;
}

static void put_one(const struct route *route, const char *name, bool is_path, struct json_out *out)
{
	const struct param *param = param_find(route->path, name);
	struct field plain = { .name = name, .type = F_STR };

	if (param)
		plain = param->field;
	plain.help = NULL;
	json_out_object(out, NULL);
	json_out_str(out, "name", name);
	json_out_str(out, "in", is_path ? "path" : "query");
	if (param)
		json_out_str(out, "description", param->field.help);
	if (is_path)
		json_out_bool(out, "required", true);
	field_schema(&plain, FIELD_IN, out, "schema");
	json_out_object_end(out);
}

static void put_path(const struct route *route, struct json_out *out)
{
	for (const char *p = strchr(route->path, '{'); p; p = strchr(p + 1, '{')) {
		auto_free char *name = xstrndup(p + 1, strcspn(p + 1, "}"));

		put_one(route, name, true, out);
	}
}

static void put_query(const struct route *route, struct json_out *out)
{
	auto_strv struct strv names = { 0 };

	if (route->query)
		strv_split(&names, route->query, ", ");
	for (size_t i = 0; i < names.n; i++)
		if (*names.items[i])
			put_one(route, names.items[i], false, out);
}

void params_put(const struct route *route, struct json_out *out)
{
	if (!route->query && !strchr(route->path, '{'))
		return;
	json_out_array(out, "parameters");
	put_path(route, out);
	put_query(route, out);
	json_out_array_end(out);
}

bool params_has(const struct route *route, const char *query)
{
	auto_strv struct strv names = { 0 };

	if (route->query)
		strv_split(&names, route->query, ", ");
	return strv_has(&names, query);
}
