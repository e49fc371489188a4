/* nftables' ruleset as text: commands in, listing or error out. */
#ifndef HOLM_WIRE_NFT_NFT_H
#define HOLM_WIRE_NFT_NFT_H

#include "base/base.h"

struct nft;

/* For the calling thread's network namespace. */
int nft_open(struct nft **ret, struct err *err);
struct nft *nft_close(struct nft *nft);
DEFINE_AUTO(nft_close, struct nft *)

/* Runs the commands as one transaction: all of them or none. The error is nft's own, with the
 * number of the line. */
int nft_run(struct nft *nft, const char *commands, struct err *err);

/* Runs a command that lists; the text is the caller's. */
int nft_list(struct nft *nft, const char *command, char **ret, struct err *err);

#endif
