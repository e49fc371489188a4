/* The nftables table as text.
 *
 * A packet's way does not grow with the number of services: one look-up of its destination in a hash
 * map leads to the chain of the service, whose single rule takes the next backend's address out of
 * another map under the key "address . counter". Ports work the same. So a change touches elements
 * of maps, and a rule only where the number of backends changes.
 *
 * In postrouting the caller's address becomes its own service address, so that the reply comes back
 * through this host's connection tracking although both may sit on one bridge. */
#include <netinet/in.h>

#include "overlay/plan.h"

/* Elements of one map to add or to take away, "k : v, k : v, ". */
enum map_id {
	MAP_CALLERS,
	MAP_INSTANCES,
	MAP_PORTS,
	MAP_SERVICES,
	MAP_TCP_BACKENDS,
	MAP_UDP_BACKENDS,
	MAP_BACKENDS,
	MAP_N
};
static const char *const map_names[MAP_N] = {
	[MAP_CALLERS] = "callers",
	[MAP_INSTANCES] = "instances",
	[MAP_PORTS] = "ports",
	[MAP_SERVICES] = "services",
	[MAP_TCP_BACKENDS] = "tcp_backends",
	[MAP_UDP_BACKENDS] = "udp_backends",
	[MAP_BACKENDS] = "backends",
};

struct diff {
	struct buf removed[MAP_N];
	struct buf added[MAP_N];
	struct buf chains;      /* made or given another rule */
	struct buf chains_gone; /* after no map leads there */
	const char *table;
	int result; /* first failure to write */
};

static void note(struct diff *d, int r)
{
	if (d->result == 0)
		d->result = r;
}

static const char *protocol_name(uint32_t port_key)
{
	return port_key >> 16 == IPPROTO_UDP ? "udp" : "tcp";
}

#define KEY_MAX 64
static const char *format_key(const struct nft_item *item, char out[KEY_MAX])
{
	if (item->kind == NFT_PORT)
		snprintf(out, KEY_MAX, "%s . %u", protocol_name(item->key), item->key & 0xffff);
	else
		format_ipv4(item->key, out);
	return out;
}

static const char *format_chain(const struct nft_item *item, char out[KEY_MAX])
{
	char ip[IPV4_STR_MAX];

	if (item->kind == NFT_PORT)
		snprintf(out, KEY_MAX, "port-%s-%u", protocol_name(item->key), item->key & 0xffff);
	else
		snprintf(out, KEY_MAX, "service-%s", format_ipv4(item->key, ip));
	return out;
}

static const char *format_target(const struct nft_item *item, const struct nft_target *target,
				 char out[KEY_MAX])
{
	char ip[IPV4_STR_MAX];

	format_ipv4(target->ip, ip);
	if (item->kind == NFT_PORT)
		snprintf(out, KEY_MAX, "%s . %u", ip, target->port);
	else
		snprintf(out, KEY_MAX, "%s", ip);
	return out;
}

static enum map_id map_of(enum nft_kind kind)
{
	switch (kind) {
	case NFT_CALLER:
		return MAP_CALLERS;
	case NFT_INSTANCE:
		return MAP_INSTANCES;
	case NFT_PORT:
		return MAP_PORTS;
	case NFT_SERVICE:
	case NFT_KIND_N:
		break;
	}
	return MAP_SERVICES;
}

static enum map_id backends_of(const struct nft_item *item)
{
	if (item->kind != NFT_PORT)
		return MAP_BACKENDS;
	return item->key >> 16 == IPPROTO_UDP ? MAP_UDP_BACKENDS : MAP_TCP_BACKENDS;
}

static bool has_chain(const struct nft_item *item)
{
	return item->kind == NFT_PORT || item->kind == NFT_SERVICE;
}

/* Ports have a map per protocol, so the key leaves that out. */
static void put_backend(struct buf *out, struct diff *d, const struct nft_item *item, uint32_t i,
			const struct nft_target *target)
{
	char key[KEY_MAX];
	char text[KEY_MAX];

	format_target(item, target, text);
	if (item->kind == NFT_PORT)
		note(d, buf_addf(out, "%u . %u : %s,\n", item->key & 0xffff, i, text));
	else
		note(d, buf_addf(out, "%s . %u : %s,\n", format_key(item, key), i, text));
}

/* The element of the first map: to an address, or to a chain. */
static void put_entry(struct buf *out, struct diff *d, const struct nft_item *item,
		      const struct nft_target *target)
{
	char key[KEY_MAX];
	char text[KEY_MAX];

	if (has_chain(item))
		note(d, buf_addf(out, "%s : goto %s,\n", format_key(item, key),
				 format_chain(item, text)));
	else
		note(d, buf_addf(out, "%s : %s,\n", format_key(item, key),
				 format_target(item, target, text)));
}

static void put_rule(struct diff *d, const struct nft_item *item)
{
	char chain[KEY_MAX];

	format_chain(item, chain);
	if (item->kind == NFT_PORT)
		note(d, buf_addf(&d->chains,
				 "add rule ip %s %s dnat to %s dport . numgen inc mod %u "
				 "map @%s\n",
				 d->table, chain, protocol_name(item->key), item->n,
				 map_names[backends_of(item)]));
	else
		note(d, buf_addf(&d->chains,
				 "add rule ip %s %s dnat to ip daddr . numgen inc mod %u "
				 "map @backends\n",
				 d->table, chain, item->n));
}

static void add_item(struct diff *d, const struct nft_state *state, const struct nft_item *item)
{
	const struct nft_target *targets = &state->targets[item->first];
	char chain[KEY_MAX];

	put_entry(&d->added[map_of(item->kind)], d, item, targets);
	if (!has_chain(item))
		return;
	note(d, buf_addf(&d->chains, "add chain ip %s %s\n", d->table, format_chain(item, chain)));
	put_rule(d, item);
	for (uint32_t i = 0; i < item->n; i++)
		put_backend(&d->added[backends_of(item)], d, item, i, &targets[i]);
}

static void remove_item(struct diff *d, const struct nft_state *state, const struct nft_item *item)
{
	const struct nft_target *targets = &state->targets[item->first];
	char chain[KEY_MAX];

	put_entry(&d->removed[map_of(item->kind)], d, item, targets);
	if (!has_chain(item))
		return;
	format_chain(item, chain);
	note(d, buf_addf(&d->chains_gone, "flush chain ip %s %s\ndelete chain ip %s %s\n", d->table,
			 chain, d->table, chain));
	for (uint32_t i = 0; i < item->n; i++)
		put_backend(&d->removed[backends_of(item)], d, item, i, &targets[i]);
}

static bool same_target(const struct nft_target *a, const struct nft_target *b)
{
	return a->ip == b->ip && a->port == b->port;
}

struct change {
	const struct nft_item *was;
	const struct nft_target *were;
	const struct nft_item *is;
	const struct nft_target *are;
};

static void change_backends(struct diff *d, const struct change *c)
{
	enum map_id map = backends_of(c->is);
	char chain[KEY_MAX];

	if (c->was->n != c->is->n) {
		note(d, buf_addf(&d->chains, "flush chain ip %s %s\n", d->table,
				 format_chain(c->is, chain)));
		put_rule(d, c->is);
	}
	for (uint32_t i = 0; i < c->was->n || i < c->is->n; i++) {
		if (i < c->was->n && i < c->is->n && same_target(&c->were[i], &c->are[i]))
			continue;
		if (i < c->was->n)
			put_backend(&d->removed[map], d, c->was, i, &c->were[i]);
		if (i < c->is->n)
			put_backend(&d->added[map], d, c->is, i, &c->are[i]);
	}
}

static void change_item(struct diff *d, const struct change *c)
{
	if (has_chain(c->is)) {
		change_backends(d, c);
	} else if (!same_target(c->were, c->are)) {
		put_entry(&d->removed[map_of(c->was->kind)], d, c->was, c->were);
		put_entry(&d->added[map_of(c->is->kind)], d, c->is, c->are);
	}
}

/* The end of a state comes after every item. */
static int compare(const struct nft_item *a, const struct nft_item *b)
{
	if (!a || !b)
		return a ? -1 : 1;
	return nft_item_compare(a, b);
}

static void walk(struct diff *d, const struct nft_state *old, const struct nft_state *new)
{
	size_t i = 0;
	size_t k = 0;

	while (i < old->n || k < new->n) {
		const struct nft_item *was = i < old->n ? &old->items[i] : NULL;
		const struct nft_item *is = k < new->n ? &new->items[k] : NULL;
		int order = compare(was, is);

		if (order < 0)
			remove_item(d, old, was);
		else if (order > 0)
			add_item(d, new, is);
		else
			change_item(d, &(struct change){ was, &old->targets[was->first], is,
							 &new->targets[is->first] });
		i += order <= 0;
		k += order >= 0;
	}
}

static int write_elements(struct buf *out, const char *verb, const char *table,
			  const struct buf maps[MAP_N])
{
	int r = 0;

	for (int i = 0; r == 0 && i < MAP_N; i++)
		if (maps[i].len)
			r = buf_addf(out, "%s element ip %s %s {\n%s}\n", verb, table, map_names[i],
				     maps[i].data);
	return r;
}

/* A chain goes after the elements that lead there, and comes before them. */
static int write_diff(struct buf *out, const struct diff *d)
{
	int r = d->result;

	if (r == 0)
		r = write_elements(out, "delete", d->table, d->removed);
	if (r == 0)
		r = buf_add(out, d->chains_gone.data, d->chains_gone.len);
	if (r == 0)
		r = buf_add(out, d->chains.data, d->chains.len);
	if (r == 0)
		r = write_elements(out, "add", d->table, d->added);
	return r;
}

int nft_text_diff(struct buf *out, const struct overlay_plan *plan, const struct nft_state *old,
		  const struct nft_state *new)
{
	struct diff d = { .table = plan->bridge };

	for (int i = 0; i < MAP_N; i++) {
		buf_init(&d.removed[i], OVERLAY_TEXT_MAX);
		buf_init(&d.added[i], OVERLAY_TEXT_MAX);
	}
	buf_init(&d.chains, OVERLAY_TEXT_MAX);
	buf_init(&d.chains_gone, OVERLAY_TEXT_MAX);
	walk(&d, old, new);
	int r = write_diff(out, &d);
	for (int i = 0; i < MAP_N; i++) {
		buf_fini(&d.removed[i]);
		buf_fini(&d.added[i]);
	}
	buf_fini(&d.chains);
	buf_fini(&d.chains_gone);
	return r;
}
