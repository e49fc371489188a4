/* Pools, blocks, and the names and addresses that follow from them. */
#include "overlay/plan.h"

#define BLOCK_SIZE (1u << (32 - OVERLAY_BLOCK_PREFIX))

uint32_t overlay_gateway(uint32_t ip)
{
	return (ip & ~(BLOCK_SIZE - 1)) + 1;
}

static int parse_block(const char *text, uint32_t *ret)
{
	unsigned prefix;
	uint32_t first;
	int r = parse_cidr(text, &first, &prefix);

	if (r < 0 || prefix != OVERLAY_BLOCK_PREFIX)
		return -EINVAL;
	*ret = first;
	return 0;
}

bool overlay_blocks_have(const struct strv *blocks, uint32_t ip)
{
	uint32_t first;

	for (size_t i = 0; i < blocks->n; i++)
		if (parse_block(blocks->items[i], &first) == 0 && ip - first < BLOCK_SIZE)
			return true;
	return false;
}

int overlay_ip_compare(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a;
	uint32_t y = *(const uint32_t *)b;

	return (x > y) - (x < y);
}

uint32_t overlay_pick_ip(const struct strv *blocks, const uint32_t *used, size_t n_used)
{
	auto_free uint32_t *sorted = n_used ? xmemdup(used, n_used * sizeof(*used)) : NULL;
	uint32_t first;

	if (sorted)
		qsort(sorted, n_used, sizeof(*sorted), overlay_ip_compare);
	for (size_t i = 0; i < blocks->n; i++) {
		if (parse_block(blocks->items[i], &first) < 0)
			continue;
		/* Not the network's own address, the gateway and the broadcast address. */
		for (uint32_t ip = first + 2; ip < first + BLOCK_SIZE - 1; ip++)
			if (!sorted ||
			    !bsearch(&ip, sorted, n_used, sizeof(ip), overlay_ip_compare))
				return ip;
	}
	return 0;
}

void overlay_mac(uint32_t ip, uint8_t out[6])
{
	out[0] = 0x02;
	out[1] = 0;
	for (int i = 0; i < 4; i++)
		out[2 + i] = (uint8_t)(ip >> (24 - 8 * i));
}

const char *overlay_ifname(const struct overlay_plan *plan, uint32_t ip,
			   char out[OVERLAY_IFNAME_MAX])
{
	snprintf(out, OVERLAY_IFNAME_MAX, "h%.6sv%06x", plan->node, ip & 0xffffff);
	return out;
}

bool overlay_ifname_is_ours(const struct overlay_plan *plan, const char *ifname)
{
	return strlen(ifname) == 14 && ifname[0] == 'h' && ifname[7] == 'v' &&
	       strncmp(ifname + 1, plan->node, 6) == 0 && is_hex(ifname + 8, 6);
}

uint32_t overlay_svc_last(const struct overlay_plan *plan)
{
	return plan->svc_first | (uint32_t)(UINT32_MAX >> plan->svc_prefix);
}

const char *overlay_svc_format(const struct overlay_plan *plan, char out[OVERLAY_RANGE_MAX])
{
	char first[IPV4_STR_MAX];

	snprintf(out, OVERLAY_RANGE_MAX, "%s/%u", format_ipv4(plan->svc_first, first),
		 plan->svc_prefix);
	return out;
}

const char *overlay_ns_format(const struct overlay_plan *plan, char out[OVERLAY_RANGE_MAX])
{
	char first[IPV4_STR_MAX];
	char last[IPV4_STR_MAX];

	snprintf(out, OVERLAY_RANGE_MAX, "%s-%s", format_ipv4(plan->ns_first, first),
		 format_ipv4(plan->ns_last, last));
	return out;
}

static int parse_ns_pool(struct overlay_plan *plan, const char *text, struct err *err)
{
	auto_strv struct strv ends = { 0 };

	strv_split(&ends, text, "-");
	if (ends.n != 2 || parse_ipv4(ends.items[0], &plan->ns_first) < 0 ||
	    parse_ipv4(ends.items[1], &plan->ns_last) < 0)
		return err_set(err, -EINVAL,
			       "read namespace pool \"%s\": not of the form "
			       "\"10.18.0.0-10.29.255.255\"",
			       text);
	if (plan->ns_first >= plan->ns_last || plan->ns_first % BLOCK_SIZE ||
	    (plan->ns_last + 1) % BLOCK_SIZE)
		return err_set(err, -EINVAL,
			       "read namespace pool \"%s\": not made of blocks of /%d", text,
			       OVERLAY_BLOCK_PREFIX);
	if (plan->ns_first >> 24 != plan->ns_last >> 24)
		return err_set(err, -EINVAL, "read namespace pool \"%s\": larger than a /8", text);
	return 0;
}

static int parse_svc_pool(struct overlay_plan *plan, const char *text, struct err *err)
{
	if (parse_cidr(text, &plan->svc_first, &plan->svc_prefix) < 0 || plan->svc_prefix < 8 ||
	    plan->svc_prefix > 28)
		return err_set(err, -EINVAL,
			       "read service pool \"%s\": not a network between /8 and /28", text);
	if (plan->svc_first <= plan->ns_last && overlay_svc_last(plan) >= plan->ns_first)
		return err_set(err, -EINVAL,
			       "read service pool \"%s\": overlaps the namespace pool", text);
	return 0;
}

/* Its digits as a number; 0 is the group that links have by default. */
static uint32_t group_of(const char *node)
{
	uint32_t group = 0;

	for (const char *c = node; *c; c++)
		group = group << 4 | (uint32_t)(*c <= '9' ? *c - '0' : *c - 'a' + 10);
	return group ? group : 1;
}

int overlay_plan_init(struct overlay_plan *plan, const struct overlay_config *config,
		      struct err *err)
{
	struct overlay_plan p = { 0 };

	if (!id_is_valid(config->node_id))
		return err_set(err, -EINVAL, "read node id \"%s\": not 24 hex digits",
			       config->node_id);
	if (strlen(config->domain) >= sizeof(p.domain))
		return err_set(err, -EINVAL, "read domain \"%s\": too long", config->domain);
	int r = parse_ns_pool(&p, config->namespace_pool, err);
	if (r == 0)
		r = parse_svc_pool(&p, config->service_pool, err);
	if (r < 0)
		return r;
	STR_COPY(p.node, config->node_id);
	p.leaving_group = group_of(p.node);
	STR_COPY(p.domain, config->domain);
	snprintf(p.bridge, sizeof(p.bridge), "holm-%s", p.node);
	for (int i = 0; i < 2; i++)
		snprintf(p.carrier[i], sizeof(p.carrier[i]), "h%.6sc%d", p.node, i);
	snprintf(p.netns_prefix, sizeof(p.netns_prefix), "/run/netns/holm-%s-", p.node);
	snprintf(p.run_dir, sizeof(p.run_dir), "/run/holm-%s", p.node);
	*plan = p;
	return 0;
}

static void describe_inside(uint32_t ip, uint32_t gateway, struct overlay_link *link)
{
	uint8_t mac[6];

	overlay_mac(ip, mac);
	snprintf(link->mac, sizeof(link->mac), "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1],
		 mac[2], mac[3], mac[4], mac[5]);
	format_ipv4(ip, link->ip);
	format_ipv4(gateway, link->gateway);
	STR_COPY(link->dns, link->gateway);
}

void overlay_link_describe(const struct overlay_plan *plan, const struct overlay_link_spec *spec,
			   struct overlay_link *ret)
{
	struct overlay_link link = { .prefix = OVERLAY_BLOCK_PREFIX, .mtu = OVERLAY_MTU };

	overlay_ifname(plan, spec->ip, link.ifname);
	if (!spec->is_tap || spec->is_inner)
		snprintf(link.netns_path, sizeof(link.netns_path), "%s%s", plan->netns_prefix,
			 spec->instance_id);
	if (spec->is_tap)
		STR_COPY(link.tap, spec->is_inner ? OVERLAY_INNER_TAP : link.ifname);
	if (spec->is_inner) {
		link.prefix = OVERLAY_INNER_PREFIX;
		describe_inside(OVERLAY_INNER_IP, OVERLAY_INNER_GATEWAY, &link);
	} else {
		describe_inside(spec->ip, overlay_gateway(spec->ip), &link);
	}
	*ret = link;
}
