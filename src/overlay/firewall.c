/* Firewalls of the host that would drop the overlay's packets. Our own table cannot overrule them: a
 * packet has to be accepted by every table. */
#include "overlay/plan.h"

enum hook { HOOK_NONE, HOOK_FORWARD, HOOK_INPUT };

/* A table and, inside it, the base chain that is being read. */
struct firewall {
	const struct overlay_plan *plan;
	struct strv *ret;
	char family[16];
	char table[64];
	char chain[64];
	enum hook hook;
	bool has_drop_policy;
	bool ends_in_drop; /* its last rule drops whatever comes there */
	/* Rules for our bridge anywhere in the table. */
	bool lets_in;    /* from the bridge */
	bool lets_out;   /* to the bridge */
	bool lets_names; /* port 53 */
	/* Base chains that drop, told at the table's end. */
	char forward_chain[64];
	char input_chain[64];
};

static bool has_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = line; (p = strstr(p, word)); p += n) {
		bool starts = p == line || strchr(" \t", p[-1]);

		if (starts && (!p[n] || strchr(" \t;", p[n])))
			return true;
	}
	return false;
}

/* "drop", "counter packets 7 bytes 420 reject with …": nothing before it that could not match. */
static bool is_final_drop(const char *line)
{
	if (str_starts(line, "counter")) {
		line += strlen("counter");
		if (str_starts(line, " packets "))
			line = strstr(line, " bytes ") ? strstr(line, " bytes ") + 7 : line;
		line += strspn(line, " 0123456789");
	}
	return str_starts(line, "drop") || str_starts(line, "reject");
}

static void tell_forward(struct firewall *f, const char *where, bool is_iptables)
{
	const char *bridge = f->plan->bridge;
	auto_free char *what =
		xasprintf("%s drops forwarded packets: instances reach nothing beyond "
			  "this node, nothing reaches their mapped ports",
			  where);
	auto_free char *how = is_iptables
				      ? xasprintf("iptables -I FORWARD -i %s -j ACCEPT && "
						  "iptables -I FORWARD -o %s -j ACCEPT",
						  bridge, bridge)
				      : xasprintf("nft insert rule %s %s %s iifname %s accept && "
						  "nft insert rule %s %s %s oifname %s accept",
						  f->family, f->table, f->forward_chain, bridge,
						  f->family, f->table, f->forward_chain, bridge);

	strv_addf(f->ret, "%s; add: %s", what, how);
}

static void tell_input(struct firewall *f, const char *where, bool is_iptables)
{
	const char *bridge = f->plan->bridge;
	auto_free char *what =
		xasprintf("%s drops packets to this host: instances cannot resolve names", where);
	auto_free char *how =
		is_iptables
			? xasprintf("iptables -I INPUT -i %s -p udp --dport 53 -j ACCEPT", bridge)
			: xasprintf("nft insert rule %s %s %s iifname %s udp dport 53 accept",
				    f->family, f->table, f->input_chain, bridge);

	strv_addf(f->ret, "%s; add: %s", what, how);
}

static void chain_end(struct firewall *f)
{
	if (f->has_drop_policy || f->ends_in_drop) {
		if (f->hook == HOOK_FORWARD)
			STR_COPY(f->forward_chain, f->chain);
		if (f->hook == HOOK_INPUT)
			STR_COPY(f->input_chain, f->chain);
	}
	f->hook = HOOK_NONE;
	f->has_drop_policy = f->ends_in_drop = false;
	f->chain[0] = '\0';
}

static void table_end(struct firewall *f)
{
	/* Chains with names in capitals are iptables', which should change them itself. */
	bool is_iptables = str_eq(f->forward_chain, "FORWARD") || str_eq(f->input_chain, "INPUT");
	auto_free char *where = xasprintf("nftables table %s %s", f->family, f->table);

	if (f->forward_chain[0] && !(f->lets_in && f->lets_out))
		tell_forward(f, where, is_iptables);
	if (f->input_chain[0] && !f->lets_in && !f->lets_names)
		tell_input(f, where, is_iptables);
	*f = (struct firewall){ .plan = f->plan, .ret = f->ret };
}

static void table_begin(struct firewall *f, const char *line)
{
	auto_strv struct strv words = { 0 };

	*f = (struct firewall){ .plan = f->plan, .ret = f->ret };
	strv_split(&words, line, " ");
	if (words.n < 3 || str_eq(words.items[2], f->plan->bridge))
		return;
	if (!str_eq(words.items[1], "ip") && !str_eq(words.items[1], "inet"))
		return;
	STR_COPY(f->family, words.items[1]);
	STR_COPY(f->table, words.items[2]);
}

static void read_bridge_rule(struct firewall *f, const char *line, const char *in, const char *out)
{
	auto_free char *from = xasprintf("%s %s", in, f->plan->bridge);
	auto_free char *to = xasprintf("%s %s", out, f->plan->bridge);

	f->lets_in |= has_word(line, from);
	f->lets_out |= has_word(line, to);
}

static void read_rule(struct firewall *f, const char *line)
{
	bool lets = has_word(line, "accept") || has_word(line, "jump") || has_word(line, "goto");
	auto_free char *plain = xstrdup(line);
	size_t n = 0;

	f->ends_in_drop = is_final_drop(line);
	if (!lets)
		return;
	for (const char *p = line; *p; p++) /* iifname "holm-…" */
		if (*p != '"')
			plain[n++] = *p;
	plain[n] = '\0';
	read_bridge_rule(f, plain, "iifname", "oifname");
	f->lets_names |= has_word(line, "dport 53") && has_word(line, "accept");
}

static void read_hook(struct firewall *f, const char *line)
{
	if (!str_starts(line, "type filter hook "))
		return;
	if (has_word(line, "hook forward"))
		f->hook = HOOK_FORWARD;
	else if (has_word(line, "hook input"))
		f->hook = HOOK_INPUT;
	f->has_drop_policy = has_word(line, "policy drop");
}

static void read_line(struct firewall *f, const char *line)
{
	const char *text = line + strspn(line, "\t");
	size_t depth = (size_t)(text - line);

	if (depth == 0 && str_starts(text, "table "))
		table_begin(f, text);
	else if (depth == 0 && str_eq(text, "}") && f->table[0])
		table_end(f);
	else if (!f->table[0])
		return;
	else if (depth == 1 && str_starts(text, "chain "))
		snprintf(f->chain, sizeof(f->chain), "%.*s", (int)strcspn(text + 6, " "), text + 6);
	else if (depth == 1 && str_eq(text, "}"))
		chain_end(f);
	else if (depth == 2 && f->chain[0] && str_starts(text, "type "))
		read_hook(f, text);
	else if (depth == 2 && f->chain[0])
		read_rule(f, text);
}

void firewall_check_nft(const char *listing, const struct overlay_plan *plan, struct strv *ret)
{
	struct firewall f = { .plan = plan, .ret = ret };
	auto_strv struct strv lines = { 0 };

	strv_split(&lines, listing, "\n");
	for (size_t i = 0; i < lines.n; i++)
		read_line(&f, lines.items[i]);
}

static void read_legacy_line(struct firewall *f, const char *line)
{
	if (str_eq(line, "-P FORWARD DROP") || str_eq(line, "-P FORWARD REJECT"))
		STR_COPY(f->forward_chain, "FORWARD");
	if (str_eq(line, "-P INPUT DROP"))
		STR_COPY(f->input_chain, "INPUT");
	if (str_starts(line, "-A FORWARD -j DROP") || str_starts(line, "-A FORWARD -j REJECT"))
		STR_COPY(f->forward_chain, "FORWARD");
	if (str_starts(line, "-A INPUT -j DROP") || str_starts(line, "-A INPUT -j REJECT"))
		STR_COPY(f->input_chain, "INPUT");
	if (!has_word(line, "-j ACCEPT"))
		return;
	read_bridge_rule(f, line, "-i", "-o");
	f->lets_names |= has_word(line, "--dport 53");
}

void firewall_check_legacy(const char *listing, const struct overlay_plan *plan, struct strv *ret)
{
	struct firewall f = { .plan = plan, .ret = ret };
	auto_strv struct strv lines = { 0 };

	strv_split(&lines, listing, "\n");
	for (size_t i = 0; i < lines.n; i++)
		read_legacy_line(&f, lines.items[i]);
	if (f.forward_chain[0] && !(f.lets_in && f.lets_out))
		tell_forward(&f, "iptables", true);
	if (f.input_chain[0] && !f.lets_in && !f.lets_names)
		tell_input(&f, "iptables", true);
}
