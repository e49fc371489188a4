/* Routes that tell what there is. */
#include "api/private.h"

static const struct field status_fields[] = { SHAPE("status", F_STR) };
SHAPE_TABLE(api_status_table, "status", status_fields);

static const struct field message_fields[] = { SHAPE("message", F_STR) };
SHAPE_TABLE(api_message_table, "message", message_fields);

static const struct field version_fields[] = { SHAPE("version", F_STR) };
SHAPE_TABLE(api_version_table, "version", version_fields);

void api_get_document(struct api_request *request)
{
	api_reply_json(request, route_document(api_groups, request->api->config.version));
}

void api_get_health(struct api_request *request)
{
	api_reply_json(request, xstrdup("{\"status\":\"ok\"}"));
}

void api_get_version(struct api_request *request)
{
	api_reply_json(request, xasprintf("{\"version\":\"%s\"}", request->api->config.version));
}

/* How many turns took up to so long; the last ones longer. */
struct turns_row {
	bool is_bounded;
	uint32_t up_to_ms;
	uint64_t turns;
};

struct turns_view {
	struct turns_row *wall;
	size_t n_wall;
	struct turns_row *cpu;
	size_t n_cpu;
};

static const struct field turns_row_fields[] = {
	FIELD(struct turns_row, up_to_ms, "up_to_ms", F_U32, .flags = F_GIVEN,
	      .given_offset = offsetof(struct turns_row, is_bounded)),
	FIELD(struct turns_row, turns, "turns", F_U64),
};
static FIELD_TABLE(turns_row_table, struct turns_row, "turns of one length", turns_row_fields);

static const struct field turns_fields[] = {
	FIELD_ARRAY(struct turns_view, wall, n_wall, "wall", &turns_row_table),
	FIELD_ARRAY(struct turns_view, cpu, n_cpu, "cpu", &turns_row_table),
};
FIELD_TABLE(api_turns_table, struct turns_view, "turns", turns_fields);

static void turns_of(const uint64_t *n, struct turns_row *rows)
{
	for (size_t i = 0; i <= LOOP_TURN_BOUNDS; i++) {
		bool is_bounded = i < LOOP_TURN_BOUNDS;

		rows[i] = (struct turns_row){ is_bounded, is_bounded ? loop_turn_bounds_ms[i] : 0,
					      n[i] };
	}
}

void api_get_turns(struct api_request *request)
{
	struct turns_row wall[LOOP_TURN_BOUNDS + 1];
	struct turns_row cpu[LOOP_TURN_BOUNDS + 1];
	const struct turns_view view = { wall, ARRAY_LEN(wall), cpu, ARRAY_LEN(cpu) };
	struct loop_turns turns;

	loop_turns(request->api->config.loop, &turns);
	turns_of(turns.wall, wall);
	turns_of(turns.cpu, cpu);
	api_reply_json(request, fields_format(&api_turns_table, &view));
}

void api_get_node(struct api_request *request)
{
	struct err err;
	char *json = server_view_node(request->api->config.server, request->match.params[0], &err);

	if (json)
		api_reply_json(request, json);
	else
		api_reply_err(request, &err);
}

void api_get_stats(struct api_request *request)
{
	api_reply_json(request, server_list_stats(request->api->config.server,
						  http_request_param(request->http, "name")));
}
