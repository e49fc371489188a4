/* Lists that are written piece by piece: what those who make one share. */
#ifndef HOLM_SERVER_LIST_H
#define HOLM_SERVER_LIST_H

#include "json/json.h"
#include "server/private.h"

struct times;

struct list_id {
	char text[ID_SIZE];
};
struct list_ids {
	struct list_id *items;
	size_t n;
};
/* Writes an object, or as much of it as is enough: then true. It is NULL if it has gone. */
typedef bool (*list_put_fn)(struct server_list *list, const void *object);
struct server_list {
	struct server *server;
	enum kind kind;
	list_put_fn put;
	struct json_out out;
	struct list_ids ids;
	size_t at;
	bool is_begun;
	bool is_ended;
	char next[ID_SIZE];
	size_t enough; /* bytes of the piece that is being written */
	/* Of an object that is not written to its end yet. */
	bool is_inside;
	uint32_t next_number;
	struct times *times; /* ours; NULL: needs none */
};
struct server_list *list_new(struct server *server, enum kind kind, list_put_fn put);
void list_add(struct list_ids *ids, const char *id);
void list_sort(struct list_ids *ids);

#endif
