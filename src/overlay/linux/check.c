/* What on this host stands in the overlay's way. */
#include "loop/child.h"
#include "overlay/linux/linux.h"

#define LEGACY_NAMES      "/proc/thread-self/net/ip_tables_names"
#define LEGACY_TIMEOUT_MS 5000

/* A kernel that never saw the old iptables has no such file, and then its rules are none. */
static int check_legacy(struct overlay *ov, struct strv *ret, struct err *err)
{
	auto_strv struct strv argv = { 0 };
	auto_strv struct strv tables = { 0 };
	auto_free char *names = NULL;
	auto_free char *rules = NULL;
	struct err absent;

	if (file_read(LEGACY_NAMES, 4096, &names, NULL, &absent) < 0)
		return 0;
	strv_split(&tables, names, "\n");
	if (!strv_has(&tables, "filter"))
		return 0;
	strv_add(&argv, "iptables-legacy");
	strv_add(&argv, "-S");
	int r = child_run(&(struct child_spec){ .argv = argv.items }, LEGACY_TIMEOUT_MS, &rules,
			  err);
	if (r == 0)
		firewall_check_legacy(rules, &ov->plan, ret);
	return r == -ENOENT || r > 0 ? 0 : r;
}

static int check_rules(struct overlay *ov, struct strv *ret, struct err *err)
{
	auto_free char *listing = NULL;
	bool exists = true;
	int r = nft_list(ov->nft, "list ruleset", &listing, err);

	if (r == 0)
		firewall_check_nft(listing, &ov->plan, ret);
	if (r == 0 && ov->is_loaded)
		r = rules_exist(ov, &exists, err);
	if (!exists)
		strv_addf(ret,
			  "nftables table %s was removed by someone: service addresses and "
			  "mapped ports do not work until it is written again",
			  ov->plan.bridge);
	return r;
}

int overlay_check(struct overlay *ov, struct strv *ret, struct err *err)
{
	auto_strv struct strv found = { 0 };
	int r = check_rules(ov, &found, err);

	if (r == 0)
		r = check_legacy(ov, &found, err);
	if (r < 0)
		return err_wrap(err, "check the host's firewall");
	for (size_t i = 0; i < ov->state.conflicts.n; i++)
		strv_add(&found, ov->state.conflicts.items[i]);
	*ret = found;
	found = (struct strv){ 0 };
	return 0;
}
