/* The part of the nftables table that is the same for every set of services. */
#include "overlay/plan.h"

/* Names of the template: @B the bridge, @S the service pool, @N the namespace pool. */
static const char template[] =
	"table ip @B\n"
	"delete table ip @B\n"
	"table ip @B {\n"
	"	map callers { type ipv4_addr : ipv4_addr; }\n"
	"	map instances { type ipv4_addr : ipv4_addr; }\n"
	"	map ports { type inet_proto . inet_service : verdict; }\n"
	"	map services { type ipv4_addr : verdict; }\n"
	/* A map per protocol: of one with "th dport", nft 1.0.6 cannot read back the rules. */
	"	map tcp_backends {\n"
	"		typeof tcp dport . numgen inc mod 2 : ip daddr . tcp dport\n"
	"	}\n"
	"	map udp_backends {\n"
	"		typeof udp dport . numgen inc mod 2 : ip daddr . udp dport\n"
	"	}\n"
	"	map backends { typeof ip daddr . numgen inc mod 2 : ip daddr; }\n"
	"\n"
	"	chain service {\n"
	"		dnat to ip daddr map @instances\n"
	"		ip daddr vmap @services\n"
	"	}\n"
	/* Names are asked for at the bridge's address, whatever a service maps. */
	"	chain port {\n"
	"		ip daddr @N th dport 53 return\n"
	"		meta l4proto . th dport vmap @ports\n"
	"	}\n"
	/* route_localnet is on for the bridge, so that replies to 127.0.0.1 come in. Nothing
	 * else may. */
	"	chain loopback {\n"
	"		type filter hook prerouting priority -300\n"
	"		iifname != \"lo\" ip daddr 127.0.0.0/8 drop\n"
	"		iifname \"@B\" ip saddr 127.0.0.0/8 drop\n"
	"	}\n"
	"	chain prerouting {\n"
	"		type nat hook prerouting priority -100\n"
	"		iifname \"@B\" ip daddr @S goto service\n"
	"		fib daddr type local goto port\n"
	"	}\n"
	"	chain output {\n"
	"		type nat hook output priority -100\n"
	"		ip daddr @S goto service\n"
	"		fib daddr type local goto port\n"
	"	}\n"
	/* The host itself comes as the bridge's address, also from 127.0.0.1; so does an instance
	 * that has just been plugged in and has no service address yet. */
	"	chain postrouting {\n"
	"		type nat hook postrouting priority 100\n"
	"		oifname \"@B\" ct status dnat snat to ip saddr map @callers\n"
	"		oifname \"@B\" ct status dnat fib saddr type local masquerade\n"
	"		oifname \"@B\" ct status dnat ip saddr @N masquerade\n"
	"		oifname != { \"lo\", \"@B\" } ip saddr @N masquerade\n"
	"	}\n"
	/* What still has a service address after translation has no backend. Refused before a route
	 * is looked up: that would lead back out of the bridge, and the ICMP redirect for it uses up
	 * the sender's share of ICMP errors. */
	"	chain refuse {\n"
	/* A reply that tracking takes for none of its connection (late, say) was not translated
	 * back. A reset would end the connection that it belongs to. */
	"		ct state invalid drop\n"
	"		meta l4proto tcp reject with tcp reset\n"
	"		reject with icmp type port-unreachable\n"
	"	}\n"
	"	chain arrived {\n"
	"		type filter hook prerouting priority -50\n"
	"		ip daddr @S goto refuse\n"
	"	}\n"
	"	chain local {\n"
	"		type filter hook output priority 0\n"
	"		ip daddr @S goto refuse\n"
	"	}\n"
	/* Forwarding was off before us: only what was mapped may come in from elsewhere. */
	"	chain forward {\n"
	"		type filter hook forward priority 0\n"
	/* Others cut packets down to the path's size only if told so, and may not hear of it. */
	"		iifname \"@B\" oifname != \"@B\" tcp flags syn tcp option maxseg size set rt mtu\n"
	"		ct state established,related accept\n"
	"		iifname != \"@B\" oifname \"@B\" ct status and dnat == 0 drop\n"
	"	}\n"
	"}\n";

static int put_name(struct buf *out, const struct overlay_plan *plan, char name)
{
	char range[OVERLAY_RANGE_MAX];

	if (name == 'B')
		return buf_add_str(out, plan->bridge);
	if (name == 'S')
		return buf_add_str(out, overlay_svc_format(plan, range));
	return buf_add_str(out, overlay_ns_format(plan, range));
}

static bool is_name(const char *at)
{
	return at[0] == '@' && (at[1] == 'B' || at[1] == 'S' || at[1] == 'N');
}

static int put_base(struct buf *out, const struct overlay_plan *plan)
{
	int r = 0;

	for (const char *p = template; r == 0 && *p;) {
		if (is_name(p)) {
			r = put_name(out, plan, p[1]);
			p += 2;
		} else {
			r = buf_add(out, p, 1);
			p++;
		}
	}
	return r;
}

int nft_text_load(struct buf *out, const struct overlay_plan *plan, const struct nft_state *state)
{
	const struct nft_state nothing = { 0 };
	int r = put_base(out, plan);

	return r < 0 ? r : nft_text_diff(out, plan, &nothing, state);
}
