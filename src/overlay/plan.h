/* The pure half of the overlay: from configuration and table to names, addresses and the texts that
 * nftables and the name server are given. */
#ifndef HOLM_OVERLAY_PLAN_H
#define HOLM_OVERLAY_PLAN_H

#include "overlay/overlay.h"

#define OVERLAY_TEXT_MAX (64u << 20)
#define OVERLAY_MTU      1500

/* What follows from the configuration. */
struct overlay_plan {
	char node[9];        /* the first 8 of the node's id, in the names of all that is ours */
	char bridge[16];     /* holm-1a2b3c4d, also the name of the nft table */
	char carrier[2][16]; /* h1a2b3cc0, h1a2b3cc1: a pair that keeps the bridge in operation */
	uint32_t leaving_group; /* of links that are being deleted: the same digits as a number */
	char netns_prefix[32];
	char run_dir[32];    /* what the name server, which is not root, reads */
	uint32_t ns_first;   /* namespace pool */
	uint32_t ns_last;    /* inclusive */
	uint32_t svc_first;  /* service pool */
	unsigned svc_prefix; /* its length in bits */
	char domain[64];
};
/* -EINVAL if a pool is not of the form, or cannot be used. */
int overlay_plan_init(struct overlay_plan *plan, const struct overlay_config *config,
		      struct err *err);

uint32_t overlay_svc_last(const struct overlay_plan *plan);
/* "10.30.0.0/16", "10.18.0.0-10.29.255.255" */
#define OVERLAY_RANGE_MAX 40
const char *overlay_svc_format(const struct overlay_plan *plan, char out[OVERLAY_RANGE_MAX]);
const char *overlay_ns_format(const struct overlay_plan *plan, char out[OVERLAY_RANGE_MAX]);

/* First address after the network's own, of the block that `ip` is in. */
uint32_t overlay_gateway(uint32_t ip);
bool overlay_blocks_have(const struct strv *blocks, uint32_t ip);
/* Order of two addresses, for qsort and bsearch. */
int overlay_ip_compare(const void *a, const void *b);
/* 02:00 and the address: the same after every restart. */
void overlay_mac(uint32_t ip, uint8_t out[6]);
/* Host's end of the link of an address, "h1a2b3cv120002": unique, as a pool fits into a /8. */
#define OVERLAY_IFNAME_MAX 16
const char *overlay_ifname(const struct overlay_plan *plan, uint32_t ip,
			   char out[OVERLAY_IFNAME_MAX]);
bool overlay_ifname_is_ours(const struct overlay_plan *plan, const char *ifname);

void overlay_link_describe(const struct overlay_plan *plan, const struct overlay_link_spec *spec,
			   struct overlay_link *ret);

/* What every guest behind a namespace has: addresses that no network leads to (RFC 7335), since they
 * are in the states that guests are started from. */
#define OVERLAY_INNER_TAP     "tap0"
#define OVERLAY_INNER_GATEWAY 0xc0000001u /* 192.0.0.1 */
#define OVERLAY_INNER_IP      0xc0000002u
#define OVERLAY_INNER_PREFIX  29
/* Commands for the namespace: the guest's address is the instance's outside, one to one, and what it
 * sends to its gateway reaches the bridge and the name server there. */
int nft_text_inner(struct buf *out, uint32_t ip);

/* What nftables has to know, sorted by kind and key. */
enum nft_kind {
	NFT_CALLER,   /* namespace address → the instance's own service address */
	NFT_INSTANCE, /* the reverse, while it is ready */
	NFT_PORT,     /* protocol and port → local ready backends */
	NFT_SERVICE,  /* service address → ready backends */
	NFT_KIND_N
};
struct nft_target {
	uint32_t ip;
	uint16_t port; /* of ports only */
};
struct nft_item {
	enum nft_kind kind;
	uint32_t key;    /* an address, or protocol << 16 | port */
	uint32_t first;  /* index into targets */
	uint32_t n;      /* of targets, at least 1 */
	uint32_t origin; /* service's position in the table: of two the first wins */
};
struct nft_state {
	struct nft_item *items;
	size_t n;
	struct nft_target *targets;
	size_t n_targets;
	uint32_t *listed; /* namespace addresses of all backends, sorted, ready or not */
	size_t n_listed;
	struct strv conflicts; /* a sentence per port that two services want */
};
void nft_state_build(struct nft_state *state, const struct overlay_table *table);
void nft_state_fini(struct nft_state *state);
bool nft_state_lists(const struct nft_state *state, uint32_t namespace_ip);
/* Order of items by kind and key. */
int nft_item_compare(const struct nft_item *a, const struct nft_item *b);
const struct nft_item *nft_state_find(const struct nft_state *state, enum nft_kind kind,
				      uint32_t key);

/* Commands for one transaction. The first makes the table anew, whatever was there; the second
 * changes `old` into `new`, and is empty if they are equal. -E2BIG beyond the buffer. */
int nft_text_load(struct buf *out, const struct overlay_plan *plan, const struct nft_state *state);
int nft_text_diff(struct buf *out, const struct overlay_plan *plan, const struct nft_state *old,
		  const struct nft_state *new);

/* The name server's hosts file: names of services and "0.name" of instances. */
int names_text(struct buf *out, const struct overlay_plan *plan, const struct overlay_table *table);

/* Reads a listing of nft's whole ruleset ("nft list ruleset") or of legacy iptables' filter table
 * ("iptables-legacy -S"), and adds a sentence per firewall that drops what the overlay needs. */
void firewall_check_nft(const char *listing, const struct overlay_plan *plan, struct strv *ret);
void firewall_check_legacy(const char *listing, const struct overlay_plan *plan, struct strv *ret);

#endif
