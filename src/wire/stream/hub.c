/* The in-process stream hub. A stream is freed by whichever side ends it. */
#include "base/base.h"
#include "wire/stream.h"

struct opener {
	stream_open_fn open;
	void *arg;
};

struct stream_hub {
	struct map openers; /* node id → struct opener */
	struct list streams;
};

struct stream {
	struct list node;
	struct stream_reader reader;
	struct stream_server server;
};

struct stream_hub *stream_hub_new(void)
{
	struct stream_hub *hub = NEW(struct stream_hub);

	list_init(&hub->streams);
	return hub;
}

struct stream_hub *stream_hub_free(struct stream_hub *hub)
{
	if (!hub)
		return NULL;
	map_for_each(&hub->openers, i, e)
		free(e->value);
	map_fini(&hub->openers);
	for (struct list *l; (l = list_pop(&hub->streams));)
		free(container_of(l, struct stream, node));
	free(hub);
	return NULL;
}

void stream_hub_register(struct stream_hub *hub, const char *node_id, stream_open_fn open,
			 void *arg)
{
	struct opener *opener = NEW(struct opener);

	*opener = (struct opener){ .open = open, .arg = arg };
	free(map_set(&hub->openers, node_id, opener));
}

void stream_hub_unregister(struct stream_hub *hub, const char *node_id)
{
	free(map_remove(&hub->openers, node_id));
}

struct stream *stream_open(struct stream_hub *hub, const char *node_id, const char *request,
			   const struct stream_reader *reader, struct err *err)
{
	const struct opener *opener = map_find(&hub->openers, node_id);

	if (!opener) {
		err_set(err, -EHOSTUNREACH, "open stream: node %s is not connected", node_id);
		return NULL;
	}
	struct stream *stream = NEW(struct stream);
	stream->reader = *reader;
	list_push(&hub->streams, &stream->node);
	opener->open(opener->arg, stream, request);
	return stream;
}

static void stream_free(struct stream *stream)
{
	list_remove(&stream->node);
	free(stream);
}

void stream_close(struct stream *stream)
{
	if (stream->server.gone)
		stream->server.gone(stream->server.arg);
	stream_free(stream);
}

void stream_serve(struct stream *stream, void (*gone)(void *arg), void *arg)
{
	stream->server = (struct stream_server){ .gone = gone, .arg = arg };
}

void stream_serve_both(struct stream *stream, const struct stream_server *server)
{
	stream->server = *server;
}

void stream_write(struct stream *stream, const char *data, size_t len)
{
	if (stream->server.take)
		stream->server.take(stream->server.arg, data, len);
}

bool stream_is_clogged(const struct stream *stream)
{
	return stream->server.is_full && stream->server.is_full(stream->server.arg);
}

void stream_drained(struct stream *stream)
{
	if (stream->server.room)
		stream->server.room(stream->server.arg);
}

void stream_accept(struct stream *stream)
{
	if (stream->reader.room)
		stream->reader.room(stream->reader.arg);
}

void stream_send(struct stream *stream, const char *data, size_t len)
{
	stream->reader.data(stream->reader.arg, data, len);
}

bool stream_is_full(const struct stream *stream)
{
	return stream->reader.is_full && stream->reader.is_full(stream->reader.arg);
}

void stream_end(struct stream *stream, const struct err *err)
{
	struct stream_reader reader = stream->reader;

	stream_free(stream);
	reader.end(reader.arg, err);
}
