/* The audit log: documents numbered without end, of which the newest are kept. */
#include "server/account/private.h"

#define NUMBER_LEN   16
#define TEXT_MAX     512
#define LIST_MAX     (16u << 20)
#define REFUSED_FROM 400 /* what was not done must not push out what was */

static void name_of(uint64_t number, char out[NUMBER_LEN + 1])
{
	snprintf(out, NUMBER_LEN + 1, "%0*lu", NUMBER_LEN, number);
}

static void drop_oldest(struct audit_ring *ring)
{
	fields_fini(&audit_entry_table, &ring->items[0]);
	ring->n--;
	memmove(ring->items, ring->items + 1, ring->n * sizeof(*ring->items));
}

int audit_load(struct server *server, const char *kind, const char *id, const char *body,
	       struct err *err)
{
	for (size_t i = 0; i < RING_N; i++) {
		struct audit_ring *ring = &server->accounts->rings[i];
		struct audit_entry entry = { 0 };
		uint64_t number;

		if (!str_eq(kind, ring->kind))
			continue;
		if (parse_u64(id, 0, UINT64_MAX / 2, &number) < 0)
			return err_set(err, -EBADMSG, "%s %.40s: expected a number", kind, id);
		if (fields_parse_text(&audit_entry_table, body, &entry, FIELD_UNKNOWN_IGNORE, err) <
		    0)
			return err_wrap(err, "%s %s", kind, id);
		*ARRAY_ADD(ring->items, ring->n) = entry;
		ring->next = number + 1;
	}
	return 0;
}

void audit_fini(struct accounts *accounts)
{
	for (size_t i = 0; i < RING_N; i++) {
		struct audit_ring *ring = &accounts->rings[i];

		for (size_t k = 0; k < ring->n; k++)
			fields_fini(&audit_entry_table, &ring->items[k]);
		free(ring->items);
	}
}

/* As it may be shown on a terminal. */
static char *bounded(const char *text)
{
	char *copy = xstrndup(text ? text : "", TEXT_MAX);

	for (char *c = copy; *c; c++)
		if ((unsigned char)*c < ' ' || *c == 0x7f)
			*c = '?';
	return copy;
}

static void on_stored(void *arg, const struct err *err)
{
	if (err->code)
		log_error("audit log: %s", err->msg);
}

static void add(struct server *server, struct audit_ring *ring, const struct audit_entry *entry)
{
	struct store_batch batch = { 0 };
	char name[NUMBER_LEN + 1];

	if (ring->n >= ring->max) {
		name_of(ring->next - ring->n, name);
		store_batch_delete(&batch, ring->kind, name);
		drop_oldest(ring);
	}
	*ARRAY_ADD(ring->items, ring->n) = *entry;
	name_of(ring->next++, name);
	store_batch_put(&batch, ring->kind, name, fields_format(&audit_entry_table, entry));
	store_commit_begin(server->store, &batch, on_stored, server);
}

void server_audit(struct server *server, const struct audit_entry *given)
{
	bool is_refusal = given->status >= REFUSED_FROM;
	const struct audit_entry entry = {
		.at_ms = loop_wall_ms(server->config.loop),
		.user = bounded(given->user),
		.from = bounded(given->from),
		.method = bounded(given->method),
		.path = bounded(given->path),
		.status = given->status,
		.message = bounded(given->message),
	};

	add(server, &server->accounts->rings[is_refusal ? RING_REFUSALS : RING_CHANGES], &entry);
}

static void emit(const struct audit_entry *entry, struct json_out *out)
{
	struct audit_view view = {
		.user = entry->user,
		.from = entry->from,
		.method = entry->method,
		.path = entry->path,
		.status = entry->status,
		.message = entry->message,
	};

	format_rfc3339(entry->at_ms, view.at);
	fields_emit(&audit_view_table, &view, out, NULL);
}

char *server_list_audit(struct server *server, size_t n)
{
	const struct audit_ring *a = &server->accounts->rings[RING_CHANGES];
	const struct audit_ring *b = &server->accounts->rings[RING_REFUSALS];
	size_t skip = a->n + b->n > n ? a->n + b->n - n : 0;
	auto_json_out struct json_out out;
	char *text;
	struct err err;

	json_out_init(&out, LIST_MAX);
	json_out_array(&out, NULL);
	for (size_t i = 0, k = 0; i < a->n || k < b->n;) {
		bool is_a = i < a->n && (k >= b->n || a->items[i].at_ms <= b->items[k].at_ms);
		const struct audit_entry *entry = is_a ? &a->items[i++] : &b->items[k++];

		if (skip)
			skip--;
		else
			emit(entry, &out);
	}
	json_out_array_end(&out);
	return json_out_finish(&out, &text, &err) < 0 ? xstrdup("[]") : text;
}
