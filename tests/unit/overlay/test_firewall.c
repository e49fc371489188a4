/* Which rulesets of a host are reported, and which are not. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "overlay/plan.h"

#define BRIDGE "holm-1a2b3c4d"

static const struct overlay_plan plan = { .bridge = BRIDGE };

typedef void (*check_fn)(const char *listing, const struct overlay_plan *plan, struct strv *ret);

/* Each expected text has to be in the sentence at its place. */
static void expect(check_fn check, const char *listing, const char *first, const char *second)
{
	auto_strv struct strv found = { 0 };

	check(listing, &plan, &found);
	assert_int_equal(found.n, (first != NULL) + (second != NULL));
	if (first && !strstr(found.items[0], first))
		fail_msg("\"%s\" does not say \"%s\"", found.items[0], first);
	if (second && !strstr(found.items[1], second))
		fail_msg("\"%s\" does not say \"%s\"", found.items[1], second);
}

#define CHAIN(name, hook, policy, rules)                                                       \
	"table inet filter {\n"                                                                \
	"	set blocked {\n		type ipv4_addr\n		elements = { 192.168.0.1,\n"                      \
	"			     192.168.0.2 }\n	}\n\n"                                                        \
	"	chain " name " {\n"                                                            \
	"		type filter hook " hook " priority filter; policy " policy ";\n" rules \
	"	}\n}\n"

static void an_open_host_is_fine(void **state)
{
	expect(firewall_check_nft, "", NULL, NULL);
	expect(firewall_check_nft, CHAIN("forward", "forward", "accept", ""), NULL, NULL);
	expect(firewall_check_nft,
	       CHAIN("forward", "forward", "accept", "\t\tip saddr @blocked drop\n"), NULL, NULL);
	expect(firewall_check_nft, CHAIN("output", "output", "drop", ""), NULL, NULL);
}

static void a_drop_policy_is_told_with_its_remedy(void **state)
{
	expect(firewall_check_nft, CHAIN("fwd", "forward", "drop", ""),
	       "nftables table inet filter drops forwarded packets: instances reach nothing beyond "
	       "this node, nothing reaches their mapped ports; add: nft insert rule inet filter "
	       "fwd iifname " BRIDGE " accept && nft insert rule inet filter fwd oifname " BRIDGE
	       " accept",
	       NULL);
	expect(firewall_check_nft,
	       CHAIN("in", "input", "drop", "\t\tct state established accept\n"),
	       "instances cannot resolve names; add: nft insert rule inet filter in iifname " BRIDGE
	       " udp dport 53 accept",
	       NULL);
}

static void a_last_rule_that_drops_is_a_policy(void **state)
{
	expect(firewall_check_nft,
	       CHAIN("f", "forward", "accept", "\t\ticmp type echo-request accept\n\t\tdrop\n"),
	       "drops forwarded packets", NULL);
	expect(firewall_check_nft,
	       CHAIN("f", "forward", "accept",
		     "\t\tcounter packets 7 bytes 420 reject with icmpx admin-prohibited\n"),
	       "drops forwarded packets", NULL);
	expect(firewall_check_nft, CHAIN("f", "forward", "accept", "\t\tdrop\n\t\taccept\n"), NULL,
	       NULL);
}

static void rules_for_the_bridge_satisfy(void **state)
{
	expect(firewall_check_nft,
	       CHAIN("f", "forward", "drop",
		     "\t\tiifname \"" BRIDGE "\" accept\n"
		     "\t\toifname \"" BRIDGE "\" counter packets 0 bytes 0 accept\n"),
	       NULL, NULL);
	expect(firewall_check_nft,
	       CHAIN("f", "forward", "drop", "\t\tiifname \"" BRIDGE "\" accept\n"),
	       "drops forwarded packets", NULL);
	expect(firewall_check_nft,
	       CHAIN("f", "forward", "drop",
		     "\t\tiifname \"holm-ffffffff\" accept\n\t\toifname \"holm-ffffffff\" accept\n"),
	       "drops forwarded packets", NULL);
	expect(firewall_check_nft,
	       CHAIN("i", "input", "drop", "\t\tiifname \"" BRIDGE "\" udp dport 53 accept\n"),
	       NULL, NULL);
}

static void tables_that_do_not_matter_are_left_out(void **state)
{
	expect(firewall_check_nft,
	       "table ip " BRIDGE " {\n\tchain forward {\n"
	       "\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n"
	       "table ip6 filter {\n\tchain FORWARD {\n"
	       "\t\ttype filter hook forward priority filter; policy drop;\n\t}\n}\n",
	       NULL, NULL);
}

static void iptables_is_told_in_its_own_words(void **state)
{
	expect(firewall_check_nft,
	       "table ip filter {\n\tchain INPUT {\n"
	       "\t\ttype filter hook input priority filter; policy drop;\n\t}\n\n"
	       "\tchain FORWARD {\n"
	       "\t\ttype filter hook forward priority filter; policy drop;\n"
	       "\t\tcounter packets 3 bytes 252 jump DOCKER-USER\n\t}\n}\n",
	       "add: iptables -I FORWARD -i " BRIDGE " -j ACCEPT",
	       "add: iptables -I INPUT -i " BRIDGE " -p udp --dport 53 -j ACCEPT");
}

static void legacy_rules_are_read(void **state)
{
	expect(firewall_check_legacy, "-P INPUT ACCEPT\n-P FORWARD ACCEPT\n-P OUTPUT DROP\n", NULL,
	       NULL);
	expect(firewall_check_legacy, "-P INPUT ACCEPT\n-P FORWARD DROP\n",
	       "iptables drops forwarded packets", NULL);
	expect(firewall_check_legacy,
	       "-P INPUT DROP\n-P FORWARD ACCEPT\n-A FORWARD -j REJECT --reject-with x\n",
	       "drops forwarded packets", "cannot resolve names");
	expect(firewall_check_legacy,
	       "-P FORWARD DROP\n-A FORWARD -i " BRIDGE " -j ACCEPT\n-A FORWARD -o " BRIDGE
	       " -j ACCEPT\n",
	       NULL, NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_open_host_is_fine),
		cmocka_unit_test(a_drop_policy_is_told_with_its_remedy),
		cmocka_unit_test(a_last_rule_that_drops_is_a_policy),
		cmocka_unit_test(rules_for_the_bridge_satisfy),
		cmocka_unit_test(tables_that_do_not_matter_are_left_out),
		cmocka_unit_test(iptables_is_told_in_its_own_words),
		cmocka_unit_test(legacy_rules_are_read),
	};

	return cmocka_run_group_tests_name("overlay/firewall", tests, NULL, NULL);
}
