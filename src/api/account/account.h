/* Routes about accounts: Oakestra's, and ours for `holm user` and `holm token`. */
#ifndef HOLM_API_ACCOUNT_ACCOUNT_H
#define HOLM_API_ACCOUNT_ACCOUNT_H

#include "api/route.h"

extern const struct route_group account_routes;

#endif
