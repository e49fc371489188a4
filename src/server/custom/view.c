/* Custom resources as they are seen. */
#include "server/custom/private.h"

#define LIST_MAX (64u << 20)

const struct custom_type *custom_type_find(const struct server *server, const char *name,
					   bool is_next, struct err *err)
{
	map_for_each(&server->docs[KIND_CUSTOM_TYPE], i, e) {
		const struct doc *doc = e->value;
		const struct custom_type *type = is_next ? doc_next(doc) : doc->cur;

		if (type && str_eq(type->name, name))
			return type;
	}
	err_set(err, -ENOENT, "no custom resource type %.*s", CUSTOM_NAME_MAX, name);
	return NULL;
}

const struct custom *custom_find(const struct server *server, const struct custom_type *type,
				 const char *id, bool is_next, struct err *err)
{
	const struct custom *custom = is_next ? next_get(server, KIND_CUSTOM, id)
					      : state_get(server, KIND_CUSTOM, id);

	if (custom && str_eq(custom->type_id, type->id))
		return custom;
	err_set(err, -ENOENT, "no %s %.*s", type->name, ID_LEN, id);
	return NULL;
}

char *custom_type_show(const struct custom_type *type)
{
	struct custom_type_view view = { .name = type->name, .schema = type->schema };

	STR_COPY(view.id, type->id);
	return fields_format(&custom_type_view_table, &view);
}

void custom_type_view(const struct custom_type *type, void *out)
{
	struct custom_type_view *view = out;

	STR_COPY(view->id, type->id);
	view->name = type->name;
	view->schema = type->schema;
}

void custom_view(const struct server *server, const struct custom *custom, void *out)
{
	const struct custom_type *type = state_get(server, KIND_CUSTOM_TYPE, custom->type_id);
	struct custom_view *view = out;

	STR_COPY(view->id, custom->id);
	view->type = type ? type->name : "";
	view->object = custom->body;
}

static char *finish(struct json_out *out, struct err *err)
{
	char *text = NULL;

	json_out_array_end(out);
	json_out_finish(out, &text, err);
	return text;
}

char *server_custom_types(struct server *server)
{
	auto_json_out struct json_out out;
	struct err err;

	json_out_init(&out, LIST_MAX);
	json_out_array(&out, NULL);
	state_for_each(server, KIND_CUSTOM_TYPE, struct custom_type, type)
	{
		auto_free char *text = custom_type_show(type);

		json_out_raw(&out, NULL, text);
	}
	return finish(&out, &err);
}

char *server_custom_show(struct server *server, const char *type_name, const char *id,
			 struct err *err)
{
	const struct custom_type *type = custom_type_find(server, type_name, false, err);
	const struct custom *custom = type ? custom_find(server, type, id, false, err) : NULL;

	return custom ? custom_body_show(custom->body, custom->id) : NULL;
}

static bool is_wanted(const struct custom *custom, const struct strv *filter)
{
	auto_(json_free) struct json *body = NULL;
	struct err ignored;

	if (!filter->n)
		return true;
	auto_free char *text = custom_body_show(custom->body, custom->id);
	if (json_parse(text, strlen(text), &body, &ignored) < 0)
		return false;
	for (size_t i = 0; i + 1 < filter->n; i += 2)
		if (!custom_body_has(body, filter->items[i], filter->items[i + 1]))
			return false;
	return true;
}

char *server_custom_list(struct server *server, const char *type_name, const struct strv *filter,
			 struct err *err)
{
	const struct custom_type *type = custom_type_find(server, type_name, false, err);
	auto_json_out struct json_out out;

	json_out_init(&out, LIST_MAX);
	json_out_array(&out, NULL);
	if (!type)
		return NULL;
	state_for_each(server, KIND_CUSTOM, struct custom, custom)
	{
		if (!str_eq(custom->type_id, type->id) || !is_wanted(custom, filter))
			continue;
		auto_free char *text = custom_body_show(custom->body, custom->id);
		json_out_raw(&out, NULL, text);
	}
	return finish(&out, err);
}
