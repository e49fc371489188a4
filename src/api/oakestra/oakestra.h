/* Routes of Oakestra's API: applications, services, instances, clusters. Always 200 with JSON, since its
 * clients take nothing else for success. */
#ifndef HOLM_API_OAKESTRA_H
#define HOLM_API_OAKESTRA_H

#include "api/route.h"

extern const struct route_group oakestra_group;

#endif
