/* What nftables has to know of a table: items in a fixed order, so that two states are compared in
 * one walk and equal tables give equal text. */
#include <netinet/in.h>

#include "overlay/plan.h"

static int compare_targets(const void *a, const void *b)
{
	const struct nft_target *x = a;
	const struct nft_target *y = b;

	return x->ip != y->ip ? (x->ip > y->ip) - (x->ip < y->ip)
			      : (x->port > y->port) - (x->port < y->port);
}

int nft_item_compare(const struct nft_item *a, const struct nft_item *b)
{
	if (a->kind != b->kind)
		return a->kind < b->kind ? -1 : 1;
	return (a->key > b->key) - (a->key < b->key);
}

static int compare_items(const void *a, const void *b)
{
	const struct nft_item *x = a;
	const struct nft_item *y = b;
	int r = nft_item_compare(x, y);

	return r ? r : (x->origin > y->origin) - (x->origin < y->origin);
}

static struct nft_item *item_begin(struct nft_state *state, enum nft_kind kind, uint32_t key,
				   size_t origin)
{
	struct nft_item *item = ARRAY_ADD(state->items, state->n);

	*item = (struct nft_item){
		.kind = kind,
		.key = key,
		.first = (uint32_t)state->n_targets,
		.origin = (uint32_t)origin,
	};
	return item;
}

static void add_target(struct nft_state *state, uint32_t ip, uint16_t port)
{
	*ARRAY_ADD(state->targets, state->n_targets) = (struct nft_target){ ip, port };
}

/* An item that leads nowhere is none. */
static void item_end(struct nft_state *state, struct nft_item *item)
{
	item->n = (uint32_t)(state->n_targets - item->first);
	if (item->n == 0)
		state->n--;
	else
		qsort(&state->targets[item->first], item->n, sizeof(*state->targets),
		      compare_targets);
}

static void add_single(struct nft_state *state, enum nft_kind kind, uint32_t key, uint32_t ip)
{
	if (!key || !ip)
		return;
	struct nft_item *item = item_begin(state, kind, key, 0);
	add_target(state, ip, 0);
	item_end(state, item);
}

static void add_backends(struct nft_state *state, const struct overlay_service *s)
{
	for (size_t i = 0; i < s->n_backends; i++) {
		const struct overlay_backend *b = &s->backends[i];

		if (!b->namespace_ip)
			continue;
		*ARRAY_ADD(state->listed, state->n_listed) = b->namespace_ip;
		if (b->is_ready)
			add_single(state, NFT_INSTANCE, b->instance_ip, b->namespace_ip);
		if (b->is_local)
			add_single(state, NFT_CALLER, b->namespace_ip, b->instance_ip);
	}
}

static void add_service(struct nft_state *state, const struct overlay_service *s, size_t origin)
{
	if (!s->rr_ip)
		return;
	struct nft_item *item = item_begin(state, NFT_SERVICE, s->rr_ip, origin);

	for (size_t i = 0; i < s->n_backends; i++)
		if (s->backends[i].is_ready && s->backends[i].namespace_ip)
			add_target(state, s->backends[i].namespace_ip, 0);
	item_end(state, item);
}

static void add_port(struct nft_state *state, const struct overlay_service *s,
		     const struct port_mapping *port, size_t origin)
{
	uint32_t protocol = port->is_udp ? IPPROTO_UDP : IPPROTO_TCP;
	struct nft_item *item = item_begin(state, NFT_PORT, protocol << 16 | port->host, origin);

	for (size_t i = 0; i < s->n_backends; i++) {
		const struct overlay_backend *b = &s->backends[i];

		if (b->is_local && b->is_ready && b->namespace_ip)
			add_target(state, b->namespace_ip, port->guest);
	}
	item_end(state, item);
}

static void tell_conflict(struct nft_state *state, const struct overlay_table *table,
			  const struct nft_item *kept, const struct nft_item *dropped)
{
	const char *first = table->services[kept->origin].sname;
	const char *second = table->services[dropped->origin].sname;

	if (kept->kind == NFT_PORT)
		strv_addf(&state->conflicts,
			  "port %u/%s is mapped by %s and %s: it leads to the first alone",
			  kept->key & 0xffff, kept->key >> 16 == IPPROTO_UDP ? "udp" : "tcp", first,
			  second);
}

/* Of items with one key only the first may go into a map. */
static void drop_doubles(struct nft_state *state, const struct overlay_table *table)
{
	size_t n = 0;

	for (size_t i = 0; i < state->n; i++) {
		if (n && nft_item_compare(&state->items[n - 1], &state->items[i]) == 0)
			tell_conflict(state, table, &state->items[n - 1], &state->items[i]);
		else
			state->items[n++] = state->items[i];
	}
	state->n = n;
}

void nft_state_build(struct nft_state *state, const struct overlay_table *table)
{
	*state = (struct nft_state){ 0 };
	for (size_t i = 0; i < table->n_services; i++) {
		const struct overlay_service *s = &table->services[i];

		add_backends(state, s);
		add_service(state, s, i);
		for (size_t k = 0; k < s->n_ports; k++)
			add_port(state, s, &s->ports[k], i);
	}
	if (state->n)
		qsort(state->items, state->n, sizeof(*state->items), compare_items);
	if (state->n_listed)
		qsort(state->listed, state->n_listed, sizeof(*state->listed), overlay_ip_compare);
	drop_doubles(state, table);
}

void nft_state_fini(struct nft_state *state)
{
	free(state->items);
	free(state->targets);
	free(state->listed);
	strv_fini(&state->conflicts);
	*state = (struct nft_state){ 0 };
}

bool nft_state_lists(const struct nft_state *state, uint32_t namespace_ip)
{
	return state->n_listed && bsearch(&namespace_ip, state->listed, state->n_listed,
					  sizeof(*state->listed), overlay_ip_compare);
}

const struct nft_item *nft_state_find(const struct nft_state *state, enum nft_kind kind,
				      uint32_t key)
{
	size_t low = 0;
	size_t high = state->n;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct nft_item *item = &state->items[middle];
		int r = nft_item_compare(item, &(struct nft_item){ .kind = kind, .key = key });

		if (r == 0)
			return item;
		if (r < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return NULL;
}
