/* The rules of a namespace between the bridge and a guest whose address cannot be changed any more. */
#include "overlay/plan.h"

int nft_text_inner(struct buf *out, uint32_t ip)
{
	char outside[IPV4_STR_MAX], bridge[IPV4_STR_MAX];
	char inside[IPV4_STR_MAX], gateway[IPV4_STR_MAX];

	format_ipv4(ip, outside);
	format_ipv4(overlay_gateway(ip), bridge);
	format_ipv4(OVERLAY_INNER_IP, inside);
	format_ipv4(OVERLAY_INNER_GATEWAY, gateway);
	auto_free char *text = xasprintf(
		"table ip inner\n"
		"delete table ip inner\n"
		"table ip inner {\n"
		"	chain prerouting {\n"
		"		type nat hook prerouting priority -100\n"
		"		iifname \"eth0\" ip daddr %s dnat to %s\n"
		"		iifname \"" OVERLAY_INNER_TAP "\" ip daddr %s dnat to %s\n"
		"	}\n"
		"	chain postrouting {\n"
		"		type nat hook postrouting priority 100\n"
		"		oifname \"eth0\" ip saddr %s snat to %s\n"
		"	}\n"
		/* Nobody pretends to be another. */
		"	chain forward {\n"
		"		type filter hook forward priority 0\n"
		"		iifname \"" OVERLAY_INNER_TAP "\" ip saddr != %s drop\n"
		"	}\n"
		"}\n",
		outside, inside, gateway, bridge, inside, outside, inside);
	return buf_add_str(out, text);
}
