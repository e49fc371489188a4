/* What the files of accounts share. */
#ifndef HOLM_ACCOUNTS_PRIVATE_H
#define HOLM_ACCOUNTS_PRIVATE_H

#include "accounts/accounts.h"
#include "wire/signing/signing.h"

/* A key, with the name that tokens know it by. */
struct key {
	uint64_t made_ms;
	char *name;
	struct signing_key *key;
};

struct keys {
	struct key *items; /* in order of their making */
	size_t n;
};

#endif
