/* A tap inside an instance's namespace, behind its eth0: for guests that are started from a saved
 * state, and so all have the same address. */
#include "overlay/linux/linux.h"

#define TEXT_MAX 4096
/* A guest that boots is asked for its hardware address this often. */
#define RETRANS_PATH "/proc/sys/net/ipv4/neigh/" OVERLAY_INNER_TAP "/retrans_time_ms"
#define RETRANS_MS   "10"

static int run_rules(uint32_t ip, struct err *err)
{
	auto_(nft_close) struct nft *nft = NULL;
	struct buf text;

	buf_init(&text, TEXT_MAX);
	int r = nft_text_inner(&text, ip);
	if (r < 0)
		r = err_set(err, r, "rules of a namespace: too long");
	else
		r = nft_open(&nft, err);
	if (r == 0)
		r = nft_run(nft, text.data, err);
	buf_fini(&text);
	return r;
}

/* 1 if it was not there. */
static int make_tap(struct netlink *inside, uint32_t owner, struct err *err)
{
	struct netlink_link link;
	struct err absent;

	if (netlink_link_find(inside, OVERLAY_INNER_TAP, &link, &absent) == 0) {
		if (link.is_tap && link.tap_owner == owner)
			return 0;
		int r = netlink_link_delete(inside, link.index, err);
		if (r < 0)
			return r;
	}
	int r = netlink_tap_add(OVERLAY_INNER_TAP, owner, err);
	return r < 0 ? r : 1;
}

/* In the namespace, where settings, taps and rules are made: 1 if the tap was not there. */
static int make_there(const struct overlay_link_spec *spec, struct netlink *inside, struct err *err)
{
	int r = sysctl_set("/proc/sys/net/ipv4/ip_forward", "1", err);

	if (r < 0)
		return r;
	int is_new = make_tap(inside, spec->tap_uid, err);
	if (is_new < 0)
		return is_new;
	r = sysctl_set(RETRANS_PATH, RETRANS_MS, err);
	if (r == 0)
		r = run_rules(spec->ip, err);
	return r < 0 ? r : is_new;
}

static int configure(struct netlink *inside, struct err *err)
{
	struct netlink_link tap;
	uint8_t mac[NETLINK_MAC_SIZE];
	int r = netlink_link_find(inside, OVERLAY_INNER_TAP, &tap, err);

	overlay_mac(OVERLAY_INNER_GATEWAY, mac);
	if (r == 0)
		r = netlink_link_change(
			inside, tap.index,
			&(struct netlink_change){ .mac = mac, .mtu = OVERLAY_MTU, .is_up = true },
			err);
	return r < 0 ? r
		     : addresses_set(inside,
				     &(struct netlink_addr){
					     .index = tap.index,
					     .ip = OVERLAY_INNER_GATEWAY,
					     .prefix = OVERLAY_INNER_PREFIX,
				     },
				     1, err);
}

int inner_make(const struct overlay_link_spec *spec, const char *netns, struct err *err)
{
	auto_(netlink_close) struct netlink *inside = NULL;
	int home;

	if (netlink_open(netns, &inside, err) < 0 || netns_enter(netns, &home, err) < 0)
		return err->code;
	int is_new = make_there(spec, inside, err);
	netns_leave(home);
	int r = is_new < 0 ? is_new : configure(inside, err);
	return r < 0 ? r : is_new;
}

bool inner_is_whole(const char *netns)
{
	auto_(netlink_close) struct netlink *inside = NULL;
	struct netlink_link tap;
	struct err absent;

	return netlink_open(netns, &inside, &absent) == 0 &&
	       netlink_link_find(inside, OVERLAY_INNER_TAP, &tap, &absent) == 0 && tap.is_up;
}

int inner_leave(const char *netns, struct err *err)
{
	auto_(netlink_close) struct netlink *inside = NULL;
	struct netlink_link tap;
	struct err absent;

	if (!netns_exists(netns))
		return 0;
	if (netlink_open(netns, &inside, err) < 0)
		return err->code;
	if (netlink_link_find(inside, OVERLAY_INNER_TAP, &tap, &absent) < 0)
		return 0;
	return netns_remove(netns, err);
}
