/* Routes of what extends a server at run time: custom resources and hooks, as Oakestra's resource abstractor
 * has them. */
#ifndef HOLM_API_EXTEND_H
#define HOLM_API_EXTEND_H

#include "api/route.h"

extern const struct route_group extend_routes;

#endif
