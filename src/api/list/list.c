/* Lists of what there is. A short one is a plain answer; a long one is streamed: a piece at a turn of the
 * loop, of one list after the other, so that nobody waits for all of them. */
#include "api/private.h"
#include "model/state.h"

#define PIECE_SIZE ((size_t)64 << 10)
#define UNSENT_MAX ((size_t)128 << 10) /* of one list */
#define PAGE_MAX   10000

struct list_stream {
	struct list node; /* of the api's, while it has something to write */
	struct api_request *request;
	struct api *api;
	struct server_list *list;
	bool is_more;    /* the list has */
	bool is_waiting; /* for the client to take some */
};

/* The request is being ended. */
static void release(void *arg)
{
	struct list_stream *s = arg;

	list_remove(&s->node);
	server_list_free(s->list);
	free(s);
}

static void on_gone(void *arg)
{
	struct list_stream *s = arg;

	api_stream_end(s->request);
}

static void go_on(void *arg, unsigned events);

/* What is always ready comes up once in a turn. */
static void wait_for_turn(struct list_stream *s)
{
	struct api *api = s->api;

	list_push(&api->lists, &s->node);
	if (!api->lists_io)
		api->lists_io = io_watch(api->config.loop, api->lists_fd, IO_READ, go_on, api);
}

static void write_piece(struct list_stream *s)
{
	size_t len;
	const char *piece = server_list_piece(s->list, &len);

	http_stream_limit(s->request->http, len > UNSENT_MAX ? len : UNSENT_MAX);
	int r = http_stream_write(s->request->http, piece, len);

	s->is_waiting = r == -EAGAIN;
	if (s->is_waiting)
		return;
	if (r < 0 || !s->is_more)
		api_stream_end(s->request);
	else
		wait_for_turn(s);
}

static void on_room(void *arg)
{
	struct list_stream *s = arg;

	if (s->is_waiting)
		write_piece(s);
}

static void go_on(void *arg, unsigned events)
{
	struct api *api = arg;
	struct list *node = list_pop(&api->lists);

	if (node) {
		struct list_stream *s = container_of(node, struct list_stream, node);

		s->is_more = server_list_write(s->list, PIECE_SIZE);
		write_piece(s);
	}
	if (list_is_empty(&api->lists))
		api->lists_io = io_cancel(api->lists_io);
}

/* With what was written of it already. */
static void begin_stream(struct api_request *request, struct server_list *take_list)
{
	struct list_stream *s = NEW(struct list_stream);

	list_init(&s->node);
	s->request = request;
	s->api = request->api;
	s->list = take_list;
	s->is_more = true;
	request->release = release;
	request->arg = s;
	request->is_begun = true;
	api_add_revision(request);
	http_request_on_gone(request->http, on_gone, s);
	http_stream_on_room(request->http, on_room, s);
	http_stream_begin(request->http, 200, "application/json");
	write_piece(s);
}

void api_reply_list(struct api_request *request, struct server_list *take_list)
{
	bool is_more = server_list_write(take_list, PIECE_SIZE);
	const char *next = server_list_next(take_list);
	size_t len;

	if (next)
		http_add_header(request->http, "Holm-Next", next);
	if (is_more) {
		begin_stream(request, take_list);
		return;
	}
	char *text = xstrdup(server_list_piece(take_list, &len));
	server_list_free(take_list);
	api_reply_json(request, text);
}

static int read_status(const char *text, struct err *err)
{
	enum instance_state ignored;

	if (!text || state_parse(text, &ignored) == 0)
		return 0;
	return err_set(err, -EINVAL, "status: expected one such as RUNNING, got \"%.40s\"", text);
}

static int read_page(const struct api_request *request, struct server_filter *ret, struct err *err)
{
	const char *limit = http_request_param(request->http, "limit");

	ret->after = http_request_param(request->http, "after");
	if (ret->after && !id_is_valid(ret->after))
		return err_set(err, -EINVAL, "after: expected an id, got \"%.40s\"", ret->after);
	if (limit && parse_u32(limit, 1, PAGE_MAX, &ret->limit) < 0)
		return err_set(err, -EINVAL, "limit: expected a number 1..%u, got \"%.40s\"",
			       PAGE_MAX, limit);
	return 0;
}

/* Of these parameters: what the route does not take, it has not. */
static int read_filter(const struct api_request *request, struct server_filter *ret,
		       char node[ID_SIZE], struct err *err)
{
	const char *name = http_request_param(request->http, "node");

	ret->app = http_request_param(request->http, "app");
	ret->status = http_request_param(request->http, "status");
	if (read_page(request, ret, err) < 0 || read_status(ret->status, err) < 0)
		return err->code;
	if (!name)
		return 0;
	ret->node = node;
	return server_find_node(request->api->config.server, name, node, err);
}

static void reply_with(struct api_request *request, enum server_listed what)
{
	struct server_filter filter = { 0 };
	char node[ID_SIZE];
	struct err err = { 0 };

	if (read_filter(request, &filter, node, &err) < 0)
		api_reply_err(request, &err);
	else
		api_reply_list(request,
			       server_list_begin(request->api->config.server, what, &filter));
}

void api_get_apps(struct api_request *request)
{
	reply_with(request, SERVER_APPS);
}

void api_get_services(struct api_request *request)
{
	reply_with(request, SERVER_SERVICES);
}

void api_get_instances(struct api_request *request)
{
	reply_with(request, SERVER_INSTANCES);
}

void api_get_nodes(struct api_request *request)
{
	reply_with(request, SERVER_NODES);
}
