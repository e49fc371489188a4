/* jansson without those of its macros that have the names of our functions. */
#ifndef HOLM_JSON_LIBRARY_H
#define HOLM_JSON_LIBRARY_H

#include <jansson.h>

#undef json_is_object
#undef json_is_array
#undef json_is_string
#undef json_is_number
#undef json_is_null

#endif
